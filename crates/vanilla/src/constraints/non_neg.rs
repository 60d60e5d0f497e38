//! `NonNeg`: nothing below zero.
//!
//! **Formula** `max(w, 0)`
//! **Shapes** any
//! **Config** none
//! **Reference** `keras.constraints.NonNeg`

use super::Constraint;
use crate::config::{Config, Keys};
use crate::error::Result;

/// Nothing below zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct NonNeg;

impl NonNeg {
    pub(super) fn from_config(_: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl vanilla_plan::Constraint for NonNeg {
    fn name(&self) -> &str {
        "non_neg"
    }
    fn apply(&self, w: &mut [f32], _: &[usize]) {
        // NaN stays, so that it is noticed.
        w.iter_mut().for_each(|w| *w = if *w < 0.0 { 0.0 } else { *w });
    }
}

impl Constraint for NonNeg {
    fn class_name(&self) -> &str {
        "NonNeg"
    }
    fn config(&self) -> Keys {
        Keys::new()
    }
}
