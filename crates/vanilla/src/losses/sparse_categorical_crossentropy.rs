//! `SparseCategoricalCrossentropy`: cross-entropy with class numbers instead of one-hot vectors.
//!
//! **Formula** `-ln p[label]`. From logits z: `p = softmax(z)`. From probabilities, p is kept in `[1e-7, 1 - 1e-7]`
//! and then divided by its sum (the order of Keras on TensorFlow). A last softmax is joined as in
//! `CategoricalCrossentropy`, also with `ignore_class`, where Keras takes the clipped probabilities.
//! **Shapes** target `(None,)` or `(None, 1)`, output `(None, k)`
//! **Config** `from_logits` = false, `ignore_class` = null, `axis` = -1 (no other). Rows with the label `ignore_class`, which
//! need be no class, have no loss, and the mean leaves them out
//! **Gradient** by logits `p - onehot(label)`
//! **Reference** `keras.losses.SparseCategoricalCrossentropy`

use super::crossentropy::last_axis;
use super::{EPSILON, Loss, Targets};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Joined, Link};

/// Cross-entropy between class numbers and predicted probabilities.
#[derive(Clone, Copy, Debug, Default)]
pub struct SparseCategoricalCrossentropy {
    from_logits: bool,
    ignore_class: Option<i64>,
}

impl SparseCategoricalCrossentropy {
    /// Of probabilities (or of the logits of a last softmax).
    pub fn new() -> Self {
        Self::default()
    }

    /// The model's outputs are logits.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.from_logits = from_logits;
        self
    }

    /// Rows with this label do not count.
    pub fn ignore_class(mut self, label: i64) -> Self {
        self.ignore_class = Some(label);
        self
    }

    pub(crate) fn from_config(config: &mut Config) -> Result<Self> {
        last_axis(config)?;
        let from_logits = config.boolean("from_logits")?.unwrap_or(false);
        Ok(Self { from_logits, ignore_class: config.signed("ignore_class")? })
    }
}

impl vanilla_plan::Loss for SparseCategoricalCrossentropy {
    fn name(&self) -> &str {
        "sparse_categorical_crossentropy"
    }
    fn target_width(&self, _outputs: usize) -> usize {
        1
    }
    fn row(&self, kernels: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        if !self.counts(target) {
            d.fill(0.0);
            return 0.0;
        }
        let label = target[0] as usize;
        if self.from_logits {
            d.copy_from_slice(prediction);
            let log_sum = kernels.softmax(d);
            d[label] -= 1.0;
            return log_sum - prediction[label];
        }
        let clip = |p: f32| p.clamp(EPSILON, 1.0 - EPSILON);
        let sum: f32 = prediction.iter().map(|&p| clip(p)).sum();
        for (i, (d, &p)) in d.iter_mut().zip(prediction).enumerate() {
            let inside = p == clip(p);
            *d = if !inside { 0.0 } else { 1.0 / sum - if i == label { 1.0 / p } else { 0.0 } };
        }
        libm::logf(sum) - libm::logf(clip(prediction[label]))
    }
    fn counts(&self, target: &[f32]) -> bool {
        self.ignore_class.is_none_or(|label| target[0] != label as f32)
    }
    fn joins(&self, link: Link) -> bool {
        link == Link::Softmax && !self.from_logits
    }
    fn row_from_logits(&self, row: &Joined<'_>, target: &[f32], d: &mut [f32]) -> f32 {
        if !self.counts(target) {
            d.fill(0.0);
            return 0.0;
        }
        let label = target[0] as usize;
        d.copy_from_slice(row.prediction);
        d[label] -= 1.0;
        row.log_sum - row.logits[label]
    }
}

impl Loss for SparseCategoricalCrossentropy {
    fn class_name(&self) -> &str {
        "SparseCategoricalCrossentropy"
    }
    fn config(&self) -> Keys {
        keys! { "from_logits": self.from_logits, "ignore_class": self.ignore_class, "axis": -1 }
    }
    fn wants_probabilities(&self) -> bool {
        !self.from_logits
    }
    fn wants_logits(&self) -> bool {
        self.from_logits
    }
    fn targets(&self) -> Targets {
        Targets::ClassNumber
    }
}
