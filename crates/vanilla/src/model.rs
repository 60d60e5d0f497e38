//! [`Sequential`]: a description, its weights, and what it was compiled with.

use crate::error::{Error, Result};
use crate::layers::{Layer, VariableSpec};
use crate::losses::{Loss, LossArg, Targets};
use crate::metrics::{self, MetricArg};
use crate::optimizers::{Optimizer, OptimizerArg};
use crate::runtime::Runtime;
use crate::summary::{Summary, SummaryRow};
use crate::tensor::Tensor;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};
use vanilla_plan::kernels::Kernels;
use vanilla_plan::kernels::random::Stream;
use vanilla_plan::{Network, Params, Passes, Plan};

/// Layers one after the other.
///
/// ```
/// use vanilla::prelude::*;
/// let mut model = Sequential::new(layers![
///     Dense::new(1000).activation("relu").input_dim(784),
///     Dense::new(10).activation("softmax"),
/// ])?;
/// model.compile("categorical_crossentropy", "adam", ["acc"])?;
/// assert_eq!(model.count_params(), 795_010);
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Debug)]
pub struct Sequential {
    pub(crate) name: String,
    pub(crate) layers: Vec<Box<dyn Layer>>,
    /// Unique names, one a layer.
    pub(crate) names: Vec<String>,
    pub(crate) built: Option<Built>,
    pub(crate) compiled: Option<Compiled>,
    pub(crate) seed: u64,
    /// Epochs trained so far: the number of the next permutation.
    pub(crate) epochs_done: u64,
    threads: Option<usize>,
    portable_math: bool,
    runtime: OnceLock<Runtime>,
}

/// A model whose input shape is known.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    pub input_shape: Vec<usize>,
    pub network: Network,
    /// Output shape of every layer.
    pub shapes: Vec<Vec<usize>>,
    /// Every variable with the number of its layer.
    pub variables: Vec<(usize, VariableSpec)>,
    pub params: Params,
}

#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub loss: Arc<dyn Loss>,
    pub loss_config: serde_json::Value,
    pub optimizer: Arc<dyn Optimizer>,
    pub metrics: Vec<metrics::Compiled>,
    /// The optimizer has its slots.
    pub attached: bool,
}

/// Values of one sample, in any layer; a batch of 64 then takes 4 GiB.
pub(crate) const MAX_WIDTH: usize = 1 << 24;

/// Weights of a model: 4 GiB, and as much for each slot of the optimizer.
const MAX_WEIGHTS: usize = 1 << 30;

/// Streams of the seed: one for each use, so that no use disturbs another. Variables take 0, 1, 2, …
const SHUFFLE_STREAM: u64 = 1 << 32;

impl Sequential {
    /// A model of these layers. It is built at once if the first layer states its input (`input_dim`), else by its
    /// first data.
    ///
    /// # Errors
    /// When a layer makes no sense, alone or after the one before it, or two layers have the same name.
    pub fn new(layers: Vec<Box<dyn Layer>>) -> Result<Self> {
        let names = unique_names(&layers)?;
        let input = layers.first().and_then(|layer| layer.input_shape());
        let mut model = Self {
            name: "sequential".into(),
            layers,
            names,
            built: None,
            compiled: None,
            seed: 0,
            epochs_done: 0,
            threads: None,
            portable_math: false,
            runtime: OnceLock::new(),
        };
        if let Some(input) = input {
            model.build(&input)?;
        } else {
            // Shapes are unknown; what can be wrong without them should still be wrong here and not in `fit`.
            model.check_activations()?;
        }
        Ok(model)
    }

    /// Names the model.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Draws the weights anew from this seed, which also decides shuffling and dropout. Without it the seed is 0.
    ///
    /// # Errors
    /// None that [`Sequential::new`] did not have.
    pub fn with_seed(mut self, seed: u64) -> Result<Self> {
        self.seed = seed;
        if let Some(built) = self.built.take() {
            self.build(&built.input_shape)?;
        }
        Ok(self)
    }

