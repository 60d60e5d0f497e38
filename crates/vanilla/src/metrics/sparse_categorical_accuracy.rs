//! `SparseCategoricalAccuracy`.
//!
//! **Formula** share of samples with `target = argmax(output)`, the first of equal largest ones
//! **Shapes** target `(None,)` or `(None, 1)`, output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.SparseCategoricalAccuracy`

use super::{Direction, Metric, Row, argmax, class_number};
use crate::config::Config;
use crate::error::Result;

/// Share of samples whose largest output is the true class number.
#[derive(Clone, Copy, Debug, Default)]
pub struct SparseCategoricalAccuracy;

impl SparseCategoricalAccuracy {
    pub(super) fn from_config(_config: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl Metric for SparseCategoricalAccuracy {
    fn class_name(&self) -> &str {
        "SparseCategoricalAccuracy"
    }
    fn name(&self) -> &str {
        "sparse_categorical_accuracy"
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
    fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        class_number(target, outputs)
    }
    fn sample(&self, row: &Row<'_>) -> f32 {
        let Row { target, output, .. } = *row;
        f32::from(u8::from(target[0] == argmax(output) as f32))
    }
}
