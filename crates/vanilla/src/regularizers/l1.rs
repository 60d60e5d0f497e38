//! `L1`: the sum of all magnitudes, which makes weights zero.
//!
//! **Formula** `l1 sum(|w|)`
//! **Shapes** any
//! **Config** `l1` = 0.01, written as the f32 that Keras makes of it
//! **Gradient** `l1 sign(w)`, 0 at 0
//! **Reference** `keras.regularizers.L1`

use super::{Regularizer, absolute, factor};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// `l1 sum(|w|)`.
#[derive(Clone, Copy, Debug)]
pub struct L1 {
    l1: f64,
}

impl L1 {
    /// The sum of all magnitudes, times this factor (Keras's default is 0.01).
    pub fn new(l1: f64) -> Self {
        Self { l1 }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { l1: factor("L1", "l1", config.float("l1")?.unwrap_or(0.01))? })
    }
}

impl vanilla_plan::Regularizer for L1 {
    fn name(&self) -> &str {
        "l1"
    }
    fn penalty(&self, w: &[f32], _: &[usize], dw: &mut [f32]) -> f32 {
        absolute(self.l1, w, dw)
    }
}

impl Regularizer for L1 {
    fn class_name(&self) -> &str {
        "L1"
    }
    fn config(&self) -> Keys {
        keys! { "l1": f64::from(self.l1 as f32) }
    }
    fn check(&self, _: &[usize]) -> Result<()> {
        factor("L1", "l1", self.l1).map(drop)
    }
}
