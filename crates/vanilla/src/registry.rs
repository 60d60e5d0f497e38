//! [`Registry`]: words of your own, by name, for reading models that use them.

use crate::activations::Activation;
use crate::callbacks::Callback;
use crate::config::Config;
use crate::error::Result;
use crate::initializers::Initialize;
use crate::layers::{Common, Layer};
use crate::losses::Loss;
use crate::metrics::Metric;
use crate::optimizers::Optimizer;
use crate::schedules::Schedule;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

type MakeLayer = Arc<dyn Fn(Common, &mut Config) -> Result<Arc<dyn Layer>> + Send + Sync>;
type MakeOptimizer = Arc<dyn Fn(&mut Config) -> Result<Arc<dyn Optimizer>> + Send + Sync>;
type MakeSchedule = Arc<dyn Fn(&mut Config) -> Result<Arc<dyn Schedule>> + Send + Sync>;
type MakeMetric = Arc<dyn Fn(&mut Config) -> Result<Arc<dyn Metric>> + Send + Sync>;
type MakeLoss = Arc<dyn Fn(&mut Config) -> Result<Arc<dyn Loss>> + Send + Sync>;
type MakeCallback = Arc<dyn Fn(&mut Config) -> Result<Box<dyn Callback>> + Send + Sync>;
type MakeInitializer = Arc<dyn Fn(&mut Config) -> Result<Arc<dyn Initialize>> + Send + Sync>;

/// Words of your own beside Keras's. A file names them; whoever loads it says what the names mean.
///
/// ```
/// use vanilla::prelude::*;
/// let registry = Registry::new().layer("Twice", |common, _| Ok(Rescaling::new(2.0).with_common(common)));
/// let file = serde_json::json!({ "class": "Sequential", "layers": [{ "class": "Twice" }] });
/// let model = Model::from_json_with(&file, &registry)?;
/// assert_eq!(model.layer_names(), ["rescaling"]);
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    layers: BTreeMap<String, MakeLayer>,
    activations: BTreeMap<String, Activation>,
    initializers: BTreeMap<String, MakeInitializer>,
    optimizers: BTreeMap<String, MakeOptimizer>,
    schedules: BTreeMap<String, MakeSchedule>,
    metrics: BTreeMap<String, MakeMetric>,
    losses: BTreeMap<String, MakeLoss>,
    callbacks: BTreeMap<String, MakeCallback>,
}

impl Registry {
    /// Keras's words only.
    pub fn new() -> Self {
        Self::default()
    }

