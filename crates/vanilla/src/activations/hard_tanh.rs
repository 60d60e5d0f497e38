//! `hard_tanh`: a tanh of three straight pieces.
//!
//! **Formula** `y = min(max(x, -1), 1)`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** 1 where |x| <= 1, else 0
//! **Reference** `keras.activations.hard_tanh`

use super::{each, scale, step};
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// A tanh of three straight pieces.
#[derive(Clone, Copy, Debug, Default)]
pub struct HardTanh;

impl Curve for HardTanh {
    fn name(&self) -> &str {
        "hard_tanh"
    }
    fn reads(&self) -> Reads {
        Reads::Input
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        each(y, |x| x.clamp(-1.0, 1.0));
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], x: &[f32]) {
        scale(kernels, d, x, |x| step(x.abs() <= 1.0));
    }
    fn value(&self, x: f64) -> f64 {
        x.clamp(-1.0, 1.0)
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x.clamp(-1.0, 1.0)))
    }
}
