//! [`Meter`]: running means of the loss and the metrics over an epoch.

use crate::error::Result;
use crate::metrics::Metric;
use crate::model::{NOT_BUILT, NOT_COMPILED, Sequential};
use std::sync::Arc;
use vanilla_plan::Plan;

/// Running means of the loss and the metrics: every row counts the same, also in a short last batch.
#[derive(Debug)]
pub(crate) struct Meter {
    keys: Vec<String>,
    metrics: Vec<Arc<dyn Metric>>,
    /// The loss, then each metric.
    sums: Vec<f64>,
    rows: usize,
    target: Vec<f32>,
    output: Vec<f32>,
}

impl Meter {
    pub fn new(model: &Sequential) -> Result<Self> {
        let built = model.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = model.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let outputs = built.network.outputs();
        let width = compiled.loss.target_width(outputs);
        let metrics: Vec<_> = compiled.metrics.iter().map(|metric| metric.metric(width, outputs)).collect();
        let keys = std::iter::once("loss".to_owned()).chain(compiled.metrics.iter().map(|m| m.key.clone()));
        Ok(Self {
            keys: keys.collect(),
            sums: vec![0.0; metrics.len() + 1],
            metrics,
            rows: 0,
            target: vec![0.0; width],
            output: vec![0.0; outputs],
        })
    }

    pub fn reset(&mut self) {
        self.sums.fill(0.0);
        self.rows = 0;
    }

    pub fn observe(&mut self, plan: &Plan) {
        let (targets, outputs) = (plan.targets(), plan.outputs());
        self.rows += outputs.rows();
        self.sums[0] += plan.losses().iter().map(|&loss| f64::from(loss)).sum::<f64>();
        for row in 0..outputs.rows() {
            targets.read_row(row, &mut self.target);
            outputs.read_row(row, &mut self.output);
            for (sum, metric) in self.sums[1..].iter_mut().zip(&self.metrics) {
                *sum += f64::from(metric.sample(&self.target, &self.output));
            }
        }
    }

    pub fn logs(&self) -> Vec<(String, f64)> {
        let rows = self.rows.max(1) as f64;
        self.keys.iter().cloned().zip(self.sums.iter().map(|sum| sum / rows)).collect()
    }

    /// Rows seen since the last reset.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Everything that the means of the rest of the epoch depend on: the sums as they are, and the rows.
    pub fn totals(&self) -> (Vec<f64>, usize) {
        (self.sums.clone(), self.rows)
    }

    /// Goes on from [`Meter::totals`]; sums of other metrics than these start at zero.
    pub fn restore(&mut self, sums: &[f64], rows: usize) {
        self.reset();
        if sums.len() == self.sums.len() {
            self.sums.copy_from_slice(sums);
            self.rows = rows;
        }
    }
}
