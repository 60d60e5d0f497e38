//! `TerminateOnNaN`: ends a training whose loss is not finite.
//!
//! **Formula** at the first batch whose loss or gradient is not finite it says `Batch N: Invalid loss, terminating
//! training`, and the training ends after the validation of this epoch, whose `loss` is NaN in the logs
//! **Config** `raise_error` = false
//! **Reference** `keras.callbacks.TerminateOnNaN`. Keras has moved the weights by then; here they are those of the
//! last good step, so the values of the validation and the metrics are of these, and a gradient that is not finite
//! counts too. With `raise_error` the training ends with [`Error::Diverged`](crate::Error::Diverged), as without
//! this callback.

use super::{Callback, Training};
use crate::config::{Config, Keys};
use crate::error::Result;
use crate::history::Logs;
use serde_json::{Value, json};

/// Ends a training whose loss is not finite.
#[derive(Clone, Copy, Debug, Default)]
pub struct TerminateOnNaN {
    raise_error: bool,
    terminated: bool,
}

impl TerminateOnNaN {
    pub(super) const CLASS: &'static str = "TerminateOnNaN";

    /// Ends the training without an error.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends it with an error instead.
    pub fn raise_error(mut self, raise: bool) -> Self {
        self.raise_error = raise;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { raise_error: config.boolean("raise_error")?.unwrap_or(false), terminated: false })
    }
}

impl Callback for TerminateOnNaN {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn config(&self) -> Keys {
        crate::config::keys! { "raise_error": self.raise_error }
    }

    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        self.terminated &= training.resumed;
        Ok(())
    }

    fn on_trouble(&mut self, batch: usize, training: &mut Training<'_>) -> Result<bool> {
        if self.raise_error {
            return Ok(false);
        }
        training.print(format!("Batch {batch}: Invalid loss, terminating training"));
        training.stop_training();
        self.terminated = true;
        Ok(true)
    }

    fn on_epoch_end(&mut self, _epoch: usize, logs: &mut Logs, _training: &mut Training<'_>) -> Result<()> {
        if self.terminated {
            logs.set("loss", f64::NAN);
        }
        Ok(())
    }

    fn state(&self) -> Value {
        json!(self.terminated)
    }

    fn restore(&mut self, state: &Value, _tensors: Vec<crate::tensor::Tensor>) -> Result<()> {
        self.terminated = state.as_bool().unwrap_or(false);
        Ok(())
    }
}
