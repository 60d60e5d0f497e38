//! Training, evaluation and prediction: the page that everyone reads.

use crate::arrays::Arrays;
use crate::data::{self, Prepared, Weights};
use crate::error::{Error, Result};
use crate::feed::{Feed, Table};
use crate::history::{History, Logs};
use crate::inference::{Evaluate, Predict};
use crate::memory::refuse_too_much;
use crate::meter::Meter;
use crate::model::{Model, NOT_BUILT, NOT_COMPILED};
use crate::options::{Fit, ValidationFreq};
use crate::report::{Report, Terminal, Work};
use crate::run::{Recovery, Run};
use crate::tensor::Tensor;
use std::io::Write;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Params, Passes, Plan};

impl Model {
    /// Trains. The weights, the optimizer's state and the count of epochs go on from where they are.
    ///
    /// `x` has one sample a row (bytes, floats, or what a preprocessing layer reads); `y` is what the loss compares
    /// with; for several inputs or outputs they are lists: `[&a, &b]`. An earlier error leaves the model as it was; a
    /// loss that is not finite stops before the step that it belongs to.
    ///
    /// # Errors
    /// When the model is not compiled, the data do not fit the model or the loss, memory or disk do not suffice, a
    /// checkpoint is of another training, the loss stops being finite, or the training was asked to stop.
    pub fn fit(&mut self, x: impl Into<Arrays>, y: impl Into<Arrays>, options: Fit) -> Result<History> {
        let out: Box<dyn Write> = Box::new(std::io::stderr());
        self.fit_with_output(x, y, options, out, Terminal::of_stderr())
    }

    /// [`Model::fit`] with its progress written elsewhere.
    ///
    /// # Errors
    /// As [`Model::fit`].
    pub fn fit_with_output(
        &mut self,
        x: impl Into<Arrays>,
        y: impl Into<Arrays>,
        options: Fit,
        out: Box<dyn Write>,
        terminal: Terminal,
    ) -> Result<History> {
        let (train, validation) = self.prepare(x.into(), y.into(), &options)?;
        let (batch_size, steps) = (options.batch_rows(train.rows), options.steps(train.rows));
        let need = self.memory_need(&options, train.rows)?;
        refuse_too_much("fit", need.to_come(), &format!("{need}; use a smaller batch_size or a smaller model"))?;

        let samples = options.steps_per_epoch.is_none().then_some(train.rows);
        let work = Work { steps: Some(steps), samples };
        let report = Report::new(out, terminal, options.verbose, options.flavor, work);
        // What the machine says is asked before a folder is made.
        self.kernels(batch_size, true)?;
        let mut meter = Meter::new(self)?;
        self.attach_optimizer();
        let data = Some((&train, validation.as_ref()));
        let run = Run::begin(self, &mut meter, &options, Some(steps), data, report)?;
        let mut table = Table::new(self, &run, &options, &train);
        let validator = match validation {
            Some(data) => Some(Validator::new(self, data, &options, train.rows)?),
            None => None,
        };
        self.train(run, meter, &mut table, batch_size, validator)
    }