    /// A layer: its class name, and how to make it from its name and keys. Take from the configuration every key that
    /// your `config` writes; what is left is an error. A layer that has no place for a name may ignore it.
    pub fn layer<L: Layer + 'static>(
        mut self,
        class_name: impl Into<String>,
        make: impl Fn(Common, &mut Config) -> Result<L> + Send + Sync + 'static,
    ) -> Self {
        let make: MakeLayer = Arc::new(move |common, config| Ok(Arc::new(make(common, config)?)));
        self.layers.insert(class_name.into(), make);
        self
    }

    /// An activation, under its own name.
    pub fn activation(mut self, activation: impl Into<Activation>) -> Self {
        let activation = activation.into();
        self.activations.insert(activation.name().to_owned(), activation);
        self
    }

    /// An initializer: its class name, and how to make it from its keys.
    pub fn initializer<I: Initialize + 'static>(
        mut self,
        class_name: impl Into<String>,
        make: impl Fn(&mut Config) -> Result<I> + Send + Sync + 'static,
    ) -> Self {
        let make: MakeInitializer = Arc::new(move |config| Ok(Arc::new(make(config)?)));
        self.initializers.insert(class_name.into(), make);
        self
    }

    /// An optimizer: its class name, and how to make it from its keys ([`Common::from_config`](crate::optimizers::Common)
    /// reads those that all have).
    pub fn optimizer<O: Optimizer + 'static>(
        mut self,
        class_name: impl Into<String>,
        make: impl Fn(&mut Config) -> Result<O> + Send + Sync + 'static,
    ) -> Self {
        let make: MakeOptimizer = Arc::new(move |config| Ok(Arc::new(make(config)?)));
        self.optimizers.insert(class_name.into(), make);
        self
    }

    /// A schedule: its class name, and how to make it from its keys.
    pub fn schedule<S: Schedule + 'static>(
        mut self,
        class_name: impl Into<String>,
        make: impl Fn(&mut Config) -> Result<S> + Send + Sync + 'static,
    ) -> Self {
        let make: MakeSchedule = Arc::new(move |config| Ok(Arc::new(make(config)?)));
        self.schedules.insert(class_name.into(), make);
        self
    }

    /// A metric: its class name, and how to make it from its keys.
    pub fn metric<M: Metric + 'static>(
        mut self,
        class_name: impl Into<String>,
        make: impl Fn(&mut Config) -> Result<M> + Send + Sync + 'static,
    ) -> Self {
        let make: MakeMetric = Arc::new(move |config| Ok(Arc::new(make(config)?)));
        self.metrics.insert(class_name.into(), make);
        self
    }

    /// A loss: its class name, and how to make it from its keys.
    pub fn loss<L: Loss + 'static>(
        mut self,
        class_name: impl Into<String>,
        make: impl Fn(&mut Config) -> Result<L> + Send + Sync + 'static,
    ) -> Self {
        let make: MakeLoss = Arc::new(move |config| Ok(Arc::new(make(config)?)));
        self.losses.insert(class_name.into(), make);
        self
    }

    /// A callback: its class name, and how to make it from its keys.
    pub fn callback<C: Callback + 'static>(
        mut self,
        class_name: impl Into<String>,
        make: impl Fn(&mut Config) -> Result<C> + Send + Sync + 'static,
    ) -> Self {
        let make: MakeCallback = Arc::new(move |config| Ok(Box::new(make(config)?)));
        self.callbacks.insert(class_name.into(), make);
        self
    }

    pub(crate) fn find_metric(&self, class_name: &str) -> Option<MakeMetric> {
        self.metrics.get(class_name).cloned()
    }

    pub(crate) fn find_loss(&self, class_name: &str) -> Option<MakeLoss> {
        self.losses.get(class_name).cloned()
    }

    pub(crate) fn find_callback(&self, class_name: &str) -> Option<MakeCallback> {
        self.callbacks.get(class_name).cloned()
    }

    pub(crate) fn find_optimizer(&self, class_name: &str) -> Option<MakeOptimizer> {
        self.optimizers.get(class_name).cloned()
    }

    pub(crate) fn find_schedule(&self, class_name: &str) -> Option<MakeSchedule> {
        self.schedules.get(class_name).cloned()
    }

    pub(crate) fn find_layer(&self, class_name: &str) -> Option<MakeLayer> {
        self.layers.get(class_name).cloned()
    }

    pub(crate) fn find_activation(&self, name: &str) -> Option<Activation> {
        self.activations.get(name).cloned()
    }

    pub(crate) fn find_initializer(&self, class_name: &str) -> Option<MakeInitializer> {
        self.initializers.get(class_name).cloned()
    }

    /// Keras's names of this kind, and these.
    pub(crate) fn names_of(&self, kind: &str, keras: Vec<&'static str>) -> Vec<String> {
        let own: Vec<&String> = match kind {
            "optimizer" => self.optimizers.keys().collect(),
            "schedule" => self.schedules.keys().collect(),
            "metric" => self.metrics.keys().collect(),
            "loss" => self.losses.keys().collect(),
            "callback" => self.callbacks.keys().collect(),
            _ => Vec::new(),
        };
        keras.into_iter().map(str::to_owned).chain(own.into_iter().cloned()).collect()
    }

    /// All class names of layers, Keras's and these.
    pub(crate) fn layer_names(&self, mut keras: Vec<&'static str>) -> Vec<String> {
        keras.sort_unstable();
        keras.into_iter().map(str::to_owned).chain(self.layers.keys().cloned()).collect()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.layers.keys().chain(self.activations.keys()).chain(self.initializers.keys());
        let names = names.chain(self.optimizers.keys()).chain(self.schedules.keys()).chain(self.metrics.keys());
        let names = names.chain(self.losses.keys()).chain(self.callbacks.keys());
        f.debug_list().entries(names).finish()
    }
}
