//! `Flatten`: each sample as one row.
//!
//! **Formula** `y = x` in row-major order
//! **Shapes** `(None, a, b, ..)` to `(None, a b ..)`
//! **Config** `data_format` = channels_last (no other: it means a transposition), `input_shape` (first layer only)
//! **Gradient** `dx = dy`
//! **Reference** `keras.layers.Flatten`

use super::{Built, Common, Layer, Masks, by_sample, one_input};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// Makes each sample one row.
#[derive(Clone, Debug, Default)]
pub struct Flatten {
    common: Common,
    input_shape: Option<Vec<usize>>,
}

impl Flatten {
    pub(super) const CLASS: &'static str = "Flatten";

    /// Makes each sample one row.
    pub fn new() -> Self {
        Self::default()
    }

    /// States the shape of one sample, for a first layer.
    pub fn input_shape(mut self, shape: impl Into<Vec<usize>>) -> Self {
        self.input_shape = Some(shape.into());
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        if let Some(format) = config.string("data_format")?
            && format != "channels_last"
        {
            return Err(config.error(format!("data_format = \"{format}\", expected \"channels_last\"")));
        }
        let input_shape = match config.take("input_shape") {
            None => None,
            Some(value) => {
                let axes = value.as_array().map(|axes| axes.iter().map(|axis| axis.as_u64().map(|n| n as usize)));
                let shape = axes.and_then(|mut axes| axes.by_ref().collect::<Option<Vec<usize>>>());
                Some(shape.ok_or_else(|| config.error(format!("input_shape = {value}, expected a list such as [28, 28]")))?)
            }
        };
        Ok(Self { common, input_shape })
    }
}

common!(Flatten);

impl Layer for Flatten {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "data_format": "channels_last" }
    }
    fn input_shape(&self) -> Option<Vec<usize>> {
        self.input_shape.clone()
    }
    fn masks(&self) -> Masks {
        Masks::Drop
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        Ok(Built::new([input_shape.iter().product()], vec![by_sample()]))
    }
}
