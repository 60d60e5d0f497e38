//! [`Compile`]: with what a model is trained: losses, optimizer, metrics.

use crate::config::{Keys, name_and_keys};
use crate::error::{Error, Result};
use crate::losses::{Loss, LossArg, Reduction, Targets};
use crate::metrics::{self, MetricArg};
use crate::model::Model;
use crate::optimizers::{Engine, OptimizerArg};
use crate::registry::Registry;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use vanilla_plan::{Fact, Link, OutputLoss};

/// Keras's arguments of `compile`, with Keras's defaults.
///
/// ```
/// use vanilla::prelude::*;
/// let x = Input::new([4]).tensor();
/// let hidden = Dense::new(8).activation("relu").call(&x);
/// let (price, kind) = (
///     Dense::new(1).name("price").call(&hidden),
///     Dense::new(3).activation("softmax").name("kind").call(&hidden),
/// );
/// let mut model = Model::new(&x, [&price, &kind])?;
/// model.compile_with(
///     Compile::new(["mse", "sparse_categorical_crossentropy"], "adam")
///         .loss_weights([1.0, 0.5])
///         .metrics_of("kind", ["acc"]),
/// )?;
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Compile {
    losses: Losses,
    optimizer: OptimizerArg,
    metrics: MetricLists,
    weighted_metrics: MetricLists,
    loss_weights: Option<Value>,
    registry: Registry,
}

impl Compile {
    /// These losses (one for all outputs, a list with one for each, or [`Losses::named`]) and this optimizer.
    pub fn new(losses: impl Into<Losses>, optimizer: impl Into<OptimizerArg>) -> Self {
        Self {
            losses: losses.into(),
            optimizer: optimizer.into(),
            metrics: MetricLists::default(),
            weighted_metrics: MetricLists::default(),
            loss_weights: None,
            registry: Registry::default(),
        }
    }

    /// Metrics of the only output, in which every sample counts the same.
    pub fn metrics<M: Into<MetricArg>>(mut self, metrics: impl IntoIterator<Item = M>) -> Self {
        self.metrics.only = metrics.into_iter().map(Into::into).collect();
        self
    }

    /// Metrics of the output with this name, which is that of its layer.
    pub fn metrics_of<M: Into<MetricArg>>(
        mut self,
        output: impl Into<String>,
        metrics: impl IntoIterator<Item = M>,
    ) -> Self {
        self.metrics.named.push((output.into(), metrics.into_iter().map(Into::into).collect()));
        self
    }

    /// Metrics of the only output in which samples count by their `sample_weight` or `class_weight`.
    pub fn weighted_metrics<M: Into<MetricArg>>(mut self, metrics: impl IntoIterator<Item = M>) -> Self {
        self.weighted_metrics.only = metrics.into_iter().map(Into::into).collect();
        self
    }

    /// As [`Compile::weighted_metrics`], of the output with this name.
    pub fn weighted_metrics_of<M: Into<MetricArg>>(
        mut self,
        output: impl Into<String>,
        metrics: impl IntoIterator<Item = M>,
    ) -> Self {
        self.weighted_metrics.named.push((output.into(), metrics.into_iter().map(Into::into).collect()));
        self
    }

    /// With words of one's own beside Keras's.
    pub fn registry(mut self, registry: &Registry) -> Self {
        self.registry = registry.clone();
        self
    }

    /// What the loss of each output counts in the sum.
    pub fn loss_weights(mut self, weights: impl IntoIterator<Item = f64>) -> Self {
        // JSON has no NaN; as a text it can be refused by name.
        let number = |weight: f64| if weight.is_finite() { json!(weight) } else { json!(weight.to_string()) };
        self.loss_weights = Some(weights.into_iter().map(number).collect());
        self
    }
}

/// The losses of the outputs of a model.
#[derive(Clone, Debug)]
pub enum Losses {
    /// The same for all.
    One(LossArg),
    /// One for each output.
    Each(Vec<LossArg>),
    /// By the names of the outputs; an output without one is not learnt.
    Named(Vec<(String, LossArg)>),
}

