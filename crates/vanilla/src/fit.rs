//! Training, evaluation and prediction: the page that everyone reads.

use crate::arrays::Arrays;
use crate::data::{self, Prepared, Weights};
use crate::error::{Error, Result};
use crate::history::{History, Logs};
use crate::memory::refuse_too_much;
use crate::meter::Meter;
use crate::model::{Model, NOT_BUILT, NOT_COMPILED};
use crate::options::Fit;
use crate::report::{Report, Terminal};
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

        let report = Report::new(out, terminal, options.verbose, steps);
        let kernels = self.kernels(batch_size, true)?;
        let mut meter = Meter::new(self)?;
        self.attach_optimizer();
        let mut run = Run::begin(self, &mut meter, &options, &train, validation.as_ref(), report)?;
        let mut plan = self.training_plan(batch_size)?;
        let mut validator = validation.map(|data| Validator::new(self, data, &options, train.rows)).transpose()?;
        let mut order = Order::new(self, &run, &options, train.rows);
        let view = train.view();

        let watches_batches = run.watches_batches();
        run.tell(self, |callback, training| callback.on_train_begin(training))?;
        'epochs: while run.goes_on() {
            let epoch = run.state.epoch;
            run.epoch_begins(self, &mut meter)?;
            let mut begun = Logs::default();
            run.tell(self, |callback, training| callback.on_epoch_begin(epoch, &mut begun, training))?;
            self.renew(&mut plan, &mut run)?;
            for number in run.state.batch..steps {
                order.turn_to(self, epoch, number);
                let (rows, next) = order.batch(epoch, number);
                match plan.run(&kernels, self.params_mut()?, view.batch(rows, next)) {
                    Ok(_) => meter.observe(&plan, rows, |output| train.sample_weights(output)),
                    // No weight has moved.
                    Err(trouble) => match run.trouble(self, &mut meter, trouble, &train, rows)? {
                        Recovery::Skipped => {}
                        Recovery::RolledBack => {
                            plan = self.training_plan(batch_size)?;
                            continue 'epochs;
                        }
                    },
                }
                if watches_batches {
                    let logs = Logs(meter.logs());
                    run.tell(self, |callback, training| callback.on_train_batch_end(number, &logs, training))?;
                    self.renew(&mut plan, &mut run)?;
                }
                run.batch_done(self, &meter)?;
                if run.control.stop {
                    break;
                }
            }
            run.batches_done();
            let mut logs = Logs(meter.logs());
            if let Some(validator) = validator.as_mut().filter(|_| options.validation_freq.is_due(epoch)) {
                run.tell(self, |callback, training| callback.on_test_begin(training))?;
                logs.0.extend(validator.logs(self, &kernels, &mut meter)?);
                run.tell(self, |callback, training| callback.on_test_end(training))?;
            }
            logs.0.extend(begun.0);
            run.tell(self, |callback, training| callback.on_epoch_end(epoch, &mut logs, training))?;
            self.renew(&mut plan, &mut run)?;
            run.epoch_done(self, &mut meter, logs.0)?;
        }
        if !run.was_finished() {
            self.finalize_weights()?;
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

    /// [`Model::evaluate`] with what each sample counts, or on some of the rows.
    ///
    /// # Errors
    /// As [`Model::evaluate`].
    pub fn evaluate_with(&self, x: impl Into<Arrays>, y: impl Into<Arrays>, options: Evaluate) -> Result<Logs> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = self.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let weights = Weights { sample: options.sample_weight.as_ref(), class: None };
        let data = Prepared::new("evaluate", built, compiled, &x.into(), &y.into(), weights)?;
        // Only the losses of several outputs, which Keras averages over batches, depend on it.
        let usual = if self.graph.outputs.len() > 1 { 32 } else { INFERENCE_ROWS };
        let batch_size = options.batch_size.unwrap_or(usual).clamp(1, data.rows);
        let mut plan = self.evaluation_plan(batch_size)?;
        let kernels = self.kernels(batch_size, false)?;
        let mut meter = Meter::new(self)?;
        run_frozen(&mut plan, &kernels, &built.params, &data, (batch_size, options.steps), |plan, rows| {
            meter.observe(plan, rows, |output| data.sample_weights(output));
        });
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
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let data = Prepared::inputs("predict", built, &x.into())?;
        let batch_size = INFERENCE_ROWS.min(data.rows);
        let mut plan = Plan::predict(&built.network, batch_size, Passes::ALL);
        let kernels = self.kernels(batch_size, false)?;
        let mut predictions: Vec<Vec<f32>> = built.output_shapes.iter().map(|_| Vec::new()).collect();
        run_frozen(&mut plan, &kernels, &built.params, &data, (batch_size, None), |plan, _| {
            for (number, predictions) in predictions.iter_mut().enumerate() {
                predictions.extend(plan.output(number).to_row_major());
            }
        });
        let pairs = predictions.into_iter().zip(&built.output_shapes);
        pairs.map(|(values, shape)| Tensor::new(values, [&[data.rows], &shape[..]].concat())).collect()
    }

    /// Builds the model where it is not, and checks everything that training and validation will read.
    fn prepare(&mut self, x: Arrays, y: Arrays, options: &Fit) -> Result<(Prepared, Option<Prepared>)> {
        for (key, value, what) in [
            ("batch_size", options.batch_size, "1 row a step"),
            ("steps_per_epoch", options.steps_per_epoch, "1 step an epoch"),
            ("validation_batch_size", options.validation_batch_size, "1 row a step"),
        ] {
            if value == Some(0) {
                return Err(Error::data("fit", format!("{key} = 0, expected at least {what}")));
            }
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

/// Keras's arguments of `evaluate`.
#[derive(Clone, Debug, Default)]
pub struct Evaluate {
    sample_weight: Option<Arrays>,
    batch_size: Option<usize>,
    steps: Option<usize>,
}

impl Evaluate {
    /// All rows, each counts the same.
    pub fn new() -> Self {
        Self::default()
    }

    /// What each sample counts in the loss and in weighted metrics.
    pub fn sample_weight(mut self, weights: impl Into<Arrays>) -> Self {
        self.sample_weight = Some(weights.into());
        self
    }

    /// Rows of a step, 32 unless set. Results depend on it only where `steps` leaves rows out, and in the losses of one of
    /// several outputs, which are means over batches, as in Keras.
    pub fn batch_size(mut self, rows: usize) -> Self {
        self.batch_size = Some(rows);
        self
    }

    /// The first batches only.
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = Some(steps);
        self
    }
}

/// Rows of a step of evaluation and prediction: enough to use every core, little enough to stay in the caches.
const INFERENCE_ROWS: usize = 256;

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
}

