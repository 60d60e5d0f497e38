//! gzip: RFC 1952 around deflate (RFC 1951).
//!
//! ```text
//! file   = member+                                       nothing before, between or behind
//! member = 1f 8b 08 flags mtime:4 xfl os [extra] [name] [comment] [crc16]
//!          deflate-stream crc32:4 isize:4                all little-endian
//! ```

use std::io::Read;

use flate2::bufread::MultiGzDecoder;

use crate::error::{Errors, Result};
use crate::sniff;
use crate::{FormatError, scalar};

const ERRORS: Errors = Errors("gzip");

/// The most that deflate can expand: 258 bytes from two bits.
pub(crate) const MAX_EXPANSION: u64 = 1032;

/// Whether the bytes begin like a gzip file.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Decompresses every member and checks its CRC and length.
/// More than `limit` bytes are an error, found out after `limit + 1` bytes.
pub fn decompress(bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    if !is_gzip(bytes) {
        return Err(FormatError::NotThisFormat {
            expected: "a gzip file",
            found: sniff::describe(bytes),
            hint: "",
        });
    }
    let out = take(MultiGzDecoder::new(bytes), limit.saturating_add(1), bytes.len())?;
    if out.len() > limit {
        let found = format!("more than {limit} decompressed bytes");
        return Err(ERRORS.limit("data", limit as u64, found));
    }
    Ok(out)
}

/// At most the first `count` decompressed bytes; what follows them is not looked at.
pub(crate) fn prefix(bytes: &[u8], count: usize) -> Result<Vec<u8>> {
    take(MultiGzDecoder::new(bytes), count, bytes.len())
}

/// Reads at most `count` bytes; memory grows with what really arrives.
fn take(reader: impl Read, count: usize, compressed: usize) -> Result<Vec<u8>> {
    let mut out: Vec<u8> = scalar::reserve(count.min(compressed.saturating_mul(4)), ERRORS, "data")?;
    match reader.take(count as u64).read_to_end(&mut out) {
        Ok(_) => Ok(out),
        Err(error) => {
            let place = format!("data, after {} decompressed bytes", out.len());
            let error = ERRORS.malformed(place, "a valid gzip stream", error.to_string());
            Err(error.with_hint("the file is truncated or damaged: download or copy it again"))
        }
    }
}
