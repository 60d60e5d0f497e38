//! Callbacks: what watches a training, may change it, and may end it; by Keras's names. One word a file, one line
//! in the registry below.
//!
//! `History` and the progress bar are part of every `fit`. A callback that has a state (a best value, a patience)
//! gives it to checkpoints, so that a training that is interrupted goes on as if nothing had happened.

use crate::config::{Config, Keys, name_and_keys};
use crate::error::{Error, Result};
use crate::history::Logs;
use crate::metrics::Direction;
use crate::model::Model;
use crate::registry::Registry;
use crate::tensor::Tensor;
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, Mutex};

/// What watches a training. Every method does nothing unless it is written. An error ends the training.
#[allow(unused_variables)] // a callback that does nothing needs none
pub trait Callback: Send {
    /// Keras's class name, or one's own.
    fn class_name(&self) -> &str;
    /// Keras's configuration; what decides the bits of a training belongs here.
    fn config(&self) -> Keys {
        Keys::new()
    }
    /// Before the first epoch, or when a training is taken up again.
    ///
    /// # Errors
    /// When the training cannot be watched.
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// After the last epoch.
    ///
    /// # Errors
    /// When something could not be finished.
    fn on_train_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// Before the first batch of an epoch, counted from 0. What is put into `logs` is logged with the epoch.
    ///
    /// # Errors
    /// When the training cannot go on.
    fn on_epoch_begin(&mut self, epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// After the validation of an epoch. What is put into `logs` is logged with the epoch.
    ///
    /// # Errors
    /// When the training cannot go on.
    fn on_epoch_end(&mut self, epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// Whether the bits of a training depend on it: then a training is taken up again only with the same one.
    fn decides(&self) -> bool {
        true
    }
    /// Whether the methods about batches of the training are to be called: logs of every batch take time.
    fn wants_batches(&self) -> bool {
        false
    }
    /// Before each batch, counted from 0, where [`Callback::wants_batches`].
    ///
    /// # Errors
    /// When the training cannot go on.
    fn on_train_batch_begin(&mut self, batch: usize, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// Whether [`Training::gradients`] are to be known at the end of this epoch, counted from 0.
    fn wants_gradients(&self, epoch: usize) -> bool {
        false
    }
    /// After each batch, counted from 0, with the means over the epoch so far.
    ///
    /// # Errors
    /// When the training cannot go on.
    fn on_train_batch_end(&mut self, batch: usize, logs: &Logs, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// Before the validation.
    ///
    /// # Errors
    /// When the training cannot go on.
    fn on_test_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// After the validation.
    ///
    /// # Errors
    /// When the training cannot go on.
    fn on_test_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// A batch whose loss is not finite; no weight has moved. True: the callback takes care of it, and the
    /// training goes on with the next batch, or ends where it asked for that.
    ///
    /// # Errors
    /// When the training cannot go on.
    fn on_trouble(&mut self, batch: usize, training: &mut Training<'_>) -> Result<bool> {
        Ok(false)
    }
    /// What the callback has to know when the training is taken up again; null for nothing.
    fn state(&self) -> Value {
        Value::Null
    }
    /// Tensors that belong to the state.
    fn tensors(&self) -> Vec<Tensor> {
        Vec::new()
    }
    /// Takes over what [`Callback::state`] and [`Callback::tensors`] gave.
    ///
    /// # Errors
    /// When they are of something else.
    fn restore(&mut self, state: &Value, tensors: Vec<Tensor>) -> Result<()> {
        Ok(())
    }
}

/// A callback that was made from its configuration.
impl Callback for Box<dyn Callback> {
    fn class_name(&self) -> &str {
        (**self).class_name()
    }
    fn config(&self) -> Keys {
        (**self).config()
    }
    fn decides(&self) -> bool {
        (**self).decides()
    }
    fn wants_batches(&self) -> bool {
        (**self).wants_batches()
    }
    fn wants_gradients(&self, epoch: usize) -> bool {
        (**self).wants_gradients(epoch)
    }
    fn on_train_batch_begin(&mut self, batch: usize, training: &mut Training<'_>) -> Result<()> {
        (**self).on_train_batch_begin(batch, training)
    }
    fn state(&self) -> Value {
        (**self).state()
    }
    fn tensors(&self) -> Vec<Tensor> {
        (**self).tensors()
    }
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        (**self).on_train_begin(training)
    }
    fn on_train_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        (**self).on_train_end(training)
    }
    fn on_epoch_begin(&mut self, epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        (**self).on_epoch_begin(epoch, logs, training)
    }
    fn on_epoch_end(&mut self, epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        (**self).on_epoch_end(epoch, logs, training)
    }
    fn on_train_batch_end(&mut self, batch: usize, logs: &Logs, training: &mut Training<'_>) -> Result<()> {
        (**self).on_train_batch_end(batch, logs, training)
    }
    fn on_test_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        (**self).on_test_begin(training)
    }
    fn on_test_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        (**self).on_test_end(training)
    }
    fn on_trouble(&mut self, batch: usize, training: &mut Training<'_>) -> Result<bool> {
        (**self).on_trouble(batch, training)
    }
    fn restore(&mut self, state: &Value, tensors: Vec<Tensor>) -> Result<()> {
        (**self).restore(state, tensors)
    }
}

