//! [`Meter`]: running means of the losses and running metrics over an epoch.

use crate::data::Prepared;
use crate::error::Result;
use crate::losses::Reduction;
use crate::metrics::{Metric, Row};
use crate::model::{Model, NOT_BUILT, NOT_COMPILED};
use std::ops::Range;
use std::sync::Arc;
use vanilla_plan::Plan;

/// Running means of the losses, and metrics: every row counts the same, also in a short last batch.
#[derive(Debug)]
pub(crate) struct Meter {
    /// `loss`, then the loss of each output where there are several.
    keys: Vec<String>,
    losses: Vec<Part>,
    metrics: Vec<Measured>,
    /// One for each key; the batches, where there are several outputs; then the sums of each metric.
    sums: Vec<f64>,
    /// Samples seen.
    rows: usize,
    target: Vec<f32>,
    output: Vec<f32>,
    logits: Vec<f32>,
}

#[derive(Debug)]
struct Part {
    output: usize,
    weight: f64,
    reduction: Reduction,
    whole: bool,
}

#[derive(Debug)]
struct Measured {
    key: String,
    output: usize,
    metric: Arc<dyn Metric>,
    weighted: bool,
    sums: Range<usize>,
}

impl Meter {
    pub fn new(model: &Model) -> Result<Self> {
        let built = model.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = model.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let losses = compiled.losses.iter().enumerate().filter_map(|(output, loss)| {
            loss.as_ref().map(|loss| Part {
                output,
                weight: f64::from(loss.weight),
                reduction: loss.reduction,
                whole: loss.loss.whole(),
            })
        });
        let losses: Vec<Part> = losses.collect();
        let names = model.output_names();
        let mut keys = vec!["loss".to_owned()];
        if names.len() > 1 {
            keys.extend(losses.iter().map(|part| format!("{}_loss", names[part.output])));
        }
        let mut end = keys.len() + usize::from(names.len() > 1);
        let mut metrics = Vec::new();
        for compiled_metric in &compiled.metrics {
            let output = compiled_metric.output;
            let cols = built.network.form(built.network.outputs[output]).cols;
            let width = compiled.losses[output].as_ref().map_or(cols, |loss| loss.loss.target_width(cols));
            let metric = compiled_metric.metric.metric(width, cols);
            let start = end;
            end += metric.sums(width, cols);
            metrics.push(Measured {
                key: compiled_metric.key.clone(),
                output,
                metric,
                weighted: compiled_metric.weighted,
                sums: start..end,
            });
        }
        let empty = Vec::new;
        Ok(Self {
            keys,
            losses,
            metrics,
            sums: vec![0.0; end],
            rows: 0,
            target: empty(),
            output: empty(),
            logits: empty(),
        })
    }

    pub fn reset(&mut self) {
        self.sums.fill(0.0);
        self.rows = 0;
    }

    /// Adds a batch of these samples of the data.
    pub fn observe(&mut self, plan: &Plan, samples: &[usize], data: &Prepared) {
        let count = samples.len();
        self.rows += count;
        self.sums[0] += f64::from(plan.penalty()) * count as f64;
        let several = self.keys.len() > 1;
        for (number, part) in self.losses.iter().enumerate() {
            let losses = plan.losses(part.output);
            let sum = if part.reduction == Reduction::Mean && !part.whole && plan.all_count(part.output) {
                let groups = (losses.len() / count.max(1)).max(1) as f64;
                losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / groups
            } else {
                f64::from(plan.reduced_loss(part.output)) * count as f64
            };
            self.sums[0] += part.weight * sum;
            if several {
                // Keras takes the mean over the batches here, however many rows they have.
                self.sums[1 + number] += sum / count.max(1) as f64;
            }
        }
        if several {
            self.sums[self.keys.len()] += 1.0;
        }
        for measured in &self.metrics {
            let (targets, outputs) = (plan.targets(measured.output), plan.output(measured.output));
            let logits = plan.logits(measured.output);
            self.target.resize(targets.cols(), 0.0);
            self.output.resize(outputs.cols(), 0.0);
            self.logits.resize(outputs.cols(), 0.0);
            let weights = data.sample_weights(measured.output).filter(|_| measured.weighted);
            let given = data.given_targets(measured.output);
            let groups = (outputs.rows() / count.max(1)).max(1);
            let sums = &mut self.sums[measured.sums.clone()];
            for row in (0..outputs.rows()).filter(|row| !plan.is_masked(measured.output, *row)) {
                match given {
                    Some(given) => {
                        let place = samples[row / groups] * groups + row % groups;
                        self.target.copy_from_slice(&given[place * targets.cols()..][..targets.cols()]);
                    }
                    None => targets.read_row(row, &mut self.target),
                }
                outputs.read_row(row, &mut self.output);
                let weight = weights.map_or(1.0, |weights| f64::from(weights[samples[row / groups]]));
                let mut seen = Row::new(&self.target, &self.output);
                if let Some((panels, link)) = logits.filter(|_| measured.metric.wants_logits()) {
                    panels.read_row(row, &mut self.logits);
                    seen.logits = Some((link, &self.logits));
                }
                measured.metric.observe(&seen, weight, sums);
            }
        }
    }

    pub fn logs(&self) -> Vec<(String, f64)> {
        let mut logs = Vec::new();
        for (number, key) in self.keys.iter().enumerate() {
            let count = if number == 0 { self.rows as f64 } else { self.sums[self.keys.len()] };
            logs.push((key.clone(), if count == 0.0 { 0.0 } else { self.sums[number] / count }));
        }
        for measured in &self.metrics {
            for (behind, value) in measured.metric.results(&self.sums[measured.sums.clone()]) {
                logs.push((format!("{}{behind}", measured.key), value));
            }
        }
        logs
    }

    /// Samples seen since the last reset.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Everything that the means of the rest of the epoch depend on: the sums as they are, and the samples.
    pub fn totals(&self) -> (Vec<f64>, usize) {
        (self.sums.clone(), self.rows)
    }

    /// Goes on from [`Meter::totals`]; sums of other metrics than these start at zero.
    pub fn restore(&mut self, sums: &[f64], rows: usize) {
        self.reset();
        if sums.len() == self.sums.len() {
            self.sums.copy_from_slice(sums);
            self.rows = rows;
        } else if sums.len() == 1 + self.metrics.len() && self.sums.len() == 1 + 2 * self.metrics.len() {
            // A checkpoint of format 1: means over samples, which all counted 1.
            self.sums[0] = sums[0];
            for (measured, sum) in self.metrics.iter().zip(&sums[1..]) {
                self.sums[measured.sums.clone()].copy_from_slice(&[*sum, rows as f64]);
            }
            self.rows = rows;
        }
    }
}
