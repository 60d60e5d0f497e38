//! Training, evaluation and prediction: the page that everyone reads.

use crate::data::{self, Prepared};
use crate::error::{Error, Result};
use crate::history::{History, Logs};
use crate::metrics::Metric;
use crate::model::{NOT_BUILT, NOT_COMPILED, Sequential};
use crate::progress::{Progbar, Style, epoch_header};
use crate::tensor::Tensor;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Instant;
use vanilla_plan::{Batch, Passes, Plan};

/// How to train: Keras's arguments of `fit`, with Keras's defaults.
///
/// ```
/// use vanilla::prelude::*;
/// let options = Fit::new().epochs(50).batch_size(64);
/// ```
#[derive(Clone, Debug)]
pub struct Fit {
    epochs: usize,
    batch_size: usize,
    verbose: u8,
    shuffle: bool,
    validation_data: Option<(Tensor, Tensor)>,
    validation_split: f64,
}

impl Default for Fit {
    fn default() -> Self {
        Self::new()
    }
}

impl Fit {
    /// One epoch, batches of 32, shuffled, with a progress bar, without validation.
    pub fn new() -> Self {
        Self { epochs: 1, batch_size: 32, verbose: 1, shuffle: true, validation_data: None, validation_split: 0.0 }
    }

    /// How often every row is seen.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Rows of a step.
    pub fn batch_size(mut self, rows: usize) -> Self {
        self.batch_size = rows;
        self
    }

    /// 0 silent, 1 a bar (on a terminal; a line an epoch elsewhere), 2 a line an epoch. All of it goes to stderr.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }

    /// Whether each epoch sees the rows in a new order.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Evaluates on these after each epoch; the history gets `val_` values.
    pub fn validation_data(mut self, x: &Tensor, y: &Tensor) -> Self {
        self.validation_data = Some((x.clone(), y.clone()));
        self
    }

    /// Keeps this share of the rows, the last ones, for validation. `validation_data` goes first.
    pub fn validation_split(mut self, share: f64) -> Self {
        self.validation_split = share;
        self
    }
}

impl Sequential {
    /// Trains. The weights, the optimizer's state and the count of epochs go on from where they are.
    ///
    /// `x` has one sample a row (bytes or floats; axes after the first are flattened); `y` is what the loss compares
    /// with. An earlier error leaves the model as it was; a loss that is not finite stops before the step that it
    /// belongs to.
    ///
    /// # Errors
    /// When the model is not compiled, the data do not fit the model or the loss, or the loss stops being finite.
    pub fn fit(&mut self, x: &Tensor, y: &Tensor, options: Fit) -> Result<History> {
        let out: Box<dyn Write> = Box::new(std::io::stderr());
        self.fit_with_output(x, y, options, out, Terminal::of_stderr())
    }

    /// [`Sequential::fit`] with its progress written elsewhere.
    ///
    /// # Errors
    /// As [`Sequential::fit`].
    pub fn fit_with_output(
        &mut self,
        x: &Tensor,
        y: &Tensor,
        options: Fit,
        out: Box<dyn Write>,
        terminal: Terminal,
    ) -> Result<History> {
        let Fit { epochs, batch_size, verbose, shuffle, ref validation_data, validation_split } = options;
        if batch_size == 0 {
            return Err(Error::data("fit", "batch_size = 0, expected at least 1 row a step"));
        }
        if self.built.is_none() {
            self.build(x.shape().get(1..).filter(|shape| !shape.is_empty()).unwrap_or(&[1]))?;
        }
        let (x, y, validation) = match validation_data {
            Some((val_x, val_y)) => (x.clone(), y.clone(), Some((val_x.clone(), val_y.clone()))),
            None if validation_split != 0.0 => split(x, y, validation_split)?,
            None => (x.clone(), y.clone(), None),
        };
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = self.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let train = Prepared::new("fit", &x, &y, &built.network, &*compiled.loss)?;
        let validation = match validation {
            Some((x, y)) => Some(Prepared::new("validation_data", &x, &y, &built.network, &*compiled.loss)?),
            None => None,
        };
        let batch_size = batch_size.min(train.rows);
        let mut plan = compiled.training_plan(built, batch_size, self.seed, Passes::ALL);
        let mut evaluation = compiled.evaluation_plan(built, batch_size);
        let kernels = self.runtime()?.kernels(built.network.threads(batch_size, self.runtime()?.threads()));
        let mut meter = Meter::new(self)?;
        self.attach_optimizer();

        let steps = train.rows.div_ceil(batch_size);
        let mut history = History { epochs, steps, verbose, ..History::default() };
        let start = Instant::now();
        let mut report = Report::new(out, terminal, verbose, steps);
        let mut order: Vec<usize> = (0..train.rows).collect();
        for epoch in 0..epochs {
            if shuffle {
                order = self.shuffled(train.rows);
            }
            report.epoch(epoch, epochs, start.elapsed());
            meter.reset();
            let params = &mut self.built.as_mut().ok_or(NOT_BUILT)?.params;
            let epoch_start = Instant::now();
            for (step, rows) in order.chunks(batch_size).enumerate() {
                let next = order.get((step + 1) * batch_size..).unwrap_or_default();
                let next = &next[..batch_size.min(next.len())];
                let batch = Batch { x: train.source(), y: Some(&train.y), rows, next };
                plan.run(&kernels, params, batch).map_err(|error| Error::Diverged {
                    loss: error.0,
                    epoch: epoch + 1,
                    batch: step + 1,
                })?;
                meter.observe(&plan);
                report.step(step + 1, &meter, start);
            }
            history.epoch_seconds.push(epoch_start.elapsed().as_secs_f64());
            let mut logs = meter.logs();
            if let Some(validation) = &validation {
                meter.reset();
                run_frozen(&mut evaluation, &kernels, params, validation, batch_size, |plan| meter.observe(plan));
                logs.extend(meter.logs().into_iter().map(|(key, value)| (format!("val_{key}"), value)));
            }
            logs.sort_by(|(a, _), (b, _)| a.cmp(b));
            self.epochs_done += 1;
            history.push(epoch, &logs);
            report.end(&logs, start.elapsed());
        }
        Ok(history)
    }

