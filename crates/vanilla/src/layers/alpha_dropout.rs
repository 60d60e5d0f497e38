//! `AlphaDropout`: dropout that keeps mean and variance behind a selu.
//!
//! **Formula** in training `y = a x + b` with probability `1 - rate`, else `y = a s + b`; otherwise `y = x`. s =
//! -1.7581 is what selu tends to, `a = ((1 - rate) (1 + rate s^2))^(-1/2)`, `b = -a s rate`
//! **Shapes** any, unchanged
//! **Config** `rate`, `seed` (ignored: the model has one seed for everything), `noise_shape` = null
//! (others are refused). A rate of 1 is
//! refused, where Keras divides by zero when it is trained.
//! **Gradient** `dx = a dy` where x was kept, else 0. The mask is a function of seed, layer, step, sample and
//! unit.
//! **Reference** `keras.layers.AlphaDropout`; Klambauer et al. 2017

use super::dropout::refuse_noise_shape;
use super::{Built, Common, Layer, bad_value, one_input};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use serde_json::Value;
use vanilla_plan::{Fact, Noise};

/// Dropout that keeps mean and variance behind a selu.
#[derive(Clone, Debug)]
pub struct AlphaDropout {
    common: Common,
    rate: f64,
}

impl AlphaDropout {
    pub(super) const CLASS: &'static str = "AlphaDropout";

    /// Drops with this probability, from 0 to below 1; anything else is an error of
    /// [`Model::new`](crate::Model::new).
    pub fn new(rate: f64) -> Self {
        Self { common: Common::PLAIN, rate }
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        config.take("seed");
        refuse_noise_shape(config)?;
        let Some(rate) = config.float("rate")? else {
            return Err(config.error("rate is missing: the share of elements to drop, such as rate = 0.1"));
        };
        Ok(Self { common, rate })
    }
}

common!(AlphaDropout);

impl Layer for AlphaDropout {
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
        let rate = self.rate as f32;
        if !(self.rate >= 0.0 && rate < 1.0) {
            return Err(bad_value(place, "rate", self.rate, "the share of elements to drop, from 0 to below 1"));
        }
        let noise = (rate > 0.0).then_some(Fact::Noise(Noise::AlphaDropout { rate }));
        Ok(Built::new(input_shape, noise.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, from_keys, round_trip};
    use super::*;

    #[test]
    fn keys() {
        round_trip(&AlphaDropout::new(0.25));
        assert_eq!(
            build_error(&AlphaDropout::new(1.0), &[&[2]]),
            "AlphaDropout: rate = 1, expected the share of elements to drop, from 0 to below 1"
        );
        let error = |keys: Keys| from_keys("AlphaDropout", keys).unwrap_err().to_string();
        assert_eq!(
            error(keys! { "rate": 0.1, "noise_shape": [Value::Null, Value::from(1)] }),
            "AlphaDropout: noise_shape = [null,1] is not supported: leave it out, \
             then each element is dropped on its own"
        );
        assert_eq!(
            error(keys! {}),
            "AlphaDropout: rate is missing: the share of elements to drop, such as rate = 0.1"
        );
    }
}
