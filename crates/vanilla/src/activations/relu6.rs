//! `relu6`: relu that ends at six.
//!
//! **Formula** `y = min(max(x, 0), 6)`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** 1 where 0 < y < 6, else 0
//! **Reference** `keras.activations.relu6`

use super::{each, scale, step};
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// Relu that ends at six.
#[derive(Clone, Copy, Debug, Default)]
pub struct Relu6;

impl Curve for Relu6 {
    fn name(&self) -> &str {
        "relu6"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        each(y, |x| x.clamp(0.0, 6.0));
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        scale(kernels, d, y, |y| step(y > 0.0 && y < 6.0));
    }
    fn value(&self, x: f64) -> f64 {
        x.clamp(0.0, 6.0)
    }
    fn dies_at_zero(&self) -> bool {
        true
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x.clamp(0.0, 6.0)))
    }
}
