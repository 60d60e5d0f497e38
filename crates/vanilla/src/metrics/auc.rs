//! `AUC`: the area under a curve of two shares, over all thresholds.
//!
//! **Formula** with counts at each threshold: ROC is recall over `FP / (FP + TN)`, PR precision over recall, PRGAIN precision
//! gain over recall gain (Flach and Kull 2015, equation 2; gains as Keras clips them). `interpolation` takes the trapezoids
//! between neighbours, for PR what lies below the curve between them (Davis and Goadrich 2006); `minoring` and `majoring` take
//! the lower and the higher of two neighbours
//! **Shapes** target and output `(None, k)`, labels 0 or 1 for every output. All outputs make one curve; with `multi_label`
//! every output has its own, and the result is the mean of the areas
//! **Config** `num_thresholds` = 200 (two of them just outside `[0, 1]`, the others evenly spread), `curve` = "ROC" (or "PR",
//! "PRGAIN"), `summation_method` = "interpolation" (or "minoring", "majoring"), `thresholds` = null (instead of the evenly
//! spread ones), `multi_label` = false, `num_labels` = null, `label_weights` = null (of outputs, or of their areas),
//! `from_logits` = false
//! **Reference** `keras.metrics.AUC`

use super::thresholds::{Counts, Levels, Thresholds, shares};
use super::{Direction, Metric, Row, ratio, same_width};
use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// Area under a curve.
#[derive(Clone, Debug)]
pub struct AUC {
    thresholds: Thresholds,
    /// Those that were given.
    own: Option<Vec<f64>>,
    curve: Curve,
    summation: Summation,
    multi_label: bool,
    num_labels: Option<usize>,
    label_weights: Option<Vec<f64>>,
    from_logits: bool,
}

/// Of what [`AUC`] is the area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Curve {
    /// Recall over the share of negatives that are taken for positives.
    #[default]
    Roc,
    /// Precision over recall.
    Pr,
    /// Precision gain over recall gain.
    PrGain,
}

/// How [`AUC`] takes the area between two thresholds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summation {
    /// Between them.
    #[default]
    Interpolation,
    /// The lower one.
    Minoring,
    /// The higher one.
    Majoring,
}

/// The first and the last threshold lie this far outside.
const OUTSIDE: f64 = 1e-7;

impl Default for AUC {
    fn default() -> Self {
        Self {
            thresholds: Thresholds::even(200, -OUTSIDE, 1.0 + OUTSIDE),
            own: None,
            curve: Curve::Roc,
            summation: Summation::Interpolation,
            multi_label: false,
            num_labels: None,
            label_weights: None,
            from_logits: false,
        }
    }
}

impl AUC {
    /// Under the ROC curve, over 200 thresholds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Under this curve.
    pub fn curve(mut self, curve: Curve) -> Self {
        self.curve = curve;
        self
    }

    /// Summed like this.
    pub fn summation_method(mut self, summation: Summation) -> Self {
        self.summation = summation;
        self
    }

    /// With this many thresholds, two at least.
    pub fn num_thresholds(mut self, count: usize) -> Self {
        self.thresholds = Thresholds::even(count.max(2), -OUTSIDE, 1.0 + OUTSIDE);
        self
    }

    /// With these thresholds, from 0 to 1.
    pub fn thresholds(mut self, thresholds: &[f64]) -> Self {
        self.thresholds = Thresholds::between(thresholds, -OUTSIDE, 1.0 + OUTSIDE);
        self.own = Some(thresholds.to_vec());
        self
    }

    /// Every output has a curve of its own.
    pub fn multi_label(mut self, multi_label: bool) -> Self {
        self.multi_label = multi_label;
        self
    }

    /// What each output counts.
    pub fn label_weights(mut self, weights: &[f64]) -> Self {
        self.label_weights = Some(weights.to_vec());
        self
    }

