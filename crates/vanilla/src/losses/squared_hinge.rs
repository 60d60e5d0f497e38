//! `SquaredHinge`: as `Hinge`, squared.
//!
//! **Formula** mean over the outputs of `max(1 - t p, 0)^2`. Labels that are all 0 or 1 count as -1 and 1; Keras looks at
//! the labels of each batch, here those of all data decide
//! **Shapes** target and output `(None, k)`; `(None,)` counts as `(None, 1)`
//! **Config** none
//! **Gradient** `-2 t max(1 - t p, 0) / k`, 0 where `t p > 1`
//! **Reference** `keras.losses.SquaredHinge`

use super::{signs, Loss, Targets};
use crate::config::Config;
use crate::error::Result;
use vanilla_plan::kernels::Kernels;

/// Mean over the outputs of the square of what they lack to the side of the label.
#[derive(Clone, Copy, Debug, Default)]
pub struct SquaredHinge;

impl SquaredHinge {
    pub(crate) fn from_config(_: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl vanilla_plan::Loss for SquaredHinge {
    fn name(&self) -> &str {
        "squared_hinge"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let scale = 1.0 / prediction.len() as f32;
        let mut sum = 0.0;
        for ((d, p), t) in d.iter_mut().zip(prediction).zip(target) {
            let lack = 1.0 - t * p;
            // Not `max`, which would hide a NaN.
            let lack = if lack < 0.0 { 0.0 } else { lack };
            sum += lack * lack;
            *d = -2.0 * t * lack * scale;
        }
        sum * scale
    }
}

impl Loss for SquaredHinge {
    fn class_name(&self) -> &str {
        "SquaredHinge"
    }
    fn targets(&self) -> Targets {
        Targets::Numbers
    }
    fn prepare(&self, targets: &mut [f32]) {
        signs(targets);
    }
}
