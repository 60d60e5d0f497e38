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

impl Pixels {
    /// A byte a pixel, whatever it was.
    pub fn into_gray(self) -> Vec<u8> {
        match self.channels {
            1 => self.bytes,
            _ => self.bytes.chunks_exact(3).map(brightness).collect(),
        }
    }
}

/// How bright red, green and blue are together, as ITU-R BT.601 weighs them: (299 R + 587 G + 114 B) / 1000.
///
/// # Panics
/// When there are fewer than three.
pub fn brightness(rgb: &[u8]) -> u8 {
    let [r, g, b] = [rgb[0], rgb[1], rgb[2]].map(u32::from);
    ((299 * r + 587 * g + 114 * b + 500) / 1000) as u8
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
