//! `TensorBoard`: what TensorBoard shows, as event files.
//!
//! **Formula** `LOG_DIR/train` gets `epoch_NAME` of every value and `epoch_learning_rate` at the number of the
//! epoch, with `histogram_freq` every so many epochs a histogram of each weight, with `write_grads` one of its
//! gradient too; with `update_freq` `batch_NAME` every so many batches, at the number of the batch.
//! `LOG_DIR/validation` gets the validation's values as `epoch_NAME`, and as `evaluation_NAME_vs_iterations` at
//! the number of the step
//! **Config** `log_dir` = logs, `histogram_freq` = 0, `write_graph` = true, `write_steps_per_second` = false,
//! `update_freq` = epoch (or `"batch"`, or a number of batches), `write_grads` = false
//! **Reference** `keras.callbacks.TensorBoard`, tag for tag; `write_grads` is of Keras 2: the gradient of the
//! epoch's last batch, as `NAME_grad/histogram`. Of the graph there is the model's description, not TensorFlow's
//! graph. Images of weights, profiles and embeddings are refused. A training that is taken up goes on in its
//! files.

use super::log_file::LogFile;
use super::{Callback, Training};
use crate::config::{Config, Keys};
use crate::error::{Error, Result};
use crate::history::Logs;
use crate::model::NOT_BUILT;
use crate::tensor::Tensor;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use vanilla_formats::tfevents::{self, Value as Event};

/// Writes event files for TensorBoard.
#[derive(Debug)]
pub struct TensorBoard {
    log_dir: PathBuf,
    histogram_freq: usize,
    write_graph: bool,
    write_steps_per_second: bool,
    /// Batches between two values; none: epochs only.
    update_freq: Option<usize>,
    write_grads: bool,
    train: Writer,
    validation: Writer,
    /// Batches so far.
    batches: usize,
    epoch_begin: (Instant, u64),
    batch_begin: Instant,
}

/// A file of events, made by the first of them.
#[derive(Debug, Default)]
struct Writer {
    folder: PathBuf,
    file: Option<LogFile>,
    /// What a checkpoint said about the file.
    found: Value,
}

impl TensorBoard {
    pub(super) const CLASS: &'static str = "TensorBoard";

    /// Writes into this folder.
    pub fn new(log_dir: impl AsRef<Path>) -> Self {
        let now = Instant::now();
        Self {
            log_dir: log_dir.as_ref().to_owned(),
            histogram_freq: 0,
            write_graph: true,
            write_steps_per_second: false,
            update_freq: None,
            write_grads: false,
            train: Writer::default(),
            validation: Writer::default(),
            batches: 0,
            epoch_begin: (now, 0),
            batch_begin: now,
        }
    }

    /// Epochs between two histograms of the weights; 0 for none.
    pub fn histogram_freq(mut self, epochs: usize) -> Self {
        self.histogram_freq = epochs;
        self
    }

    /// Writes the description of the model.
    pub fn write_graph(mut self, write: bool) -> Self {
        self.write_graph = write;
        self
    }

    /// Writes how many steps a second takes, of each epoch and of each batch that is written.
    pub fn write_steps_per_second(mut self, write: bool) -> Self {
        self.write_steps_per_second = write;
        self
    }

    /// Writes after every so many batches as well.
    pub fn update_freq(mut self, batches: usize) -> Self {
        self.update_freq = Some(batches);
        self
    }

    /// Writes histograms of the gradients where it writes those of the weights.
    pub fn write_grads(mut self, write: bool) -> Self {
        self.write_grads = write;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let update_freq = match config.take("update_freq") {
            None => None,
            Some(freq) if freq == "epoch" => None,
            Some(freq) if freq == "batch" => Some(1),
            Some(freq) => match freq.as_u64().filter(|batches| *batches > 0) {
                Some(batches) => Some(batches as usize),
                None => {
                    let expected = "\"epoch\", \"batch\" or a number of batches";
                    return Err(config.error(format!("update_freq = {freq}, expected {expected}")));
                }
            },
        };
        for key in ["profile_batch", "embeddings_freq"] {
            if let Some(value) = config.take(key).filter(|value| *value != 0) {
                return Err(config.error(format!("{key} = {value} is not supported: leave it out")));
            }
        }
        Ok(Self {
            histogram_freq: config.integer("histogram_freq")?.unwrap_or(0),
            write_graph: config.boolean("write_graph")?.unwrap_or(true),
            write_steps_per_second: config.boolean("write_steps_per_second")?.unwrap_or(false),
            write_grads: config.boolean("write_grads")?.unwrap_or(false),
            update_freq,
            ..Self::new(config.string("log_dir")?.unwrap_or_else(|| "logs".into()))
        })
    }

    /// Whether this epoch's weights are written.
    fn is_due(&self, epoch: usize) -> bool {
        self.histogram_freq > 0 && epoch.is_multiple_of(self.histogram_freq)
    }

    fn write_weights(&mut self, epoch: usize, training: &Training<'_>) -> Result<()> {
        let model = training.model();
        let built = model.built.as_ref().ok_or(NOT_BUILT)?;
        let around = if model.graph.is_sequential() { format!("{}/", model.name()) } else { String::new() };
        let weights = model.get_weights();
        let gradients = if self.write_grads { training.gradients() } else { &[] };
        for (number, (variable, weights)) in built.variables.iter().zip(&weights).enumerate() {
            let name = format!("{around}{}/{}", variable.layer, variable.spec.name);
            let gradient = gradients.get(number).map(|gradient| (format!("{name}_grad"), gradient));
            for (name, tensor) in std::iter::once((name, weights)).chain(gradient) {
                self.train.write(epoch, &format!("{name}/histogram"), &Event::Histogram(&tensor.to_f32()))?;
            }
        }
        Ok(())
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

impl Writer {
    fn begin(&mut self, folder: PathBuf, resumed: bool) -> Result<()> {
        let found = std::mem::take(&mut self.found);
        self.file = if resumed { LogFile::reopen(&found)? } else { None };
        self.folder = folder;
        Ok(())
    }

    fn write(&mut self, step: usize, tag: &str, value: &Event<'_>) -> Result<()> {
        let time = now();
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut file = LogFile::open(&self.name(time), false)?;
                file.write(&tfevents::version(time))?;
                file
            }
        };
        self.file.insert(file).write(&tfevents::summary(time, step as i64, tag, value))
    }

