//! `L2`: the sum of all squares, which keeps weights small.
//!
//! **Formula** `l2 sum(w^2)`, without a half
//! **Shapes** any
//! **Config** `l2` = 0.01
//! **Gradient** `2 l2 w`
//! **Reference** `keras.regularizers.L2`

use super::{Regularizer, factor, square};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// `l2 sum(w^2)`.
#[derive(Clone, Copy, Debug)]
pub struct L2 {
    l2: f64,
}

impl L2 {
    /// The sum of all squares, times this factor (Keras's default is 0.01).
    pub fn new(l2: f64) -> Self {
        Self { l2 }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { l2: factor("L2", "l2", config.float("l2")?.unwrap_or(0.01))? })
    }
}

impl vanilla_plan::Regularizer for L2 {
    fn name(&self) -> &str {
        "l2"
    }
    fn penalty(&self, w: &[f32], _: &[usize], dw: &mut [f32]) -> f32 {
        square(self.l2, w, dw)
    }
}

impl Regularizer for L2 {
    fn class_name(&self) -> &str {
        "L2"
    }
    fn config(&self) -> Keys {
        keys! { "l2": self.l2 }
    }
    fn check(&self, _: &[usize]) -> Result<()> {
        factor("L2", "l2", self.l2).map(drop)
    }
}
