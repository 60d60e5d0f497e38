//! `SparseTopKCategoricalAccuracy`.
//!
//! **Formula** as `TopKCategoricalAccuracy`, with class numbers as targets. With `from_sorted_ids` outputs are class numbers
//! themselves, the likeliest first, and the target should be among the first k
//! **Shapes** target `(None,)` or `(None, 1)`, output `(None, n)`
//! **Config** `k` = 5, `from_sorted_ids` = false
//! **Reference** `keras.metrics.SparseTopKCategoricalAccuracy`

use super::top_k_categorical_accuracy::{in_top_k, k};
use super::{Direction, Metric, Row, class_number};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// Share of samples whose class number is that of one of the k largest outputs.
#[derive(Clone, Copy, Debug)]
pub struct SparseTopKCategoricalAccuracy {
    k: usize,
    from_sorted_ids: bool,
}

impl Default for SparseTopKCategoricalAccuracy {
    fn default() -> Self {
        Self { k: 5, from_sorted_ids: false }
    }
}

impl SparseTopKCategoricalAccuracy {
    /// Among this many.
    pub fn new(k: usize) -> Self {
        Self { k, from_sorted_ids: false }
    }

    /// Outputs are class numbers, the likeliest first.
    pub fn from_sorted_ids(mut self, from_sorted_ids: bool) -> Self {
        self.from_sorted_ids = from_sorted_ids;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { k: k(config)?, from_sorted_ids: config.boolean("from_sorted_ids")?.unwrap_or(false) })
    }
}

impl Metric for SparseTopKCategoricalAccuracy {
    fn class_name(&self) -> &str {
        "SparseTopKCategoricalAccuracy"
    }
    fn name(&self) -> &str {
        "sparse_top_k_categorical_accuracy"
    }
    fn config(&self) -> Keys {
        let mut keys = keys! { "k": self.k };
        // Keras writes it only where it is set.
        if self.from_sorted_ids {
            keys.insert("from_sorted_ids".into(), true.into());
        }
        keys
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
    fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        class_number(target, outputs)
    }
    fn sample(&self, row: &Row<'_>) -> f32 {
        let label = row.target[0];
        let hit = if self.from_sorted_ids {
            row.output.iter().take(self.k).any(|id| *id == label)
        } else {
            label >= 0.0 && in_top_k(label as usize, row.output, self.k)
        };
        f32::from(u8::from(hit))
    }
}
