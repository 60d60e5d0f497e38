//! [`Model`]: a description, its weights, and what it was compiled with; [`Sequential`]: the shortest way to one.

use crate::build::Built;
use crate::compile::Compiled;
use crate::error::{Error, Result};
use crate::graph::{Content, Ends, Graph, KerasTensor, Kind, Nested, Tensors};
use crate::info::ModelInfo;
use crate::layers::AnyLayer;
use crate::losses::Targets;
use crate::metrics::Direction;
use crate::on_batch::OnBatch;
use crate::optimizers::LearningRate;
use crate::runtime::Runtime;
use std::sync::{Arc, OnceLock};
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Params, Passes, Plan};

/// Layers one after the other: a way to make a [`Model`].
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
#[derive(Clone, Copy, Debug)]
pub struct Sequential;

impl Sequential {
    /// A model of these layers. It is built at once if the first layer states its input (`input_dim`), else by its
    /// first data.
    ///
    /// # Errors
    /// When a layer makes no sense, alone or after the one before it, or two layers have the same name.
    #[allow(clippy::new_ret_no_self)] // there is one kind of model, and two ways to describe it
    pub fn new(layers: Vec<AnyLayer>) -> Result<Model> {
        Model::of(Graph::sequential("sequential", layers)?)
    }
}

/// A network: layers and their connections, weights, and what it is trained with.
///
/// [`Sequential::new`] makes one of layers in a row, [`Model::new`] of anything that layers were called on.
#[derive(Debug)]
pub struct Model {
    pub(crate) graph: Graph,
    pub(crate) built: Option<Built>,
    pub(crate) compiled: Option<Compiled>,
    pub(crate) seed: u64,
    /// Epochs trained so far: the number of the next permutation.
    pub(crate) epochs_done: u64,
    threads: Option<usize>,
    portable_math: bool,
    runtime: OnceLock<Runtime>,
    pub(crate) on_batch: OnBatch,
    /// This model in the place of a layer, while its weights stay: calls of it then share one set.
    pub(crate) inside: OnceLock<Arc<Nested>>,
    pub(crate) info: ModelInfo,
    /// What was noticed when it was loaded.
    pub(crate) remarks: Vec<String>,
}

/// Values of one sample, in any layer; a batch of 64 then takes 4 GiB.
pub(crate) const MAX_WIDTH: usize = 1 << 24;

/// Streams of the seed: one for each use, so that no use disturbs another. Variables take 0, 1, 2, …
const SHUFFLE_STREAM: u64 = 1 << 32;

impl Model {
    /// Everything between these inputs and outputs; see [`Call`](crate::Call) for how layers are connected.
    ///
    /// # Errors
    /// When a layer makes no sense where it stands, an input is missing, or two layers have the same name.
    pub fn new(inputs: impl Into<Tensors>, outputs: impl Into<Tensors>) -> Result<Self> {
        Self::of(Graph::functional("functional", &inputs.into(), &outputs.into())?)
    }

    /// The model of this description, built if it states its inputs.
    pub(crate) fn of(graph: Graph) -> Result<Self> {
        Self::within(graph, Some(0), usize::MAX)
    }

    /// As [`Model::of`], with at most this many weights, drawn from this seed or 0.
    pub(crate) fn within(graph: Graph, seed: Option<u64>, max_weights: usize) -> Result<Self> {
        let shapes: Option<Vec<Vec<usize>>> = graph.input_shapes().into_iter().collect();
        let mut model = Self {
            graph,
            built: None,
            compiled: None,
            seed: 0,
            epochs_done: 0,
            threads: None,
            portable_math: false,
            runtime: OnceLock::new(),
            on_batch: OnBatch::default(),
            inside: OnceLock::new(),
            info: ModelInfo::default(),
            remarks: Vec::new(),
        };
        match shapes {
            Some(shapes) => {
                model.built = Some(Built::new(&model.graph, &shapes, seed, max_weights)?);
            }
            None => model.check_layers()?,
        }
        Ok(model)
    }