    /// Shuffling and dropout follow this seed from here on; the weights stay. For a model that was loaded, whose file
    /// has no seed.
    pub fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Computes with arithmetic that has the same bits with every instruction set and on every machine.
    pub fn with_portable_math(mut self, portable_math: bool) -> Self {
        self.portable_math = portable_math;
        self.runtime = OnceLock::new();
        self
    }

    /// What the bits of a training depend on besides the experiment: `portable` or an instruction set, such as `avx2`.
    ///
    /// # Errors
    /// When an environment variable makes no sense.
    pub fn arithmetic(&self) -> Result<&'static str> {
        Ok(self.runtime()?.arithmetic())
    }

    /// Uses this many threads. Without it: `VANILLA_THREADS`, else one a core; a model too small to gain from more
    /// than one uses one. The results are the same bits for every number.
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads.max(1));
        self.runtime = OnceLock::new();
        self
    }

    /// Fixes the shape of one input sample and draws the weights.
    ///
    /// # Errors
    /// When a layer does not take what the one before it gives.
    pub fn build(&mut self, input_shape: &[usize]) -> Result<()> {
        if input_shape.contains(&0) {
            let problem = format!("input of shape {}: an axis is empty", crate::layers::shape(input_shape));
            return Err(Error::config(format!("model '{}'", self.name), problem));
        }
        let mut shape = input_shape.to_vec();
        let inputs = shape.iter().try_fold(1usize, |product, axis| product.checked_mul(*axis));
        let inputs = inputs.filter(|inputs| *inputs <= MAX_WIDTH).ok_or_else(|| {
            let problem =
                format!("input of shape {}, more than {MAX_WIDTH} values", crate::layers::shape(input_shape));
            Error::config(format!("model '{}'", self.name), problem)
        })?;
        let mut network = Network { inputs, facts: Vec::new() };
        let (mut shapes, mut variables) = (Vec::new(), Vec::new());
        for (i, layer) in self.layers.iter().enumerate() {
            let place = format!("layer '{}' ({})", self.names[i], layer.class_name());
            let built = layer.build(&place, &shape)?;
            if let Some(stated) = layer.input_shape()
                && stated != shape
            {
                let (stated, shape) = (crate::layers::shape(&stated), crate::layers::shape(&shape));
                let problem = format!("states an input of shape {stated}, but is given {shape}");
                return Err(Error::config(place, problem));
            }
            network.facts.extend(built.facts);
            variables.extend(built.variables.into_iter().map(|variable| (i, variable)));
            shape = built.output_shape;
            shapes.push(shape.clone());
        }
        let weights: usize = network.variables().iter().map(|(rows, cols)| rows.saturating_mul(*cols)).sum();
        if weights > MAX_WEIGHTS {
            let problem =
                format!("{weights} weights, more than the {MAX_WEIGHTS} that are supported: use fewer units");
            return Err(Error::config(format!("model '{}'", self.name), problem));
        }
        // The weights, and the largest variable once more while it is drawn.
        crate::memory::refuse_too_much(&format!("model '{}'", self.name), 8 * weights as u64, "use fewer units")?;
        let mut params = Params::zeros(&network);
        for (number, ((_, spec), variable)) in variables.iter().zip(&mut params.variables).enumerate() {
            let elements = spec.initializer.fill(&spec.shape, &mut Stream::new(self.seed, number as u64))?;
            variable.weights.copy_from_row_major(&elements);
        }
        if let Some(compiled) = &mut self.compiled {
            compiled.attached = false;
        }
        self.built = Some(Built { input_shape: input_shape.to_vec(), network, shapes, variables, params });
        Ok(())
    }

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
    /// When a name is unknown, or a loss cannot follow the last layer.
    pub fn compile<M: Into<MetricArg>>(
        &mut self,
        loss: impl Into<LossArg>,
        optimizer: impl Into<OptimizerArg>,
        metrics: impl IntoIterator<Item = M>,
    ) -> Result<()> {
        let (loss, loss_config) = loss.into().resolve()?;
        let optimizer = optimizer.into().resolve()?;
        let metrics = metrics.into_iter().map(|metric| metric.into().resolve()).collect::<Result<Vec<_>>>()?;
        let mut keys = HashSet::from(["loss"]);
        if let Some(twice) = metrics.iter().find(|metric| !keys.insert(&metric.key)) {
            return Err(Error::config("compile", format!("the metric '{}' is there twice", twice.key)));
        }
        self.compiled = Some(Compiled { loss, loss_config, optimizer, metrics, attached: false });
        Ok(())
    }

    /// What the compiled loss compares with; `None` before [`Sequential::compile`].
    pub fn targets(&self) -> Option<Targets> {
        self.compiled.as_ref().map(|compiled| compiled.loss.targets())
    }

    /// Whether [`Sequential::compile`] was called.
    pub fn is_compiled(&self) -> bool {
        self.compiled.is_some()
    }

    /// The same model with another learning rate; the optimizer's state stays.
    ///
    /// # Errors
    /// When it is not compiled.
    pub fn set_learning_rate(&mut self, learning_rate: f32) -> Result<()> {
        let compiled = self.compiled.as_mut().ok_or(NOT_COMPILED)?;
        compiled.optimizer = compiled.optimizer.with_learning_rate(learning_rate);
        Ok(())
    }

    /// The learning rate of the optimizer, as it is now.
    ///
    /// # Errors
    /// When the model is not compiled.
    pub fn learning_rate(&self) -> Result<f32> {
        Ok(self.compiled.as_ref().ok_or(NOT_COMPILED)?.optimizer.learning_rate())
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The layers' names, first to last.
    pub fn layer_names(&self) -> &[String] {
        &self.names
    }

    /// Shape of one input sample, once it is known.
    pub fn input_shape(&self) -> Option<&[usize]> {
        self.built.as_ref().map(|built| built.input_shape.as_slice())
    }

    /// Number of outputs, once it is known.
    pub fn outputs(&self) -> Option<usize> {
        self.built.as_ref().map(|built| built.network.outputs())
    }

    /// Number of weights; 0 before the input shape is known.
    pub fn count_params(&self) -> usize {
        self.built.as_ref().map_or(0, |built| built.params.count())
    }

    /// Optimizer steps done so far.
    pub fn iterations(&self) -> u64 {
        self.built.as_ref().map_or(0, |built| built.params.iterations)
    }

    /// Threads that training in batches of this size uses.
    ///
    /// # Errors
    /// When an environment variable makes no sense.
    pub fn threads(&self, batch_size: usize) -> Result<usize> {
        let available = self.runtime()?.threads();
        Ok(self.built.as_ref().map_or(1, |built| built.network.threads(batch_size, true, available)))
    }

    /// All weights in the order of Keras's `model.weights`: every layer's kernel, then its bias.
    pub fn get_weights(&self) -> Vec<Tensor> {
        let Some(built) = &self.built else { return Vec::new() };
        let pairs = built.variables.iter().zip(&built.params.variables);
        pairs
            .map(|((_, spec), variable)| {
                Tensor::new(variable.weights.to_row_major(), spec.shape.clone())
                    .expect("a variable fills its shape")
            })
            .collect()
    }

    /// Replaces all weights, in the order of [`Sequential::get_weights`].
    ///
    /// # Errors
    /// When there are too many, too few, or one of another shape or with values that are not finite. Then nothing is
    /// replaced.
    pub fn set_weights(&mut self, weights: &[Tensor]) -> Result<()> {
        let built = self.built.as_mut().ok_or(NOT_BUILT)?;
        if weights.len() != built.variables.len() {
            let problem = format!("{} arrays, expected {}", weights.len(), built.variables.len());
            return Err(Error::data("set_weights", problem));
        }
        for (new, (layer, spec)) in weights.iter().zip(&built.variables) {
            let place = || format!("{} of layer '{}'", spec.name, self.names[*layer]);
            if new.shape() != spec.shape {
                return Err(Error::data(place(), format!("shape {:?}, expected {:?}", new.shape(), spec.shape)));
            }
            if let Some(index) = new.first_non_finite() {
                return Err(Error::data(place(), format!("element {index} is not a finite number")));
            }
        }
        for (new, variable) in weights.iter().zip(&mut built.params.variables) {
            variable.weights.copy_from_row_major(&new.to_f32());
        }
        Ok(())
    }

    /// The layer table: print it, or [`render`](Summary::render) it in another layout.
    pub fn summary(&self) -> Summary {
        let mut rows = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            let of_layer = |built: &Built| -> usize {
                let mine = built.variables.iter().filter(|(layer, _)| *layer == i);
                mine.map(|(_, spec)| spec.shape.iter().product::<usize>()).sum()
            };
            rows.push(SummaryRow {
                name: self.names[i].clone(),
                class: layer.class_name().into(),
                output_shape: self.built.as_ref().map_or("?".into(), |b| crate::layers::shape(&b.shapes[i])),
                params: self.built.as_ref().map_or(0, of_layer) as u64,
                connections: Vec::new(),
                trainable: None,
            });
        }
        let params = self.count_params() as u64;
        let attached = self.compiled.as_ref().filter(|compiled| compiled.attached);
        Summary {
            model_name: self.name.clone(),
            rows,
            trainable_params: params,
            non_trainable_params: 0,
            // The slots, the step count and the learning rate.
            optimizer_params: attached.map(|compiled| params * compiled.optimizer.slots() as u64 + 2),
            connected_to: false,
            show_trainable: false,
        }
    }

    /// The compiled training step as text; unfused with `reference`.
    ///
    /// # Errors
    /// When the model is not built or not compiled.
    pub fn plan(&self, batch_size: usize, reference: bool) -> Result<String> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let runtime = self.runtime()?;
        let passes = if reference { Passes::NONE } else { Passes::ALL };
        let threads = built.network.threads(batch_size, self.compiled.is_some(), runtime.threads());
        let machine = format!("{} x {threads} threads", runtime.isa().name());
        let plan = match &self.compiled {
            Some(_) => self.plan_of_a_step(batch_size, passes)?,
            None => Plan::predict(&built.network, batch_size, passes),
        };
        let text = plan.to_string();
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        Ok(format!("{first}   {machine}\n{rest}"))
    }

    pub(crate) fn runtime(&self) -> Result<&Runtime> {
        if self.runtime.get().is_none() {
            // Whoever comes second finds the first one's runtime: they are equal.
            let _ = self.runtime.set(Runtime::new(self.threads, self.portable_math)?);
        }
        Ok(self.runtime.get().expect("set above"))
    }

    /// Kernels on the threads that batches of this size gain from, in training or without.
    pub(crate) fn kernels(&self, batch_size: usize, training: bool) -> Result<Arc<Kernels>> {
        let runtime = self.runtime()?;
        let network = &self.built.as_ref().ok_or(NOT_BUILT)?.network;
        Ok(runtime.kernels(network.threads(batch_size, training, runtime.threads())))
    }

    pub(crate) fn params_mut(&mut self) -> Result<&mut Params> {
        Ok(&mut self.built.as_mut().ok_or(NOT_BUILT)?.params)
    }

    /// The training step, with the learning rate that the optimizer has now.
    pub(crate) fn training_plan(&self, batch_size: usize) -> Result<Plan> {
        self.plan_of_a_step(batch_size, Passes::ALL)
    }

    fn plan_of_a_step(&self, batch_size: usize, passes: Passes) -> Result<Plan> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = self.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let loss: Arc<dyn vanilla_plan::Loss> = compiled.loss.clone();
        let optimizer: Arc<dyn vanilla_plan::Optimizer> = compiled.optimizer.clone();
        Ok(Plan::train(&built.network, &loss, &optimizer, batch_size, self.seed, passes))
    }

    pub(crate) fn evaluation_plan(&self, batch_size: usize) -> Result<Plan> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let loss: Arc<dyn vanilla_plan::Loss> = self.compiled.as_ref().ok_or(NOT_COMPILED)?.loss.clone();
        Ok(Plan::evaluate(&built.network, &loss, batch_size, Passes::ALL))
    }

    /// The order of the rows in the next epoch.
    pub(crate) fn order(&self, rows: usize, shuffle: bool) -> Vec<usize> {
        if shuffle {
            vanilla_plan::kernels::random::permutation(self.seed, SHUFFLE_STREAM + self.epochs_done, rows)
        } else {
            (0..rows).collect()
        }
    }

    /// Builds every layer alone on a made-up row, for errors that do not depend on shapes.
    fn check_activations(&self) -> Result<()> {
        for (layer, name) in self.layers.iter().zip(&self.names) {
            layer.build(&format!("layer '{name}' ({})", layer.class_name()), &[1])?;
        }
        Ok(())
    }
}

