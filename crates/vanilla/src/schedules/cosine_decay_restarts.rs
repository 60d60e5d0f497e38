//! `CosineDecayRestarts`: the rate falls along half a cosine, again and again.
//!
//! **Formula** In period i, counted from 0,
//! `initial_learning_rate ((1 - alpha) m_mul^i (1 + cos(pi s)) / 2 + alpha)`, s being the share of the period that
//! is over; it has `first_decay_steps t_mul^i` steps. Keras finds i by a quotient of logarithms in float32, which
//! at the first step of a period may still be the one before; here it is exact.
//! **Config** `initial_learning_rate`, `first_decay_steps`, `t_mul` = 2, `m_mul` = 1, `alpha` = 0 (the share that
//! is left). Below 1, `t_mul` would be periods that come ever faster, and no rate at all after the last: it is
//! refused.
//! **Reference** `keras.optimizers.schedules.CosineDecayRestarts`, whose `name` is `SGDRDecay`; Loshchilov and
//! Hutter 2017

use super::cosine_decay::fallen;
use super::{Schedule, above_zero_steps, finite, required, required_steps, written_steps};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// Falls along half a cosine, and starts again.
#[derive(Clone, Copy, Debug)]
pub struct CosineDecayRestarts {
    initial_learning_rate: f64,
    first_decay_steps: f64,
    t_mul: f64,
    m_mul: f64,
    alpha: f64,
}

impl CosineDecayRestarts {
    pub(super) const CLASS: &'static str = "CosineDecayRestarts";

    /// From this rate to 0 in `first_decay_steps` (at least 1), then again in twice as many, and so on.
    pub fn new(initial_learning_rate: f64, first_decay_steps: u64) -> Self {
        let first_decay_steps = first_decay_steps as f64;
        Self { initial_learning_rate, first_decay_steps, t_mul: 2.0, m_mul: 1.0, alpha: 0.0 }
    }

    /// How much longer each period is than the one before, 2 unless set.
    pub fn t_mul(mut self, factor: f64) -> Self {
        self.t_mul = factor;
        self
    }

    /// How much higher each period starts than the one before, 1 unless set.
    pub fn m_mul(mut self, factor: f64) -> Self {
        self.m_mul = factor;
        self
    }

    /// Share of the rate that is left at the end of a period, 0 unless set.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            initial_learning_rate: required(config, "initial_learning_rate")?,
            first_decay_steps: required_steps(config, "first_decay_steps")?,
            t_mul: config.float("t_mul")?.unwrap_or(2.0),
            m_mul: config.float("m_mul")?.unwrap_or(1.0),
            alpha: config.float("alpha")?.unwrap_or(0.0),
        })
    }

    /// Where period i starts, in lengths of the first.
    fn start(&self, period: f64) -> f64 {
        (libm::pow(self.t_mul, period) - 1.0) / (self.t_mul - 1.0)
    }

    /// The number of the period that this many lengths of the first lead to, and the share of it that is over.
    fn period(&self, lengths: f64) -> (f64, f64) {
        if self.t_mul == 1.0 {
            return (lengths.floor(), lengths.fract());
        }
        let mut period = (libm::log1p(lengths * (self.t_mul - 1.0)) / libm::log(self.t_mul)).floor();
        // The logarithms are rounded, so at a border they may be one off, to either side.
        if period > 0.0 && self.start(period) > lengths {
            period -= 1.0;
        } else if self.start(period + 1.0) <= lengths {
            period += 1.0;
        }
        (period, (lengths - self.start(period)) / libm::pow(self.t_mul, period))
    }
}

impl Schedule for CosineDecayRestarts {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn name(&self) -> &str {
        "SGDRDecay"
    }
    fn config(&self) -> Keys {
        keys! {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": written_steps(self.first_decay_steps),
            "t_mul": self.t_mul,
            "m_mul": self.m_mul,
            "alpha": self.alpha,
        }
    }
    fn check(&self) -> std::result::Result<(), String> {
        finite("initial_learning_rate", self.initial_learning_rate)?;
        above_zero_steps("first_decay_steps", self.first_decay_steps)?;
        if !(self.t_mul.is_finite() && self.t_mul >= 1.0) {
            return Err(format!("t_mul = {}, expected a number, at least 1", self.t_mul));
        }
        finite("m_mul", self.m_mul)?;
        finite("alpha", self.alpha)
    }
    fn at(&self, step: u64) -> f32 {
        let (period, share) = self.period(step as f64 / self.first_decay_steps);
        (self.initial_learning_rate * fallen(share, libm::pow(self.m_mul, period), self.alpha)) as f32
    }
}
