//! `Dense`: every output sees every input.
//!
//! **Formula** `y = activation(x W + b)`
//! **Shapes** `(None, inputs)` to `(None, units)`; W is `(inputs, units)`, b is `(units,)`
//! **Config** `units`, `activation` = linear, `use_bias` = true, `kernel_initializer` = glorot_uniform,
//! `bias_initializer` = zeros, `input_dim` (first layer only). Regularizers and constraints are refused.
//! **Gradient** `dW = x' d`, `db = sum of d over the rows`, `dx = d W'`, with `d = dy activation'`
//! **Reference** `keras.layers.Dense`

use super::{Built, Layer, VariableSpec, bad_value};
use crate::activations::Activation;
use crate::config::{Config, Keys, keys, name_and_keys};
use crate::error::{Error, Result};
use crate::initializers::Initializer;
use crate::model::MAX_WIDTH;
use serde_json::Value;
use vanilla_plan::Fact;

/// A layer in which every output sees every input: `activation(x W + b)`.
///
/// ```
/// use vanilla::prelude::*;
/// let hidden = Dense::new(1000).activation("relu").input_dim(784);
/// ```
#[derive(Clone, Debug)]
pub struct Dense {
    name: Option<String>,
    units: usize,
    activation: ActivationArg,
    use_bias: bool,
    kernel_initializer: Initializer,
    bias_initializer: Initializer,
    input_dim: Option<usize>,
}

/// An activation by name (looked up when the model is built) or itself.
#[derive(Clone, Debug)]
pub enum ActivationArg {
    /// A name, not looked up yet.
    Name(String),
    /// The activation.
    Is(Activation),
}

impl From<&str> for ActivationArg {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<Activation> for ActivationArg {
    fn from(activation: Activation) -> Self {
        Self::Is(activation)
    }
}

impl ActivationArg {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Is(activation) => activation.name(),
        }
    }

    pub(super) fn get(&self, place: &str) -> Result<Activation> {
        match self {
            Self::Name(name) => Activation::named(name).map_err(|error| Error::config(place, error.to_string())),
            Self::Is(activation) => Ok(activation.clone()),
        }
    }
}

impl Dense {
    pub(super) const CLASS: &'static str = "Dense";

    /// A layer of this many units, linear, with a bias.
    pub fn new(units: usize) -> Self {
        Self {
            name: None,
            units,
            activation: ActivationArg::Is(Activation::Linear),
            use_bias: true,
            kernel_initializer: Initializer::GLOROT_UNIFORM,
            bias_initializer: Initializer::Zeros,
            input_dim: None,
        }
    }

    /// Sets the activation: a name such as `"relu"`, or an [`Activation`] (`Activation::from` takes a curve of your own). An unknown name is an error of
    /// [`Sequential::new`](crate::Sequential::new).
    pub fn activation(mut self, activation: impl Into<ActivationArg>) -> Self {
        self.activation = activation.into();
        self
    }

    /// States the number of inputs; needed for the first layer if the model is to exist before it sees data.
    pub fn input_dim(mut self, inputs: usize) -> Self {
        self.input_dim = Some(inputs);
        self
    }

    /// With or without b.
    pub fn use_bias(mut self, use_bias: bool) -> Self {
        self.use_bias = use_bias;
        self
    }

    /// Where W starts.
    pub fn kernel_initializer(mut self, initializer: Initializer) -> Self {
        self.kernel_initializer = initializer;
        self
    }

    /// Where b starts.
    pub fn bias_initializer(mut self, initializer: Initializer) -> Self {
        self.bias_initializer = initializer;
        self
    }

    /// Names the layer.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    pub(super) fn from_config(name: Option<String>, config: &mut Config) -> Result<Self> {
        let Some(units) = config.integer("units")? else {
            return Err(config.error("units is missing: the number of outputs, such as units = 10"));
        };
        let mut initializer = |key: &str, default: Initializer| match config.take(key) {
            None => Ok(default),
            Some(value) => match name_and_keys(&value) {
                Some((word, keys)) => Initializer::from_config(&word, keys),
                None => Err(config.error(format!("{key} = {value}, expected the name of an initializer"))),
            },
        };
        let kernel_initializer = initializer("kernel_initializer", Initializer::GLOROT_UNIFORM)?;
        let bias_initializer = initializer("bias_initializer", Initializer::Zeros)?;
        let activation = config.string("activation")?.unwrap_or_else(|| "linear".into());
        Ok(Self {
            name,
            units,
            activation: ActivationArg::Name(activation),
            use_bias: config.boolean("use_bias")?.unwrap_or(true),
            kernel_initializer,
            bias_initializer,
            input_dim: config.integer("input_dim")?,
        })
    }
}

impl Layer for Dense {
    fn class_name(&self) -> &'static str {
        Self::CLASS
    }
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
    fn config(&self) -> Keys {
        keys! {
            "units": self.units,
            "activation": self.activation.name(),
            "use_bias": self.use_bias,
            "kernel_initializer": self.kernel_initializer.to_config(),
            "bias_initializer": self.bias_initializer.to_config(),
            "kernel_regularizer": Value::Null,
            "bias_regularizer": Value::Null,
            "kernel_constraint": Value::Null,
            "bias_constraint": Value::Null,
        }
    }
    fn input_shape(&self) -> Option<Vec<usize>> {
        self.input_dim.map(|inputs| vec![inputs])
    }
    fn build(&self, place: &str, input_shape: &[usize]) -> Result<Built> {
        if self.units == 0 {
            return Err(bad_value(place, "units", self.units, "a number of outputs, at least 1"));
        }
        if self.units > MAX_WIDTH {
            return Err(bad_value(place, "units", self.units, &format!("at most {MAX_WIDTH}")));
        }
        let &[inputs] = input_shape else {
            let problem = format!("input of shape {}, expected (None, n): put a Flatten before it", shape(input_shape));
            return Err(Error::config(place, problem));
        };
        let mut facts = vec![Fact::Affine { units: self.units, bias: self.use_bias }];
        facts.extend(self.activation.get(place)?.facts());
        let mut variables = vec![VariableSpec {
            name: "kernel",
            shape: vec![inputs, self.units],
            initializer: self.kernel_initializer.clone(),
        }];
        if self.use_bias {
            let initializer = self.bias_initializer.clone();
            variables.push(VariableSpec { name: "bias", shape: vec![self.units], initializer });
        }
        Ok(Built { output_shape: vec![self.units], facts, variables })
    }
}

/// A shape as Keras prints it: `(None, 28, 28)`.
pub(crate) fn shape(sample: &[usize]) -> String {
    sample.iter().fold("(None".to_owned(), |text, axis| format!("{text}, {axis}")) + ")"
}
