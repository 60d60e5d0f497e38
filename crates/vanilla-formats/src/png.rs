//! PNG pictures, read as gray bytes, written as gray or RGBA.
//!
//! ```text
//! file  = 89 "PNG" 0d 0a 1a 0a chunk(IHDR) chunk* chunk(IDAT)+ chunk* chunk(IEND)
//! chunk = length:u32 type:4 data crc:u32           big-endian
//! ```
//!
//! Source: W3C Portable Network Graphics, third edition. The `png` crate decodes; this file limits it, checks the
//! declared size against the bytes that are there, lays transparent pixels on white, and weighs colours as
//! ITU-R BT.601 does (`picture.rs`). Of 16-bit samples the upper byte counts; of an
//! animation the first picture.

use std::io::Cursor;

use ::png::{BitDepth, ColorType, Decoder, DecodingError, Encoder, Limits, Transformations};

use crate::error::{Errors, Result};
use crate::gzip::MAX_EXPANSION;
use crate::picture::{Pixels, brightness};
use crate::{FormatError, scalar, sniff};

const ERRORS: Errors = Errors("PNG");
/// The largest width and height.
pub(crate) const MAX_SIDE: u32 = 16384;
/// The most pixels.
pub(crate) const MAX_PIXELS: u64 = 64 << 20;
/// What the decoder may take besides the pixels: text, colour profiles.
const MAX_EXTRA: usize = 1 << 20;

/// A gray picture: 0 is black, 255 is white, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height` bytes.
    pub gray: Vec<u8>,
}

/// Reads a picture of any colour type and depth as gray, at most 16384 pixels a side and 64 Mi pixels in all.
pub fn read(bytes: &[u8]) -> Result<Picture> {
    let (width, height, raw, color) = decode(bytes)?;
    Ok(Picture { width, height, gray: to_gray(raw, color)? })
}

/// As [`read`], with the colours kept where there are any: one byte a pixel, or red, green and blue.
pub(crate) fn read_pixels(bytes: &[u8]) -> Result<Pixels> {
    let (width, height, raw, color) = decode(bytes)?;
    let (channels, bytes) = match color {
        ColorType::Rgb => (3, raw),
        ColorType::Rgba => {
            let mut rgb = scalar::reserve(raw.len() / 4 * 3, ERRORS, "pixels")?;
            rgb.extend(raw.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]].map(|value| over_white(value, p[3]))));
            (3, rgb)
        }
        _ => (1, to_gray(raw, color)?),
    };
    Ok(Pixels { width, height, channels, bytes })
}

/// Width, height, 8-bit samples and what they are.
fn decode(bytes: &[u8]) -> Result<(u32, u32, Vec<u8>, ColorType)> {
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Err(FormatError::NotThisFormat {
            expected: "a PNG picture",
            found: sniff::describe(bytes),
            hint: "convert it to PNG first",
        });
    }
    check_palettes(bytes)?;
    let mut decoder = Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let info = decoder.read_header_info().map_err(|error| damaged("header", &error))?;
    let (width, height) = info.size();
    let pixels = u64::from(width) * u64::from(height);
    for (side, name) in [(width, "width"), (height, "height")] {
        if side > MAX_SIDE {
            return Err(ERRORS.limit(format!("header, {name}"), u64::from(MAX_SIDE), side.to_string()));
        }
    }
    if pixels > MAX_PIXELS {
        return Err(ERRORS.limit("header, pixels", MAX_PIXELS, format!("{width} x {height} = {pixels}")));
    }
    let bits = info.bits_per_pixel() as u64;
    let (raw, possible) = (pixels * bits / 8, MAX_EXPANSION * bytes.len() as u64);
    if raw > possible {
        let error = ERRORS.truncated(format!("pixels of {width} x {height}"), raw, possible);
        return Err(error.with_hint("found is the most that deflate could make of this file"));
    }
    // The decoder's own buffers hold at most the decompressed rows.
    decoder.set_limits(Limits { bytes: MAX_EXTRA + 2 * (pixels * bits.max(32) / 8) as usize });
    let mut reader = decoder.read_info().map_err(|error| damaged("chunks before the pixels", &error))?;
    let (color, depth) = reader.output_color_type();
    let Some(size) = reader.output_buffer_size().filter(|_| depth == BitDepth::Eight) else {
        return Err(ERRORS.unsupported("header", format!("{color:?} of {depth:?}")));
    };
    let mut raw: Vec<u8> = scalar::reserve(size, ERRORS, "pixels")?;
    raw.resize(size, 0);
    let frame = reader.next_frame(&mut raw).map_err(|error| damaged("pixels", &error))?;
    if (frame.width, frame.height) != (width, height) {
        let found = format!("{} x {}", frame.width, frame.height);
        return Err(ERRORS.malformed("first frame", format!("{width} x {height}"), found));
    }
    reader.finish().map_err(|error| damaged("chunks behind the pixels", &error))?;
    Ok((width, height, raw, color))
}

