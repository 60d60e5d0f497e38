//! `leaky_relu`: a fifth of x below zero.
//!
//! **Formula** `y = x` where x > 0, else `0.2 x`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** 1 where y > 0, else 0.2
//! **Reference** `keras.activations.leaky_relu` (negative_slope = 0.2; the layer `LeakyReLU` has 0.3)

use super::{each, scale};
use vanilla_plan::formula::Compare;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// A fifth of x below zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeakyRelu;

impl Curve for LeakyRelu {
    fn name(&self) -> &str {
        "leaky_relu"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        each(y, |x| if x > 0.0 { x } else { 0.2 * x });
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        scale(kernels, d, y, |y| if y > 0.0 { 1.0 } else { 0.2 });
    }
    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { x } else { 0.2 * x }
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x.select(Compare::LessEqual, 0.0, 0.2 * x, x)))
    }
}
