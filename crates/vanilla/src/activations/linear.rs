//! `linear`: nothing.
//!
//! **Formula** `y = x`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** 1
//! **Reference** `keras.activations.linear`

use super::Activation;

/// Nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Linear;

impl From<Linear> for Activation {
    fn from(_: Linear) -> Self {
        Self::Linear
    }
}
