//! `RandomUniform`: uniform.
//!
//! **Formula** `w = minval + u (maxval - minval)`, u uniform in 0 to 1
//! **Shapes** any
//! **Config** `minval` = -0.05, `maxval` = 0.05; `seed` is ignored, because it belongs to the model
//! **Reference** `keras.initializers.RandomUniform`, also `uniform`

use super::{Initialize, draw};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use serde_json::Value;
use vanilla_plan::kernels::random::Stream;

/// Uniform between two values.
#[derive(Clone, Copy, Debug)]
pub struct RandomUniform {
    minval: f64,
    maxval: f64,
}

impl RandomUniform {
    /// Uniform between these (Keras's defaults are -0.05 and 0.05).
    pub fn new(minval: f64, maxval: f64) -> Self {
        Self { minval, maxval }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let minval = config.float("minval")?.unwrap_or(-0.05);
        Ok(Self { minval, maxval: config.float("maxval")?.unwrap_or(0.05) })
    }
}

impl Initialize for RandomUniform {
    fn class_name(&self) -> &str {
        "RandomUniform"
    }
    fn config(&self) -> Keys {
        keys! { "seed": Value::Null, "minval": self.minval, "maxval": self.maxval }
    }
    fn fill(&self, shape: &[usize], random: &mut Stream) -> Result<Vec<f32>> {
        // As f32, like Keras.
        let (low, high) = (f64::from(self.minval as f32), f64::from(self.maxval as f32));
        Ok(draw(shape, random, |random| low + random.uniform() * (high - low)))
    }
}
