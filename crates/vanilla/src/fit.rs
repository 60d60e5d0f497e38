//! Training, evaluation and prediction: the page that everyone reads.

use crate::data::{self, Prepared};
use crate::error::{Error, Result};
use crate::history::{History, Logs};
use crate::memory::refuse_too_much;
use crate::meter::Meter;
use crate::model::{NOT_BUILT, NOT_COMPILED, Model};
use crate::options::Fit;
use crate::report::{Report, Terminal};
use crate::run::{Recovery, Run};
use crate::tensor::Tensor;
use std::io::Write;
use vanilla_plan::{Batch, Passes, Plan};

impl Model {
    /// Trains. The weights, the optimizer's state and the count of epochs go on from where they are.
    ///
    /// `x` has one sample a row (bytes or floats; axes after the first are flattened); `y` is what the loss compares
    /// with. An earlier error leaves the model as it was; a loss that is not finite stops before the step that it
    /// belongs to.
    ///
    /// # Errors
    /// When the model is not compiled, the data do not fit the model or the loss, memory or disk do not suffice, a
    /// checkpoint is of another training, the loss stops being finite, or the training was asked to stop.
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
        let (train, validation) = self.prepare(x, y, &options)?;
        let batch_size = options.batch_size.min(train.rows);
        let need = self.memory_need(&options, train.rows)?;
        refuse_too_much("fit", need.to_come(), &format!("{need}; use a smaller batch_size or a smaller model"))?;

        let report = Report::new(out, terminal, options.verbose, train.rows.div_ceil(batch_size));
        let kernels = self.kernels(batch_size, true)?;
        let mut meter = Meter::new(self)?;
        self.attach_optimizer();
        let mut run = Run::begin(self, &mut meter, &options, &train, validation.as_ref(), report)?;
        let mut plan = self.training_plan(batch_size)?;
        let mut evaluation = self.evaluation_plan(batch_size)?;

        'epochs: while run.state.epoch < options.epochs {
            run.epoch_begins(self, &mut meter)?;
            let order = self.order(train.rows, options.shuffle);
            let batches = order.chunks(batch_size);
            for (number, rows) in batches.clone().enumerate().skip(run.state.batch) {
                let next = batches.clone().nth(number + 1).unwrap_or_default();
                let batch = Batch { x: train.source(), y: Some(&train.y), rows, next };
                match plan.run(&kernels, self.params_mut()?, batch) {
                    Ok(_) => meter.observe(&plan),
                    // No weight has moved.
                    Err(trouble) => match run.trouble(self, &mut meter, trouble, &train, rows)? {
                        Recovery::Skipped => {}
                        Recovery::RolledBack => {
                            plan = self.training_plan(batch_size)?;
                            continue 'epochs;
                        }
                    },
                }
                run.batch_done(self, &meter)?;
            }
            run.batches_done();
            let mut logs = meter.logs();
            if let Some(validation) = &validation {
                meter.reset();
                let params = self.params_mut()?;
                run_frozen(&mut evaluation, &kernels, params, validation, batch_size, |plan| meter.observe(plan));
                logs.extend(meter.logs().into_iter().map(|(key, value)| (format!("val_{key}"), value)));
            }
            run.epoch_done(self, &mut meter, logs)?;
        }
        run.finish(self, &meter)
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
        let mut plan = self.evaluation_plan(batch_size)?;
        let kernels = self.kernels(batch_size, false)?;
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
        let kernels = self.kernels(batch_size, false)?;
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

    /// Builds the model where it is not, and checks everything that training and validation will read.
    fn prepare(&mut self, x: &Tensor, y: &Tensor, options: &Fit) -> Result<(Prepared, Option<Prepared>)> {
        if options.batch_size == 0 {
            return Err(Error::data("fit", "batch_size = 0, expected at least 1 row a step"));
        }
        if self.built.is_none() {
            self.build(x.shape().get(1..).filter(|shape| !shape.is_empty()).unwrap_or(&[1]))?;
        }
        let (x, y, validation) = match &options.validation_data {
            Some(data) => (x.clone(), y.clone(), Some(data.clone())),
            None if options.validation_split != 0.0 => split(x, y, options.validation_split)?,
            None => (x.clone(), y.clone(), None),
        };
        let network = &self.built.as_ref().ok_or(NOT_BUILT)?.network;
        let loss = &*self.compiled.as_ref().ok_or(NOT_COMPILED)?.loss;
        let prepared = |(x, y)| Prepared::new("validation_data", &x, &y, network, loss);
        Ok((Prepared::new("fit", &x, &y, network, loss)?, validation.map(prepared).transpose()?))
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
