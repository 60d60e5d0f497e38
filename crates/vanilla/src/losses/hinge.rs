//! `Hinge`: labels are signs, and outputs should have them, by one at least.
//!
//! **Formula** mean over the outputs of `max(1 - t p, 0)`. Labels that are all 0 or 1 count as -1 and 1; Keras looks at
//! the labels of each batch, here those of all data decide
//! **Shapes** target and output `(None, k)`; `(None,)` counts as `(None, 1)`
//! **Config** none
//! **Gradient** `-t / k`, 0 where `t p > 1`
//! **Reference** `keras.losses.Hinge`

use super::{signs, Loss, Targets};
use crate::config::Config;
use crate::error::Result;
use vanilla_plan::kernels::Kernels;

/// Mean over the outputs of what they lack to the side of the label.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hinge;

impl Hinge {
    pub(crate) fn from_config(_: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl vanilla_plan::Loss for Hinge {
    fn name(&self) -> &str {
        "hinge"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let scale = 1.0 / prediction.len() as f32;
        let mut sum = 0.0;
        for ((d, p), t) in d.iter_mut().zip(prediction).zip(target) {
            let lack = 1.0 - t * p;
            // Not `max`, which would hide a NaN.
            sum += if lack < 0.0 { 0.0 } else { lack };
            *d = if lack < 0.0 { 0.0 } else { -t * scale };
        }
        sum * scale
    }
}

impl Loss for Hinge {
    fn class_name(&self) -> &str {
        "Hinge"
    }
    fn targets(&self) -> Targets {
        Targets::Numbers
    }
    fn prepare(&self, targets: &mut [f32]) {
        signs(targets);
    }
}
