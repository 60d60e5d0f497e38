//! [`Table::prepare`]: what a table's columns are to a model, which rows are held out, and what was decided, in words.
//!
//! | what | decided how |
//! | --- | --- |
//! | the task | texts, or at most [`MOST_CLASSES`] different whole numbers with five rows each on average: classes; else a number |
//! | inputs | every other column; left out are constants, columns that only number the rows, and texts of which most are different |
//! | missing values | refused, filled with what the training rows say, or their rows dropped; a target is never made up |
//! | rows held out | by chance from the seed, of every class its share; a class with one row trains |

use super::schema::{Schema, classes_of, label, places};
use super::table::{Table, listed, shown};
use super::{Dataset, Part};
use crate::error::{Error, Result};
use crate::tensor::{I64, Tensor};
use crate::utils::train_test_split;
use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use vanilla_formats::table::{Column, Integers, Kind, Values};
use vanilla_plan::kernels::random::permutation;

/// A target of whole numbers with more different values is a number, unless it is asked for otherwise.
pub const MOST_CLASSES: usize = 20;

/// The stream of the seed that draws the rows of classes without a share.
const HOLD_OUT_STREAM: u64 = (1 << 32) + 17;

/// What becomes of missing values.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Missing {
    /// An error that counts them.
    #[default]
    Refuse,
    /// Rows with one are left out.
    Drop,
    /// The mean of the column's training rows; for texts the most frequent one.
    Mean,
    /// Their median; for texts the most frequent one.
    Median,
    /// Their most frequent value.
    MostFrequent,
    /// This.
    Value(String),
}

impl FromStr for Missing {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(match text {
            "refuse" => Self::Refuse,
            "drop" => Self::Drop,
            "mean" => Self::Mean,
            "median" => Self::Median,
            "most_frequent" => Self::MostFrequent,
            value => Self::Value(value.to_owned()),
        })
    }
}

/// What is to be predicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// As the target's values suggest.
    #[default]
    Inferred,
    /// One of several classes.
    Classification,
    /// A number.
    Regression,
}

impl FromStr for Task {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        match text {
            "classification" => Ok(Self::Classification),
            "regression" => Ok(Self::Regression),
            _ => Err("expected classification or regression".into()),
        }
    }
}

/// How a table is prepared.
#[derive(Clone, Debug)]
pub struct Prepare {
    target: String,
    missing: Missing,
    task: Task,
    test_split: f64,
    seed: u64,
}

impl Prepare {
    /// The column to predict, by name or number (as in [`Table::position`]); missing values are refused, and a fifth
    /// of the rows is held out.
    pub fn new(target: impl Into<String>) -> Self {
        let target = target.into();
        Self { target, missing: Missing::Refuse, task: Task::Inferred, test_split: 0.2, seed: 0 }
    }

    /// What becomes of missing values.
    pub fn missing(mut self, missing: Missing) -> Self {
        self.missing = missing;
        self
    }

    /// What is to be predicted.
    pub fn task(mut self, task: Task) -> Self {
        self.task = task;
        self
    }

    /// The share of the rows that is held out; 0 holds none out.
    pub fn test_split(mut self, share: f64) -> Self {
        self.test_split = share;
        self
    }

