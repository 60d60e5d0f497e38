//! Columns of a table: what CSV, Parquet and Arrow files give.
//!
//! A column is kept small: whole numbers take the fewest bytes that hold all of them, texts are numbers of a
//! dictionary, and which values are missing is a bit for each row where any is. Floats are f32, as everywhere here.

use crate::error::{Errors, Result};
use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// The most columns of a table.
pub const MAX_COLUMNS: usize = 100_000;
/// The most different texts of a column: one with more is an identifier, and its values are not kept.
pub const MAX_DISTINCT: usize = 65_536;
/// The most bytes of a column's name.
pub const MAX_NAME: usize = 256;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers that fit into 64 bits.
    Integer,
    /// Numbers.
    Float,
    /// Texts.
    Text,
}

impl Kind {
    /// The kind in words: `whole numbers`, `numbers` or `text`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "whole numbers",
            Self::Float => "numbers",
            Self::Text => "text",
        }
    }
}

/// Whole numbers in as few bytes as hold all of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Integers {
    /// One byte each.
    I8(Vec<i8>),
    /// Two bytes each.
    I16(Vec<i16>),
    /// Four bytes each.
    I32(Vec<i32>),
    /// Eight bytes each.
    I64(Vec<i64>),
}

impl Default for Integers {
    fn default() -> Self {
        Self::I8(Vec::new())
    }
}

impl Integers {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::I8(values) => values.len(),
            Self::I16(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::I64(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number at a place.
    ///
    /// # Panics
    /// When there is no such place.
    pub fn get(&self, index: usize) -> i64 {
        match self {
            Self::I8(values) => values[index].into(),
            Self::I16(values) => values[index].into(),
            Self::I32(values) => values[index].into(),
            Self::I64(values) => values[index],
        }
    }

    /// Puts a number behind the others, all of them in wider places where it needs one.
    pub fn push(&mut self, value: i64) {
        match self {
            Self::I8(values) => match value.try_into() {
                Ok(value) => return values.push(value),
                Err(_) => *self = Self::I16(values.iter().map(|value| (*value).into()).collect()),
            },
            Self::I16(values) => match value.try_into() {
                Ok(value) => return values.push(value),
                Err(_) => *self = Self::I32(values.iter().map(|value| (*value).into()).collect()),
            },
            Self::I32(values) => match value.try_into() {
                Ok(value) => return values.push(value),
                Err(_) => *self = Self::I64(values.iter().map(|value| (*value).into()).collect()),
            },
            Self::I64(values) => return values.push(value),
        }
        self.push(value);
    }
}

/// Texts as numbers of a dictionary.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    codes: Integers,
    /// Every different text once, in the order in which they came.
    dictionary: Vec<String>,
    /// Where a text stands in the dictionary, by its hash, or by a number behind it where another text has that.
    places: HashMap<u64, u32>,
    hasher: RandomState,
}

impl PartialEq for Texts {
    fn eq(&self, other: &Self) -> bool {
        self.codes == other.codes && self.dictionary == other.dictionary
    }
}

impl Texts {
    /// Puts a text behind the others; false where it is one more than a dictionary holds.
    pub fn push(&mut self, text: &str) -> bool {
        let mut key = self.hasher.hash_one(text);
        let code = loop {
            match self.places.get(&key) {
                Some(code) if self.dictionary[*code as usize] == text => break *code,
                Some(_) => key = key.wrapping_add(1),
                None if self.dictionary.len() == MAX_DISTINCT => return false,
                None => {
                    let code = self.dictionary.len() as u32;
                    self.dictionary.push(text.to_owned());
                    self.places.insert(key, code);
                    break code;
                }
            }
        };
        self.codes.push(code.into());
        true
    }

    /// The number of a row's text in the dictionary.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn code(&self, row: usize) -> usize {
        self.codes.get(row) as usize
    }

    /// Every different text once, in the order in which they came; that of missing values is empty.
    pub fn dictionary(&self) -> &[String] {
        &self.dictionary
    }
}

/// The values of a column, one a row. What is missing is 0, NaN or an empty text.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Whole numbers.
    Integer(Integers),
    /// Numbers.
    Float(Vec<f32>),
    /// Texts.
    Text(Box<Texts>),
    /// More than [`MAX_DISTINCT`] different texts, which are not kept.
    Identifier,
}

/// A column with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name: no other column of the table has it.
    pub name: String,
    /// Its values, one a row.
    pub values: Values,
    /// A bit for each row, in words of 64; empty where nothing is missing.
    missing: Vec<u64>,
}

