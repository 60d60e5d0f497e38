//! `sparse_plus`: softplus made of a parabola.
//!
//! **Formula** `y = 0` where x <= -1, x where x >= 1, else `(x + 1)^2 / 4`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** 1 where y >= 1, else the root of y, which is `(x + 1) / 2`
//! **Reference** `keras.activations.sparse_plus`

use super::{each, scale};
use vanilla_plan::formula::Compare;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// Softplus made of a parabola.
#[derive(Clone, Copy, Debug, Default)]
pub struct SparsePlus;

impl Curve for SparsePlus {
    fn name(&self) -> &str {
        "sparse_plus"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        each(y, |x| {
            let inside = (x + 1.0) * (x + 1.0) * 0.25;
            if x <= -1.0 {
                0.0
            } else if x < 1.0 {
                inside
            } else {
                x
            }
        });
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        scale(kernels, d, y, |y| if y < 1.0 { y.sqrt() } else { 1.0 });
    }
    fn value(&self, x: f64) -> f64 {
        if x <= -1.0 {
            0.0
        } else if x < 1.0 {
            (x + 1.0) * (x + 1.0) / 4.0
        } else {
            x
        }
    }
    fn dies_at_zero(&self) -> bool {
        true
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| {
            let inside = (x + 1.0) * (x + 1.0) * 0.25;
            x.select(Compare::LessEqual, -1.0, 0.0, x.select(Compare::Less, 1.0, inside, x))
        }))
    }
}