    /// Decides which rows are held out.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// A table that is ready to be trained on.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// How its rows become inputs and targets.
    pub schema: Schema,
    /// The rows to train on, and those held out as its test part.
    pub dataset: Dataset,
    /// What was decided, in words: what it is about, and what it came to.
    pub decisions: Vec<(&'static str, String)>,
}

impl Table {
    /// Decides what its columns are to a model that predicts one of them.
    ///
    /// ```
    /// use vanilla::datasets::{Prepare, Table};
    /// let rows: String = (0..20).map(|i| format!("{i}.5,{}\n", if i < 10 { "low" } else { "high" })).collect();
    /// let table = Table::from_csv("sizes", format!("size,class\n{rows}").as_bytes(), &Default::default())?;
    /// let prepared = table.prepare(&Prepare::new("class"))?;
    /// assert_eq!(prepared.schema.classes, ["high", "low"]);
    /// assert_eq!((prepared.dataset.train.rows(), prepared.dataset.rows()), (16, 20));
    /// # Ok::<(), vanilla::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such column, nothing or too much to tell apart, no input, or missing values that nothing is
    /// to stand in for.
    pub fn prepare(&self, options: &Prepare) -> Result<Prepared> {
        let wrong = |problem: String| Err(Error::data(&self.source, problem));
        let place = self.position(&options.target)?;
        let target = &self.columns[place];
        let name = shown(&target.name);
        let mut decisions =
            vec![("table", format!("{} rows, {} columns ({})", self.rows, self.columns.len(), self.form))];
        if target.values == Values::Identifier {
            return wrong(format!("the target {name} has too many different texts: is it the right column?"));
        }
        if target.missing() > 0 && options.missing == Missing::Refuse {
            return wrong(format!(
                "the target {name} is missing in {} of {} rows: a target cannot be made up; leave these rows out with \
                 --missing drop",
                target.missing(),
                self.rows
            ));
        }
        let mut rows: Vec<usize> = (0..self.rows).filter(|row| !target.is_missing(*row)).collect();
        let inputs: Vec<&Column> =
            self.columns.iter().enumerate().filter(|(i, _)| *i != place).map(|(_, c)| c).collect();
        let mut left_out: Vec<(&str, &'static str)> = Vec::new();
        let mut used: Vec<&Column> = Vec::new();
        for column in inputs {
            match useless(column, &rows) {
                Some(why) => left_out.push((&column.name, why)),
                None => used.push(column),
            }
        }
        if options.missing == Missing::Drop {
            rows.retain(|row| used.iter().all(|column| !column.is_missing(*row)));
        }
        if rows.len() < 2 {
            let problem = match (rows.len(), self.rows) {
                (_, 1) => "1 row, expected at least 2, and many more to learn from".to_owned(),
                (left, _) => format!("{left} rows are left, expected at least 2: fill missing values instead"),
            };
            return wrong(problem);
        }
        let drop = options.missing == Missing::Drop;
        let mut schema = Schema { target: Some(target.name.clone()), drop, ..Schema::default() };
        let counts = self.task(target, &rows, options, &mut schema)?;
        decisions.push(("target", format!("{name}: {counts}")));

        let (train, test) = split(target, &rows, options, &schema.classes)
            .map_err(|problem| Error::data(&self.source, problem))?;
        used.retain(|column| {
            let why = constant(column, &train, &options.missing);
            left_out.extend(why.map(|why| (&*column.name, why)));
            why.is_none()
        });
        if used.is_empty() {
            let why: Vec<String> = left_out.iter().map(|(name, why)| format!("{} {why}", shown(name))).collect();
            return wrong(format!("no column is left to predict {name} from: {}", why.join(", ")));
        }
        let (numbers, texts): (Vec<&Column>, Vec<&Column>) =
            used.iter().partition(|column| column.kind() != Kind::Text);
        let names = |columns: &[&Column]| columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
        (schema.numbers, schema.texts) = (names(&numbers), names(&texts));
        if options.missing == Missing::Refuse {
            // In all rows: what is missing does not depend on which of them are held out.
            schema.refuse_missing(self, &rows, &places(self))?;
        }
        let described =
            |names: &[String]| format!("{}: {}", names.len(), listed(names.iter().map(String::as_str)));
        if !numbers.is_empty() {
            decisions.push(("numbers", described(&schema.numbers)));
        }
        if !texts.is_empty() {
            decisions.push(("texts", described(&schema.texts)));
        }
        for (name, why) in left_out {
            decisions.push(("left out", format!("{} {why}", shown(name))));
        }
        if rows.len() < self.rows {
            decisions.push(("missing", format!("{} of {} rows are left out", self.rows - rows.len(), self.rows)));
        }
        for column in &used {
            let missing = rows.iter().filter(|row| column.is_missing(**row)).count();
            if missing > 0 && options.missing != Missing::Refuse {
                let fill = fill_value(column, &train, &options.missing)
                    .map_err(|problem| Error::data(&self.source, problem))?;
                decisions.push((
                    "missing",
                    format!("{}: {missing}, filled with {}", shown(&column.name), shown(&fill)),
                ));
                schema.fill.insert(column.name.clone(), fill);
            }
        }
        for column in &used {
            // So that a later row without it has an answer, too, where any column's values may be missing.
            if !matches!(options.missing, Missing::Refuse | Missing::Drop)
                && !schema.fill.contains_key(&column.name)
                && let Ok(fill) = fill_value(column, &train, &options.missing)
            {
                schema.fill.insert(column.name.clone(), fill);
            }
            if tells_everything(column, target, &train, &schema.classes) {
                let problem = "alone decides the target: is it known before the target is?";
                decisions.push(("warning", format!("{} {problem}", shown(&column.name))));
            }
        }
        let unseen: Vec<&str> = {
            let seen: std::collections::HashSet<_> = train.iter().filter_map(|row| label(target, *row)).collect();
            schema.classes.iter().filter(|class| !seen.contains(*class)).map(String::as_str).collect()
        };
        if !unseen.is_empty() {
            decisions.push(("warning", format!("no training row has the class {}", listed(unseen))));
        }
        self.notes.iter().for_each(|note| decisions.push(("warning", note.clone())));

        let mut dataset = schema.named(self, schema.part(self, &train)?);
        dataset.warnings.clear();
        if !test.is_empty() {
            let kept = if schema.classes.is_empty() { "by chance" } else { "by chance, of every class its share" };
            decisions.push((
                "held out",
                format!("{} of {} rows, {kept} (seed {})", test.len(), rows.len(), options.seed),
            ));
            let part: Part = schema.part(self, &test)?;
            dataset.test = Some(part);
        }
        Ok(Prepared { schema, dataset, decisions })
    }

    /// Classes or a number; the classes go into the schema. What it came to, in words.
    fn task(&self, target: &Column, rows: &[usize], options: &Prepare, schema: &mut Schema) -> Result<String> {
        let wrong = |problem: String| Err(Error::data(&self.source, problem));
        let (name, text) = (shown(&target.name), target.kind() == Kind::Text);
        if text && options.task == Task::Regression {
            return wrong(format!("the target {name} holds texts, expected numbers for a regression"));
        }
        let whole = text || rows.iter().all(|row| target.number(*row).fract() == 0.0);
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        if whole || options.task == Task::Classification {
            for row in rows {
                *counts.entry(label(target, *row).unwrap_or_default()).or_default() += 1;
            }
        }
        let few = counts.len() <= MOST_CLASSES && counts.len() * 5 <= rows.len();
        let classes = match options.task {
            Task::Classification => true,
            Task::Regression => false,
            Task::Inferred => text || whole && few,
        };
        if rows.windows(2).all(|pair| target.text(pair[0]) == target.text(pair[1])) {
            let value = target.text(rows[0]).unwrap_or_default();
            return wrong(format!(
                "the target {name} is {} in every row: there is nothing to tell apart",
                shown(&value)
            ));
        }
        if !classes {
            let values = rows.iter().map(|row| target.number(*row));
            let (low, high) = values
                .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
            if low == high {
                return wrong(format!(
                    "the target {name} is {low} in every row once it is a 32-bit float, which holds 7 digits: \
                     subtract an offset"
                ));
            }
            return Ok(format!("a number from {low} to {high}"));
        }
        if counts.len() * 2 > rows.len() && counts.len() > 2 {
            return wrong(format!(
                "the target {name} has {} different values in {} rows: these are no classes; is it the right column?",
                counts.len(),
                rows.len()
            ));
        }
        let kept = |class: &String| counts.contains_key(class);
        schema.classes = classes_of(target, self.rows).into_iter().filter(kept).collect();
        let shares = schema.classes.iter().take(12).map(|class| format!("{} {}", shown(class), counts[class]));
        let more = if schema.classes.len() > 12 { ", …" } else { "" };
        Ok(format!("{} classes: {}{more}", schema.classes.len(), shares.collect::<Vec<_>>().join(", ")))
    }
}

/// Why nothing can be learned from a column, looked at in all rows.
fn useless(column: &Column, rows: &[usize]) -> Option<&'static str> {
    let there = rows.iter().filter(|row| !column.is_missing(**row)).count();
    match &column.values {
        _ if there == 0 => Some("has no value"),
        Values::Identifier => Some("has another text almost everywhere"),
        Values::Integer(values) if numbers_rows(values, column) => Some("numbers the rows"),
        Values::Text(texts) => {
            let different = texts.dictionary().iter().filter(|text| !text.is_empty()).count();
            (different > 20 && different * 2 > there).then_some("has another text almost everywhere")
        }
        _ => None,
    }
}

/// Whether it counts 0, 1, 2, … or 1, 2, 3, …
fn numbers_rows(values: &Integers, column: &Column) -> bool {
    let first = values.get(0);
    values.len() >= 10
        && column.missing() == 0
        && (0..=1).contains(&first)
        && (0..values.len()).all(|row| values.get(row) == first + row as i64)
}

/// Why a column tells nothing where these rows have one value alone, once missing ones are filled.
fn constant(column: &Column, rows: &[usize], missing: &Missing) -> Option<&'static str> {
    const ALONE: &str = "has one value alone";
    let there = || rows.iter().copied().filter(|row| !column.is_missing(*row));
    let Some(first) = there().next() else { return Some(ALONE) };
    let text = column.kind() == Kind::Text;
    let filled = rows.iter().any(|row| column.is_missing(*row));
    let another = match missing {
        Missing::Value(fill) if filled && text => column.text(first).as_deref() != Some(fill.as_str()),
        Missing::Value(fill) if filled => fill.parse() != Ok(column.number(first)),
        _ => false,
    };
    let alone = there().all(|row| column.text(row) == column.text(first));
    // As the model sees them.
    let same_number = || !text && there().all(|row| column.number(row) == column.number(first));
    if another || !alone && !same_number() {
        return None;
    }
    let rounded = "is one number alone as a 32-bit float, which holds 7 digits: subtract an offset";
    Some(if alone { ALONE } else { rounded })
}

