//! What the test files share.
#![allow(dead_code, reason = "every test file is a crate of its own and uses a part")]

pub mod h5;

use std::fmt::Debug;

use vanilla_formats::{Array, Data, FormatError};

pub fn u8s(shape: &[usize], values: &[u8]) -> Array {
    Array::new(shape.to_vec(), Data::U8(values.to_vec())).unwrap()
}

pub fn i64s(shape: &[usize], values: &[i64]) -> Array {
    Array::new(shape.to_vec(), Data::I64(values.to_vec())).unwrap()
}

pub fn f32s(shape: &[usize], values: &[f32]) -> Array {
    Array::new(shape.to_vec(), Data::F32(values.to_vec())).unwrap()
}

/// Asserts that reading failed with one line that contains `fragment`.
#[track_caller]
pub fn refused<T: Debug>(name: &str, result: Result<T, FormatError>, fragment: &str) {
    let message = match result {
        Ok(value) => panic!("{name}: accepted as {value:?}"),
        Err(error) => error.to_string(),
    };
    assert!(message.contains(fragment), "{name}: {fragment:?} is not in {message:?}");
    assert!(!message.contains(char::is_control), "{name}: not one printable line: {message:?}");
    assert!(message.len() < 900, "{name}: {} bytes of message", message.len());
}

/// As [`refused`] of what this reader makes of a file, and with little memory: a size that lies is found before anything
/// is taken for it. Counted is what was asked for, whether or not there was as much.
#[track_caller]
pub fn refused_file<T: Debug>(name: &str, file: &[u8], read: fn(&[u8]) -> Result<T, FormatError>, fragment: &str) {
    let mut result = None;
    let peak = allocation_counter::measure(|| result = Some(read(file))).bytes_max;
    refused(name, result.unwrap(), fragment);
    let allowed = (256 << 10) + 4 * file.len() as u64;
    assert!(peak <= allowed, "{name}: {peak} bytes of memory for a file of {}", file.len());
}

/// The bytes with some of them replaced from `at` on.
pub fn patch(bytes: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out[at..at + with.len()].copy_from_slice(with);
    out
}

/// Where `needle` stands for the `n`-th time, counted from 0.
pub fn find(bytes: &[u8], needle: &[u8], n: usize) -> usize {
    bytes.windows(needle.len()).enumerate().filter(|(_, window)| *window == needle).nth(n).expect("needle").0
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
