//! `CategoricalAccuracy`.
//!
//! **Formula** share of samples with `argmax(target) = argmax(output)`, the first of equal largest ones
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.CategoricalAccuracy`

use super::{Direction, Metric, Row, argmax, same_width};
use crate::config::Config;
use crate::error::Result;

/// Share of samples whose largest output is the true class of a one-hot target.
#[derive(Clone, Copy, Debug, Default)]
pub struct CategoricalAccuracy;

impl CategoricalAccuracy {
    pub(super) fn from_config(_config: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl Metric for CategoricalAccuracy {
    fn class_name(&self) -> &str {
        "CategoricalAccuracy"
    }
    fn name(&self) -> &str {
        "categorical_accuracy"
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
    fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        same_width(target, outputs)
    }
    fn sample(&self, row: &Row<'_>) -> f32 {
        let Row { target, output, .. } = *row;
        f32::from(u8::from(argmax(target) == argmax(output)))
    }
}
