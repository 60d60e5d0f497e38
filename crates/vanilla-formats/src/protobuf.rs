//! Protocol buffers on the wire: fields one behind the other, each with its number and its type.
//!
//! ```text
//! message = field*
//! field   = key value                       key: varint, number << 3 | type
//! value   = varint                          type 0: 7 bits a byte, lowest first, the top bit set in all but the last
//!         | 8 bytes                         type 1: fixed64, double
//!         | length:varint byte*             type 2: text, bytes, a message, or numbers in a row
//!         | 4 bytes                         type 5: fixed32, float           (3 and 4, groups, are refused)
//! ```
//!
//! Source: protobuf.dev, "Encoding". Numbers little-endian. Narrower than that: a varint has at most 10 bytes and
//! fits 64 bits, a field's number is from 1 to 2^29 - 1.

use crate::error::{Errors, Result};

/// A message while it is written.
#[derive(Debug, Default)]
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    pub(crate) fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    pub(crate) fn integer(&mut self, field: u64, n: u64) {
        self.varint(field << 3);
        self.varint(n);
    }

    pub(crate) fn double(&mut self, field: u64, x: f64) {
        self.varint(field << 3 | 1);
        self.0.extend(x.to_le_bytes());
    }

    pub(crate) fn float(&mut self, field: u64, x: f32) {
        self.varint(field << 3 | 5);
        self.0.extend(x.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wire<'a> {
    /// A varint.
    Integer(u64),
    /// 8 bytes.
    Fixed64([u8; 8]),
    /// Text, bytes, a message, or numbers in a row.
    Bytes(&'a [u8]),
    /// 4 bytes.
    Fixed32([u8; 4]),
}

/// The fields of a message, one after the other. Takes no memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    errors: Errors,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8], errors: Errors) -> Self {
        Self { rest: bytes, errors }
    }

    /// The next field's number and value, or `None` at the end. `place` is what is being read, for messages.
    pub(crate) fn next(&mut self, place: &str) -> Result<Option<(u64, Wire<'a>)>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint(place)?;
        let number = key >> 3;
        if !(1..1 << 29).contains(&number) {
            return Err(self.errors.malformed(place, "a field from 1 to 2^29 - 1", format!("field {number}")));
        }
        let value = match key & 7 {
            0 => Wire::Integer(self.varint(place)?),
            1 => Wire::Fixed64(self.fixed(place)?),
            2 => {
                let length = self.varint(place)?;
                if length > self.rest.len() as u64 {
                    let place = format!("{place}, field {number}");
                    return Err(self.errors.truncated(place, length, self.rest.len() as u64));
                }
                let (value, rest) = self.rest.split_at(length as usize);
                self.rest = rest;
                Wire::Bytes(value)
            }
            5 => Wire::Fixed32(self.fixed(place)?),
            other => {
                let found = format!("type {other} of field {number}");
                return Err(self.errors.malformed(place, "a field of type 0, 1, 2 or 5", found));
            }
        };
        Ok(Some((number, value)))
    }

    /// A varint without a key, of numbers in a row.
    pub(crate) fn varint(&mut self, place: &str) -> Result<u64> {
        let mut value = 0;
        for at in 0..10 {
            let Some((byte, rest)) = self.rest.split_first() else {
                return Err(self.errors.truncated(format!("{place}, a number"), at + 1, at));
            };
            self.rest = rest;
            // The tenth byte has one bit left.
            if at == 9 && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.errors.malformed(place, "a number below 2^64 in at most 10 bytes", "a longer one"))
    }

    /// Whether all has been read.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn fixed<const N: usize>(&mut self, place: &str) -> Result<[u8; N]> {
        let Some((value, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.errors.truncated(format!("{place}, a number"), N as u64, self.rest.len() as u64));
        };
        self.rest = rest;
        Ok(*value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERRORS: Errors = Errors("test");

    /// The examples of the specification: field 1 is 150, field 2 is "testing".
    #[test]
    fn the_examples_of_the_specification() {
        let bytes = *b"\x08\x96\x01\x12\x07testing";
        let mut message = Message::default();
        message.integer(1, 150);
        message.bytes(2, b"testing");
        assert_eq!(message.0, bytes);
        let mut fields = Fields::new(&bytes, ERRORS);
        assert_eq!(fields.next("").unwrap(), Some((1, Wire::Integer(150))));
        assert_eq!(fields.next("").unwrap(), Some((2, Wire::Bytes(b"testing"))));
        assert_eq!(fields.next("").unwrap(), None);
    }

    #[test]
    fn numbers_of_every_length() {
        for shift in 0..64 {
            for n in [1u64 << shift, (1 << shift) - 1, u64::MAX >> shift] {
                let mut message = Message::default();
                message.integer(5, n);
                message.float(6, 1.5);
                message.double(7, -2.5);
                let mut fields = Fields::new(&message.0, ERRORS);
                assert_eq!(fields.next("").unwrap(), Some((5, Wire::Integer(n))));
                assert_eq!(fields.next("").unwrap(), Some((6, Wire::Fixed32(1.5f32.to_le_bytes()))));
                assert_eq!(fields.next("").unwrap(), Some((7, Wire::Fixed64((-2.5f64).to_le_bytes()))));
                assert!(fields.is_empty());
            }
        }
    }

    #[test]
    fn hostile_bytes() {
        for (bytes, expected) in [
            (&b"\x08"[..], "test, here, a number: truncated: expected 1 bytes, found 0"),
            (b"\x08\x80\x80", "test, here, a number: truncated: expected 3 bytes, found 2"),
            (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "a number below 2^64 in at most 10 bytes"),
            (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81", "a number below 2^64 in at most 10 bytes"),
            (b"\x12\x05abc", "test, here, field 2: truncated: expected 5 bytes, found 3"),
            (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "truncated: expected 18446744073709551615 bytes"),
            (b"\x0d\0\0\0", "test, here, a number: truncated: expected 4 bytes, found 3"),
            (b"\x09\0\0\0", "test, here, a number: truncated: expected 8 bytes, found 3"),
            (b"\x0b", "expected a field of type 0, 1, 2 or 5, found type 3 of field 1"),
            (b"\x0f", "found type 7 of field 1"),
            (b"\x00\x00", "expected a field from 1 to 2^29 - 1, found field 0"),
            (b"\x80\x80\x80\x80\x10\x00", "found field 536870912"),
        ] {
            let error = Fields::new(bytes, ERRORS).next("here").unwrap_err().to_string();
            assert!(error.contains(expected), "{expected:?} is not in {error:?}");
        }
    }
}
