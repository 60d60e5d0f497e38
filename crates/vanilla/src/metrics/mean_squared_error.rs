//! `MeanSquaredError`.
//!
//! **Formula** mean over samples and outputs of `(output - target)^2`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.MeanSquaredError`

use super::{Direction, Metric, Row};
use crate::config::Config;
use crate::error::Result;

/// Mean of `(output - target)^2`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanSquaredError;

impl MeanSquaredError {
    pub(super) fn from_config(_config: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl Metric for MeanSquaredError {
    fn class_name(&self) -> &str {
        "MeanSquaredError"
    }
    fn name(&self) -> &str {
        "mean_squared_error"
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Down)
    }
    fn sample(&self, row: &Row<'_>) -> f32 {
        let Row { target, output, .. } = *row;
        target.iter().zip(output).map(|(t, y)| (y - t) * (y - t)).sum::<f32>() / output.len() as f32
    }
}
