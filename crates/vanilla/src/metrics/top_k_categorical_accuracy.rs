//! `TopKCategoricalAccuracy`.
//!
//! **Formula** share of samples in which fewer than k outputs are larger than that of `argmax(target)`: who is as large as
//! the k-th is in, and a row with an output that is not finite is out, as TensorFlow's `in_top_k` has it
//! **Shapes** target and output `(None, n)`
//! **Config** `k` = 5
//! **Reference** `keras.metrics.TopKCategoricalAccuracy`

use super::{Direction, Metric, Row, argmax, same_width};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// Share of samples whose true class is among the k largest outputs.
#[derive(Clone, Copy, Debug)]
pub struct TopKCategoricalAccuracy {
    k: usize,
}

impl Default for TopKCategoricalAccuracy {
    fn default() -> Self {
        Self { k: 5 }
    }
}

impl TopKCategoricalAccuracy {
    /// Among this many.
    pub fn new(k: usize) -> Self {
        Self { k }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { k: k(config)? })
    }
}

impl Metric for TopKCategoricalAccuracy {
    fn class_name(&self) -> &str {
        "TopKCategoricalAccuracy"
    }
    fn name(&self) -> &str {
        "top_k_categorical_accuracy"
    }
    fn config(&self) -> Keys {
        keys! { "k": self.k }
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
    fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        same_width(target, outputs)
    }
    fn sample(&self, row: &Row<'_>) -> f32 {
        f32::from(u8::from(in_top_k(argmax(row.target), row.output, self.k)))
    }
}

/// Whether this class is among the k largest outputs.
pub(super) fn in_top_k(class: usize, output: &[f32], k: usize) -> bool {
    let Some(own) = output.get(class) else { return false };
    output.iter().all(|y| y.is_finite()) && output.iter().filter(|y| *y > own).count() < k
}

/// Takes `k`.
pub(super) fn k(config: &mut Config) -> Result<usize> {
    match config.integer("k")?.unwrap_or(5) {
        0 => Err(config.error("k = 0, expected at least 1, the number of classes that may be guessed")),
        k => Ok(k),
    }
}
