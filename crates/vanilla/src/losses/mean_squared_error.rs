//! `MeanSquaredError`.
//!
//! **Formula** mean over the outputs of `(p - t)^2`
//! **Shapes** target and output `(None, k)`; `(None,)` counts as `(None, 1)`
//! **Config** none
//! **Gradient** `2 (p - t) / k`
//! **Reference** `keras.losses.MeanSquaredError`

use super::{Loss, Targets};
use crate::config::Config;
use crate::error::Result;
use vanilla_plan::kernels::Kernels;

/// Mean of `(p - t)^2` over the outputs.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanSquaredError;

impl MeanSquaredError {
    pub(crate) fn from_config(_: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl vanilla_plan::Loss for MeanSquaredError {
    fn name(&self) -> &str {
        "mean_squared_error"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let scale = 1.0 / prediction.len() as f32;
        let mut loss = 0.0;
        for ((d, p), t) in d.iter_mut().zip(prediction).zip(target) {
            let e = p - t;
            loss += e * e;
            *d = 2.0 * e * scale;
        }
        loss * scale
    }
}

impl Loss for MeanSquaredError {
    fn class_name(&self) -> &str {
        "MeanSquaredError"
    }
    fn targets(&self) -> Targets {
        Targets::Numbers
    }
}
