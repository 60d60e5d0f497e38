//! `hard_shrink`: what is near zero becomes zero.
//!
//! **Formula** `y = 0` where |x| <= 0.5, else x
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** 1 where y is not 0, else 0
//! **Reference** `keras.activations.hard_shrink` (threshold = 0.5)
//!
//! NaN stays NaN, so that a broken training is noticed; Keras makes 0 of it.

use super::{each, scale, step};
use vanilla_plan::formula::Compare;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// What is near zero becomes zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct HardShrink;

impl Curve for HardShrink {
    fn name(&self) -> &str {
        "hard_shrink"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        each(y, |x| if x.abs() <= 0.5 { 0.0 } else { x });
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        scale(kernels, d, y, |y| step(y != 0.0));
    }
    fn value(&self, x: f64) -> f64 {
        if x.abs() <= 0.5 { 0.0 } else { x }
    }
    fn dies_at_zero(&self) -> bool {
        true
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x.abs().select(Compare::LessEqual, 0.5, 0.0, x)))
    }
}
