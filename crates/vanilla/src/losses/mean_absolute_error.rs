//! `MeanAbsoluteError`.
//!
//! **Formula** mean over the outputs of `|p - t|`
//! **Shapes** target and output `(None, k)`; `(None,)` counts as `(None, 1)`
//! **Config** none
//! **Gradient** `sign(p - t) / k`, 0 where p = t
//! **Reference** `keras.losses.MeanAbsoluteError`

use super::{Loss, Targets};
use crate::config::Config;
use crate::error::Result;
use vanilla_plan::kernels::Kernels;

/// Mean of `|p - t|` over the outputs.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanAbsoluteError;

impl MeanAbsoluteError {
    pub(crate) fn from_config(_: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl vanilla_plan::Loss for MeanAbsoluteError {
    fn name(&self) -> &str {
        "mean_absolute_error"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let scale = 1.0 / prediction.len() as f32;
        let mut loss = 0.0;
        for ((d, p), t) in d.iter_mut().zip(prediction).zip(target) {
            let e = p - t;
            loss += e.abs();
            *d = if e == 0.0 { 0.0 } else { e.signum() * scale };
        }
        loss * scale
    }
}

impl Loss for MeanAbsoluteError {
    fn class_name(&self) -> &str {
        "MeanAbsoluteError"
    }
    fn targets(&self) -> Targets {
        Targets::Numbers
    }
}
