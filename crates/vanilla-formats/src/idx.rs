//! IDX, the format of the MNIST files, plain or in gzip.
//!
//! ```text
//! file = 00 00 type:u8 rank:u8 (dim:u32){rank} element{product of dims}      all big-endian, exact length
//! type = 08 u8 | 09 i8 | 0B i16 | 0C i32 | 0D f32 | 0E f64
//! ```
//!
//! Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section "The IDX file format".
//! Narrower than that: 1 to 8 axes.

use std::borrow::Cow;

use crate::array::checked_count;
use crate::error::{Errors, Result};
use crate::gzip::{self, MAX_EXPANSION};
use crate::scalar::{self, Kind};
use crate::{Array, Data, FormatError, sniff};

const ERRORS: Errors = Errors("IDX");
const MAX_RANK: usize = 8;
const SWAPPED: &str = "did you swap the image and the label file?";

/// Reads an array of any type and 1 to 8 axes.
pub fn read(bytes: &[u8]) -> Result<Array> {
    let bytes = unzipped(bytes)?;
    let header = Header::parse(&bytes)?;
    header.read_data(&bytes)
}

/// Reads images: 3 axes (count, rows, columns) of u8, at least one image.
pub fn read_images(bytes: &[u8]) -> Result<Array> {
    read_kind(bytes, "images, 3 axes of uint8", 3)
}

/// Reads labels: 1 axis of u8, at least one label.
pub fn read_labels(bytes: &[u8]) -> Result<Array> {
    read_kind(bytes, "labels, 1 axis of uint8", 1)
}

/// Writes u8 as type 08 and f32 as type 0D.
///
/// # Panics
///
/// If the array has no IDX form: i64, no axis or more than 255, or an axis of 2^32 or more.
pub fn write(array: &Array) -> Vec<u8> {
    let rank = u8::try_from(array.shape.len()).expect("IDX has at most 255 axes");
    assert!(rank > 0, "IDX has no scalars");
    let kind = match array.data {
        Data::U8(_) => 0x08,
        Data::F32(_) => 0x0D,
        Data::I64(_) => panic!("IDX has no 64-bit integers"),
    };
    let mut out = vec![0, 0, kind, rank];
    for &dim in &array.shape {
        let dim = u32::try_from(dim).expect("an IDX axis is below 2^32");
        out.extend_from_slice(&dim.to_be_bytes());
    }
    match &array.data {
        Data::U8(values) => out.extend_from_slice(values),
        Data::F32(values) => out.extend(values.iter().flat_map(|value| value.to_be_bytes())),
        Data::I64(_) => {}
    }
    out
}

fn read_kind(bytes: &[u8], expected: &'static str, rank: usize) -> Result<Array> {
    let bytes = unzipped(bytes)?;
    let header = Header::parse(&bytes)?;
    if header.shape.len() != rank || header.code != 0x08 {
        return Err(ERRORS.malformed("header", expected, header.to_string()).with_hint(SWAPPED));
    }
    if header.shape[0] == 0 {
        return Err(ERRORS.malformed("header, dimension 0", "at least one item", "an empty dataset"));
    }
    header.read_data(&bytes)
}

