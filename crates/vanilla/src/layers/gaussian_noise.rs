//! `GaussianNoise`: plus random numbers around 0 while training.
//!
//! **Formula** in training `y = x + n`, n normal with mean 0 and this standard deviation; otherwise `y = x`
//! **Shapes** any, unchanged
//! **Config** `stddev` from 0 to 1, as Keras wants it; `seed` (ignored: the model has one seed for everything)
//! **Gradient** `dx = dy`. The noise is a function of seed, layer, step, sample and unit.
//! **Reference** `keras.layers.GaussianNoise`

use super::{Built, Common, Layer, bad_value, one_input};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use serde_json::Value;
use vanilla_plan::{Fact, Noise};

/// Plus random numbers around 0 while training.
#[derive(Clone, Debug)]
pub struct GaussianNoise {
    common: Common,
    stddev: f64,
}

impl GaussianNoise {
    pub(super) const CLASS: &'static str = "GaussianNoise";

    /// Noise of this standard deviation, from 0 to 1; anything else is an error of
    /// [`Model::new`](crate::Model::new).
    pub fn new(stddev: f64) -> Self {
        Self { common: Common::PLAIN, stddev }
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        config.take("seed");
        let Some(stddev) = config.float("stddev")? else {
            return Err(
                config.error("stddev is missing: the standard deviation of the noise, such as stddev = 0.1")
            );
        };
        Ok(Self { common, stddev })
    }
}

common!(GaussianNoise);

impl Layer for GaussianNoise {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "stddev": self.stddev, "seed": Value::Null }
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        if !(0.0..=1.0).contains(&self.stddev) {
            return Err(bad_value(place, "stddev", self.stddev, "a standard deviation from 0 to 1"));
        }
        let stddev = self.stddev as f32;
        let noise = (stddev > 0.0).then_some(Fact::Noise(Noise::Plus { stddev }));
        Ok(Built::new(input_shape, noise.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, from_keys, round_trip};
    use super::*;

    #[test]
    fn keys() {
        round_trip(&GaussianNoise::new(0.25));
        assert_eq!(
            build_error(&GaussianNoise::new(1.5), &[&[2]]),
            "GaussianNoise: stddev = 1.5, expected a standard deviation from 0 to 1"
        );
        assert_eq!(
            from_keys("GaussianNoise", keys! {}).unwrap_err().to_string(),
            "GaussianNoise: stddev is missing: the standard deviation of the noise, such as stddev = 0.1"
        );
    }
}
