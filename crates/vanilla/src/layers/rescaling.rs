//! `Rescaling`: brings inputs into another range, inside the model.
//!
//! **Formula** `y = x scale + offset`
//! **Shapes** any, unchanged
//! **Config** `scale`, `offset` = 0 (numbers; a list for every feature is refused)
//! **Gradient** `dx = dy scale`
//! **Reference** `keras.layers.Rescaling`

use super::{Built, Common, Layer, bad_value, one_input};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use std::sync::Arc;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Fact, Reads};

/// Multiplies by `scale` and adds `offset`: `Rescaling::new(1.0 / 255.0)` brings pixels into 0..1.
#[derive(Clone, Debug)]
pub struct Rescaling {
    common: Common,
    scale: f64,
    offset: f64,
}

impl Rescaling {
    pub(super) const CLASS: &'static str = "Rescaling";

    /// Multiplies by `scale`.
    pub fn new(scale: f64) -> Self {
        Self { common: Common::PLAIN, scale, offset: 0.0 }
    }

    /// With this name and whether it is trained.
    pub fn with_common(mut self, common: Common) -> Self {
        self.common = common;
        self
    }

    /// Adds this after the multiplication.
    pub fn offset(mut self, offset: f64) -> Self {
        self.offset = offset;
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        let Some(scale) = config.float("scale")? else {
            return Err(config.error("scale is missing: a number, such as scale = 0.00392156862745098 for 1/255"));
        };
        Ok(Self { common, scale, offset: config.float("offset")?.unwrap_or(0.0) })
    }
}

common!(Rescaling);

impl Layer for Rescaling {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "scale": self.scale, "offset": self.offset }
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        for (key, value) in [("scale", self.scale), ("offset", self.offset)] {
            if !value.is_finite() {
                return Err(bad_value(place, key, value, "a finite number"));
            }
        }
        let curve = Line { scale: self.scale as f32, offset: self.offset as f32 };
        let facts = vec![Fact::Elementwise(Arc::new(curve))];
        Ok(Built::new(input_shape.to_vec(), facts))
    }
}

#[derive(Debug)]
struct Line {
    scale: f32,
    offset: f32,
}

impl Curve for Line {
    fn name(&self) -> &str {
        "rescale"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        y.iter_mut().for_each(|y| *y = *y * self.scale + self.offset);
    }
    fn gradient(&self, _: &Kernels, d: &mut [f32], _: &[f32]) {
        d.iter_mut().for_each(|d| *d *= self.scale);
    }
    fn value(&self, x: f64) -> f64 {
        x * f64::from(self.scale) + f64::from(self.offset)
    }
}
