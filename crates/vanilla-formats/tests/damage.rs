//! Damage: every truncation and flips of every byte of small real files give `Ok` or `Err`, never a panic, and soon.

mod common;

use std::time::{Duration, Instant};

use common::{f32s, gzip, i64s, u8s};
use vanilla_formats::{hdf5, idx, keras_zip, npy, npz, png};

const MINI: &[u8] = include_bytes!("data/mini.keras");
const TINY_WEIGHTS: &[u8] = include_bytes!("data/tiny.weights.h5");
const TINY: &[u8] = include_bytes!("data/tiny.h5");

/// Reads the file at every `step`-th truncation and with every `step`-th byte changed.
/// `is_ok` reads; the result says how many of the damaged files were still accepted.
fn damage(name: &str, file: &[u8], step: usize, is_ok: impl Fn(&[u8]) -> bool) -> (usize, usize) {
    assert!(is_ok(file), "{name}: the undamaged file");
    let start = Instant::now();
    let truncations = (0..file.len()).step_by(step).filter(|&length| is_ok(&file[..length])).count();
    let mut flipped = file.to_vec();
    let mut flips = 0;
    for at in (0..file.len()).step_by(step) {
        for mask in [0x01, 0x80, 0xFF] {
            flipped[at] ^= mask;
            flips += usize::from(is_ok(&flipped));
            flipped[at] ^= mask;
        }
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{name}: {:?}", start.elapsed());
    (truncations, flips)
}

#[test]
fn hdf5_files_of_h5py() {
    let is_ok = |file: &[u8]| hdf5::read(file).is_ok();
    for (name, file, step) in [("weights", TINY_WEIGHTS, 5), ("model", TINY, 11)] {
        let (truncations, flips) = damage(name, file, step, is_ok);
        assert_eq!(truncations, 0, "{name}: the superblock knows the length");
        // The format has no checksums here: changed weights and unused space cannot be seen.
        assert!(flips > 0, "{name}");
    }
}

#[test]
fn hdf5_files_of_ours() {
    let root = hdf5::read(TINY_WEIGHTS).unwrap();
    let file = hdf5::write(&root).unwrap();
    // Object headers have checksums: what a damaged file may change is numbers and texts, never the tree of names.
    let expected = shapes(&root);
    let (truncations, _) = damage("ours", &file, 3, |file| match hdf5::read(file) {
        Ok(group) => shapes(&group) == expected || panic!("the checksums let another tree pass"),
        Err(_) => false,
    });
    assert_eq!(truncations, 0);
}

/// All names and shapes of a group.
fn shapes(group: &hdf5::Group) -> Vec<(String, Vec<usize>)> {
    let mut out = Vec::new();
    for (name, node) in &group.children {
        match node {
            hdf5::Node::Dataset(array) => out.push((name.clone(), array.shape.clone())),
            hdf5::Node::Group(inner) => {
                out.push((name.clone(), vec![]));
                out.extend(shapes(inner).into_iter().map(|(below, shape)| (format!("{name}/{below}"), shape)));
            }
        }
    }
    out
}

#[test]
fn keras_archives() {
    let original = keras_zip::read(MINI).unwrap();
    let (truncations, _) = damage("mini", MINI, 3, |file| match keras_zip::read(file) {
        Ok(read) => {
            // Only what is not content can change unseen: times, versions, attributes.
            assert_eq!(read, original);
            true
        }
        Err(_) => false,
    });
    assert_eq!(truncations, 0);
}

#[test]
fn arrays() {
    let bytes = u8s(&[5, 4, 3], &(0..60).collect::<Vec<u8>>());
    let floats = f32s(&[3, 7], &[0.5; 21]);
    let integers = i64s(&[9], &[-1; 9]);
    for (array, name) in [(&bytes, "u8"), (&floats, "f32")] {
        let (truncations, _) = damage(name, &idx::write(array), 1, |file| idx::read(file).is_ok());
        assert_eq!(truncations, 0, "IDX {name}");
    }
    let zipped = gzip(&idx::write(&bytes));
    let (truncations, _) = damage("gzip", &zipped, 1, |file| match idx::read(file) {
        Ok(array) => array == bytes || panic!("changed content passed the CRC"),
        Err(_) => false,
    });
    assert_eq!(truncations, 0, "gzip");
    for array in [&bytes, &floats, &integers] {
        let (truncations, _) = damage("npy", &npy::write(array), 1, |file| npy::read(file).is_ok());
        assert_eq!(truncations, 0, "npy");
    }
    let archive = npz::write(&[("a", &bytes), ("b", &floats), ("c", &integers)]).unwrap();
    let arrays = npz::read(&archive).unwrap();
    let (truncations, _) = damage("npz", &archive, 1, |file| match npz::read(file) {
        Ok(read) => read == arrays || panic!("changed content passed the CRC"),
        Err(_) => false,
    });
    assert_eq!(truncations, 0, "npz");
}

#[test]
fn pictures() {
    let pixels: Vec<u8> = (0..28 * 28 * 4).map(|at| (at * 7 % 251) as u8).collect();
    let picture = png::write_rgba(28, 28, &pixels).unwrap();
    let gray = png::read(&picture).unwrap();
    let (truncations, _) = damage("png", &picture, 1, |file| match png::read(file) {
        Ok(read) => read == gray || panic!("changed content passed the CRC"),
        Err(_) => false,
    });
    assert_eq!(truncations, 0);
}
