//! IDX and gzip: round trips, every element type, and hostile files: truncations, wrong magic, counts that lie,
//! bombs.

mod common;

use std::time::{Duration, Instant};

use common::{f32s, gzip, i64s, refused, refused_file, u8s};
use proptest::prelude::*;
use vanilla_formats::{FormatError, idx};

fn with_type(code: u8, data: &[u8]) -> Vec<u8> {
    [&[0, 0, code, 1, 0, 0, 0, 2], data].concat()
}

#[test]
fn every_type_is_big_endian() {
    let cases = [
        (0x08, vec![1, 255], u8s(&[2], &[1, 255])),
        (0x09, vec![1, 255], i64s(&[2], &[1, -1])),
        (0x0B, vec![1, 2, 0xFF, 0xFE], i64s(&[2], &[258, -2])),
        (0x0C, vec![0, 0, 1, 0, 0x80, 0, 0, 0], i64s(&[2], &[256, i64::from(i32::MIN)])),
        (0x0D, [1.5f32.to_be_bytes(), (-0.25f32).to_be_bytes()].concat(), f32s(&[2], &[1.5, -0.25])),
        (0x0E, [0.1f64.to_be_bytes(), f64::INFINITY.to_be_bytes()].concat(), f32s(&[2], &[0.1, f32::INFINITY])),
    ];
    for (code, data, expected) in cases {
        assert_eq!(idx::read(&with_type(code, &data)).unwrap(), expected, "type {code:02X}");
    }
}

#[test]
fn images_and_labels_plain_and_gzipped() {
    let images = u8s(&[2, 2, 3], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255]);
    let labels = u8s(&[3], &[9, 0, 4]);
    let (images_file, labels_file) = (idx::write(&images), idx::write(&labels));
    assert_eq!(images_file[..16], [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3]);
    assert_eq!(idx::read_images(&images_file).unwrap(), images);
    assert_eq!(idx::read_labels(&labels_file).unwrap(), labels);
    assert_eq!(idx::read_images(&gzip(&images_file)).unwrap(), images);
    // Several gzip members are one stream.
    let members = [gzip(&images_file[..5]), gzip(&images_file[5..])].concat();
    assert_eq!(idx::read_images(&members).unwrap(), images);
}

