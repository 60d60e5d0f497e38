//! Layers, by Keras's names. One word a file, one line in the registry below.

use crate::config::{Config, Keys};
use crate::constraints::Constraint;
use crate::error::{Error, Result};
use crate::initializers::Initializer;
use crate::preprocessing::Preprocessor;
use crate::registry::Registry;
use crate::regularizers::Regularizer;
use std::fmt::Debug;
use std::sync::Arc;
use vanilla_plan::Fact;

/// What a layer turns into once its input shapes are known.
#[derive(Clone, Debug)]
pub struct Built {
    /// Shape of one sample of the output.
    pub output_shape: Vec<usize>,
    /// What the planner sees: the first fact reads the inputs, each other one what the one before it gives.
    pub facts: Vec<Fact>,
    /// The variables in Keras's order: those of the facts in the order of the facts, others where they belong.
    pub variables: Vec<VariableSpec>,
    /// Facts that make a mask of the inputs: one column, not 0 for the rows that count.
    pub mask: Vec<Fact>,
}

impl Built {
    /// A layer without variables.
    pub fn new(output_shape: impl Into<Vec<usize>>, facts: Vec<Fact>) -> Self {
        Self { output_shape: output_shape.into(), facts, variables: Vec::new(), mask: Vec::new() }
    }

    /// With these variables.
    pub fn variables(mut self, variables: Vec<VariableSpec>) -> Self {
        self.variables = variables;
        self
    }
}

/// What a layer does with a mask that comes with its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Masks {
    /// Hands it on.
    Pass,
    /// Leaves it, because its rows are others.
    Drop,
    /// Would have to heed it, and cannot.
    Refuse,
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
    /// Whether the optimizer moves it, if the layer is trained at all.
    pub trainable: bool,
    /// Its penalty.
    pub regularizer: Option<Arc<dyn Regularizer>>,
    /// What holds after each step.
    pub constraint: Option<Arc<dyn Constraint>>,
    /// Power iterations of spectral normalisation, whose vector is the next variable of the layer.
    pub spectral: Option<usize>,
    /// No fact reads it.
    pub apart: bool,
    /// The layer inside the layer that it belongs to, as Keras's files call the place; empty for the layer itself.
    pub inside: &'static str,
}

impl VariableSpec {
    /// A variable that is trained, without penalty and constraint.
    pub fn new(name: &'static str, shape: impl Into<Vec<usize>>, initializer: Initializer) -> Self {
        Self {
            name,
            shape: shape.into(),
            initializer,
            trainable: true,
            regularizer: None,
            constraint: None,
            spectral: None,
            apart: false,
            inside: "",
        }
    }

    /// With a penalty.
    pub fn regularizer(mut self, regularizer: &Option<Arc<dyn Regularizer>>) -> Self {
        self.regularizer = regularizer.clone();
        self
    }

    /// With a constraint.
    pub fn constraint(mut self, constraint: &Option<Arc<dyn Constraint>>) -> Self {
        self.constraint = constraint.clone();
        self
    }

    /// Not moved by the optimizer.
    pub fn fixed(mut self) -> Self {
        self.trainable = false;
        self
    }

    /// Not read by any fact.
    pub fn apart(mut self) -> Self {
        self.apart = true;
        self
    }
}

/// What every layer has: a name and whether it is trained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// The name that it was given, if it was given one.
    pub name: Option<String>,
    /// False for a layer whose weights stay as they are.
    pub trainable: bool,
}

impl Common {
    /// No name, trained.
    pub const PLAIN: Self = Self { name: None, trainable: true };
}

impl Default for Common {
    fn default() -> Self {
        Self::PLAIN
    }
}

/// Gives a layer with a field `common` the methods `name` and `trainable`.
macro_rules! common {
    ($layer:ident) => {
        impl $layer {
            /// Names the layer.
            pub fn name(mut self, name: impl Into<String>) -> Self {
                self.common.name = Some(name.into());
                self
            }

            /// With `false` its weights stay as they are.
            pub fn trainable(mut self, trainable: bool) -> Self {
                self.common.trainable = trainable;
                self
            }
        }
    };
}

