//! `Activation`: an activation as a layer of its own.
//!
//! **Formula** `y = activation(x)`
//! **Shapes** any, unchanged
//! **Config** `activation`
//! **Gradient** `dx = dy activation'`
//! **Reference** `keras.layers.Activation`

use super::dense::ActivationArg;
use super::{Built, Layer};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// Applies an activation. (`Activation` is the activation itself.)
#[derive(Clone, Debug)]
pub struct ActivationLayer {
    name: Option<String>,
    activation: ActivationArg,
}

impl ActivationLayer {
    pub(super) const CLASS: &'static str = "Activation";

    /// Applies this activation: a name such as `"relu"`, or an activation.
    pub fn new(activation: impl Into<ActivationArg>) -> Self {
        Self { name: None, activation: activation.into() }
    }

    /// Names the layer.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    pub(super) fn from_config(name: Option<String>, config: &mut Config) -> Result<Self> {
        match config.string("activation")? {
            Some(activation) => Ok(Self { name, activation: ActivationArg::Name(activation) }),
            None => Err(config.error("activation is missing: a name, such as activation = \"relu\"")),
        }
    }
}

impl Layer for ActivationLayer {
    fn class_name(&self) -> &'static str {
        Self::CLASS
    }
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
    fn config(&self) -> Keys {
        keys! { "activation": self.activation.name() }
    }
    fn build(&self, place: &str, input_shape: &[usize]) -> Result<Built> {
        let facts = self.activation.get(place)?.facts();
        Ok(Built { output_shape: input_shape.to_vec(), facts, variables: Vec::new() })
    }
}
