//! `RandomNormal`: normal.
//!
//! **Formula** `w = mean + stddev z`, z standard normal
//! **Shapes** any
//! **Config** `mean` = 0, `stddev` = 0.05; `seed` is ignored, because it belongs to the model
//! **Reference** `keras.initializers.RandomNormal`, also `normal`

use super::{Initialize, draw};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use serde_json::Value;
use vanilla_plan::kernels::random::Stream;

/// Normal.
#[derive(Clone, Copy, Debug)]
pub struct RandomNormal {
    mean: f64,
    stddev: f64,
}

impl RandomNormal {
    /// Normal with this mean and standard deviation (Keras's defaults are 0 and 0.05).
    pub fn new(mean: f64, stddev: f64) -> Self {
        Self { mean, stddev }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let mean = config.float("mean")?.unwrap_or(0.0);
        Ok(Self { mean, stddev: config.float("stddev")?.unwrap_or(0.05) })
    }
}

impl Initialize for RandomNormal {
    fn class_name(&self) -> &str {
        "RandomNormal"
    }
    fn config(&self) -> Keys {
        keys! { "seed": Value::Null, "mean": self.mean, "stddev": self.stddev }
    }
    fn fill(&self, shape: &[usize], random: &mut Stream) -> Result<Vec<f32>> {
        // As f32, like Keras.
        let (mean, stddev) = (f64::from(self.mean as f32), f64::from(self.stddev as f32));
        Ok(draw(shape, random, |random| mean + random.normal() * stddev))
    }
}
