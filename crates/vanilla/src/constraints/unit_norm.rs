//! `UnitNorm`: every norm is 1.
//!
//! **Formula** `w / (1e-7 + n)`, n being the norm along `axis`; zeros stay zeros
//! **Shapes** any that has the axes
//! **Config** `axis` = 0 (a number or a list of them; Keras's None is refused)
//! **Reference** `keras.constraints.UnitNorm`

use super::{Axis, Constraint, EPSILON};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// Every norm is 1.
#[derive(Clone, Debug, Default)]
pub struct UnitNorm {
    axis: Axis,
}

impl UnitNorm {
    const CLASS: &'static str = "UnitNorm";

    /// Every norm is 1, along the first axis: one norm a unit of a kernel.
    pub fn new() -> Self {
        Self::default()
    }

    /// The norm's axis or axes.
    pub fn axis(mut self, axis: impl Into<Axis>) -> Self {
        self.axis = axis.into();
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { axis: Axis::from_config(config)? })
    }
}

impl vanilla_plan::Constraint for UnitNorm {
    fn name(&self) -> &str {
        "unit_norm"
    }
    /// # Panics
    /// If the shape lacks an axis; [`Constraint::check`] says so before.
    fn apply(&self, w: &mut [f32], shape: &[usize]) {
        self.axis.scale(w, shape, |n| 1.0 / (EPSILON + n));
    }
}

impl Constraint for UnitNorm {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn config(&self) -> Keys {
        keys! { "axis": self.axis.to_config() }
    }
    fn check(&self, shape: &[usize]) -> Result<()> {
        self.axis.of(Self::CLASS, shape).map(drop)
    }
}
