//! `MeanAbsoluteError`.
//!
//! **Formula** mean over samples and outputs of `|output - target|`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.MeanAbsoluteError`

use super::{Direction, Metric, Row};
use crate::config::Config;
use crate::error::Result;

/// Mean of `|output - target|`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanAbsoluteError;

impl MeanAbsoluteError {
    pub(super) fn from_config(_config: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl Metric for MeanAbsoluteError {
    fn class_name(&self) -> &str {
        "MeanAbsoluteError"
    }
    fn name(&self) -> &str {
        "mean_absolute_error"
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Down)
    }
    fn sample(&self, row: &Row<'_>) -> f32 {
        let Row { target, output, .. } = *row;
        target.iter().zip(output).map(|(t, y)| (y - t).abs()).sum::<f32>() / output.len() as f32
    }
}