    fn scalars<'a>(
        &mut self,
        step: usize,
        values: impl Iterator<Item = (&'a str, f64)>,
        name: impl Fn(&str) -> String,
    ) -> Result<()> {
        for (key, value) in values {
            self.write(step, &name(key), &Event::Scalar(value as f32))?;
        }
        Ok(())
    }

    /// A name as TensorFlow makes them, that no file has yet.
    fn name(&self, time: f64) -> PathBuf {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host: String = host.trim().chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
        let host = if host.is_empty() { "localhost" } else { &host };
        let name = |n: usize| {
            let pid = std::process::id();
            self.folder.join(format!("events.out.tfevents.{}.{host}.{pid}.{n}.v2", time as u64))
        };
        (0..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(0))
    }

    /// Ends with the file, which a checkpoint may still ask for.
    fn end(&mut self) {
        self.found = self.state();
        self.file = None;
    }

    fn state(&self) -> Value {
        self.file.as_ref().map_or_else(|| self.found.clone(), LogFile::state)
    }
}

impl Callback for TensorBoard {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn config(&self) -> Keys {
        crate::config::keys! {
            "log_dir": self.log_dir,
            "histogram_freq": self.histogram_freq,
            "write_graph": self.write_graph,
            "write_steps_per_second": self.write_steps_per_second,
            "update_freq": self.update_freq.map_or_else(|| json!("epoch"), |batches| json!(batches)),
            "write_grads": self.write_grads,
        }
    }

    fn decides(&self) -> bool {
        false
    }

    fn wants_batches(&self) -> bool {
        self.update_freq.is_some()
    }

    fn wants_gradients(&self, epoch: usize) -> bool {
        self.write_grads && self.is_due(epoch)
    }

    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        if self.update_freq == Some(0) {
            return Err(Error::config(Self::CLASS, "update_freq = 0, expected at least 1 batch"));
        }
        let resumed = training.resumed;
        self.train.begin(self.log_dir.join("train"), resumed)?;
        self.validation.begin(self.log_dir.join("validation"), resumed)?;
        if !resumed {
            self.batches = 0;
        }
        if self.write_graph && self.train.file.is_none() {
            let description = training.model().to_json()?.to_string();
            self.train.write(0, "keras", &Event::KerasModel(&description))?;
        }
        Ok(())
    }

    fn on_epoch_begin(&mut self, _epoch: usize, _logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        self.epoch_begin = (Instant::now(), training.model().iterations());
        Ok(())
    }

    fn on_train_batch_begin(&mut self, _batch: usize, _training: &mut Training<'_>) -> Result<()> {
        self.batches += 1;
        self.batch_begin = Instant::now();
        Ok(())
    }

    fn on_train_batch_end(&mut self, _batch: usize, logs: &Logs, _training: &mut Training<'_>) -> Result<()> {
        if !self.update_freq.is_some_and(|freq| self.batches.is_multiple_of(freq)) {
            return Ok(());
        }
        let speed = 1.0 / self.batch_begin.elapsed().as_secs_f64().max(1e-9);
        let speed = self.write_steps_per_second.then_some(("steps_per_second", speed));
        let values = speed.into_iter().chain(logs.0.iter().map(|(key, value)| (&**key, *value)));
        self.train.scalars(self.batches, values, |key| format!("batch_{key}"))
    }

    fn on_epoch_end(&mut self, epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        let iterations = training.model().iterations();
        let of_validation = || logs.0.iter().filter_map(|(key, value)| Some((key.strip_prefix("val_")?, *value)));
        let evaluation = |key: &str| format!("evaluation_{key}_vs_iterations");
        self.validation.scalars(iterations as usize, of_validation(), evaluation)?;
        self.validation.scalars(epoch, of_validation(), |key| format!("epoch_{key}"))?;
        let mut values: Vec<(&str, f64)> =
            logs.0.iter().filter(|(key, _)| !key.starts_with("val_")).map(|(key, value)| (&**key, *value)).collect();
        values.retain(|(key, _)| *key != "learning_rate");
        values.push(("learning_rate", f64::from(training.learning_rate()?)));
        if self.write_steps_per_second {
            let (begin, before) = self.epoch_begin;
            let steps = iterations.saturating_sub(before) as f64;
            values.push(("steps_per_second", steps / begin.elapsed().as_secs_f64().max(1e-9)));
        }
        self.train.scalars(epoch, values.into_iter(), |key| format!("epoch_{key}"))?;
        if self.is_due(epoch) { self.write_weights(epoch, training) } else { Ok(()) }
    }

    fn on_train_end(&mut self, _training: &mut Training<'_>) -> Result<()> {
        self.train.end();
        self.validation.end();
        Ok(())
    }

    fn state(&self) -> Value {
        json!({ "batches": self.batches, "train": self.train.state(), "validation": self.validation.state() })
    }

    fn restore(&mut self, state: &Value, _tensors: Vec<Tensor>) -> Result<()> {
        self.batches = state["batches"].as_u64().unwrap_or(0) as usize;
        self.train.found = state["train"].clone();
        self.validation.found = state["validation"].clone();
        Ok(())
    }
}
