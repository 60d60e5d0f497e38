//! `CategoricalFocalCrossentropy`: cross-entropy that looks away from what is right already.
//!
//! **Formula** `sum(alpha (1 - q)^gamma (-t' ln q))`, t' as in `CategoricalCrossentropy`; q is p divided by its sum, then
//! kept in `[1e-7, 1 - 1e-7]`; from logits `p = softmax(z)`. Nothing is joined: Keras takes the probabilities
//! **Shapes** target and output `(None, k)`
//! **Config** `alpha` = 0.25 (one number for all classes), `gamma` = 2, `from_logits` = false, `label_smoothing` = 0,
//! `axis` = -1 (no other)
//! **Gradient** by q `alpha t' (gamma (1 - q)^(gamma - 1) ln q - (1 - q)^gamma / q)`, 0 where q was clipped
//! **Reference** `keras.losses.CategoricalFocalCrossentropy`; Lin et al. 2017 (arXiv 1708.02002), equation 5

use super::crossentropy::{Common, gamma};
use super::{EPSILON, Loss, Targets};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::kernels::Kernels;

/// Cross-entropy between one-hot targets and probabilities, of which sure ones count less.
#[derive(Clone, Copy, Debug)]
pub struct CategoricalFocalCrossentropy {
    alpha: f32,
    gamma: f32,
    common: Common,
}

impl Default for CategoricalFocalCrossentropy {
    fn default() -> Self {
        Self { alpha: 0.25, gamma: 2.0, common: Common::default() }
    }
}

impl CategoricalFocalCrossentropy {
    /// Of probabilities, `alpha` being 0.25 and `gamma` 2.
    pub fn new() -> Self {
        Self::default()
    }

    /// A factor of the whole.
    pub fn alpha(mut self, alpha: f32) -> Self {
        self.alpha = alpha;
        self
    }

    /// How fast classes that are right lose weight.
    pub fn gamma(mut self, gamma: f32) -> Self {
        self.gamma = gamma;
        self
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
        Ok(Self {
            common: Common::from_config(config)?,
            alpha: config.float("alpha")?.unwrap_or(0.25) as f32,
            gamma: gamma(config)?,
        })
    }

    /// The summand of one class, and its derivative by q.
    fn one(&self, t: f32, classes: usize, q: f32) -> (f32, f32) {
        let t = self.common.smooth(t, classes);
        let c = q.clamp(EPSILON, 1.0 - EPSILON);
        let (ln, factor) = (libm::logf(c), libm::powf(1.0 - c, self.gamma));
        let slope = self.gamma * libm::powf(1.0 - c, self.gamma - 1.0) * ln - factor / c;
        (self.alpha * factor * (-t * ln), if q == c { self.alpha * t * slope } else { 0.0 })
    }
}

impl vanilla_plan::Loss for CategoricalFocalCrossentropy {
    fn name(&self) -> &str {
        "categorical_focal_crossentropy"
    }
    fn row(&self, kernels: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let classes = prediction.len();
        d.copy_from_slice(prediction);
        if self.common.from_logits {
            kernels.softmax(d);
        }
        let sum: f32 = d.iter().sum();
        let (mut loss, mut dot) = (0.0, 0.0);
        for (p, t) in d.iter().zip(target) {
            let q = p / sum;
            let (value, slope) = self.one(*t, classes, q);
            loss += value;
            dot += slope * q;
        }
        // Through the softmax it is `p (d - sum(p d))`, and `sum(p d) = 0` behind the division by the sum.
        for (d, t) in d.iter_mut().zip(target) {
            let p = *d;
            let by_p = (self.one(*t, classes, p / sum).1 - dot) / sum;
            *d = if self.common.from_logits { p * by_p } else { by_p };
        }
        loss
    }
}

impl Loss for CategoricalFocalCrossentropy {
    fn class_name(&self) -> &str {
        "CategoricalFocalCrossentropy"
    }
    fn config(&self) -> Keys {
        let mut keys = self.common.config();
        keys.extend(keys! { "alpha": self.alpha, "gamma": self.gamma });
        keys
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
