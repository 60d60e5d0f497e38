//! npy and npz: round trips, numpy's own bytes, and hostile files: headers, shapes, object arrays, members twice
//! or outside.

mod common;

use common::{deflate, f32s, i64s, refused, refused_file, u8s};
use proptest::prelude::*;
use vanilla_formats::{Array, Data, npy, npz};

/// An npy file of version 1.0 with this header and data; the header is not padded.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u16 + 1).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), b"\n", data].concat()
}

fn header(descr: &str, fortran: &str, shape: &str) -> String {
    format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}")
}

#[test]
fn writes_numpys_bytes() {
    // Copied from numpy 2.4.6: np.save of arange(6, dtype=u1).reshape(2, 3), of int64(5), of zeros((0,), f4).
    let cases = [
        (u8s(&[2, 3], &[0, 1, 2, 3, 4, 5]), "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }", 134, 6),
        (i64s(&[], &[5]), "{'descr': '<i8', 'fortran_order': False, 'shape': (), }", 136, 8),
        (f32s(&[0], &[]), "{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }", 128, 0),
        (
            u8s(&[1, 28, 28], &[0; 784]),
            "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 28, 28), }",
            912,
            784,
        ),
    ];
    for (array, header, length, data) in cases {
        let out = npy::write(&array);
        assert_eq!(out.len(), length, "{header}");
        assert_eq!(&out[..10], b"\x93NUMPY\x01\x00v\x00");
        assert_eq!(&out[10..10 + header.len()], header.as_bytes());
        assert!(out[10 + header.len()..length - data - 1].iter().all(|&byte| byte == b' '));
        assert_eq!(out[length - data - 1], b'\n');
        assert_eq!(npy::read(&out).unwrap(), array);
    }
    let long = Array { shape: vec![1; 30_000], data: Data::U8(vec![1]) };
    assert_eq!(npy::write(&long)[6], 2, "a header above 64 KiB takes version 2.0");
}

#[test]
fn every_dtype_and_order() {
    let cases = [
        ("'|b1'", vec![1, 0], u8s(&[2], &[1, 0])),
        ("'|u1'", vec![1, 255], u8s(&[2], &[1, 255])),
        ("'u1'", vec![1, 255], u8s(&[2], &[1, 255])),
        ("'|i1'", vec![1, 255], i64s(&[2], &[1, -1])),
        ("'<u2'", vec![1, 0, 255, 255], i64s(&[2], &[1, 65535])),
        ("'>i2'", vec![0, 1, 255, 254], i64s(&[2], &[1, -2])),
        ("\"<i4\"", vec![1, 0, 0, 0, 255, 255, 255, 255], i64s(&[2], &[1, -1])),
        ("'>u4'", vec![0, 0, 0, 1, 255, 255, 255, 255], i64s(&[2], &[1, 0xFFFF_FFFF])),
        ("'<i8'", [(-5i64).to_le_bytes(), i64::MAX.to_le_bytes()].concat(), i64s(&[2], &[-5, i64::MAX])),
        ("'<u8'", [5u64.to_le_bytes(), 6u64.to_le_bytes()].concat(), i64s(&[2], &[5, 6])),
        ("'>f4'", [1.5f32.to_be_bytes(), 2.5f32.to_be_bytes()].concat(), f32s(&[2], &[1.5, 2.5])),
        ("'<f8'", [0.1f64.to_le_bytes(), 1e-300f64.to_le_bytes()].concat(), f32s(&[2], &[0.1, 0.0])),
    ];
    for (descr, data, expected) in cases {
        assert_eq!(npy::read(&file(&header(descr, "False", "(2,)"), &data)).unwrap(), expected, "{descr}");
    }
    // Any order of keys, Python 2's long integers, no spaces.
    let odd = file("{'shape':(1L,2L),'fortran_order':False,\"descr\":'|u1'}  ", &[7, 8]);
    assert_eq!(npy::read(&odd).unwrap(), u8s(&[1, 2], &[7, 8]));
    for major in [2, 3] {
        let text = header("'|u1'", "False", "(2,)");
        let length = (text.len() as u32 + 1).to_le_bytes();
        let bytes = [b"\x93NUMPY", &[major, 0][..], &length, text.as_bytes(), b"\n\x01\x02"].concat();
        assert_eq!(npy::read(&bytes).unwrap(), u8s(&[2], &[1, 2]), "version {major}.0");
    }
}

