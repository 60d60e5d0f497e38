//! `Identity`: nothing, as a layer.
//!
//! **Formula** `y = x`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** `dx = dy`
//! **Reference** `keras.layers.Identity`

use super::{Built, Common, Layer, one_input};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// Passes its input on.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    common: Common,
}

impl Identity {
    pub(super) const CLASS: &'static str = "Identity";

    /// Passes its input on.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn from_config(common: Common, _: &mut Config) -> Result<Self> {
        Ok(Self { common })
    }
}

common!(Identity);

impl Layer for Identity {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! {}
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        Ok(Built::new(one_input(place, inputs)?, Vec::new()))
    }
}
