//! `ModelCheckpoint`: saves the model, or its weights, while it is trained.
//!
//! **Formula** after each epoch, or each `save_freq` batches, the model goes to `filepath`; with `save_best_only`
//! only where the monitored value is better than at every save before, or than `initial_value_threshold`
//! **Config** `filepath`, `monitor` = val_loss, `verbose` = 0, `save_best_only` = false, `save_weights_only` =
//! false, `mode` = auto, `save_freq` = epoch, `initial_value_threshold` = none. In `filepath`, `{epoch:02d}`,
//! `{batch:02d}` (both counted from 1) and `{val_loss:.2f}` (any value of the logs) are written as Python's
//! `format` does
//! **Reference** `keras.callbacks.ModelCheckpoint`. Files appear whole or not at all. Whole models are `.keras`
//! files; Keras's legacy `.h5` is refused. With `save_best_only`, a `save_freq` in batches and no value of that
//! name yet, Keras saves anyway, and so does this; it does not, as Keras does, fail at the second save of the
//! first epoch.

use super::python_format::{self, Number};
use super::{Callback, Monitor, Training};
use crate::config::{Config, Keys};
use crate::error::{Error, Result};
use crate::history::Logs;
use crate::storage::{folder_of, make_folder};
use crate::tensor::Tensor;
use serde_json::{Value, json};
use std::path::Path;

/// Saves the model while it is trained.
#[derive(Clone, Debug)]
pub struct ModelCheckpoint {
    filepath: String,
    monitor: Monitor,
    verbose: bool,
    save_best_only: bool,
    save_weights_only: bool,
    /// Batches between two saves; none: after each epoch.
    save_freq: Option<usize>,
    initial_value_threshold: Option<f64>,
    /// Batches since the last save.
    batches: usize,
    epoch: usize,
}

impl ModelCheckpoint {
    pub(super) const CLASS: &'static str = "ModelCheckpoint";

    /// Saves to this file after each epoch; the name ends in `.keras`, or in `.weights.h5` where only weights are
    /// saved.
    pub fn new(filepath: impl Into<String>) -> Self {
        Self {
            filepath: filepath.into(),
            monitor: Monitor::new("val_loss", 0.0),
            verbose: false,
            save_best_only: false,
            save_weights_only: false,
            save_freq: None,
            initial_value_threshold: None,
            batches: 0,
            epoch: 0,
        }
    }

    /// Watches this value of the logs.
    pub fn monitor(mut self, key: impl Into<String>) -> Self {
        self.monitor.key = key.into();
        self
    }

    /// Says when it saves.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// Saves only what is better than everything before.
    pub fn save_best_only(mut self, best: bool) -> Self {
        self.save_best_only = best;
        self
    }

    /// Saves weights and optimizer, without the description.
    pub fn save_weights_only(mut self, weights: bool) -> Self {
        self.save_weights_only = weights;
        self
    }

    /// `"min"`, `"max"`, or `"auto"`, which asks the metric.
    pub fn mode(mut self, mode: impl Into<String>) -> Self {
        self.monitor.mode = mode.into();
        self
    }

    /// Saves after this many batches instead of after each epoch.
    pub fn save_freq(mut self, batches: usize) -> Self {
        self.save_freq = Some(batches);
        self
    }

    /// What the first save has to beat.
    pub fn initial_value_threshold(mut self, value: f64) -> Self {
        self.initial_value_threshold = Some(value);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let Some(filepath) = config.string("filepath")? else {
            return Err(config.error("filepath is missing: where is it to save?"));
        };
        let save_freq = match config.take("save_freq") {
            None => None,
            Some(freq) if freq == "epoch" => None,
            Some(freq) => match freq.as_u64() {
                Some(batches) => Some(batches as usize),
                None => {
                    return Err(config.error(format!("save_freq = {freq}, expected \"epoch\" or a number of batches")));
                }
            },
        };
        let callback = Self {
            monitor: Monitor::from_config(config)?,
            verbose: config.integer("verbose")?.unwrap_or(0) > 0,
            save_best_only: config.boolean("save_best_only")?.unwrap_or(false),
            save_weights_only: config.boolean("save_weights_only")?.unwrap_or(false),
            save_freq,
            initial_value_threshold: config.float("initial_value_threshold")?,
            ..Self::new(filepath)
        };
        callback.check()?;
        Ok(callback)
    }

