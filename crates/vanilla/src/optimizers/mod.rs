//! Optimizers, by Keras's names. One word a file, one line in the registry below.

use crate::config::{Config, Keys, keys, name_and_keys, node};
use crate::error::{Error, Result};
use serde_json::Value;
use std::sync::Arc;

/// An optimizer with Keras's name and configuration.
pub trait Optimizer: vanilla_plan::Optimizer {
    /// Keras's class name.
    fn class_name(&self) -> &'static str;
    /// Keras's configuration: `learning_rate` and what is its own.
    fn config(&self) -> Keys;
    /// The learning rate.
    fn learning_rate(&self) -> f32;
    /// The same optimizer with another learning rate.
    fn with_learning_rate(&self, learning_rate: f32) -> Arc<dyn Optimizer>;
    /// Order of the slots in a Keras file: true where all slots of a variable stand together, false where all
    /// variables' first slots come first.
    fn slots_together(&self) -> bool {
        true
    }
}

/// The registry: module, type, name. `CLASS` is Keras's class name.
macro_rules! registry {
    ($($module:ident $word:ident $class:literal $name:literal;)*) => {
        $(mod $module; pub use $module::$word;)*

        /// All names.
        pub fn names() -> Vec<&'static str> {
            vec![$($name),*]
        }

        /// The optimizer of this name or class name, with these keys.
        ///
        /// # Errors
        /// When there is none, or a key makes no sense.
        pub fn from_config(word: &str, keys: Keys) -> Result<Arc<dyn Optimizer>> {
            let mut config = Config::new(word, keys);
            // Without effect as long as `use_ema` is false, which `finish` sees to.
            for idle in ["name", "ema_momentum", "ema_overwrite_frequency"] {
                config.take(idle);
            }
            let optimizer: Arc<dyn Optimizer> = match word {
                $($class | $name => Arc::new($word::from_config(&mut config)?),)*
                _ => match word.to_lowercase().as_str() {
                    $($name => Arc::new($word::from_config(&mut config)?),)*
                    _ => return Err(Error::unknown("optimizer", &word, names())),
                },
            };
            config.finish()?;
            Ok(optimizer)
        }
    };
}

registry! {
    adam Adam "Adam" "adam";
    rmsprop RMSprop "RMSprop" "rmsprop";
    sgd SGD "SGD" "sgd";
}

/// Takes `learning_rate`.
fn learning_rate(config: &mut Config, default: f32) -> Result<f32> {
    if let Some(schedule) = config.take("learning_rate") {
        return match schedule.as_f64() {
            Some(rate) if rate.is_finite() && rate >= 0.0 => Ok(rate as f32),
            Some(rate) => Err(config.error(format!("learning_rate = {rate}, expected a number, at least 0"))),
            None => Err(config.error(format!(
                "learning_rate = {}, expected a number: schedules are not supported yet",
                schedule["class_name"].as_str().unwrap_or("a schedule")
            ))),
        };
    }
    Ok(default)
}

/// The learning rate that this optimizer has where none is given.
pub(crate) fn usual_learning_rate(optimizer: &dyn Optimizer) -> f32 {
    from_config(optimizer.class_name(), Keys::new()).map_or(f32::INFINITY, |usual| usual.learning_rate())
}