    /// Outputs are logits.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.from_logits = from_logits;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let mut auc = Self::default();
        let count = config.integer("num_thresholds")?.unwrap_or(200);
        auc = match shares(config)? {
            Some(own) => auc.thresholds(&own),
            None if count < 2 => {
                return Err(config.error(format!("num_thresholds = {count}, expected at least 2, such as 200")));
            }
            None => auc.num_thresholds(count),
        };
        auc.curve = match config.string("curve")?.as_deref() {
            None | Some("ROC" | "roc") => Curve::Roc,
            Some("PR" | "pr") => Curve::Pr,
            Some("PRGAIN" | "prgain") => Curve::PrGain,
            Some(other) => {
                let problem = format!("curve = \"{other}\", expected \"ROC\", \"PR\" or \"PRGAIN\"");
                return Err(config.error(problem));
            }
        };
        auc.summation = match config.string("summation_method")?.as_deref() {
            None | Some("interpolation" | "Interpolation") => Summation::Interpolation,
            Some("minoring" | "Minoring") => Summation::Minoring,
            Some("majoring" | "Majoring") => Summation::Majoring,
            Some(other) => {
                return Err(config.error(format!(
                    "summation_method = \"{other}\", expected \"interpolation\", \"minoring\" or \"majoring\""
                )));
            }
        };
        auc.multi_label = config.boolean("multi_label")?.unwrap_or(false);
        auc.num_labels = config.integer("num_labels")?;
        if auc.num_labels.is_some() && !auc.multi_label {
            return Err(config.error("num_labels without multi_label: leave it out, or say multi_label = true"));
        }
        auc.label_weights = config.float_list("label_weights")?;
        auc.from_logits = config.boolean("from_logits")?.unwrap_or(false);
        Ok(auc)
    }

    /// Under one curve.
    fn area(&self, sums: &[f64]) -> f64 {
        let counts = Levels::of(sums).counts();
        let pairs = counts.windows(2).map(|pair| (pair[0], pair[1]));
        if self.curve == Curve::Pr && self.summation == Summation::Interpolation {
            return pairs.map(|(low, high)| below_precision(low, high)).sum();
        }
        let part = |(low, high): (Counts, Counts)| {
            let ((x, y), (next_x, next_y)) = (self.point(low), self.point(high));
            let height = match self.summation {
                Summation::Interpolation => (y + next_y) / 2.0,
                Summation::Minoring => y.min(next_y),
                Summation::Majoring => y.max(next_y),
            };
            (x - next_x) * height
        };
        pairs.map(part).sum()
    }

    /// Of the curve, at a threshold.
    fn point(&self, at: Counts) -> (f64, f64) {
        match self.curve {
            Curve::Roc => (ratio(at.fp, at.fp + at.tn), at.recall()),
            Curve::Pr => (at.recall(), at.precision()),
            Curve::PrGain if at.tp == 0.0 => (0.0, 1.0),
            Curve::PrGain => {
                let odds = ratio(at.tp + at.fn_, at.tn + at.fp);
                ((1.0 - odds * (at.fn_ / at.tp)).max(0.0), 1.0 - odds * (at.fp / at.tp))
            }
        }
    }
}

/// Under the curve of precision over recall between two neighbours, between which true positives are linear in positives.
fn below_precision(low: Counts, high: Counts) -> f64 {
    let (positive, next) = (low.tp + low.fp, high.tp + high.fp);
    let gained = low.tp - high.tp;
    let slope = ratio(gained, (positive - next).max(0.0));
    let intercept = high.tp - slope * next;
    let log = if positive > 0.0 && next > 0.0 { libm::log(positive / next) } else { 0.0 };
    ratio(slope * (gained + intercept * log), high.tp + high.fn_)
}

impl Metric for AUC {
    fn class_name(&self) -> &str {
        "AUC"
    }
    fn name(&self) -> &str {
        "auc"
    }
    fn config(&self) -> Keys {
        let curve = match self.curve {
            Curve::Roc => "ROC",
            Curve::Pr => "PR",
            Curve::PrGain => "PRGAIN",
        };
        let summation = match self.summation {
            Summation::Interpolation => "interpolation",
            Summation::Minoring => "minoring",
            Summation::Majoring => "majoring",
        };
        let mut keys = keys! {
            "num_thresholds": self.thresholds.len(), "curve": curve, "summation_method": summation,
            "multi_label": self.multi_label, "num_labels": self.num_labels, "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        };
        if let Some(own) = &self.own {
            keys.insert("thresholds".into(), serde_json::json!(own));
        }
        keys
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
    fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        if let Some(labels) = self.num_labels.filter(|labels| *labels != outputs) {
            return Err(format!("has num_labels = {labels}, and there are {outputs} outputs"));
        }
        if let Some(weights) = self.label_weights.as_ref().filter(|weights| weights.len() != outputs) {
            return Err(format!("has {} label_weights, and there are {outputs} outputs", weights.len()));
        }
        same_width(target, outputs)
    }
    fn sums(&self, _target: usize, outputs: usize) -> usize {
        Levels::sums(self.thresholds.len()) * if self.multi_label { outputs } else { 1 }
    }
    fn observe(&self, row: &Row<'_>, weight: f64, sums: &mut [f64]) {
        let curve = Levels::sums(self.thresholds.len());
        for (column, (t, y)) in row.target.iter().zip(row.output).enumerate() {
            let p = if self.from_logits { 1.0 / (1.0 + libm::expf(-y)) } else { *y };
            let own = self.label_weights.as_ref().filter(|_| !self.multi_label);
            let weight = weight * own.map_or(1.0, |weights| weights[column]);
            let start = if self.multi_label { column * curve } else { 0 };
            Levels::add(&mut sums[start..start + curve], *t != 0.0, self.thresholds.level(p), weight);
        }
    }
    fn result(&self, sums: &[f64]) -> f64 {
        let areas: Vec<f64> =
            sums.chunks_exact(Levels::sums(self.thresholds.len())).map(|sums| self.area(sums)).collect();
        match self.label_weights.as_ref().filter(|_| self.multi_label) {
            Some(weights) => {
                let weighted = areas.iter().zip(weights).map(|(area, weight)| area * weight);
                ratio(weighted.sum(), weights.iter().sum())
            }
            None => areas.iter().sum::<f64>() / areas.len().max(1) as f64,
        }
    }
}
