//! Metrics, by Keras's names. One word a file, one line in the registry below.

use crate::config::{Config, Keys, name_and_keys, node};
use crate::error::{Error, Result};
use crate::registry::Registry;
use serde_json::Value;
use std::fmt::Debug;
use std::sync::Arc;
use vanilla_plan::Link;

/// What a metric sees of a sample: a row of the output, and what it is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The target, as the loss has it.
    pub target: &'a [f32],
    /// The output.
    pub output: &'a [f32],
    /// What the output's last function was computed from, where a cross-entropy was joined with it.
    pub logits: Option<(Link, &'a [f32])>,
}

impl<'a> Row<'a> {
    /// A target and an output.
    pub fn new(target: &'a [f32], output: &'a [f32]) -> Self {
        Self { target, output, logits: None }
    }
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// More is better.
    Up,
    /// Less is better.
    Down,
}

/// A metric: sums over samples, and what they mean. Sums are plain numbers, so that a training that is interrupted goes
/// on with them.
pub trait Metric: Debug + Send + Sync {
    /// Keras's class name.
    fn class_name(&self) -> &str;
    /// Its name in logs and history.
    fn name(&self) -> &str;
    /// Keras's configuration, without `name` and `dtype`.
    fn config(&self) -> Keys {
        Keys::new()
    }
    /// Which way is better, if that can be said.
    fn direction(&self) -> Option<Direction> {
        None
    }
    /// How many sums it keeps for targets and outputs of these widths; of a mean over samples 2.
    fn sums(&self, _target: usize, _outputs: usize) -> usize {
        2
    }
    /// Whether it wants to see [`Row::logits`].
    fn wants_logits(&self) -> bool {
        false
    }
    /// The value of one sample, of a mean over samples.
    fn sample(&self, _row: &Row<'_>) -> f32 {
        unreachable!("{} is no mean over samples", self.name())
    }
    /// Adds a sample that counts `weight`.
    fn observe(&self, row: &Row<'_>, weight: f64, sums: &mut [f64]) {
        sums[0] += weight * f64::from(self.sample(row));
        sums[1] += weight;
    }
    /// What the sums say; 0 where nothing was seen.
    fn result(&self, sums: &[f64]) -> f64 {
        ratio(sums[0], sums[1])
    }
    /// All that they say, where it is more than a number: what to put behind the name, and the value.
    fn results(&self, sums: &[f64]) -> Vec<(String, f64)> {
        vec![(String::new(), self.result(sums))]
    }
}

/// A quotient, 0 where nothing is divided by nothing (Keras's `divide_no_nan`).
pub fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

