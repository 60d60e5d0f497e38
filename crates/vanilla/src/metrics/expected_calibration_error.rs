//! `ExpectedCalibrationError`: how far probabilities are from how often they come true.
//!
//! **Formula** `sum_m w_m / w |accuracy_m - confidence_m|` over `bins` equal intervals `((m - 1) / M, m / M]` of the confidence,
//! which is the largest output, and that of the likelier side for a single output; accuracy and confidence are the means of
//! the samples in an interval, w_m their weights
//! **Shapes** target `(None,)`, `(None, 1)` or `(None, k)`, output `(None, k)`, probabilities
//! **Config** `bins` = 15, as in the paper
//! **Reference** none in Keras, which loads a file that names it with `compile=False`; Guo et al. 2017 (arXiv 1706.04599),
//! equation 3

use super::{Direction, Metric, Row, classes, ratio};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// Mean distance of confidence and accuracy.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedCalibrationError {
    bins: usize,
}

impl Default for ExpectedCalibrationError {
    fn default() -> Self {
        Self { bins: 15 }
    }
}

impl ExpectedCalibrationError {
    /// In this many intervals, one at least.
    pub fn new(bins: usize) -> Self {
        Self { bins: bins.max(1) }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        match config.integer("bins")?.unwrap_or(15) {
            bins if (1..=1_000_000).contains(&bins) => Ok(Self { bins }),
            bins => Err(config.error(format!("bins = {bins}, expected a number from 1 to 1000000, such as 15"))),
        }
    }
}

impl Metric for ExpectedCalibrationError {
    fn class_name(&self) -> &str {
        "ExpectedCalibrationError"
    }
    fn name(&self) -> &str {
        "expected_calibration_error"
    }
    fn config(&self) -> Keys {
        keys! { "bins": self.bins }
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Down)
    }
    fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        classes::check(target, outputs)
    }
    /// Of each interval the weight, the confidence, what was right.
    fn sums(&self, _target: usize, _outputs: usize) -> usize {
        3 * self.bins
    }
    fn observe(&self, row: &Row<'_>, weight: f64, sums: &mut [f64]) {
        let Some((truth, predicted)) = classes::pair(row) else { return };
        let confidence = match row.output {
            &[y] if predicted == 0 => 1.0 - f64::from(y),
            output => output.get(predicted % output.len()).map_or(0.0, |y| f64::from(*y)),
        };
        let bin = ((confidence * self.bins as f64).ceil() as usize).clamp(1, self.bins) - 1;
        sums[3 * bin] += weight;
        sums[3 * bin + 1] += weight * confidence;
        sums[3 * bin + 2] += if truth == predicted { weight } else { 0.0 };
    }
    fn result(&self, sums: &[f64]) -> f64 {
        let all: f64 = sums.chunks_exact(3).map(|bin| bin[0]).sum();
        ratio(sums.chunks_exact(3).map(|bin| (bin[2] - bin[1]).abs()).sum(), all)
    }
}
