//! `Named`: a metric under another name, so that one word can be there twice.
//!
//! **Formula** that of the metric
//! **Config** that of the metric, and the `name`
//! **Reference** the argument `name` of every metric of Keras

use super::{Direction, Metric, Row};
use crate::config::Keys;

/// A metric with a name of one's own in logs and history: `Precision::new().class_id(2).named("precision_of_cats")`.
#[derive(Clone, Debug)]
pub struct Named<M> {
    metric: M,
    name: String,
}

/// Gives metrics names.
pub trait Name: Metric + Sized {
    /// Under this name in logs and history.
    fn named(self, name: impl Into<String>) -> Named<Self> {
        Named { metric: self, name: name.into() }
    }
}

impl<M: Metric> Name for M {}

impl<M: Metric> Metric for Named<M> {
    fn class_name(&self) -> &str {
        self.metric.class_name()
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn config(&self) -> Keys {
        self.metric.config()
    }
    fn direction(&self) -> Option<Direction> {
        self.metric.direction()
    }
    fn check(&self, target: usize, outputs: usize) -> Result<(), String> {
        self.metric.check(target, outputs)
    }
    fn sums(&self, target: usize, outputs: usize) -> usize {
        self.metric.sums(target, outputs)
    }
    fn wants_logits(&self) -> bool {
        self.metric.wants_logits()
    }
    fn sample(&self, row: &Row<'_>) -> f32 {
        self.metric.sample(row)
    }
    fn observe(&self, row: &Row<'_>, weight: f64, sums: &mut [f64]) {
        self.metric.observe(row, weight, sums);
    }
    fn result(&self, sums: &[f64]) -> f64 {
        self.metric.result(sums)
    }
    fn results(&self, sums: &[f64]) -> Vec<(String, f64)> {
        self.metric.results(sums)
    }
}
