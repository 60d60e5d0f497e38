//! [`Logs`] and [`History`]: what training and evaluation report.

use crate::error::Result;
use serde_json::json;
use std::fmt::Write;
use std::ops::Index;
use vanilla_plot::curves::{Along, Figure, Marker, Panel, Series};

/// Named values, in an order: loss first, then the metrics as compiled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs(pub Vec<(String, f64)>);

impl Logs {
    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    /// Sets the value of this name, the last one where it is new.
    pub fn set(&mut self, name: &str, value: f64) {
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// The values as f32, widened: what Keras's callbacks see.
    pub(crate) fn rounded(mut self) -> Self {
        self.0.iter_mut().for_each(|(_, value)| *value = f64::from(*value as f32));
        self
    }
}

/// # Panics
/// If there is no value of this name; [`Logs::get`] does not.
impl Index<&str> for Logs {
    type Output = f64;
    fn index(&self, name: &str) -> &f64 {
        let known = || self.0.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>().join(", ");
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, v)| v)
            .unwrap_or_else(|| panic!("no '{name}' in {}", known()))
    }
}

/// What `fit` returns: every value of every epoch.
///
/// Keys are Keras's: `loss`, the metrics as compiled, and all again with `val_`, in alphabetical order. Values are
/// f32 widened, as Keras's are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// One list a key, one entry an epoch.
    pub history: Vec<(String, Vec<f64>)>,
    /// The epochs, counted from 0.
    pub epoch: Vec<usize>,
    /// Epochs asked for.
    pub epochs: usize,
    /// Batches an epoch.
    pub steps: usize,
    /// How talkative it was.
    pub verbose: u8,
    /// Seconds that the training batches of each epoch took, validation not counted.
    pub epoch_seconds: Vec<f64>,
    /// Seconds that the whole training took, those before an interruption included.
    pub seconds: f64,
    /// Batches that were skipped because their loss was not finite; see [`OnNan`](crate::OnNan).
    pub skipped: usize,
    /// Times that the training went back to the beginning of an epoch, each time halving the learning rate.
    pub rollbacks: usize,
    /// What was taken over from a checkpoint although it had changed; such a training cannot be reproduced.
    pub changes: Vec<String>,
    /// Why the last checkpoint could not be written. The model is not touched by that.
    pub unsaved: Option<String>,
    /// The training was found finished: nothing was computed.
    pub was_finished: bool,
}

/// # Panics
/// If there is no list of this key; [`History::get`] does not.
impl Index<&str> for History {
    type Output = [f64];
    fn index(&self, key: &str) -> &[f64] {
        let known = || self.history.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>().join(", ");
        self.get(key).unwrap_or_else(|| panic!("no '{key}' in the history, which has {}", known()))
    }
}

impl History {
    /// The list of this key.
    pub fn get(&self, key: &str) -> Option<&[f64]> {
        self.history.iter().find(|(name, _)| name == key).map(|(_, values)| values.as_slice())
    }

    /// Adds an epoch. `logs` are sorted by key, as Keras does.
    pub(crate) fn push(&mut self, epoch: usize, logs: &[(String, f64)]) {
        self.epoch.push(epoch);
        for (key, value) in logs {
            let value = f64::from(*value as f32);
            match self.history.iter_mut().find(|(name, _)| name == key) {
                Some((_, values)) => values.push(value),
                None => self.history.push((key.clone(), vec![value])),
            }
        }
    }

    /// Keras's `history.history`, `.epoch` and `.params` as one JSON value.
    pub fn to_json(&self) -> serde_json::Value {
        let history: serde_json::Map<_, _> =
            self.history.iter().map(|(key, values)| (key.clone(), json!(values))).collect();
        json!({
            "history": history,
            "epoch": self.epoch,
            "params": { "epochs": self.epochs, "steps": self.steps, "verbose": self.verbose },
        })
    }

    /// The history that [`History::to_json`] wrote.
    ///
    /// # Errors
    /// When the value has another shape.
    pub fn from_json(value: &serde_json::Value) -> Result<Self> {
        let wrong = |what: &str| crate::Error::data("history", format!("no {what}: is this a history.json?"));
        let numbers = |list: &serde_json::Value| -> Option<Vec<f64>> {
            // JSON has no NaN and no infinity: such a value was written as null.
            let number = |value: &serde_json::Value| value.as_f64().or(value.is_null().then_some(f64::NAN));
            list.as_array()?.iter().map(number).collect()
        };
        let lists = value["history"].as_object().ok_or_else(|| wrong("table \"history\""))?;
        let mut history = Vec::new();
        for (key, list) in lists {
            history
                .push((key.clone(), numbers(list).ok_or_else(|| wrong(&format!("list of numbers \"{key}\"")))?));
        }
        let count = |key: &str| value["params"][key].as_u64().unwrap_or(0) as usize;
        let epoch = numbers(&value["epoch"]).ok_or_else(|| wrong("list \"epoch\""))?;
        Ok(Self {
            history,
            epoch: epoch.into_iter().map(|epoch| epoch as usize).collect(),
            epochs: count("epochs"),
            steps: count("steps"),
            verbose: count("verbose") as u8,
            ..Self::default()
        })
    }

