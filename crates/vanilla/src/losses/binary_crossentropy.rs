//! `BinaryCrossentropy`: cross-entropy of independent yes-or-no outputs.
//!
//! **Formula** mean over the outputs of `-(t' ln p + (1 - t') ln(1 - p))`, `t' = t (1 - label_smoothing) +
//! label_smoothing / 2`. From logits z: `max(z, 0) - z t' + ln(1 + e^-|z|)`. From probabilities, p is kept in
//! `[1e-7, 1 - 1e-7]`. A last sigmoid is joined as softmax is in `CategoricalCrossentropy`.
//! **Shapes** target and output `(None, k)`; `(None,)` counts as `(None, 1)`
//! **Config** `from_logits` = false, `label_smoothing` = 0, `axis` = -1 (no other)
//! **Gradient** by logits `(sigmoid(z) - t') / k`
//! **Reference** `keras.losses.BinaryCrossentropy`

use super::crossentropy::Common;
use super::{EPSILON, Loss, Targets};
use crate::config::{Config, Keys};
use crate::error::Result;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Joined, Link};

/// Cross-entropy of independent yes-or-no outputs.
#[derive(Clone, Copy, Debug, Default)]
pub struct BinaryCrossentropy {
    common: Common,
}

impl BinaryCrossentropy {
    /// Of probabilities (or of the logits of a last sigmoid), without smoothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The model's outputs are logits.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.common.from_logits = from_logits;
        self
    }

    /// Moves every target this far towards one half.
    pub fn label_smoothing(mut self, share: f32) -> Self {
        self.common.label_smoothing = share;
        self
    }

    pub(crate) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { common: Common::from_config(config)? })
    }

    /// The mean of `max(z, 0) - z t' + ln(1 + e^-|z|)`.
    fn loss(&self, target: &[f32], z: &[f32]) -> f32 {
        let one = |(&t, &z): (&f32, &f32)| z.max(0.0) - z * self.common.smooth(t, 2) + libm::log1pf(libm::expf(-z.abs()));
        target.iter().zip(z).map(one).sum::<f32>() / z.len() as f32
    }

    /// `d = (p - t') / k`, p being in d.
    fn gradient(&self, target: &[f32], d: &mut [f32]) {
        let scale = 1.0 / d.len() as f32;
        d.iter_mut().zip(target).for_each(|(d, &t)| *d = (*d - self.common.smooth(t, 2)) * scale);
    }
}

impl vanilla_plan::Loss for BinaryCrossentropy {
    fn name(&self) -> &str {
        "binary_crossentropy"
    }
    fn row(&self, kernels: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        if self.common.from_logits {
            d.copy_from_slice(prediction);
            kernels.sigmoid(d);
            self.gradient(target, d);
            return self.loss(target, prediction);
        }
        let scale = 1.0 / prediction.len() as f32;
        let mut loss = 0.0;
        for ((d, &p), &t) in d.iter_mut().zip(prediction).zip(target) {
            let (t, c) = (self.common.smooth(t, 2), p.clamp(EPSILON, 1.0 - EPSILON));
            loss -= t * libm::logf(c) + (1.0 - t) * libm::logf(1.0 - c);
            *d = if p == c { (p - t) / (p * (1.0 - p)) * scale } else { 0.0 };
        }
        loss * scale
    }
    fn joins(&self, link: Link) -> bool {
        link == Link::Sigmoid && !self.common.from_logits
    }
    fn row_from_logits(&self, row: &Joined<'_>, target: &[f32], d: &mut [f32]) -> f32 {
        d.copy_from_slice(row.prediction);
        self.gradient(target, d);
        self.loss(target, row.logits)
    }
}

impl Loss for BinaryCrossentropy {
    fn class_name(&self) -> &str {
        "BinaryCrossentropy"
    }
    fn config(&self) -> Keys {
        self.common.config()
    }
    fn wants_probabilities(&self) -> bool {
        !self.common.from_logits
    }
    fn wants_logits(&self) -> bool {
        self.common.from_logits
    }
    fn targets(&self) -> Targets {
        Targets::Numbers
    }
}
