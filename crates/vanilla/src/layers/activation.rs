//! `Activation`: an activation as a layer of its own.
//!
//! **Formula** `y = activation(x)`
//! **Shapes** any, unchanged
//! **Config** `activation`
//! **Gradient** `dx = dy activation'`
//! **Reference** `keras.layers.Activation`

use super::dense::ActivationArg;
use super::{Built, Common, Layer, by_last_axis, last_axis, one_input};
use crate::activations::Activation;
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};

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
        match config.activation("activation")? {
            ActivationArg::Is(Activation::Linear) => {
                Err(config.error("activation is missing: a name, such as activation = \"relu\""))
            }
            activation => Ok(Self { common, activation }),
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
        let activation = self.activation.get(place)?;
        let (_, last) = last_axis(input_shape);
        let last = activation.outputs(last).map_err(|error| Error::config(place, error.to_string()))?;
        let outer = input_shape.split_last().map_or(&[][..], |(_, outer)| outer);
        // Along the last axis, where it is a function of more than one element.
        let facts = std::iter::once(by_last_axis(input_shape)).chain(activation.facts()).collect();
        Ok(Built::new([outer, &[last]].concat(), facts))
    }
}
