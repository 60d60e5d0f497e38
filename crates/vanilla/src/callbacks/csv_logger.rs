//! `CSVLogger`: the values of each epoch as a line of a file.
//!
//! **Formula** a line with `epoch` and the sorted names of the first epoch's logs, then a line an epoch: its
//! number, counted from 0, and the values as Python prints them, `NA` where there is none; lines end in CR LF.
//! Without validation there are columns `val_...` as well, all `NA`
//! **Config** `filename`, `separator` = ",", `append` = false
//! **Reference** `keras.callbacks.CSVLogger`, byte for byte. A training that is taken up goes on in the file where
//! its state was saved; what was written after that is written again.

use super::log_file::LogFile;
use super::{Callback, Training};
use crate::config::{Config, Keys};
use crate::error::{Error, Result};
use crate::history::{Logs, python_float};
use crate::tensor::Tensor;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Writes the values of each epoch to a file.
#[derive(Debug)]
pub struct CSVLogger {
    filename: PathBuf,
    separator: String,
    append: bool,
    file: Option<LogFile>,
    keys: Option<Vec<String>>,
    /// What a checkpoint said about the file.
    found: Value,
}

impl CSVLogger {
    pub(super) const CLASS: &'static str = "CSVLogger";

    /// Writes to this file, which it empties before.
    pub fn new(filename: impl AsRef<Path>) -> Self {
        Self {
            filename: filename.as_ref().to_owned(),
            separator: ",".into(),
            append: false,
            file: None,
            keys: None,
            found: Value::Null,
        }
    }

    /// What stands between two values: one character.
    pub fn separator(mut self, separator: impl Into<String>) -> Self {
        self.separator = separator.into();
        self
    }

    /// Adds to what is in the file, without a first line if it has one.
    pub fn append(mut self, append: bool) -> Self {
        self.append = append;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let Some(filename) = config.string("filename")? else {
            return Err(config.error("filename is missing: where is it to write?"));
        };
        let callback = Self {
            separator: config.string("separator")?.unwrap_or_else(|| ",".into()),
            append: config.boolean("append")?.unwrap_or(false),
            ..Self::new(filename)
        };
        callback.check()?;
        Ok(callback)
    }

    fn check(&self) -> Result<()> {
        let mut characters = self.separator.chars();
        match (characters.next(), characters.next()) {
            (Some(c), None) if !matches!(c, '"' | '\r' | '\n') => Ok(()),
            _ => {
                let expected = "one character that is neither quote nor line end";
                Err(Error::config(Self::CLASS, format!("separator = {:?}, expected {expected}", self.separator)))
            }
        }
    }

    /// A line of these fields, quoted where they have to be.
    fn line<'a>(&self, fields: impl Iterator<Item = &'a str>) -> String {
        let quoted = |field: &str| {
            let special = |c: char| matches!(c, '"' | '\r' | '\n') || self.separator.contains(c);
            if field.contains(special) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
        };
        fields.map(quoted).collect::<Vec<_>>().join(&self.separator) + "\r\n"
    }
}

impl Callback for CSVLogger {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn config(&self) -> Keys {
        crate::config::keys! {
            "filename": self.filename, "separator": self.separator, "append": self.append,
        }
    }

    fn decides(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        self.check()?;
        self.file = None;
        if training.resumed {
            self.file = LogFile::reopen(&std::mem::take(&mut self.found))?;
        } else {
            self.keys = None;
        }
        if self.file.is_none() {
            self.file = Some(LogFile::open(&self.filename, self.append || training.resumed)?);
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: usize, logs: &mut Logs, _training: &mut Training<'_>) -> Result<()> {
        let mut text = String::new();
        let keys = match self.keys.take() {
            Some(keys) => keys,
            None => {
                let mut keys: Vec<String> = logs.0.iter().map(|(key, _)| key.clone()).collect();
                keys.sort();
                if !keys.iter().any(|key| key.starts_with("val_")) {
                    keys.extend(keys.iter().map(|key| format!("val_{key}")).collect::<Vec<_>>());
                }
                if self.file.as_ref().is_some_and(LogFile::is_empty) {
                    text = self.line(std::iter::once("epoch").chain(keys.iter().map(String::as_str)));
                }
                keys
            }
        };
        let value = |key: &String| logs.get(key).map_or_else(|| "NA".to_owned(), python_float);
        let fields: Vec<String> = std::iter::once(epoch.to_string()).chain(keys.iter().map(value)).collect();
        text += &self.line(fields.iter().map(String::as_str));
        self.keys = Some(keys);
        match &mut self.file {
            Some(file) => file.write(text.as_bytes()),
            None => Ok(()),
        }
    }

    fn on_train_end(&mut self, _training: &mut Training<'_>) -> Result<()> {
        self.found = self.file.take().map_or(Value::Null, |file| file.state());
        Ok(())
    }

    fn state(&self) -> Value {
        let file = self.file.as_ref().map_or_else(|| self.found.clone(), LogFile::state);
        json!({ "keys": self.keys, "file": file })
    }

    fn restore(&mut self, state: &Value, _tensors: Vec<Tensor>) -> Result<()> {
        let keys = state["keys"].as_array();
        self.keys = keys.map(|keys| keys.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect());
        self.found = state["file"].clone();
        Ok(())
    }
}
