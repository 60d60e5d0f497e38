//! `relu`: rectified linear unit.
//!
//! **Formula** `y = max(x, 0)`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** 1 where y > 0, else 0
//! **Reference** `keras.activations.relu` (all its keys at their defaults)

use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// Rectified linear unit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Relu;

impl Curve for Relu {
    fn name(&self) -> &str {
        "relu"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.relu(y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        kernels.relu_gradient(d, y);
    }
    fn value(&self, x: f64) -> f64 {
        x.max(0.0)
    }
    fn dies_at_zero(&self) -> bool {
        true
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x.max(0.0)))
    }
}
