//! [`RunState`]: where a training stands, besides its weights; written and read without losing a bit.

use crate::error::{Error, Result};
use crate::history::History;
use crate::options::Boundary;
use serde_json::{Map, Value, json};

/// Everything that the rest of a training depends on and that is neither weights nor slots nor given anew by whoever
/// goes on with it. Random numbers need no entry: permutations are functions of the seed and the number of the epoch,
/// masks of the seed and the number of the step.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RunState {
    /// Epochs of this training that are finished.
    pub epoch: usize,
    /// Batches of the next one that are finished.
    pub batch: usize,
    /// Epochs that the model had been trained for, this training's included: the number of the next permutation.
    pub epochs_done: u64,
    /// Optimizer steps, also in the variables' own count; here for whoever reads the file.
    pub iterations: u64,
    /// Batches that were worked on, also those that were skipped or taken back: it only ever grows, and numbers the
    /// checkpoints.
    pub worked: u64,
    /// The learning rate, which a rollback may have halved.
    pub learning_rate: f32,
    /// Sums of the loss and the metrics over the epoch so far, and its rows.
    pub sums: Vec<f64>,
    /// See `sums`.
    pub rows: usize,
    /// Batches that were skipped because their loss was not finite.
    pub skipped: usize,
    /// Times that the training went back to the beginning of an epoch.
    pub rollbacks: usize,
    /// What was taken over although it had changed, each with both values; empty in a run that can be reproduced.
    pub changes: Vec<String>,
    /// Seconds of the epoch so far and of the whole training so far. Nothing depends on them.
    pub epoch_seconds: f64,
    /// See `epoch_seconds`.
    pub seconds: f64,
    /// The finished epochs.
    pub history: History,
    /// The state of callbacks that have one, by their names.
    pub callbacks: Map<String, Value>,
}

impl RunState {
    /// The place between two batches.
    pub fn boundary(&self) -> Boundary {
        Boundary { epochs: self.epoch, batches: self.batch }
    }

    /// As JSON. Floats are their bits in hex: a decimal number would depend on two programs rounding alike, and JSON
    /// has no NaN.
    pub fn to_json(&self) -> Value {
        let lists: Vec<Value> = self
            .history
            .history
            .iter()
            .map(|(key, values)| json!({ "key": key, "values": bits(values) }))
            .collect();
        json!({
            "epoch": self.epoch,
            "batch": self.batch,
            "epochs_done": self.epochs_done,
            "iterations": self.iterations,
            "worked": self.worked,
            "learning_rate": format!("{:08x}", self.learning_rate.to_bits()),
            "sums": bits(&self.sums),
            "rows": self.rows,
            "skipped": self.skipped,
            "rollbacks": self.rollbacks,
            "changes": self.changes,
            "epoch_seconds": bits(&[self.epoch_seconds]),
            "seconds": bits(&[self.seconds]),
            "history": {
                "lists": lists,
                "epoch": self.history.epoch,
                "epoch_seconds": bits(&self.history.epoch_seconds),
            },
            "callbacks": self.callbacks,
        })
    }

    /// What [`RunState::to_json`] wrote.
    pub fn from_json(value: &Value) -> Result<Self> {
        let reader = Reader(value);
        let history = reader.inside("history")?;
        let mut lists = Vec::new();
        for list in history.list("lists")? {
            let list = Reader(list);
            lists.push((list.text("key")?.to_owned(), list.floats("values")?));
        }
        let epochs = history.list("epoch")?.iter().map(|epoch| epoch.as_u64().map(|n| n as usize));
        let epochs: Option<Vec<usize>> = epochs.collect();
        let epoch = epochs.ok_or_else(|| history.wrong("epoch"))?;
        let epoch_seconds = history.floats("epoch_seconds")?;
        // A list for every epoch, or whoever draws the curves would find the wrong one.
        if lists.iter().any(|(_, values)| values.len() != epoch.len()) || epoch_seconds.len() != epoch.len() {
            return Err(history.wrong("lists"));
        }
        let one =
            |key: &str| -> Result<f64> { reader.floats(key)?.first().copied().ok_or_else(|| reader.wrong(key)) };
        let changes = reader.list("changes")?.iter().map(|change| change.as_str().map(str::to_owned));
        Ok(Self {
            epoch: reader.count("epoch")?,
            batch: reader.count("batch")?,
            epochs_done: reader.count("epochs_done")? as u64,
            iterations: reader.count("iterations")? as u64,
            worked: reader.count("worked")? as u64,
            learning_rate: u32::from_str_radix(reader.text("learning_rate")?, 16)
                .map(f32::from_bits)
                .map_err(|_| reader.wrong("learning_rate"))?,
            sums: reader.floats("sums")?,
            rows: reader.count("rows")?,
            skipped: reader.count("skipped")?,
            rollbacks: reader.count("rollbacks")?,
            changes: changes.collect::<Option<_>>().ok_or_else(|| reader.wrong("changes"))?,
            epoch_seconds: one("epoch_seconds")?,
            seconds: one("seconds")?,
            history: History { history: lists, epoch, epoch_seconds, ..History::default() },
            callbacks: value["callbacks"].as_object().cloned().ok_or_else(|| reader.wrong("callbacks"))?,
        })
    }
}

