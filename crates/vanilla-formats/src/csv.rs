//! CSV, a table as text, with what its columns hold inferred.
//!
//! ```text
//! table   = bom? header? row*
//! row     = field (delimiter field)* newline       as many fields in every row; empty lines are passed over
//! newline = "\r\n" | "\n" | "\r"                   the last one may be missing
//! field   = blank* '"' (any | '""')* '"' blank*    kept as it is
//!         | any*                                   blanks around it are dropped; a quote inside is a quote
//! ```
//!
//! Source: RFC 4180, and what spreadsheets and pandas write. UTF-8 only.
//!
//! **Delimiter**: of tab, `;`, `|` and `,` the first that cuts all of the first rows into equally many fields, at
//! least two. **Header**: there is one where the first row holds no number, or a text above numbers (`region,2019,sales`
//! over `north,3,4.5`). **Missing**: an empty field, `NA`, `N/A`,
//! `NaN`, `null` (the last two in any case) and `?`. **Numbers** are those with a decimal point, at most f32's largest.
//! What only looks like a number (`inf`, `1e999`, `0x10`, `1,5`, `1,000`, `5%`) makes a column of numbers an error and
//! never a 0; in a column with other texts it is a text.

use crate::error::{Errors, Result, show};
use crate::table::{Column, Kind, MAX_NAME, Values, is_rounded, rounded_note};
use crate::{FormatError, sniff};
use std::borrow::Cow;
use std::collections::HashSet;

mod blocks;
mod number;
mod scan;

pub use blocks::Blocks;
use number::{Class, Odd, classify};
pub use scan::MAX_FIELD;
pub(crate) use scan::{Field, Scanner, Step};

pub(crate) const ERRORS: Errors = Errors("CSV");
/// The most notes about a table.
const MAX_NOTES: usize = 20;
/// The first rows, at most so many, and of them so many bytes, tell delimiter and header.
const SNIFFED_ROWS: usize = 20;
const SNIFFED_BYTES: usize = 1 << 16;

/// How a file is read; the default infers everything.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether the first row holds the names of the columns; `None`: found as the head of this file says.
    pub header: Option<bool>,
    /// What stands between fields, an ASCII character; `None`: found as the head of this file says.
    pub delimiter: Option<u8>,
    /// Whether a table of a single column is what is wanted.
    pub one_column: bool,
    /// Columns that must hold this, whatever they look like.
    pub kinds: Vec<(String, Kind)>,
}

/// A table that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Csv {
    /// The columns, in the file's order, each with a value for every row.
    pub columns: Vec<Column>,
    /// How many rows there are.
    pub rows: usize,
    /// Whether the first row held the names; else they are `0`, `1`, …
    pub header: bool,
    /// What stands between fields.
    pub delimiter: char,
    /// What is remarkable about it, for people.
    pub notes: Vec<String>,
}

/// How the rows of a file are cut into fields and named.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Names of the columns.
    pub names: Vec<String>,
    /// Whether the first row held them.
    pub header: bool,
    /// What stands between fields.
    pub delimiter: u8,
    /// The byte at which the first row of data begins, and its line.
    pub(crate) begin: (usize, u64),
}

/// Reads a whole table.
///
/// # Errors
/// When the bytes are no table of this form, have no row, or a column of numbers holds something else.
pub fn read(bytes: &[u8], options: &Options) -> Result<Csv> {
    check_text(bytes)?;
    let layout = Layout::of(bytes, options)?;
    let mut seen: Vec<Seen> = layout.names.iter().map(|_| Seen::default()).collect();
    let rows = layout.each_row(bytes, |line, fields| {
        for (seen, field) in seen.iter_mut().zip(fields) {
            seen.observe(line, &field.text(bytes));
        }
        Ok(())
    })?;
    if rows == 0 {
        return Err(ERRORS
            .malformed("table", "at least one row", "only a header")
            .with_hint("the data set is empty"));
    }
    let mut notes = Vec::new();
    let mut columns = Vec::with_capacity(layout.names.len());
    for (name, seen) in layout.names.iter().zip(&seen) {
        let forced = options.kinds.iter().find(|(column, _)| column == name).map(|(_, kind)| *kind);
        let mut column = Column::new(name.clone(), seen.kind(name, forced, &mut notes)?);
        column.reserve(rows, ERRORS)?;
        columns.push(column);
    }
    let mut row = 0;
    layout.each_row(bytes, |_, fields| {
        columns.iter_mut().zip(fields).for_each(|(column, field)| put(column, row, &field.text(bytes)));
        row += 1;
        Ok(())
    })?;
    Ok(Csv { columns, rows, header: layout.header, delimiter: layout.delimiter.into(), notes })
}

