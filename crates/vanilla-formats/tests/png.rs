//! PNG: every colour type and depth, and hostile files: sizes, bombs, checksums, palettes.

mod common;

use std::io::Write as _;

use common::{crc32, refused, refused_file};
use proptest::prelude::*;
use vanilla_formats::png::{Picture, read, write_gray, write_rgba};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [kind, data].concat();
    [&(data.len() as u32).to_be_bytes()[..], &body, &crc32(&body).to_be_bytes()].concat()
}

fn ihdr(width: u32, height: u32, depth: u8, color: u8, interlace: u8) -> Vec<u8> {
    chunk(b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, color, 0, 0, interlace]].concat())
}

fn idat(rows: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(rows).unwrap();
    chunk(b"IDAT", &encoder.finish().unwrap())
}

/// A PNG file; `rows` has a filter byte before each row.
fn file(header: Vec<u8>, between: &[u8], rows: &[u8]) -> Vec<u8> {
    [SIGNATURE, &header, between, &idat(rows), &chunk(b"IEND", b"")].concat()
}

#[test]
fn every_colour_type() {
    let palette = [chunk(b"PLTE", &[255, 0, 0, 0, 0, 255]), chunk(b"tRNS", &[255, 0])].concat();
    let cases: Vec<(&str, Vec<u8>, u32, Vec<u8>)> = vec![
        ("gray 8", file(ihdr(2, 1, 8, 0, 0), b"", &[0, 7, 200]), 2, vec![7, 200]),
        ("gray 1", file(ihdr(3, 1, 1, 0, 0), b"", &[0, 0b1010_0000]), 3, vec![255, 0, 255]),
        ("gray 2", file(ihdr(4, 1, 2, 0, 0), b"", &[0, 0b0001_1011]), 4, vec![0, 85, 170, 255]),
        ("gray 4", file(ihdr(2, 1, 4, 0, 0), b"", &[0, 0x0F]), 2, vec![0, 255]),
        ("gray 16", file(ihdr(2, 1, 16, 0, 0), b"", &[0, 0x12, 0x34, 0xFF, 0xFF]), 2, vec![0x12, 255]),
        ("gray tRNS", file(ihdr(2, 1, 8, 0, 0), &chunk(b"tRNS", &[0, 7]), &[0, 7, 200]), 2, vec![255, 200]),
        ("gray alpha", file(ihdr(3, 1, 8, 4, 0), b"", &[0, 0, 0, 0, 255, 100, 51]), 3, vec![255, 0, 224]),
        (
            "rgb",
            file(ihdr(4, 1, 8, 2, 0), b"", &[0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]),
            4,
            vec![76, 150, 29, 9],
        ),
        ("rgb 16", file(ihdr(1, 1, 16, 2, 0), b"", &[0, 10, 1, 10, 2, 10, 3]), 1, vec![10]),
        ("rgba", file(ihdr(2, 1, 8, 6, 0), b"", &[0, 0, 0, 0, 0, 255, 0, 0, 255]), 2, vec![255, 76]),
        ("rgba 16", file(ihdr(1, 1, 16, 6, 0), b"", &[0, 1, 1, 1, 1, 1, 1, 255, 255]), 1, vec![1]),
        ("palette", file(ihdr(2, 1, 8, 3, 0), &palette, &[0, 0, 1]), 2, vec![76, 255]),
        ("palette 1", file(ihdr(2, 1, 1, 3, 0), &palette, &[0, 0b0100_0000]), 2, vec![76, 255]),
        // Adam7: pixel (0,0), then (1,0), then the second row.
        ("interlaced", file(ihdr(2, 2, 8, 0, 1), b"", &[0, 1, 0, 2, 0, 3, 4]), 2, vec![1, 2, 3, 4]),
    ];
    for (name, bytes, width, gray) in cases {
        let height = gray.len() as u32 / width;
        assert_eq!(read(&bytes).unwrap(), Picture { width, height, gray }, "{name}");
    }
}

