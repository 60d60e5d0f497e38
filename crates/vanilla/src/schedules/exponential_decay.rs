//! `ExponentialDecay`: the rate falls by the same factor in every so many steps.
//!
//! **Formula** `initial_learning_rate decay_rate^(step / decay_steps)`; with staircase the exponent is rounded down
//! **Config** `initial_learning_rate`, `decay_steps`, `decay_rate`, `staircase` = false
//! **Reference** `keras.optimizers.schedules.ExponentialDecay`

use super::{Schedule, required, steps};
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

    /// From this rate, by the factor `decay_rate` in every `decay_steps`.
    ///
    /// # Panics
    /// If `decay_steps` is 0.
    pub fn new(initial_learning_rate: f64, decay_steps: u64, decay_rate: f64) -> Self {
        assert!(decay_steps > 0, "ExponentialDecay: decay_steps = 0, expected at least 1");
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
            decay_steps: steps(config, "decay_steps")?,
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
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
        }
    }
    fn at(&self, step: u64) -> f32 {
        let p = step as f64 / self.decay_steps;
        let p = if self.staircase { p.floor() } else { p };
        (self.initial_learning_rate * libm::pow(self.decay_rate, p)) as f32
    }
}
