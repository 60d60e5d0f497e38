//! `selu`: scaled exponential linear unit.
//!
//! **Formula** `y = scale x` where x > 0, else `scale alpha (e^x - 1)`; scale = 1.05070098..., alpha =
//! 1.67326324...
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** scale where x >= 0, else `y + scale alpha`
//! **Reference** `keras.activations.selu`

use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// Scaled exponential linear unit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selu;

impl Curve for Selu {
    fn name(&self) -> &str {
        "selu"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.elu(ABOVE, BELOW, y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        kernels.elu_gradient(ABOVE, BELOW, d, y);
    }
    fn value(&self, x: f64) -> f64 {
        SCALE * if x > 0.0 { x } else { ALPHA * libm::expm1(x) }
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| f64::from(ABOVE) * x.max(0.0) + f64::from(BELOW) * x.min(0.0).exp_m1()))
    }
}

/// Klambauer et al. 2017, "Self-normalizing neural networks", equation 2.
const SCALE: f64 = 1.050_700_987_355_480_5;
const ALPHA: f64 = 1.673_263_242_354_377_2;
const ABOVE: f32 = SCALE as f32;
const BELOW: f32 = (SCALE * ALPHA) as f32;