/// A field of a row as the next value of its column, which the first pass has found to be able to hold it.
pub(crate) fn put(column: &mut Column, row: usize, text: &str) {
    let class = classify(text);
    if class == Class::Missing {
        return column.push_missing(row);
    }
    match &mut column.values {
        Values::Integer(values) => values.push(if let Class::Integer(value) = class { value } else { 0 }),
        Values::Float(values) => values.push(class.number().unwrap_or(f32::NAN)),
        _ => column.push_text(text),
    }
}

/// Refuses what is no text in UTF-8.
fn check_text(bytes: &[u8]) -> Result<()> {
    let wrong = |found: String, hint| Err(FormatError::NotThisFormat { expected: "a CSV table", found, hint });
    if bytes.is_empty() {
        return wrong("an empty file".into(), "");
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return wrong("UTF-16 text".into(), "save it as UTF-8");
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let found = sniff::describe(bytes);
        if !found.starts_with("bytes ") {
            return wrong(found, "");
        }
        let error = ERRORS.malformed(place_of(bytes, at), "text", "a NUL byte");
        return Err(error.with_hint("if it is UTF-16, save it as UTF-8"));
    }
    if let Err(error) = core::str::from_utf8(bytes) {
        let found = sniff::describe(bytes);
        if !found.starts_with("bytes ") {
            return wrong(found, "");
        }
        let at = error.valid_up_to();
        let error = ERRORS.malformed(place_of(bytes, at), "UTF-8", format!("byte {:02x}", bytes[at]));
        return Err(error.with_hint("save it as UTF-8; it may be Latin-1 or Windows-1252"));
    }
    match sniff::describe(bytes) {
        found if ["an HTML page", "a Git LFS pointer instead of the file", "JSON text"].contains(&&*found) => {
            wrong(found, "")
        }
        _ => Ok(()),
    }
}

/// `byte 17 (line 2)`.
fn place_of(bytes: &[u8], at: usize) -> String {
    let before = &bytes[..at];
    let ends = |(i, byte): (usize, &u8)| *byte == b'\n' || *byte == b'\r' && bytes.get(i + 1) != Some(&b'\n');
    format!("byte {at} (line {})", before.iter().enumerate().filter(|end| ends(*end)).count() + 1)
}

