//! Sections of an experiment: keys with errors that name them, and the way to JSON.

use crate::ui::usage;
use anyhow::Result;
use toml::{Table, Value};

/// A value in an error message, kept short.
pub fn shown(value: &Value) -> String {
    let text = value.to_string().replace('\n', " ");
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// TOML as JSON; numbers that JSON does not have are errors.
pub fn json(value: &Value, place: &str) -> Result<serde_json::Value> {
    Ok(match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) if number.is_finite() => (*number).into(),
        Value::Float(number) => return Err(usage(format!("{place} = {number}, expected a finite number"))),
        Value::Boolean(flag) => (*flag).into(),
        Value::Datetime(date) => date.to_string().into(),
        Value::Array(list) => list.iter().map(|value| json(value, place)).collect::<Result<Vec<_>>>()?.into(),
        Value::Table(table) => {
            let entry =
                |(key, value): (&String, &Value)| Ok((key.clone(), json(value, &format!("{place} {key}"))?));
            table.iter().map(entry).collect::<Result<serde_json::Map<_, _>>>()?.into()
        }
    })
}

/// A table while it is read: what is left at the end is not a key.
pub struct Section {
    pub name: &'static str,
    pub table: Table,
}

impl Section {
    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.table.remove(key)
    }

    fn place(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("[{}] {key}", self.name) }
    }

    pub fn wrong(&self, key: &str, value: &Value, expected: &str) -> anyhow::Error {
        usage(format!("{} = {}, expected {expected}", self.place(key), shown(value)))
    }

    /// A table inside; empty where it is missing.
    pub fn section(&mut self, name: &'static str) -> Result<Self> {
        match self.take(name) {
            None => Ok(Self { name, table: Table::new() }),
            Some(Value::Table(table)) => Ok(Self { name, table }),
            Some(other) => Err(self.wrong(name, &other, &format!("a section [{name}]"))),
        }
    }

    pub fn string(&mut self, key: &str) -> Result<Option<String>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, &other, "a text in quotes")),
        }
    }

    pub fn flag(&mut self, key: &str) -> Result<Option<bool>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Boolean(flag)) => Ok(Some(flag)),
            Some(other) => Err(self.wrong(key, &other, "true or false")),
        }
    }

    pub fn whole(&mut self, key: &str, least: i64) -> Result<Option<u64>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Integer(number)) if number >= least => Ok(Some(number as u64)),
            Some(other) => Err(self.wrong(key, &other, &format!("a whole number, at least {least}"))),
        }
    }

    pub fn finish(self, known: &[&str]) -> Result<()> {
        match self.table.keys().next() {
            None => Ok(()),
            Some(key) => Err(usage(format!("{} is not a key: expected {}", self.place(key), known.join(", ")))),
        }
    }
}
