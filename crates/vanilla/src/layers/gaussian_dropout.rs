//! `GaussianDropout`: times random numbers around 1 while training.
//!
//! **Formula** in training `y = x n`, n normal with mean 1 and variance `rate / (1 - rate)`; otherwise `y = x`
//! **Shapes** any, unchanged
//! **Config** `rate`, `seed` (ignored: the model has one seed for everything). A rate of 1 is refused, where Keras
//! divides by zero when it is trained.
//! **Gradient** `dx = dy n`, with the same n: a function of seed, layer, step, sample and unit
//! **Reference** `keras.layers.GaussianDropout`; Srivastava et al. 2014, section 10

use super::{Built, Common, Layer, bad_value, one_input};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use serde_json::Value;
use vanilla_plan::{Fact, Noise};

/// Times random numbers around 1 while training.
#[derive(Clone, Debug)]
pub struct GaussianDropout {
    common: Common,
    rate: f64,
}

impl GaussianDropout {
    pub(super) const CLASS: &'static str = "GaussianDropout";

    /// As much noise as a [`Dropout`](super::Dropout) of this rate makes, from 0 to below 1; anything else is an
    /// error of [`Model::new`](crate::Model::new).
    pub fn new(rate: f64) -> Self {
        Self { common: Common::PLAIN, rate }
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        config.take("seed");
        let Some(rate) = config.float("rate")? else {
            return Err(
                config.error("rate is missing: the rate of a Dropout with as much noise, such as rate = 0.1")
            );
        };
        Ok(Self { common, rate })
    }
}

common!(GaussianDropout);

impl Layer for GaussianDropout {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "rate": self.rate, "seed": Value::Null }
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        if !(self.rate >= 0.0 && self.rate < 1.0) {
            return Err(bad_value(
                place,
                "rate",
                self.rate,
                "the rate of a Dropout with as much noise, from 0 to below 1",
            ));
        }
        let stddev = libm::sqrt(self.rate / (1.0 - self.rate)) as f32;
        let noise = (stddev > 0.0).then_some(Fact::Noise(Noise::Times { stddev }));
        Ok(Built::new(input_shape, noise.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, from_keys, round_trip};
    use super::*;

    #[test]
    fn keys() {
        round_trip(&GaussianDropout::new(0.25));
        assert_eq!(
            build_error(&GaussianDropout::new(1.0), &[&[2]]),
            "GaussianDropout: rate = 1, expected the rate of a Dropout with as much noise, from 0 to below 1"
        );
        assert_eq!(
            from_keys("GaussianDropout", keys! {}).unwrap_err().to_string(),
            "GaussianDropout: rate is missing: the rate of a Dropout with as much noise, such as rate = 0.1"
        );
    }

    #[test]
    fn the_deviation_is_that_of_a_dropout() {
        let facts = |rate: f64| GaussianDropout::new(rate).build("", &[vec![3]]).unwrap().facts;
        assert!(matches!(facts(0.2)[..], [Fact::Noise(Noise::Times { stddev: 0.5 })]));
        assert!(facts(0.0).is_empty());
    }
}