/// A training, as a callback sees it.
pub struct Training<'a> {
    pub(crate) model: &'a mut Model,
    pub(crate) control: &'a mut Control,
    /// Epochs asked for.
    pub epochs: usize,
    /// Batches of an epoch; 0 in the first epoch of a stream that does not say how many it has.
    pub steps: usize,
    /// Whether it was taken up from a checkpoint: then [`Callback::restore`] came before
    /// [`Callback::on_train_begin`].
    pub resumed: bool,
}

/// What callbacks want of the training.
#[derive(Debug, Default)]
pub(crate) struct Control {
    pub stop: bool,
    /// The optimizer is another one now.
    pub changed: bool,
    /// Lines to show.
    pub lines: Vec<String>,
    /// The weights and their moving average have changed places.
    pub averaged: bool,
    /// Of the last batch of the epoch, where somebody wants them.
    pub gradients: Vec<Tensor>,
}

impl Training<'_> {
    /// The model as it is now.
    pub fn model(&self) -> &Model {
        self.model
    }

    /// Replaces the weights.
    ///
    /// # Errors
    /// When they do not fit.
    pub fn set_weights(&mut self, weights: &[Tensor]) -> Result<()> {
        self.model.set_weights(weights)
    }

    /// Exchanges the weights and their moving average, which the optimizer keeps (`ema`).
    ///
    /// # Errors
    /// When it keeps none.
    pub fn swap_ema_weights(&mut self) -> Result<()> {
        self.model.swap_ema_weights()?;
        self.control.averaged = !self.control.averaged;
        Ok(())
    }

    /// Whether the weights are exchanged with their moving average at the moment.
    pub fn has_averages(&self) -> bool {
        self.control.averaged
    }

    /// At the end of an epoch for which [`Callback::wants_gradients`]: the gradient of the loss on its last batch
    /// by each weight, at the weights as they are now, in the order of [`Model::get_weights`]; zeros where a
    /// weight is not trained. Empty at any other time.
    pub fn gradients(&self) -> &[Tensor] {
        &self.control.gradients
    }

    /// The learning rate of the next step.
    ///
    /// # Errors
    /// When the model is not compiled.
    pub fn learning_rate(&self) -> Result<f32> {
        self.model.learning_rate()
    }

    /// Goes on with another learning rate.
    ///
    /// # Errors
    /// When it follows a schedule, or the new one is below 0 or no number.
    pub fn set_learning_rate(&mut self, rate: f32) -> Result<()> {
        self.control.changed = true;
        self.model.set_learning_rate(rate)
    }

    /// Ends the training after this epoch, or in the middle of it, where it is asked for behind a batch; the epoch
    /// is validated and logged in any case.
    pub fn stop_training(&mut self) {
        self.control.stop = true;
    }

    /// Shows a line, where progress is shown.
    pub fn print(&mut self, line: impl Into<String>) {
        self.control.lines.push(line.into());
    }

    /// Which way this value is better: `loss` down, a metric as it says; `None` where nobody knows.
    pub fn direction(&self, monitor: &str) -> Option<Direction> {
        let name = monitor.strip_prefix("val_").unwrap_or(monitor);
        if name == "loss" || name.ends_with("_loss") {
            return Some(Direction::Down);
        }
        self.model.direction(name)
    }
}

/// Callbacks that several places may hold: the training, and whoever wants to look at one afterwards.
#[derive(Clone, Default)]
pub(crate) struct Callbacks(pub Vec<Arc<Mutex<dyn Callback>>>);

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|callback| lock(callback).class_name().to_owned())).finish()
    }
}

