//! `L1L2`: magnitudes and squares (the elastic net).
//!
//! **Formula** `l1 sum(|w|) + l2 sum(w^2)`
//! **Shapes** any
//! **Config** `l1` = 0, `l2` = 0: the bare name "l1l2" has no effect, as in Keras 3
//! **Gradient** `l1 sign(w) + 2 l2 w`, the first 0 at 0
//! **Reference** `keras.regularizers.L1L2`

use super::{Regularizer, absolute, factor, square};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// `l1 sum(|w|) + l2 sum(w^2)`.
#[derive(Clone, Copy, Debug)]
pub struct L1L2 {
    l1: f64,
    l2: f64,
}

impl L1L2 {
    /// The sum of all magnitudes times l1 and that of all squares times l2 (Keras's defaults are 0).
    pub fn new(l1: f64, l2: f64) -> Self {
        Self { l1, l2 }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let mut read = |key: &str| factor("L1L2", key, config.float(key)?.unwrap_or(0.0));
        Ok(Self { l1: read("l1")?, l2: read("l2")? })
    }
}

impl vanilla_plan::Regularizer for L1L2 {
    fn name(&self) -> &str {
        "l1l2"
    }
    fn penalty(&self, w: &[f32], _: &[usize], dw: &mut [f32]) -> f32 {
        absolute(self.l1, w, dw) + square(self.l2, w, dw)
    }
}

impl Regularizer for L1L2 {
    fn class_name(&self) -> &str {
        "L1L2"
    }
    fn config(&self) -> Keys {
        keys! { "l1": self.l1, "l2": self.l2 }
    }
    fn check(&self, _: &[usize]) -> Result<()> {
        factor("L1L2", "l1", self.l1)?;
        factor("L1L2", "l2", self.l2).map(drop)
    }
}
