//! `sigmoid`: from 0 to 1.
//!
//! **Formula** `y = 1 / (1 + e^-x)`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** `y (1 - y)`
//! **Reference** `keras.activations.sigmoid`

use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Link, Reads};

/// From 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sigmoid;

impl Curve for Sigmoid {
    fn name(&self) -> &str {
        "sigmoid"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.sigmoid(y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        kernels.sigmoid_gradient(d, y);
    }
    fn value(&self, x: f64) -> f64 {
        1.0 / (1.0 + libm::exp(-x))
    }
    fn link(&self) -> Option<Link> {
        Some(Link::Sigmoid)
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| 1.0 / (1.0 + (-x).exp())))
    }
}