/// A callback that panicked elsewhere is still a callback.
fn lock(callback: &Mutex<dyn Callback>) -> std::sync::MutexGuard<'_, dyn Callback + 'static> {
    callback.lock().unwrap_or_else(|error| error.into_inner())
}

impl Callbacks {
    pub fn each(&self, mut call: impl FnMut(&mut dyn Callback) -> Result<()>) -> Result<()> {
        self.0.iter().try_for_each(|callback| call(&mut *lock(callback)))
    }

    /// States under the callbacks' names.
    pub fn states(&self) -> serde_json::Map<String, Value> {
        let states = self.0.iter().map(|callback| lock(callback).state());
        self.names().into_iter().zip(states).filter(|(_, state)| !state.is_null()).collect()
    }

    /// Tensors that belong to the states: `NAME/0`, `NAME/1`, ...
    pub fn tensors(&self) -> Vec<(String, Tensor)> {
        let mut named = Vec::new();
        for (callback, name) in self.0.iter().zip(self.names()) {
            let tensors = lock(callback).tensors().into_iter().enumerate();
            named.extend(tensors.map(|(i, tensor)| (format!("{name}/{i}"), tensor)));
        }
        named
    }

    /// Gives every callback what it had.
    pub fn restore(&self, states: &serde_json::Map<String, Value>, tensors: &[(String, Tensor)]) -> Result<()> {
        for (callback, name) in self.0.iter().zip(self.names()) {
            let own = tensors.iter().filter(|(key, _)| key.rsplit_once('/').is_some_and(|(of, _)| of == name));
            if let Some(state) = states.get(&name) {
                lock(callback).restore(state, own.map(|(_, tensor)| tensor.clone()).collect())?;
            }
        }
        Ok(())
    }

    /// Class and configuration of those that decide the bits of a training.
    pub fn deciding(&self) -> Vec<(String, Keys)> {
        let all = self.0.iter().zip(self.names());
        all.filter(|(callback, _)| lock(callback).decides())
            .map(|(callback, name)| (name, lock(callback).config()))
            .collect()
    }

    pub fn want_batches(&self) -> bool {
        self.0.iter().any(|callback| lock(callback).wants_batches())
    }

    pub fn want_gradients(&self, epoch: usize) -> bool {
        self.0.iter().any(|callback| lock(callback).wants_gradients(epoch))
    }

    /// Class names, numbered where one is there twice: what states are kept under.
    pub fn names(&self) -> Vec<String> {
        let classes: Vec<String> = self.0.iter().map(|callback| lock(callback).class_name().to_owned()).collect();
        let number = |i: usize| classes[..i].iter().filter(|class| **class == classes[i]).count();
        let name = |i: usize| match number(i) {
            0 => classes[i].clone(),
            n => format!("{}_{n}", classes[i]),
        };
        (0..classes.len()).map(name).collect()
    }
}

/// The registry: module, type. The type's `from_config` reads its keys, its `CLASS` is Keras's class name.
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

        fn known(class_name: &str, config: &mut Config) -> Result<Option<Box<dyn Callback>>> {
            Ok(Some(match class_name {
                $($word::CLASS => Box::new($word::from_config(config)?),)*
                _ => return Ok(None),
            }))
        }
    };
}

registry! {
    backup_and_restore BackupAndRestore;
    csv_logger CSVLogger;
    early_stopping EarlyStopping;
    lambda_callback LambdaCallback;
    learning_rate_scheduler LearningRateScheduler;
    model_checkpoint ModelCheckpoint;
    progbar_logger ProgbarLogger;
    reduce_lr_on_plateau ReduceLROnPlateau;
    swap_ema_weights SwapEMAWeights;
    tensor_board TensorBoard;
    terminate_on_nan TerminateOnNaN;
}

mod log_file;
mod python_format;

/// The callback of this class with these keys, with the registry's words beside Keras's.
///
/// # Errors
/// When there is none, or a key makes no sense.
pub fn from_config(class_name: &str, keys: Keys, registry: &Registry) -> Result<Box<dyn Callback>> {
    let mut config = Config::with_registry(class_name, keys, registry);
    let callback = match registry.find_callback(class_name) {
        Some(make) => make(&mut config)?,
        None => known(class_name, &mut config)?
            .ok_or_else(|| Error::unknown("callback", class_name, registry.names_of("callback", class_names())))?,
    };
    config.finish()?;
    Ok(callback)
}

