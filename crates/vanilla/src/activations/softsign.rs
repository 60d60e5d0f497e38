//! `softsign`: from -1 to 1, slowly.
//!
//! **Formula** `y = x / (1 + |x|)`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** `1 / (1 + |x|)^2`
//! **Reference** `keras.activations.softsign`

use super::{each, scale};
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// From -1 to 1, slowly.
#[derive(Clone, Copy, Debug, Default)]
pub struct Softsign;

impl Curve for Softsign {
    fn name(&self) -> &str {
        "softsign"
    }
    fn reads(&self) -> Reads {
        Reads::Input
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        each(y, |x| x / (1.0 + x.abs()));
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], x: &[f32]) {
        scale(kernels, d, x, |x| 1.0 / ((1.0 + x.abs()) * (1.0 + x.abs())));
    }
    fn value(&self, x: f64) -> f64 {
        x / (1.0 + x.abs())
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x / (1.0 + x.abs())))
    }
}
