//! [`Run`]: a training under way. Where it stands, when that is saved, and what happens when it cannot go on.

use crate::build::BuiltVariable;
use crate::callbacks::{Callback, Callbacks, Control, Training};
use crate::data::Prepared;
use crate::error::{Error, Result};
use crate::history::History;
use crate::identity::{Identity, LEARNING_RATE, state_sha256};
use crate::keeper::{Found, Keeper};
use crate::losses::Targets;
use crate::meter::Meter;
use crate::model::{Model, NOT_BUILT, NOT_COMPILED};
use crate::optimizers;
use crate::options::{Boundary, Fit, MAX_ROLLBACKS, OnNan, StopWhen};
use crate::report::Report;
use crate::run_state::RunState;
use crate::snapshot::{self, Snapshot};
use std::time::Instant;
use vanilla_plan::NotFinite;

/// Among the states of callbacks: one of them has ended the training.
const STOPPED: &str = "training stopped";

/// Among the states of callbacks: the weights are their moving average, which has their place.
const AVERAGED: &str = "weights are averages";

/// What became of a batch whose loss was not finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// It does not count.
    Skipped,
    /// The model is where the epoch began, with half the learning rate.
    RolledBack,
}

/// A training under way.
pub(crate) struct Run {
    pub state: RunState,
    report: Report,
    epochs: usize,
    /// Batches of an epoch; 0 while nobody knows.
    steps: usize,
    verbose: u8,
    on_nan: OnNan,
    stop_when: Option<StopWhen>,
    callbacks: Callbacks,
    pub control: Control,
    keeper: Option<Keeper>,
    /// Where a rollback leads.
    epoch_start: Option<Snapshot>,
    /// Whether it began with a checkpoint.
    resumed: bool,
    was_finished: bool,
    /// Since when the state's seconds do not count.
    clock: Instant,
    epoch_clock: Instant,
}

impl Run {
    /// From the beginning, or from the newest checkpoint. `steps` are the batches of an epoch, if they are known;
    /// `data` are those of training and validation, without which nothing is kept.
    ///
    /// # Errors
    /// When a checkpoint cannot be kept, or the one that is there is of another training.
    pub fn begin(
        model: &mut Model,
        meter: &mut Meter,
        options: &Fit,
        steps: Option<usize>,
        data: Option<(&Prepared, Option<&Prepared>)>,
        report: Report,
    ) -> Result<Self> {
        let now = Instant::now();
        let mut run = Self {
            state: RunState { epoch: options.initial_epoch, ..RunState::default() },
            report,
            epochs: options.epochs,
            steps: steps.unwrap_or(0),
            verbose: options.verbose,
            on_nan: options.on_nan,
            stop_when: options.stop_when.clone(),
            callbacks: options.callbacks.clone(),
            control: Control::default(),
            keeper: None,
            epoch_start: None,
            resumed: false,
            was_finished: false,
            clock: now,
            epoch_clock: now,
        };
        if let (Some(checkpoints), Some((train, validation))) = (&options.checkpoints, data) {
            let identity = Identity::of(model, options, train, validation)?;
            let bytes = model.memory_need(options, train.rows)?.checkpoint();
            let (mut keeper, found) = Keeper::open(checkpoints, identity, bytes, &mut run.report)?;
            if let Some(found) = found {
                run.restore(model, meter, &mut keeper, found, checkpoints.accept_changes)?;
            }
            run.keeper = Some(keeper);
        }
        if let Some((train, validation)) = data {
            run.report.training(train.rows, validation.map(|data| data.rows));
        }
        Ok(run)
    }

