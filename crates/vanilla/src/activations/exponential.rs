//! `exponential`: e to the power of x.
//!
//! **Formula** `y = e^x`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** y
//! **Reference** `keras.activations.exponential`

use super::scale;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// E to the power of x.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exponential;

impl Curve for Exponential {
    fn name(&self) -> &str {
        "exponential"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.exp(y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        scale(kernels, d, y, |y| y);
    }
    fn value(&self, x: f64) -> f64 {
        libm::exp(x)
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x.exp()))
    }
}
