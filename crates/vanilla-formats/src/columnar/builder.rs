//! Values of a type one after another, as a [`Column`]; and what a file may make of its bytes.

use super::Columnar;
use crate::csv::{MAX_FIELD, check_names};
use crate::error::{Errors, Result, show};
use crate::table::{Column, Kind, MAX_COLUMNS, Values, is_rounded, rounded_note};

/// What a column of a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Native {
    /// False and true.
    Boolean,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Float,
    /// Texts.
    Text,
    /// Nothing but missing values.
    Nothing,
}

/// How much a file may unfold to. Runs of equal values take nearly no bytes, so what a few bytes claim has an end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    errors: Errors,
    /// Bytes that may still be decompressed.
    unpacked: u64,
    /// Bytes of texts that may still be looked up.
    texts: u64,
    /// Values in all columns.
    cells: u64,
}

impl Budget {
    /// For a file of so many bytes.
    pub(crate) fn of(errors: Errors, bytes: usize) -> Self {
        let bytes = bytes as u64;
        let at_least = |most: u32, factor: u64| (1 << most).max(factor.saturating_mul(bytes));
        Self { errors, unpacked: at_least(26, 64), texts: at_least(29, 256), cells: at_least(24, 64) }
    }

    /// Whether a table of this size is one that is read.
    pub(crate) fn check_size(&self, columns: usize, rows: u64) -> Result<()> {
        if columns > MAX_COLUMNS {
            return Err(self.errors.limit("columns", MAX_COLUMNS as u64, columns.to_string()));
        }
        let cells = rows.saturating_mul(columns as u64);
        if cells > self.cells {
            let found = format!("{rows} rows of {columns} columns");
            return Err(self.errors.limit("values, for a file of this size", self.cells, found));
        }
        Ok(())
    }

    /// Whether so many more bytes may be decompressed.
    pub(crate) fn unpack(&mut self, place: &str, bytes: u64) -> Result<()> {
        if bytes > self.unpacked {
            let found = format!("{bytes} more bytes");
            return Err(self.errors.limit(format!("{place}, decompressed bytes"), self.unpacked, found));
        }
        self.unpacked -= bytes;
        Ok(())
    }
}

/// A column that grows.
#[derive(Debug)]
pub(crate) struct Builder {
    column: Column,
    errors: Errors,
    row: usize,
    /// Numbers that f32 holds as 0.
    vanished: usize,
    /// Whole numbers that f32 does not hold.
    rounded: u64,
}

impl Builder {
    /// A column that holds `native` values, as one of `kinds` if its name is among them.
    pub(crate) fn new(errors: Errors, name: &str, native: Native, kinds: &[(String, Kind)]) -> Result<Self> {
        let forced = kinds.iter().find(|(column, _)| column == name).map(|(_, kind)| *kind);
        let kind = match (forced, native) {
            (Some(Kind::Integer | Kind::Float), Native::Text) => {
                return Err(errors.malformed(format!("column {}", show(name)), "numbers", "texts"));
            }
            (Some(kind), _) => kind,
            (None, Native::Boolean | Native::Integer) => Kind::Integer,
            (None, Native::Float | Native::Nothing) => Kind::Float,
            (None, Native::Text) => Kind::Text,
        };
        Ok(Self { column: Column::new(name, kind), errors, row: 0, vanished: 0, rounded: 0 })
    }

    /// How many values it has.
    #[cfg(feature = "parquet")]
    pub(crate) fn rows(&self) -> usize {
        self.row
    }

    /// `row 5, column `name``; rows count from 0, as the programs that write such files count them.
    pub(crate) fn place(&self) -> String {
        format!("row {}, column {}", self.row, show(&self.column.name))
    }

    pub(crate) fn push_missing(&mut self) {
        self.column.push_missing(self.row);
        self.row += 1;
    }

    pub(crate) fn push_boolean(&mut self, value: bool) -> Result<()> {
        match &self.column.values {
            // As pandas writes them into a CSV file.
            Values::Text(_) | Values::Identifier => {
                self.column.push_text(if value { "True" } else { "False" });
                self.row += 1;
                Ok(())
            }
            _ => self.push_integer(value.into()),
        }
    }