/// Rows to train on and rows held out.
fn split(
    target: &Column,
    rows: &[usize],
    options: &Prepare,
    classes: &[String],
) -> std::result::Result<(Vec<usize>, Vec<usize>), String> {
    let share = options.test_split;
    if share == 0.0 {
        return Ok((rows.to_vec(), Vec::new()));
    }
    if !(share > 0.0 && share < 1.0) {
        return Err(format!("{share} of the rows held out, expected a share between 0 and 1, such as 0.2"));
    }
    let held_out = |rows: usize| (share * rows as f64).ceil() as usize;
    let test = held_out(rows.len());
    // From a single row nothing can be told.
    if test + 1 >= rows.len() {
        let left = rows.len().saturating_sub(test);
        return Err(format!(
            "{test} of {} rows held out leave {left} to train on: add rows, or hold fewer out, or none \
             (--validation-split 0)",
            rows.len()
        ));
    }
    if classes.is_empty() {
        let order: Vec<usize> =
            permutation(options.seed, HOLD_OUT_STREAM, rows.len()).into_iter().map(|i| rows[i]).collect();
        return Ok((order[test..].to_vec(), order[..test].to_vec()));
    }
    let numbers: HashMap<&str, i64> =
        classes.iter().enumerate().map(|(i, class)| (class.as_str(), i as i64)).collect();
    let labels: Vec<i64> = rows
        .iter()
        .map(|row| label(target, *row).and_then(|label| numbers.get(&*label).copied()).unwrap_or(0))
        .collect();
    let mut sizes = vec![0usize; classes.len()];
    labels.iter().for_each(|label| sizes[*label as usize] += 1);
    // A class with a single row cannot have a share of both parts.
    let alone = |label: &i64| sizes[*label as usize] == 1;
    let (single, shared): (Vec<_>, Vec<_>) = rows.iter().zip(&labels).partition(|(_, label)| alone(label));
    if held_out(shared.len()) >= shared.len() {
        return Err(
            "no class has rows enough for both parts: add rows, or hold none out (--validation-split 0)".into()
        );
    }
    let column = |values: Vec<i64>| {
        let count = values.len();
        Tensor::new(values, [count])
    };
    let parts = || -> Result<(Vec<usize>, Vec<usize>)> {
        let rows = column(shared.iter().map(|(row, _)| **row as i64).collect())?;
        let labels = column(shared.iter().map(|(_, label)| **label).collect())?;
        let (train, test, ..) = train_test_split(&rows, &labels, share, options.seed, Some(&labels))?;
        let back =
            |rows: Tensor| rows.astype(I64).to_i64().into_iter().map(|row| row as usize).collect::<Vec<_>>();
        Ok((back(train), back(test)))
    };
    let (mut train, test) = parts().map_err(|error| error.to_string())?;
    train.extend(single.into_iter().map(|(row, _)| *row));
    Ok((train, test))
}

