//! `OneHotMeanIoU`: `IoU` of all classes, of one-hot targets.
//!
//! **Formula** as `IoU`
//! **Shapes** target and output `(None, k)`: of both the largest element of the row is meant
//! **Config** `num_classes` (no default), `ignore_class` = null, `sparse_y_pred` = false (true: outputs are class numbers),
//! `axis` = -1 (no other)
//! **Reference** `keras.metrics.OneHotMeanIoU`

use super::overlap::{Overlap, classes, metric_of_overlap};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

metric_of_overlap! {
    /// Mean intersection over union of all classes, targets being one-hot.
    OneHotMeanIoU "one_hot_mean_io_u"
}

impl OneHotMeanIoU {
    /// Of so many classes.
    pub fn new(num_classes: usize) -> Self {
        let overlap = Overlap::new(num_classes, (0..num_classes).collect());
        Self { overlap: Overlap { sparse_true: false, sparse_pred: false, ..overlap } }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let num_classes = classes(config)?;
        Ok(Self { overlap: Overlap::new(num_classes, (0..num_classes).collect()).one_hot(config)? })
    }

    fn keys(&self) -> Keys {
        keys! {
            "num_classes": self.overlap.num_classes, "ignore_class": self.overlap.ignore_class,
            "sparse_y_pred": self.overlap.sparse_pred, "axis": -1,
        }
    }
}
