//! Tables whose columns have types, as other programs write them: Parquet, and Arrow IPC as a file or a stream.
//!
//! What a file is says its beginning, never its name:
//!
//! ```text
//! Parquet      = "PAR1" … "PAR1"         (features `parquet` and `arrow` read them; without the feature the
//! Arrow file   = "ARROW1\0\0" … "ARROW1"  error says what is missing)
//! Arrow stream = ff ff ff ff …
//! ```
//!
//! Columns are flat: whole numbers, numbers, texts and booleans, which are 0 and 1. A null is a missing value, and so
//! is NaN. Decimals, dates, times, nested and binary columns are refused by the column's name.

#[cfg(any(feature = "arrow", feature = "parquet"))]
mod builder;

use crate::error::{FormatError, Result};
use crate::table::{Column, Kind};

#[cfg(any(feature = "arrow", feature = "parquet"))]
pub(crate) use builder::{Budget, Builder, Native, finish};

/// The way out where a column is of a type that is not read.
#[cfg(any(feature = "arrow", feature = "parquet"))]
pub(crate) const LEAVE_OUT: &str = "write it as numbers or texts, or leave the column out";

/// The formats of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Parquet.
    Parquet,
    /// Arrow IPC, the file format, which is Feather as well.
    ArrowFile,
    /// Arrow IPC, the stream format.
    ArrowStream,
}

impl Form {
    /// What the bytes are, by what they begin with; `None`: nothing of this module.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        // A table as text may have a column `PAR1`, but no NUL, which every footer has in its length.
        if bytes.starts_with(b"PAR1") && bytes.contains(&0) {
            return Some(Self::Parquet);
        }
        if bytes.starts_with(b"ARROW1") && bytes.contains(&0) {
            return Some(Self::ArrowFile);
        }
        bytes.starts_with(&[0xff; 4]).then_some(Self::ArrowStream)
    }

    /// Its name: `Parquet`, `Arrow file` or `Arrow stream`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "Parquet",
            Self::ArrowFile => "Arrow file",
            Self::ArrowStream => "Arrow stream",
        }
    }
}

/// A table that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Columnar {
    /// The columns, in the file's order, each with a value for every row.
    pub columns: Vec<Column>,
    /// How many rows there are, at least one.
    pub rows: usize,
    /// What is remarkable about it, for people.
    pub notes: Vec<String>,
}

/// Reads a whole table of a form; `kinds` are columns that must hold this, whatever type they have.
///
/// # Errors
/// When the bytes are no table of this form, have no row, a column of a type that is not read or numbers that are
/// none; when this was built without the form's feature.
pub fn read(form: Form, bytes: &[u8], kinds: &[(String, Kind)]) -> Result<Columnar> {
    #[cfg(feature = "parquet")]
    if form == Form::Parquet {
        return crate::parquet::read(bytes, kinds);
    }
    #[cfg(feature = "arrow")]
    if form != Form::Parquet {
        return crate::arrow::read(form, bytes, kinds);
    }
    let _ = (bytes, kinds);
    Err(without_feature(form))
}

/// What is said where the reader of a form is not built in.
fn without_feature(form: Form) -> FormatError {
    let (found, hint) = match form {
        Form::Parquet => ("a Parquet file", "convert it to CSV, or build with the cargo feature `parquet`"),
        Form::ArrowFile => ("an Arrow file", "convert it to CSV, or build with the cargo feature `arrow`"),
        Form::ArrowStream => ("an Arrow stream", "convert it to CSV, or build with the cargo feature `arrow`"),
    };
    FormatError::NotThisFormat { expected: "a table that this build reads", found: found.into(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_by_their_beginning() {
        let of = |bytes: &[u8]| Form::of(bytes).map(Form::name);
        assert_eq!(of(b"PAR1\x15\0"), Some("Parquet"));
        assert_eq!(of(b"PAR1,PAR2\n1,2\n"), None);
        assert_eq!(of(b"ARROW1\0\0\xff"), Some("Arrow file"));
        assert_eq!(of(b"ARROW1,b\n"), None);
        assert_eq!(of(b"\xff\xff\xff\xff\x10\0\0\0"), Some("Arrow stream"));
        assert_eq!(of(b""), None);
    }

    #[test]
    fn a_feature_that_is_not_built_in_is_named() {
        let text = |form| without_feature(form).to_string();
        assert_eq!(
            text(Form::Parquet),
            "not a table that this build reads: found a Parquet file (convert it to CSV, or build with the cargo \
             feature `parquet`)"
        );
        assert!(text(Form::ArrowFile).ends_with(
            "found an Arrow file (convert it to CSV, or build with the cargo \
             feature `arrow`)"
        ));
    }
}
