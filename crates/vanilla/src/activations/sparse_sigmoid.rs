//! `sparse_sigmoid`: a sigmoid of three straight pieces, between -1 and 1.
//!
//! **Formula** `y = min(max((x + 1) / 2, 0), 1)`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** 1/2 where 0 < y < 1, else 0
//! **Reference** `keras.activations.sparse_sigmoid`; Blondel et al. 2019

use super::{each, scale, step};
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// A sigmoid of three straight pieces, between -1 and 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct SparseSigmoid;

impl Curve for SparseSigmoid {
    fn name(&self) -> &str {
        "sparse_sigmoid"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        each(y, |x| (0.5 * (x + 1.0)).clamp(0.0, 1.0));
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        scale(kernels, d, y, |y| step(y > 0.0 && y < 1.0) * 0.5);
    }
    fn value(&self, x: f64) -> f64 {
        (0.5 * (x + 1.0)).clamp(0.0, 1.0)
    }
    fn dies_at_zero(&self) -> bool {
        true
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| (0.5 * (x + 1.0)).clamp(0.0, 1.0)))
    }
}
