//! `ExponentialDecay`: the rate falls by the same factor in every so many steps.
//!
//! **Formula** `initial_learning_rate decay_rate^(step / decay_steps)`; with staircase the exponent is rounded
//! down
//! **Config** `initial_learning_rate`, `decay_steps`, `decay_rate`, `staircase` = false
//! **Reference** `keras.optimizers.schedules.ExponentialDecay`

use super::{Schedule, above_zero_steps, finite, required, required_steps, written_steps};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// Falls exponentially.
#[derive(Clone, Copy, Debug)]
pub struct ExponentialDecay {
    initial_learning_rate: f64,
    decay_steps: f64,
    decay_rate: f64,
    staircase: bool,
}

impl ExponentialDecay {
    pub(super) const CLASS: &'static str = "ExponentialDecay";

    /// From this rate, by the factor `decay_rate` in every `decay_steps`, of which there is at least 1.
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

impl Schedule for ExponentialDecay {
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
        finite("decay_rate", self.decay_rate)
    }
    fn at(&self, step: u64) -> f32 {
        let p = step as f64 / self.decay_steps;
        let p = if self.staircase { p.floor() } else { p };
        (self.initial_learning_rate * libm::pow(self.decay_rate, p)) as f32
    }
}