    /// The epochs of a training, whose batches come from `feed` and have usually at most this many rows.
    pub(crate) fn train(
        &mut self,
        mut run: Run,
        mut meter: Meter,
        feed: &mut impl Feed,
        mut most: usize,
        mut validator: Option<Validator>,
    ) -> Result<History> {
        let mut kernels = self.kernels(most, true)?;
        let mut plan = self.training_plan(most)?;
        let watches_batches = run.watches_batches();
        run.tell(self, |callback, training| callback.on_train_begin(training))?;
        'epochs: while run.goes_on() {
            let epoch = run.state.epoch;
            run.epoch_begins(self, &mut meter)?;
            let mut begun = Logs::default();
            run.tell(self, |callback, training| callback.on_epoch_begin(epoch, &mut begun, training))?;
            self.renew(&mut plan, &mut run)?;
            while !run.control.stop && feed.turn_to(self, epoch, run.state.batch)? {
                let number = run.state.batch;
                if watches_batches {
                    run.tell(self, |callback, training| callback.on_train_batch_begin(number, training))?;
                }
                let rows = feed.with(|_, batch| batch.rows.len());
                if rows > most {
                    (most, kernels, plan) = (rows, self.kernels(rows, true)?, self.training_plan(rows)?);
                }
                plan.number_samples_from(feed.first_sample());
                let params = self.params_mut()?;
                let done = feed.with(|data, batch| {
                    plan.run(&kernels, params, batch)?;
                    meter.observe(&plan, batch.rows, data);
                    Ok(())
                });
                // No weight has moved.
                if let Err(trouble) = done {
                    match feed.with(|data, batch| run.trouble(self, &mut meter, trouble, data, batch.rows))? {
                        Recovery::Skipped => {}
                        Recovery::RolledBack => {
                            plan = self.training_plan(most)?;
                            continue 'epochs;
                        }
                    }
                }
                if watches_batches {
                    let logs = Logs(meter.logs()).rounded();
                    run.tell(self, |callback, training| callback.on_train_batch_end(number, &logs, training))?;
                    self.renew(&mut plan, &mut run)?;
                }
                run.batch_done(self, &meter)?;
            }
            run.batches_done();
            let mut logs = Logs(meter.logs());
            if let Some(validator) = validator.as_mut().filter(|validator| validator.freq.is_due(epoch)) {
                run.tell(self, |callback, training| callback.on_test_begin(training))?;
                logs.0.extend(validator.logs(self, &kernels, &mut meter)?);
                run.tell(self, |callback, training| callback.on_test_end(training))?;
            }
            logs.0.extend(begun.0);
            logs = logs.rounded();
            if run.wants_gradients(epoch) {
                run.control.gradients =
                    feed.with(|_, batch| self.gradients(&kernels, batch, feed.first_sample()))?;
            }
            run.tell(self, |callback, training| callback.on_epoch_end(epoch, &mut logs, training))?;
            run.control.gradients.clear();
            self.renew(&mut plan, &mut run)?;
            run.epoch_done(self, &mut meter, logs.0)?;
        }
        if !run.was_finished() {
            self.finalize_weights(run.control.averaged)?;
            run.tell(self, |callback, training| callback.on_train_end(training))?;
        }
        run.finish(self, &meter)
    }

    /// The plan goes on with the optimizer that a callback has set.
    fn renew(&self, plan: &mut Plan, run: &mut Run) -> Result<()> {
        if std::mem::take(&mut run.control.changed) {
            plan.set_optimizer(self.optimizer()?);
        }
        Ok(())
    }

    /// The loss and the metrics on these rows, without training: `loss` first, then those of the outputs where there
    /// are several, then the metrics as compiled.
    ///
    /// # Errors
    /// When the model is not compiled or the data do not fit the model or the loss.
    pub fn evaluate(&self, x: impl Into<Arrays>, y: impl Into<Arrays>) -> Result<Logs> {
        self.evaluate_with(x, y, Evaluate::default())
    }

    /// [`Model::evaluate`] with what each sample counts, on some of the rows, or with a progress bar on stderr.
    ///
    /// # Errors
    /// As [`Model::evaluate`].
    pub fn evaluate_with(&self, x: impl Into<Arrays>, y: impl Into<Arrays>, options: Evaluate) -> Result<Logs> {
        let out: Box<dyn Write> = Box::new(std::io::stderr());
        self.evaluate_with_output(x, y, options, out, Terminal::of_stderr())
    }

    /// [`Model::evaluate_with`] with its progress written elsewhere.
    ///
    /// # Errors
    /// As [`Model::evaluate`].
    pub fn evaluate_with_output(
        &self,
        x: impl Into<Arrays>,
        y: impl Into<Arrays>,
        options: Evaluate,
        out: Box<dyn Write>,
        terminal: Terminal,
    ) -> Result<Logs> {
        let how = &options.how;
        how.check("evaluate")?;
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = self.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let weights = Weights { sample: options.sample_weight.as_ref(), class: None };
        let data = Prepared::new("evaluate", built, compiled, &x.into(), &y.into(), weights)?;
        // Only the losses of several outputs, which Keras averages over batches, depend on it.
        let batch_size = how.rows_of_a_step(self.graph.outputs.len() > 1).min(data.rows);
        let mut plan = self.evaluation_plan(batch_size)?;
        let kernels = self.kernels(batch_size, false)?;
        let mut meter = Meter::new(self)?;
        let mut report = how.report(out, terminal, batch_size, data.rows);
        let mut step = 0;
        run_frozen(&mut plan, &kernels, &built.params, &data, (batch_size, how.steps), |plan, rows| {
            meter.observe(plan, rows, &data);
            step += 1;
            report.step(step, meter.rows(), || meter.logs());
        });
        report.end(&meter.logs());
        Ok(Logs(meter.logs()))
    }

    /// The outputs for these rows, shape `(rows, ..)`; of several outputs the first. A row's outputs are the same bits
    /// alone or among others.
    ///
    /// # Errors
    /// When the model is not built or the data do not fit it.
    pub fn predict(&self, x: impl Into<Arrays>) -> Result<Tensor> {
        let outputs = self.predict_all(x)?;
        outputs.into_iter().next().ok_or_else(|| Error::data("predict", "the model has no output"))
    }

    /// As [`Model::predict`], every output.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict_all(&self, x: impl Into<Arrays>) -> Result<Vec<Tensor>> {
        self.predict_with(x, Predict::default())
    }

    /// As [`Model::predict_all`], for some of the rows, or with a progress bar on stderr.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict_with(&self, x: impl Into<Arrays>, options: Predict) -> Result<Vec<Tensor>> {
        let out: Box<dyn Write> = Box::new(std::io::stderr());
        self.predict_with_output(x, options, out, Terminal::of_stderr())
    }

    /// [`Model::predict_with`] with its progress written elsewhere.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict_with_output(
        &self,
        x: impl Into<Arrays>,
        options: Predict,
        out: Box<dyn Write>,
        terminal: Terminal,
    ) -> Result<Vec<Tensor>> {
        let how = &options.how;
        how.check("predict")?;
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let data = Prepared::inputs("predict", built, &x.into())?;
        let batch_size = how.rows_of_a_step(false).min(data.rows);
        let mut plan = Plan::predict(&built.network, batch_size, Passes::ALL);
        let kernels = self.kernels(batch_size, false)?;
        let mut predictions: Vec<Vec<f32>> = built.output_shapes.iter().map(|_| Vec::new()).collect();
        let mut report = how.report(out, terminal, batch_size, data.rows);
        let (mut step, mut done) = (0, 0);
        run_frozen(&mut plan, &kernels, &built.params, &data, (batch_size, how.steps), |plan, rows| {
            for (number, predictions) in predictions.iter_mut().enumerate() {
                predictions.extend(plan.output(number).to_row_major());
            }
            (step, done) = (step + 1, done + rows.len());
            report.step(step, done, Vec::new);
        });
        report.end(&[]);
        let pairs = predictions.into_iter().zip(&built.output_shapes);
        pairs.map(|(values, shape)| Tensor::new(values, [&[done], &shape[..]].concat())).collect()
    }

    /// Builds the model where it is not, and checks everything that training and validation will read.
    fn prepare(&mut self, x: Arrays, y: Arrays, options: &Fit) -> Result<(Prepared, Option<Prepared>)> {
        for (key, value, what) in [
            ("batch_size", options.batch_size, "1 row a step"),
            ("steps_per_epoch", options.steps_per_epoch, "1 step an epoch"),
            ("validation_batch_size", options.validation_batch_size, "1 row a step"),
            ("validation_steps", options.validation_steps, "1 step"),
        ] {
            if value == Some(0) {
                return Err(Error::data("fit", format!("{key} = 0, expected at least {what}")));
            }
        }
        let never = match &options.validation_freq {
            ValidationFreq::Every(n) => *n == 0,
            ValidationFreq::After(epochs) => epochs.contains(&0),
        };
        if never {
            return Err(Error::data("fit", "validation_freq = 0, expected at least 1: epochs are counted from 1"));
        }
        self.build_for(&x)?;
        let split;
        let (x, y, sample_weight, validation) = match &options.validation_data {
            Some((vx, vy, vw)) => {
                (&x, &y, options.sample_weight.clone(), Some((vx.clone(), vy.clone(), vw.clone())))
            }
            None if options.validation_split != 0.0 => {
                split = data::split(x, y, options.sample_weight.clone(), options.validation_split)?;
                let [(vx, vy, vw), (tx, ty, tw)] = &split;
                (tx, ty, tw.clone(), Some((vx.clone(), vy.clone(), vw.clone())))
            }
            None => (&x, &y, options.sample_weight.clone(), None),
        };
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = self.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let weights = Weights { sample: sample_weight.as_ref(), class: options.class_weight.as_ref() };
        let train = Prepared::new("fit", built, compiled, x, y, weights)?;
        let validation = validation.map(|(x, y, w)| {
            let weights = Weights { sample: w.as_ref(), class: None };
            Prepared::new("validation_data", built, compiled, &x, &y, weights)
        });
        Ok((train, validation.transpose()?))
    }

    /// Builds the model by the shapes of its first data.
    pub(crate) fn build_for(&mut self, x: &Arrays) -> Result<()> {
        if self.built.is_some() {
            return Ok(());
        }
        let shape = |x: &Tensor| x.shape().get(1..).filter(|shape| !shape.is_empty()).unwrap_or(&[1]).to_vec();
        self.build_all(&x.0.iter().map(shape).collect::<Vec<_>>())
    }

    /// Gives the variables the optimizer's slots, once.
    pub(crate) fn attach_optimizer(&mut self) {
        if let (Some(built), Some(compiled)) = (&mut self.built, &mut self.compiled)
            && !compiled.attached
        {
            built.params.attach(&compiled.optimizer.bind(&built.variables));
            compiled.attached = true;
        }
    }
}

