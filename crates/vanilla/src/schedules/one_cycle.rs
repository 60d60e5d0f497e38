//! `OneCycle`: the rate rises to a high one and falls far below where it began, once.
//!
//! **Formula** From `max_learning_rate / div_factor` up to `max_learning_rate` until step
//! `pct_start total_steps - 1`, then down to `max_learning_rate / div_factor / final_div_factor` at the last step,
//! `total_steps - 1`; both along half a cosine, `b + (a - b) (1 + cos(pi s)) / 2` from a to b. Later steps keep
//! the last rate.
//! **Config** `max_learning_rate`, `total_steps`, `pct_start` = 0.3 (share of the steps that rise), `div_factor` =
//! 25, `final_div_factor` = 1e4. Keras has no such schedule, and cannot load a model with it; these keys and their
//! meaning are those of PyTorch's `OneCycleLR`, but for its momentum.
//! **Reference** Smith and Topin 2018, "Super-Convergence"; Smith 2018, section 4.1

use super::{Schedule, above_zero, above_zero_steps, required, required_steps, written_steps};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use std::f64::consts::PI;

/// Rises once, and falls.
#[derive(Clone, Copy, Debug)]
pub struct OneCycle {
    max_learning_rate: f64,
    total_steps: f64,
    pct_start: f64,
    div_factor: f64,
    final_div_factor: f64,
}

impl OneCycle {
    pub(super) const CLASS: &'static str = "OneCycle";

    /// To this rate and down again, in `total_steps`, of which there is at least 1.
    pub fn new(max_learning_rate: f64, total_steps: u64) -> Self {
        let total_steps = total_steps as f64;
        Self { max_learning_rate, total_steps, pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 }
    }

    /// Share of the steps in which the rate rises, 0.3 unless set.
    pub fn pct_start(mut self, share: f64) -> Self {
        self.pct_start = share;
        self
    }

    /// The highest rate over the first one, 25 unless set.
    pub fn div_factor(mut self, factor: f64) -> Self {
        self.div_factor = factor;
        self
    }

    /// The first rate over the last one, 1e4 unless set.
    pub fn final_div_factor(mut self, factor: f64) -> Self {
        self.final_div_factor = factor;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            max_learning_rate: required(config, "max_learning_rate")?,
            total_steps: required_steps(config, "total_steps")?,
            pct_start: config.float("pct_start")?.unwrap_or(0.3),
            div_factor: config.float("div_factor")?.unwrap_or(25.0),
            final_div_factor: config.float("final_div_factor")?.unwrap_or(1e4),
        })
    }
}

impl Schedule for OneCycle {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn config(&self) -> Keys {
        keys! {
            "max_learning_rate": self.max_learning_rate,
            "total_steps": written_steps(self.total_steps),
            "pct_start": self.pct_start,
            "div_factor": self.div_factor,
            "final_div_factor": self.final_div_factor,
        }
    }
    fn check(&self) -> std::result::Result<(), String> {
        above_zero("max_learning_rate", self.max_learning_rate, "")?;
        above_zero_steps("total_steps", self.total_steps)?;
        if !(0.0..=1.0).contains(&self.pct_start) {
            return Err(format!("pct_start = {}, expected a share from 0 to 1", self.pct_start));
        }
        above_zero("div_factor", self.div_factor, "")?;
        above_zero("final_div_factor", self.final_div_factor, "")
    }
    fn at(&self, step: u64) -> f32 {
        let first = self.max_learning_rate / self.div_factor;
        let (top, last) = (self.pct_start * self.total_steps - 1.0, self.total_steps - 1.0);
        let step = (step as f64).min(last);
        let between = |a: f64, b: f64, share: f64| (b + (a - b) * 0.5 * (1.0 + libm::cos(PI * share))) as f32;
        if top > 0.0 && step <= top {
            return between(first, self.max_learning_rate, step / top);
        }
        let share = if last > top { (step - top) / (last - top) } else { 1.0 };
        between(self.max_learning_rate, first / self.final_div_factor, share)
    }
}
