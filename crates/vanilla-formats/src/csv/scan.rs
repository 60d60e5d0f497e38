//! Cutting text into records and fields, with lines counted.

use super::ERRORS;
use crate::error::{Result, show};
use crate::table::MAX_COLUMNS;
use std::borrow::Cow;

/// The most bytes of a field.
pub const MAX_FIELD: usize = 1 << 20;
/// The most bytes of a row.
pub(crate) const MAX_ROW: usize = 16 << 20;

/// Where a field is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    start: usize,
    end: usize,
    /// It holds doubled quotes.
    escaped: bool,
}

impl Field {
    /// Its text, from the bytes that were scanned, which are UTF-8.
    pub fn text<'a>(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        // Fields end at ASCII characters.
        let text = core::str::from_utf8(&bytes[self.start..self.end]).unwrap_or_default();
        if self.escaped { text.replace("\"\"", "\"").into() } else { text.into() }
    }
}

/// What a step has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A record that begins in this line.
    Record { line: u64 },
    /// The bytes end in the middle of a record, and more of them may follow.
    Incomplete,
    /// There is nothing more.
    End,
}

/// Goes from record to record.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    /// Where the next record begins, and its line.
    pub at: usize,
    pub line: u64,
    delimiter: u8,
    /// Whether no bytes follow these.
    last: bool,
}

/// Where a field ended.
enum After {
    Delimiter,
    Newline,
    End,
    Incomplete,
}

impl<'a> Scanner<'a> {
    pub fn new(bytes: &'a [u8], at: usize, line: u64, delimiter: u8, last: bool) -> Self {
        Self { bytes, at, line, delimiter, last }
    }

    /// The next record that is not an empty line. After `Incomplete` the scanner stands where it was.
    pub fn step(&mut self, fields: &mut Vec<Field>) -> Result<Step> {
        loop {
            fields.clear();
            let (begin, line) = (self.at, self.line);
            if begin >= self.bytes.len() {
                return Ok(if self.last { Step::End } else { Step::Incomplete });
            }
            let after = loop {
                if fields.len() == MAX_COLUMNS {
                    return Err(ERRORS.limit(format!("line {line}, columns"), MAX_COLUMNS as u64, "more"));
                }
                let after = self.field(fields)?;
                if self.at - begin > MAX_ROW {
                    return Err(ERRORS.limit(format!("line {line}, bytes"), MAX_ROW as u64, "more"));
                }
                if !matches!(after, After::Delimiter) {
                    break after;
                }
            };
            if matches!(after, After::Incomplete) {
                if self.bytes.len() - begin > MAX_ROW {
                    return Err(ERRORS.limit(format!("line {line}, bytes"), MAX_ROW as u64, "more"));
                }
                (self.at, self.line) = (begin, line);
                return Ok(Step::Incomplete);
            }
            if self.bytes[begin..self.at].iter().all(u8::is_ascii_whitespace) && fields.len() == 1 {
                continue;
            }
            return Ok(Step::Record { line });
        }
    }

    /// Reads a field and what ends it.
    fn field(&mut self, fields: &mut Vec<Field>) -> Result<After> {
        let (opened, begin) = (self.line, self.at);
        self.skip_blanks();
        if self.bytes.get(self.at) == Some(&b'"') {
            self.at += 1;
            let start = self.at;
            let mut escaped = false;
            loop {
                let Some(&byte) = self.bytes.get(self.at) else {
                    if self.last {
                        let place = format!("line {opened}, field {}", fields.len() + 1);
                        return Err(ERRORS.malformed(place, "a closing quote", "the end of the file"));
                    }
                    return self.too_long(begin, fields.len()).map(|()| After::Incomplete);
                };
                if self.at - start > MAX_FIELD {
                    self.line = opened;
                    return self.too_long(begin, fields.len()).map(|()| After::Incomplete);
                }
                self.at += 1;
                match byte {
                    b'"' if self.bytes.get(self.at) == Some(&b'"') => {
                        escaped = true;
                        self.at += 1;
                    }
                    b'"' => break,
                    b'\n' => self.line += 1,
                    b'\r' if self.bytes.get(self.at) != Some(&b'\n') => self.line += 1,
                    _ => {}
                }
            }
            fields.push(Field { start, end: self.at - 1, escaped });
            self.skip_blanks();
            let after = self.after()?;
            return after.ok_or_else(|| {
                let rest = &self.bytes[self.at..];
                let rest = String::from_utf8_lossy(&rest[..rest.len().min(20)]).into_owned();
                let place = format!("line {}, field {}", self.line, fields.len());
                ERRORS
                    .malformed(place, "a delimiter or the end of the line behind the closing quote", show(&rest))
                    .with_hint("a quote inside of quotes is written twice")
            });
        }
        let start = self.at;
        loop {
            match self.bytes.get(self.at) {
                Some(byte) if *byte != self.delimiter && !b"\r\n".contains(byte) => self.at += 1,
                _ => break,
            }
        }
        self.too_long(begin, fields.len())?;
        let blank = |byte: &&u8| **byte == b' ' || **byte == b'\t';
        let end = self.at - self.bytes[start..self.at].iter().rev().take_while(blank).count();
        fields.push(Field { start, end, escaped: false });
        Ok(self.after()?.unwrap_or(After::Incomplete))
    }

    /// Whether the field since `begin` is longer than fields are.
    fn too_long(&self, begin: usize, before: usize) -> Result<()> {
        if self.at - begin <= MAX_FIELD {
            return Ok(());
        }
        let error =
            ERRORS.limit(format!("line {}, field {}, bytes", self.line, before + 1), MAX_FIELD as u64, "more");
        Err(error.with_hint("is a quote not closed?"))
    }

    /// Passes over what ends a field; `None` where it is something else.
    fn after(&mut self) -> Result<Option<After>> {
        let next = self.bytes.get(self.at + 1);
        Ok(Some(match self.bytes.get(self.at) {
            None if self.last => After::End,
            None => After::Incomplete,
            Some(byte) if *byte == self.delimiter => {
                self.at += 1;
                After::Delimiter
            }
            Some(b'\r') if next.is_none() && !self.last => After::Incomplete,
            Some(b'\r' | b'\n') => {
                let two = self.bytes[self.at] == b'\r' && next == Some(&b'\n');
                self.at += 1 + usize::from(two);
                self.line += 1;
                After::Newline
            }
            Some(_) => return Ok(None),
        }))
    }

    fn skip_blanks(&mut self) {
        while self.bytes.get(self.at).is_some_and(|byte| b" \t".contains(byte) && *byte != self.delimiter) {
            self.at += 1;
        }
    }
}
