//! JPEG pictures, read as gray bytes or as red, green and blue.
//!
//! ```text
//! file    = SOI segment* SOS coded-data (segment* SOS coded-data)* EOI 00*
//! segment = ff marker length:u16 data          big-endian, the length counts itself
//! ```
//!
//! Source: ITU-T T.81. The crate `zune-jpeg` decodes, in its strict mode and without unsafe code; this file limits it:
//! a block of 64 pixels takes at least a bit of the file, so that a size that the bytes cannot hold is refused before
//! memory is taken. Turning by Exif's orientation is not done: pixels are as they lie in the file.

use crate::error::{Errors, Result, show};
use crate::picture::Pixels;
use crate::png::{MAX_PIXELS, MAX_SIDE};
use std::io::Cursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

const ERRORS: Errors = Errors("JPEG");

/// The most pixels that a byte can hold: a bit for each block of 8 x 8.
const PIXELS_OF_A_BYTE: u64 = 8 * 64;
/// A progressive picture has about ten scans; each is a pass over all of it.
const MAX_SCANS: usize = 64;

/// Reads a picture, at most 16384 pixels a side and 64 Mi pixels in all.
pub(crate) fn read_pixels(bytes: &[u8]) -> Result<Pixels> {
    let options = DecoderOptions::new_safe()
        .set_strict_mode(true)
        .set_max_width(MAX_SIDE as usize)
        .set_max_height(MAX_SIDE as usize)
        .jpeg_set_max_scans(MAX_SCANS);
    let damaged = |place: &str, error: String| {
        let error = ERRORS.malformed(place, "a well-formed picture", show(&error));
        error.with_hint("the file is truncated or damaged: save it again")
    };
    // The decoder takes a missing rest for gray.
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if !bytes[..end].ends_with(b"\xff\xd9") {
        return Err(damaged("end of file", "no end-of-image marker".to_owned()));
    }
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| damaged("header", error.to_string()))?;
    let Some((width, height)) = decoder.dimensions() else {
        return Err(damaged("header", "no size".to_owned()));
    };
    let pixels = width as u64 * height as u64;
    if pixels > MAX_PIXELS {
        return Err(ERRORS.limit("header, pixels", MAX_PIXELS, format!("{width} x {height} = {pixels}")));
    }
    let least = pixels / PIXELS_OF_A_BYTE;
    if least > bytes.len() as u64 {
        return Err(ERRORS.truncated(format!("pixels of {width} x {height}"), least, bytes.len() as u64));
    }
    let gray = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (channels, space) = if gray { (1, ColorSpace::Luma) } else { (3, ColorSpace::RGB) };
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let decoded = decoder.decode().map_err(|error| damaged("pixels", error.to_string()))?;
    if decoded.len() as u64 != pixels * channels as u64 {
        let expected = format!("{} bytes", pixels * channels as u64);
        return Err(ERRORS.malformed("pixels", expected, format!("{} bytes", decoded.len())));
    }
    Ok(Pixels { width: width as u32, height: height as u32, channels, bytes: decoded })
}
