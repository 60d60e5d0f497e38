//! Metrics, by Keras's names. One word a file, one line in the registry below.

use crate::config::{Config, Keys, name_and_keys, node};
use crate::error::{Error, Result};
use crate::registry::Registry;
use crate::tensor::{STR, Tensor};
use serde_json::Value;
use std::fmt::Debug;
use std::sync::Arc;
use vanilla_plan::Link;

mod classes;
mod correlation;
mod mean_of_loss;
mod named;
mod overlap;
mod thresholds;

pub use auc::{Curve, Summation};
pub use fbeta_score::Average;
pub use named::{Name, Named};

/// What a metric sees of a sample: a row of the output, and what it is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The target.
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
    /// What is wrong with targets and outputs of these widths, if something is: a sentence that goes on from "the metric".
    ///
    /// # Errors
    /// That sentence.
    fn check(&self, _target: usize, _outputs: usize) -> std::result::Result<(), String> {
        Ok(())
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

/// As many targets as outputs.
pub(crate) fn same_width(target: usize, outputs: usize) -> std::result::Result<(), String> {
    if target == outputs {
        return Ok(());
    }
    Err(if target == 1 {
        "wants a target for every output, and gets class numbers: give one-hot vectors (to_categorical, \
         categorical_crossentropy), or take a metric of class numbers"
            .to_owned()
    } else {
        format!("compares every output with a target, and there are {outputs} outputs and {target} targets")
    })
}

/// One target, a class number.
pub(crate) fn class_number(target: usize, _outputs: usize) -> std::result::Result<(), String> {
    if target == 1 {
        return Ok(());
    }
    Err(format!("wants one class number a row, and there are {target} targets: use its kin that is not sparse"))
}

/// Results that are one number or several, with `_0`, `_1`, ... behind the name.
pub(crate) fn numbered(values: impl IntoIterator<Item = f64>) -> Vec<(String, f64)> {
    let values: Vec<f64> = values.into_iter().collect();
    match values[..] {
        [] => vec![(String::new(), 0.0)],
        [one] => vec![(String::new(), one)],
        _ => values.into_iter().enumerate().map(|(i, value)| (format!("_{i}"), value)).collect(),
    }
}

/// What a metric says of these targets and outputs, outside of a training: its name, or several names with something
/// behind them, and the values. Outputs are `(N, k)` or `(N,)` (or of a higher rank, whose last axis counts), targets of
/// the same shape or class numbers `(N,)` or `(N, 1)`; weights `(N,)` are what each sample counts.
///
/// ```
/// use vanilla::metrics::{self, AUC, ConfusionMatrix};
/// use vanilla::prelude::*;
/// let (labels, scores) = (Tensor::new(vec![0.0f32, 1.0, 1.0, 0.0], [4])?, Tensor::new(vec![0.1f32, 0.8, 0.4, 0.6], [4])?);
/// assert_eq!(metrics::compute(&AUC::new(), &labels, &scores, None)?, [("auc".to_owned(), 0.75)]);
/// let cells = metrics::compute(&ConfusionMatrix, &labels, &scores, None)?;
/// assert_eq!(cells[1], ("confusion_matrix_0_1".to_owned(), 1.0));
/// # Ok::<(), vanilla::Error>(())
/// ```
///
/// # Errors
/// When shapes do not fit each other or the metric, or something is no number.
pub fn compute(
    metric: &dyn Metric,
    targets: &Tensor,
    outputs: &Tensor,
    weights: Option<&Tensor>,
) -> Result<Vec<(String, f64)>> {
    let error = |problem: String| Error::data(format!("compute: {}", metric.name()), problem);
    for (name, tensor) in [("targets", Some(targets)), ("outputs", Some(outputs)), ("weights", weights)] {
        if tensor.is_some_and(|tensor| tensor.dtype() == STR) {
            return Err(error(format!("{name} holds strings, expected numbers")));
        }
    }
    let samples = outputs.rows();
    let (outer, cols) = match outputs.shape() {
        [] => return Err(error("outputs has the shape [], expected (N,) or (N, k)".into())),
        [_] => (outputs.shape(), 1),
        [outer @ .., cols] => (outer, *cols),
    };
    let width = match targets.shape() {
        shape if shape == outputs.shape() => cols,
        shape if shape == outer || shape == [outer, &[1]].concat() => 1,
        // One-hot vectors beside class numbers.
        [head @ .., classes] if head == outputs.shape() => *classes,
        shape => {
            let or = if cols > 1 { format!(", or {outer:?} for class numbers") } else { String::new() };
            let problem = format!(
                "targets has the shape {shape:?}, expected {:?}{or}: nothing is broadcast",
                outputs.shape()
            );
            return Err(error(problem));
        }
    };
    metric.check(width, cols).map_err(error)?;
    if let Some(weights) = weights {
        if weights.shape() != [samples] && weights.shape() != [samples, 1] {
            return Err(error(format!("weights has the shape {:?}, expected ({samples},)", weights.shape())));
        }
        if let Some(bad) = weights.to_f32().iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
            return Err(error(format!("weights has a {bad}, expected numbers of at least 0")));
        }
    }
    let weights = weights.map(Tensor::to_f32);
    let (targets, outputs) = (targets.to_f32(), outputs.to_f32());
    if let Some(bad) = targets.iter().find(|target| !target.is_finite()) {
        return Err(error(format!("targets has a {bad}, expected numbers")));
    }
    let mut sums = vec![0.0; metric.sums(width, cols)];
    if cols > 0 && samples > 0 {
        let groups = outputs.len() / cols / samples;
        for (row, (target, output)) in targets.chunks_exact(width).zip(outputs.chunks_exact(cols)).enumerate() {
            let weight = weights.as_ref().map_or(1.0, |weights| f64::from(weights[row / groups]));
            metric.observe(&Row::new(target, output), weight, &mut sums);
        }
    }
    let named = |(behind, value): (String, f64)| (format!("{}{behind}", metric.name()), value);
    Ok(metric.results(&sums).into_iter().map(named).collect())
}