#[test]
fn fortran_order_is_transposed() {
    let read = |shape, data: &[u8]| npy::read(&file(&header("'|u1'", "True", shape), data)).unwrap();
    assert_eq!(read("(2, 3)", &[0, 3, 1, 4, 2, 5]), u8s(&[2, 3], &[0, 1, 2, 3, 4, 5]));
    // np.asfortranarray(np.arange(12).reshape(2, 2, 3)).tobytes('F')
    let three = read("(2, 2, 3)", &[0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11]);
    assert_eq!(three, u8s(&[2, 2, 3], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
    assert_eq!(read("(3,)", &[1, 2, 3]), u8s(&[3], &[1, 2, 3]));
    assert_eq!(read("()", &[1]), u8s(&[], &[1]));
    assert_eq!(read("(0, 5)", &[]), u8s(&[0, 5], &[]));
}

#[test]
fn hostile_npy_is_refused() {
    let head = |descr: &str, shape: &str| file(&header(descr, "False", shape), &[]);
    let liar = [b"\x93NUMPY\x02\x00\xff\xff\xff\xff", &[b' '; 68][..]].concat();
    let big = [b"\x93NUMPY\x02\x00", &100_000u32.to_le_bytes()[..], &vec![b'('; 100_000]].concat();
    let no_newline = {
        let mut bytes = head("'|u1'", "(0,)");
        *bytes.last_mut().unwrap() = b' ';
        bytes
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", vec![], "not an npy file: found an empty file"),
        ("pickle", b"\x80\x04\x95".to_vec(), "not an npy file: found a Python pickle"),
        ("magic only", b"\x93NUMPY".to_vec(), "npy, header length: truncated"),
        ("version 9.0", b"\x93NUMPY\x09\x00\x00\x00\x00\x00".to_vec(), "expected 1.0, 2.0 or 3.0, found 9.0"),
        ("header of 4 GiB", liar, "npy, header: truncated: expected 4294967295 bytes, found 68"),
        ("100 KB of parentheses", big, "limit: expected at most 65536, found 100000 bytes"),
        ("nested", file(&format!("{{'shape': {}", "(".repeat(60_000)), &[]), "expected a dimension"),
        ("no data", head("'<f8'", "(65536, 65536)"), "truncated: expected 34359738368 bytes, found 0"),
        ("2^64", head("'|u1'", "(18446744073709551616,)"), "a dimension below 2^64"),
        ("overflow", head("'|u1'", "(4294967296, 4294967296)"), "a product of dimensions below 2^64 bytes"),
        ("overflow beside a zero", head("'|u1'", "(0, 4294967296, 4294967296)"), "a product of dimensions"),
        ("overflow in bytes", head("'<f8'", "(2305843009213693952,)"), "a product of dimensions below 2^64 bytes"),
        ("negative", head("'|u1'", "(-1,)"), "a dimension: an integer of 0 or more, found `-`"),
        ("bool", head("'|u1'", "(True,)"), "found `T`"),
        ("float", head("'|u1'", "(1.5, 2)"), "found `.`"),
        ("not a tuple", head("'|u1'", "(3)"), "`,` as in (3,)"),
        ("33 axes", head("'|u1'", &format!("({})", "1, ".repeat(33))), "at most 32, found more axes"),
        ("object", head("'|O'", "(1,)"), "object arrays refused"),
        ("record", head("[('a', '<f4')]", "(1,)"), "structured arrays"),
        ("float16", head("'<f2'", "(1,)"), "unsupported: dtype `<f2`"),
        ("complex", head("'<c8'", "(1,)"), "unsupported: dtype `<c8`"),
        ("text", head("'<U5'", "(1,)"), "unsupported: dtype `<U5`"),
        ("no byte order", head("'|f4'", "(1,)"), "a byte order `<` or `>`, found `|f4`"),
        ("escape", head("'\\x00'", "(1,)"), "a quoted ASCII string without escapes"),
        ("terminal escape", head("'\x1b[31m'", "(1,)"), "a quoted ASCII string without escapes"),
        ("not latin", head("'é'", "(1,)"), "a quoted ASCII string without escapes"),
        ("no newline", no_newline, "end of header: expected a newline"),
        ("code", file("__import__('os')", &[]), "expected `{`, found `_`"),
        ("key twice", file("{'shape': (), 'shape': ()}", &[]), "every key once"),
        ("unknown key", file("{'x': 1}", &[]), "the keys `descr`"),
        ("missing key", file("{'shape': ()}", &[]), "only some of them"),
        ("behind the brace", file(&(header("'|u1'", "False", "()") + " 1"), &[1]), "nothing behind the `}`"),
        ("trailing", file(&header("'|u1'", "False", "()"), &[1, 2]), "1 bytes behind them"),
        ("bool of 2", file(&header("'|b1'", "False", "()"), &[2]), "a boolean 0 or 1, found 2"),
        ("u64 above i64", file(&header("'<u8'", "False", "()"), &[255; 8]), "an integer below 2^63"),
        (
            "f64 above f32",
            file(&header("'<f8'", "False", "()"), &1e39f64.to_le_bytes()),
            "in the range of float32",
        ),
    ];
    for (name, bytes, fragment) in cases {
        refused_file(name, &bytes, npy::read, fragment);
    }
}

#[test]
fn npz_stored_and_deflated() {
    let (x, y) = (u8s(&[2, 2], &[1, 2, 3, 4]), i64s(&[2], &[0, -7]));
    let stored = npz::write(&[("x_train", &x), ("y_train", &y)]).unwrap();
    let arrays = npz::read(&stored).unwrap();
    assert_eq!(arrays, [("x_train".to_owned(), x.clone()), ("y_train".to_owned(), y.clone())]);
    assert_eq!(npz::get(&arrays, "y_train").unwrap(), &y);
    refused("key", npz::get(&arrays, "x_test"), "npz: no array `x_test`: it holds `x_train`, `y_train`");
    assert_eq!(npz::read(&npz::write(&[]).unwrap()).unwrap(), []);
    refused("twice", npz::write(&[("x", &x), ("x", &y)]), "every name once");
    refused("path", npz::write(&[("../x", &x)]), "a plain relative name");

    // The zip crate as the other side, both ways.
    use std::io::{Read as _, Write as _};
    let mut theirs = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, method, large) in
        [("b.npy", zip::CompressionMethod::Deflated, false), ("a.npy", zip::CompressionMethod::Stored, true)]
    {
        theirs.start_file(name, options.compression_method(method).large_file(large)).unwrap();
        theirs.write_all(&npy::write(&x)).unwrap();
    }
    let arrays = npz::read(&theirs.finish().unwrap().into_inner()).unwrap();
    assert_eq!(arrays, [("b".to_owned(), x.clone()), ("a".to_owned(), x.clone())]);
    let mut ours = zip::ZipArchive::new(std::io::Cursor::new(stored)).unwrap();
    let mut content = Vec::new();
    ours.by_name("x_train.npy").unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(content, npy::write(&x));
}

/// Copied from numpy 2.4.6: np.savez of x=arange(3, dtype=u1), which keeps zip64 sizes in the local header.
#[test]
fn numpys_own_npz() {
    let array = npy::write(&u8s(&[3], &[0, 1, 2]));
    assert_eq!(common::crc32(&array), 0xEC66_EA48);
    let local = b"PK\x03\x04-\0\0\0\0\0\0\0!\0H\xeaf\xec\xff\xff\xff\xff\xff\xff\xff\xff\x05\0\x14\0x.npy\
        \x01\0\x10\0\x83\0\0\0\0\0\0\0\x83\0\0\0\0\0\0\0";
    let rest =
        b"PK\x01\x02-\x03-\0\0\0\0\0\0\0!\0H\xeaf\xec\x83\0\0\0\x83\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\0\x80\x01\
        \0\0\0\0x.npyPK\x05\x06\0\0\0\0\x01\0\x01\x003\0\0\0\xba\0\0\0\0\0";
    let file = [&local[..], &array, rest].concat();
    assert_eq!(file.len(), 259);
    assert_eq!(npz::read(&file).unwrap(), [("x".to_owned(), u8s(&[3], &[0, 1, 2]))]);
}

#[test]
fn hostile_npz_is_refused() {
    let x = u8s(&[1], &[1]);
    let good = npz::write(&[("aaaa", &x)]).unwrap();
    let renamed = |name: &[u8; 8]| {
        let (local, central) = (common::find(&good, b"aaaa.npy", 0), common::find(&good, b"aaaa.npy", 1));
        common::patch(&common::patch(&good, local, name), central, name)
    };
    refused("traversal", npz::read(&renamed(b"../x.npy")), "a plain relative name, found `../x.npy`");
    let two = npz::write(&[("aaaa", &x), ("aaab", &x)]).unwrap();
    let twice = (0..2).fold(two, |file, _| {
        let at = common::find(&file, b"aaab.npy", 0);
        common::patch(&file, at, b"aaaa.npy")
    });
    refused("twice", npz::read(&twice), "npz, member `aaaa.npy`: expected every name once, found it twice");
    refused("not npy", npz::read(&renamed(b"aaaa.txt")), "a name that ends in .npy");
    refused("text", npz::read(b"<!DOCTYPE html>"), "not an npz archive: found an HTML page");
    let inner = npz::write(&[("bad", &u8s(&[1], &[1]))]).unwrap();
    let at = common::find(&inner, b"|u1", 0);
    refused("crc before content", npz::read(&common::patch(&inner, at, b"|O ")), "expected CRC");
}

proptest! {
    #[test]
    fn round_trip(shape in prop::collection::vec(0usize..5, 0..4), seed in any::<u64>()) {
        let count: usize = shape.iter().product();
        let words: Vec<u64> = (0..count as u64).map(|at| seed.wrapping_mul(2 * at + 1)).collect();
        let floats = words.iter().map(|&word| f32::from_bits(word as u32)).map(|x| if x.is_nan() { 0.0 } else { x });
        let arrays = [
            u8s(&shape, &words.iter().map(|&word| word as u8).collect::<Vec<_>>()),
            i64s(&shape, &words.iter().map(|&word| word.cast_signed()).collect::<Vec<_>>()),
            f32s(&shape, &floats.collect::<Vec<_>>()),
        ];
        for array in &arrays {
            prop_assert_eq!(&npy::read(&npy::write(array)).unwrap(), array);
        }
        let names = ["a", "b/c", "ü"];
        let all: Vec<(&str, &Array)> = names.into_iter().zip(&arrays).collect();
        let back = npz::read(&npz::write(&all).unwrap()).unwrap();
        prop_assert!(back.iter().map(|(name, array)| (name.as_str(), array)).eq(all));
    }

    #[test]
    fn any_header(text in "[{}()\\[\\]',: a-zA-Z0-9<>|]{0,80}", data in prop::collection::vec(any::<u8>(), 0..16)) {
        let _ = npy::read(&file(&text, &data));
        let _ = npy::read(&file(&header("'|u1'", "True", &text), &data));
        let _ = npz::read(&deflate(&data));
    }
}