    fn check(&self) -> Result<()> {
        let wrong = |problem: String| Err(Error::config(Self::CLASS, problem));
        let ending = if self.save_weights_only { ".weights.h5" } else { ".keras" };
        if !self.filepath.ends_with(ending) {
            let what = if self.save_weights_only { "weights" } else { "whole models" };
            return wrong(format!("filepath = {:?}, expected a name that ends in {ending}, for {what}", self.filepath));
        }
        if self.save_freq == Some(0) {
            return wrong("save_freq = 0, expected at least 1 batch".into());
        }
        match python_format::parse(&self.filepath) {
            Ok(_) => Ok(()),
            Err(problem) => wrong(format!("filepath = {:?}: {problem}", self.filepath)),
        }
    }

    /// The name of the file in this place.
    fn path(&self, epoch: usize, batch: Option<usize>, logs: &Logs) -> Result<String> {
        let place = |problem: String| Error::config(Self::CLASS, format!("filepath = {:?}: {problem}", self.filepath));
        let pieces = python_format::parse(&self.filepath).map_err(place)?;
        let number = |name: &str| match name {
            "epoch" => Some(Number::Whole(epoch + 1)),
            "batch" => batch.map(|batch| Number::Whole(batch + 1)),
            _ => logs.get(name).map(Number::Float),
        };
        python_format::fill(&pieces, number).map_err(|name| {
            let batch = batch.map(|_| "batch");
            let known = ["epoch"].into_iter().chain(batch).chain(logs.0.iter().map(|(key, _)| key.as_str()));
            place(format!("no {name} among {}", known.collect::<Vec<_>>().join(", ")))
        })
    }

    fn save(&mut self, batch: Option<usize>, logs: &Logs, training: &mut Training<'_>) -> Result<()> {
        let path = self.path(self.epoch, batch, logs)?;
        let number = self.epoch + 1;
        let verbose = self.verbose;
        let say = |training: &mut Training<'_>, line: String| {
            if verbose {
                training.print(format!("Epoch {number}: {line}"));
            }
        };
        match logs.get(&self.monitor.key).filter(|_| self.save_best_only) {
            Some(value) => {
                let key = &self.monitor.key;
                let best = self.monitor.best.map_or("None".to_owned(), |best| format!("{best:.5}"));
                let direction = self.monitor.direction(Self::CLASS, training)?;
                if !self.monitor.improves(direction, value) {
                    say(training, format!("{key} did not improve from {best}"));
                    return Ok(());
                }
                say(training, format!("{key} improved from {best} to {value:.5}, saving model to {path}"));
                self.monitor.best = Some(value);
            }
            None if self.save_best_only => {
                // Said in any case, as a warning of Keras is.
                self.monitor.value(Self::CLASS, logs, training);
            }
            None => say(training, format!("saving model to {path}")),
        }
        let file = Path::new(&path);
        make_folder(folder_of(file)).map_err(|error| Error::io(file, error))?;
        if self.save_weights_only {
            training.model().save_weights(file)?;
        } else {
            training.model().save(file)?;
        }
        say(training, format!("finished saving model to {path}"));
        Ok(())
    }
}

impl Callback for ModelCheckpoint {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn config(&self) -> Keys {
        crate::config::keys! {
            "filepath": self.filepath,
            "monitor": self.monitor.key,
            "save_best_only": self.save_best_only,
            "save_weights_only": self.save_weights_only,
            "mode": self.monitor.mode,
            "save_freq": self.save_freq.map_or_else(|| json!("epoch"), |batches| json!(batches)),
            "initial_value_threshold": self.initial_value_threshold,
        }
    }

    fn decides(&self) -> bool {
        false
    }

    fn wants_batches(&self) -> bool {
        self.save_freq.is_some()
    }

    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        self.check()?;
        if !training.resumed {
            (self.monitor.best, self.batches) = (self.initial_value_threshold, 0);
        }
        if self.save_best_only {
            self.monitor.direction(Self::CLASS, training)?;
        }
        Ok(())
    }

    fn on_epoch_begin(&mut self, epoch: usize, _logs: &mut Logs, _training: &mut Training<'_>) -> Result<()> {
        self.epoch = epoch;
        Ok(())
    }

    fn on_train_batch_end(&mut self, batch: usize, logs: &Logs, training: &mut Training<'_>) -> Result<()> {
        self.batches += 1;
        if self.save_freq.is_some_and(|freq| self.batches >= freq) {
            self.batches = 0;
            return self.save(Some(batch), logs, training);
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, _epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        if self.save_freq.is_none() { self.save(None, logs, training) } else { Ok(()) }
    }

    fn state(&self) -> Value {
        json!({ "best": self.monitor.state(), "batches": self.batches })
    }

    fn restore(&mut self, state: &Value, _tensors: Vec<Tensor>) -> Result<()> {
        self.monitor.restore(&state["best"]);
        self.batches = state["batches"].as_u64().unwrap_or(0) as usize;
        Ok(())
    }
}