#[test]
fn hostile_pictures_are_refused() {
    let good = file(ihdr(2, 1, 8, 0, 0), b"", &[0, 7, 200]);
    let bad_crc = {
        let mut bytes = good.clone();
        bytes[29] ^= 1;
        bytes
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", vec![], "not a PNG picture: found an empty file"),
        ("JPEG", b"\xff\xd8\xff\xe0".to_vec(), "found a JPEG picture (convert it to PNG first)"),
        ("GIF", b"GIF89a".to_vec(), "found a GIF picture"),
        ("WebP", b"RIFF\0\0\0\0WEBPVP8 ".to_vec(), "found a WebP picture"),
        ("SVG", b"<?xml version='1.0'?>\n<svg>".to_vec(), "found an SVG picture"),
        ("HTML", b"\xef\xbb\xbf <html>".to_vec(), "found an HTML page"),
        ("HEIC", b"\0\0\0\x18ftypheic".to_vec(), "found an AVIF, HEIC or MP4 file"),
        ("2^31 square", file(ihdr(0x7FFF_FFFF, 0x7FFF_FFFF, 8, 6, 0), b"", &[]), "limit: expected at most 16384"),
        ("too high", file(ihdr(1, 16385, 8, 0, 0), b"", &[]), "header, height: limit: expected at most 16384"),
        ("too many", file(ihdr(16384, 16384, 8, 0, 0), b"", &[]), "16384 x 16384 = 268435456"),
        ("no width", file(ihdr(0, 1, 8, 0, 0), b"", &[]), "PNG, header: expected a well-formed picture"),
        ("no pixels for it", file(ihdr(8000, 8000, 8, 6, 0), b"", &[0; 100]), "pixels of 8000 x 8000: truncated"),
        ("bad CRC", bad_crc, "PNG, header"),
        (
            "no data",
            [SIGNATURE, &ihdr(2, 1, 8, 0, 0), &chunk(b"IEND", b"")].concat(),
            "the file is truncated or damaged",
        ),
        ("short data", file(ihdr(2, 2, 8, 0, 0), b"", &[0, 1, 2]), "PNG, pixels"),
        ("truncated", good[..good.len() - 20].to_vec(), "the file is truncated or damaged"),
        ("no palette", file(ihdr(2, 1, 8, 3, 0), b"", &[0, 0, 1]), "PNG, "),
        (
            "palette of 4 bytes",
            file(ihdr(2, 1, 8, 3, 0), &chunk(b"PLTE", &[1, 2, 3, 4]), &[0, 0, 0]),
            "PNG, palette: expected three bytes for each colour, found 4 bytes",
        ),
        ("bad filter", file(ihdr(2, 1, 8, 0, 0), b"", &[9, 1, 2]), "PNG, pixels"),
        ("bad depth", file(ihdr(2, 1, 3, 0, 0), b"", &[0, 0]), "PNG, header"),
    ];
    for (name, bytes, fragment) in cases {
        refused_file(name, &bytes, read, fragment);
    }
    // Compressed text and colour profiles are never inflated.
    let bomb = {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&vec![0; 64 << 20]).unwrap();
        encoder.finish().unwrap()
    };
    for (kind, name) in [(b"zTXt", "text"), (b"iCCP", "profile")] {
        let data = [b"name\0\0", &bomb[..]].concat();
        let bytes = file(ihdr(2, 1, 8, 0, 0), &chunk(kind, &data), &[0, 7, 200]);
        let start = std::time::Instant::now();
        assert_eq!(read(&bytes).unwrap().gray, [7, 200], "{name}");
        assert!(start.elapsed() < std::time::Duration::from_millis(200), "{name}");
    }
    // More pixel data than the header declares.
    let _ = read(&file(ihdr(2, 1, 8, 0, 0), b"", &vec![0; 16 << 20]));
}

#[test]
fn writes_what_it_reads() {
    let gray = write_gray(3, 2, &[0, 1, 2, 253, 254, 255]).unwrap();
    assert_eq!(read(&gray).unwrap(), Picture { width: 3, height: 2, gray: vec![0, 1, 2, 253, 254, 255] });
    let rgba = write_rgba(2, 1, &[255, 255, 255, 255, 0, 0, 0, 128]).unwrap();
    assert_eq!(read(&rgba).unwrap().gray, [255, 127]);
    refused("wrong length", write_gray(2, 2, &[0; 3]), "expected 4 bytes, at least one pixel, found 3 bytes");
    refused("no pixels", write_rgba(0, 2, &[]), "pixels of 0 x 2");
}

proptest! {
    #[test]
    fn round_trip(width in 1u32..20, height in 1u32..20, seed in any::<u64>()) {
        let gray: Vec<u8> = (0..u64::from(width * height)).map(|at| (seed.rotate_left(at as u32) ^ at) as u8).collect();
        let picture = read(&write_gray(width, height, &gray).unwrap()).unwrap();
        prop_assert_eq!(picture, Picture { width, height, gray });
    }

    #[test]
    fn any_chunks(header in prop::collection::vec(any::<u8>(), 13), data in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = read(&[SIGNATURE, &chunk(b"IHDR", &header), &chunk(b"IDAT", &data), &chunk(b"IEND", b"")].concat());
        let _ = read(&file(ihdr(3, 3, header[0] % 17, header[1] % 7, header[2] % 2), &chunk(b"PLTE", &data), &data));
    }
}
