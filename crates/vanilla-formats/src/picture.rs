//! Pictures of either format, by their first bytes: PNG (`png.rs`) or JPEG (`jpeg.rs`, with the feature `jpeg`).

use crate::error::Result;
use crate::{FormatError, png, sniff};

/// A picture of bytes, gray or in colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels in a row.
    pub width: u32,
    /// Rows, from the top.
    pub height: u32,
    /// Bytes of a pixel: 1 for gray, 3 for red, green, blue.
    pub channels: usize,
    /// `width * height * channels` bytes; 0 is dark.
    pub bytes: Vec<u8>,
}

/// Reads a picture, at most 16384 pixels a side and 64 Mi pixels in all.
///
/// # Errors
/// When the bytes are no PNG and no JPEG, are damaged, or the picture is too large.
pub fn read(bytes: &[u8]) -> Result<Pixels> {
    if bytes.starts_with(b"\xff\xd8\xff") {
        #[cfg(feature = "jpeg")]
        return crate::jpeg::read_pixels(bytes);
        #[cfg(not(feature = "jpeg"))]
        return Err(FormatError::Unsupported {
            format: "JPEG",
            place: "file".to_owned(),
            feature: "this build reads no JPEG".to_owned(),
            hint: "build it with the feature jpeg, or convert the picture to PNG",
        });
    }
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        let found = sniff::describe(bytes);
        return Err(FormatError::NotThisFormat {
            expected: "a PNG or JPEG picture",
            found,
            hint: "convert it first",
        });
    }
    png::read_pixels(bytes)
}