impl Losses {
    /// Losses by the names of the outputs: `Losses::named([("price", "mse"), ("kind", "mae")])`.
    pub fn named<L: Into<LossArg>>(losses: impl IntoIterator<Item = (&'static str, L)>) -> Self {
        Self::Named(losses.into_iter().map(|(name, loss)| (name.to_owned(), loss.into())).collect())
    }

    /// As Keras writes them.
    fn from_json(value: Value) -> Self {
        match value {
            Value::Array(losses) => Self::Each(losses.into_iter().map(LossArg::Config).collect()),
            Value::Object(named) if !named.contains_key("class_name") && !named.contains_key("class") => {
                Self::Named(named.into_iter().map(|(name, loss)| (name, LossArg::Config(loss))).collect())
            }
            one => Self::One(LossArg::Config(one)),
        }
    }
}

impl From<&str> for Losses {
    fn from(name: &str) -> Self {
        Self::One(name.into())
    }
}

impl<L: Loss + 'static> From<L> for Losses {
    fn from(loss: L) -> Self {
        Self::One(loss.into())
    }
}

impl From<LossArg> for Losses {
    fn from(loss: LossArg) -> Self {
        Self::One(loss)
    }
}

impl<L: Into<LossArg>, const N: usize> From<[L; N]> for Losses {
    fn from(losses: [L; N]) -> Self {
        Self::Each(losses.into_iter().map(Into::into).collect())
    }
}

/// Metrics of the only output, or of each by its name.
#[derive(Clone, Debug, Default)]
struct MetricLists {
    only: Vec<MetricArg>,
    named: Vec<(String, Vec<MetricArg>)>,
}

impl MetricLists {
    /// As Keras writes them: a list, a list of lists, or lists by names.
    fn from_json(key: &str, value: Option<Value>, outputs: &[String]) -> Result<Self> {
        let args = |value: Value| match value {
            Value::Array(items) => items.into_iter().map(MetricArg::Config).collect(),
            Value::Null => Vec::new(),
            one => vec![MetricArg::Config(one)],
        };
        Ok(match value {
            None => Self::default(),
            Some(Value::Array(lists)) if outputs.len() > 1 => {
                if lists.len() != outputs.len() {
                    let problem = format!(
                        "{key} has {} entries, expected {}: a list of metrics for each output",
                        lists.len(),
                        outputs.len()
                    );
                    return Err(Error::config("compile", problem));
                }
                let named = outputs.iter().cloned().zip(lists.into_iter().map(args)).collect();
                Self { only: Vec::new(), named }
            }
            Some(Value::Array(items)) => {
                // One output, in a list of its own.
                let items = match &items[..] {
                    [Value::Array(inner)] => inner.clone(),
                    _ => items,
                };
                Self { only: items.into_iter().map(MetricArg::Config).collect(), named: Vec::new() }
            }
            Some(Value::Object(named)) if !named.contains_key("class_name") => Self {
                only: Vec::new(),
                named: named.into_iter().map(|(name, list)| (name, args(list))).collect(),
            },
            Some(other) => {
                let problem = format!("{key} = {other}, expected a list such as [\"acc\"]");
                return Err(Error::config("compile", problem));
            }
        })
    }

    /// By output.
    fn resolve(self, key: &str, outputs: &[String], registry: &Registry) -> Result<Vec<Vec<metrics::Compiled>>> {
        let mut lists: Vec<Vec<MetricArg>> = outputs.iter().map(|_| Vec::new()).collect();
        if !self.only.is_empty() {
            let [list] = &mut lists[..] else {
                let problem = format!(
                    "{key} without the name of an output, and the model has {}: {}; say which with {key}_of",
                    outputs.len(),
                    outputs.join(", ")
                );
                return Err(Error::config("compile", problem));
            };
            *list = self.only;
        }
        for (name, metrics) in self.named {
            lists[output(key, &name, outputs)?].extend(metrics);
        }
        lists.into_iter().map(|list| list.into_iter().map(|metric| metric.resolve(registry)).collect()).collect()
    }
}

