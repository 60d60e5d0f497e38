//! `.keras`: golden files, our own bytes, and hostile files: overlaps, two directories, encryption, zip64, names,
//! links, checksums.

mod common;

use std::time::{Duration, Instant};

use common::{crc32, deflate, find, patch, refused, refused_file, u8s};
use vanilla_formats::keras_zip::{self, KerasArchive};
use vanilla_formats::{npy, npz};

const MINI: &[u8] = include_bytes!("data/mini.keras");

/// A member as a hostile writer might make it. The directory says what `central` functions change.
#[derive(Clone)]
struct Member {
    name: Vec<u8>,
    method: u16,
    flags: u16,
    content: Vec<u8>,
    size: u32,
    crc: u32,
    external: u32,
    /// Bytes between this member and the next.
    gap: Vec<u8>,
}

fn stored(name: &str, content: &[u8]) -> Member {
    Member {
        name: name.into(),
        method: 0,
        flags: 0,
        content: content.to_vec(),
        size: content.len() as u32,
        crc: crc32(content),
        external: 0,
        gap: vec![],
    }
}

fn deflated(name: &str, content: &[u8]) -> Member {
    Member { method: 8, content: deflate(content), ..stored(name, content) }
}

fn archive(members: &[Member]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let offset = out.len() as u32;
        let mut common = Vec::new();
        for half in [20, member.flags, member.method, 0, 0x21] {
            common.extend(u16::to_le_bytes(half));
        }
        for word in [member.crc, member.content.len() as u32, member.size] {
            common.extend(word.to_le_bytes());
        }
        common.extend((member.name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        out.extend([b"PK\x03\x04", &common[..], &member.name, &member.content, &member.gap].concat());
        directory.extend([b"PK\x01\x02\x14\x03", &common[..], &[0; 6], &member.external.to_le_bytes()].concat());
        directory.extend([&offset.to_le_bytes(), &member.name[..]].concat());
    }
    let (start, length, count) = (out.len() as u32, directory.len() as u32, members.len() as u16);
    out.extend([&directory, &b"PK\x05\x06\0\0\0\0"[..], &count.to_le_bytes(), &count.to_le_bytes()].concat());
    out.extend([&length.to_le_bytes()[..], &start.to_le_bytes(), &[0, 0]].concat());
    out
}

fn three() -> Vec<Member> {
    vec![
        stored("metadata.json", b"{}"),
        stored("config.json", b"{\"a\": 1}"),
        stored("model.weights.h5", b"weights"),
    ]
}

/// The three members with the second one changed.
fn with(change: impl Fn(&mut Member)) -> Vec<u8> {
    let mut members = three();
    change(&mut members[1]);
    archive(&members)
}

#[test]
fn golden_file_of_keras() {
    let keras = keras_zip::read(MINI).unwrap();
    let metadata = r#"{"keras_version": "3.15.1", "date_saved": "2026-11-23@16:36:46"}"#;
    assert_eq!(keras.metadata.as_deref(), Some(metadata));
    assert_eq!(keras.config.len(), 1987);
    assert!(keras.config.starts_with(r#"{"module": "keras", "class_name": "Sequential""#));
    assert_eq!(keras.weights.len(), 12516);
    let again = keras_zip::write(&keras).unwrap();
    assert_eq!(keras_zip::read(&again).unwrap(), keras);
    assert_eq!(keras_zip::write(&keras).unwrap(), again, "the same input gives the same bytes");
    assert_eq!(again.len(), MINI.len(), "Keras writes the same structure, only with the time of day");
    let differing = again.iter().zip(MINI).filter(|(ours, theirs)| ours != theirs).count();
    assert!(differing <= 8, "{differing} bytes differ, more than the two timestamps of one member");
}

#[test]
fn what_zip_allows_and_keras_might_write() {
    let expected = KerasArchive {
        metadata: Some("{}".to_owned()),
        config: "{\"a\": 1}".to_owned(),
        weights: b"weights".into(),
        assets: Vec::new(),
    };
    assert_eq!(keras_zip::read(&archive(&three())).unwrap(), expected);
    let vocabulary = "assets/layers/string_lookup/vocabulary.txt";
    let assets = vec![(vocabulary.to_owned(), "[UNK]\na\nü".to_owned())];
    let with_assets = KerasArchive { assets, ..expected.clone() };
    let beside = archive(&[three(), vec![deflated(vocabulary, "[UNK]\na\nü".as_bytes())]].concat());
    assert_eq!(keras_zip::read(&beside).unwrap(), with_assets);
    assert_eq!(keras_zip::read(&keras_zip::write(&with_assets).unwrap()).unwrap(), with_assets);
    let mut any_order = three();
    any_order.reverse();
    any_order[0] = deflated("model.weights.h5", b"weights");
    any_order.push(stored("assets/", b""));
    assert_eq!(keras_zip::read(&archive(&any_order)).unwrap(), expected);
    let without = KerasArchive { metadata: None, ..expected.clone() };
    assert_eq!(keras_zip::read(&archive(&three()[1..])).unwrap(), without);
    assert_eq!(keras_zip::read(&keras_zip::write(&without).unwrap()).unwrap(), without);
    let mut garbage = three();
    garbage[0] = stored("metadata.json", b"\xff{");
    assert_eq!(keras_zip::read(&archive(&garbage)).unwrap().metadata.as_deref(), Some("\u{fffd}{"));
    // Data descriptors, with and without their signature, in both widths.
    let crc = crc32(b"{\"a\": 1}").to_le_bytes();
    for signature in [&b"PK\x07\x08"[..], b""] {
        for sizes in [[&8u32.to_le_bytes()[..]; 2].concat(), [&8u64.to_le_bytes()[..]; 2].concat()] {
            let file = with(|member| {
                member.flags = 8;
                member.gap = [signature, &crc, &sizes].concat();
            });
            assert_eq!(keras_zip::read(&file).unwrap(), expected);
            // The usual form: the local header leaves CRC and sizes to the descriptor.
            let local = find(&file, b"PK\x03\x04", 1);
            assert_eq!(keras_zip::read(&patch(&file, local + 14, &[0; 12])).unwrap(), expected);
        }
    }
}

#[test]
fn hostile_archives_are_refused() {
    let good = archive(&three());
    let end = good.len() - 22;
    let local = find(&good, b"PK\x03\x04", 1);
    let central = find(&good, b"PK\x01\x02", 1);
    let named = |name: &[u8]| with(|member| member.name = name.to_vec());
    let many: Vec<Member> = (0..65).map(|n| stored(&format!("m{n}"), b"")).collect();
    let lying_count = patch(&good, end + 8, &[0xFE, 0xFF, 0xFE, 0xFF]);
    let overlap = {
        // Two entries of the directory for the bytes of one member.
        let offset = u32::from_le_bytes(good[central + 42..central + 46].try_into().unwrap()) - 1;
        patch(&good, central + 42, &offset.to_le_bytes())
    };
    let in_front = {
        let mut file = [b"#!/bin/sh\n", &good[..]].concat();
        for n in 0..3 {
            let at = find(&file, b"PK\x01\x02", n) + 42;
            let offset = u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) + 10;
            file = patch(&file, at, &offset.to_le_bytes());
        }
        let start = u32::from_le_bytes(good[end + 16..end + 20].try_into().unwrap()) + 10;
        patch(&file, end + 26, &start.to_le_bytes())
    };
    let comment = [&patch(&good, end + 20, &[5, 0])[..], b"<svg>"].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", vec![], "not a .keras archive: found an empty file"),
        (
            "pickle",
            b"\x80\x04\x95\x10".to_vec(),
            "found a Python pickle (a pickle is a program and is never opened",
        ),
        ("html", b"\n<!DOCTYPE html><html>".to_vec(), "found an HTML page (the download gave a web page"),
        ("hdf5", b"\x89HDF\r\n\x1a\n\0".to_vec(), "found an HDF5 file (this is a .h5 file under another name"),
        ("LFS", b"version https://git-lfs.github.com/spec/v1".to_vec(), "a Git LFS pointer"),
        ("no end", good[..end].to_vec(), "none: the archive is truncated"),
        ("half", good[..good.len() / 2].to_vec(), "none: the archive is truncated"),
        ("overlap", overlap, "overlapping members"),
        ("gap", with(|member| member.gap = vec![0; 9]), "bytes that belong to no member"),
        (
            "gap at the end",
            {
                let mut members = three();
                members[2].gap = vec![1];
                archive(&members)
            },
            "the directory at byte",
        ),
        ("local name", patch(&good, local + 30, b"CONFIG"), "with the name of the directory"),
        ("local size", patch(&good, local + 22, &[9]), "with the CRC and sizes of the directory"),
        ("local packed size", patch(&good, local + 18, &[9]), "with the CRC and sizes of the directory"),
        ("local method", patch(&good, local + 8, &[8]), "with the flags and method of the directory"),
        ("central size", patch(&good, central + 24, &[9]), "expected 9 stored bytes, found 8"),
        ("central offset", patch(&good, central + 42, &[0xFF; 4]), "well-formed extra fields"),
        ("count of 65534", lying_count, "limit: expected at most 64, found 65534 members"),
        ("65 members", archive(&many), "limit: expected at most 64, found 65 members"),
        ("count too small", patch(&good, end + 8, &[2, 0, 2, 0]), "expected 2 headers"),
        (
            "count too large",
            patch(&good, end + 8, &[4, 0, 4, 0]),
            "central directory, member 3: expected a header",
        ),
        ("zip64", patch(&good, end + 16, &[0xFF; 4]), "a zip64 archive"),
        ("several parts", patch(&good, end + 4, &[1]), "an archive in several parts"),
        (
            "duplicate",
            archive(&[three(), vec![stored("config.json", b"{}")]].concat()),
            "every name once, found it twice",
        ),
        ("absolute", named(b"/config.json"), "a plain relative name, found `/config.json`"),
        ("parent", named(b"assets/../../x"), "a plain relative name"),
        ("backslash", named(b"assets\\x"), "a plain relative name, found `assets\\\\x`"),
        ("drive", named(b"C:config.json"), "a plain relative name"),
        ("NUL", named(b"config.json\0"), "found `config.json\\0`"),
        ("terminal escape", named(b"\x1b[2Jconfig"), "found `\\u{1b}[2Jconfig`"),
        (
            "right to left",
            with(|member| {
                member.name = "\u{202e}nosj".into();
                member.flags = 1 << 11;
            }),
            "member `\\u{202e}nosj`: expected metadata.json",
        ),
        ("no UTF-8", named(b"conf\xff"), "a name in UTF-8"),
        ("long name", named(&[b'a'; 300]), "limit: expected at most 256, found a name of 300 bytes"),
        ("symlink", with(|member| member.external = 0o120_777 << 16), "a symbolic link"),
        ("device", with(|member| member.external = 0o020_666 << 16), "a special file"),
        ("encrypted", with(|member| member.flags = 1), "unsupported: encryption"),
        ("masked", with(|member| member.flags = 1 << 13), "unsupported: flags 0x2000"),
        ("method 93", with(|member| member.method = 93), "compression method 93"),
        ("in front", in_front, "not a .keras archive: found bytes 23 21 2f 62"),
        ("behind", [&good[..], b"<html>"].concat(), "nothing behind the directory"),
        ("comment", comment, "nothing behind the directory"),
        ("CRC", with(|member| member.crc ^= 1), "member `config.json`: expected CRC"),
        ("asset", named(b"assets/model.bin"), "member `assets/model.bin`: unsupported: an asset that is no text"),
        (
            "asset that is no text",
            archive(&[three(), vec![stored("assets/x.txt", b"a\xffb")]].concat()),
            "member `assets/x.txt` at byte 1: expected UTF-8 text",
        ),
        ("shards", named(b"model_00000.weights.h5"), "weights outside model.weights.h5"),
        (
            "npz",
            named(b"model.weights.npz"),
            "weights in npz, which Keras writes as pickles (a pickle is a program and is never opened",
        ),
        (
            "unknown",
            named(b"evil.py"),
            "member `evil.py`: expected metadata.json, config.json and model.weights.h5",
        ),
        (
            "no config",
            archive(&[stored("model.weights.h5", b"")]),
            "no member `config.json`: it holds `model.weights.h5`",
        ),
        ("no weights", archive(&[stored("config.json", b"")]), "no member `model.weights.h5`"),
        ("no members", archive(&[]), "no member `config.json`: it holds nothing"),
        (
            "no members, and a directory outside",
            patch(&archive(&[]), 16, &[0xFF, 0]),
            "central directory: expected 0 bytes at byte 255",
        ),
        (
            "config not UTF-8",
            {
                let mut members = three();
                members[1] = stored("config.json", b"{\xff}");
                archive(&members)
            },
            "member `config.json` at byte 1: expected UTF-8 text",
        ),
        (
            "declared beyond deflate",
            with(|member| {
                *member = deflated("config.json", b"{}");
                member.size = 1 << 30;
            }),
            "1073741824 declared",
        ),
        (
            "declared too much",
            with(|member| {
                *member = deflated("config.json", &[b' '; 5000]);
                member.size += 1;
            }),
            "member `config.json`: expected 5001 bytes",
        ),
        (
            "declared too little",
            with(|member| {
                *member = deflated("config.json", &[b' '; 5000]);
                member.size -= 1;
            }),
            "member `config.json`: expected 4999 bytes",
        ),
        (
            "deflate and more",
            with(|member| {
                *member = deflated("config.json", b"{}");
                member.content.push(0);
            }),
            "expected 2 bytes from",
        ),
        (
            "not deflate",
            with(|member| {
                *member = deflated("config.json", &[b' '; 5000]);
                member.content[0] = 0xFF;
            }),
            "a valid deflate stream",
        ),
        ("descriptor missing", with(|member| member.flags = 8), "a data descriptor behind the data"),
        (
            "more than 2 GiB",
            archive(
                &(0..3)
                    .map(|n| Member {
                        size: 1 << 30,
                        method: 8,
                        content: vec![0; 1 << 21],
                        ..stored(&format!("m{n}"), b"")
                    })
                    .collect::<Vec<_>>(),
            ),
            "limit: expected at most 2147483648",
        ),
    ];
    for (name, file, fragment) in cases {
        refused_file(name, &file, |bytes| keras_zip::read(bytes).map(drop), fragment);
    }
    let spaces = vec![b' '; (1 << 20) + (1 << 18)];
    let text = || with(|member| *member = deflated("config.json", &spaces));
    refused("a small bomb as text", keras_zip::read(&text()), "member `config.json`: limit: expected at most ");
    let zeros = archive(&[stored("config.json", b"{}"), deflated("model.weights.h5", &vec![0; 2 << 20])]);
    refused(
        "a small bomb as weights",
        keras_zip::read(&zeros),
        "member `model.weights.h5`: limit: expected at most ",
    );
    refused(
        "big metadata",
        keras_zip::read(&archive(&[
            stored("metadata.json", &vec![b' '; (1 << 20) + 1]),
            stored("config.json", b"{}"),
            stored("model.weights.h5", b""),
        ])),
        "member `metadata.json`: limit: expected at most 1048576",
    );
    let npz_bomb = archive(&[deflated("x.npy", &[npy::write(&u8s(&[1], &[1])), vec![0; 1 << 20]].concat())]);
    refused("npz beyond the header", npz::read(&npz_bomb), "1048576 bytes behind them");
    refused(
        "npz of objects",
        npz::read(&archive(&[stored("x.npy", &{
            let file = npy::write(&u8s(&[1], &[1]));
            let at = find(&file, b"|u1", 0);
            patch(&file, at, b"|O8")
        })])),
        "npy, member `x.npy`, dtype: unsupported: object arrays refused",
    );
}

#[test]
fn a_gigabyte_of_spaces_is_refused_before_it_is_decompressed() {
    let spaces = vec![b' '; 65 << 20];
    let file = archive(&[deflated("config.json", &spaces), stored("model.weights.h5", b"")]);
    let start = Instant::now();
    refused("spaces", keras_zip::read(&file), "member `config.json`: limit: expected at most ");
    assert!(start.elapsed() < Duration::from_millis(100));
}