/// The registry: module, type, names. `CLASS` is Keras's class name, the first name is Keras's own.
macro_rules! registry {
    ($($module:ident $word:ident $class:literal [$name:literal $(, $alias:literal)*];)*) => {
        $(mod $module; pub use $module::$word;)*

        /// All names.
        pub fn names() -> Vec<&'static str> {
            vec!["acc" $(, $name $(, $alias)*)*]
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
    accuracy Accuracy "Accuracy" ["accuracy"];
    auc AUC "AUC" ["auc"];
    balanced_accuracy BalancedAccuracy "BalancedAccuracy" ["balanced_accuracy"];
    binary_accuracy BinaryAccuracy "BinaryAccuracy" ["binary_accuracy"];
    binary_crossentropy BinaryCrossentropy "BinaryCrossentropy" ["binary_crossentropy", "bce", "BCE"];
    binary_iou BinaryIoU "BinaryIoU" ["binary_io_u"];
    categorical_accuracy CategoricalAccuracy "CategoricalAccuracy" ["categorical_accuracy"];
    categorical_crossentropy CategoricalCrossentropy "CategoricalCrossentropy" ["categorical_crossentropy"];
    categorical_hinge CategoricalHinge "CategoricalHinge" ["categorical_hinge"];
    concordance_correlation ConcordanceCorrelation "ConcordanceCorrelation" ["concordance_correlation"];
    confusion_matrix ConfusionMatrix "ConfusionMatrix" ["confusion_matrix"];
    cosine_similarity CosineSimilarity "CosineSimilarity" ["cosine_similarity"];
    expected_calibration_error ExpectedCalibrationError "ExpectedCalibrationError" ["expected_calibration_error"];
    f1_score F1Score "F1Score" ["f1_score"];
    false_negatives FalseNegatives "FalseNegatives" ["false_negatives"];
    false_positives FalsePositives "FalsePositives" ["false_positives"];
    fbeta_score FBetaScore "FBetaScore" ["f_beta_score", "fbeta_score"];
    hinge Hinge "Hinge" ["hinge"];
    iou IoU "IoU" ["io_u"];
    kl_divergence KLDivergence "KLDivergence" ["kl_divergence"];
    log_cosh_error LogCoshError "LogCoshError" ["log_cosh_error", "logcosh"];
    matthews_correlation MatthewsCorrelation "MatthewsCorrelation" ["matthews_correlation"];
    mean_absolute_error MeanAbsoluteError "MeanAbsoluteError" ["mean_absolute_error", "mae", "MAE"];
    mean_absolute_percentage_error MeanAbsolutePercentageError "MeanAbsolutePercentageError"
        ["mean_absolute_percentage_error", "mape", "MAPE"];
    mean_iou MeanIoU "MeanIoU" ["mean_io_u"];
    mean_squared_error MeanSquaredError "MeanSquaredError" ["mean_squared_error", "mse", "MSE"];
    mean_squared_logarithmic_error MeanSquaredLogarithmicError "MeanSquaredLogarithmicError"
        ["mean_squared_logarithmic_error", "msle", "MSLE"];
    one_hot_iou OneHotIoU "OneHotIoU" ["one_hot_io_u"];
    one_hot_mean_iou OneHotMeanIoU "OneHotMeanIoU" ["one_hot_mean_io_u"];
    pearson_correlation PearsonCorrelation "PearsonCorrelation" ["pearson_correlation"];
    per_class PerClass "PerClass" ["per_class"];
    poisson Poisson "Poisson" ["poisson"];
    precision Precision "Precision" ["precision"];
    precision_at_recall PrecisionAtRecall "PrecisionAtRecall" ["precision_at_recall"];
    r2_score R2Score "R2Score" ["r2_score"];
    recall Recall "Recall" ["recall"];
    recall_at_precision RecallAtPrecision "RecallAtPrecision" ["recall_at_precision"];
    root_mean_squared_error RootMeanSquaredError "RootMeanSquaredError" ["root_mean_squared_error"];
    sensitivity_at_specificity SensitivityAtSpecificity "SensitivityAtSpecificity" ["sensitivity_at_specificity"];
    sparse_categorical_accuracy SparseCategoricalAccuracy "SparseCategoricalAccuracy"
        ["sparse_categorical_accuracy"];
    sparse_categorical_crossentropy SparseCategoricalCrossentropy "SparseCategoricalCrossentropy"
        ["sparse_categorical_crossentropy"];
    sparse_top_k_categorical_accuracy SparseTopKCategoricalAccuracy "SparseTopKCategoricalAccuracy"
        ["sparse_top_k_categorical_accuracy"];
    specificity_at_sensitivity SpecificityAtSensitivity "SpecificityAtSensitivity" ["specificity_at_sensitivity"];
    squared_hinge SquaredHinge "SquaredHinge" ["squared_hinge"];
    top_k_categorical_accuracy TopKCategoricalAccuracy "TopKCategoricalAccuracy" ["top_k_categorical_accuracy"];
    true_negatives TrueNegatives "TrueNegatives" ["true_negatives"];
    true_positives TruePositives "TruePositives" ["true_positives"];
}

/// The metric of this name or class name, with these keys, and the name that the keys give it.
///
/// # Errors
/// When there is none, or a key makes no sense.
pub fn from_config(word: &str, keys: Keys, registry: &Registry) -> Result<(Arc<dyn Metric>, Option<String>)> {
    let mut config = Config::with_registry(word, keys, registry);
    let name = config.string("name")?;
    whole_numbers(word, &mut config);
    config.float32()?;
    let metric = match registry.find_metric(word) {
        Some(make) => make(&mut config)?,
        None => known(word, &mut config)?
            .ok_or_else(|| Error::unknown("metric", word, registry.names_of("metric", names())))?,
    };
    config.finish()?;
    Ok((metric, name))
}

/// Keras counts intersections and unions in whole numbers, and says so in `dtype`; here they are weights of samples.
fn whole_numbers(word: &str, config: &mut Config) {
    if word.ends_with("IoU") || word.ends_with("_io_u") {
        let dtype =
            config.take("dtype").filter(|dtype| !dtype.as_str().is_some_and(|dtype| dtype.starts_with("int")));
        config.put("dtype", dtype);
    }
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
                let (metric, name) = from_config(&word, keys, registry)
                    .map_err(|error| crate::config::unknown_function(&value, error))?;
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
