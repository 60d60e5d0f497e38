//! `elu`: exponential linear unit.
//!
//! **Formula** `y = x` where x > 0, else `e^x - 1`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** 1 where x >= 0, else `y + 1`
//! **Reference** `keras.activations.elu` (alpha = 1); Clevert et al. 2016

use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// Exponential linear unit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Elu;

impl Curve for Elu {
    fn name(&self) -> &str {
        "elu"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.elu(1.0, 1.0, y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        kernels.elu_gradient(1.0, 1.0, d, y);
    }
    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { x } else { libm::expm1(x) }
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x.max(0.0) + x.min(0.0).exp_m1()))
    }
}