/// A layer: a description, without weights.
pub trait Layer: Debug + Send + Sync {
    /// Keras's class name.
    fn class_name(&self) -> &str;
    /// Name and whether it is trained. Without it the model names the layer, and a description that names it is
    /// followed all the same.
    fn common(&self) -> &Common {
        &Common::PLAIN
    }
    /// Keras's configuration, without `name`, `trainable` and `dtype`.
    fn config(&self) -> Keys;
    /// Shape of one input sample, where the layer states it (`input_dim`).
    fn input_shape(&self) -> Option<Vec<usize>> {
        None
    }
    /// A shape of one sample that the layer takes if it makes sense at all: a model that does not know its input
    /// yet tries the layer on it.
    fn trial_shape(&self) -> Vec<usize> {
        vec![1; 4]
    }
    /// Shapes, facts and variables for inputs of these shapes of one sample.
    ///
    /// # Errors
    /// When the layer makes no sense, alone or on these inputs. `place` is how to call it in the message.
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built>;
    /// What becomes of a mask, which a [`Masking`] makes and a loss heeds.
    fn masks(&self) -> Masks {
        Masks::Pass
    }
    /// A layer that works on the data before they reach the network, such as a lookup of strings.
    fn preprocessor(&self) -> Option<&dyn Preprocessor> {
        None
    }
}

/// A layer under the name that its description gives it: one of your own need not keep a [`Common`].
#[derive(Debug)]
struct Named {
    layer: Arc<dyn Layer>,
    common: Common,
}

impl Named {
    fn over(layer: Arc<dyn Layer>, common: Common) -> Arc<dyn Layer> {
        if *layer.common() == common { layer } else { Arc::new(Self { layer, common }) }
    }
}

impl Layer for Named {
    fn class_name(&self) -> &str {
        self.layer.class_name()
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        self.layer.config()
    }
    fn input_shape(&self) -> Option<Vec<usize>> {
        self.layer.input_shape()
    }
    fn trial_shape(&self) -> Vec<usize> {
        self.layer.trial_shape()
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        self.layer.build(place, inputs)
    }
    fn masks(&self) -> Masks {
        self.layer.masks()
    }
    fn preprocessor(&self) -> Option<&dyn Preprocessor> {
        self.layer.preprocessor()
    }
}

/// A list of layers of different types: `layers![Dense::new(10), Dropout::new(0.5)]`.
#[macro_export]
macro_rules! layers {
    ($($layer:expr),* $(,)?) => {
        vec![$($crate::layers::AnyLayer::from($layer)),*]
    };
}

/// A layer or a model in the place of a layer.
#[derive(Clone, Debug)]
pub struct AnyLayer(pub(crate) crate::graph::Content);

impl<L: Layer + 'static> From<L> for AnyLayer {
    fn from(layer: L) -> Self {
        Self(crate::graph::Content::Layer(Arc::new(layer)))
    }
}

impl From<Arc<dyn Layer>> for AnyLayer {
    fn from(layer: Arc<dyn Layer>) -> Self {
        Self(crate::graph::Content::Layer(layer))
    }
}

/// The registry: module, type. The type's `from_config` reads its keys, its `CLASS` is Keras's class name. The
/// words of `preprocessing` are layers, too: see `preprocessed`.
macro_rules! registry {
    ($($module:ident $word:ident;)*) => {
        $(mod $module; pub use $module::$word;)*

        /// The words alone, for the prelude.
        pub(crate) mod words {
            $(pub use super::$word;)*
        }

        /// All class names.
        pub fn class_names() -> Vec<&'static str> {
            [&[$($word::CLASS),*], preprocessed::CLASSES].concat()
        }

        fn known(class_name: &str, common: Common, config: &mut Config) -> Result<Option<Arc<dyn Layer>>> {
            Ok(Some(match class_name {
                $($word::CLASS => {
                    config.float32()?;
                    Arc::new($word::from_config(common, config)?)
                })*
                _ => return preprocessed::known(class_name, common, config),
            }))
        }
    };
}

mod axes;
#[cfg(test)]
mod checks;
mod gamma_beta;
mod merging;
mod numbers;
mod preprocessed;
mod reorder;
mod standardize;

