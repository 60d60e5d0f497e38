//! `BinaryAccuracy`.
//!
//! **Formula** mean over samples and outputs of `(output > 0.5) = target`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.BinaryAccuracy`

use super::Metric;

/// Share of outputs on the right side of one half.
#[derive(Clone, Copy, Debug, Default)]
pub struct BinaryAccuracy;

impl Metric for BinaryAccuracy {
    fn class_name(&self) -> &'static str {
        "BinaryAccuracy"
    }
    fn name(&self) -> &str {
        "binary_accuracy"
    }
    fn sample(&self, target: &[f32], output: &[f32]) -> f32 {
        let right = target.iter().zip(output).filter(|(t, y)| **t == f32::from(u8::from(**y > 0.5)));
        right.count() as f32 / output.len() as f32
    }
}
