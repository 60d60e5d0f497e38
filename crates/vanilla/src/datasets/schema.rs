//! [`Schema`]: which columns a model reads, in which order, and how its targets are named. It travels with the model
//! as notes, so that a table with the same columns in any order becomes the model's inputs again.

use super::table::{Table, listed, shown};
use super::{Dataset, Part};
use crate::arrays::Arrays;
use crate::error::{Error, Result};
use crate::info::ModelInfo;
use crate::model::Model;
use crate::tensor::Tensor;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use vanilla_formats::csv::Options;
use vanilla_formats::table::{Column, Kind};

/// The note that holds what names of columns and classes do not say.
const NOTE: &str = "table";

/// How rows of a table become inputs and targets of a model.
///
/// All columns of numbers form the first input, in this order; every column of texts is an input of its own behind
/// it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schema {
    /// Columns of numbers.
    pub numbers: Vec<String>,
    /// Columns of texts.
    pub texts: Vec<String>,
    /// The column that is to be predicted; none where only inputs are read.
    pub target: Option<String>,
    /// The values of the target, in the order of their class numbers; empty where it is a number.
    pub classes: Vec<String>,
    /// What stands in for missing values, by column.
    pub fill: HashMap<String, String>,
    /// Whether rows with a missing input were left out where nothing stands in for it, so that they are again wherever
    /// there are targets.
    pub drop: bool,
}

impl Schema {
    /// What a model says about the table that it was trained on; `None` where it names no columns.
    ///
    /// # Errors
    /// When its notes contradict themselves.
    pub fn of(model: &Model) -> Result<Option<Self>> {
        let info = model.info();
        if info.feature_names.iter().all(Vec::is_empty) {
            return Ok(None);
        }
        let Some(note) = info.note(NOTE) else {
            // Names alone: one input of numbers.
            let numbers = info.feature_names[0].clone();
            let schema = Self { numbers, classes: info.class_names.clone(), ..Self::default() };
            return Ok((info.feature_names.len() == 1).then_some(schema));
        };
        let wrong = || Error::data("notes of the model", "the note 'table' is damaged: train the model again");
        let note: Value = serde_json::from_str(note).map_err(|_| wrong())?;
        let texts_from = usize::try_from(note["texts_from"].as_u64().ok_or_else(wrong)?).map_err(|_| wrong())?;
        if texts_from > 1 || texts_from > info.feature_names.len() {
            return Err(wrong());
        }
        let (numbers, texts) = info.feature_names.split_at(texts_from);
        let fill = note["fill"].as_object().ok_or_else(wrong)?.iter();
        let fill =
            fill.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect::<Option<_>>();
        let drop = note.get("drop").map_or(Some(false), Value::as_bool).ok_or_else(wrong)?;
        Ok(Some(Self {
            drop,
            numbers: numbers.concat(),
            texts: texts.concat(),
            target: note["target"].as_str().map(str::to_owned),
            classes: info.class_names.clone(),
            fill: fill.ok_or_else(wrong)?,
        }))
    }

    /// What is to travel with a model.
    pub(crate) fn info(&self) -> ModelInfo {
        let texts = self.texts.iter().map(|name| vec![name.clone()]);
        let numbers = (!self.numbers.is_empty()).then(|| self.numbers.clone());
        let mut fill: Vec<_> = self.fill.iter().collect();
        fill.sort();
        let fill: Map<String, Value> =
            fill.into_iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let mut note = json!({
            "target": self.target,
            "texts_from": usize::from(!self.numbers.is_empty()),
            "fill": fill,
        });
        if self.drop {
            note["drop"] = true.into();
        }
        ModelInfo {
            class_names: self.classes.clone(),
            feature_names: numbers.into_iter().chain(texts).collect(),
            notes: vec![(NOTE.to_owned(), note.to_string())],
        }
    }

    /// The columns of numbers of a table, and its target: for a model that says nothing about columns. Targets of
    /// texts are numbered in their order.
    ///
    /// # Errors
    /// When there is no such target, or another column holds texts.
    pub fn plain(table: &Table, target: Option<&str>) -> Result<Self> {
        let target = target.map(|target| table.position(target)).transpose()?;
        let others = table.columns.iter().enumerate().filter(|(i, _)| Some(*i) != target);
        let numbers: Vec<String> = others.clone().map(|(_, column)| column.name.clone()).collect();
        if let Some((_, text)) = others.clone().find(|(_, column)| column.kind() == Kind::Text) {
            let problem = format!(
                "column {} holds texts, and the model says nothing about columns: train one with `vanilla train \
                 TABLE.csv --target COLUMN`, which encodes them",
                shown(&text.name)
            );
            return Err(Error::data(&table.source, problem));
        }
        let target = target.map(|place| &table.columns[place]);
        let classes = match target {
            Some(column) if column.kind() == Kind::Text => classes_of(column, table.rows),
            _ => Vec::new(),
        };
        let target = target.map(|column| column.name.clone());
        Ok(Self { numbers, target, classes, ..Self::default() })
    }