/// A number in `0..1`.
fn share(config: &mut Config, key: &str, default: f64) -> Result<f64> {
    match config.float(key)?.unwrap_or(default) {
        x if (0.0..1.0).contains(&x) => Ok(x),
        x => Err(config.error(format!("{key} = {x}, expected a number from 0 to below 1"))),
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
    pub(crate) fn resolve(self) -> Result<Arc<dyn Optimizer>> {
        match self {
            Self::Config(value) => match name_and_keys(&value) {
                Some((word, keys)) => from_config(&word, keys),
                None => {
                    Err(Error::config("compile", format!("optimizer = {value}, expected a name such as \"adam\"")))
                }
            },
            Self::Is(optimizer) => Ok(optimizer),
        }
    }
}

/// Keras's node of an optimizer, with the keys that all have.
pub(crate) fn to_config(optimizer: &dyn Optimizer) -> Value {
    let mut keys = keys! {
        "name": crate::graph::snake_case(optimizer.class_name()),
        "learning_rate": f64::from(optimizer.learning_rate()),
        "weight_decay": Value::Null,
        "clipnorm": Value::Null,
        "global_clipnorm": Value::Null,
        "clipvalue": Value::Null,
        "use_ema": false,
        "ema_momentum": 0.99,
        "ema_overwrite_frequency": Value::Null,
        "loss_scale_factor": Value::Null,
        "gradient_accumulation_steps": Value::Null,
    };
    keys.extend(optimizer.config());
    node("keras.optimizers", optimizer.class_name(), keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vanilla_plan::kernels::{Isa, Kernels};

    fn floats(value: &Value) -> Vec<f32> {
        match value {
            Value::Array(items) => items.iter().flat_map(floats).collect(),
            number => vec![number.as_f64().unwrap() as f32],
        }
    }

    /// Six recorded steps of each optimizer.
    #[test]
    fn recorded_steps() {
        let golden: Value = serde_json::from_str(include_str!("../../tests/golden/golden.json")).unwrap();
        let golden = &golden["optimizers"];
        let kernels = Kernels::new(Isa::best(), 1).unwrap();
        for run in ["SGD", "SGD_mom", "SGD_nest", "RMSprop", "Adam"] {
            let recorded = &golden["runs"][run];
            let class = run.split('_').next().unwrap();
            let optimizer = from_config(class, recorded["config"].as_object().unwrap().clone()).unwrap();
            for (variable, start) in [("w", "w0"), ("b", "b0")] {
                let mut w = floats(&golden[start]);
                let mut slots = vec![vec![0.0; w.len()]; optimizer.slots()];
                for (i, want) in recorded["steps"].as_array().unwrap().iter().enumerate() {
                    let g = floats(&golden["grads"][i][variable]);
                    let c = optimizer.coefficients(i as u64 + 1);
                    let mut parts = slots.iter_mut();
                    let mut parts = std::array::from_fn(|_| parts.next().map_or(&mut [][..], |s| &mut s[..]));
                    optimizer.update(&kernels, &c, &mut w, &g, &mut parts);
                    let want = floats(&want[variable]);
                    let largest = want.iter().fold(0.0f32, |a, b| a.max(b.abs()));
                    for (got, want) in w.iter().zip(want) {
                        assert!((got - want).abs() <= 1e-6 * largest, "{run} step {i}: {got} not {want}");
                    }
                }
            }
        }
    }

    #[test]
    fn round_trip_and_errors() {
        for name in names() {
            let node = to_config(&*from_config(name, Keys::new()).unwrap());
            let again =
                from_config(node["class_name"].as_str().unwrap(), node["config"].as_object().unwrap().clone());
            assert_eq!(to_config(&*again.unwrap()), node);
        }
        let error = |word: &str, keys: Keys| from_config(word, keys).unwrap_err().to_string();
        assert!(error("adm", Keys::new()).contains("did you mean 'adam'?"));
        assert!(error("adam", keys! { "learning_rate": -1.0 }).contains("expected a number, at least 0"));
        assert!(
            error("adam", keys! { "beta_1": 1.0 }).contains("beta_1 = 1, expected a number from 0 to below 1")
        );
        assert!(error("adam", keys! { "amsgrad": true }).contains("amsgrad = true is not supported"));
        assert!(error("sgd", keys! { "clipnorm": 1.0 }).contains("clipnorm = 1.0 is not supported"));
        let schedule = keys! { "learning_rate": serde_json::json!({ "class_name": "CosineDecay", "config": {} }) };
        assert!(error("sgd", schedule).contains("learning_rate = CosineDecay, expected a number: schedules"));
    }
}