    /// The loss and the metrics on these rows, without training: `loss` first, then the metrics as compiled.
    ///
    /// # Errors
    /// When the model is not compiled or the data do not fit the model or the loss.
    pub fn evaluate(&self, x: &Tensor, y: &Tensor) -> Result<Logs> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = self.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let data = Prepared::new("evaluate", x, y, &built.network, &*compiled.loss)?;
        let batch_size = INFERENCE_ROWS.min(data.rows);
        let mut plan = compiled.evaluation_plan(built, batch_size);
        let kernels = self.runtime()?.kernels(built.network.threads(batch_size, self.runtime()?.threads()));
        let mut meter = Meter::new(self)?;
        run_frozen(&mut plan, &kernels, &built.params, &data, batch_size, |plan| meter.observe(plan));
        Ok(Logs(meter.logs()))
    }

    /// The outputs for these rows, shape `(rows, outputs)`. A row's outputs are the same bits alone or among others.
    ///
    /// # Errors
    /// When the model is not built or the data do not fit it.
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let x = data::inputs("predict", x, &built.network)?;
        let source = x.source().expect("inputs are bytes or floats");
        let batch_size = INFERENCE_ROWS.min(x.rows());
        let mut plan = Plan::predict(&built.network, batch_size, Passes::ALL);
        let kernels = self.runtime()?.kernels(built.network.threads(batch_size, self.runtime()?.threads()));
        let outputs = built.network.outputs();
        let mut predictions = Vec::with_capacity(x.rows() * outputs);
        let rows: Vec<usize> = (0..x.rows()).collect();
        for rows in rows.chunks(batch_size) {
            plan.run_frozen(&kernels, &built.params, Batch { x: source, y: None, rows, next: &[] });
            predictions.extend(plan.outputs().to_row_major());
        }
        let shape = [&[x.rows()], built.shapes.last().unwrap_or(&built.input_shape).as_slice()].concat();
        Tensor::new(predictions, shape)
    }

    /// Gives the variables the optimizer's slots, once.
    pub(crate) fn attach_optimizer(&mut self) {
        if let (Some(built), Some(compiled)) = (&mut self.built, &mut self.compiled)
            && !compiled.attached
        {
            built.params.attach(&*compiled.optimizer);
            compiled.attached = true;
        }
    }
}

/// Rows of a step of evaluation and prediction: enough to use every core, little enough to stay in the caches.
const INFERENCE_ROWS: usize = 256;

fn run_frozen(
    plan: &mut Plan,
    kernels: &vanilla_plan::kernels::Kernels,
    params: &vanilla_plan::Params,
    data: &Prepared,
    batch_size: usize,
    mut observe: impl FnMut(&Plan),
) {
    let rows: Vec<usize> = (0..data.rows).collect();
    for rows in rows.chunks(batch_size) {
        plan.run_frozen(kernels, params, Batch { x: data.source(), y: Some(&data.y), rows, next: &[] });
        observe(plan);
    }
}

