//! `SwapEMAWeights`: validates, and at the end of an epoch saves, the moving average of the weights.
//!
//! **Formula** before the validation the weights and their average, which the optimizer keeps (`ema`), change
//! places, and after it again; with `swap_on_epoch` also from the end of an epoch to the beginning of the next
//! one, so that callbacks behind this one see the average
//! **Config** `swap_on_epoch` = false
//! **Reference** `keras.callbacks.SwapEMAWeights`. Where another callback ends the training early, Keras ends with
//! the weights that were not averaged; here every training ends with the average.

use super::{Callback, Training};
use crate::config::{Config, Keys};
use crate::error::Result;
use crate::history::Logs;

/// Validates the moving average of the weights.
#[derive(Clone, Copy, Debug, Default)]
pub struct SwapEMAWeights {
    swap_on_epoch: bool,
}

impl SwapEMAWeights {
    pub(super) const CLASS: &'static str = "SwapEMAWeights";

    /// Exchanges the weights for the validation only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also from the end of an epoch to the beginning of the next one.
    pub fn swap_on_epoch(mut self, swap: bool) -> Self {
        self.swap_on_epoch = swap;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { swap_on_epoch: config.boolean("swap_on_epoch")?.unwrap_or(false) })
    }

    /// The weights become the average, or what they were.
    fn turn_to(average: bool, training: &mut Training<'_>) -> Result<()> {
        if training.has_averages() == average { Ok(()) } else { training.swap_ema_weights() }
    }
}

impl Callback for SwapEMAWeights {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn config(&self) -> Keys {
        crate::config::keys! { "swap_on_epoch": self.swap_on_epoch }
    }

    fn on_epoch_begin(&mut self, _epoch: usize, _logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        Self::turn_to(false, training)
    }

    fn on_test_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        Self::turn_to(true, training)
    }

    fn on_test_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        Self::turn_to(false, training)
    }

    fn on_epoch_end(&mut self, _epoch: usize, _logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        if self.swap_on_epoch { Self::turn_to(true, training) } else { Ok(()) }
    }
}
