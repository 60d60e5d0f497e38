//! The messages in object headers that describe data: dataspace, datatype, layout, attribute.
//!
//! ```text
//! dataspace = 01 rank flags 0:5 dim:8* [max:8*]  |  02 rank flags (00 scalar | 01 simple | 02 null) dim:8* [max:8*]
//! datatype  = class+16*version bits:3 size:4 properties
//!             class 0 integer: offset:2 precision:2          1 float: offset:2 precision:2 exponent-at exponent-size
//!             mantissa-at mantissa-size bias:4               3 string: none      8 enum: base names values
//!             9 variable length: base
//! layout    = 03 or 04, 00 compact: size:2 data  |  01 contiguous: address:8 size:8  |  02 chunked  |  03 virtual
//!           | 01 or 02, rank class 0:5 [address:8] dim:4* [size:4 data]
//! attribute = 01 0 name-size:2 type-size:2 space-size:2 name type space value           each padded to 8 bytes
//!           | 02 or 03, flags name-size:2 type-size:2 space-size:2 [charset] name type space value        unpadded
//! text      = fixed: size bytes  |  variable: length:4 heap-address:8 index:4
//! ```
//!
//! Source: HDF5 File Format Specification 3.0, IV.A.2.

use super::heaps::{Cursor, Source, UNDEFINED};
use super::writer::bad_name;
use super::{Attr, ERRORS, MAX_RANK};
use crate::array::checked_count;
use crate::error::{Result, show};
use crate::scalar::{self, Kind};
use crate::{Array, FormatError};

/// A shape and its number of elements.
pub(super) struct Space {
    pub(super) shape: Vec<usize>,
    pub(super) count: usize,
}

/// An element type.
#[derive(Clone, Copy)]
pub(super) enum Type {
    Number {
        kind: Kind,
        big_endian: bool,
    },
    /// Padded with NUL, or with spaces.
    FixedText {
        size: usize,
        spaces: bool,
    },
    VariableText,
}

/// Where a dataset's bytes are.
pub(super) enum Layout<'a> {
    Compact(&'a [u8]),
    /// The size is absent in versions 1 and 2.
    Contiguous {
        address: u64,
        size: Option<u64>,
    },
}

pub(super) fn space(body: &[u8], place: &str) -> Result<Space> {
    let place = &format!("{place}, dataspace");
    let mut cursor = Cursor::new(body, place);
    let (version, rank, flags) = (cursor.u8()?, usize::from(cursor.u8()?), cursor.u8()?);
    match version {
        1 => drop(cursor.take(5)?),
        2 => match cursor.u8()? {
            0 | 1 => {}
            2 => return Err(ERRORS.unsupported(place, "a null dataspace (h5py.Empty)")),
            kind => return Err(ERRORS.malformed(place, "type 0, 1 or 2", kind.to_string())),
        },
        _ => return Err(ERRORS.malformed(place, "version 1 or 2", version.to_string())),
    }
    if version == 1 && flags & 2 != 0 {
        return Err(ERRORS.unsupported(place, "permuted dimensions"));
    }
    if rank > MAX_RANK {
        return Err(ERRORS.limit(place, MAX_RANK as u64, format!("{rank} axes")));
    }
    let dims: Vec<u64> = (0..rank).map(|_| cursor.u64()).collect::<Result<_>>()?;
    match checked_count(&dims) {
        Some((shape, count)) => Ok(Space { shape, count }),
        None => Err(ERRORS.malformed(place, "a product of dimensions below 2^64", format!("{dims:?}"))),
    }
}

