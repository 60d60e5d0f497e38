//! `softplus`: a smooth relu.
//!
//! **Formula** `y = ln(1 + e^x)`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** `1 - e^-y`
//! **Reference** `keras.activations.softplus`

use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// A smooth relu.
#[derive(Clone, Copy, Debug, Default)]
pub struct Softplus;

impl Curve for Softplus {
    fn name(&self) -> &str {
        "softplus"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.softplus(y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        kernels.softplus_gradient(d, y);
    }
    fn value(&self, x: f64) -> f64 {
        x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x.max(0.0) + (-x.abs()).exp().ln_1p()))
    }
}
