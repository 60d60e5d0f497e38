//! `KLDivergence`: how far the predicted distribution is from the true one.
//!
//! **Formula** `sum(t' ln(t' / p'))`, both kept in `[1e-7, 1]`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Gradient** `-t' / p`, 0 where p is outside `[1e-7, 1]`
//! **Reference** `keras.losses.KLDivergence`

use super::{EPSILON, Loss, Targets};
use crate::config::Config;
use crate::error::Result;
use vanilla_plan::kernels::Kernels;

/// Kullback-Leibler divergence of the predicted distribution from the true one.
#[derive(Clone, Copy, Debug, Default)]
pub struct KLDivergence;

impl KLDivergence {
    pub(crate) fn from_config(_: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl vanilla_plan::Loss for KLDivergence {
    fn name(&self) -> &str {
        "kl_divergence"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let mut sum = 0.0;
        for ((d, &p), &t) in d.iter_mut().zip(prediction).zip(target) {
            let (t, c) = (t.clamp(EPSILON, 1.0), p.clamp(EPSILON, 1.0));
            // Terms of both signs.
            sum += f64::from(t * libm::logf(t / c));
            *d = if p == c { -t / p } else { 0.0 };
        }
        sum as f32
    }
}

impl Loss for KLDivergence {
    fn class_name(&self) -> &str {
        "KLDivergence"
    }
    fn targets(&self) -> Targets {
        Targets::OneHot
    }
}