type Split = (Tensor, Tensor, Option<(Tensor, Tensor)>);

/// Keras's `validation_split`: the last rows, before any shuffling.
fn split(x: &Tensor, y: &Tensor, share: f64) -> Result<Split> {
    let rows = x.rows();
    let at = (rows as f64 * (1.0 - share)).floor() as usize;
    if !(0.0..1.0).contains(&share) || at == 0 || at >= rows {
        let problem =
            format!("validation_split = {share} of {rows} rows leaves none to train or none to validate");
        return Err(Error::data("fit", problem));
    }
    data::same_rows("fit", x, y)?;
    let validation = (x.slice(at..rows)?, y.slice(at..rows)?);
    Ok((x.slice(0..at)?, y.slice(0..at)?, Some(validation)))
}

/// Running means of the loss and the metrics: every row counts the same, also in a short last batch.
struct Meter {
    keys: Vec<String>,
    metrics: Vec<Arc<dyn Metric>>,
    /// The loss, then each metric.
    sums: Vec<f64>,
    rows: usize,
    target: Vec<f32>,
    output: Vec<f32>,
}

impl Meter {
    fn new(model: &Sequential) -> Result<Self> {
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

    fn reset(&mut self) {
        self.sums.fill(0.0);
        self.rows = 0;
    }

    fn observe(&mut self, plan: &Plan) {
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

    fn logs(&self) -> Vec<(String, f64)> {
        let rows = self.rows.max(1) as f64;
        self.keys.iter().cloned().zip(self.sums.iter().map(|sum| sum / rows)).collect()
    }
}

/// What progress is written to.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// Whether lines may be redrawn.
    pub redraw: bool,
    /// Whether colours may be used.
    pub color: bool,
    /// Width in characters; 0 if nobody knows.
    pub columns: usize,
}

impl Terminal {
    /// A file or a pipe: one plain line an epoch.
    pub const PLAIN: Self = Self { redraw: false, color: false, columns: 0 };

    /// What stderr is. `NO_COLOR` is honoured.
    pub fn of_stderr() -> Self {
        Self::of(std::io::stderr().is_terminal(), terminal_size::terminal_size_of(std::io::stderr()))
    }

    /// What stdout is. `NO_COLOR` is honoured.
    pub fn of_stdout() -> Self {
        Self::of(std::io::stdout().is_terminal(), terminal_size::terminal_size_of(std::io::stdout()))
    }

    fn of(redraw: bool, size: Option<(terminal_size::Width, terminal_size::Height)>) -> Self {
        let color = redraw && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { redraw, color, columns: size.map_or(0, |(width, _)| usize::from(width.0)) }
    }
}

/// The progress of `fit`. What cannot be written (a closed pipe) does not stop the training.
struct Report {
    bar: Option<Progbar<Box<dyn Write>>>,
    redraw: bool,
    shown: Instant,
}

impl Report {
    fn new(out: Box<dyn Write>, terminal: Terminal, verbose: u8, steps: usize) -> Self {
        let style = if terminal.redraw { Style::Terminal } else { Style::Lines };
        let bar = (verbose > 0).then(|| {
            let mut bar = Progbar::new(out, Some(steps), verbose, style, terminal.color);
            bar.columns(terminal.columns);
            bar
        });
        Self { bar, redraw: terminal.redraw, shown: Instant::now() }
    }

    fn epoch(&mut self, epoch: usize, epochs: usize, now: std::time::Duration) {
        if let Some(bar) = &mut self.bar {
            if let Some(header) = epoch_header(epoch + 1, epochs) {
                // Where nothing is redrawn, an epoch is one line.
                let end = if self.redraw { '\n'.to_string() } else { " - ".to_owned() };
                let _ = bar.text(&(header + &end));
            }
            bar.start(now);
        }
    }

    /// The bar looks at most twenty times a second; asking the clock is all that the other steps cost.
    fn step(&mut self, step: usize, meter: &Meter, start: Instant) {
        if let Some(bar) = &mut self.bar
            && (step == 1 || self.shown.elapsed().as_millis() >= 50)
        {
            self.shown = Instant::now();
            let mut logs = meter.logs();
            logs.sort_by(|(a, _), (b, _)| a.cmp(b));
            let _ = bar.update(step, &logs, start.elapsed());
        }
    }

    fn end(&mut self, logs: &[(String, f64)], now: std::time::Duration) {
        if let Some(bar) = &mut self.bar {
            let _ = bar.finish(logs, now);
        }
    }
}
