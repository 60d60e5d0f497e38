//! `celu`: continuously differentiable exponential linear unit.
//!
//! **Formula** `y = x` where x > 0, else `e^x - 1`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** 1 where x >= 0, else `e^x`
//! **Reference** `keras.activations.celu` (alpha = 1); Barron 2017
//!
//! Keras on TensorFlow says that the slope at 0 is 2, because it adds the slopes of two halves there; here it is
//! 1, which both sides have.

use super::transformed;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// Continuously differentiable exponential linear unit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Celu;

impl Curve for Celu {
    fn name(&self) -> &str {
        "celu"
    }
    fn reads(&self) -> Reads {
        Reads::Input
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.elu(1.0, 1.0, y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], x: &[f32]) {
        transformed(d, x, |d, x| {
            x.iter_mut().for_each(|x| *x = if *x > 0.0 { 0.0 } else { *x });
            kernels.exp(x);
            d.iter_mut().zip(x).for_each(|(d, slope)| *d *= *slope);
        });
        kernels.flush(d);
    }
    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { x } else { libm::expm1(x) }
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x.max(0.0) + x.min(0.0).exp_m1()))
    }
}
