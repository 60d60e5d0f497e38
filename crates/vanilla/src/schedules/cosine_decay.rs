//! `CosineDecay`: the rate falls along half a cosine, after rising along a line where that is wanted.
//!
//! **Formula** `initial_learning_rate ((1 - alpha) (1 + cos(pi s)) / 2 + alpha)` with
//! `s = min(step / decay_steps, 1)`. With `warmup_target` the rate rises for `warmup_steps` from
//! `initial_learning_rate` to the target, and falls from there in the following `decay_steps`. Without a target
//! `warmup_steps` have no effect, as in Keras.
//! **Config** `initial_learning_rate`, `decay_steps`, `alpha` = 0 (the share that is left), `warmup_target` =
//! null, `warmup_steps` = 0
//! **Reference** `keras.optimizers.schedules.CosineDecay`; Loshchilov and Hutter 2017, equation 5

use super::{Schedule, above_zero_steps, finite, required, required_steps, written_steps};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use std::f64::consts::PI;

/// Falls along half a cosine.
#[derive(Clone, Copy, Debug)]
pub struct CosineDecay {
    initial_learning_rate: f64,
    decay_steps: f64,
    alpha: f64,
    warmup_target: Option<f64>,
    warmup_steps: f64,
}

impl CosineDecay {
    pub(super) const CLASS: &'static str = "CosineDecay";

    /// From this rate to 0 in `decay_steps`, of which there is at least 1.
    pub fn new(initial_learning_rate: f64, decay_steps: u64) -> Self {
        let decay_steps = decay_steps as f64;
        Self { initial_learning_rate, decay_steps, alpha: 0.0, warmup_target: None, warmup_steps: 0.0 }
    }

    /// Share of the rate that is left at the end, 0 unless set.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Rises to this rate first, in so many steps.
    pub fn warmup(mut self, target: f64, steps: u64) -> Self {
        (self.warmup_target, self.warmup_steps) = (Some(target), steps as f64);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            initial_learning_rate: required(config, "initial_learning_rate")?,
            decay_steps: required_steps(config, "decay_steps")?,
            alpha: config.float("alpha")?.unwrap_or(0.0),
            warmup_target: config.float("warmup_target")?,
            warmup_steps: config.float("warmup_steps")?.unwrap_or(0.0),
        })
    }
}

impl Schedule for CosineDecay {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn config(&self) -> Keys {
        keys! {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": written_steps(self.decay_steps),
            "alpha": self.alpha,
            "warmup_target": self.warmup_target,
            "warmup_steps": written_steps(self.warmup_steps),
        }
    }
    fn check(&self) -> std::result::Result<(), String> {
        finite("initial_learning_rate", self.initial_learning_rate)?;
        above_zero_steps("decay_steps", self.decay_steps)?;
        finite("alpha", self.alpha)?;
        finite("warmup_target", self.warmup_target.unwrap_or(0.0))?;
        if self.warmup_steps.is_finite() && self.warmup_steps >= 0.0 {
            return Ok(());
        }
        Err(format!("warmup_steps = {}, expected a number of steps, at least 0", self.warmup_steps))
    }
    fn at(&self, step: u64) -> f32 {
        let step = step as f64;
        let (start, step) = match self.warmup_target {
            None => (self.initial_learning_rate, step),
            Some(target) if step < self.warmup_steps => {
                let rise = (target - self.initial_learning_rate) * (step / self.warmup_steps);
                return (self.initial_learning_rate + rise) as f32;
            }
            Some(target) => (target, step - self.warmup_steps),
        };
        (start * fallen((step / self.decay_steps).min(1.0), 1.0, self.alpha)) as f32
    }
}

/// What is left of a rate after this share of its way from `height` to `alpha`.
pub(super) fn fallen(share: f64, height: f64, alpha: f64) -> f64 {
    (1.0 - alpha) * 0.5 * height * (1.0 + libm::cos(PI * share)) + alpha
}
