//! `OneHotIoU`: `IoU` of one-hot targets.
//!
//! **Formula** as `IoU`
//! **Shapes** target and output `(None, k)`: of both the largest element of the row is meant
//! **Config** `num_classes` and `target_class_ids` (no defaults), `ignore_class` = null, `sparse_y_pred` = false (true: outputs
//! are class numbers), `axis` = -1 (no other)
//! **Reference** `keras.metrics.OneHotIoU`

use super::overlap::{Overlap, classes, metric_of_overlap};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

metric_of_overlap! {
    /// Mean intersection over union of some classes, targets being one-hot.
    OneHotIoU "one_hot_io_u"
}

impl OneHotIoU {
    /// Of these classes out of so many.
    pub fn new(num_classes: usize, target_class_ids: &[usize]) -> Self {
        let overlap = Overlap::new(num_classes, target_class_ids.to_vec());
        Self { overlap: Overlap { sparse_true: false, sparse_pred: false, ..overlap } }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let num_classes = classes(config)?;
        Ok(Self { overlap: Overlap::of_classes(config, num_classes)?.one_hot(config)? })
    }

    fn keys(&self) -> Keys {
        keys! {
            "num_classes": self.overlap.num_classes, "target_class_ids": self.overlap.of,
            "ignore_class": self.overlap.ignore_class, "sparse_y_pred": self.overlap.sparse_pred, "axis": -1,
        }
    }
}