impl Layout {
    /// Looks at the first rows. `bytes` may be the first part of a file, with at least a row.
    ///
    /// # Errors
    /// When the first row cannot be cut into fields, or its names are not those of columns.
    pub(crate) fn of(bytes: &[u8], options: &Options) -> Result<Self> {
        let start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let delimiter = match options.delimiter {
            Some(delimiter) if delimiter.is_ascii() && !b"\"\r\n\0".contains(&delimiter) => delimiter,
            Some(other) => {
                let expected = "an ASCII character that is no quote and no newline";
                return Err(ERRORS.malformed("delimiter", expected, format!("byte {other:02x}")));
            }
            None => sniff_delimiter(bytes, start),
        };
        let mut scanner = Scanner::new(bytes, start, 1, delimiter, true);
        let mut fields = Vec::new();
        if scanner.step(&mut fields)? == Step::End {
            return Err(ERRORS.malformed("table", "a header and rows", "only empty lines"));
        }
        let (end, line) = (scanner.at, scanner.line);
        if fields.len() == 1 && !options.one_column && options.delimiter.is_none() {
            let error = ERRORS.malformed("line 1", "several columns", "one: there is no `,`, `;`, `|` or tab");
            return Err(error.with_hint("separate the columns with one of these"));
        }
        let texts: Vec<_> = fields.iter().map(|field| field.text(bytes)).collect();
        let header = options.header.unwrap_or_else(|| {
            let numbers = |text: &Cow<'_, str>| !matches!(classify(text), Class::Text | Class::Missing);
            let no_number = !texts.iter().any(numbers) && texts.iter().any(|text| classify(text) == Class::Text);
            no_number || names_numbers(&texts, bytes, (end, line), delimiter)
        });
        if !header {
            let names = (0..fields.len()).map(|number| number.to_string()).collect();
            return Ok(Self { names, header, delimiter, begin: (start, 1) });
        }
        // pandas writes its index under an empty name.
        let name =
            |(i, text): (usize, Cow<'_, str>)| if text.is_empty() { i.to_string() } else { text.into_owned() };
        let names: Vec<String> = texts.into_iter().enumerate().map(name).collect();
        check_names(&names, ERRORS)?;
        Ok(Self { names, header, delimiter, begin: (end, line) })
    }

    /// Goes over the rows of data in a whole file, each with its line, and counts them.
    fn each_row(&self, bytes: &[u8], mut work: impl FnMut(u64, &[Field]) -> Result<()>) -> Result<usize> {
        let mut scanner = Scanner::new(bytes, self.begin.0, self.begin.1, self.delimiter, true);
        let (mut fields, mut rows) = (Vec::with_capacity(self.names.len()), 0);
        loop {
            match scanner.step(&mut fields)? {
                Step::Record { line } => {
                    self.check_width(line, fields.len())?;
                    work(line, &fields)?;
                    rows += 1;
                }
                Step::End | Step::Incomplete => return Ok(rows),
            }
        }
    }

    /// Whether a row has a field for every column.
    pub(crate) fn check_width(&self, line: u64, fields: usize) -> Result<()> {
        if fields == self.names.len() {
            return Ok(());
        }
        let plural = |n: usize| if n == 1 { "1 field".to_owned() } else { format!("{n} fields") };
        let error = ERRORS.malformed(
            format!("line {line}"),
            format!("{}, as in the first line", plural(self.names.len())),
            plural(fields),
        );
        Err(error.with_hint("put a field that holds the delimiter into quotes"))
    }
}

/// Every name once, none too long.
pub(crate) fn check_names(names: &[String], errors: Errors) -> Result<()> {
    let mut there = HashSet::new();
    for (i, name) in names.iter().enumerate() {
        if name.len() > MAX_NAME {
            let found = format!("{} bytes, {}", name.len(), show(name));
            return Err(errors.limit(format!("name of column {i}"), MAX_NAME as u64, found));
        }
        if !there.insert(name) {
            let error = errors.malformed("header", "every name once", format!("{} twice", show(name)));
            return Err(error.with_hint("name each column differently"));
        }
    }
    Ok(())
}

/// Whether one of these different texts is none of a number and stands above numbers alone.
fn names_numbers(first: &[Cow<'_, str>], bytes: &[u8], begin: (usize, u64), delimiter: u8) -> bool {
    let part = &bytes[..bytes.len().min(begin.0 + SNIFFED_BYTES)];
    let mut scanner = Scanner::new(part, begin.0, begin.1, delimiter, part.len() == bytes.len());
    let mut fields = Vec::new();
    // Columns below a text, with how many numbers were seen.
    let mut below: Vec<(usize, usize)> =
        first.iter().enumerate().filter(|(_, text)| classify(text) == Class::Text).map(|(i, _)| (i, 0)).collect();
    for _ in 0..SNIFFED_ROWS {
        if !matches!(scanner.step(&mut fields), Ok(Step::Record { .. })) {
            break;
        }
        below.retain_mut(|(column, numbers)| match fields.get(*column).map(|field| classify(&field.text(part))) {
            Some(Class::Integer(_) | Class::Float { .. }) => {
                *numbers += 1;
                true
            }
            class => matches!(class, None | Some(Class::Missing)),
        });
    }
    below.iter().any(|(_, numbers)| *numbers > 0) && first.iter().collect::<HashSet<_>>().len() == first.len()
}

/// The delimiter that the first rows agree on, else the one that cuts the first row into most fields.
fn sniff_delimiter(bytes: &[u8], start: usize) -> u8 {
    // A comma may be part of numbers or texts; the others seldom are.
    const CANDIDATES: [u8; 4] = [b'\t', b';', b'|', b','];
    let part = &bytes[..bytes.len().min(start + SNIFFED_BYTES)];
    let counts = |delimiter: u8| -> Vec<usize> {
        let mut scanner = Scanner::new(part, start, 1, delimiter, part.len() == bytes.len());
        let (mut fields, mut counts) = (Vec::new(), Vec::new());
        while counts.len() < SNIFFED_ROWS && matches!(scanner.step(&mut fields), Ok(Step::Record { .. })) {
            counts.push(fields.len());
        }
        counts
    };
    let found = CANDIDATES.map(counts);
    let agreed =
        |counts: &Vec<usize>| counts.first().is_some_and(|first| *first > 1 && counts.iter().all(|n| n == first));
    let best = found.iter().position(agreed).unwrap_or_else(|| {
        // The last of the best is the comma.
        (0..CANDIDATES.len()).max_by_key(|i| found[*i].first().copied().unwrap_or(0)).unwrap_or(3)
    });
    CANDIDATES[best]
}

/// What a column turned out to hold.
#[derive(Debug, Default)]
struct Seen {
    missing: u64,
    integers: u64,
    floats: u64,
    /// Numbers that f32 holds as 0.
    vanished: u64,
    /// Whole numbers that f32 does not hold.
    rounded: u64,
    texts: u64,
    /// The first one of each, with its line.
    odd: Option<Box<(u64, String, Odd)>>,
    text: Option<Box<(u64, String)>>,
    float: Option<Box<(u64, String)>>,
}

impl Seen {
    fn observe(&mut self, line: u64, text: &str) {
        let here = || Box::new((line, text.chars().take(101).collect::<String>()));
        match classify(text) {
            Class::Missing => self.missing += 1,
            Class::Integer(value) => {
                self.integers += 1;
                self.rounded += u64::from(is_rounded(value.into()));
            }
            Class::Float { vanished, rounded, .. } => {
                self.floats += 1;
                self.vanished += u64::from(vanished);
                self.rounded += u64::from(rounded);
                self.float.get_or_insert_with(here);
            }
            Class::Odd(odd) => {
                self.odd.get_or_insert_with(|| Box::new((line, here().1, odd)));
            }
            Class::Text => {
                self.texts += 1;
                self.text.get_or_insert_with(here);
            }
        }
    }

    /// The kind of the column, which is the forced one where there is one.
    fn kind(&self, name: &str, forced: Option<Kind>, notes: &mut Vec<String>) -> Result<Kind> {
        let place = |line: &u64| format!("line {line}, column {}", show(name));
        match (forced, self.text.as_deref(), self.odd.as_deref()) {
            (Some(Kind::Text), ..) => return Ok(Kind::Text),
            (Some(_), Some((line, text)), _) => {
                return Err(ERRORS.malformed(place(line), "a number", show(text)));
            }
            (None, Some(_), _) => {
                let numbers = self.integers + self.floats;
                if numbers >= self.texts
                    && notes.len() < MAX_NOTES
                    && let Some((line, text)) = self.text.as_deref()
                {
                    notes.push(format!(
                        "column {}: {numbers} of {} values are numbers, but {} in line {line} is none, so all are \
                         read as text",
                        show(name),
                        numbers + self.texts,
                        show(text)
                    ));
                }
                return Ok(Kind::Text);
            }
            (_, None, Some((line, text, odd))) => {
                let error = ERRORS.malformed(place(line), "a number such as 1234.5", show(text));
                return Err(error.with_hint(odd.hint()));
            }
            (_, None, None) => {}
        }
        if self.vanished > 0 && notes.len() < MAX_NOTES {
            notes.push(format!(
                "column {}: {} numbers are so near to 0 that they are 0",
                show(name),
                self.vanished
            ));
        }
        if self.rounded > 0 && notes.len() < MAX_NOTES {
            notes.push(rounded_note(&show(name), self.rounded));
        }
        match (forced, self.float.as_deref()) {
            (Some(Kind::Integer), Some((line, text))) => {
                Err(ERRORS.malformed(place(line), "a whole number", show(text)))
            }
            (Some(kind), _) => Ok(kind),
            // A column without a value is one of numbers.
            (None, _) if self.floats > 0 || self.integers == 0 => Ok(Kind::Float),
            (None, _) => Ok(Kind::Integer),
        }
    }
}

/// A text as a field of a file that is written: in quotes where it has to be, and behind a `'` where a spreadsheet
/// would take it for a formula (it begins with `=`, `+`, `-`, `@`, a tab or a carriage return, and is no number).
pub fn field(text: &str) -> Cow<'_, str> {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && classify(text).number().is_none();
    let quoted = text.contains([',', ';', '"', '\n', '\r', '\t']) || text.trim() != text;
    match (formula, quoted) {
        (false, false) => text.into(),
        (true, false) => format!("'{text}").into(),
        (formula, true) => format!("\"{}{}\"", if formula { "'" } else { "" }, text.replace('"', "\"\"")).into(),
    }
}
