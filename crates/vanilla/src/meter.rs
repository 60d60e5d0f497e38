//! [`Meter`]: running means of the losses and the metrics over an epoch.

use crate::error::Result;
use crate::metrics::Metric;
use crate::model::{Model, NOT_BUILT, NOT_COMPILED};
use std::sync::Arc;
use vanilla_plan::Plan;

/// Running means of the losses and the metrics: every row counts the same, also in a short last batch.
#[derive(Debug)]
pub(crate) struct Meter {
    keys: Vec<String>,
    /// Outputs with a loss; where there are several, each has a mean of its own.
    losses: Vec<Part>,
    metrics: Vec<Measured>,
    /// The loss; the loss of each output where there are several; each metric; then, for the weighted ones in their
    /// order, the weights; and the batches, where there are several outputs.
    sums: Vec<f64>,
    /// Samples seen.
    rows: usize,
    target: Vec<f32>,
    output: Vec<f32>,
}

#[derive(Debug)]
struct Part {
    output: usize,
    weight: f64,
}

#[derive(Debug)]
struct Measured {
    output: usize,
    metric: Arc<dyn Metric>,
    weighted: bool,
}

impl Meter {
    pub fn new(model: &Model) -> Result<Self> {
        let built = model.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = model.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let losses = compiled.losses.iter().enumerate().filter_map(|(output, loss)| {
            loss.as_ref().map(|loss| Part { output, weight: f64::from(loss.weight) })
        });
        let losses: Vec<Part> = losses.collect();
        let names = model.output_names();
        let mut keys = vec!["loss".to_owned()];
        if names.len() > 1 {
            keys.extend(losses.iter().map(|part| format!("{}_loss", names[part.output])));
        }
        let mut metrics = Vec::new();
        for compiled_metric in &compiled.metrics {
            let output = compiled_metric.output;
            let cols = built.network.form(built.network.outputs[output]).cols;
            let width = compiled.losses[output].as_ref().map_or(cols, |loss| loss.loss.target_width(cols));
            keys.push(compiled_metric.key.clone());
            metrics.push(Measured {
                output,
                metric: compiled_metric.metric.metric(width, cols),
                weighted: compiled_metric.weighted,
            });
        }
        let weighted = metrics.iter().filter(|measured: &&Measured| measured.weighted).count();
        let sums = vec![0.0; keys.len() + weighted + usize::from(names.len() > 1)];
        Ok(Self { keys, losses, metrics, sums, rows: 0, target: Vec::new(), output: Vec::new() })
    }

    pub fn reset(&mut self) {
        self.sums.fill(0.0);
        self.rows = 0;
    }

    /// Adds a batch of this many samples. `weights` are what each sample counts for an output, if not 1.
    pub fn observe<'a>(&mut self, plan: &Plan, samples: &[usize], weights: impl Fn(usize) -> Option<&'a [f32]>) {
        self.rows += samples.len();
        self.sums[0] += f64::from(plan.penalty()) * samples.len() as f64;
        for (number, part) in self.losses.iter().enumerate() {
            let losses = plan.losses(part.output);
            let groups = (losses.len() / samples.len().max(1)).max(1) as f64;
            let sum = losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / groups;
            self.sums[0] += part.weight * sum;
            if self.keys.len() > 1 + self.metrics.len() {
                // Keras takes the mean over the batches here, however many rows they have.
                self.sums[1 + number] += sum / samples.len().max(1) as f64;
            }
        }
        if self.keys.len() > 1 + self.metrics.len()
            && let Some(batches) = self.sums.last_mut()
        {
            *batches += 1.0;
        }
        let first = self.keys.len() - self.metrics.len();
        let mut weight_of_all = self.keys.len();
        for (number, measured) in self.metrics.iter().enumerate() {
            let (targets, outputs) = (plan.targets(measured.output), plan.output(measured.output));
            self.target.resize(targets.cols(), 0.0);
            self.output.resize(outputs.cols(), 0.0);
            let weights = weights(measured.output).filter(|_| measured.weighted);
            let groups = (outputs.rows() / samples.len().max(1)).max(1);
            let (mut sum, mut weight_sum) = (0.0, 0.0);
            for row in 0..outputs.rows() {
                targets.read_row(row, &mut self.target);
                outputs.read_row(row, &mut self.output);
                let value = f64::from(measured.metric.sample(&self.target, &self.output));
                let weight = weights.map_or(1.0, |weights| f64::from(weights[samples[row / groups]]));
                sum += weight * value;
                weight_sum += weight;
            }
            self.sums[first + number] += sum / groups as f64;
            if measured.weighted {
                self.sums[weight_of_all] += weight_sum / groups as f64;
                weight_of_all += 1;
            }
        }
    }

    pub fn logs(&self) -> Vec<(String, f64)> {
        let rows = self.rows.max(1) as f64;
        let first = self.keys.len() - self.metrics.len();
        let mut weights = self.sums[self.keys.len()..].iter();
        let mut logs = Vec::new();
        for (number, key) in self.keys.iter().enumerate() {
            let weighted = number >= first && self.metrics[number - first].weighted;
            let count = match number {
                _ if weighted => weights.next().copied().unwrap_or(rows),
                // The loss of one of several outputs.
                1.. if number < first => self.sums.last().copied().unwrap_or(rows),
                _ => rows,
            };
            logs.push((key.clone(), if count == 0.0 { 0.0 } else { self.sums[number] / count }));
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
        }
    }
}
