//! `tanh`: hyperbolic tangent.
//!
//! **Formula** `y = (e^x - e^-x) / (e^x + e^-x)`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** `1 - y^2`
//! **Reference** `keras.activations.tanh`

use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// Hyperbolic tangent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tanh;

impl Curve for Tanh {
    fn name(&self) -> &str {
        "tanh"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.tanh(y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        kernels.tanh_gradient(d, y);
    }
    fn value(&self, x: f64) -> f64 {
        libm::tanh(x)
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x.tanh()))
    }
}
