//! `silu`: sigmoid linear unit.
//!
//! **Formula** `y = x / (1 + e^-x)`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** `s (1 + x (1 - s))` where `s = 1 / (1 + e^-x)`
//! **Reference** `keras.activations.silu`, also `swish`; Ramachandran et al. 2017

use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// Sigmoid linear unit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silu;

impl Curve for Silu {
    fn name(&self) -> &str {
        "silu"
    }
    fn reads(&self) -> Reads {
        Reads::Input
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.silu(y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], x: &[f32]) {
        kernels.silu_gradient(d, x);
    }
    fn value(&self, x: f64) -> f64 {
        x / (1.0 + libm::exp(-x))
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x / (1.0 + (-x).exp())))
    }
}