/// The number of the output with this name.
fn output(key: &str, name: &str, outputs: &[String]) -> Result<usize> {
    outputs.iter().position(|output| output == name).ok_or_else(|| {
        let problem = format!("{key} of '{name}', expected one of the outputs: {}", outputs.join(", "));
        Error::config("compile", problem)
    })
}

/// A metric at its output.
#[derive(Clone, Debug)]
pub(crate) struct CompiledMetric {
    /// Its name in logs: with that of the output where there are several.
    pub key: String,
    pub output: usize,
    pub metric: metrics::Compiled,
    /// Samples count by their weights.
    pub weighted: bool,
}

/// What a model was compiled with.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    /// One an output.
    pub losses: Vec<Option<CompiledLoss>>,
    pub optimizer: Engine,
    pub metrics: Vec<CompiledMetric>,
    /// As Keras writes it, but for the optimizer.
    pub config: Value,
    /// The optimizer has its slots.
    pub attached: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct CompiledLoss {
    pub loss: Arc<dyn Loss>,
    pub weight: f32,
    pub reduction: Reduction,
}

impl Compiled {
    /// As the planner wants them.
    pub fn output_losses(&self) -> Vec<Option<OutputLoss>> {
        let loss = |loss: &CompiledLoss| OutputLoss {
            loss: loss.loss.clone(),
            weight: loss.weight,
            reduction: loss.reduction,
        };
        self.losses.iter().map(|compiled| compiled.as_ref().map(loss)).collect()
    }
}

impl Model {
    /// Sets the loss, the optimizer and the metrics, by name or by value; an earlier optimizer's state is dropped.
    ///
    /// ```
    /// # use vanilla::prelude::*;
    /// # let mut model = Sequential::new(layers![Dense::new(1).input_dim(2)])?;
    /// model.compile("mse", "adam", ["mae"])?;
    /// model.compile(MeanSquaredError, Adam::new(0.01).beta_1(0.8), ["mae"])?;
    /// # Ok::<(), vanilla::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a name is unknown, or a loss cannot follow the last layer; the model is then compiled as it was.
    pub fn compile<M: Into<MetricArg>>(
        &mut self,
        losses: impl Into<Losses>,
        optimizer: impl Into<OptimizerArg>,
        metrics: impl IntoIterator<Item = M>,
    ) -> Result<()> {
        self.compile_with(Compile::new(losses, optimizer).metrics(metrics))
    }

