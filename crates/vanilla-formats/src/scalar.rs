//! Element types as files store them, and their decoding into the three types of [`Data`].
//!
//! bool, u8 -> u8; every other integer -> i64; f32, f64 -> f32 (rounded to nearest, ties to even).
//! Source: two's complement and IEEE 754-2019 binary32 and binary64.

use crate::Data;
use crate::error::{Errors, Result};

/// How a file stores one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One byte, 0 or 1.
    Bool,
    /// An integer of 1, 2, 4 or 8 bytes.
    Int { bytes: usize, signed: bool },
    /// binary32.
    F32,
    /// binary64.
    F64,
}

impl Kind {
    /// The size of one number in the file, in bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::Int { bytes, .. } => bytes,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// Decodes all of `bytes`, whose length is a multiple of the element size.
/// Takes memory for exactly the decoded numbers; an error names the element.
pub(crate) fn decode(kind: Kind, big_endian: bool, bytes: &[u8], errors: Errors, place: &str) -> Result<Data> {
    match kind {
        Kind::Bool => match bytes.iter().position(|&byte| byte > 1) {
            Some(at) => {
                Err(errors.malformed(format!("{place}, element {at}"), "a boolean 0 or 1", bytes[at].to_string()))
            }
            None => copy(bytes, errors, place).map(Data::U8),
        },
        Kind::Int { bytes: 1, signed: false } => copy(bytes, errors, place).map(Data::U8),
        Kind::Int { bytes: size, signed } => {
            let mut out = reserve(bytes.len() / size, errors, place)?;
            for (at, chunk) in bytes.chunks_exact(size).enumerate() {
                let wide = word(chunk, big_endian);
                let unused = 64 - 8 * size as u32;
                let value = if signed {
                    (wide << unused).cast_signed() >> unused
                } else {
                    i64::try_from(wide).map_err(|_| {
                        errors.malformed(
                            format!("{place}, element {at}"),
                            "an integer below 2^63",
                            wide.to_string(),
                        )
                    })?
                };
                out.push(value);
            }
            Ok(Data::I64(out))
        }
        Kind::F32 => {
            let mut out = reserve(bytes.len() / 4, errors, place)?;
            let (chunks, _) = bytes.as_chunks::<4>();
            out.extend(
                chunks.iter().map(
                    |&chunk| {
                        if big_endian { f32::from_be_bytes(chunk) } else { f32::from_le_bytes(chunk) }
                    },
                ),
            );
            Ok(Data::F32(out))
        }
        Kind::F64 => {
            let mut out = reserve(bytes.len() / 8, errors, place)?;
            for (at, chunk) in bytes.chunks_exact(8).enumerate() {
                let value = f64::from_bits(word(chunk, big_endian));
                let rounded = value as f32;
                if value.is_finite() && !rounded.is_finite() {
                    return Err(errors.malformed(
                        format!("{place}, element {at}"),
                        "a float64 in the range of float32 (at most 3.4e38)",
                        format!("{value:e}"),
                    ));
                }
                out.push(rounded);
            }
            Ok(Data::F32(out))
        }
    }
}

/// The unsigned value of at most 8 bytes.
fn word(chunk: &[u8], big_endian: bool) -> u64 {
    let fold = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
    if big_endian { chunk.iter().fold(0, fold) } else { chunk.iter().rev().fold(0, fold) }
}

fn copy(bytes: &[u8], errors: Errors, place: &str) -> Result<Vec<u8>> {
    let mut out = reserve(bytes.len(), errors, place)?;
    out.extend_from_slice(bytes);
    Ok(out)
}

/// An empty vector with room for `count` values, or an error if the machine has no such memory.
pub(crate) fn reserve<T>(count: usize, errors: Errors, place: &str) -> Result<Vec<T>> {
    let mut out = Vec::new();
    match out.try_reserve_exact(count) {
        Ok(()) => Ok(out),
        Err(_) => Err(errors.malformed(place, format!("memory for {count} elements"), "less")),
    }
}
