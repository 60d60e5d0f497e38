//! The two heaps, and the little-endian cursor that all structures are read with.
//!
//! ```text
//! local heap  = "HEAP" 00 0:3 size:8 free:8 segment:8         names of a symbol table, NUL-terminated, in the segment
//! global heap = "GCOL" 01 0:3 size:8 object* [free]           size counts these 16 bytes too
//! object      = index:2 references:2 0:4 size:8 data 0*       padded to 8 bytes; index 0 is the free space at the end
//! ```
//!
//! Source: HDF5 File Format Specification 3.0, III.D "Local Heaps" and III.E "Global Heap".

use std::collections::HashMap;

use super::ERRORS;
use crate::error::Result;

/// The address that means "nowhere".
pub(super) const UNDEFINED: u64 = u64::MAX;

/// Bytes that were cut out of the file, read from the front. `place` says what and where they are.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a, 'p> {
    bytes: &'a [u8],
    at: usize,
    place: &'p str,
}

impl<'a, 'p> Cursor<'a, 'p> {
    pub(super) fn new(bytes: &'a [u8], place: &'p str) -> Self {
        Self { bytes, at: 0, place }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        match rest.get(..count) {
            Some(head) => {
                self.at += count;
                Ok(head)
            }
            None => Err(ERRORS.truncated(self.place, count as u64, rest.len() as u64)),
        }
    }

    /// A little-endian number of up to 8 bytes.
    pub(super) fn number(&mut self, bytes: usize) -> Result<u64> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        Ok(self.number(2)? as u16)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        Ok(self.number(4)? as u32)
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        self.number(8)
    }

    /// Takes bytes that are always the same.
    pub(super) fn expect(&mut self, expected: &[u8], what: &str) -> Result<()> {
        let found = self.take(expected.len())?;
        if found == expected {
            return Ok(());
        }
        Err(ERRORS.malformed(
            self.place,
            format!("{what} {}", expected.escape_ascii()),
            format!("{}", found.escape_ascii()),
        ))
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }
}

/// The file's bytes, the budget for parsing them, and what is read once and used often.
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    /// How many bytes may still be parsed.
    parse_budget: u64,
    /// How many bytes of text may still be copied out of global heaps.
    copy_budget: u64,
    /// Address of a global heap -> index of an object -> its bytes.
    global_heaps: HashMap<u64, HashMap<u16, &'a [u8]>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let budget = bytes.len() as u64;
        Self { bytes, parse_budget: budget, copy_budget: budget, global_heaps: HashMap::new() }
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The bytes of a structure, not charged; for looking at a length that is inside them.
    pub(super) fn peek(&self, at: u64, count: u64, place: &str) -> Result<&'a [u8]> {
        let range = usize::try_from(at).ok().zip(at.checked_add(count).and_then(|end| usize::try_from(end).ok()));
        match range.and_then(|(begin, end)| self.bytes.get(begin..end)) {
            Some(bytes) => Ok(bytes),
            None => Err(ERRORS.truncated(place, count, self.len().saturating_sub(at))),
        }
    }

    /// The bytes of a structure, charged to the budget.
    pub(super) fn take(&mut self, at: u64, count: u64, place: &str) -> Result<&'a [u8]> {
        let bytes = self.peek(at, count, place)?;
        match self.parse_budget.checked_sub(count) {
            Some(left) => {
                self.parse_budget = left;
                Ok(bytes)
            }
            None => Err(ERRORS.malformed(
                place,
                "structures that share no bytes",
                "overlapping or cyclic ones: together they are longer than the file",
            )),
        }
    }

    /// The name segment of the local heap at `at`.
    pub(super) fn local_heap(&mut self, at: u64, place: &str) -> Result<&'a [u8]> {
        let place = format!("{place}, local heap at byte {at}");
        let mut cursor = Cursor::new(self.take(at, 32, &place)?, &place);
        cursor.expect(b"HEAP\0", "signature and version")?;
        cursor.take(3)?;
        let (size, _free, segment) = (cursor.u64()?, cursor.u64()?, cursor.u64()?);
        self.take(segment, size, &place)
    }

    /// The object `index` of the global heap at `at`; `size` is what the reference to it says.
    pub(super) fn global_object(&mut self, at: u64, index: u32, size: u32, place: &str) -> Result<&'a [u8]> {
        let place = format!("{place}, global heap at byte {at}");
        if !self.global_heaps.contains_key(&at) {
            let objects = self.read_global_heap(at, &place)?;
            self.global_heaps.insert(at, objects);
        }
        let object = u16::try_from(index).ok().and_then(|index| self.global_heaps.get(&at)?.get(&index).copied());
        let Some(object) = object else {
            return Err(ERRORS.malformed(place, format!("an object {index}"), "none"));
        };
        let Some(text) = object.get(..size as usize) else {
            return Err(ERRORS.truncated(
                format!("{place}, object {index}"),
                u64::from(size),
                object.len() as u64,
            ));
        };
        match self.copy_budget.checked_sub(u64::from(size)) {
            Some(left) => self.copy_budget = left,
            None => return Err(ERRORS.limit(place, self.len(), "more text than the file is long")),
        }
        Ok(text)
    }

    fn read_global_heap(&mut self, at: u64, place: &str) -> Result<HashMap<u16, &'a [u8]>> {
        let mut head = Cursor::new(self.peek(at, 16, place)?, place);
        head.expect(b"GCOL\x01", "signature and version")?;
        head.take(3)?;
        let size = head.u64()?;
        if size < 16 {
            return Err(ERRORS.malformed(place, "a size of 16 or more", size.to_string()));
        }
        let mut cursor = Cursor::new(&self.take(at, size, place)?[16..], place);
        let mut objects = HashMap::new();
        while cursor.rest().len() >= 16 {
            let (index, _references, _zero, size) = (cursor.u16()?, cursor.u16()?, cursor.u32()?, cursor.u64()?);
            if index == 0 {
                break;
            }
            let there = cursor.rest().len();
            let Some(size) = usize::try_from(size).ok().filter(|&size| size <= there) else {
                return Err(ERRORS.truncated(format!("{place}, object {index}"), size, there as u64));
            };
            let data = cursor.take(size)?;
            cursor.take(size.next_multiple_of(8).min(there) - size)?;
            if objects.insert(index, data).is_some() {
                return Err(ERRORS.malformed(format!("{place}, object {index}"), "every index once", "it twice"));
            }
        }
        Ok(objects)
    }
}
