//! `MinMaxNorm`: every norm between two limits, or on its way there.
//!
//! **Formula** `w (rate min(max(n, min_value), max_value) + (1 - rate) n) / (1e-7 + n)`, n being the norm along
//! `axis`
//! **Shapes** any that has the axes
//! **Config** `min_value` = 0, `max_value` = 1, `rate` = 1, `axis` = 0 (a number or a list of them; Keras's None
//! is refused). A rate outside 0 to 1 and a min_value above max_value are refused; Keras checks neither
//! **Reference** `keras.constraints.MinMaxNorm`

use super::{Axis, Constraint, EPSILON, norm};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};

/// Every norm between two limits, or on its way there.
#[derive(Clone, Debug)]
pub struct MinMaxNorm {
    min_value: f64,
    max_value: f64,
    rate: f64,
    axis: Axis,
}

impl MinMaxNorm {
    const CLASS: &'static str = "MinMaxNorm";

    /// Every norm between these (Keras's defaults are 0 and 1), enforced at once, along the first axis: one norm a
    /// unit of a kernel.
    pub fn new(min_value: f64, max_value: f64) -> Self {
        Self { min_value, max_value, rate: 1.0, axis: Axis::default() }
    }

    /// Share of the way that a norm goes towards the limits at each step.
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// The norm's axis or axes.
    pub fn axis(mut self, axis: impl Into<Axis>) -> Self {
        self.axis = axis.into();
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let word = Self {
            min_value: config.float("min_value")?.unwrap_or(0.0),
            max_value: config.float("max_value")?.unwrap_or(1.0),
            rate: config.float("rate")?.unwrap_or(1.0),
            axis: Axis::from_config(config)?,
        };
        word.check_numbers()?;
        Ok(word)
    }

    fn check_numbers(&self) -> Result<()> {
        let max = norm(Self::CLASS, "max_value", self.max_value)?;
        let min = norm(Self::CLASS, "min_value", self.min_value)?;
        if min > max {
            let problem = format!("min_value = {min}, expected at most max_value, which is {max}");
            return Err(Error::config(Self::CLASS, problem));
        }
        if !(0.0..=1.0).contains(&self.rate) {
            let rate = self.rate;
            let problem = format!("rate = {rate}, expected a share of 0 to 1: 1 enforces the limits at once");
            return Err(Error::config(Self::CLASS, problem));
        }
        Ok(())
    }
}

impl vanilla_plan::Constraint for MinMaxNorm {
    fn name(&self) -> &str {
        "min_max_norm"
    }
    /// # Panics
    /// If the limits make no sense or the shape lacks an axis; [`Constraint::check`] says so before.
    fn apply(&self, w: &mut [f32], shape: &[usize]) {
        let wanted = |n: f64| self.rate * n.clamp(self.min_value, self.max_value) + (1.0 - self.rate) * n;
        self.axis.scale(w, shape, |n| wanted(n) / (EPSILON + n));
    }
}

impl Constraint for MinMaxNorm {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn config(&self) -> Keys {
        keys! {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis.to_config(),
        }
    }
    fn check(&self, shape: &[usize]) -> Result<()> {
        self.check_numbers()?;
        self.axis.of(Self::CLASS, shape).map(drop)
    }
}
