//! `squareplus`: a smooth relu without a power of e.
//!
//! **Formula** `y = (x + sqrt(x^2 + 4)) / 2`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** `y^2 / (y^2 + 1)`
//! **Reference** `keras.activations.squareplus` (b = 4); Barron 2021
//!
//! Computed so that nothing cancels or overflows; Keras loses all digits far below zero.

use super::{each, scale};
use vanilla_plan::formula::Compare;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// A smooth relu without a power of e.
#[derive(Clone, Copy, Debug, Default)]
pub struct Squareplus;

impl Curve for Squareplus {
    fn name(&self) -> &str {
        "squareplus"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        each(y, |x| {
            let a = x.abs();
            // Beyond, 4 is lost beside the square, and later the square overflows.
            let root = if a < 1e10 { (a * a + 4.0).sqrt() } else { a };
            let sum = a + root;
            // Below zero the sum of the formula cancels; times its conjugate it is 4.
            if x < 0.0 { 2.0 / sum } else { 0.5 * sum }
        });
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        scale(kernels, d, y, |y| 1.0 / (1.0 + 1.0 / (y * y)));
    }
    fn value(&self, x: f64) -> f64 {
        0.5 * (x + (x * x + 4.0).sqrt())
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| {
            let a = x.abs();
            let sum = a + a.select(Compare::Less, 1e10, (a * a + 4.0).sqrt(), a);
            x.select(Compare::Less, 0.0, 2.0 / sum, 0.5 * sum)
        }))
    }
}
