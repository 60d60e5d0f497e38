//! `CategoricalHinge`: the true class should lead by one.
//!
//! **Formula** `max(max((1 - t) p) - sum(t p) + 1, 0)`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Gradient** `-t`, and `1 - t` where `(1 - t) p` is largest, shared by equals; 0 where the lead is above one
//! **Reference** `keras.losses.CategoricalHinge`

use super::{Loss, Targets};
use crate::config::Config;
use crate::error::Result;
use vanilla_plan::kernels::Kernels;

/// By how much the true class does not lead by one.
#[derive(Clone, Copy, Debug, Default)]
pub struct CategoricalHinge;

impl CategoricalHinge {
    pub(crate) fn from_config(_: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl vanilla_plan::Loss for CategoricalHinge {
    fn name(&self) -> &str {
        "categorical_hinge"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let (mut of_true, mut best, mut equals) = (0.0, f32::NEG_INFINITY, 0.0);
        for (p, t) in prediction.iter().zip(target) {
            of_true += t * p;
            let other = (1.0 - t) * p;
            if other > best {
                (best, equals) = (other, 0.0);
            }
            equals += f32::from(u8::from(other == best));
        }
        let loss = best - of_true + 1.0;
        for ((d, p), t) in d.iter_mut().zip(prediction).zip(target) {
            let largest = if (1.0 - t) * p == best { (1.0 - t) / equals } else { 0.0 };
            *d = if loss >= 0.0 { largest - t } else { 0.0 };
        }
        // A NaN stays one.
        if loss < 0.0 { 0.0 } else { loss }
    }
}

impl Loss for CategoricalHinge {
    fn class_name(&self) -> &str {
        "CategoricalHinge"
    }
    fn targets(&self) -> Targets {
        Targets::OneHot
    }
}
