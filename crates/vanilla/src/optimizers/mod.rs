//! Optimizers, by Keras's names. One word a file, one line in the registry below.

mod common;
mod engine;

pub use common::{Common, LearningRate};
pub(crate) use common::{common, settings};
pub(crate) use engine::Engine;

use crate::config::{Config, Keys, name_and_keys, node};
use crate::error::{Error, Result};
use crate::registry::Registry;
use serde_json::Value;
use std::fmt::Debug;
use std::sync::Arc;
pub use vanilla_plan::kernels::{Kernels, MAX_SLOTS};
pub use vanilla_plan::{Coefficients, Slot, Start};

/// A rule's slots at the place of some weights, in the order of [`Optimizer::slots`]; those that it has not are
/// empty.
pub type Slots<'a> = [&'a mut [f32]; MAX_SLOTS];

/// An update rule with Keras's name and configuration. Clipping, decay, averages and accumulation are not its
/// concern: they are common to all ([`Common`]). The shortest one says its class name, has a [`Common`] and an
/// `update`: `examples/own_optimizer.rs`.
pub trait Optimizer: Debug + Send + Sync {
    /// Keras's class name.
    fn class_name(&self) -> &str;
    /// Its name in a printed plan, such as `adam`.
    fn name(&self) -> &str {
        self.class_name()
    }
    /// Learning rate, clipping and the like.
    fn common(&self) -> &Common;
    /// Keras's configuration: what is its own.
    fn config(&self) -> Keys {
        Keys::new()
    }
    /// What it keeps for a variable of this name (`dense/kernel`) and shape; the shape of a slot is that of the
    /// variable, unless the rule is one for [whole](Optimizer::whole) variables.
    fn slots(&self, _variable: &str, _shape: &[usize]) -> Vec<Slot> {
        Vec::new()
    }
    /// What is the same for all weights of a step; the last two places are not the rule's. Unless said otherwise
    /// the learning rate, in the first place.
    fn coefficients(&self, step: Step) -> Coefficients {
        [step.learning_rate, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    }
    /// Moves the weights `w` against the gradients `g`; all slices have one length.
    fn update(&self, kernels: &Kernels, c: &Coefficients, w: &mut [f32], g: &[f32], slots: &mut Slots<'_>);
    /// Whether a weight's step depends on other weights of its variable: then [`Optimizer::update_variable`] is
    /// called instead of [`Optimizer::update`].
    fn whole(&self) -> bool {
        false
    }
    /// Moves a whole variable; unless said otherwise, as [`Optimizer::update`] does.
    fn update_variable(&self, variable: Whole<'_>) {
        let Whole { kernels, coefficients, w, g, mut slots, .. } = variable;
        self.update(kernels, coefficients, w, g, &mut slots);
    }
    /// The weight decay of a variable of this name and shape that is not excluded from it.
    fn weight_decay(&self, _variable: &str, _shape: &[usize]) -> Option<f64> {
        self.common().weight_decay
    }
    /// Which part of a Keras file holds the slot with this number: in a part, all slots of a variable stand
    /// together.
    fn file_part(&self, _slot: usize) -> usize {
        0
    }
    /// Single numbers that Keras keeps behind the slots, after this many steps. They follow from the number of
    /// steps.
    fn scalars(&self, _steps: u64) -> Vec<f32> {
        Vec::new()
    }
}

/// Which step it is.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Counted from 1; with accumulation, only those that move weights count.
    pub number: u64,
    /// Its learning rate.
    pub learning_rate: f32,
}

/// A variable with its gradient and slots, row-major.
#[derive(Debug)]
pub struct Whole<'a> {
    /// What it runs on.
    pub kernels: &'a Kernels,
    /// Of this step.
    pub coefficients: &'a Coefficients,
    /// `dense/kernel`.
    pub name: &'a str,
    /// Its shape.
    pub shape: &'a [usize],
    /// The weights.
    pub w: &'a mut [f32],
    /// The gradient.
    pub g: &'a mut [f32],
    /// The slots, in the order of [`Optimizer::slots`].
    pub slots: Slots<'a>,
    /// Memory for whatever is needed meanwhile; it is kept from step to step.
    pub spare: &'a mut Vec<f32>,
}

/// A slot of the variable's own shape that starts with zeros.
pub fn zeros(name: &'static str, shape: &[usize]) -> Slot {
    Slot { name, shape: shape.to_vec(), start: Start::At(0.0) }
}

