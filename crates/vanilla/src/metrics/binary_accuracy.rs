//! `BinaryAccuracy`.
//!
//! **Formula** mean over samples and outputs of `(output > threshold) = target`
//! **Shapes** target and output `(None, k)`
//! **Config** `threshold` = 0.5
//! **Reference** `keras.metrics.BinaryAccuracy`

use super::{Direction, Metric, Row, same_width};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// Share of outputs on the right side of the threshold, one half unless set.
#[derive(Clone, Copy, Debug)]
pub struct BinaryAccuracy {
    threshold: f32,
}

impl Default for BinaryAccuracy {
    fn default() -> Self {
        Self { threshold: 0.5 }
    }
}

impl BinaryAccuracy {
    /// With another threshold than one half.
    pub fn new(threshold: f32) -> Self {
        Self { threshold }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { threshold: config.float("threshold")?.unwrap_or(0.5) as f32 })
    }
}

impl Metric for BinaryAccuracy {
    fn class_name(&self) -> &str {
        "BinaryAccuracy"
    }
    fn name(&self) -> &str {
        "binary_accuracy"
    }
    fn config(&self) -> Keys {
        keys! { "threshold": self.threshold }
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
    fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        same_width(target, outputs)
    }
    fn sample(&self, row: &Row<'_>) -> f32 {
        let Row { target, output, .. } = *row;
        let right = target.iter().zip(output).filter(|(t, y)| **t == f32::from(u8::from(**y > self.threshold)));
        right.count() as f32 / output.len() as f32
    }
}