    /// How a file has to be read so that its columns are what they were.
    pub fn options(&self) -> Options {
        let kinds =
            |names: &[String], kind| names.iter().map(move |name| (name.clone(), kind)).collect::<Vec<_>>();
        let mut all = kinds(&self.numbers, Kind::Float);
        all.extend(kinds(&self.texts, Kind::Text));
        let one_column = all.len() == 1;
        // Class names that are no numbers are texts, also where a table has none but those that look like numbers.
        if let Some(target) = &self.target
            && self.classes.iter().any(|class| class.parse::<f64>().is_err())
        {
            all.push((target.clone(), Kind::Text));
        }
        Options { kinds: all, one_column, ..Options::default() }
    }

    /// These rows of a table as inputs, and as targets where the schema has one. The columns are found by their
    /// names.
    ///
    /// # Errors
    /// When a column is not there or of another kind, a value is missing that nothing stands in for, or the target
    /// has a class that the model does not know.
    pub fn part(&self, table: &Table, rows: &[usize]) -> Result<Part> {
        let names = || self.numbers.iter().chain(&self.texts).chain(&self.target);
        let places = places(table);
        let absent: Vec<&str> = names().map(String::as_str).filter(|name| !places.contains_key(name)).collect();
        if !absent.is_empty() {
            let problem = format!(
                "no column {}; there are {}: name the columns as in the table that the model was trained on",
                listed(absent.iter().copied()),
                listed(table.columns.iter().map(|column| column.name.as_str()))
            );
            return Err(Error::data(&table.source, problem));
        }
        let column = |name: &String| places[name.as_str()];
        self.refuse_missing(table, rows, &places)?;
        let bytes = (self.numbers.len() as u64 * 4 + self.texts.len() as u64 * 48) * rows.len() as u64;
        crate::memory::refuse_too_much(&table.source, bytes, "the columns as inputs: take fewer rows or columns")?;
        let mut inputs = Vec::new();
        if !self.numbers.is_empty() {
            let columns: Vec<(&Column, f32)> = self
                .numbers
                .iter()
                .map(|name| {
                    let fill = self.fill.get(name).map(|value| value.parse().unwrap_or(f32::NAN));
                    (column(name), fill.unwrap_or(f32::NAN))
                })
                .collect();
            if let Some((text, _)) = columns.iter().find(|(column, _)| column.kind() == Kind::Text) {
                let problem = format!("column {} holds texts, expected numbers", shown(&text.name));
                return Err(Error::data(&table.source, problem));
            }
            let mut values = Vec::with_capacity(rows.len() * columns.len());
            for row in rows {
                values.extend(columns.iter().map(|(column, fill)| match column.number(*row) {
                    value if value.is_nan() => *fill,
                    value => value,
                }));
            }
            inputs.push(Tensor::new(values, [rows.len(), columns.len()])?);
        }
        for name in &self.texts {
            let (column, fill) = (column(name), self.fill.get(name).map_or("", String::as_str));
            let text = |row: &usize| column.text(*row).map_or_else(|| fill.to_owned(), |text| text.into_owned());
            inputs.push(Tensor::new(rows.iter().map(text).collect::<Vec<String>>(), [rows.len(), 1])?);
        }
        let target = self.target.as_ref().map(|name| self.targets(table, column(name), rows)).transpose()?;
        Ok(Part::new(Arrays(inputs), target))
    }

    /// The rows of a table as a data set. Where there is a target, rows without one are passed over, and so are those
    /// with a missing input if they were in the training ([`Schema::drop`]); its warnings count them.
    ///
    /// # Errors
    /// As [`Schema::part`]; when no row is left.
    pub fn dataset(&self, table: &Table) -> Result<Dataset> {
        let column = |name: &String| table.columns.iter().find(|column| column.name == *name);
        let Some(target) = self.target.as_ref().and_then(column) else {
            return Ok(self.named(table, self.part(table, &(0..table.rows).collect::<Vec<_>>())?));
        };
        let inputs =
            self.numbers.iter().chain(&self.texts).filter(|name| self.drop && !self.fill.contains_key(*name));
        // Most columns miss nothing.
        let gaps: Vec<&Column> = inputs.filter_map(column).filter(|column| column.missing() > 0).collect();
        let mut rows: Vec<usize> = (0..table.rows).filter(|row| !target.is_missing(*row)).collect();
        let mut passed_over = vec![(table.rows - rows.len(), format!("no target {}", shown(&target.name)))];
        let answered = rows.len();
        rows.retain(|row| gaps.iter().all(|column| !column.is_missing(*row)));
        passed_over
            .push((answered - rows.len(), "missing values, as in the training (--missing drop)".to_owned()));
        passed_over.retain(|(count, _)| *count > 0);
        let why = passed_over.iter().map(|(count, why)| format!("{count} of {} rows have {why}", table.rows));
        let why = why.collect::<Vec<_>>().join(", and ");
        if rows.is_empty() {
            return Err(Error::data(&table.source, format!("{why}: no row is left, so fill some in")));
        }
        let mut dataset = self.named(table, self.part(table, &rows)?);
        if !why.is_empty() {
            dataset.warnings.push(format!("{}: {why}: passed over", table.source));
        }
        Ok(dataset)
    }

