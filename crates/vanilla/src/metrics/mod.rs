//! Metrics, by Keras's names. One word a file, one line in the registry below.

use crate::config::{Config, Keys, name_and_keys, node};
use crate::error::{Error, Result};
use serde_json::Value;
use std::fmt::Debug;
use std::sync::Arc;

/// A metric that is a mean over samples.
pub trait Metric: Debug + Send + Sync {
    /// Keras's class name.
    fn class_name(&self) -> &'static str;
    /// Its name in logs and history.
    fn name(&self) -> &str;
    /// The value of one sample.
    fn sample(&self, target: &[f32], output: &[f32]) -> f32;
}

/// The registry: module, type, names. `CLASS` is Keras's class name, the first name is Keras's own.
macro_rules! registry {
    ($($module:ident $word:ident $class:literal [$name:literal $(, $alias:literal)*];)*) => {
        $(mod $module; pub use $module::$word;)*

        /// All names.
        pub fn names() -> Vec<&'static str> {
            vec!["acc", "accuracy" $(, $name $(, $alias)*)*]
        }

        fn find(word: &str) -> Option<Arc<dyn Metric>> {
            match word {
                $($class | $name $(| $alias)* => Some(Arc::new($word)),)*
                _ => None,
            }
        }
    };
}

registry! {
    binary_accuracy BinaryAccuracy "BinaryAccuracy" ["binary_accuracy"];
    categorical_accuracy CategoricalAccuracy "CategoricalAccuracy" ["categorical_accuracy"];
    mean_absolute_error MeanAbsoluteError "MeanAbsoluteError" ["mean_absolute_error", "mae", "MAE"];
    mean_squared_error MeanSquaredError "MeanSquaredError" ["mean_squared_error", "mse", "MSE"];
    sparse_categorical_accuracy SparseCategoricalAccuracy "SparseCategoricalAccuracy" ["sparse_categorical_accuracy"];
}

/// A metric by name, from its configuration, or itself.
#[derive(Clone, Debug)]
pub enum MetricArg {
    /// A name or Keras's node, looked up by `compile`.
    Config(Value),
    /// The metric.
    Is(Arc<dyn Metric>),
}

impl From<&str> for MetricArg {
    fn from(name: &str) -> Self {
        Self::Config(name.into())
    }
}

impl<M: Metric + 'static> From<M> for MetricArg {
    fn from(metric: M) -> Self {
        Self::Is(Arc::new(metric))
    }
}

/// A compiled metric: its key in logs, how Keras writes it, and the function, once the shapes are known.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub key: String,
    pub config: Value,
    metric: Option<Arc<dyn Metric>>,
}

impl MetricArg {
    pub(crate) fn resolve(self) -> Result<Compiled> {
        match self {
            Self::Is(metric) => {
                let keys = crate::config::keys! { "name": metric.name(), "dtype": "float32" };
                let config = node("keras.metrics", metric.class_name(), keys);
                Ok(Compiled { key: metric.name().to_owned(), config, metric: Some(metric) })
            }
            Self::Config(value) => {
                let Some((word, keys)) = name_and_keys(&value) else {
                    let problem = format!("metrics: {value}, expected a name such as \"acc\"");
                    return Err(Error::config("compile", problem));
                };
                // The history's key is the string as it was given; an object's is its name.
                let mut key = if value.is_string() { word.clone() } else { keys_name(&word, keys)? };
                if matches!(word.to_lowercase().as_str(), "acc" | "accuracy") {
                    return Ok(Compiled { key, config: value, metric: None });
                }
                let Some(metric) = find(&word) else {
                    return Err(Error::unknown("metric", &word, names()));
                };
                if key.is_empty() {
                    key = metric.name().to_owned();
                }
                Ok(Compiled { key, config: value, metric: Some(metric) })
            }
        }
    }
}

/// The `name` among a metric node's keys, empty where there is none. Nothing else may be set.
fn keys_name(word: &str, keys: Keys) -> Result<String> {
    let mut config = Config::new(word, keys);
    let name = config.string("name")?.unwrap_or_default();
    config.float32()?;
    // The threshold that the accuracy has anyway.
    if config.float("threshold")?.is_some_and(|threshold| threshold != 0.5) {
        return Err(config.error("threshold: only 0.5 is supported"));
    }
    config.finish()?;
    Ok(name)
}

impl Compiled {
    /// The function for these widths: "acc" is decided by the shapes alone, as in Keras.
    pub fn metric(&self, target_width: usize, outputs: usize) -> Arc<dyn Metric> {
        match &self.metric {
            Some(metric) => Arc::clone(metric),
            None if outputs == 1 => Arc::new(BinaryAccuracy),
            None if target_width == 1 => Arc::new(SparseCategoricalAccuracy),
            None => Arc::new(CategoricalAccuracy),
        }
    }
}

/// Place of the largest element, the first of equals; 0 in an empty row.
pub(crate) fn argmax(row: &[f32]) -> usize {
    row.iter().enumerate().fold(0, |best, (i, x)| if *x > row[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(value: &Value) -> Vec<f32> {
        match value {
            Value::Array(items) => items.iter().flat_map(floats).collect(),
            number => vec![number.as_f64().unwrap() as f32],
        }
    }

    #[test]
    fn recorded_values() {
        let golden: Value = serde_json::from_str(include_str!("../../tests/golden/golden.json")).unwrap();
        for (recorded, word) in [
            ("acc_cat", "categorical_accuracy"),
            ("acc_sparse", "sparse_categorical_accuracy"),
            ("acc_bin", "binary_accuracy"),
            ("mse", "mse"),
        ] {
            let recorded = &golden["metrics"][recorded];
            let metric = find(word).unwrap();
            let rows = recorded["y_pred"].as_array().unwrap();
            let sum: f32 =
                (0..rows.len()).map(|i| metric.sample(&floats(&recorded["y_true"][i]), &floats(&rows[i]))).sum();
            let (got, want) = (f64::from(sum) / rows.len() as f64, recorded["result"].as_f64().unwrap());
            assert!((got - want).abs() < 1e-6 * want.max(1.0), "{word}: {got} instead of {want}");
        }
    }

    #[test]
    fn acc_is_decided_by_the_shapes_and_keeps_its_key() {
        let resolve = |name: &str| MetricArg::from(name).resolve();
        for (key, target, outputs, class) in [
            ("acc", 10, 10, "CategoricalAccuracy"),
            ("ACC", 1, 10, "SparseCategoricalAccuracy"),
            ("accuracy", 1, 1, "BinaryAccuracy"),
        ] {
            let metric = resolve(key).unwrap();
            assert_eq!((&*metric.key, metric.metric(target, outputs).class_name()), (key, class));
        }
        assert_eq!(resolve("mse").unwrap().key, "mse");
        assert_eq!(MetricArg::from(MeanSquaredError).resolve().unwrap().key, "mean_squared_error");
        assert!(resolve("acuracy").unwrap_err().to_string().contains("did you mean 'accuracy'?"));
    }

    #[test]
    fn the_first_of_equals_wins() {
        assert_eq!(CategoricalAccuracy.sample(&[0.0, 1.0, 0.0], &[0.5, 0.5, 0.0]), 0.0);
        assert_eq!(BinaryAccuracy.sample(&[0.0], &[0.5]), 1.0);
    }
}
