//! `LinearWarmup`: the rate rises along a line, and is then what another schedule says.
//!
//! **Formula** `a + (b - a) step / warmup_steps` while `step < warmup_steps`, a being `initial_learning_rate` and
//! b the first rate of `learning_rate`; then `learning_rate` itself, whose steps are counted from there
//! **Config** `learning_rate` (a number, or a schedule with its class), `warmup_steps` (may be 0),
//! `initial_learning_rate` = 0. Keras has no such schedule, and cannot load a model with it.
//! **Reference** Goyal et al. 2017, section 2.2

use super::{Schedule, finite, required_steps, written_steps};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use crate::optimizers::LearningRate;
use serde_json::Value;

/// Rises, then hands over.
#[derive(Clone, Debug)]
pub struct LinearWarmup {
    learning_rate: LearningRate,
    warmup_steps: f64,
    initial_learning_rate: f64,
}

impl LinearWarmup {
    pub(super) const CLASS: &'static str = "LinearWarmup";

    /// From 0 in so many steps to this rate, or to the first one of this schedule.
    pub fn new(learning_rate: impl Into<LearningRate>, warmup_steps: u64) -> Self {
        let warmup_steps = warmup_steps as f64;
        Self { learning_rate: learning_rate.into(), warmup_steps, initial_learning_rate: 0.0 }
    }

    /// The rate of the first step, 0 unless set.
    pub fn initial_learning_rate(mut self, rate: f64) -> Self {
        self.initial_learning_rate = rate;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let learning_rate = match config.take("learning_rate") {
            None => return Err(config.error("learning_rate is missing: a number, or a schedule with its class")),
            Some(Value::Number(rate)) => LearningRate::Constant(rate.as_f64().unwrap_or(f64::NAN) as f32),
            Some(node) => LearningRate::Schedule(super::from_value(&node, config.registry())?),
        };
        Ok(Self {
            learning_rate,
            warmup_steps: required_steps(config, "warmup_steps")?,
            initial_learning_rate: config.float("initial_learning_rate")?.unwrap_or(0.0),
        })
    }
}

impl Schedule for LinearWarmup {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn config(&self) -> Keys {
        keys! {
            "learning_rate": self.learning_rate.to_config(),
            "warmup_steps": written_steps(self.warmup_steps),
            "initial_learning_rate": self.initial_learning_rate,
        }
    }
    fn check(&self) -> std::result::Result<(), String> {
        self.learning_rate.check()?;
        finite("initial_learning_rate", self.initial_learning_rate)?;
        if self.warmup_steps.is_finite() && self.warmup_steps >= 0.0 {
            return Ok(());
        }
        Err(format!("warmup_steps = {}, expected a number of steps, at least 0", self.warmup_steps))
    }
    fn at(&self, step: u64) -> f32 {
        if step as f64 >= self.warmup_steps {
            return self.learning_rate.at(step.saturating_sub(self.warmup_steps.ceil() as u64));
        }
        let share = step as f64 / self.warmup_steps;
        let height = f64::from(self.learning_rate.at(0)) - self.initial_learning_rate;
        (self.initial_learning_rate + height * share) as f32
    }
}
