//! `RootMeanSquaredError`.
//!
//! **Formula** the root of the mean over samples of the mean over outputs of `(output - target)^2`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.RootMeanSquaredError`

use super::mean_of_loss::value;
use super::{Direction, Metric, Row, ratio, same_width};
use crate::config::Config;
use crate::error::Result;
use crate::losses;

/// The root of the mean squared error.
#[derive(Clone, Copy, Debug, Default)]
pub struct RootMeanSquaredError;

impl RootMeanSquaredError {
    pub(super) fn from_config(_config: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl Metric for RootMeanSquaredError {
    fn class_name(&self) -> &str {
        "RootMeanSquaredError"
    }
    fn name(&self) -> &str {
        "root_mean_squared_error"
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Down)
    }
    fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        same_width(target, outputs)
    }
    fn sample(&self, row: &Row<'_>) -> f32 {
        value(&losses::MeanSquaredError, row)
    }
    fn result(&self, sums: &[f64]) -> f64 {
        libm::sqrt(ratio(sums[0], sums[1]))
    }
}
