//! `MeanSquaredLogarithmicError`.
//!
//! **Formula** mean over the outputs of `(ln(p' + 1) - ln(t' + 1))^2`, `x' = max(x, 1e-7)`
//! **Shapes** target and output `(None, k)`; `(None,)` counts as `(None, 1)`
//! **Config** none
//! **Gradient** `2 (ln(p' + 1) - ln(t' + 1)) / (p' + 1) / k`, 0 where p is below 1e-7
//! **Reference** `keras.losses.MeanSquaredLogarithmicError`

use super::{EPSILON, Loss, Targets};
use crate::config::Config;
use crate::error::Result;
use vanilla_plan::kernels::Kernels;

/// Mean over the outputs of the squared difference of `ln(x + 1)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanSquaredLogarithmicError;

impl MeanSquaredLogarithmicError {
    pub(crate) fn from_config(_: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl vanilla_plan::Loss for MeanSquaredLogarithmicError {
    fn name(&self) -> &str {
        "mean_squared_logarithmic_error"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let scale = 1.0 / prediction.len() as f32;
        // Unlike f32::max, NaN stays NaN.
        let at_least = |x: f32| if x < EPSILON { EPSILON } else { x };
        let ln = |x: f32| libm::logf(at_least(x) + 1.0);
        let mut sum = 0.0;
        for ((d, &p), &t) in d.iter_mut().zip(prediction).zip(target) {
            let e = ln(p) - ln(t);
            sum += e * e;
            *d = if p < EPSILON { 0.0 } else { 2.0 * e * scale / (p + 1.0) };
        }
        sum * scale
    }
}

impl Loss for MeanSquaredLogarithmicError {
    fn class_name(&self) -> &str {
        "MeanSquaredLogarithmicError"
    }
    fn targets(&self) -> Targets {
        Targets::Numbers
    }
}