/// What stands in for the missing values of a column.
fn fill_value(column: &Column, train: &[usize], missing: &Missing) -> std::result::Result<String, String> {
    let text = column.kind() == Kind::Text;
    let there = || train.iter().filter(|row| !column.is_missing(**row));
    match missing {
        Missing::Value(value) if text || value.parse::<f32>().is_ok_and(f32::is_finite) => Ok(value.clone()),
        Missing::Value(value) => Err(format!(
            "{} cannot stand in for the missing values of column {}, which holds numbers: fill with a number, mean, \
             median or most_frequent",
            shown(value),
            shown(&column.name)
        )),
        Missing::Mean if !text => {
            let sum: f64 = there().map(|row| f64::from(column.number(*row))).sum();
            Ok(((sum / there().count() as f64) as f32).to_string())
        }
        Missing::Median if !text => {
            let mut values: Vec<f32> = there().map(|row| column.number(*row)).collect();
            values.sort_by(f32::total_cmp);
            let middle = values.len() / 2;
            let median = match values.len() % 2 {
                1 => values[middle],
                _ => ((f64::from(values[middle - 1]) + f64::from(values[middle])) / 2.0) as f32,
            };
            Ok(median.to_string())
        }
        _ => {
            let mut counts: HashMap<String, usize> = HashMap::new();
            there().for_each(|row| {
                *counts.entry(column.text(*row).unwrap_or_default().into_owned()).or_default() += 1
            });
            // Of equally frequent ones the first by letters.
            let most = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)));
            Ok(most.map(|(value, _)| value).unwrap_or_default())
        }
    }
}

