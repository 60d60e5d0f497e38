//! `F1Score`: `FBetaScore` with beta 1, the harmonic mean of precision and recall.
//!
//! **Formula** `2 P R / (P + R + 1e-7)`, precision P and recall R as in `FBetaScore`
//! **Shapes** target and output `(None, k)`, one-hot or 0 or 1 for every output
//! **Config** `average` = null, `threshold` = null, as in `FBetaScore`
//! **Reference** `keras.metrics.F1Score`

use super::fbeta_score::{Average, FBetaScore};
use super::{Direction, Metric, Row};
use crate::config::{Config, Keys};
use crate::error::Result;

/// Harmonic mean of precision and recall.
#[derive(Clone, Copy, Debug, Default)]
pub struct F1Score {
    score: FBetaScore,
}

impl F1Score {
    /// Of every class.
    pub fn new() -> Self {
        Self::default()
    }

    /// One result for all classes.
    pub fn average(self, average: Average) -> Self {
        Self { score: self.score.average(average) }
    }

    /// Outputs above this are positive, instead of the largest.
    pub fn threshold(self, threshold: f32) -> Self {
        Self { score: self.score.threshold(threshold) }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        if config.has("beta") {
            return Err(config.error("beta of F1Score is always 1: use FBetaScore"));
        }
        Ok(Self { score: FBetaScore::from_config(config)? })
    }
}

impl Metric for F1Score {
    fn class_name(&self) -> &str {
        "F1Score"
    }
    fn name(&self) -> &str {
        "f1_score"
    }
    fn config(&self) -> Keys {
        let mut keys = self.score.config();
        keys.shift_remove("beta");
        keys
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
    fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        self.score.check(target, outputs)
    }
    fn sums(&self, target: usize, outputs: usize) -> usize {
        self.score.sums(target, outputs)
    }
    fn observe(&self, row: &Row<'_>, weight: f64, sums: &mut [f64]) {
        self.score.observe(row, weight, sums);
    }
    fn result(&self, sums: &[f64]) -> f64 {
        self.score.result(sums)
    }
    fn results(&self, sums: &[f64]) -> Vec<(String, f64)> {
        self.score.results(sums)
    }
}
