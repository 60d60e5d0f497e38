//! `soft_shrink`: towards zero by one half.
//!
//! **Formula** `y = x - 0.5` where x > 0.5, `x + 0.5` where x < -0.5, else 0
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** 1 where y is not 0, else 0
//! **Reference** `keras.activations.soft_shrink` (threshold = 0.5)
//!
//! NaN stays NaN, so that a broken training is noticed; Keras makes 0 of it.

use super::{each, scale, step};
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// Towards zero by one half.
#[derive(Clone, Copy, Debug, Default)]
pub struct SoftShrink;

impl Curve for SoftShrink {
    fn name(&self) -> &str {
        "soft_shrink"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        each(y, |x| x - x.clamp(-0.5, 0.5));
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        scale(kernels, d, y, |y| step(y != 0.0));
    }
    fn value(&self, x: f64) -> f64 {
        x - x.clamp(-0.5, 0.5)
    }
    fn dies_at_zero(&self) -> bool {
        true
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x - x.clamp(-0.5, 0.5)))
    }
}
