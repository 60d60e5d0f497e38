//! `MeanAbsolutePercentageError`.
//!
//! **Formula** `100` times the mean over the outputs of `|t - p| / max(|t|, 1e-7)`
//! **Shapes** target and output `(None, k)`; `(None,)` counts as `(None, 1)`
//! **Config** none
//! **Gradient** `100 sign(p - t) / max(|t|, 1e-7) / k`, 0 where p = t
//! **Reference** `keras.losses.MeanAbsolutePercentageError`

use super::{EPSILON, Loss, Targets};
use crate::config::Config;
use crate::error::Result;
use vanilla_plan::kernels::Kernels;

/// Mean over the outputs of `|t - p|` in percent of `|t|`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanAbsolutePercentageError;

impl MeanAbsolutePercentageError {
    pub(crate) fn from_config(_: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl vanilla_plan::Loss for MeanAbsolutePercentageError {
    fn name(&self) -> &str {
        "mean_absolute_percentage_error"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let scale = 100.0 / prediction.len() as f32;
        let mut sum = 0.0;
        for ((d, p), t) in d.iter_mut().zip(prediction).zip(target) {
            let share = (t - p) / t.abs().max(EPSILON);
            sum += share.abs();
            let sign = if share == 0.0 { 0.0 } else { -share.signum() };
            *d = sign * scale / t.abs().max(EPSILON);
        }
        100.0 * (sum / prediction.len() as f32)
    }
}

impl Loss for MeanAbsolutePercentageError {
    fn class_name(&self) -> &str {
        "MeanAbsolutePercentageError"
    }
    fn targets(&self) -> Targets {
        Targets::Numbers
    }
}