    /// [`Model::compile`] with everything that Keras lets one say.
    ///
    /// # Errors
    /// As [`Model::compile`].
    pub fn compile_with(&mut self, options: Compile) -> Result<()> {
        let outputs = self.output_names();
        // Written as it was said: by name, or in a list.
        let named = outputs.len() > 1 && matches!(options.losses, Losses::Named(_));
        let args: Vec<Option<LossArg>> = match options.losses {
            Losses::One(loss) => vec![Some(loss); outputs.len()],
            Losses::Each(losses) if losses.len() == outputs.len() => losses.into_iter().map(Some).collect(),
            Losses::Each(losses) => {
                let problem = format!(
                    "{} losses, and the model has {} outputs: {}; give one for each, or one for all",
                    losses.len(),
                    outputs.len(),
                    outputs.join(", ")
                );
                return Err(Error::config("compile", problem));
            }
            Losses::Named(named) => {
                let mut args = vec![None; outputs.len()];
                for (name, loss) in named {
                    args[output("a loss", &name, &outputs)?] = Some(loss);
                }
                args
            }
        };
        let weights = loss_weights(options.loss_weights.as_ref(), &outputs)?;
        let (mut losses, mut configs) = (Vec::new(), Vec::new());
        for (arg, weight) in args.into_iter().zip(weights) {
            let (loss, config) = match arg {
                Some(LossArg::Config(Value::Null)) | None => (None, Value::Null),
                Some(arg) => {
                    let (loss, reduction, config) = arg.resolve(&options.registry)?;
                    (Some(CompiledLoss { loss, weight, reduction }), config)
                }
            };
            losses.push(loss);
            configs.push(config);
        }
        if losses.iter().all(Option::is_none) {
            return Err(Error::config("compile", "no loss: name one, such as \"categorical_crossentropy\""));
        }
        let optimizer = Engine::new(options.optimizer.resolve(&options.registry)?);
        let plain = options.metrics.resolve("metrics", &outputs, &options.registry)?;
        let weighted = options.weighted_metrics.resolve("weighted_metrics", &outputs, &options.registry)?;
        let by_output = |values: Vec<Value>| match &values[..] {
            _ if named => outputs.iter().cloned().zip(values).collect::<Keys>().into(),
            [only] => only.clone(),
            _ => Value::Array(values),
        };
        let written = |lists: &[Vec<metrics::Compiled>]| -> Value {
            let list = |list: &Vec<metrics::Compiled>| list.iter().map(|metric| metric.config.clone()).collect();
            by_output(lists.iter().map(list).collect())
        };
        let config = json!({
            "loss": by_output(configs),
            "loss_weights": options.loss_weights,
            "metrics": written(&plain),
            "weighted_metrics": if weighted.iter().all(Vec::is_empty) { Value::Null } else { written(&weighted) },
        });
        let mut keys: HashSet<String> = HashSet::from(["loss".to_owned()]);
        let mut metrics = Vec::new();
        for (output, name) in outputs.iter().enumerate() {
            for (list, is_weighted) in [(&plain, false), (&weighted, true)] {
                for metric in &list[output] {
                    let full =
                        |key: &str| if outputs.len() > 1 { format!("{name}_{key}") } else { key.to_owned() };
                    let mut key = full(&metric.key);
                    if is_weighted && keys.contains(&key) {
                        key = full(&format!("weighted_{}", metric.key));
                    }
                    if !keys.insert(key.clone()) {
                        return Err(Error::config(
                            "compile",
                            format!(
                                "the metric '{key}' is there twice: give one of them another name, such as \
                             Precision::new().named(\"other\") or the key \"name\""
                            ),
                        ));
                    }
                    metrics.push(CompiledMetric { key, output, metric: metric.clone(), weighted: is_weighted });
                }
            }
        }
        let former = self.compiled.replace(Compiled { losses, optimizer, metrics, config, attached: false });
        let checked = self.check_compiled();
        if checked.is_err() {
            self.compiled = former;
        }
        checked
    }

    /// Compiles as Keras's `compile_config` (or an experiment's `[compile]`) says.
    ///
    /// # Errors
    /// When a name is unknown or a key makes no sense.
    pub fn compile_from_json(&mut self, value: &Value) -> Result<()> {
        self.compile_from_json_with(value, &Registry::default())
    }

    /// As [`Model::compile_from_json`], with words of one's own.
    ///
    /// # Errors
    /// As [`Model::compile_from_json`].
    pub fn compile_from_json_with(&mut self, value: &Value, registry: &Registry) -> Result<()> {
        let keys = value.as_object().cloned().unwrap_or_default();
        let mut config = crate::config::Config::new("compile", keys);
        let loss =
            config.take("loss").ok_or_else(|| config.error("no loss, such as \"categorical_crossentropy\""))?;
        let optimizer = config.take("optimizer").unwrap_or_else(|| "rmsprop".into());
        let outputs = self.output_names();
        let metrics = MetricLists::from_json("metrics", config.take("metrics"), &outputs)?;
        let weighted_metrics =
            MetricLists::from_json("weighted_metrics", config.take("weighted_metrics"), &outputs)?;
        let loss_weights = config.take("loss_weights");
        // How Keras executes, not what it computes.
        for ignored in ["jit_compile", "steps_per_execution", "run_eagerly", "auto_scale_loss"] {
            config.take(ignored);
        }
        config.finish()?;
        let losses = Losses::from_json(loss);
        let optimizer = OptimizerArg::Config(optimizer);
        let registry = registry.clone();
        self.compile_with(Compile { losses, optimizer, metrics, weighted_metrics, loss_weights, registry })
    }

