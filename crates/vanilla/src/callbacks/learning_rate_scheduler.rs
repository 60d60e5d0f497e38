//! `LearningRateScheduler`: the learning rate of each epoch, by a function.
//!
//! **Formula** before epoch e, counted from 0, the rate becomes `schedule(e, rate)`
//! **Config** `verbose` = 0. The function itself has no place in a file, so the word is refused there; schedules
//! of the optimizer ([`schedules`](crate::schedules)) are words with keys
//! **Reference** `keras.callbacks.LearningRateScheduler`. A training that is taken up in the middle of an epoch
//! keeps the rate that this epoch has; whether the function is still the same one, nobody can tell.

use super::{Callback, Training};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::history::{Logs, python_float};
use crate::tensor::Tensor;
use serde_json::{Value, json};
use std::fmt;

type Schedule = dyn Fn(usize, f64) -> f64 + Send;

/// Sets the learning rate of each epoch.
pub struct LearningRateScheduler {
    schedule: Box<Schedule>,
    verbose: bool,
    /// The epoch whose rate is set.
    epoch: Option<usize>,
}

impl LearningRateScheduler {
    pub(super) const CLASS: &'static str = "LearningRateScheduler";

    /// `schedule` gets the number of the epoch, counted from 0, and the rate so far.
    pub fn new(schedule: impl Fn(usize, f64) -> f64 + Send + 'static) -> Self {
        Self { schedule: Box::new(schedule), verbose: false, epoch: None }
    }

    /// Says what it sets.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Err(config.error(
            "schedule is a function, which a file cannot hold: give the optimizer a schedule, such as \
             learning_rate = { class = \"ExponentialDecay\", .. }, or register a callback of your own",
        ))
    }
}

impl fmt::Debug for LearningRateScheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::CLASS)
    }
}

impl Callback for LearningRateScheduler {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        if !training.resumed {
            self.epoch = None;
        }
        Ok(())
    }

    fn on_epoch_begin(&mut self, epoch: usize, _logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        if self.epoch == Some(epoch) {
            // Taken up in its middle, or begun again with half the rate.
            return Ok(());
        }
        let rate = (self.schedule)(epoch, f64::from(training.learning_rate()?));
        if !rate.is_finite() || rate < 0.0 {
            let problem = format!("the schedule gives {rate} for epoch {epoch}, expected a number of at least 0");
            return Err(Error::config(Self::CLASS, problem));
        }
        training.set_learning_rate(rate as f32)?;
        self.epoch = Some(epoch);
        if self.verbose {
            let rate = python_float(rate);
            training.print(format!("Epoch {}: LearningRateScheduler setting learning rate to {rate}.", epoch + 1));
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, _epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        logs.set("learning_rate", f64::from(training.learning_rate()?));
        Ok(())
    }

    fn state(&self) -> Value {
        json!(self.epoch)
    }

    fn restore(&mut self, state: &Value, _tensors: Vec<Tensor>) -> Result<()> {
        self.epoch = state.as_u64().map(|epoch| epoch as usize);
        Ok(())
    }
}
