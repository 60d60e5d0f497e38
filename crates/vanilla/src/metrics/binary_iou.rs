//! `BinaryIoU`: `IoU` of yes and no.
//!
//! **Formula** as `IoU` of the classes 0 and 1; an output from the threshold up is of class 1
//! **Shapes** target and output `(None, k)`, labels 0 or 1 for every output
//! **Config** `target_class_ids` = [0, 1], `threshold` = 0.5
//! **Reference** `keras.metrics.BinaryIoU`

use super::overlap::{Overlap, metric_of_overlap};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

metric_of_overlap! {
    /// Mean intersection over union of yes and no.
    BinaryIoU "binary_io_u"
}

impl Default for BinaryIoU {
    fn default() -> Self {
        Self::new(0.5)
    }
}

impl BinaryIoU {
    /// Outputs from this threshold up are a yes.
    pub fn new(threshold: f32) -> Self {
        Self { overlap: Overlap { threshold: Some(threshold), ..Overlap::new(2, vec![0, 1]) } }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let of = if config.has("target_class_ids") {
            Overlap::of_classes(config, 2)?
        } else {
            Overlap::new(2, vec![0, 1])
        };
        let threshold = config.float("threshold")?.unwrap_or(0.5) as f32;
        Ok(Self { overlap: Overlap { threshold: Some(threshold), ..of } })
    }

    fn keys(&self) -> Keys {
        keys! { "target_class_ids": self.overlap.of, "threshold": self.overlap.threshold }
    }
}