pub(super) fn datatype(body: &[u8], place: &str) -> Result<Type> {
    let place = &format!("{place}, datatype");
    let unsupported = |feature: String| {
        ERRORS
            .unsupported(place, feature)
            .with_hint("save the weights as float32, without bfloat16, float16 or quantization")
    };
    let mut cursor = Cursor::new(body, place);
    let (class, bits, size) = (cursor.u8()?, cursor.number(3)?, cursor.u32()?);
    let (class, version) = (class & 15, class >> 4);
    if !(1..=4).contains(&version) {
        return Err(ERRORS.malformed(place, "version 1 to 4", version.to_string()));
    }
    match class {
        0 => {
            let (offset, precision) = (cursor.u16()?, cursor.u16()?);
            let bytes = match size {
                1 | 2 | 4 | 8 => size as usize,
                _ => return Err(unsupported(format!("{size}-byte integers"))),
            };
            if offset != 0 || u32::from(precision) != 8 * size || bits & !0b1001 != 0 {
                return Err(unsupported("integers with padding".to_owned()));
            }
            Ok(Type::Number { kind: Kind::Int { bytes, signed: bits & 8 != 0 }, big_endian: bits & 1 != 0 })
        }
        1 => {
            let properties = (cursor.u16()?, cursor.u16()?, cursor.take(4)?, cursor.u32()?);
            let sign = bits >> 8 & 0xFF;
            // Byte order in bits 0 and 6, no padding in 1 to 3, the leading 1 of the mantissa implied in 4 and 5.
            let common = bits & 0xFF_00FE == 0x20;
            let kind = match (size, properties, sign) {
                (4, (0, 32, [23, 8, 0, 23], 127), 31) if common => Kind::F32,
                (8, (0, 64, [52, 11, 0, 52], 1023), 63) if common => Kind::F64,
                _ => {
                    return Err(unsupported(format!(
                        "{}-bit floats that are not IEEE float32 or float64",
                        8 * u64::from(size)
                    )));
                }
            };
            Ok(Type::Number { kind, big_endian: bits & 1 != 0 })
        }
        3 => Ok(Type::FixedText { size: size as usize, spaces: bits & 15 == 2 }),
        8 => match boolean(cursor.rest(), bits, size, version) {
            Some(()) => Ok(Type::Number { kind: Kind::Bool, big_endian: false }),
            None => Err(unsupported("enumerations".to_owned())),
        },
        9 if bits & 15 == 1 && size == 16 => Ok(Type::VariableText),
        _ => {
            let name = match class {
                2 => "times",
                4 => "bit fields",
                5 => "opaque bytes (bfloat16 or float8 of Keras?)",
                6 => "compound types",
                7 => "references",
                9 => "variable-length sequences",
                10 => "array types",
                _ => return Err(ERRORS.malformed(place, "class 0 to 10", class.to_string())),
            };
            Err(unsupported(name.to_owned()))
        }
    }
}

/// Whether an enumeration is h5py's boolean: one-byte integers, FALSE is 0, TRUE is 1.
fn boolean(properties: &[u8], members: u64, size: u32, version: u8) -> Option<()> {
    let (base, rest) = properties.split_at_checked(12)?;
    let names: &[u8] = if version < 3 { b"FALSE\0\0\0TRUE\0\0\0\0" } else { b"FALSE\0TRUE\0" };
    let values = rest.strip_prefix(names)?;
    (members == 2 && size == 1 && base[0] & 15 == 0 && values.starts_with(&[0, 1])).then_some(())
}

pub(super) fn layout<'a>(body: &'a [u8], place: &str) -> Result<Layout<'a>> {
    let place = &format!("{place}, layout");
    let refuse = |feature: &'static str| {
        ERRORS.unsupported(place, feature).with_hint("save the file with Keras: it writes plain datasets")
    };
    let mut cursor = Cursor::new(body, place);
    let version = cursor.u8()?;
    match version {
        1 | 2 => {
            let (rank, class) = (usize::from(cursor.u8()?), cursor.u8()?);
            cursor.take(5)?;
            match class {
                0 => {
                    cursor.take(4 * rank)?;
                    let size = cursor.u32()? as usize;
                    Ok(Layout::Compact(cursor.take(size)?))
                }
                1 => Ok(Layout::Contiguous { address: cursor.u64()?, size: None }),
                2 => Err(refuse("a chunked dataset")),
                _ => Err(ERRORS.malformed(place, "class 0, 1 or 2", class.to_string())),
            }
        }
        3 | 4 => match cursor.u8()? {
            0 => {
                let size = usize::from(cursor.u16()?);
                Ok(Layout::Compact(cursor.take(size)?))
            }
            1 => Ok(Layout::Contiguous { address: cursor.u64()?, size: Some(cursor.u64()?) }),
            2 => Err(refuse("a chunked dataset")),
            3 if version == 4 => Err(refuse("a virtual dataset")),
            class => Err(ERRORS.malformed(place, "class 0, 1, 2 or 3", class.to_string())),
        },
        _ => Err(ERRORS.malformed(place, "version 1 to 4", version.to_string())),
    }
}

