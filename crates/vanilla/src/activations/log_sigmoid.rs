//! `log_sigmoid`: logarithm of the sigmoid.
//!
//! **Formula** `y = ln(1 / (1 + e^-x)) = -softplus(-x)`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** `1 - e^y`
//! **Reference** `keras.activations.log_sigmoid`

use super::{each, transformed};
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// Logarithm of the sigmoid.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogSigmoid;

impl Curve for LogSigmoid {
    fn name(&self) -> &str {
        "log_sigmoid"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        each(y, |x| -x);
        kernels.softplus(y);
        each(y, |y| -y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        transformed(d, y, |d, y| {
            each(y, |y| -y);
            kernels.softplus_gradient(d, y);
        });
    }
    fn value(&self, x: f64) -> f64 {
        x.min(0.0) - libm::log1p(libm::exp(-x.abs()))
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x.min(0.0) - (-x.abs()).exp().ln_1p()))
    }
}
