//! `softmax`: probabilities.
//!
//! **Formula** `y = e^x / sum(e^x)` along the last axis, the largest x subtracted first
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** `dx = y (dy - sum(y dy))`
//! **Reference** `keras.activations.softmax` (axis = -1)
//!
//! It is a fact of its own, because a cross-entropy after it is joined with it.

use super::Activation;

/// `e^x / sum(e^x)` along the last axis.
#[derive(Clone, Copy, Debug, Default)]
pub struct Softmax;

impl From<Softmax> for Activation {
    fn from(_: Softmax) -> Self {
        Self::Softmax
    }
}
