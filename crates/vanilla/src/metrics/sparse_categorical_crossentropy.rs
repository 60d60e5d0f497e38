//! `SparseCategoricalCrossentropy`.
//!
//! **Formula** mean over samples of the loss of this name: `-ln p[label]`. Computed from the logits where the model's loss is a
//! cross-entropy joined with the last activation
//! **Shapes** target `(None,)` or `(None, 1)`, output `(None, k)`
//! **Config** `from_logits` = false, `ignore_class` = null, `axis` = -1 (no other). Samples of `ignore_class` do not count; Keras's do
//! where they have no weights, with a loss of 0
//! **Reference** `keras.metrics.SparseCategoricalCrossentropy`

use super::mean_of_loss::value;
use super::{Direction, Metric, Row, class_number};
use crate::config::{Config, Keys};
use crate::error::Result;
use crate::losses;
use vanilla_plan::Loss;

/// Mean of the loss of this name.
#[derive(Clone, Copy, Debug, Default)]
pub struct SparseCategoricalCrossentropy {
    loss: losses::SparseCategoricalCrossentropy,
}

impl SparseCategoricalCrossentropy {
    /// With the arguments of this loss.
    pub fn new(loss: losses::SparseCategoricalCrossentropy) -> Self {
        Self { loss }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { loss: losses::SparseCategoricalCrossentropy::from_config(config)? })
    }
}

impl Metric for SparseCategoricalCrossentropy {
    fn class_name(&self) -> &str {
        "SparseCategoricalCrossentropy"
    }
    fn name(&self) -> &str {
        "sparse_categorical_crossentropy"
    }
    fn config(&self) -> Keys {
        losses::Loss::config(&self.loss)
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Down)
    }
    fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        if outputs == 1 {
            return Err("wants an output for every class, and there is one: with two classes and one output, take \
                        binary_crossentropy"
                .to_owned());
        }
        class_number(target, outputs)
    }
    fn wants_logits(&self) -> bool {
        true
    }
    fn sample(&self, row: &Row<'_>) -> f32 {
        value(&self.loss, row)
    }
    fn observe(&self, row: &Row<'_>, weight: f64, sums: &mut [f64]) {
        if !self.loss.counts(row.target) {
            return;
        }
        let label = row.target[0];
        let known = label >= 0.0 && label < row.output.len() as f32;
        // A label that is no class is no number, so that nobody overlooks it.
        sums[0] += weight * if known { f64::from(self.sample(row)) } else { f64::NAN };
        sums[1] += weight;
    }
}
