//! [`Table`]: columns with names, from a file; the way from there to a model begins with [`Table::prepare`].

use super::hex;
use crate::error::{Error, Result};
use crate::saving::read_file;
use sha2::Digest;
use std::path::Path;
use vanilla_formats::columnar::{self, Columnar, Form};
use vanilla_formats::csv::{self, Csv, Options};
use vanilla_formats::table::Column;

/// How a table's form ends where the first row is data.
const NO_HEADER: &str = "without a header: columns have numbers";

/// A table: columns of numbers or texts, each with a name.
///
/// ```
/// use vanilla::datasets::Table;
/// let table = Table::from_csv("pets", b"kind,age\ncat,3\ndog,NA\n", &Default::default())?;
/// assert_eq!((table.rows, table.columns[1].missing()), (2, 1));
/// assert_eq!(table.columns[table.position("kind")?].text(1).as_deref(), Some("dog"));
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name: that of its file without the ending.
    pub name: String,
    /// Where it came from, for people.
    pub source: String,
    /// The columns, each with a value for every row.
    pub columns: Vec<Column>,
    /// Number of rows.
    pub rows: usize,
    /// How it was read, for people: `` `,` between fields, with a header ``.
    pub form: String,
    /// What is remarkable about it, for people.
    pub notes: Vec<String>,
    /// SHA-256 of its file.
    pub sha256: String,
}

impl Table {
    /// Whether a path names a table, by its ending: those of text, `parquet`, `pq`, `arrow`, `arrows`, `feather` and
    /// `ipc`.
    pub fn is_one(path: &Path) -> bool {
        Self::is_text(path) || ends_in(path, &["parquet", "pq", "arrow", "arrows", "feather", "ipc"])
    }

    /// Whether a path names a table as text, by its ending: `csv`, `tsv` or `txt`.
    pub(super) fn is_text(path: &Path) -> bool {
        ends_in(path, &["csv", "tsv", "txt"])
    }

    /// Reads a table, with everything inferred. What it is says its beginning: Parquet and Arrow need the features of
    /// their names, everything else is CSV.
    ///
    /// # Errors
    /// When the file cannot be read or is no table.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::read_with(path, &Options::default())
    }

    /// Reads a table as `options` say.
    ///
    /// # Errors
    /// When the file cannot be read, is no table, or holds something else than the options say.
    pub fn read_with(path: impl AsRef<Path>, options: &Options) -> Result<Self> {
        let path = path.as_ref();
        let bytes = read_file(path)?;
        if let (Some(form), Some(_)) = (Form::of(&bytes), options.header) {
            return Err(Error::file(
                path,
                format!("{}, which always names its columns: leave header out", form.name()),
            ));
        }
        let mut table = Self::of_bytes(&bytes, options).map_err(|error| Error::file(path, error))?;
        table.name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        table.source = path.display().to_string();
        Ok(table)
    }

    /// Reads the bytes of a file, as [`Table::read`] does.
    ///
    /// # Errors
    /// As [`Table::read_with`].
    pub(crate) fn from_bytes(bytes: &[u8]) -> vanilla_formats::Result<Self> {
        Self::of_bytes(bytes, &Options::default())
    }

    /// Reads the bytes of a CSV file.
    ///
    /// # Errors
    /// As [`Table::read_with`].
    pub fn from_csv(name: &str, bytes: &[u8], options: &Options) -> Result<Self> {
        let csv = csv::read(bytes, options).map_err(|error| Error::data(name, error.to_string()))?;
        let table = Self { sha256: hex(&sha2::Sha256::digest(bytes)), ..Self::of_csv(csv, Path::new("")) };
        Ok(Self { name: name.to_owned(), source: name.to_owned(), ..table })
    }

    fn of_bytes(bytes: &[u8], options: &Options) -> vanilla_formats::Result<Self> {
        let table = match Form::of(bytes) {
            Some(form) => Self::of_columnar(form, columnar::read(form, bytes, &options.kinds)?),
            None => Self::of_csv(csv::read(bytes, options)?, Path::new("")),
        };
        Ok(Self { sha256: hex(&sha2::Sha256::digest(bytes)), ..table })
    }

    fn of_columnar(form: Form, table: Columnar) -> Self {
        Self {
            name: String::new(),
            source: String::new(),
            rows: table.rows,
            columns: table.columns,
            form: form.name().into(),
            notes: table.notes,
            sha256: String::new(),
        }
    }

    /// What was read of a file, which is not hashed.
    pub(super) fn of_csv(csv: Csv, path: &Path) -> Self {
        let delimiter = if csv.delimiter == '\t' { "tabs".into() } else { format!("`{}`", csv.delimiter) };
        let header = if csv.header { "with a header" } else { NO_HEADER };
        Self {
            name: path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
            source: path.display().to_string(),
            rows: csv.rows,
            columns: csv.columns,
            form: format!("{delimiter} between fields, {header}"),
            notes: csv.notes,
            sha256: String::new(),
        }
    }

    /// The place of a column, by its name; else by its number, which counts from 0, or from the last one as -1.
    ///
    /// # Errors
    /// When there is no such column; the message lists those that there are.
    pub fn position(&self, column: &str) -> Result<usize> {
        if let Some(place) = self.columns.iter().position(|known| known.name == column) {
            return Ok(place);
        }
        let count = self.columns.len() as i64;
        if let Ok(number) = column.parse::<i64>()
            && (-count..count).contains(&number)
        {
            return Ok(number.rem_euclid(count) as usize);
        }
        let known = listed(self.columns.iter().map(|column| column.name.as_str()));
        let way_out = match self.form.ends_with(NO_HEADER) {
            true => {
                "; if the first row names them, write header = true into [data] of an experiment, as `vanilla train \
                     TABLE.csv --target -1 --print-config` prints one"
            }
            false => "",
        };
        let problem = format!("no column {}; there are {known} ({}){way_out}", shown(column), self.form);
        Err(Error::data(&self.source, problem))
    }
}

fn ends_in(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|ending| endings.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// A text of a file as it may be printed: one line, at most 60 characters.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    format!("'{}'", short.replace("\\'", "'").replace("\\\"", "\""))
}

/// Names as they may be printed: at most twelve.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let mut text = names.iter().take(12).map(|name| shown(name)).collect::<Vec<_>>().join(", ");
    if names.len() > 12 {
        text += &format!(", … ({} in all)", names.len());
    }
    text
}