/// Refuses palettes of broken colours: the decoder, up to 0.18.1, panics on them (image-rs/image-png, issue 694).
fn check_palettes(bytes: &[u8]) -> Result<()> {
    let mut rest = &bytes[8..];
    while let Some((&[a, b, c, d, ref kind @ ..], tail)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if kind == b"PLTE" && !length.is_multiple_of(3) {
            return Err(ERRORS.malformed("palette", "three bytes for each colour", format!("{length} bytes")));
        }
        // Behind the data stands a CRC; what is cut short is for the decoder to say.
        let Some(next) = length.checked_add(4).and_then(|length| tail.get(length..)) else { break };
        rest = next;
    }
    Ok(())
}

/// Writes `width * height` gray bytes.
pub fn write_gray(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>> {
    encode(width, height, ColorType::Grayscale, pixels)
}

/// Writes `width * height` pixels of red, green, blue and opacity, a byte each.
pub fn write_rgba(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>> {
    encode(width, height, ColorType::Rgba, pixels)
}

fn encode(width: u32, height: u32, color: ColorType, pixels: &[u8]) -> Result<Vec<u8>> {
    let expected = u64::from(width) * u64::from(height) * color.samples() as u64;
    if width == 0 || height == 0 || pixels.len() as u64 != expected {
        let expected = format!("{expected} bytes, at least one pixel");
        return Err(ERRORS.malformed(
            format!("pixels of {width} x {height}"),
            expected,
            format!("{} bytes", pixels.len()),
        ));
    }
    let failed =
        |error: ::png::EncodingError| ERRORS.malformed("encoder", "to write the picture", error.to_string());
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, width, height);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

/// 8-bit samples of any colour type as gray, transparent ones on white.
fn to_gray(samples: Vec<u8>, color: ColorType) -> Result<Vec<u8>> {
    if color == ColorType::Grayscale {
        return Ok(samples);
    }
    let mut gray = scalar::reserve(samples.len() / color.samples(), ERRORS, "pixels")?;
    match color {
        ColorType::GrayscaleAlpha => gray.extend(samples.chunks_exact(2).map(|p| over_white(p[0], p[1]))),
        ColorType::Rgb => gray.extend(samples.chunks_exact(3).map(brightness)),
        ColorType::Rgba => gray.extend(samples.chunks_exact(4).map(|p| {
            let flat = [p[0], p[1], p[2]].map(|value| over_white(value, p[3]));
            brightness(&flat)
        })),
        ColorType::Grayscale | ColorType::Indexed => {
            return Err(ERRORS.unsupported("pixels", format!("{color:?} after expansion")));
        }
    }
    Ok(gray)
}

/// A sample on white ground.
fn over_white(value: u8, opacity: u8) -> u8 {
    let (value, opacity) = (u32::from(value), u32::from(opacity));
    ((value * opacity + 255 * (255 - opacity) + 127) / 255) as u8
}

fn damaged(place: &str, error: &DecodingError) -> FormatError {
    match error {
        DecodingError::LimitsExceeded => ERRORS.limit(place, MAX_EXTRA as u64, "more bytes"),
        _ => ERRORS
            .malformed(place, "a well-formed picture", error.to_string())
            .with_hint("the file is truncated or damaged: save it again"),
    }
}
