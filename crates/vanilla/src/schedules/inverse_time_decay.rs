//! `InverseTimeDecay`: the rate falls as one over the number of steps.
//!
//! **Formula** `initial_learning_rate / (1 + decay_rate step / decay_steps)`; with staircase the quotient of the
//! steps is rounded down
//! **Config** `initial_learning_rate`, `decay_steps`, `decay_rate`, `staircase` = false
//! **Reference** `keras.optimizers.schedules.InverseTimeDecay`

use super::{Schedule, above_zero_steps, finite, required, required_steps, written_steps};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// Falls as one over the number of steps.
#[derive(Clone, Copy, Debug)]
pub struct InverseTimeDecay {
    initial_learning_rate: f64,
    decay_steps: f64,
    decay_rate: f64,
    staircase: bool,
}

impl InverseTimeDecay {
    pub(super) const CLASS: &'static str = "InverseTimeDecay";

    /// From this rate; after `decay_steps` (at least 1) it is divided by `1 + decay_rate`.
    pub fn new(initial_learning_rate: f64, decay_steps: u64, decay_rate: f64) -> Self {
        Self { initial_learning_rate, decay_steps: decay_steps as f64, decay_rate, staircase: false }
    }

    /// Falls all at once after every `decay_steps`.
    pub fn staircase(mut self, staircase: bool) -> Self {
        self.staircase = staircase;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            initial_learning_rate: required(config, "initial_learning_rate")?,
            decay_steps: required_steps(config, "decay_steps")?,
            decay_rate: required(config, "decay_rate")?,
            staircase: config.boolean("staircase")?.unwrap_or(false),
        })
    }
}

impl Schedule for InverseTimeDecay {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn config(&self) -> Keys {
        keys! {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": written_steps(self.decay_steps),
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
        }
    }
    fn check(&self) -> std::result::Result<(), String> {
        finite("initial_learning_rate", self.initial_learning_rate)?;
        above_zero_steps("decay_steps", self.decay_steps)?;
        if self.decay_rate.is_finite() && self.decay_rate >= 0.0 {
            return Ok(());
        }
        Err(format!("decay_rate = {}, expected a number, at least 0: else it divides by 0", self.decay_rate))
    }
    fn at(&self, step: u64) -> f32 {
        let p = step as f64 / self.decay_steps;
        let p = if self.staircase { p.floor() } else { p };
        (self.initial_learning_rate / (1.0 + self.decay_rate * p)) as f32
    }
}
