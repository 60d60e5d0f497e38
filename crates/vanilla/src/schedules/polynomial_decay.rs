//! `PolynomialDecay`: the rate falls to another one along a power of the steps that are left.
//!
//! **Formula** `(initial_learning_rate - end_learning_rate) (1 - s / n)^power + end_learning_rate` with
//! `s = min(step, decay_steps)` and `n = decay_steps`; with cycle s is the step and n the next multiple of
//! `decay_steps`, so that the rate rises again, less each time
//! **Config** `initial_learning_rate`, `decay_steps`, `end_learning_rate` = 1e-4, `power` = 1, `cycle` = false
//! **Reference** `keras.optimizers.schedules.PolynomialDecay`

use super::{Schedule, above_zero_steps, finite, required, required_steps, written_steps};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// Falls along a power of the steps that are left.
#[derive(Clone, Copy, Debug)]
pub struct PolynomialDecay {
    initial_learning_rate: f64,
    decay_steps: f64,
    end_learning_rate: f64,
    power: f64,
    cycle: bool,
}

impl PolynomialDecay {
    pub(super) const CLASS: &'static str = "PolynomialDecay";

    /// From this rate, along a straight line to 1e-4 in `decay_steps`, of which there is at least 1.
    pub fn new(initial_learning_rate: f64, decay_steps: u64) -> Self {
        let decay_steps = decay_steps as f64;
        Self { initial_learning_rate, decay_steps, end_learning_rate: 1e-4, power: 1.0, cycle: false }
    }

    /// The rate at the end, 1e-4 unless set.
    pub fn end_learning_rate(mut self, rate: f64) -> Self {
        self.end_learning_rate = rate;
        self
    }

    /// The power, 1 unless set.
    pub fn power(mut self, power: f64) -> Self {
        self.power = power;
        self
    }

    /// Rises again after every `decay_steps`.
    pub fn cycle(mut self, cycle: bool) -> Self {
        self.cycle = cycle;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            initial_learning_rate: required(config, "initial_learning_rate")?,
            decay_steps: required_steps(config, "decay_steps")?,
            end_learning_rate: config.float("end_learning_rate")?.unwrap_or(1e-4),
            power: config.float("power")?.unwrap_or(1.0),
            cycle: config.boolean("cycle")?.unwrap_or(false),
        })
    }
}

impl Schedule for PolynomialDecay {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn config(&self) -> Keys {
        keys! {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": written_steps(self.decay_steps),
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
        }
    }
    fn check(&self) -> std::result::Result<(), String> {
        finite("initial_learning_rate", self.initial_learning_rate)?;
        above_zero_steps("decay_steps", self.decay_steps)?;
        finite("end_learning_rate", self.end_learning_rate)?;
        if self.power.is_finite() && self.power >= 0.0 {
            return Ok(());
        }
        Err(format!("power = {}, expected a number, at least 0: below, the rate would be infinite", self.power))
    }
    fn at(&self, step: u64) -> f32 {
        let step = step as f64;
        let left = if self.cycle {
            1.0 - step / (self.decay_steps * (step / self.decay_steps).ceil().max(1.0))
        } else {
            1.0 - step.min(self.decay_steps) / self.decay_steps
        };
        let height = self.initial_learning_rate - self.end_learning_rate;
        (height * libm::pow(left.max(0.0), self.power) + self.end_learning_rate) as f32
    }
}
