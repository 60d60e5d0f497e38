//! `BinaryFocalCrossentropy`: cross-entropy of yes-or-no outputs that looks away from what is right already.
//!
//! **Formula** mean over the outputs of `w (1 - p_t)^gamma bce`, `p_t = t' p + (1 - t') (1 - p)`, with bce and t' as in
//! `BinaryCrossentropy`; `w = t' alpha + (1 - t') (1 - alpha)` with `apply_class_balancing`, else 1. From logits, and where
//! a last sigmoid is joined, bce is that of the logits and p their sigmoid
//! **Shapes** target and output `(None, k)`; `(None,)` counts as `(None, 1)`
//! **Config** `apply_class_balancing` = false, `alpha` = 0.25, `gamma` = 2, `from_logits` = false, `label_smoothing` = 0,
//! `axis` = -1 (no other)
//! **Gradient** `w ((1 - p_t)^gamma bce' - gamma (1 - p_t)^(gamma - 1) (2 t' - 1) p' bce) / k`
//! **Reference** `keras.losses.BinaryFocalCrossentropy`; Lin et al. 2017 (arXiv 1708.02002), equation 5

use super::crossentropy::{Common, gamma};
use super::{EPSILON, Loss, Targets};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Joined, Link};

/// Cross-entropy of independent yes-or-no outputs, of which sure ones count less.
#[derive(Clone, Copy, Debug)]
pub struct BinaryFocalCrossentropy {
    balanced: bool,
    alpha: f32,
    gamma: f32,
    common: Common,
}

impl Default for BinaryFocalCrossentropy {
    fn default() -> Self {
        Self { balanced: false, alpha: 0.25, gamma: 2.0, common: Common::default() }
    }
}

impl BinaryFocalCrossentropy {
    /// Of probabilities (or of the logits of a last sigmoid), `gamma` being 2.
    pub fn new() -> Self {
        Self::default()
    }

    /// A yes counts `alpha`, a no `1 - alpha`.
    pub fn alpha(mut self, alpha: f32) -> Self {
        (self.alpha, self.balanced) = (alpha, true);
        self
    }

    /// How fast outputs that are right lose weight.
    pub fn gamma(mut self, gamma: f32) -> Self {
        self.gamma = gamma;
        self
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
        Ok(Self {
            common: Common::from_config(config)?,
            balanced: config.boolean("apply_class_balancing")?.unwrap_or(false),
            alpha: config.share("alpha", 0.25)? as f32,
            gamma: gamma(config)?,
        })
    }

    /// One output: of its target, its probability, bce and its derivative, and the derivative of the probability.
    fn one(&self, t: f32, p: f32, (bce, dbce): (f32, f32), dp: f32) -> (f32, f32) {
        let lack = 1.0 - (t * p + (1.0 - t) * (1.0 - p));
        let factor = libm::powf(lack, self.gamma);
        // The derivative of a constant is 0, also where the power below is infinite.
        let slope = if self.gamma == 0.0 { 0.0 } else { self.gamma * libm::powf(lack, self.gamma - 1.0) };
        let w = if self.balanced { t * self.alpha + (1.0 - t) * (1.0 - self.alpha) } else { 1.0 };
        (w * (factor * bce), w * (factor * dbce - slope * (2.0 * t - 1.0) * dp * bce))
    }

    /// Value and gradient by the logits, whose sigmoids are in `d`.
    fn of_logits(&self, target: &[f32], logits: &[f32], d: &mut [f32]) -> f32 {
        let scale = 1.0 / logits.len() as f32;
        let mut sum = 0.0;
        for ((d, &z), &t) in d.iter_mut().zip(logits).zip(target) {
            let (t, p) = (self.common.smooth(t, 2), *d);
            let bce = z.max(0.0) - z * t + libm::log1pf(libm::expf(-z.abs()));
            let (value, gradient) = self.one(t, p, (bce, p - t), p * (1.0 - p));
            sum += value;
            *d = gradient * scale;
        }
        sum * scale
    }
}

impl vanilla_plan::Loss for BinaryFocalCrossentropy {
    fn name(&self) -> &str {
        "binary_focal_crossentropy"
    }
    fn row(&self, kernels: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        if self.common.from_logits {
            d.copy_from_slice(prediction);
            kernels.sigmoid(d);
            return self.of_logits(target, prediction, d);
        }
        let scale = 1.0 / prediction.len() as f32;
        let mut sum = 0.0;
        for ((d, &p), &t) in d.iter_mut().zip(prediction).zip(target) {
            let (t, c) = (self.common.smooth(t, 2), p.clamp(EPSILON, 1.0 - EPSILON));
            let bce = -(t * libm::logf(c) + (1.0 - t) * libm::logf(1.0 - c));
            let dbce = if p == c { (p - t) / (p * (1.0 - p)) } else { 0.0 };
            let (value, gradient) = self.one(t, p, (bce, dbce), 1.0);
            sum += value;
            *d = gradient * scale;
        }
        sum * scale
    }
    fn joins(&self, link: Link) -> bool {
        link == Link::Sigmoid && !self.common.from_logits
    }
    fn row_from_logits(&self, row: &Joined<'_>, target: &[f32], d: &mut [f32]) -> f32 {
        d.copy_from_slice(row.prediction);
        self.of_logits(target, row.logits, d)
    }
}

impl Loss for BinaryFocalCrossentropy {
    fn class_name(&self) -> &str {
        "BinaryFocalCrossentropy"
    }
    fn config(&self) -> Keys {
        let mut keys = self.common.config();
        keys.extend(keys! { "apply_class_balancing": self.balanced, "alpha": self.alpha, "gamma": self.gamma });
        keys
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