pub(crate) const NOT_COMPILED: Error =
    Error::NotReady("the model has no loss and no optimizer yet: call compile first");
pub(crate) const NOT_BUILT: Error =
    Error::NotReady("the model's input shape is not known yet: give the first layer an input_dim, or call build");

/// Keras's automatic names, unique inside this model: `dense`, `dense_1`, …
fn unique_names(layers: &[Box<dyn Layer>]) -> Result<Vec<String>> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut taken: HashSet<String> = HashSet::new();
    for name in layers.iter().filter_map(|layer| layer.name()) {
        if name.is_empty() || name.chars().count() > 256 {
            return Err(Error::config("model", "the name of a layer is empty or longer than 256 characters"));
        }
        if !taken.insert(name.to_owned()) {
            return Err(Error::config(
                "model",
                format!("two layers are named '{name}': names are unique in a model"),
            ));
        }
    }
    let mut automatic = |layer: &dyn Layer| loop {
        let base = snake_case(layer.class_name());
        let count = counts.entry(base.clone()).or_default();
        let name = if *count == 0 { base } else { format!("{base}_{count}") };
        *count += 1;
        if taken.insert(name.clone()) {
            return name;
        }
    };
    Ok(layers.iter().map(|layer| layer.name().map_or_else(|| automatic(&**layer), str::to_owned)).collect())
}

