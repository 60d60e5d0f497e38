//! `Poisson`: for counts.
//!
//! **Formula** mean over the outputs of `p - t ln(p + 1e-7)`
//! **Shapes** target and output `(None, k)`; `(None,)` counts as `(None, 1)`. Outputs below zero have no logarithm: end
//! in `exponential` or `softplus`
//! **Config** none
//! **Gradient** `(1 - t / (p + 1e-7)) / k`
//! **Reference** `keras.losses.Poisson`

use super::{EPSILON, Loss, Targets};
use crate::config::Config;
use crate::error::Result;
use vanilla_plan::kernels::Kernels;

/// Negative log-likelihood of counts, but for what the outputs do not change.
#[derive(Clone, Copy, Debug, Default)]
pub struct Poisson;

impl Poisson {
    pub(crate) fn from_config(_: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl vanilla_plan::Loss for Poisson {
    fn name(&self) -> &str {
        "poisson"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let scale = 1.0 / prediction.len() as f32;
        let mut sum = 0.0;
        for ((d, p), t) in d.iter_mut().zip(prediction).zip(target) {
            sum += p - t * libm::logf(p + EPSILON);
            *d = (1.0 - t / (p + EPSILON)) * scale;
        }
        sum * scale
    }
}

impl Loss for Poisson {
    fn class_name(&self) -> &str {
        "Poisson"
    }
    fn targets(&self) -> Targets {
        Targets::Numbers
    }
}