/// The registry: module, type, names. `CLASS` is Keras's class name, the first name is Keras's own.
macro_rules! registry {
    ($($module:ident $word:ident $class:literal [$name:literal $(, $alias:literal)*];)*) => {
        $(mod $module; pub use $module::$word;)*

        /// All names.
        pub fn names() -> Vec<&'static str> {
            vec!["acc", "accuracy" $(, $name $(, $alias)*)*]
        }

        fn known(word: &str, config: &mut Config) -> Result<Option<Arc<dyn Metric>>> {
            Ok(Some(match word {
                $($class | $name $(| $alias)* => Arc::new($word::from_config(config)?),)*
                _ => return Ok(None),
            }))
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

/// The metric of this name or class name, with these keys, and the name that the keys give it.
///
/// # Errors
/// When there is none, or a key makes no sense.
pub fn from_config(word: &str, keys: Keys, registry: &Registry) -> Result<(Arc<dyn Metric>, Option<String>)> {
    let mut config = Config::with_registry(word, keys, registry);
    let name = config.string("name")?;
    config.float32()?;
    let metric = match registry.find_metric(word) {
        Some(make) => make(&mut config)?,
        None => known(word, &mut config)?
            .ok_or_else(|| Error::unknown("metric", word, registry.names_of("metric", names())))?,
    };
    config.finish()?;
    Ok((metric, name))
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
    /// None where the shapes decide.
    metric: Option<Arc<dyn Metric>>,
    /// `crossentropy` and not `accuracy`, where the shapes decide.
    crossentropy: bool,
}

impl MetricArg {
    pub(crate) fn resolve(self, registry: &Registry) -> Result<Compiled> {
        match self {
            Self::Is(metric) => {
                let mut keys = crate::config::keys! { "name": metric.name(), "dtype": "float32" };
                keys.extend(metric.config());
                let config = node("keras.metrics", metric.class_name(), keys);
                let key = metric.name().to_owned();
                Ok(Compiled { key, config, metric: Some(metric), crossentropy: false })
            }
            Self::Config(value) => {
                let Some((word, keys)) = name_and_keys(&value) else {
                    let problem = format!("metrics: {value}, expected a name such as \"acc\"");
                    return Err(Error::config("compile", problem));
                };
                let lower = word.to_lowercase();
                let crossentropy = matches!(&*lower, "crossentropy" | "ce");
                if value.is_string() && (crossentropy || matches!(&*lower, "acc" | "accuracy")) {
                    return Ok(Compiled { key: word, config: value, metric: None, crossentropy });
                }
                let (metric, name) = from_config(&word, keys, registry)?;
                // The history's key is the string as it was given; an object's is its name.
                let usual = if value.is_string() { word } else { metric.name().to_owned() };
                Ok(Compiled {
                    key: name.unwrap_or(usual),
                    config: value,
                    metric: Some(metric),
                    crossentropy: false,
                })
            }
        }
    }
}

impl Compiled {
    /// The function for these widths: "acc" is decided by the shapes alone, as in Keras.
    pub fn metric(&self, target_width: usize, outputs: usize) -> Arc<dyn Metric> {
        if let Some(metric) = &self.metric {
            return Arc::clone(metric);
        }
        let word = match (self.crossentropy, outputs == 1, target_width == 1) {
            (true, true, _) => "binary_crossentropy",
            (true, _, true) => "sparse_categorical_crossentropy",
            (true, ..) => "categorical_crossentropy",
            (false, true, _) => return Arc::new(BinaryAccuracy::default()),
            (false, _, true) => return Arc::new(SparseCategoricalAccuracy),
            (false, ..) => return Arc::new(CategoricalAccuracy),
        };
        from_config(word, Keys::new(), &Registry::default())
            .map_or_else(|_| Arc::new(CategoricalAccuracy) as Arc<dyn Metric>, |(metric, _)| metric)
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
            let metric = from_config(word, Keys::new(), &Registry::default()).unwrap().0;
            let rows = recorded["y_pred"].as_array().unwrap();
            let sum: f32 = (0..rows.len())
                .map(|i| metric.sample(&Row::new(&floats(&recorded["y_true"][i]), &floats(&rows[i]))))
                .sum();
            let (got, want) = (f64::from(sum) / rows.len() as f64, recorded["result"].as_f64().unwrap());
            assert!((got - want).abs() < 1e-6 * want.max(1.0), "{word}: {got} instead of {want}");
        }
    }

    #[test]
    fn acc_is_decided_by_the_shapes_and_keeps_its_key() {
        let resolve = |name: &str| MetricArg::from(name).resolve(&Registry::default());
        for (key, target, outputs, class) in [
            ("acc", 10, 10, "CategoricalAccuracy"),
            ("ACC", 1, 10, "SparseCategoricalAccuracy"),
            ("accuracy", 1, 1, "BinaryAccuracy"),
        ] {
            let metric = resolve(key).unwrap();
            assert_eq!((&*metric.key, metric.metric(target, outputs).class_name()), (key, class));
        }
        assert_eq!(resolve("mse").unwrap().key, "mse");
        assert_eq!(
            MetricArg::from(MeanSquaredError).resolve(&Registry::default()).unwrap().key,
            "mean_squared_error"
        );
        assert!(resolve("acuracy").unwrap_err().to_string().contains("did you mean 'accuracy'?"));
    }

    #[test]
    fn the_first_of_equals_wins() {
        assert_eq!(CategoricalAccuracy.sample(&Row::new(&[0.0, 1.0, 0.0], &[0.5, 0.5, 0.0])), 0.0);
        assert_eq!(BinaryAccuracy::default().sample(&Row::new(&[0.0], &[0.5])), 1.0);
    }
}