/// The registry: module, type, class name, name.
macro_rules! registry {
    ($($module:ident $word:ident $class:literal $name:literal;)*) => {
        $(mod $module; pub use $module::$word;)*

        /// The words alone, for the prelude.
        pub(crate) mod words {
            $(pub use super::$word;)*
        }

        /// All names.
        pub fn names() -> Vec<&'static str> {
            vec![$($name),*]
        }

        fn known(word: &str, config: &mut Config) -> Result<Option<Arc<dyn Optimizer>>> {
            Ok(Some(match word {
                $($class | $name => Arc::new($word::from_config(config)?),)*
                _ => match word.to_lowercase().as_str() {
                    $($name => Arc::new($word::from_config(config)?),)*
                    _ => return Ok(None),
                },
            }))
        }
    };
}

registry! {
    adadelta Adadelta "Adadelta" "adadelta";
    adafactor Adafactor "Adafactor" "adafactor";
    adagrad Adagrad "Adagrad" "adagrad";
    adam Adam "Adam" "adam";
    adamax Adamax "Adamax" "adamax";
    adamw AdamW "AdamW" "adamw";
    ftrl Ftrl "Ftrl" "ftrl";
    lamb Lamb "Lamb" "lamb";
    lion Lion "Lion" "lion";
    muon Muon "Muon" "muon";
    nadam Nadam "Nadam" "nadam";
    rmsprop RMSprop "RMSprop" "rmsprop";
    schedule_free_adamw ScheduleFreeAdamW "ScheduleFreeAdamW" "schedulefreeadamw";
    sgd SGD "SGD" "sgd";
}

/// The optimizer of this name or class name, with these keys.
///
/// # Errors
/// When there is none, or a key makes no sense.
pub fn from_config(word: &str, keys: Keys) -> Result<Arc<dyn Optimizer>> {
    from_config_with(word, keys, &Registry::default())
}

/// As [`from_config`], with words of one's own.
///
/// # Errors
/// As [`from_config`].
pub fn from_config_with(word: &str, keys: Keys, registry: &Registry) -> Result<Arc<dyn Optimizer>> {
    let mut config = Config::with_registry(word, keys, registry);
    let optimizer = match registry.find_optimizer(word) {
        Some(make) => make(&mut config)?,
        None => known(word, &mut config)?
            .ok_or_else(|| Error::unknown("optimizer", word, registry.names_of("optimizer", names())))?,
    };
    config.finish()?;
    Ok(optimizer)
}

/// The learning rate that this optimizer has where none is given.
pub(crate) fn usual_learning_rate(optimizer: &dyn Optimizer) -> f32 {
    from_config(optimizer.class_name(), Keys::new())
        .map_or(f32::INFINITY, |usual| usual.common().learning_rate.at(0))
}

/// A number in `0..1`.
fn share(config: &mut Config, key: &str, default: f64) -> Result<f64> {
    match config.float(key)?.unwrap_or(default) {
        x if (0.0..1.0).contains(&x) => Ok(x),
        x => Err(config.error(format!("{key} = {x}, expected a number from 0 to below 1"))),
    }
}

/// A number that is at least 0.
fn not_negative(config: &mut Config, key: &str, default: f64) -> Result<f64> {
    match config.float(key)?.unwrap_or(default) {
        x if x >= 0.0 => Ok(x),
        x => Err(config.error(format!("{key} = {x}, expected a number, at least 0"))),
    }
}

/// An optimizer by name, from its configuration, or itself.
#[derive(Clone, Debug)]
pub enum OptimizerArg {
    /// A name or Keras's node, looked up by `compile`.
    Config(Value),
    /// The optimizer.
    Is(Arc<dyn Optimizer>),
}

impl From<&str> for OptimizerArg {
    fn from(name: &str) -> Self {
        Self::Config(name.into())
    }
}

impl<O: Optimizer + 'static> From<O> for OptimizerArg {
    fn from(optimizer: O) -> Self {
        Self::Is(Arc::new(optimizer))
    }
}

impl OptimizerArg {
    pub(crate) fn resolve(self, registry: &Registry) -> Result<Arc<dyn Optimizer>> {
        match self {
            Self::Config(value) => match name_and_keys(&value) {
                Some((word, keys)) => from_config_with(&word, keys, registry),
                None => {
                    Err(Error::config("compile", format!("optimizer = {value}, expected a name such as \"adam\"")))
                }
            },
            Self::Is(optimizer) => {
                let check = optimizer.common().check();
                check.map_err(|problem| Error::config(optimizer.class_name(), problem))?;
                // What was set by methods is checked as what is read from a file.
                known(optimizer.class_name(), &mut Config::new(optimizer.class_name(), optimizer.config()))?;
                Ok(optimizer)
            }
        }
    }
}

/// Keras's node of an optimizer, with the keys that all have.
pub(crate) fn to_config(optimizer: &Engine) -> Value {
    let mut keys = optimizer.common.to_config(&crate::graph::snake_case(optimizer.rule.class_name()));
    keys.extend(optimizer.rule.config());
    node("keras.optimizers", optimizer.rule.class_name(), keys)
}

#[cfg(test)]
mod tests;
