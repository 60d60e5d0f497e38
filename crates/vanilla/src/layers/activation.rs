//! `Activation`: an activation as a layer of its own.
//!
//! **Formula** `y = activation(x)`
//! **Shapes** any, unchanged
//! **Config** `activation`
//! **Gradient** `dx = dy activation'`
//! **Reference** `keras.layers.Activation`

use super::dense::ActivationArg;
use super::{Built, Common, Layer, common, one_input};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// Applies an activation. (`Activation` is the activation itself.)
#[derive(Clone, Debug)]
pub struct ActivationLayer {
    common: Common,
    activation: ActivationArg,
}

impl ActivationLayer {
    pub(super) const CLASS: &'static str = "Activation";

    /// Applies this activation: a name such as `"relu"`, or an activation.
    pub fn new(activation: impl Into<ActivationArg>) -> Self {
        Self { common: Common::PLAIN, activation: activation.into() }
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        match config.string("activation")? {
            Some(activation) => Ok(Self { common, activation: ActivationArg::Name(activation) }),
            None => Err(config.error("activation is missing: a name, such as activation = \"relu\"")),
        }
    }
}

common!(ActivationLayer);

impl Layer for ActivationLayer {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "activation": self.activation.name() }
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        let facts = self.activation.get(place)?.facts();
        Ok(Built::new(input_shape.to_vec(), facts))
    }
}