pub use axes::Axes;
pub use numbers::Numbers;
pub use preprocessed::{CategoryEncoding, Discretization, Hashing, IntegerLookup, StringLookup};

registry! {
    activation ActivationLayer;
    activity_regularization ActivityRegularization;
    add Add;
    alpha_dropout AlphaDropout;
    average Average;
    batch_normalization BatchNormalization;
    concatenate Concatenate;
    dense Dense;
    dot Dot;
    dropout Dropout;
    elu ELU;
    embedding Embedding;
    flatten Flatten;
    gaussian_dropout GaussianDropout;
    gaussian_noise GaussianNoise;
    group_normalization GroupNormalization;
    identity Identity;
    layer_normalization LayerNormalization;
    leaky_re_lu LeakyReLU;
    masking Masking;
    maximum Maximum;
    minimum Minimum;
    multiply Multiply;
    normalization Normalization;
    p_re_lu PReLU;
    permute Permute;
    re_lu ReLU;
    repeat_vector RepeatVector;
    rescaling Rescaling;
    reshape Reshape;
    rms_normalization RMSNormalization;
    softmax Softmax;
    spectral_normalization SpectralNormalization;
    subtract Subtract;
    unit_normalization UnitNormalization;
}

/// The layer of this class with this configuration, with the registry's words beside Keras's.
///
/// # Errors
/// When there is no such class or a key makes no sense.
pub fn from_config(class_name: &str, keys: Keys, registry: &Registry) -> Result<Arc<dyn Layer>> {
    let place = match keys.get("name").and_then(|name| name.as_str()) {
        Some(name) => format!("{class_name} '{name}'"),
        None => class_name.to_owned(),
    };
    let mut config = Config::with_registry(place, keys, registry);
    let common = config.common()?;
    let layer = match registry.find_layer(class_name) {
        Some(make) => {
            config.float32()?;
            Named::over(make(common.clone(), &mut config)?, common)
        }
        None => known(class_name, common, &mut config)?
            .ok_or_else(|| Error::unknown("layer", class_name, registry.layer_names(class_names())))?,
    };
    config.finish()?;
    Ok(layer)
}

pub(crate) use dense::ActivationArg;

/// A shape as Keras prints it: `(None, 28, 28)`.
pub(crate) fn shape(sample: &[usize]) -> String {
    sample.iter().fold("(None".to_owned(), |text, axis| format!("{text}, {axis}")) + ")"
}

/// The shape of the only input.
///
/// # Errors
/// When there are several.
pub fn one_input<'a>(place: &str, inputs: &'a [Vec<usize>]) -> Result<&'a [usize]> {
    match inputs {
        [shape] => Ok(shape),
        _ => {
            Err(Error::config(place, format!("{} inputs, expected 1: put a Concatenate before it", inputs.len())))
        }
    }
}

/// Rows of a sample when its last axis goes along the columns, and that axis.
pub fn last_axis(sample: &[usize]) -> (usize, usize) {
    let (last, outer) = sample.split_last().map_or((1, &[][..]), |(last, outer)| (*last, outer));
    (outer.iter().product(), last)
}

/// The fact that puts the last axis along the columns.
pub fn by_last_axis(sample: &[usize]) -> Fact {
    Fact::Regroup { groups: last_axis(sample).0 }
}

/// The fact that makes each sample one row.
pub fn by_sample() -> Fact {
    Fact::Regroup { groups: 1 }
}

/// An axis as Keras counts it, the batch being axis 0, negative ones from the end: its place in a sample.
///
/// # Errors
/// When a sample has no such axis.
pub fn sample_axis(place: &str, key: &str, axis: i64, sample: &[usize]) -> Result<usize> {
    let rank = sample.len() as i64 + 1;
    let from_front = if axis < 0 { axis + rank } else { axis };
    if (1..rank).contains(&from_front) {
        return Ok(from_front as usize - 1);
    }
    let problem = format!("{key} = {axis}, expected an axis of {}, from 1 or from -1", shape(sample));
    Err(Error::config(place, problem))
}

/// The error of a layer that was given a number outside of its range.
pub fn bad_value(place: &str, key: &str, value: impl std::fmt::Display, expected: &str) -> Error {
    Error::config(place, format!("{key} = {value}, expected {expected}"))
}
