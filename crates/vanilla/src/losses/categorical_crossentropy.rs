//! `CategoricalCrossentropy`: how surprised the predicted distribution is by the true one.
//!
//! **Formula** `-sum(t' ln p)` with `t' = t (1 - label_smoothing) + label_smoothing / k`. From logits z:
//! `p = softmax(z)`. From probabilities, p is first divided by its sum and then kept in `[1e-7, 1 - 1e-7]`.
//! Where the model ends in the logits before it are used, as Keras on TensorFlow does: the clipped form has
//! no gradient outside its window, and a network on raw pixels never leaves it.
//! **Shapes** target and output `(None, k)`
//! **Config** `from_logits` = false, `label_smoothing` = 0, `axis` = -1 (no other)
//! **Gradient** by logits `p sum(t') - t'`
//! **Reference** `keras.losses.CategoricalCrossentropy`

use super::crossentropy::Common;
use super::{EPSILON, Loss, Targets};
use crate::config::{Config, Keys};
use crate::error::Result;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Joined, Link};

/// Cross-entropy between one-hot targets and predicted probabilities.
#[derive(Clone, Copy, Debug, Default)]
pub struct CategoricalCrossentropy {
    common: Common,
}

impl CategoricalCrossentropy {
    /// Of probabilities (or of the logits of a last softmax), without smoothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The model's outputs are logits.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.common.from_logits = from_logits;
        self
    }

    /// Moves this share of every target to all classes alike.
    pub fn label_smoothing(mut self, share: f32) -> Self {
        self.common.label_smoothing = share;
        self
    }

    pub(crate) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { common: Common::from_config(config)? })
    }

    /// `-sum(t' ln p)` with `ln p = z - log_sum`.
    fn loss(&self, target: &[f32], z: &[f32], log_sum: f32) -> f32 {
        target.iter().zip(z).map(|(&t, z)| self.common.smooth(t, target.len()) * (log_sum - z)).sum()
    }

    /// `d = p sum(t') - t'`, p being in d.
    fn gradient(&self, target: &[f32], d: &mut [f32]) {
        let total: f32 = target.iter().map(|&t| self.common.smooth(t, target.len())).sum();
        d.iter_mut().zip(target).for_each(|(d, &t)| *d = *d * total - self.common.smooth(t, target.len()));
    }
}

impl vanilla_plan::Loss for CategoricalCrossentropy {
    fn name(&self) -> &str {
        "categorical_crossentropy"
    }
    fn row(&self, kernels: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        if self.common.from_logits {
            d.copy_from_slice(prediction);
            let log_sum = kernels.softmax(d);
            self.gradient(target, d);
            return self.loss(target, prediction, log_sum);
        }
        let sum: f32 = prediction.iter().sum();
        let mut loss = 0.0;
        let mut dot = 0.0;
        for (i, d) in d.iter_mut().enumerate() {
            let (t, q) = (self.common.smooth(target[i], prediction.len()), prediction[i] / sum);
            let clipped = q.clamp(EPSILON, 1.0 - EPSILON);
            loss -= t * libm::logf(clipped);
            *d = if q == clipped { -t / q } else { 0.0 };
            dot += *d * q;
        }
        d.iter_mut().for_each(|d| *d = (*d - dot) / sum);
        loss
    }
    fn joins(&self, link: Link) -> bool {
        link == Link::Softmax && !self.common.from_logits
    }
    fn row_from_logits(&self, row: &Joined<'_>, target: &[f32], d: &mut [f32]) -> f32 {
        d.copy_from_slice(row.prediction);
        self.gradient(target, d);
        self.loss(target, row.logits, row.log_sum)
    }
}

impl Loss for CategoricalCrossentropy {
    fn class_name(&self) -> &str {
        "CategoricalCrossentropy"
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
        Targets::OneHot
    }
}