/// Hands each batch, once it is computed, to `observe`; at most `steps` of them.
fn run_frozen(
    plan: &mut Plan,
    kernels: &Kernels,
    params: &Params,
    data: &Prepared,
    (batch_size, steps): (usize, Option<usize>),
    mut observe: impl FnMut(&Plan, &[usize]),
) {
    let view = data.view();
    let rows: Vec<usize> = (0..data.rows).collect();
    for rows in rows.chunks(batch_size).take(steps.unwrap_or(usize::MAX)) {
        plan.run_frozen(kernels, params, view.batch(rows, &[]));
        observe(plan, rows);
    }
}

/// Evaluates between epochs.
pub(crate) struct Validator {
    data: Prepared,
    plan: Plan,
    batch_size: usize,
    steps: Option<usize>,
    /// After which epochs.
    pub freq: ValidationFreq,
}

impl Validator {
    pub fn new(model: &Model, data: Prepared, options: &Fit, train_rows: usize) -> Result<Self> {
        let batch_size = options.validation_rows(train_rows, data.rows).max(1);
        let (steps, freq) = (options.validation_steps, options.validation_freq.clone());
        Ok(Self { plan: model.evaluation_plan(batch_size)?, data, batch_size, steps, freq })
    }

    /// What `evaluate` would say, with `val_` before the names. The meter begins anew.
    pub fn logs(&mut self, model: &Model, kernels: &Kernels, meter: &mut Meter) -> Result<Vec<(String, f64)>> {
        meter.reset();
        let params = &model.built.as_ref().ok_or(NOT_BUILT)?.params;
        let Self { data, plan, batch_size, steps, .. } = self;
        run_frozen(plan, kernels, params, data, (*batch_size, *steps), |plan, rows| {
            meter.observe(plan, rows, data);
        });
        Ok(meter.logs().into_iter().map(|(key, value)| (format!("val_{key}"), value)).collect())
    }
}