    pub(crate) fn push_integer(&mut self, value: i128) -> Result<()> {
        self.rounded += u64::from(is_rounded(value));
        match &mut self.column.values {
            Values::Integer(values) => match value.try_into() {
                Ok(value) => values.push(value),
                Err(_) => {
                    let limit = i64::MAX as u64;
                    return Err(self.errors.limit(self.place(), limit, value.to_string()));
                }
            },
            Values::Float(values) => values.push(value as f32),
            Values::Text(_) | Values::Identifier => self.column.push_text(&value.to_string()),
        }
        self.row += 1;
        Ok(())
    }

    pub(crate) fn push_float(&mut self, value: f64) -> Result<()> {
        if value.is_nan() {
            self.push_missing();
            return Ok(());
        }
        let short = value as f32;
        if !short.is_finite() {
            let expected = "a number that f32 holds, at most 3.4e38";
            return Err(self.errors.malformed(self.place(), expected, value.to_string()));
        }
        self.vanished += usize::from(short == 0.0 && value != 0.0);
        // A column of whole numbers in which some are missing is one of floats in many programs.
        let whole = value.fract() == 0.0 && value.abs() < 2f64.powi(53);
        self.rounded += u64::from(whole && is_rounded(value as i128));
        match &mut self.column.values {
            Values::Integer(values) if whole => {
                values.push(value as i64);
            }
            Values::Integer(_) => {
                return Err(self.errors.malformed(self.place(), "a whole number", value.to_string()));
            }
            Values::Float(values) => values.push(short),
            Values::Text(_) | Values::Identifier => self.column.push_text(&short.to_string()),
        }
        self.row += 1;
        Ok(())
    }

    pub(crate) fn push_text(&mut self, budget: &mut Budget, bytes: &[u8]) -> Result<()> {
        if bytes.len() > MAX_FIELD {
            let found = format!("{} bytes", bytes.len());
            return Err(self.errors.limit(self.place(), MAX_FIELD as u64, found));
        }
        budget.texts = budget.texts.checked_sub(bytes.len() as u64).ok_or_else(|| {
            let found = format!("{} bytes more", bytes.len());
            self.errors.limit(format!("{}, bytes of texts", self.place()), budget.texts, found)
        })?;
        let text = core::str::from_utf8(bytes).map_err(|error| {
            let found = format!("byte {:02x}", bytes[error.valid_up_to()]);
            self.errors.malformed(self.place(), "UTF-8", found)
        })?;
        self.column.push_text(text);
        self.row += 1;
        Ok(())
    }
}

/// The whole table.
pub(crate) fn finish(errors: Errors, builders: Vec<Builder>, rows: usize) -> Result<Columnar> {
    let names: Vec<String> = builders.iter().map(|builder| builder.column.name.clone()).collect();
    check_names(&names, errors)?;
    if names.is_empty() {
        return Err(errors.malformed("schema", "at least one column", "none"));
    }
    if rows == 0 {
        let error = errors.malformed("table", "at least one row", "none");
        return Err(error.with_hint("the data set is empty"));
    }
    let mut notes = Vec::new();
    for builder in &builders {
        if builder.row != rows {
            let place = format!("column {}", show(&builder.column.name));
            return Err(errors.malformed(place, format!("{rows} rows"), builder.row.to_string()));
        }
        let name = &builder.column.name;
        if builder.vanished > 0 {
            let count = builder.vanished;
            notes.push(format!("column {}: {count} numbers are so near to 0 that they are 0", show(name)));
        }
        if builder.rounded > 0 && builder.column.kind() != Kind::Text {
            notes.push(rounded_note(&show(name), builder.rounded));
        }
        if name.starts_with("__index_level_") {
            notes.push(format!("column {}: the index of a pandas table; write it with index=False", show(name)));
        }
    }
    notes.truncate(20);
    Ok(Columnar { columns: builders.into_iter().map(|builder| builder.column).collect(), rows, notes })
}
