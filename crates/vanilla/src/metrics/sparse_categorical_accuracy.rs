//! `SparseCategoricalAccuracy`.
//!
//! **Formula** share of samples with `target = argmax(output)`, the first of equal largest ones
//! **Shapes** target `(None,)` or `(None, 1)`, output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.SparseCategoricalAccuracy`

use super::{argmax, Metric};

/// Share of samples whose largest output is the true class number.
#[derive(Clone, Copy, Debug, Default)]
pub struct SparseCategoricalAccuracy;

impl Metric for SparseCategoricalAccuracy {
    fn class_name(&self) -> &'static str {
        "SparseCategoricalAccuracy"
    }
    fn name(&self) -> &str {
        "sparse_categorical_accuracy"
    }
    fn sample(&self, target: &[f32], output: &[f32]) -> f32 {
        f32::from(u8::from(target[0] as usize == argmax(output)))
    }
}
