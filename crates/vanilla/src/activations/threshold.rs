//! `threshold`: x where it is large enough, else a number.
//!
//! **Formula** `y = x` where x > threshold, else default_value
//! **Shapes** any, unchanged
//! **Config** `threshold`, `default_value`, without defaults: [`Threshold::new`]
//! **Gradient** 1 where x > threshold, else 0
//! **Reference** `keras.activations.threshold`
//!
//! The bare name is refused, because it says neither number; Keras accepts it and fails when the layer is first
//! called. NaN stays NaN, so that a broken training is noticed; Keras makes default_value of it.

use super::{each, scale, step};
use vanilla_plan::formula::Compare;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// The input where it is above a threshold, else a number.
///
/// ```
/// use vanilla::activations::{Activation, Threshold};
/// let activation = Activation::from(Threshold::new(0.5, 0.0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Threshold {
    threshold: f32,
    default_value: f32,
}

impl Threshold {
    /// x above `threshold`, `default_value` up to it.
    pub fn new(threshold: f32, default_value: f32) -> Self {
        Self { threshold, default_value }
    }
}

impl Curve for Threshold {
    fn name(&self) -> &str {
        "threshold"
    }
    fn reads(&self) -> Reads {
        Reads::Input
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        each(y, |x| if x <= self.threshold { self.default_value } else { x });
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], x: &[f32]) {
        scale(kernels, d, x, |x| step(x > self.threshold));
    }
    fn value(&self, x: f64) -> f64 {
        if x <= f64::from(self.threshold) { f64::from(self.default_value) } else { x }
    }
    /// Where the threshold is below zero, an x of 0 passes, and so does its gradient.
    fn dies_at_zero(&self) -> bool {
        self.default_value == 0.0 && self.threshold >= 0.0
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| {
            x.select(Compare::LessEqual, f64::from(self.threshold), f64::from(self.default_value), x)
        }))
    }
}
