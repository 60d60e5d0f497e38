//! `Accuracy`: outputs that are what they should be, to the bit.
//!
//! **Formula** mean over samples and outputs of `output = target`. Of probabilities it is `BinaryAccuracy` or
//! `CategoricalAccuracy` that is meant: the string "accuracy" is one of these
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.Accuracy`

use super::{Direction, Metric, Row, same_width};
use crate::config::Config;
use crate::error::Result;

/// Share of outputs that equal their targets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accuracy;

impl Accuracy {
    pub(super) fn from_config(_config: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl Metric for Accuracy {
    fn class_name(&self) -> &str {
        "Accuracy"
    }
    fn name(&self) -> &str {
        "accuracy"
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
    fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        same_width(target, outputs)
    }
    fn sample(&self, row: &Row<'_>) -> f32 {
        let equal = row.target.iter().zip(row.output).filter(|(t, y)| t == y);
        equal.count() as f32 / row.output.len() as f32
    }
}
