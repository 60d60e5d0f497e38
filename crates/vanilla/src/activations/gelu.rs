//! `gelu`: Gaussian error linear unit, the exact one.
//!
//! **Formula** `y = x Phi(x)`, Phi being the normal distribution
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** `Phi(x) + x phi(x)`
//! **Reference** `keras.activations.gelu` (approximate = False); Hendrycks and Gimpel 2016

use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// Gaussian error linear unit, the exact one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gelu;

impl Curve for Gelu {
    fn name(&self) -> &str {
        "gelu"
    }
    fn reads(&self) -> Reads {
        Reads::Input
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.gelu(y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], x: &[f32]) {
        kernels.gelu_gradient(d, x);
    }
    fn value(&self, x: f64) -> f64 {
        0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| 0.5 * x * (-x * std::f64::consts::FRAC_1_SQRT_2).erfc()))
    }
}