/// The elements of a dataset or attribute, whose raw bytes have exactly the right length.
pub(super) fn numbers(kind: Kind, big_endian: bool, space: Space, raw: &[u8], place: &str) -> Result<Array> {
    Array::new(space.shape, scalar::decode(kind, big_endian, raw, ERRORS, place)?)
}

/// The bytes that `count` elements of `size` need, or an error if there cannot be so many.
pub(super) fn byte_len(count: usize, size: usize, place: &str) -> Result<usize> {
    count.checked_mul(size).ok_or_else(|| {
        ERRORS.malformed(place, "a size below 2^64 bytes", format!("{count} elements of {size} bytes"))
    })
}

pub(super) fn attribute(source: &mut Source<'_>, body: &[u8], place: &str) -> Result<(String, Attr)> {
    let mut cursor = Cursor::new(body, place);
    let (version, flags) = (cursor.u8()?, cursor.u8()?);
    if !(1..=3).contains(&version) {
        return Err(ERRORS.malformed(format!("{place}, attribute"), "version 1, 2 or 3", version.to_string()));
    }
    let sizes = [cursor.u16()?, cursor.u16()?, cursor.u16()?].map(usize::from);
    if version == 3 {
        cursor.u8()?;
    }
    if version > 1 && flags & 3 != 0 {
        return Err(ERRORS.unsupported(format!("{place}, attribute"), "a shared datatype or dataspace"));
    }
    let [name, kind, shape] = sizes.map(|size| {
        let padded = if version == 1 { size.next_multiple_of(8) } else { size };
        cursor.take(padded).map(|bytes| &bytes[..size])
    });
    let name = text(until_nul(name?), &format!("{place}, attribute name"))?;
    let place = &format!("{place}, attribute {}", show(&name));
    if let Some(error) = bad_name(&name, true, place) {
        return Err(error);
    }
    let (kind, space) = (datatype(kind?, place)?, space(shape?, place)?);
    let value = cursor.rest();
    let raw = |size: usize| {
        let needed = byte_len(space.count, size, place)?;
        value.get(..needed).ok_or_else(|| ERRORS.truncated(place, needed as u64, value.len() as u64))
    };
    let texts: Vec<String> = match kind {
        Type::Number { kind, big_endian } => {
            let raw = raw(kind.size())?;
            return Ok((name, Attr::Numbers(numbers(kind, big_endian, space, raw, place)?)));
        }
        Type::FixedText { size: 0, .. } => {
            return Err(ERRORS.malformed(place, "a text of 1 byte or more", "0 bytes"));
        }
        Type::FixedText { size, spaces } => raw(size)?
            .chunks_exact(size)
            .map(|value| {
                let text = text(until_nul(value), place)?;
                Ok(if spaces { text.trim_end_matches(' ').to_owned() } else { text })
            })
            .collect::<Result<_>>()?,
        Type::VariableText => {
            let values = raw(16)?.chunks_exact(16);
            values.map(|value| variable_text(source, value, place)).collect::<Result<_>>()?
        }
    };
    match space.shape.len() {
        0 => Ok((name, Attr::Str(texts.into_iter().next().unwrap_or_default()))),
        1 => Ok((name, Attr::StrList(texts))),
        rank => Err(ERRORS.unsupported(place, format!("texts on {rank} axes"))),
    }
}

fn variable_text(source: &mut Source<'_>, reference: &[u8], place: &str) -> Result<String> {
    let mut cursor = Cursor::new(reference, place);
    let (length, address, index) = (cursor.u32()?, cursor.u64()?, cursor.u32()?);
    if length == 0 && (address == 0 || address == UNDEFINED) {
        return Ok(String::new());
    }
    text(until_nul(source.global_object(address, index, length, place)?), place)
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

pub(super) fn text(bytes: &[u8], place: &str) -> Result<String> {
    match core::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(not_utf8(bytes, place)),
    }
}

fn not_utf8(bytes: &[u8], place: &str) -> FormatError {
    ERRORS.malformed(place, "UTF-8 text", show(&String::from_utf8_lossy(bytes)))
}