#[test]
fn hostile_files_are_refused() {
    let huge = [&[0, 0, 8, 3][..], &[0xFF; 12]].concat();
    let too_much = [0, 0, 8, 3, 0, 0, 0xEA, 0x60, 0, 0, 0x03, 0x7C, 0, 0, 0x03, 0x7C];
    let short = [idx::write(&u8s(&[60000, 1], &[7; 60000]))[..12].to_vec(), vec![7; 59999]].concat();
    let labels = idx::write(&u8s(&[3], &[1, 2, 3]));
    let images = idx::write(&u8s(&[1, 1, 1], &[1]));
    let bad_crc = {
        let mut file = gzip(&labels);
        let at = file.len() - 5;
        file[at] ^= 1;
        file
    };
    let bad_length = {
        let mut file = gzip(&labels);
        let at = file.len() - 1;
        file[at] ^= 1;
        file
    };
    let cases: [(&str, Vec<u8>, &str); 22] = [
        ("empty", vec![], "IDX, header: truncated: expected 4 bytes, found 0"),
        ("three bytes", vec![0, 0, 8], "IDX, header: truncated: expected 4 bytes, found 3"),
        ("no dimensions", vec![0, 0, 8, 0], "expected 1 to 8 axes, found 0"),
        ("not zero", vec![1, 2, 8, 1, 0, 0, 0, 0], "not an IDX file: found bytes 01 02 08 01"),
        ("another format", b"\x89PNG\r\n\x1a\n".to_vec(), "not an IDX file: found a PNG picture"),
        ("type 0A", vec![0, 0, 0x0A, 1, 0, 0, 0, 0], "IDX, header, type at byte 2: expected 08 u8"),
        ("header only", vec![0, 0, 8, 2, 0, 0, 0, 1], "header: truncated: expected 12 bytes, found 8"),
        ("overflow", huge, "a product of dimensions that fits memory"),
        ("47 GB", too_much.to_vec(), "data (0 of 60000 items): truncated: expected 47739840000"),
        ("59999 of 60000", short, "data (59999 of 60000 items): truncated: expected 60000 bytes, found 59999"),
        ("trailing", [&labels[..], &[0]].concat(), "nothing behind them, found 1 bytes behind it"),
        ("little-endian", vec![1, 8, 0, 0, 3, 0, 0, 0, 1, 2, 3], "written in little-endian order"),
        ("255 axes", [&[0, 0, 8, 255][..], &[0; 1020]].concat(), "expected 1 to 8 axes, found 255"),
        ("bad CRC", bad_crc, "gzip, data, after 11 decompressed bytes"),
        ("bad ISIZE", bad_length, "gzip, data, after 11 decompressed bytes"),
        ("truncated gzip", gzip(&labels)[..20].to_vec(), "the file is truncated or damaged"),
        ("gzip of trailing", gzip(&[&labels[..], &[0]].concat()), "more bytes in the gzip file"),
        ("two members, too long", [gzip(&labels), gzip(&[0])].concat(), "more bytes in the gzip file"),
        ("gzip of little", gzip(&labels[..10]), "data (2 of 3 items): truncated"),
        ("gzip of a huge header", gzip(&too_much), "data in gzip: truncated: expected 47739840016"),
        ("gzip in gzip", gzip(&gzip(&labels)), "gzip inside gzip"),
        (
            "f64 out of range",
            with_type(0x0E, &[1e300f64.to_be_bytes(); 2].concat()),
            "element 0: expected a float64 in",
        ),
    ];
    for (name, file, fragment) in cases {
        refused_file(name, &file, idx::read, fragment);
    }
    let swapped = "did you swap the image and the label file?";
    refused("labels as images", idx::read_images(&labels), swapped);
    refused("images as labels", idx::read_labels(&images), swapped);
    refused("gzipped labels as images", idx::read_images(&gzip(&labels)), swapped);
    refused("no images", idx::read_images(&idx::write(&u8s(&[0, 28, 28], &[]))), "an empty dataset");
    refused("no labels", idx::read_labels(&idx::write(&u8s(&[0], &[]))), "an empty dataset");
}

#[test]
fn gzip_bomb_is_stopped_at_the_declared_size() {
    let header = idx::write(&u8s(&[4], &[1, 2, 3, 4]));
    let bomb = gzip(&[header, vec![0; 64 << 20]].concat());
    let start = Instant::now();
    refused("bomb", idx::read(&bomb), "more bytes in the gzip file");
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn gzip_limit() {
    use vanilla_formats::gzip::{decompress, is_gzip};
    let file = gzip(b"0123456789");
    assert!(is_gzip(&file) && !is_gzip(b"\x1f"));
    assert_eq!(decompress(&file, 10).unwrap(), b"0123456789");
    assert!(matches!(decompress(&file, 9), Err(FormatError::Limit { limit: 9, .. })));
    assert_eq!(decompress(&gzip(b""), 0).unwrap(), b"");
    refused("not gzip", decompress(b"{}", 9), "not a gzip file: found JSON text");
    refused("trailing bytes", decompress(&[&file[..], b"x"].concat(), 99), "a valid gzip stream");
}

proptest! {
    #[test]
    fn round_trip(shape in prop::collection::vec(1usize..5, 1..4), seed in any::<u64>()) {
        let count: usize = shape.iter().product();
        let bytes: Vec<u8> = (0..count as u64).map(|at| (seed >> (at % 57)) as u8).collect();
        let floats: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 3.0).collect();
        for array in [u8s(&shape, &bytes), f32s(&shape, &floats)] {
            prop_assert_eq!(&idx::read(&idx::write(&array)).unwrap(), &array);
            prop_assert_eq!(&idx::read(&gzip(&idx::write(&array))).unwrap(), &array);
        }
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = idx::read(&bytes);
        let _ = idx::read(&[&[0, 0, 8, 1][..], &bytes].concat());
        let _ = idx::read(&[&[0x1f, 0x8b, 8][..], &bytes].concat());
    }
}
