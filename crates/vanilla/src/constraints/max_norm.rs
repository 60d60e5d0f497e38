//! `MaxNorm`: no norm above a limit.
//!
//! **Formula** `w min(n, max_value) / (1e-7 + n)`, n being the norm along `axis`. As in Keras, w shrinks by `n /
//! (1e-7 + n)` where the norm is below the limit
//! **Shapes** any that has the axes
//! **Config** `max_value` = 2, `axis` = 0 (a number or a list of them; Keras's None is refused)
//! **Reference** `keras.constraints.MaxNorm`

use super::{Axis, Constraint, EPSILON, norm};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// No norm above a limit.
#[derive(Clone, Debug)]
pub struct MaxNorm {
    max_value: f64,
    axis: Axis,
}

impl MaxNorm {
    const CLASS: &'static str = "MaxNorm";

    /// No norm above this (Keras's default is 2), along the first axis: one norm a unit of a kernel.
    pub fn new(max_value: f64) -> Self {
        Self { max_value, axis: Axis::default() }
    }

    /// The norm's axis or axes.
    pub fn axis(mut self, axis: impl Into<Axis>) -> Self {
        self.axis = axis.into();
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let max_value = norm(Self::CLASS, "max_value", config.float("max_value")?.unwrap_or(2.0))?;
        Ok(Self { max_value, axis: Axis::from_config(config)? })
    }
}

impl vanilla_plan::Constraint for MaxNorm {
    fn name(&self) -> &str {
        "max_norm"
    }
    /// # Panics
    /// If the shape lacks an axis; [`Constraint::check`] says so before.
    fn apply(&self, w: &mut [f32], shape: &[usize]) {
        self.axis.scale(w, shape, |n| if n > self.max_value { self.max_value } else { n } / (EPSILON + n));
    }
}

impl Constraint for MaxNorm {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn config(&self) -> Keys {
        keys! { "max_value": self.max_value, "axis": self.axis.to_config() }
    }
    fn check(&self, shape: &[usize]) -> Result<()> {
        norm(Self::CLASS, "max_value", self.max_value)?;
        self.axis.of(Self::CLASS, shape).map(drop)
    }
}
