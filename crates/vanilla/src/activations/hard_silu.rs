//! `hard_silu`: silu with the sigmoid of three straight pieces.
//!
//! **Formula** `y = x min(max(x + 3, 0), 6) / 6`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** 0 where x <= -3, 1 where x >= 3, else `(2 x + 3) / 6`
//! **Reference** `keras.activations.hard_silu`, also `hard_swish`; Howard et al. 2019

use super::{each, scale};
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// Silu with the sigmoid of three straight pieces.
#[derive(Clone, Copy, Debug, Default)]
pub struct HardSilu;

impl Curve for HardSilu {
    fn name(&self) -> &str {
        "hard_silu"
    }
    fn reads(&self) -> Reads {
        Reads::Input
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        each(y, |x| x * ((x + 3.0).clamp(0.0, 6.0) / 6.0));
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], x: &[f32]) {
        scale(kernels, d, x, |x| {
            let inside = (2.0 * x + 3.0) / 6.0;
            if x <= -3.0 {
                0.0
            } else if x < 3.0 {
                inside
            } else {
                1.0
            }
        });
    }
    fn value(&self, x: f64) -> f64 {
        x * (x + 3.0).clamp(0.0, 6.0) / 6.0
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x * ((x + 3.0).clamp(0.0, 6.0) / 6.0)))
    }
}