    /// What Keras's `CSVLogger` writes: 0-based epochs, sorted keys, Python's floats, lines that end in CR LF.
    pub fn to_csv(&self) -> String {
        let mut csv = "epoch".to_owned();
        for (key, _) in &self.history {
            write!(csv, ",{key}").expect("a string takes everything");
        }
        csv.push_str("\r\n");
        for (i, epoch) in self.epoch.iter().enumerate() {
            write!(csv, "{epoch}").expect("a string takes everything");
            for (_, values) in &self.history {
                write!(csv, ",{}", values.get(i).map_or("NA".to_owned(), |v| python_float(*v)))
                    .expect("a string takes everything");
            }
            csv.push_str("\r\n");
        }
        csv
    }

    /// The tutorial's figure: loss above, accuracy (or the first other metric) below; x for training, o for test.
    pub fn figure(&self) -> Figure {
        let panel = |key: &str, title: &str, y_label: &str| Panel {
            title: format!("Training and test {}", title.to_lowercase()),
            x_label: "Epochs".into(),
            along: Along::Epochs,
            y_label: y_label.into(),
            series: [("Training", key.to_owned(), Marker::Cross), ("Test", format!("val_{key}"), Marker::Circle)]
                .into_iter()
                .filter_map(|(label, key, marker)| {
                    let values = self.get(&key)?.to_vec();
                    Some(Series { label: format!("{label} {}", title.to_lowercase()), marker, values })
                })
                .collect(),
        };
        let mut panels = vec![panel("loss", "loss", "Loss")];
        for (key, _) in self.history.iter().filter(|(key, _)| key != "loss" && !key.starts_with("val_")) {
            if key.ends_with("accuracy") || key.to_lowercase() == "acc" {
                panels.push(panel(key, "accuracy", "Accuracy"));
            } else {
                panels.push(panel(key, key, key));
            }
        }
        Figure { panels }
    }
}

/// A float as Python prints it: `1.0`, `0.42500001192092896`, `1e-07`.
pub(crate) fn python_float(x: f64) -> String {
    if x.is_nan() {
        return "nan".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf".into() } else { "-inf".into() };
    }
    if x != 0.0 && (x.abs() < 1e-4 || x.abs() >= 1e16) {
        let text = format!("{x:e}");
        let (digits, exponent) = text.split_once('e').expect("an exponent");
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    format!("{x:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        let mut history = History { epochs: 2, steps: 3, verbose: 1, ..History::default() };
        for epoch in 0..2 {
            let logs = [("acc", 0.425), ("loss", 1.0), ("val_acc", 1e-7), ("val_loss", 2.5)];
            history.push(epoch, &logs.map(|(key, value)| (key.to_owned(), value)));
        }
        history
    }

    #[test]
    fn csv_as_keras_writes_it() {
        let line = "0.42500001192092896,1.0,1.0000000116860974e-07,2.5\r\n";
        assert_eq!(history().to_csv(), format!("epoch,acc,loss,val_acc,val_loss\r\n0,{line}1,{line}"));
        assert_eq!([1e16, -2.0, f64::NAN].map(python_float), ["1e+16", "-2.0", "nan"]);
    }

    #[test]
    fn json_round_trip() {
        assert_eq!(History::from_json(&history().to_json()).unwrap(), history());
        let error = History::from_json(&json!({})).unwrap_err().to_string();
        assert_eq!(error, "history: no table \"history\": is this a history.json?");
    }

    #[test]
    fn the_figure_of_the_tutorial() {
        let titles = |figure: &Figure| figure.panels.iter().map(|p| p.title.clone()).collect::<Vec<_>>();
        let figure = history().figure();
        assert_eq!(titles(&figure), ["Training and test loss", "Training and test accuracy"]);
        let labels: Vec<_> = figure.panels.iter().flat_map(|p| p.series.iter().map(|s| s.label.clone())).collect();
        assert_eq!(labels, ["Training loss", "Test loss", "Training accuracy", "Test accuracy"]);
        assert_eq!((&*figure.panels[0].x_label, &*figure.panels[1].y_label), ("Epochs", "Accuracy"));
    }
}
