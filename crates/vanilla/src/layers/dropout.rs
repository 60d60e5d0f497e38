//! `Dropout`: zeroes elements at random while training.
//!
//! **Formula** in training `y = x / (1 - rate)` with probability `1 - rate`, else 0; otherwise `y = x`
//! **Shapes** any, unchanged
//! **Config** `rate`, `seed` (ignored: the model has one seed for everything), `noise_shape` = null (others are
//! refused)
//! **Gradient** the same mask and scale on dy. The mask is a function of seed, layer, step, sample and unit.
//! **Reference** `keras.layers.Dropout`; Srivastava et al. 2014

use super::{Built, Common, Layer, bad_value, one_input};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use serde_json::Value;
use vanilla_plan::Fact;

/// Zeroes each element with probability `rate` while training, and scales the others up.
#[derive(Clone, Debug)]
pub struct Dropout {
    common: Common,
    rate: f64,
}

impl Dropout {
    pub(super) const CLASS: &'static str = "Dropout";

    /// Drops with this probability, 0 to 1; anything else is an error of
    /// [`Sequential::new`](crate::Model::new).
    pub fn new(rate: f64) -> Self {
        Self { common: Common::PLAIN, rate }
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        config.take("seed");
        refuse_noise_shape(config)?;
        let Some(rate) = config.float("rate")? else {
            return Err(config.error("rate is missing: the share of elements to drop, such as rate = 0.5"));
        };
        Ok(Self { common, rate })
    }
}

common!(Dropout);

impl Layer for Dropout {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "rate": self.rate, "seed": Value::Null, "noise_shape": Value::Null }
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        if !(0.0..=1.0).contains(&self.rate) {
            return Err(bad_value(place, "rate", self.rate, "the share of elements to drop, from 0 to 1"));
        }
        let facts = vec![Fact::Mask { rate: self.rate as f32 }];
        Ok(Built::new(input_shape.to_vec(), facts))
    }
}

/// Takes `noise_shape`, which must be null.
pub(super) fn refuse_noise_shape(config: &mut Config) -> Result<()> {
    match config.take("noise_shape") {
        None => Ok(()),
        Some(shape) => Err(config.error(format!(
            "noise_shape = {shape} is not supported: leave it out, then each element is dropped on its own"
        ))),
    }
}
