//! `FBetaScore`: precision and recall in one number, recall counting beta times as much.
//!
//! **Formula** `(1 + beta^2) P R / (beta^2 P + R + 1e-7)`, `P = TP / (TP + FP + 1e-7)`, `R = TP / (TP + FN + 1e-7)`. Without
//! `threshold` the largest outputs of a row are positive (all equals; not those of 1e-9 and less)
//! **Shapes** target and output `(None, k)`, one-hot or 0 or 1 for every output
//! **Config** `average` = null: one result a class, with `_0`, `_1`, ... behind the name (or "macro", the mean; "weighted", by the
//! labels of each class; "micro", of all counts together), `beta` = 1, `threshold` = null (or above 0, up to 1)
//! **Reference** `keras.metrics.FBetaScore`

use super::{Direction, Metric, Row, numbered, same_width};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// How the scores of classes become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// Of all counts together.
    Micro,
    /// Their mean.
    Macro,
    /// Weighted by the labels of each class.
    Weighted,
}

/// Weighted harmonic mean of precision and recall.
#[derive(Clone, Copy, Debug)]
pub struct FBetaScore {
    average: Option<Average>,
    beta: f64,
    threshold: Option<f32>,
}

impl Default for FBetaScore {
    fn default() -> Self {
        Self { average: None, beta: 1.0, threshold: None }
    }
}

impl FBetaScore {
    /// Of every class, recall counting beta times as much as precision.
    pub fn new(beta: f64) -> Self {
        Self { beta, ..Self::default() }
    }

    /// One result for all classes.
    pub fn average(mut self, average: Average) -> Self {
        self.average = Some(average);
        self
    }

    /// Outputs above this are positive, instead of the largest.
    pub fn threshold(mut self, threshold: f32) -> Self {
        self.threshold = Some(threshold);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let average = match config.string("average")?.as_deref() {
            None => None,
            Some("micro") => Some(Average::Micro),
            Some("macro") => Some(Average::Macro),
            Some("weighted") => Some(Average::Weighted),
            Some(other) => {
                let problem = format!("average = \"{other}\", expected \"micro\", \"macro\", \"weighted\" or null");
                return Err(config.error(problem));
            }
        };
        let beta = match config.float("beta")?.unwrap_or(1.0) {
            beta if beta > 0.0 => beta,
            beta => return Err(config.error(format!("beta = {beta}, expected a number above 0, such as 1"))),
        };
        let threshold = match config.float("threshold")? {
            Some(t) if !(t > 0.0 && t <= 1.0) => {
                return Err(config.error(format!("threshold = {t}, expected a number above 0, up to 1, such as 0.5")));
            }
            threshold => threshold.map(|t| t as f32),
        };
        Ok(Self { average, beta, threshold })
    }

    fn score(&self, sums: &[f64]) -> f64 {
        let (tp, fp, missed) = (sums[0], sums[1], sums[2]);
        let (precision, recall) = (tp / (tp + fp + EPSILON), tp / (tp + missed + EPSILON));
        let squared = self.beta * self.beta;
        (1.0 + squared) * (precision * recall / (squared * precision + recall + EPSILON))
    }
}

/// In every denominator, as Keras has it.
const EPSILON: f64 = 1e-7;

impl Metric for FBetaScore {
    fn class_name(&self) -> &str {
        "FBetaScore"
    }
    fn name(&self) -> &str {
        "fbeta_score"
    }
    fn config(&self) -> Keys {
        let average = self.average.map(|average| match average {
            Average::Micro => "micro",
            Average::Macro => "macro",
            Average::Weighted => "weighted",
        });
        keys! { "average": average, "beta": self.beta, "threshold": self.threshold }
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
    fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        same_width(target, outputs)
    }
    /// Of each class: found, wrongly found, missed, labels.
    fn sums(&self, _target: usize, outputs: usize) -> usize {
        4 * outputs
    }
    fn observe(&self, row: &Row<'_>, weight: f64, sums: &mut [f64]) {
        let largest = row.output.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for ((of_class, t), y) in sums.chunks_exact_mut(4).zip(row.target).zip(row.output) {
            let positive = match self.threshold {
                Some(threshold) => *y > threshold,
                None => *y >= largest && y.abs() > 1e-9,
            };
            let t = f64::from(*t);
            if positive {
                of_class[0] += weight * t;
                of_class[1] += weight * (1.0 - t);
            } else {
                of_class[2] += weight * t;
            }
            of_class[3] += weight * t;
        }
    }
    fn result(&self, sums: &[f64]) -> f64 {
        self.results(sums)[0].1
    }
    fn results(&self, sums: &[f64]) -> Vec<(String, f64)> {
        let classes = sums.chunks_exact(4);
        let (count, scores) = (classes.len().max(1) as f64, classes.clone().map(|sums| self.score(sums)));
        let one = match self.average {
            None => return numbered(scores),
            Some(Average::Macro) => scores.sum::<f64>() / count,
            Some(Average::Weighted) => {
                let all: f64 = classes.clone().map(|sums| sums[3]).sum::<f64>() + EPSILON;
                classes.map(|sums| self.score(sums) * (sums[3] / all)).sum()
            }
            Some(Average::Micro) => {
                let mut all = [0.0; 4];
                classes.for_each(|sums| all.iter_mut().zip(sums).for_each(|(all, sum)| *all += sum));
                self.score(&all)
            }
        };
        numbered([one])
    }
}
