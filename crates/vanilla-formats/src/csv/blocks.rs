//! A table in blocks of rows: for files that are larger than memory. What is held is the rows of a block and the
//! bytes of one row more.

use super::scan::MAX_ROW;
use super::{Csv, ERRORS, Field, Layout, Options, Scanner, Seen, Step, check_text, put};
use crate::BlockError;
use crate::table::Column;
use std::io::Read;

/// Bytes that are read at once.
const CHUNK: usize = 1 << 18;

/// Reads a table block by block.
#[derive(Debug)]
pub struct Blocks<R> {
    reader: R,
    options: Options,
    layout: Option<Layout>,
    buffer: Vec<u8>,
    /// Where the next row begins in the buffer, and its line.
    at: usize,
    line: u64,
    ended: bool,
}

impl<R: Read> Blocks<R> {
    /// A table that is read from here on.
    pub fn new(reader: R, options: Options) -> Self {
        Self { reader, options, layout: None, buffer: Vec::new(), at: 0, line: 1, ended: false }
    }

    /// The next rows, `most` of them or what is left; `None` at the end. Kinds of columns are inferred block by
    /// block, where the options do not say them.
    ///
    /// # Errors
    /// As [`super::read`], and when the file cannot be read.
    pub fn next_rows(&mut self, most: usize) -> Result<Option<Csv>, BlockError> {
        if self.layout.is_none() {
            // The first rows decide how the others are cut.
            let enough = |buffer: &[u8]| {
                let line = buffer.iter().any(|byte| *byte == b'\n' || *byte == b'\r');
                line && buffer.len() >= CHUNK || buffer.len() > MAX_ROW
            };
            while !self.ended && !enough(&self.buffer) {
                self.fill()?;
            }
            let end = self.whole_lines();
            check_text(&self.buffer[..end])?;
            let layout = Layout::of(&self.buffer[..end], &self.options)?;
            (self.at, self.line) = layout.begin;
            self.layout = Some(layout);
        }
        let Some(layout) = self.layout.clone() else { return Ok(None) };
        self.buffer.drain(..self.at);
        self.at = 0;
        let mut rows: Vec<(u64, Vec<Field>)> = Vec::new();
        let mut fields = Vec::new();
        while rows.len() < most {
            let mut scanner = Scanner::new(&self.buffer, self.at, self.line, layout.delimiter, self.ended);
            match scanner.step(&mut fields)? {
                Step::Record { line } => {
                    (self.at, self.line) = (scanner.at, scanner.line);
                    layout.check_width(line, fields.len())?;
                    rows.push((line, std::mem::take(&mut fields)));
                }
                Step::Incomplete => {
                    (self.at, self.line) = (scanner.at, scanner.line);
                    self.fill()?;
                }
                Step::End => break,
            }
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let bytes = &self.buffer[..self.at];
        if bytes.contains(&0) || core::str::from_utf8(bytes).is_err() {
            let place = format!("rows from line {}", rows[0].0);
            let error = ERRORS.malformed(place, "text in UTF-8 without NUL", "other bytes");
            return Err(error.with_hint("save it as UTF-8").into());
        }
        let mut notes = Vec::new();
        let mut columns = Vec::with_capacity(layout.names.len());
        for (place, name) in layout.names.iter().enumerate() {
            let mut seen = Seen::default();
            rows.iter().for_each(|(line, fields)| seen.observe(*line, &fields[place].text(bytes)));
            let forced = self.options.kinds.iter().find(|(column, _)| column == name).map(|(_, kind)| *kind);
            let mut column = Column::new(name.clone(), seen.kind(name, forced, &mut notes)?);
            for (row, (_, fields)) in rows.iter().enumerate() {
                put(&mut column, row, &fields[place].text(bytes));
            }
            columns.push(column);
        }
        let (header, delimiter) = (layout.header, layout.delimiter.into());
        Ok(Some(Csv { columns, rows: rows.len(), header, delimiter, notes }))
    }

    /// Reads more bytes behind those that are there.
    fn fill(&mut self) -> Result<(), BlockError> {
        let before = self.buffer.len();
        let read = (&mut self.reader).take(CHUNK as u64).read_to_end(&mut self.buffer)?;
        debug_assert_eq!(self.buffer.len(), before + read);
        self.ended = read == 0;
        Ok(())
    }

    /// Where the last whole line of the buffer ends; at the end of the file that of everything.
    fn whole_lines(&self) -> usize {
        if self.ended {
            return self.buffer.len();
        }
        let end = self.buffer.iter().rposition(|byte| *byte == b'\n' || *byte == b'\r');
        end.map_or(self.buffer.len().min(MAX_ROW), |end| end + 1)
    }
}
