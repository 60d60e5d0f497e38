//! `EarlyStopping`: ends a training that does not get better any more.
//!
//! **Formula** after each epoch from `start_from_epoch` on, a wait grows by one; an improvement on the best value
//! by more than `min_delta` makes it the best, and ends the wait if it also beats `baseline`; a wait of `patience`
//! epochs, in any but the first epoch, ends the training
//! **Config** `monitor` = val_loss, `min_delta` = 0, `patience` = 0, `verbose` = 0, `mode` = auto, `baseline` =
//! none, `restore_best_weights` = false, `start_from_epoch` = 0
//! **Reference** `keras.callbacks.EarlyStopping`. The best weights are restored at the end of the training, also
//! where it was not stopped early, as in Keras.

use super::{Callback, Monitor, Training};
use crate::config::{Config, Keys};
use crate::error::Result;
use crate::history::Logs;
use crate::tensor::Tensor;
use serde_json::{Value, json};

/// Ends a training that does not get better any more.
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    monitor: Monitor,
    patience: usize,
    verbose: bool,
    baseline: Option<f64>,
    restore_best_weights: bool,
    start_from_epoch: usize,
    wait: usize,
    best_epoch: usize,
    stopped_epoch: usize,
    best_weights: Option<Vec<Tensor>>,
}

impl EarlyStopping {
    pub(super) const CLASS: &'static str = "EarlyStopping";

    /// Watches `val_loss`, without patience.
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches this value of the logs.
    pub fn monitor(mut self, key: impl Into<String>) -> Self {
        self.monitor.key = key.into();
        self
    }

    /// What an improvement has to exceed.
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.monitor.min_delta = delta.abs();
        self
    }

    /// `"min"`, `"max"`, or `"auto"`, which asks the metric.
    pub fn mode(mut self, mode: impl Into<String>) -> Self {
        self.monitor.mode = mode.into();
        self
    }

    /// Epochs without improvement that are borne.
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = epochs;
        self
    }

    /// Says when it stops.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// A value that has to be beaten.
    pub fn baseline(mut self, baseline: f64) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// Ends with the weights of the best epoch.
    pub fn restore_best_weights(mut self, restore: bool) -> Self {
        self.restore_best_weights = restore;
        self
    }

    /// Epochs before it begins to watch.
    pub fn start_from_epoch(mut self, epoch: usize) -> Self {
        self.start_from_epoch = epoch;
        self
    }

    /// The epoch, counted from 0, after which it stopped; 0 if it did not.
    pub fn stopped_epoch(&self) -> usize {
        self.stopped_epoch
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            monitor: Monitor::with_min_delta(config, 0.0)?,
            patience: config.integer("patience")?.unwrap_or(0),
            verbose: config.integer("verbose")?.unwrap_or(0) > 0,
            baseline: config.float("baseline")?,
            restore_best_weights: config.boolean("restore_best_weights")?.unwrap_or(false),
            start_from_epoch: config.integer("start_from_epoch")?.unwrap_or(0),
            ..Self::default()
        })
    }
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self {
            monitor: Monitor::new("val_loss", 0.0),
            patience: 0,
            verbose: false,
            baseline: None,
            restore_best_weights: false,
            start_from_epoch: 0,
            wait: 0,
            best_epoch: 0,
            stopped_epoch: 0,
            best_weights: None,
        }
    }
}

impl Callback for EarlyStopping {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn config(&self) -> Keys {
        let mut keys = self.monitor.config();
        keys.extend(crate::config::keys! {
            "patience": self.patience,
            "baseline": self.baseline,
            "restore_best_weights": self.restore_best_weights,
            "start_from_epoch": self.start_from_epoch,
        });
        keys
    }

    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        if !training.resumed {
            (self.wait, self.best_epoch, self.stopped_epoch) = (0, 0, 0);
            (self.monitor.best, self.best_weights) = (None, None);
        }
        self.monitor.direction(Self::CLASS, training).map(|_| ())
    }

    fn on_epoch_end(&mut self, epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        let direction = self.monitor.direction(Self::CLASS, training)?;
        let Some(value) = self.monitor.value(Self::CLASS, logs, training) else { return Ok(()) };
        if epoch < self.start_from_epoch {
            return Ok(());
        }
        if self.restore_best_weights && self.best_weights.is_none() {
            self.best_weights = Some(training.model().get_weights());
            self.best_epoch = epoch;
        }
        self.wait += 1;
        if self.monitor.improves(direction, value) {
            self.monitor.best = Some(value);
            self.best_epoch = epoch;
            if self.restore_best_weights {
                self.best_weights = Some(training.model().get_weights());
            }
            if self.baseline.is_none_or(|baseline| self.monitor.is_better(direction, value, baseline)) {
                self.wait = 0;
            }
            return Ok(());
        }
        if self.wait >= self.patience && epoch > 0 {
            self.stopped_epoch = epoch;
            training.stop_training();
        }
        Ok(())
    }

    fn on_train_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        if self.stopped_epoch > 0 && self.verbose {
            training.print(format!("Epoch {}: early stopping", self.stopped_epoch + 1));
        }
        if let (true, Some(weights)) = (self.restore_best_weights, &self.best_weights) {
            if self.verbose {
                let best = self.best_epoch + 1;
                training.print(format!("Restoring model weights from the end of the best epoch: {best}."));
            }
            training.set_weights(weights)?;
        }
        Ok(())
    }

    fn state(&self) -> Value {
        json!({
            "wait": self.wait,
            "best": self.monitor.state(),
            "best_epoch": self.best_epoch,
            "stopped_epoch": self.stopped_epoch,
        })
    }

    fn tensors(&self) -> Vec<Tensor> {
        self.best_weights.clone().unwrap_or_default()
    }

    fn restore(&mut self, state: &Value, tensors: Vec<Tensor>) -> Result<()> {
        let count = |key: &str| state[key].as_u64().unwrap_or(0) as usize;
        (self.wait, self.best_epoch, self.stopped_epoch) =
            (count("wait"), count("best_epoch"), count("stopped_epoch"));
        self.monitor.restore(&state["best"]);
        self.best_weights = (!tensors.is_empty()).then_some(tensors);
        Ok(())
    }
}