fn bits(floats: &[f64]) -> Vec<String> {
    floats.iter().map(|x| format!("{:016x}", x.to_bits())).collect()
}

/// A table of a checkpoint's JSON.
struct Reader<'a>(&'a Value);

impl<'a> Reader<'a> {
    fn wrong(&self, key: &str) -> Error {
        let found =
            self.0.get(key).map_or("nothing".to_owned(), |value| value.to_string().chars().take(60).collect());
        Error::data("state of the run", format!("\"{key}\" is {found}: not written by this version of Vanilla"))
    }
    fn inside(&self, key: &str) -> Result<Reader<'a>> {
        self.0.get(key).filter(|value| value.is_object()).map(Reader).ok_or_else(|| self.wrong(key))
    }
    fn list(&self, key: &str) -> Result<&'a Vec<Value>> {
        self.0.get(key).and_then(Value::as_array).ok_or_else(|| self.wrong(key))
    }
    fn count(&self, key: &str) -> Result<usize> {
        self.0.get(key).and_then(Value::as_u64).map(|n| n as usize).ok_or_else(|| self.wrong(key))
    }
    fn text(&self, key: &str) -> Result<&'a str> {
        self.0.get(key).and_then(Value::as_str).ok_or_else(|| self.wrong(key))
    }
    fn floats(&self, key: &str) -> Result<Vec<f64>> {
        let float = |value: &Value| u64::from_str_radix(value.as_str()?, 16).ok().map(f64::from_bits);
        self.list(key)?.iter().map(float).collect::<Option<_>>().ok_or_else(|| self.wrong(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> RunState {
        let history = History {
            history: vec![("loss".into(), vec![0.1, f64::INFINITY]), ("acc".into(), vec![1.0 / 3.0, -0.0])],
            epoch: vec![0, 1],
            epoch_seconds: vec![0.25, 1e-300],
            ..History::default()
        };
        RunState {
            epoch: 2,
            batch: 7,
            epochs_done: 12,
            iterations: 1007,
            worked: 1009,
            learning_rate: 0.1,
            sums: vec![0.1 + 0.2, 1e308, f64::MIN_POSITIVE / 2.0],
            rows: 99,
            skipped: 1,
            rollbacks: 2,
            changes: vec!["batch_size: 32, now 64".into()],
            epoch_seconds: 0.5,
            seconds: 3.5,
            history,
            callbacks: Map::from_iter([("early_stopping".to_owned(), json!({ "best": 0.5 }))]),
        }
    }

    /// bug class 10: the state of callbacks (a best value, a patience) is lost.
    #[test]
    fn every_bit_comes_back() {
        let text = state().to_json().to_string();
        assert_eq!(RunState::from_json(&serde_json::from_str(&text).unwrap()).unwrap(), state());
        // NaN is not equal to itself, its bits are.
        let mut strange = state();
        strange.sums = vec![f64::NAN];
        let json = strange.to_json();
        assert_eq!(RunState::from_json(&json).unwrap().to_json(), json);
    }

    #[test]
    fn what_is_missing_or_of_another_kind_is_named() {
        let whole = state().to_json();
        for key in whole.as_object().unwrap().keys() {
            for other in [Value::Null, json!(-1), json!({}), json!(["0.5"])] {
                let mut changed = whole.clone();
                changed[key] = other.clone();
                if key == "callbacks" && other.is_object() {
                    continue; // an empty table is one
                }
                if key == "changes" && other.is_array() {
                    continue; // so is a list with one text
                }
                let error = RunState::from_json(&changed).expect_err(key).to_string();
                assert!(error.starts_with("state of the run: \""), "{key}: {error}");
            }
        }
        let mut uneven = whole;
        uneven["history"]["lists"][0]["values"] = json!([]);
        assert!(RunState::from_json(&uneven).is_err());
    }
}