    /// Whether losses and metrics go with the outputs that they look at, once the shapes are known.
    pub(crate) fn check_compiled(&self) -> Result<()> {
        let (Some(built), Some(compiled)) = (&self.built, &self.compiled) else { return Ok(()) };
        for ((output, shape), loss) in built.network.outputs.iter().zip(&built.output_shapes).zip(&compiled.losses)
        {
            let Some(loss) = loss.as_ref().map(|compiled| &compiled.loss) else { continue };
            let last = built.network.node(*output).map(|node| &node.fact);
            let width = shape.last().copied().unwrap_or(1);
            if let Some(problem) = trouble(&**loss, last, width) {
                return Err(Error::config("compile", problem));
            }
        }
        for metric in &compiled.metrics {
            let outputs = built.network.form(built.network.outputs[metric.output]).cols;
            let Some(loss) = &compiled.losses[metric.output] else {
                let problem = format!(
                    "the metric '{}' is of an output without a loss, whose targets nobody reads",
                    metric.key
                );
                return Err(Error::config("compile", problem));
            };
            let target = loss.loss.target_width(outputs);
            if let Err(problem) = metric.metric.metric(target, outputs).check(target, outputs) {
                return Err(Error::config("compile", format!("the metric '{}' {problem}", metric.key)));
            }
        }
        Ok(())
    }
}

/// Why this loss makes no sense behind a last step like this, of so many outputs.
fn trouble(loss: &dyn Loss, last: Option<&Fact>, width: usize) -> Option<String> {
    let name = loss.name();
    let probabilities = match last.and_then(Fact::link) {
        Some(Link::Softmax) => Some("softmax"),
        Some(Link::Sigmoid) => Some("sigmoid"),
        None => None,
    };
    if width == 1 && probabilities == Some("softmax") {
        Some("softmax of a single output is always 1: use sigmoid with binary_crossentropy".to_owned())
    } else if width == 1 && loss.targets() != Targets::Numbers {
        Some(format!("{name} of a single output: it wants one for each class, or use binary_crossentropy"))
    } else if loss.wants_probabilities() && matches!(last, Some(Fact::Affine { .. })) {
        let or = if loss.config().contains_key("from_logits") { ", or say from_logits" } else { "" };
        Some(format!(
            "{name} of outputs without an activation, which are no probabilities: end in softmax or sigmoid{or}"
        ))
    } else {
        let activation = probabilities.filter(|_| loss.wants_logits())?;
        Some(format!(
            "{name} with from_logits, and the {activation} at the end makes probabilities: leave out one of the two"
        ))
    }
}

/// What each output counts, from Keras's list, table or number.
fn loss_weights(value: Option<&Value>, outputs: &[String]) -> Result<Vec<f32>> {
    let wrong = |found: &dyn std::fmt::Display| {
        Error::config(
            "compile",
            format!("loss_weights = {found}, expected {} numbers, one for each output", outputs.len()),
        )
    };
    let number = |value: &Value| {
        let weight = value.as_f64().filter(|weight| weight.is_finite());
        weight.map(|weight| weight as f32).ok_or_else(|| wrong(value))
    };
    match value {
        None | Some(Value::Null) => Ok(vec![1.0; outputs.len()]),
        Some(Value::Array(weights)) if weights.len() == outputs.len() => weights.iter().map(number).collect(),
        Some(Value::Object(named)) if name_and_keys(&Value::Object(named.clone())).is_none() => {
            let mut weights = vec![1.0; outputs.len()];
            for (name, weight) in named {
                weights[output("loss_weights", name, outputs)?] = number(weight)?;
            }
            Ok(weights)
        }
        Some(other) => Err(wrong(other)),
    }
}