    /// Names the model.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.graph.name = name.into();
        self.inside.take();
        self
    }

    /// Draws the weights anew from this seed, which also decides shuffling and dropout. Without it the seed is 0.
    ///
    /// # Errors
    /// None that [`Sequential::new`] did not have.
    pub fn with_seed(mut self, seed: u64) -> Result<Self> {
        self.seed = seed;
        if let Some(built) = self.built.take() {
            self.build_all(&built.input_shapes)?;
        }
        Ok(self)
    }

    /// Shuffling and dropout follow this seed from here on; the weights stay. For a model that was loaded, whose file
    /// has no seed.
    pub fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
        self.on_batch = OnBatch::default();
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

    /// Fixes the shape of one sample of the only input and draws the weights.
    ///
    /// # Errors
    /// When a layer does not take what the one before it gives.
    pub fn build(&mut self, input_shape: &[usize]) -> Result<()> {
        self.build_all(&[input_shape.to_vec()])
    }

    /// As [`Model::build`], for every input.
    pub(crate) fn build_all(&mut self, input_shapes: &[Vec<usize>]) -> Result<()> {
        self.built = Some(Built::new(&self.graph, input_shapes, Some(self.seed), usize::MAX)?);
        self.inside.take();
        if let Some(compiled) = &mut self.compiled {
            compiled.attached = false;
        }
        self.on_batch = OnBatch::default();
        self.check_compiled()
    }

    /// Trains the layer with this name, or stops training it. It takes effect at once; the optimizer begins anew. A model
    /// in the place of a layer hands it on to all its layers, as in Keras 3; one of those is named `model/layer`.
    ///
    /// # Errors
    /// When there is no such layer.
    pub fn set_trainable(&mut self, layer: &str, trainable: bool) -> Result<()> {
        let names = self.layer_names();
        let Some(entry) = self.graph.entry_mut(layer) else {
            return Err(Error::unknown("layer of the model", layer, names));
        };
        entry.set_trainable(trainable);
        self.inside.take();
        if let Some(built) = self.built.take() {
            let weights = built.params.variables.into_iter().map(|variable| variable.weights);
            let mut again = Built::new(&self.graph, &built.input_shapes, None, usize::MAX)?;
            for (variable, weights) in again.params.variables.iter_mut().zip(weights) {
                variable.weights = weights;
            }
            self.built = Some(again);
        }
        if let Some(compiled) = &mut self.compiled {
            compiled.attached = false;
        }
        self.on_batch = OnBatch::default();
        Ok(())
    }

    /// The model in the place of a layer, with copies of its weights.
    pub fn as_layer(&self) -> AnyLayer {
        AnyLayer(Content::Model(self.nested()))
    }

    fn nested(&self) -> Arc<Nested> {
        let nested = self.inside.get_or_init(|| {
            let weights = self.built.as_ref().map(|_| self.get_weights());
            Arc::new(Nested { graph: self.graph.clone(), weights })
        });
        Arc::clone(nested)
    }

    /// What the model makes of these values, as a part of another model, which gets a copy of its weights; called several
    /// times, it is there once and has one set of weights. Of several outputs the first.
    pub fn call(&self, inputs: impl Into<Tensors>) -> KerasTensor {
        KerasTensor::of(Content::Model(self.nested()), inputs.into(), 0)
    }

    /// As [`Model::call`], all outputs.
    pub fn call_all(&self, inputs: impl Into<Tensors>) -> Vec<KerasTensor> {
        KerasTensor::all(Content::Model(self.nested()), inputs.into(), self.graph.outputs.len())
    }

    /// A model of the same layers, not compiled, with weights of its own that are drawn from the same seed.
    ///
    /// # Errors
    /// None that making this model did not have.
    pub fn clone_model(&self) -> Result<Self> {
        let mut clone = Self::of(self.graph.clone())?;
        clone.seed = self.seed;
        clone.threads = self.threads;
        clone.portable_math = self.portable_math;
        clone.info = self.info.clone();
        if let Some(built) = &self.built {
            clone.build_all(&built.input_shapes)?;
        }
        Ok(clone)
    }

    /// What the compiled loss compares the first output with; `None` before [`Model::compile`].
    pub fn targets(&self) -> Option<Targets> {
        self.compiled.as_ref()?.losses.iter().flatten().next().map(|compiled| compiled.loss.targets())
    }

    /// Whether [`Model::compile`] was called.
    pub fn is_compiled(&self) -> bool {
        self.compiled.is_some()
    }

    /// The same model with another learning rate; the optimizer's state stays.
    ///
    /// # Errors
    /// When it is not compiled, the learning rate follows a schedule, or the new one is below 0 or no number.
    pub fn set_learning_rate(&mut self, learning_rate: f32) -> Result<()> {
        let compiled = self.compiled.as_mut().ok_or(NOT_COMPILED)?;
        if !compiled.optimizer.rate_is_constant() {
            let problem = "learning_rate follows a schedule, which sets it in every step: compile with a number";
            return Err(Error::config(compiled.optimizer.rule.class_name(), problem));
        }
        let class = compiled.optimizer.rule.class_name();
        LearningRate::Constant(learning_rate).check().map_err(|problem| Error::config(class, problem))?;
        compiled.optimizer = compiled.optimizer.with_learning_rate(learning_rate);
        self.on_batch = OnBatch::default();
        Ok(())
    }

    /// The learning rate of the next step.
    ///
    /// # Errors
    /// When the model is not compiled.
    pub fn learning_rate(&self) -> Result<f32> {
        Ok(self.compiled.as_ref().ok_or(NOT_COMPILED)?.optimizer.learning_rate(self.iterations()))
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.graph.name
    }

    /// The layers' names, in the order of their weights; without the input of a Sequential.
    pub fn layer_names(&self) -> Vec<String> {
        self.graph.visible().iter().map(|entry| entry.name.clone()).collect()
    }

    /// The outputs' names: those of their layers, or of the table that a file of Keras has them in.
    pub fn output_names(&self) -> Vec<String> {
        self.names_of(&self.graph.outputs, &self.graph.ends[1])
    }

    /// The inputs' names, likewise.
    pub fn input_names(&self) -> Vec<String> {
        self.names_of(&self.graph.inputs, &self.graph.ends[0])
    }

    fn names_of(&self, places: &[crate::graph::Place], ends: &Ends) -> Vec<String> {
        if let Ends::Named(names) = ends {
            return names.clone();
        }
        let name =
            |place: &crate::graph::Place| self.graph.entries[self.graph.calls[place.call].layer].name.clone();
        places.iter().map(name).collect()
    }

    /// Which way the metric with this key is better.
    pub(crate) fn direction(&self, key: &str) -> Option<Direction> {
        let (built, compiled) = (self.built.as_ref()?, self.compiled.as_ref()?);
        let metric = compiled.metrics.iter().find(|metric| metric.key == key)?;
        let cols = built.network.form(built.network.outputs[metric.output]).cols;
        let width = compiled.losses[metric.output].as_ref().map_or(cols, |loss| loss.loss.target_width(cols));
        metric.metric.metric(width, cols).direction()
    }

    /// Shape of one sample of the first input, once it is known.
    pub fn input_shape(&self) -> Option<&[usize]> {
        self.built.as_ref().and_then(|built| built.input_shapes.first()).map(Vec::as_slice)
    }

    /// Shape of one sample of the first output, once it is known.
    pub fn output_shape(&self) -> Option<&[usize]> {
        self.built.as_ref().and_then(|built| built.output_shapes.first()).map(Vec::as_slice)
    }

    /// Number of values of the first output, once it is known.
    pub fn outputs(&self) -> Option<usize> {
        self.output_shape().map(|shape| shape.iter().product())
    }

    /// Number of weights; 0 before the input shape is known.
    pub fn count_params(&self) -> usize {
        self.built.as_ref().map_or(0, |built| built.count(true) + built.count(false))
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

    /// The compiled training step as text; unfused with `reference`.
    ///
    /// # Errors
    /// When the model is not built or not compiled.
    pub fn plan(&self, batch_size: usize, reference: bool) -> Result<String> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let passes = if reference { Passes::NONE } else { Passes::ALL };
        let plan = match &self.compiled {
            Some(_) => self.plan_of_a_step(batch_size, passes)?,
            None => Plan::predict(&built.network, batch_size, passes),
        };
        let text = plan.to_string();
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        Ok(format!("{first}   {}\n{rest}", self.machine(batch_size)?))
    }

    /// What a plan runs on: instruction set and threads.
    pub(crate) fn machine(&self, batch_size: usize) -> Result<String> {
        let (built, runtime) = (self.built.as_ref().ok_or(NOT_BUILT)?, self.runtime()?);
        let threads = built.network.threads(batch_size, self.compiled.is_some(), runtime.threads());
        Ok(format!("{} x {threads} threads", runtime.isa().name()))
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
        self.inside.take();
        Ok(&mut self.built.as_mut().ok_or(NOT_BUILT)?.params)
    }

    /// The training step, with the learning rate that the optimizer has now.
    pub(crate) fn training_plan(&self, batch_size: usize) -> Result<Plan> {
        self.plan_of_a_step(batch_size, Passes::ALL)
    }

    pub(crate) fn plan_of_a_step(&self, batch_size: usize, passes: Passes) -> Result<Plan> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = self.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let optimizer = self.optimizer()?;
        Ok(Plan::train(&built.network, &compiled.output_losses(), &optimizer, batch_size, self.seed, passes))
    }

    /// The optimizer, for the variables of the model.
    pub(crate) fn optimizer(&self) -> Result<Arc<dyn vanilla_plan::Optimizer>> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = self.compiled.as_ref().ok_or(NOT_COMPILED)?;
        Ok(Arc::new(compiled.optimizer.bind(&built.variables)))
    }

    pub(crate) fn evaluation_plan(&self, batch_size: usize) -> Result<Plan> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let losses = self.compiled.as_ref().ok_or(NOT_COMPILED)?.output_losses();
        Ok(Plan::evaluate(&built.network, &losses, batch_size, Passes::ALL))
    }

    /// The order of the rows in the epoch with this number, counted over all trainings of the model.
    pub(crate) fn order(&self, epoch: u64, rows: usize, shuffle: bool) -> Vec<usize> {
        if shuffle {
            vanilla_plan::kernels::random::permutation(self.seed, SHUFFLE_STREAM + epoch, rows)
        } else {
            (0..rows).collect()
        }
    }

    /// Builds every layer alone on a made-up row: what can be wrong without knowing shapes should be wrong when the
    /// model is made and not in `fit`. What depends on the shape is left to the data.
    fn check_layers(&self) -> Result<()> {
        for entry in self.graph.visible() {
            if let Content::Layer(layer) = &entry.content
                && layer.preprocessor().is_none()
            {
                let place = format!("layer '{}' ({})", entry.name, layer.class_name());
                let alone = |shape: &[usize]| layer.build(&place, &[shape.to_vec()]);
                if let (Err(error), Err(_), Err(_)) = (alone(&[1]), alone(&[4, 4]), alone(&layer.trial_shape())) {
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

pub(crate) const NOT_COMPILED: Error =
    Error::NotReady("the model has no loss and no optimizer yet: call compile first");
pub(crate) const NOT_BUILT: Error =
    Error::NotReady("the model's input shape is not known yet: give the first layer an input_dim, or call build");

impl Graph {
    /// Whether this is a chain that hides its input.
    pub fn is_sequential(&self) -> bool {
        self.kind == Kind::Sequential
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::snake_case;
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
    fn a_model_called_twice_is_there_once_and_a_changed_one_is_another() {
        use crate::prelude::*;
        let mut half = Sequential::new(crate::layers![Dense::new(4).input_dim(3)]).unwrap().with_name("half");
        let (a, b) = (Input::new([3]).tensor(), Input::new([3]).tensor());
        let both = Subtract::new().call([&half.call(&a), &half.call(&b)]);
        let pair = Model::new([&a, &b], &both).unwrap();
        assert_eq!((pair.count_params(), half.count_params()), (16, 16));
        assert_eq!(pair.get_weights(), half.get_weights());
        let weights: Vec<Tensor> = half.get_weights().iter().map(|w| w.clone() * 2.0).collect();
        half.set_weights(&weights).unwrap();
        assert_eq!(Model::new(&a, &half.call(&a)).unwrap().get_weights(), weights);
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
