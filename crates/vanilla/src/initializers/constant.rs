//! `Constant`: all one value.
//!
//! **Formula** `w = value`
//! **Shapes** any
//! **Config** `value` = 0, a number. (Keras takes the bare name too, and fails; here it is 0, Keras's documented
//! default.)
//! **Reference** `keras.initializers.Constant`

use super::Initialize;
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::kernels::random::Stream;

/// All this value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Constant {
    value: f64,
}

impl Constant {
    /// All this value (Keras's default is 0).
    pub fn new(value: f64) -> Self {
        Self { value }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { value: config.float("value")?.unwrap_or(0.0) })
    }
}

impl Initialize for Constant {
    fn class_name(&self) -> &str {
        "Constant"
    }
    fn config(&self) -> Keys {
        keys! { "value": self.value }
    }
    fn fill(&self, shape: &[usize], _: &mut Stream) -> Result<Vec<f32>> {
        Ok(vec![self.value as f32; shape.iter().product()])
    }
}
