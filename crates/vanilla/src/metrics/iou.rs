//! `IoU`: intersection over union of predicted and true classes.
//!
//! **Formula** of a class `TP / (TP + FP + FN + 1e-7)`, summed over `target_class_ids` and divided by those that occur (plus
//! 1e-7). Pairs with a class outside `[0, num_classes)` do not count. Samples count by their weights as these are; Keras cuts
//! them to whole numbers
//! **Shapes** target and output `(None, k)`, compared element by element; with `sparse_y_true` or `sparse_y_pred` = false the
//! largest element of the row is meant
//! **Config** `num_classes` and `target_class_ids` (no defaults), `ignore_class` = null, `sparse_y_true` = true,
//! `sparse_y_pred` = true, `axis` = -1 (no other)
//! **Reference** `keras.metrics.IoU`

use super::overlap::{Overlap, classes, metric_of_overlap};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

metric_of_overlap! {
    /// Mean intersection over union of some classes.
    IoU "io_u"
}

impl IoU {
    /// Of these classes out of so many; targets and outputs are class numbers.
    pub fn new(num_classes: usize, target_class_ids: &[usize]) -> Self {
        Self { overlap: Overlap::new(num_classes, target_class_ids.to_vec()) }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let num_classes = classes(config)?;
        Ok(Self { overlap: Overlap::of_classes(config, num_classes)?.sparse(config, true, true)? })
    }

    fn keys(&self) -> Keys {
        keys! {
            "num_classes": self.overlap.num_classes, "target_class_ids": self.overlap.of,
            "ignore_class": self.overlap.ignore_class, "sparse_y_true": self.overlap.sparse_true,
            "sparse_y_pred": self.overlap.sparse_pred, "axis": -1,
        }
    }
}
