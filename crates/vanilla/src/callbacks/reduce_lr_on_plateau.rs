//! `ReduceLROnPlateau`: a smaller learning rate where a training does not get better any more.
//!
//! **Formula** after each epoch without an improvement by more than `min_delta`, a wait grows by one; when it
//! reaches `patience`, the rate becomes `max(rate factor, min_lr)`, the wait begins anew, and does not grow for
//! `cooldown` epochs
//! **Config** `monitor` = val_loss, `factor` = 0.1, `patience` = 10, `verbose` = 0, `mode` = auto, `min_delta` =
//! 0.0001, `cooldown` = 0, `min_lr` = 0
//! **Reference** `keras.callbacks.ReduceLROnPlateau`. As in Keras, `learning_rate` is in the logs from here on:
//! the rate of the epoch, before it is reduced.

use super::{Callback, Monitor, Training};
use crate::config::{Config, Keys};
use crate::error::{Error, Result};
use crate::history::{Logs, python_float};
use crate::tensor::Tensor;
use serde_json::{Value, json};

/// Reduces the learning rate where a training does not get better any more.
#[derive(Clone, Debug)]
pub struct ReduceLROnPlateau {
    monitor: Monitor,
    factor: f64,
    patience: usize,
    verbose: bool,
    cooldown: usize,
    min_lr: f64,
    cooldown_counter: usize,
    wait: usize,
}

impl ReduceLROnPlateau {
    pub(super) const CLASS: &'static str = "ReduceLROnPlateau";

    /// Watches `val_loss`; a tenth of the rate after ten epochs without improvement.
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches this value of the logs.
    pub fn monitor(mut self, key: impl Into<String>) -> Self {
        self.monitor.key = key.into();
        self
    }

    /// What the rate is multiplied by; below 1.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// Epochs without improvement that are borne.
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = epochs;
        self
    }

    /// Says when it reduces.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// `"min"`, `"max"`, or `"auto"`, which asks the metric.
    pub fn mode(mut self, mode: impl Into<String>) -> Self {
        self.monitor.mode = mode.into();
        self
    }

    /// What an improvement has to exceed.
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.monitor.min_delta = delta.abs();
        self
    }

    /// Epochs after a reduction that are not counted.
    pub fn cooldown(mut self, epochs: usize) -> Self {
        self.cooldown = epochs;
        self
    }

    /// The least rate.
    pub fn min_lr(mut self, rate: f64) -> Self {
        self.min_lr = rate;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let usual = Self::default();
        let callback = Self {
            monitor: Monitor::with_min_delta(config, usual.monitor.min_delta)?,
            factor: config.float("factor")?.unwrap_or(usual.factor),
            patience: config.integer("patience")?.unwrap_or(usual.patience),
            verbose: config.integer("verbose")?.unwrap_or(0) > 0,
            cooldown: config.integer("cooldown")?.unwrap_or(0),
            min_lr: config.float("min_lr")?.unwrap_or(0.0),
            ..usual
        };
        callback.check()?;
        Ok(callback)
    }

    fn check(&self) -> Result<()> {
        for (key, value, good, expected) in [
            ("factor", self.factor, (0.0..1.0).contains(&self.factor), "at least 0 and below 1"),
            ("min_lr", self.min_lr, self.min_lr >= 0.0 && self.min_lr.is_finite(), "at least 0"),
        ] {
            if !good {
                return Err(Error::config(Self::CLASS, format!("{key} = {value}, expected a number {expected}")));
            }
        }
        Ok(())
    }

    fn reduce(&mut self, epoch: usize, training: &mut Training<'_>) -> Result<()> {
        let rate = training.learning_rate()?;
        if rate <= self.min_lr as f32 {
            return Ok(());
        }
        let reduced = (f64::from(rate) * self.factor).max(self.min_lr);
        training.set_learning_rate(reduced as f32)?;
        if self.verbose {
            training.print(format!(
                "Epoch {}: ReduceLROnPlateau reducing learning rate to {}.",
                epoch + 1,
                python_float(reduced)
            ));
        }
        (self.cooldown_counter, self.wait) = (self.cooldown, 0);
        Ok(())
    }
}

impl Default for ReduceLROnPlateau {
    fn default() -> Self {
        Self {
            monitor: Monitor::new("val_loss", 1e-4),
            factor: 0.1,
            patience: 10,
            verbose: false,
            cooldown: 0,
            min_lr: 0.0,
            cooldown_counter: 0,
            wait: 0,
        }
    }
}

impl Callback for ReduceLROnPlateau {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn config(&self) -> Keys {
        let mut keys = self.monitor.config();
        keys.extend(crate::config::keys! {
            "factor": self.factor,
            "patience": self.patience,
            "cooldown": self.cooldown,
            "min_lr": self.min_lr,
        });
        keys
    }

    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        self.check()?;
        if !training.resumed {
            (self.monitor.best, self.cooldown_counter, self.wait) = (None, 0, 0);
        }
        // Refused now where the rate follows a schedule, and not when it is to be reduced.
        let rate = training.learning_rate()?;
        training.set_learning_rate(rate)?;
        self.monitor.direction(Self::CLASS, training).map(|_| ())
    }

    fn on_epoch_end(&mut self, epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        logs.set("learning_rate", f64::from(training.learning_rate()?));
        let direction = self.monitor.direction(Self::CLASS, training)?;
        let Some(value) = self.monitor.value(Self::CLASS, logs, training) else { return Ok(()) };
        if self.cooldown_counter > 0 {
            self.cooldown_counter -= 1;
            self.wait = 0;
        }
        if self.monitor.improves(direction, value) {
            self.monitor.best = Some(value);
            self.wait = 0;
        } else if self.cooldown_counter == 0 {
            self.wait += 1;
            if self.wait >= self.patience {
                self.reduce(epoch, training)?;
            }
        }
        Ok(())
    }

    fn state(&self) -> Value {
        json!({ "best": self.monitor.state(), "cooldown_counter": self.cooldown_counter, "wait": self.wait })
    }

    fn restore(&mut self, state: &Value, _tensors: Vec<Tensor>) -> Result<()> {
        let count = |key: &str| state[key].as_u64().unwrap_or(0) as usize;
        self.monitor.restore(&state["best"]);
        (self.cooldown_counter, self.wait) = (count("cooldown_counter"), count("wait"));
        Ok(())
    }
}