/// What stands before the data.
struct Header {
    code: u8,
    kind: Kind,
    shape: Vec<usize>,
    /// Elements, the product of `shape`.
    count: usize,
    /// Bytes of the data.
    data: usize,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self> {
        if gzip::is_gzip(bytes) {
            return Err(ERRORS.unsupported("file", "gzip inside gzip").with_hint("decompress it once"));
        }
        let Some(&[zero0, zero1, code, rank]) = bytes.first_chunk() else {
            return Err(ERRORS.truncated("header", 4, bytes.len() as u64));
        };
        if zero0 != 0 || zero1 != 0 {
            let little_endian = (1..=MAX_RANK).contains(&usize::from(zero0)) && code == 0 && rank == 0;
            return Err(FormatError::NotThisFormat {
                expected: "an IDX file",
                found: sniff::describe(bytes),
                hint: if little_endian && element(zero1).is_some() {
                    "this looks like an IDX header written in little-endian order; IDX is big-endian"
                } else {
                    "an IDX file begins with 00 00"
                },
            });
        }
        let Some(kind) = element(code) else {
            return Err(ERRORS.malformed(
                "header, type at byte 2",
                "08 u8, 09 i8, 0B i16, 0C i32, 0D f32 or 0E f64",
                format!("{code:02X}"),
            ));
        };
        let rank = usize::from(rank);
        if rank == 0 || rank > MAX_RANK {
            return Err(ERRORS.malformed(
                "header, rank at byte 3",
                format!("1 to {MAX_RANK} axes"),
                rank.to_string(),
            ));
        }
        let Some(dims) = bytes.get(4..4 + 4 * rank) else {
            return Err(ERRORS.truncated("header", 4 + 4 * rank as u64, bytes.len() as u64));
        };
        let dims: Vec<u64> = dims
            .chunks_exact(4)
            .map(|dim| dim.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
            .collect();
        let sizes = checked_count(&dims)
            .and_then(|(shape, count)| Some((shape, count, count.checked_mul(kind.size())?)))
            .filter(|&(_, _, data)| data < isize::MAX as usize / 2);
        let Some((shape, count, data)) = sizes else {
            return Err(ERRORS.malformed(
                "header",
                "a product of dimensions that fits memory",
                format!("{dims:?}"),
            ));
        };
        Ok(Self { code, kind, shape, count, data })
    }

    /// The length of the header in bytes.
    fn len(&self) -> usize {
        4 + 4 * self.shape.len()
    }

    /// Decodes the data behind the header in `bytes`, the whole file.
    fn read_data(&self, bytes: &[u8]) -> Result<Array> {
        let data = bytes.get(self.len()..).unwrap_or_default();
        if data.len() < self.data {
            let items = self.shape[0];
            let whole = (data.len() as u128 * items as u128 / self.data.max(1) as u128) as usize;
            let place = format!("data ({whole} of {items} items)");
            let error = ERRORS.truncated(place, self.data as u64, data.len() as u64);
            return Err(error.with_hint("download or copy the file again"));
        }
        if data.len() > self.data {
            return Err(self.trailing(format!("{} bytes behind it", data.len() - self.data)));
        }
        let data = scalar::decode(self.kind, true, data, ERRORS, "data")?;
        debug_assert_eq!(data.len(), self.count);
        Array::new(self.shape.clone(), data)
    }

    fn trailing(&self, found: String) -> FormatError {
        ERRORS.malformed("end of file", format!("{} bytes of data and nothing behind them", self.data), found)
    }
}

impl core::fmt::Display for Header {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let axes = if self.shape.len() == 1 { "axis" } else { "axes" };
        write!(f, "{} {axes} {:?} of type {:02X}", self.shape.len(), self.shape, self.code)
    }
}

fn element(code: u8) -> Option<Kind> {
    Some(match code {
        0x08 => Kind::Int { bytes: 1, signed: false },
        0x09 => Kind::Int { bytes: 1, signed: true },
        0x0B => Kind::Int { bytes: 2, signed: true },
        0x0C => Kind::Int { bytes: 4, signed: true },
        0x0D => Kind::F32,
        0x0E => Kind::F64,
        _ => return None,
    })
}

/// The IDX bytes, out of gzip if they are in it: the header is read first, and no more is decompressed than it declares.
fn unzipped(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    if !gzip::is_gzip(bytes) {
        return Ok(Cow::Borrowed(bytes));
    }
    let head = gzip::prefix(bytes, 4 + 4 * MAX_RANK)?;
    let header = Header::parse(&head)?;
    let total = header.len() + header.data;
    let possible = MAX_EXPANSION * bytes.len() as u64;
    if total as u64 > possible {
        return Err(ERRORS.truncated("data in gzip", total as u64, possible).with_hint(
            "found is the most that deflate could make of this file: it is incomplete, or its header is wrong",
        ));
    }
    match gzip::decompress(bytes, total) {
        Ok(out) => Ok(Cow::Owned(out)),
        Err(FormatError::Limit { .. }) => Err(header.trailing("more bytes in the gzip file".to_owned())),
        Err(error) => Err(error),
    }
}
