//! `Dense`: every output sees every input.
//!
//! **Formula** `y = activation(x W + b)`
//! **Shapes** `(None, .., inputs)` to `(None, .., units)`; W is `(inputs, units)`, b is `(units,)`
//! **Config** `units`, `activation` = linear, `use_bias` = true, `kernel_initializer` = glorot_uniform,
//! `bias_initializer` = zeros, `kernel_regularizer`, `bias_regularizer`, `activity_regularizer`, `kernel_constraint`,
//! `bias_constraint` = none, `input_dim` (first layer only). `lora_rank` and `quantization_config` are refused.
//! **Gradient** `dW = x' d`, `db = sum of d over the rows`, `dx = d W'`, with `d = dy activation'`
//! **Reference** `keras.layers.Dense`

use super::{Built, Common, Layer, VariableSpec, bad_value, by_last_axis, last_axis, one_input};
use crate::activations::Activation;
use crate::config::{Config, Keys, keys};
use crate::constraints::{self, Constraint};
use crate::error::{Error, Result};
use crate::initializers::Initializer;
use crate::layers::activity_regularization::activity;
use crate::model::MAX_WIDTH;
use crate::regularizers::{self, Regularizer};
use std::sync::Arc;
use vanilla_plan::Fact;

/// A layer in which every output sees every input: `activation(x W + b)`.
///
/// ```
/// use vanilla::prelude::*;
/// let hidden = Dense::new(1000).activation("relu").input_dim(784);
/// ```
#[derive(Clone, Debug)]
pub struct Dense {
    common: Common,
    units: usize,
    activation: ActivationArg,
    use_bias: bool,
    kernel_initializer: Initializer,
    bias_initializer: Initializer,
    kernel_regularizer: Option<Arc<dyn Regularizer>>,
    bias_regularizer: Option<Arc<dyn Regularizer>>,
    activity_regularizer: Option<Arc<dyn Regularizer>>,
    kernel_constraint: Option<Arc<dyn Constraint>>,
    bias_constraint: Option<Arc<dyn Constraint>>,
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
            common: Common::PLAIN,
            units,
            activation: ActivationArg::Is(Activation::Linear),
            use_bias: true,
            kernel_initializer: Initializer::GLOROT_UNIFORM,
            bias_initializer: Initializer::Zeros,
            kernel_regularizer: None,
            bias_regularizer: None,
            activity_regularizer: None,
            kernel_constraint: None,
            bias_constraint: None,
            input_dim: None,
        }
    }

    /// Sets the activation: a name such as `"relu"`, or an [`Activation`] (`Activation::from` takes a curve of
    /// your own). An unknown name is an error of [`Sequential::new`](crate::Model::new).
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
    pub fn kernel_initializer(mut self, initializer: impl Into<Initializer>) -> Self {
        self.kernel_initializer = initializer.into();
        self
    }

    /// Where b starts.
    pub fn bias_initializer(mut self, initializer: impl Into<Initializer>) -> Self {
        self.bias_initializer = initializer.into();
        self
    }

    /// A penalty on W.
    pub fn kernel_regularizer(mut self, regularizer: impl Regularizer + 'static) -> Self {
        self.kernel_regularizer = Some(Arc::new(regularizer));
        self
    }

    /// A penalty on b.
    pub fn bias_regularizer(mut self, regularizer: impl Regularizer + 'static) -> Self {
        self.bias_regularizer = Some(Arc::new(regularizer));
        self
    }

    /// A penalty on the outputs: l1, l2 or both, divided by the rows of the batch.
    pub fn activity_regularizer(mut self, regularizer: impl Regularizer + 'static) -> Self {
        self.activity_regularizer = Some(Arc::new(regularizer));
        self
    }

    /// What W satisfies after each step.
    pub fn kernel_constraint(mut self, constraint: impl Constraint + 'static) -> Self {
        self.kernel_constraint = Some(Arc::new(constraint));
        self
    }

    /// What b satisfies after each step.
    pub fn bias_constraint(mut self, constraint: impl Constraint + 'static) -> Self {
        self.bias_constraint = Some(Arc::new(constraint));
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        let Some(units) = config.integer("units")? else {
            return Err(config.error("units is missing: the number of outputs, such as units = 10"));
        };
        Ok(Self {
            common,
            units,
            activation: config.activation("activation")?,
            use_bias: config.boolean("use_bias")?.unwrap_or(true),
            kernel_initializer: config.initializer("kernel_initializer", Initializer::GLOROT_UNIFORM)?,
            bias_initializer: config.initializer("bias_initializer", Initializer::Zeros)?,
            kernel_regularizer: config.regularizer("kernel_regularizer")?,
            bias_regularizer: config.regularizer("bias_regularizer")?,
            activity_regularizer: config.regularizer("activity_regularizer")?,
            kernel_constraint: config.constraint("kernel_constraint")?,
            bias_constraint: config.constraint("bias_constraint")?,
            input_dim: config.integer("input_dim")?,
        })
    }
}

common!(Dense);

impl Layer for Dense {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        let mut keys = keys! {
            "units": self.units,
            "activation": self.activation.name(),
            "use_bias": self.use_bias,
            "kernel_initializer": self.kernel_initializer.to_config(),
            "bias_initializer": self.bias_initializer.to_config(),
            "kernel_regularizer": regularizers::to_value(&self.kernel_regularizer),
            "bias_regularizer": regularizers::to_value(&self.bias_regularizer),
            "kernel_constraint": constraints::to_value(&self.kernel_constraint),
            "bias_constraint": constraints::to_value(&self.bias_constraint),
        };
        // Keras writes it only where there is one.
        if self.activity_regularizer.is_some() {
            keys.insert("activity_regularizer".into(), regularizers::to_value(&self.activity_regularizer));
        }
        keys
    }
    fn input_shape(&self) -> Option<Vec<usize>> {
        self.input_dim.map(|inputs| vec![inputs])
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        if self.units == 0 {
            return Err(bad_value(place, "units", self.units, "a number of outputs, at least 1"));
        }
        if self.units > MAX_WIDTH {
            return Err(bad_value(place, "units", self.units, &format!("at most {MAX_WIDTH}")));
        }
        let (_, inputs) = last_axis(input_shape);
        let mut facts = vec![by_last_axis(input_shape), Fact::Affine { units: self.units, bias: self.use_bias }];
        let activation = self.activation.get(place)?;
        facts.extend(activation.facts());
        facts.extend(activity(place, &self.activity_regularizer)?);
        let kernel = VariableSpec::new("kernel", [inputs, self.units], self.kernel_initializer.clone())
            .regularizer(&self.kernel_regularizer)
            .constraint(&self.kernel_constraint);
        let mut variables = vec![kernel];
        if self.use_bias {
            let bias = VariableSpec::new("bias", [self.units], self.bias_initializer.clone())
                .regularizer(&self.bias_regularizer)
                .constraint(&self.bias_constraint);
            variables.push(bias);
        }
        let outer = input_shape.split_last().map_or(&[][..], |(_, outer)| outer);
        // A glu halves what it gets.
        let units = activation.outputs(self.units).map_err(|error| Error::config(place, error.to_string()))?;
        Ok(Built::new([outer, &[units]].concat(), facts).variables(variables))
    }
}