    /// Lets every callback do something.
    pub fn tell(
        &mut self,
        model: &mut Model,
        mut call: impl FnMut(&mut dyn Callback, &mut Training<'_>) -> Result<()>,
    ) -> Result<()> {
        if self.callbacks.0.is_empty() {
            return Ok(());
        }
        let (epochs, steps, resumed) = (self.epochs, self.steps, self.resumed);
        let mut training = Training { model, control: &mut self.control, epochs, steps, resumed };
        self.callbacks.each(|callback| call(callback, &mut training))?;
        for line in std::mem::take(&mut self.control.lines) {
            self.report.note(&line);
        }
        Ok(())
    }

    /// Whether a callback wants to know of every batch.
    pub fn watches_batches(&self) -> bool {
        self.callbacks.want_batches()
    }

    /// Whether a callback wants the gradients at the end of this epoch.
    pub fn wants_gradients(&self, epoch: usize) -> bool {
        self.callbacks.want_gradients(epoch)
    }

    /// Whether it had been finished before it was taken up again.
    pub fn was_finished(&self) -> bool {
        self.was_finished
    }

    /// Whether there is an epoch to work on.
    pub fn goes_on(&self) -> bool {
        self.state.epoch < self.epochs && self.state.callbacks.get(STOPPED) != Some(&true.into())
    }

    /// To be called before the first batch of an epoch that is worked on, begun before an interruption or not.
    pub fn epoch_begins(&mut self, model: &Model, meter: &mut Meter) -> Result<()> {
        if self.state.batch == 0 {
            meter.reset();
            // Also before the very first batch: the data may have taken their time.
            self.stop_if_asked(model, meter)?;
            if self.on_nan == OnNan::Rollback {
                let params = model.built.as_ref().ok_or(NOT_BUILT)?.params.clone();
                self.epoch_start = Some(Snapshot { state: self.state_now(model, meter)?, params });
            }
        }
        self.report.epoch(self.state.epoch, self.epochs);
        self.epoch_clock = Instant::now();
        Ok(())
    }

    /// To be called after each batch.
    pub fn batch_done(&mut self, model: &Model, meter: &Meter) -> Result<()> {
        self.state.batch += 1;
        self.state.worked += 1;
        self.report.step(self.state.batch, meter.rows(), || meter.logs());
        self.stop_if_asked(model, meter)?;
        let due = self.keeper.as_mut().is_some_and(|keeper| keeper.is_due(&mut self.report));
        if due { self.save(model, meter, false) } else { Ok(()) }
    }

    /// To be called after the last batch of an epoch and before its validation, whose time does not count.
    pub fn batches_done(&mut self) {
        // An epoch that was ended early says nothing about the others.
        if self.steps == 0 && !self.control.stop {
            self.steps = self.state.batch;
        }
        self.state.epoch_seconds += self.epoch_clock.elapsed().as_secs_f64();
    }

    /// To be called after the validation.
    pub fn epoch_done(
        &mut self,
        model: &mut Model,
        meter: &mut Meter,
        mut logs: Vec<(String, f64)>,
    ) -> Result<()> {
        let told = logs.clone();
        logs.sort_by(|(a, _), (b, _)| a.cmp(b));
        let state = &mut self.state;
        state.history.push(state.epoch, &logs);
        state.history.epoch_seconds.push(state.epoch_seconds);
        (state.epoch, state.batch, state.epoch_seconds) = (state.epoch + 1, 0, 0.0);
        model.epochs_done += 1;
        self.epoch_start = None;
        meter.reset();
        self.report.end(&told);
        if std::mem::take(&mut self.control.stop) {
            self.state.callbacks.insert(STOPPED.into(), true.into());
        }
        // After the last epoch there is `finish`.
        let goes_on = self.goes_on();
        let keeper = self.keeper.as_mut().filter(|_| goes_on);
        let due = keeper.is_some_and(|keeper| keeper.is_due_after_an_epoch(&mut self.report));
        if due { self.save(model, meter, false) } else { Ok(()) }
    }

    /// A batch whose loss was not finite, which moved no weight.
    ///
    /// # Errors
    /// [`Error::Diverged`], unless the options say how to go on and there is still hope.
    pub fn trouble(
        &mut self,
        model: &mut Model,
        meter: &mut Meter,
        trouble: NotFinite,
        data: &Prepared,
        rows: &[usize],
    ) -> Result<Recovery> {
        let (epoch, batch) = (self.state.epoch + 1, self.state.batch + 1);
        let mut handled = false;
        self.tell(model, |callback, training| {
            handled |= callback.on_trouble(batch - 1, training)?;
            Ok(())
        })?;
        if handled {
            return Ok(Recovery::Skipped);
        }
        let mut cause = likely_cause(model, data, rows)?;
        if let NotFinite::Gradient { variable } = trouble {
            let built = model.built.as_ref().ok_or(NOT_BUILT)?;
            let BuiltVariable { layer, spec, .. } = &built.variables[variable];
            cause = format!("it is the {} of layer '{layer}'; {cause}", spec.name);
        }
        match (self.on_nan, &self.epoch_start) {
            // An epoch of nothing else has no means, and nothing to hope for.
            (OnNan::Skip, _) if meter.rows() == 0 && batch == self.steps => {
                cause = format!("every batch of the epoch was skipped; {cause}");
            }
            (OnNan::Skip, _) => {
                self.state.skipped += 1;
                return Ok(Recovery::Skipped);
            }
            (OnNan::Rollback, Some(start)) if self.state.rollbacks < MAX_ROLLBACKS => {
                let rate = model.learning_rate()? / 2.0;
                let place = format!("epoch {epoch}, batch {batch}");
                let what = "back to the beginning of the epoch with half the learning rate";
                self.report.warn(&format!("{trouble} in {place}: {what}, {rate}"));
                let start = start.clone();
                model.params_mut()?.clone_from(&start.params);
                model.set_learning_rate(rate)?;
                self.control.averaged = start.state.callbacks.contains_key(AVERAGED);
                meter.reset();
                let (rollbacks, worked, seconds) =
                    (self.state.rollbacks + 1, self.state.worked + 1, self.state.seconds);
                self.state = RunState { rollbacks, worked, seconds, ..start.state };
                return Ok(Recovery::RolledBack);
            }
            (OnNan::Rollback, _) => {
                cause = format!(
                    "{} times back with half the learning rate did not help; {cause}",
                    self.state.rollbacks
                );
            }
            (OnNan::Stop, _) => {}
        }
        Err(Error::Diverged { trouble, epoch, batch, cause })
    }

    /// The end: saves for the last time, and tells what happened.
    pub fn finish(mut self, model: &Model, meter: &Meter) -> Result<History> {
        if !self.was_finished {
            self.save(model, meter, true)?;
        }
        if self.state.skipped > 0 {
            let text = format!("{} batches had a loss that is not finite and were skipped", self.state.skipped);
            self.report.warn(&text);
        }
        Ok(History {
            epochs: self.epochs,
            steps: self.steps,
            verbose: self.verbose,
            seconds: self.seconds(),
            skipped: self.state.skipped,
            rollbacks: self.state.rollbacks,
            changes: self.state.changes,
            unsaved: self.keeper.as_ref().and_then(Keeper::failure),
            was_finished: self.was_finished,
            ..self.state.history
        })
    }

    /// Takes everything over from a checkpoint, or nothing.
    fn restore(
        &mut self,
        model: &mut Model,
        meter: &mut Meter,
        keeper: &mut Keeper,
        found: Found,
        accept_changes: bool,
    ) -> Result<()> {
        let folder = keeper.folder().to_owned();
        let refuse = |problem: String| Err(Error::Resume { folder: folder.clone(), problem });
        let params = snapshot::params(&found.checkpoint, &found.state, model);
        // A model is taken up where its training began or, in the same process, where it was left.
        if params.as_ref().is_ok_and(|params| keeper.identity().start() == state_sha256(params)) {
            keeper.identity().begins_like(&found.identity, found.state.learning_rate);
        }
        let changes = found.identity.differences(keeper.identity());
        if !changes.is_empty() && !accept_changes {
            return refuse(format!(
                "holds a checkpoint of another training ({}): train as before, go on with what is new \
                 (--resume-changed, in a program accept_changes), or choose another folder",
                changes.join("; ")
            ));
        }
        let params = match params {
            Ok(params) => params,
            Err(problem) => {
                return refuse(format!(
                    "the checkpoint does not fit the model ({problem}): choose another folder, or replace it \
                     (--force, in a program replace)"
                ));
            }
        };
        if found.state.epoch + usize::from(found.state.batch > 0) > self.epochs {
            let (place, epochs) = (place(&found.state), self.epochs);
            return refuse(format!("the checkpoint is {place}, and {epochs} epochs are wanted: ask for more"));
        }
        self.epoch_start = snapshot::epoch_start(&found.checkpoint, model, &found.path)?;
        keeper.go_on(&found);
        let mut state = found.state;
        if !changes.is_empty() {
            for change in &changes {
                self.report.warn(&format!("taken over although it has changed: {change}"));
            }
            // The batches of an epoch that was begun are others now: it begins again.
            (state.batch, state.rows, state.epoch_seconds) = (0, 0, 0.0);
            state.sums.clear();
            self.epoch_start = None;
        }
        // What was set anew is meant; otherwise a rollback may have lowered it.
        let constant = model.compiled.as_ref().is_some_and(|compiled| compiled.optimizer.rate_is_constant());
        if constant && !changes.iter().any(|change| change.starts_with(LEARNING_RATE)) {
            model.set_learning_rate(state.learning_rate)?;
        }
        model.params_mut()?.clone_from(&params);
        model.epochs_done = state.epochs_done;
        meter.restore(&state.sums, state.rows);
        state.changes.extend(changes);
        self.callbacks.restore(&state.callbacks, &snapshot::callback_tensors(&found.checkpoint))?;
        self.resumed = true;
        self.control.averaged = state.callbacks.contains_key(AVERAGED);
        state.callbacks.retain(|key, _| key == STOPPED);
        self.was_finished = state.epoch >= self.epochs || !state.callbacks.is_empty();
        let next = if self.was_finished { "nothing is left to do" } else { "going on from there" };
        self.report.note(&format!("{}: the checkpoint is {}: {next}", found.path.display(), place(&state)));
        self.state = state;
        Ok(())
    }

    fn stop_if_asked(&mut self, model: &Model, meter: &Meter) -> Result<()> {
        let Boundary { epochs, batches } = self.state.boundary();
        if !self.stop_when.as_ref().is_some_and(|stop| stop.asks_to_stop(self.state.boundary())) {
            return Ok(());
        }
        self.save(model, meter, true)?;
        let failure = self.keeper.as_ref().map(Keeper::failure);
        let kept = match (&self.keeper, &failure) {
            (Some(keeper), Some(None)) => {
                format!("the state is in {}: resume goes on from there", keeper.folder().display())
            }
            (_, Some(Some(failure))) => format!("the state could not be saved ({failure})"),
            _ => "the state was not saved, because there is no folder for checkpoints".to_owned(),
        };
        Err(Error::Stopped { epochs, batches, saved: failure == Some(None), kept })
    }

    /// Hands the state to the keeper, if there is one; the work goes on meanwhile unless `wait`.
    fn save(&mut self, model: &Model, meter: &Meter, wait: bool) -> Result<()> {
        let state = self.state_now(model, meter)?;
        match &mut self.keeper {
            Some(keeper) => {
                let tensors = self.callbacks.tensors();
                keeper.save(model, &state, self.epoch_start.as_ref(), &tensors, wait, &mut self.report)
            }
            None => Ok(()),
        }
    }

    /// The state with everything that is kept elsewhere while the work goes on.
    fn state_now(&self, model: &Model, meter: &Meter) -> Result<RunState> {
        let (sums, rows) = meter.totals();
        let stopped = self.state.callbacks.get(STOPPED).map(|value| (STOPPED.to_owned(), value.clone()));
        let averaged = self.control.averaged.then(|| (AVERAGED.to_owned(), true.into()));
        let in_epoch = self.state.epoch_seconds + self.epoch_clock.elapsed().as_secs_f64();
        Ok(RunState {
            epochs_done: model.epochs_done,
            iterations: model.iterations(),
            learning_rate: model.learning_rate()?,
            sums,
            rows,
            epoch_seconds: if self.state.batch > 0 { in_epoch } else { 0.0 },
            seconds: self.seconds(),
            callbacks: self.callbacks.states().into_iter().chain(stopped).chain(averaged).collect(),
            ..self.state.clone()
        })
    }

    /// Seconds of the whole training.
    fn seconds(&self) -> f64 {
        self.state.seconds + self.clock.elapsed().as_secs_f64()
    }
}

/// `in epoch 3, after 17 batches`.
fn place(state: &RunState) -> String {
    match state.batch {
        0 => format!("after {} epochs", state.epoch),
        batch => format!("in epoch {}, after {batch} batches", state.epoch + 1),
    }
}

/// What usually leads to a loss that is not finite, from what can be seen; it comes with a way out.
fn likely_cause(model: &Model, data: &Prepared, rows: &[usize]) -> Result<String> {
    let compiled = model.compiled.as_ref().ok_or(NOT_COMPILED)?;
    let (rate, usual) = (model.learning_rate()?, optimizers::usual_learning_rate(&*compiled.optimizer.rule));
    let (inputs, targets) = data.largest(rows);
    Ok(if rate > 10.0 * usual {
        format!("the learning rate {rate} is the likely cause: try {usual}")
    } else if inputs > 16.0 {
        format!(
            "inputs reach {inputs}: scale them to 0..1 (a Rescaling layer does it), or lower the learning rate"
        )
    } else if model.targets() == Some(Targets::Numbers) && targets > 1000.0 {
        format!("targets reach {targets}: scale them, or lower the learning rate")
    } else {
        "a smaller learning rate or inputs scaled to 0..1 usually help".to_owned()
    })
}