impl Column {
    /// An empty column for values of a kind.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        let values = match kind {
            Kind::Integer => Values::Integer(Integers::default()),
            Kind::Float => Values::Float(Vec::new()),
            Kind::Text => Values::Text(Box::default()),
        };
        Self { name: name.into(), values, missing: Vec::new() }
    }

    /// What it holds.
    pub fn kind(&self) -> Kind {
        match self.values {
            Values::Integer(_) => Kind::Integer,
            Values::Float(_) => Kind::Float,
            Values::Text(_) | Values::Identifier => Kind::Text,
        }
    }

    /// Whether the value of a row is missing.
    pub fn is_missing(&self, row: usize) -> bool {
        self.missing.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// How many values are missing.
    pub fn missing(&self) -> usize {
        self.missing.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The number in a row: NaN where it is missing or the column holds text.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn number(&self, row: usize) -> f32 {
        match &self.values {
            Values::Float(values) => values[row],
            Values::Integer(values) if !self.is_missing(row) => values.get(row) as f32,
            _ => f32::NAN,
        }
    }

    /// The value of a row as text; `None` where it is missing, or not kept.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        if self.is_missing(row) {
            return None;
        }
        match &self.values {
            Values::Float(values) => Some(values[row].to_string().into()),
            Values::Integer(values) => Some(values.get(row).to_string().into()),
            Values::Text(texts) => texts.dictionary.get(texts.code(row)).map(|text| text.as_str().into()),
            Values::Identifier => None,
        }
    }

    /// Room for so many rows.
    pub(crate) fn reserve(&mut self, rows: usize, errors: Errors) -> Result<()> {
        let reserved = match &mut self.values {
            Values::Integer(Integers::I8(values)) => values.try_reserve_exact(rows),
            Values::Float(values) => values.try_reserve_exact(rows),
            _ => Ok(()),
        };
        reserved.map_err(|_| errors.limit("table", rows as u64, "not enough memory for so many rows"))
    }

    /// The value of row `row`, the one after the last, is missing.
    pub(crate) fn push_missing(&mut self, row: usize) {
        let words = row / 64 + 1;
        if self.missing.len() < words {
            self.missing.resize(words, 0);
        }
        self.missing[row / 64] |= 1 << (row % 64);
        match &mut self.values {
            Values::Integer(values) => values.push(0),
            Values::Float(values) => values.push(f32::NAN),
            Values::Text(_) => self.push_text(""),
            Values::Identifier => {}
        }
    }

    /// One more text.
    pub(crate) fn push_text(&mut self, text: &str) {
        if let Values::Text(texts) = &mut self.values
            && !texts.push(text)
        {
            self.values = Values::Identifier;
        }
    }
}

/// Whether f32 holds another number than this whole one.
pub(crate) fn is_rounded(value: i128) -> bool {
    value.unsigned_abs() > 1 << f32::MANTISSA_DIGITS && value as f32 as i128 != value
}

/// What is said about a column (its name as it may be printed) with so many of them.
pub(crate) fn rounded_note(column: &str, count: u64) -> String {
    format!(
        "column {column}: {count} whole numbers are rounded, as 32-bit floats hold 7 digits: subtract an offset, or leave \
         the column out if it is an identifier"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_widen() {
        let mut integers = Integers::default();
        let values = [0, -128, 127, 128, 40_000, -3_000_000_000, i64::MIN];
        let widths = [1, 1, 1, 2, 4, 8, 8];
        for (i, (value, width)) in values.into_iter().zip(widths).enumerate() {
            integers.push(value);
            let found = match &integers {
                Integers::I8(_) => 1,
                Integers::I16(_) => 2,
                Integers::I32(_) => 4,
                Integers::I64(_) => 8,
            };
            assert_eq!((found, integers.len()), (width, i + 1));
            assert!(values[..=i].iter().enumerate().all(|(i, value)| integers.get(i) == *value));
        }
    }

    #[test]
    fn missing_values_are_bits() {
        let mut column = Column::new("x", Kind::Text);
        for row in 0..130 {
            if row % 3 == 0 { column.push_missing(row) } else { column.push_text("a") }
        }
        assert_eq!((column.missing(), column.is_missing(129), column.is_missing(128)), (44, true, false));
        assert_eq!((column.text(129), column.text(128).as_deref()), (None, Some("a")));
        assert!(column.number(128).is_nan());
    }

    #[test]
    fn too_many_texts_are_not_kept() {
        let mut column = Column::new("id", Kind::Text);
        (0..=MAX_DISTINCT).for_each(|i| column.push_text(&i.to_string()));
        column.push_missing(MAX_DISTINCT + 1);
        assert_eq!((&column.values, column.text(0), column.missing()), (&Values::Identifier, None, 1));
    }
}