    /// A data set with the names of this schema.
    pub(crate) fn named(&self, table: &Table, train: Part) -> Dataset {
        let dataset = Dataset::new(&table.name, &table.source, &table.sha256, train);
        let ModelInfo { feature_names, class_names, .. } = self.info();
        Dataset { feature_names, class_names, warnings: table.notes.clone(), ..dataset }
    }

    /// Columns that are there and not read, for people.
    pub fn unread<'a>(&self, table: &'a Table) -> Vec<&'a str> {
        let read = |name: &String| {
            self.numbers.contains(name) || self.texts.contains(name) || self.target.as_ref() == Some(name)
        };
        table.columns.iter().map(|column| &column.name).filter(|name| !read(name)).map(String::as_str).collect()
    }

    /// An error that counts the missing values in these rows that nothing stands in for.
    pub(crate) fn refuse_missing(
        &self,
        table: &Table,
        rows: &[usize],
        places: &HashMap<&str, &Column>,
    ) -> Result<()> {
        let names = self.numbers.iter().chain(&self.texts).chain(&self.target);
        let missing = |name: &String| {
            let column = places[name.as_str()];
            let filled = self.fill.contains_key(name) && self.target.as_ref() != Some(name);
            // Most columns miss nothing.
            if filled || column.missing() == 0 {
                return None;
            }
            let count = rows.iter().filter(|row| column.is_missing(**row)).count();
            (count > 0).then(|| format!("{} {count}", shown(name)))
        };
        let missing: Vec<String> = names.filter_map(missing).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let way_out = if self.drop {
            "the model was trained without such rows (--missing drop) and has nothing to fill them with: fill them, or \
             train with --missing mean (median, most_frequent, a value), whose model does"
        } else {
            "fill them, or train with --missing mean (median, most_frequent, a value), whose model fills them in later \
             tables, too, or with --missing drop, which leaves such rows out"
        };
        let problem = format!(
            "values are missing, by column: {}{}; {way_out}",
            missing.iter().take(12).cloned().collect::<Vec<_>>().join(", "),
            if missing.len() > 12 { ", …" } else { "" }
        );
        Err(Error::data(&table.source, problem))
    }

    /// Class numbers, or numbers.
    fn targets(&self, table: &Table, column: &Column, rows: &[usize]) -> Result<Tensor> {
        if self.classes.is_empty() {
            if column.kind() == Kind::Text {
                let problem = format!("the target {} holds texts, expected numbers", shown(&column.name));
                return Err(Error::data(&table.source, problem));
            }
            // Whole numbers may be class numbers: they stay whole.
            let whole = column.kind() == Kind::Integer;
            let values: Vec<f32> = rows.iter().map(|row| column.number(*row)).collect();
            let tensor = Tensor::new(values, [rows.len()])?;
            return Ok(if whole { tensor.astype(crate::tensor::I64) } else { tensor });
        }
        let numbers: HashMap<&str, i64> =
            self.classes.iter().enumerate().map(|(number, class)| (class.as_str(), number as i64)).collect();
        let class = |row: &usize| -> Result<i64> {
            let label = label(column, *row).unwrap_or_default();
            numbers.get(&*label).copied().ok_or_else(|| {
                let problem = format!(
                    "the target {} is {} in row {row}, expected one of {}: the model knows no other class",
                    shown(&column.name),
                    shown(&label),
                    listed(self.classes.iter().map(String::as_str))
                );
                Error::data(&table.source, problem)
            })
        };
        Tensor::new(rows.iter().map(class).collect::<Result<Vec<i64>>>()?, [rows.len()])
    }
}

/// The columns of a table by their names.
pub(crate) fn places(table: &Table) -> HashMap<&str, &Column> {
    table.columns.iter().map(|column| (column.name.as_str(), column)).collect()
}

/// A value as the name of a class: whole numbers have no fraction, however they are written.
pub(crate) fn label(column: &Column, row: usize) -> Option<String> {
    let text = column.text(row)?;
    match column.kind() {
        Kind::Float if column.number(row).fract() == 0.0 => Some(format!("{}", column.number(row) as i64)),
        _ => Some(text.into_owned()),
    }
}

/// Every different value of a column, numbers by size and texts by their letters.
pub(crate) fn classes_of(column: &Column, rows: usize) -> Vec<String> {
    let mut seen: HashMap<String, f32> = HashMap::new();
    for row in 0..rows {
        if let Some(label) = label(column, row) {
            seen.entry(label).or_insert_with(|| column.number(row));
        }
    }
    let mut classes: Vec<(String, f32)> = seen.into_iter().collect();
    match column.kind() {
        Kind::Text => classes.sort_by(|a, b| a.0.cmp(&b.0)),
        _ => classes.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0))),
    }
    classes.into_iter().map(|(label, _)| label).collect()
}
