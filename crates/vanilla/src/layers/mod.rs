//! Layers, by Keras's names. One word a file, one line in the registry below.

use crate::config::{Config, Keys};
use crate::error::{Error, Result};
use crate::initializers::Initializer;
use std::fmt::Debug;
use vanilla_plan::Fact;

/// What a layer turns into once its input shape is known.
#[derive(Clone, Debug)]
pub struct Built {
    /// Shape of one sample of the output.
    pub output_shape: Vec<usize>,
    /// What the planner sees.
    pub facts: Vec<Fact>,
    /// The variables of the affine facts, in their order.
    pub variables: Vec<VariableSpec>,
}

/// A variable of a layer.
#[derive(Clone, Debug)]
pub struct VariableSpec {
    /// Keras's name: `kernel`, `bias`.
    pub name: &'static str,
    /// Shape as Keras has it: `(inputs, units)` or `(units,)`.
    pub shape: Vec<usize>,
    /// Where it starts.
    pub initializer: Initializer,
}

/// A layer: a description, without weights.
pub trait Layer: Debug + Send + Sync {
    /// Keras's class name.
    fn class_name(&self) -> &'static str;
    /// The name that it was given, if it was given one.
    fn name(&self) -> Option<&str>;
    /// Keras's configuration, without `name`, `trainable` and `dtype`.
    fn config(&self) -> Keys;
    /// Shape of one input sample, where the layer states it (`input_dim`).
    fn input_shape(&self) -> Option<Vec<usize>> {
        None
    }
    /// Shapes, facts and variables for this shape of one input sample.
    ///
    /// # Errors
    /// When the layer makes no sense, alone or on this input. `place` is how to call it in the message.
    fn build(&self, place: &str, input_shape: &[usize]) -> Result<Built>;
}

/// A list of layers of different types: `layers![Dense::new(10), Dropout::new(0.5)]`.
#[macro_export]
macro_rules! layers {
    ($($layer:expr),* $(,)?) => {
        vec![$(Box::new($layer) as Box<dyn $crate::layers::Layer>),*]
    };
}

/// The registry: module, type. The type's `from_config` reads its keys, its `CLASS` is Keras's class name.
macro_rules! registry {
    ($($module:ident $word:ident;)*) => {
        $(mod $module; pub use $module::$word;)*

        /// All class names.
        pub fn class_names() -> Vec<&'static str> {
            vec![$($word::CLASS),*]
        }

        /// The layer of this class with this configuration.
        ///
        /// # Errors
        /// When there is no such class or a key makes no sense.
        pub fn from_config(class_name: &str, keys: Keys) -> Result<Box<dyn Layer>> {
            let place = match keys.get("name").and_then(|name| name.as_str()) {
                Some(name) => format!("{class_name} '{name}'"),
                None => class_name.to_owned(),
            };
            let mut config = Config::new(place, keys);
            let name = config.layer_name()?;
            let layer: Box<dyn Layer> = match class_name {
                $($word::CLASS => Box::new($word::from_config(name, &mut config)?),)*
                _ => {
                    return Err(Error::UnknownWord { kind: "layer", name: class_name.into(), known: class_names() });
                }
            };
            config.finish()?;
            Ok(layer)
        }
    };
}

pub(crate) use dense::shape;

registry! {
    activation ActivationLayer;
    dense Dense;
    dropout Dropout;
    flatten Flatten;
    rescaling Rescaling;
}

/// The error of a layer that was given a number outside of its range.
fn bad_value(place: &str, key: &str, value: impl std::fmt::Display, expected: &str) -> Error {
    Error::config(place, format!("{key} = {value}, expected {expected}"))
}
