//! `CosineSimilarity`.
//!
//! **Formula** mean over samples of `sum(t p) / (|t| |p|)`, norms of at least 1e-7: 1 for the same direction. The loss of
//! this name has a minus
//! **Shapes** target and output `(None, k)`
//! **Config** `axis` = -1 (no other)
//! **Reference** `keras.metrics.CosineSimilarity`

use super::mean_of_loss::value;
use super::{Direction, Metric, Row, same_width};
use crate::config::Config;
use crate::error::Result;
use crate::losses;

/// Mean cosine of the angle between target and output.
#[derive(Clone, Copy, Debug, Default)]
pub struct CosineSimilarity;

impl CosineSimilarity {
    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        losses::CosineSimilarity::from_config(config).map(|_| Self)
    }
}

impl Metric for CosineSimilarity {
    fn class_name(&self) -> &str {
        "CosineSimilarity"
    }
    fn name(&self) -> &str {
        "cosine_similarity"
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
    fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        same_width(target, outputs)
    }
    fn sample(&self, row: &Row<'_>) -> f32 {
        -value(&losses::CosineSimilarity, row)
    }
}