impl Validator {
    pub fn new(model: &Model, data: Prepared, options: &Fit, train_rows: usize) -> Result<Self> {
        let batch_size = options.validation_rows(train_rows, data.rows).max(1);
        Ok(Self { plan: model.evaluation_plan(batch_size)?, data, batch_size, steps: options.validation_steps })
    }

    /// What `evaluate` would say, with `val_` before the names. The meter begins anew.
    pub fn logs(&mut self, model: &Model, kernels: &Kernels, meter: &mut Meter) -> Result<Vec<(String, f64)>> {
        meter.reset();
        let params = &model.built.as_ref().ok_or(NOT_BUILT)?.params;
        let Self { data, plan, batch_size, steps } = self;
        run_frozen(plan, kernels, params, data, (*batch_size, *steps), |plan, rows| {
            meter.observe(plan, rows, |output| data.sample_weights(output));
        });
        Ok(meter.logs().into_iter().map(|(key, value)| (format!("val_{key}"), value)).collect())
    }
}

/// The order of the rows. Where an epoch has as many steps as the data have batches, each has an order of its own; else
/// the batches of one order go on from epoch to epoch.
struct Order {
    rows: Vec<usize>,
    /// Which order this is: one for each time through the data.
    pass: Option<usize>,
    batch_size: usize,
    steps: usize,
    initial_epoch: usize,
    /// Epochs that the model had been trained for when this training began.
    before: u64,
    shuffle: bool,
    count: usize,
}

impl Order {
    fn new(model: &Model, run: &Run, options: &Fit, count: usize) -> Self {
        Self {
            rows: Vec::new(),
            pass: None,
            batch_size: options.batch_rows(count),
            steps: options.steps(count),
            initial_epoch: options.initial_epoch,
            before: model.epochs_done - (run.state.epoch - options.initial_epoch) as u64,
            shuffle: options.shuffle,
            count,
        }
    }

    /// Which time through the data a batch belongs to, and its place there.
    fn place(&self, epoch: usize, batch: usize) -> (usize, usize) {
        let number = (epoch - self.initial_epoch) * self.steps + batch;
        let batches = self.count.div_ceil(self.batch_size);
        (number / batches, number % batches)
    }

    fn turn_to(&mut self, model: &Model, epoch: usize, batch: usize) {
        let (pass, _) = self.place(epoch, batch);
        if self.pass != Some(pass) {
            self.rows = model.order(self.before + pass as u64, self.count, self.shuffle);
            self.pass = Some(pass);
        }
    }

    /// The rows of a batch, and those of the one after it, if it belongs to the same order.
    fn batch(&self, epoch: usize, batch: usize) -> (&[usize], &[usize]) {
        let start = self.place(epoch, batch).1 * self.batch_size;
        let middle = (start + self.batch_size).min(self.count);
        let end = (middle + self.batch_size).min(self.count);
        (&self.rows[start..middle], &self.rows[middle..end])
    }
}
