//! Schedules: learning rates that change from step to step, by Keras's names. One word a file, one line in the
//! registry below.

use crate::config::{Config, Keys, name_and_keys, node};
use crate::error::{Error, Result};
use crate::registry::Registry;
use serde_json::Value;
use std::fmt::Debug;
use std::sync::Arc;

/// A learning rate for each step.
pub trait Schedule: Debug + Send + Sync {
    /// Keras's class name.
    fn class_name(&self) -> &str;
    /// The name in Keras's configuration.
    fn name(&self) -> &str {
        self.class_name()
    }
    /// Keras's configuration, without `name`.
    fn config(&self) -> Keys {
        Keys::new()
    }
    /// Whether its numbers make sense; else which one does not. `compile` asks.
    ///
    /// # Errors
    /// The problem, in words.
    fn check(&self) -> std::result::Result<(), String> {
        Ok(())
    }
    /// The learning rate of the step with this number, counted from 0.
    fn at(&self, step: u64) -> f32;
}

/// The registry: module, type. The type's `CLASS` is Keras's class name.
macro_rules! registry {
    ($($module:ident $word:ident;)*) => {
        $(mod $module; pub use $module::$word;)*

        /// The words alone, for the prelude.
        pub(crate) mod words {
            $(pub use super::$word;)*
        }

        /// All class names.
        pub fn class_names() -> Vec<&'static str> {
            vec![$($word::CLASS),*]
        }

        fn known(word: &str, config: &mut Config) -> Result<Option<Arc<dyn Schedule>>> {
            Ok(Some(match word {
                $($word::CLASS => Arc::new($word::from_config(config)?),)*
                _ => return Ok(None),
            }))
        }
    };
}

registry! {
    cosine_decay CosineDecay;
    cosine_decay_restarts CosineDecayRestarts;
    exponential_decay ExponentialDecay;
    inverse_time_decay InverseTimeDecay;
    linear_warmup LinearWarmup;
    one_cycle OneCycle;
    piecewise_constant_decay PiecewiseConstantDecay;
    polynomial_decay PolynomialDecay;
}

/// The schedule of this class with these keys, with the registry's words beside Keras's.
///
/// # Errors
/// When there is none, or a key makes no sense.
pub fn from_config(word: &str, keys: Keys, registry: &Registry) -> Result<Arc<dyn Schedule>> {
    let mut config = Config::with_registry(word, keys, registry);
    config.take("name");
    let schedule = match registry.find_schedule(word) {
        Some(make) => make(&mut config)?,
        None => known(word, &mut config)?
            .ok_or_else(|| Error::unknown("schedule", word, registry.names_of("schedule", class_names())))?,
    };
    schedule.check().map_err(|problem| config.error(problem))?;
    config.finish()?;
    Ok(schedule)
}

/// The schedule of Keras's node.
///
/// # Errors
/// When the value is none, or means nothing.
pub(crate) fn from_value(value: &Value, registry: &Registry) -> Result<Arc<dyn Schedule>> {
    match name_and_keys(value) {
        Some((word, keys)) => from_config(&word, keys, registry),
        None => {
            Err(Error::config("schedule", format!("{value}, expected a number, or a schedule with its class")))
        }
    }
}

/// Keras's node.
pub fn to_config(schedule: &dyn Schedule) -> Value {
    let mut keys = schedule.config();
    keys.insert("name".into(), schedule.name().into());
    node("keras.optimizers.schedules", schedule.class_name(), keys)
}

/// A number that has no default.
fn required(config: &mut Config, key: &str) -> Result<f64> {
    config.float(key)?.ok_or_else(|| config.error(format!("{key} is missing: a number, such as {key} = 0.01")))
}

/// A number of steps that has no default.
fn required_steps(config: &mut Config, key: &str) -> Result<f64> {
    config
        .float(key)?
        .ok_or_else(|| config.error(format!("{key} is missing: a number of steps, such as {key} = 1000")))
}

/// That this is a number.
fn finite(key: &str, x: f64) -> std::result::Result<(), String> {
    if x.is_finite() { Ok(()) } else { Err(format!("{key} = {x}, expected a number")) }
}

/// That this is a number above 0.
fn above_zero(key: &str, x: f64, what: &str) -> std::result::Result<(), String> {
    if x.is_finite() && x > 0.0 { Ok(()) } else { Err(format!("{key} = {x}, expected a number{what}, above 0")) }
}

/// That a schedule can end.
fn above_zero_steps(key: &str, steps: f64) -> std::result::Result<(), String> {
    above_zero(key, steps, " of steps")
}

/// As a number of steps is written: whole ones without a point, as Keras has them.
fn written_steps(steps: f64) -> Value {
    if steps.fract() == 0.0 && steps.abs() < 9e15 { (steps as i64).into() } else { steps.into() }
}

#[cfg(test)]
mod tests;
