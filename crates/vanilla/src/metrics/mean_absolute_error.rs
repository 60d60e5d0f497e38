//! `MeanAbsoluteError`.
//!
//! **Formula** mean over samples and outputs of `|output - target|`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.MeanAbsoluteError`

use super::Metric;

/// Mean of `|output - target|`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanAbsoluteError;

impl Metric for MeanAbsoluteError {
    fn class_name(&self) -> &'static str {
        "MeanAbsoluteError"
    }
    fn name(&self) -> &str {
        "mean_absolute_error"
    }
    fn sample(&self, target: &[f32], output: &[f32]) -> f32 {
        target.iter().zip(output).map(|(t, y)| (y - t).abs()).sum::<f32>() / output.len() as f32
    }
}
