//! `CategoricalAccuracy`.
//!
//! **Formula** share of samples with `argmax(target) = argmax(output)`, the first of equal largest ones
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.CategoricalAccuracy`

use super::{argmax, Metric};

/// Share of samples whose largest output is the true class of a one-hot target.
#[derive(Clone, Copy, Debug, Default)]
pub struct CategoricalAccuracy;

impl Metric for CategoricalAccuracy {
    fn class_name(&self) -> &'static str {
        "CategoricalAccuracy"
    }
    fn name(&self) -> &str {
        "categorical_accuracy"
    }
    fn sample(&self, target: &[f32], output: &[f32]) -> f32 {
        f32::from(u8::from(argmax(target) == argmax(output)))
    }
}
