//! `MeanIoU`: `IoU` of all classes.
//!
//! **Formula** as `IoU`
//! **Shapes** as `IoU`
//! **Config** `num_classes` (no default), `ignore_class` = null, `sparse_y_true` = true, `sparse_y_pred` = true, `axis` = -1 (no
//! other)
//! **Reference** `keras.metrics.MeanIoU`

use super::overlap::{Overlap, classes, metric_of_overlap};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

metric_of_overlap! {
    /// Mean intersection over union of all classes.
    MeanIoU "mean_io_u"
}

impl MeanIoU {
    /// Of so many classes; targets and outputs are class numbers.
    pub fn new(num_classes: usize) -> Self {
        Self { overlap: Overlap::new(num_classes, (0..num_classes).collect()) }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let num_classes = classes(config)?;
        let overlap = Overlap::new(num_classes, (0..num_classes).collect());
        Ok(Self { overlap: overlap.sparse(config, true, true)? })
    }

    fn keys(&self) -> Keys {
        keys! {
            "num_classes": self.overlap.num_classes, "ignore_class": self.overlap.ignore_class,
            "sparse_y_true": self.overlap.sparse_true, "sparse_y_pred": self.overlap.sparse_pred, "axis": -1,
        }
    }
}