/// Whether a column of few values says the class by itself, or is the number that is to be predicted.
fn tells_everything(column: &Column, target: &Column, rows: &[usize], classes: &[String]) -> bool {
    if classes.is_empty() {
        if column.kind() == Kind::Text {
            return false;
        }
        let pairs: Vec<(f64, f64)> =
            rows.iter().map(|row| (f64::from(column.number(*row)), f64::from(target.number(*row)))).collect();
        let count = pairs.len() as f64;
        let (a, b) = pairs.iter().fold((0.0, 0.0), |(a, b), pair| (a + pair.0 / count, b + pair.1 / count));
        let sums = pairs.iter().fold([0.0; 3], |[aa, bb, ab], (x, y)| {
            let (x, y) = (x - a, y - b);
            [aa + x * x, bb + y * y, ab + x * y]
        });
        return rows.len() > 10 && sums[2] * sums[2] > 0.9999 * sums[0] * sums[1];
    }
    let mut class_of: HashMap<String, String> = HashMap::new();
    for row in rows {
        let (Some(value), Some(class)) = (column.text(*row), label(target, *row)) else { return false };
        if *class_of.entry(value.into_owned()).or_insert_with(|| class.clone()) != class
            || class_of.len() > classes.len()
        {
            return false;
        }
    }
    rows.len() > 10
}
