//! Schedules: learning rates that change from step to step, by Keras's names. One word a file, one line in the registry
//! below.

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
    /// Keras's configuration, without `name`.
    fn config(&self) -> Keys;
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
    exponential_decay ExponentialDecay;
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
    keys.insert("name".into(), schedule.class_name().into());
    node("keras.optimizers.schedules", schedule.class_name(), keys)
}

/// A number of steps, above 0.
fn steps(config: &mut Config, key: &str) -> Result<f64> {
    match config.float(key)? {
        Some(steps) if steps > 0.0 => Ok(steps),
        Some(steps) => Err(config.error(format!("{key} = {steps}, expected a number of steps, above 0"))),
        None => Err(config.error(format!("{key} is missing: a number of steps, such as {key} = 1000"))),
    }
}

/// A number that has no default.
fn required(config: &mut Config, key: &str) -> Result<f64> {
    config.float(key)?.ok_or_else(|| config.error(format!("{key} is missing: a number, such as {key} = 0.01")))
}