/// The callback of a name or of a table with `class`.
///
/// # Errors
/// When the value is neither, or means nothing.
pub fn from_value(value: &Value, registry: &Registry) -> Result<Box<dyn Callback>> {
    match name_and_keys(value) {
        Some((class, keys)) => from_config(&class, keys, registry),
        None => Err(Error::config(
            "callbacks",
            format!("{value}, expected a table such as {{ class = \"EarlyStopping\" }}"),
        )),
    }
}

/// The value that a callback monitors, with the best one so far: what several of Keras's callbacks have in common.
#[derive(Clone, Debug)]
pub struct Monitor {
    /// The key in the logs.
    pub key: String,
    /// `auto`, `min` or `max`.
    pub mode: String,
    /// What an improvement has to exceed.
    pub min_delta: f64,
    /// The best value so far.
    pub best: Option<f64>,
}

impl Monitor {
    /// Watches this value, whose metric says which way is better.
    pub fn new(key: &str, min_delta: f64) -> Self {
        Self { key: key.into(), mode: "auto".into(), min_delta, best: None }
    }

    /// Takes `monitor` and `mode`; Keras monitors `val_loss` unless told otherwise.
    ///
    /// # Errors
    /// When a key makes no sense.
    pub fn from_config(config: &mut Config) -> Result<Self> {
        let key = config.string("monitor")?.unwrap_or_else(|| "val_loss".into());
        let mode = config.string("mode")?.unwrap_or_else(|| "auto".into());
        if !["auto", "min", "max"].contains(&&*mode) {
            return Err(config.error(format!("mode = \"{mode}\", expected \"auto\", \"min\" or \"max\"")));
        }
        Ok(Self { mode, ..Self::new(&key, 0.0) })
    }

    /// As [`Monitor::from_config`], with `min_delta`.
    ///
    /// # Errors
    /// When a key makes no sense.
    pub fn with_min_delta(config: &mut Config, min_delta: f64) -> Result<Self> {
        let min_delta = config.float("min_delta")?.unwrap_or(min_delta).abs();
        Ok(Self { min_delta, ..Self::from_config(config)? })
    }

    /// Keras's keys.
    pub fn config(&self) -> Keys {
        crate::config::keys! { "monitor": self.key, "mode": self.mode, "min_delta": self.min_delta }
    }

    /// The best value so far, to the bit, for [`Callback::state`].
    pub fn state(&self) -> Value {
        self.best.map(|best| format!("{:016x}", best.to_bits())).into()
    }

    /// Takes over what [`Monitor::state`] gave.
    pub fn restore(&mut self, state: &Value) {
        let bits = state.as_str().and_then(|bits| u64::from_str_radix(bits, 16).ok());
        self.best = bits.map(f64::from_bits);
    }

    /// Whether `value` is better than the best so far, or there is none.
    pub fn improves(&self, direction: Direction, value: f64) -> bool {
        self.best.is_none_or(|best| self.is_better(direction, value, best))
    }

    /// Which way is better.
    ///
    /// # Errors
    /// When nobody knows: then the mode must say it.
    pub fn direction(&self, class: &str, training: &Training<'_>) -> Result<Direction> {
        match &*self.mode {
            "min" => Ok(Direction::Down),
            "max" => Ok(Direction::Up),
            _ => training.direction(&self.key).ok_or_else(|| {
                let problem = format!(
                    "monitor = \"{}\", and nobody knows which way it is better: set mode to min or max",
                    self.key
                );
                Error::config(class, problem)
            }),
        }
    }

    /// Whether `value` is better than `than`, by more than `min_delta`. Compared as f32, as Keras does.
    pub fn is_better(&self, direction: Direction, value: f64, than: f64) -> bool {
        match direction {
            Direction::Down => ((value + self.min_delta) as f32) < than as f32,
            Direction::Up => (value - self.min_delta) as f32 > than as f32,
        }
    }

    /// The value in these logs; `None`, with a line that says so, where it is missing.
    pub fn value(&self, class: &str, logs: &Logs, training: &mut Training<'_>) -> Option<f64> {
        let value = logs.get(&self.key);
        if value.is_none() {
            let known: Vec<&str> = logs.0.iter().map(|(key, _)| key.as_str()).collect();
            training.print(format!("{class}: no {} among {}: nothing to go by", self.key, known.join(", ")));
        }
        value
    }
}
