//! `hard_sigmoid`: a sigmoid of three straight pieces.
//!
//! **Formula** `y = min(max(x + 3, 0), 6) / 6`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** 1/6 where 0 < y < 1, else 0
//! **Reference** `keras.activations.hard_sigmoid`
//!
//! Keras 2 had `0.2 x + 0.5` between 0 and 1.

use super::{each, scale, step};
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// A sigmoid of three straight pieces.
#[derive(Clone, Copy, Debug, Default)]
pub struct HardSigmoid;

impl Curve for HardSigmoid {
    fn name(&self) -> &str {
        "hard_sigmoid"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        each(y, |x| (x + 3.0).clamp(0.0, 6.0) / 6.0);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        scale(kernels, d, y, |y| step(y > 0.0 && y < 1.0) / 6.0);
    }
    fn value(&self, x: f64) -> f64 {
        (x + 3.0).clamp(0.0, 6.0) / 6.0
    }
    fn dies_at_zero(&self) -> bool {
        true
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| (x + 3.0).clamp(0.0, 6.0) / 6.0))
    }
}
