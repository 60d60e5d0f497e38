//! `MeanSquaredError`.
//!
//! **Formula** mean over samples and outputs of `(output - target)^2`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.MeanSquaredError`

use super::Metric;

/// Mean of `(output - target)^2`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanSquaredError;

impl Metric for MeanSquaredError {
    fn class_name(&self) -> &'static str {
        "MeanSquaredError"
    }
    fn name(&self) -> &str {
        "mean_squared_error"
    }
    fn sample(&self, target: &[f32], output: &[f32]) -> f32 {
        target.iter().zip(output).map(|(t, y)| (y - t) * (y - t)).sum::<f32>() / output.len() as f32
    }
}