/// Keras's rule: `_` before a capital that starts a lower-case run, and between lower and upper case.
pub(crate) fn snake_case(class_name: &str) -> String {
    let letters: Vec<char> = class_name.chars().collect();
    let mut name = String::new();
    for (i, letter) in letters.iter().enumerate() {
        let after_lower = i > 0 && !letters[i - 1].is_uppercase();
        let before_lower = i > 0 && letters.get(i + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_lower || before_lower) {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Dense, Dropout, Flatten};

    #[test]
    fn names() {
        for (class, name) in [
            ("Dense", "dense"),
            ("ReLU", "re_lu"),
            ("RMSprop", "rm_sprop"),
            ("BatchNormalization", "batch_normalization"),
        ] {
            assert_eq!(snake_case(class), name);
        }
        let model = Sequential::new(crate::layers![
            Flatten::new().input_shape([2, 3]),
            Dense::new(3).name("dense_1"),
            Dense::new(3),
            Dense::new(3),
            Dropout::new(0.5)
        ]);
        assert_eq!(model.unwrap().layer_names(), ["flatten", "dense_1", "dense", "dense_2", "dropout"]);
    }

    #[test]
    fn the_seed_decides_the_weights() {
        let weights = |seed| {
            let layers = crate::layers![Dense::new(4).input_dim(3), Dense::new(2)];
            Sequential::new(layers).unwrap().with_seed(seed).unwrap().get_weights()
        };
        assert_eq!(weights(0), weights(0));
        assert_ne!(weights(0), weights(1));
    }
}
