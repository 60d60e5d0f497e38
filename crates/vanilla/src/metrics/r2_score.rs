//! `R2Score`: the share of the variance of the targets that outputs explain.
//!
//! **Formula** of each output `1 - sum w (t - p)^2 / (sum w t^2 - (sum w t)^2 / sum w)`; where targets do not vary, 0, or 1 if
//! they are met (Keras says NaN there). The mean of these, or weighted by the variances, or all of them. With
//! `num_regressors` = p above 0, `1 - (1 - R2) (n - 1) / (n - p - 1)` if p is below n - 1; n is the number of samples, where
//! Keras counts each sample once for every output
//! **Shapes** target and output `(None, k)`
//! **Config** `class_aggregation` = "uniform_average" (or "variance_weighted_average", or null for one result an output, with
//! `_0`, `_1`, ... behind the name), `num_regressors` = 0
//! **Reference** `keras.metrics.R2Score`

use super::{Direction, Metric, Row, numbered, ratio, same_width};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// Coefficient of determination.
#[derive(Clone, Copy, Debug)]
pub struct R2Score {
    aggregation: Option<&'static str>,
    num_regressors: usize,
}

impl Default for R2Score {
    fn default() -> Self {
        Self { aggregation: Some(UNIFORM), num_regressors: 0 }
    }
}

const UNIFORM: &str = "uniform_average";
const BY_VARIANCE: &str = "variance_weighted_average";

impl R2Score {
    /// The mean over the outputs.
    pub fn new() -> Self {
        Self::default()
    }

    /// One result an output.
    pub fn each(mut self) -> Self {
        self.aggregation = None;
        self
    }

    /// Outputs weighted by the variances of their targets.
    pub fn variance_weighted(mut self) -> Self {
        self.aggregation = Some(BY_VARIANCE);
        self
    }

    /// Adjusted for this many independent variables.
    pub fn num_regressors(mut self, count: usize) -> Self {
        self.num_regressors = count;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let absent = !config.has("class_aggregation");
        let aggregation = match config.string("class_aggregation")?.as_deref() {
            None if absent => Some(UNIFORM),
            None => None,
            Some(UNIFORM) => Some(UNIFORM),
            Some(BY_VARIANCE) => Some(BY_VARIANCE),
            Some(other) => {
                let problem = format!("class_aggregation = \"{other}\", expected \"{UNIFORM}\", \"{BY_VARIANCE}\" or null");
                return Err(config.error(problem));
            }
        };
        Ok(Self { aggregation, num_regressors: config.integer("num_regressors")?.unwrap_or(0) })
    }

    fn adjusted(&self, r2: f64, samples: f64) -> f64 {
        let left = samples - self.num_regressors as f64 - 1.0;
        if self.num_regressors == 0 || left <= 0.0 { r2 } else { 1.0 - (1.0 - r2) * (samples - 1.0) / left }
    }
}

impl Metric for R2Score {
    fn class_name(&self) -> &str {
        "R2Score"
    }
    fn name(&self) -> &str {
        "r2_score"
    }
    fn config(&self) -> Keys {
        keys! { "class_aggregation": self.aggregation, "num_regressors": self.num_regressors }
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
    fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        same_width(target, outputs)
    }
    /// Samples, weights; of each output the weighted targets, their squares, the squared errors.
    fn sums(&self, _target: usize, outputs: usize) -> usize {
        2 + 3 * outputs
    }
    fn observe(&self, row: &Row<'_>, weight: f64, sums: &mut [f64]) {
        sums[0] += 1.0;
        sums[1] += weight;
        for ((of_output, t), y) in sums[2..].chunks_exact_mut(3).zip(row.target).zip(row.output) {
            let (t, y) = (f64::from(*t), f64::from(*y));
            of_output[0] += weight * t;
            of_output[1] += weight * t * t;
            of_output[2] += weight * (t - y) * (t - y);
        }
    }
    fn result(&self, sums: &[f64]) -> f64 {
        self.results(sums)[0].1
    }
    fn results(&self, sums: &[f64]) -> Vec<(String, f64)> {
        let of_output = |sums_of: &[f64]| {
            let total = sums_of[1] - sums_of[0] * ratio(sums_of[0], sums[1]);
            // Below this it is what rounding has left of equal numbers.
            let varies = total > 1e-12 * sums_of[1];
            let constant = if sums_of[2] == 0.0 && sums[1] > 0.0 { 1.0 } else { 0.0 };
            (if varies { total } else { 0.0 }, if varies { 1.0 - sums_of[2] / total } else { constant })
        };
        let scores: Vec<(f64, f64)> = sums[2..].chunks_exact(3).map(of_output).collect();
        let r2 = match self.aggregation {
            None => {
                return numbered(scores.iter().map(|(_, score)| self.adjusted(*score, sums[0])));
            }
            Some(BY_VARIANCE) => {
                let total: f64 = scores.iter().map(|(total, _)| total).sum();
                ratio(scores.iter().map(|(total, score)| total * score).sum(), total)
            }
            Some(_) => scores.iter().map(|(_, score)| score).sum::<f64>() / scores.len().max(1) as f64,
        };
        numbered([self.adjusted(r2, sums[0])])
    }
}
