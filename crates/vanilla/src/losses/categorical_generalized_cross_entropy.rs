//! `CategoricalGeneralizedCrossEntropy`: between cross-entropy (q near 0) and absolute error (q near 1): wrong labels pull
//! less.
//!
//! **Formula** `(1 - p^q) / q`, p being the probability of the label. A last softmax is joined: a probability too small for
//! an f32 has a gradient still
//! **Shapes** target `(None,)` or `(None, 1)`, output `(None, k)`
//! **Config** `q` = 0.5, above 0 and below 1
//! **Gradient** `-p^(q - 1)` by p, `p^q (p_j - onehot(label))` by logits
//! **Reference** `keras.losses.CategoricalGeneralizedCrossEntropy`; Zhang and Sabuncu 2018 (arXiv 1805.07836), equation 6

use super::{Loss, Targets};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Joined, Link};

/// Cross-entropy that does not insist on labels that may be wrong.
#[derive(Clone, Copy, Debug)]
pub struct CategoricalGeneralizedCrossEntropy {
    q: f32,
}

impl Default for CategoricalGeneralizedCrossEntropy {
    fn default() -> Self {
        Self { q: 0.5 }
    }
}

impl CategoricalGeneralizedCrossEntropy {
    /// With this exponent, above 0 and below 1.
    pub fn new(q: f32) -> Self {
        Self { q }
    }

    pub(crate) fn from_config(config: &mut Config) -> Result<Self> {
        match config.float("q")?.unwrap_or(0.5) {
            q if q > 0.0 && q < 1.0 => Ok(Self { q: q as f32 }),
            q => Err(config.error(format!("q = {q}, expected a number above 0 and below 1, such as 0.5"))),
        }
    }
}

impl vanilla_plan::Loss for CategoricalGeneralizedCrossEntropy {
    fn name(&self) -> &str {
        "categorical_generalized_cross_entropy"
    }
    fn target_width(&self, _outputs: usize) -> usize {
        1
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let label = target[0] as usize;
        let p = prediction[label];
        d.fill(0.0);
        d[label] = -libm::powf(p, self.q - 1.0);
        (1.0 - libm::powf(p, self.q)) / self.q
    }
    fn joins(&self, link: Link) -> bool {
        link == Link::Softmax
    }
    fn row_from_logits(&self, row: &Joined<'_>, target: &[f32], d: &mut [f32]) -> f32 {
        let label = target[0] as usize;
        let power = libm::expf(self.q * (row.logits[label] - row.log_sum));
        d.copy_from_slice(row.prediction);
        d[label] -= 1.0;
        d.iter_mut().for_each(|d| *d *= power);
        (1.0 - power) / self.q
    }
}

impl Loss for CategoricalGeneralizedCrossEntropy {
    fn class_name(&self) -> &str {
        "CategoricalGeneralizedCrossEntropy"
    }
    fn config(&self) -> Keys {
        keys! { "q": self.q }
    }
    fn wants_probabilities(&self) -> bool {
        true
    }
    fn targets(&self) -> Targets {
        Targets::ClassNumber
    }
}
