//! safetensors: round trips, a file of the reference writer, and hostile files: lengths, holes,
//! overlaps, names twice, depth.

mod common;

use common::{refused, refused_file};
use proptest::prelude::*;
use vanilla_formats::safetensors::{self, File, Tensor, Values};

/// Written by the reference implementation (safetensors 0.8.0 for Python).
const REFERENCE: &[u8] = include_bytes!("data/reference.safetensors");

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

fn tensor(name: &str, shape: &[usize], values: Values) -> Tensor {
    Tensor { name: name.into(), shape: shape.to_vec(), values }
}

/// One tensor with this text for its line.
fn one(line: &str, data: &[u8]) -> Vec<u8> {
    file(&format!("{{\"a\":{line}}}"), data)
}

fn hostile(name: &str, bytes: &[u8], fragment: &str) {
    refused_file(name, bytes, safetensors::read, fragment);
}

#[test]
fn a_file_of_the_reference_writer() {
    let File { metadata, tensors } = safetensors::read(REFERENCE).unwrap();
    let text = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    assert_eq!(metadata, [text("text", "ä\n\"q\""), text("who", "reference")]);
    let expected = [
        tensor("e", &[1], Values::U64(vec![1 << 63])),
        tensor("a", &[3], Values::I64(vec![0, 1, 2])),
        tensor("d", &[], Values::F64(vec![0.1])),
        tensor("b", &[2, 2], Values::F32(vec![1.5, -2.5, 3.25, 0.0])),
        tensor("empty", &[0, 4], Values::F32(vec![])),
        tensor("c", &[3], Values::U8(vec![7, 8, 9])),
    ];
    assert_eq!(tensors, expected);
    // Our writer differs only in the space that it needs no more than the reference one.
    let metadata: Vec<_> = metadata.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(safetensors::write(&metadata, &tensors).unwrap(), REFERENCE);
}

#[test]
fn an_empty_file_has_an_empty_header() {
    let bytes = safetensors::write(&[], &[]).unwrap();
    assert_eq!(bytes, file("{}      ", b""));
    assert_eq!(safetensors::read(&bytes).unwrap(), File::default());
}

#[test]
fn item_78_lengths_that_lie() {
    hostile("nothing", b"", "header length: truncated: expected 8 bytes, found 0");
    hostile("7 bytes", &[2, 0, 0, 0, 0, 0, 0], "header length: truncated: expected 8 bytes, found 7");
    hostile("length 0", &0u64.to_le_bytes(), "end of header: expected `}` and spaces, found nothing");
    hostile("length 0 and data", &file("", b"{}"), "end of header");
    hostile("2^63", &[&(1u64 << 63).to_le_bytes()[..], b"{}"].concat(), "header: truncated: expected 92233");
    hostile("u64::MAX", &[&u64::MAX.to_le_bytes()[..], b"{}"].concat(), "header: truncated");
    hostile(
        "one more",
        &[&3u64.to_le_bytes()[..], b"{}"].concat(),
        "header: truncated: expected 3 bytes, found 2",
    );
    let large = file(&format!("{{{}}}", " ".repeat(16 << 20)), b"");
    hostile("17 MiB", &large, "header: limit: expected at most 16777216, found 16777218 bytes");
}

#[test]
fn item_79_headers_that_do_not_begin_or_end_as_they_should() {
    hostile("a space first", &file(" {}", b""), "not a safetensors file (`{` at byte 8)");
    hostile("a byte order mark", &file("\u{feff}{}", b""), "not a safetensors file");
    hostile("a list", &file("[]", b""), "not a safetensors file");
    hostile("another format", b"PK\x03\x04 something longer", "not a safetensors file (`{` at byte 8): found");
    hostile("NUL padding", &file("{}\0\0", b""), "end of header: expected `}` and spaces, found byte 00");
    hostile("a newline behind", &file("{}\n", b""), "end of header: expected `}` and spaces, found byte 0a");
    hostile("two values", &file("{}{}", b""), "trailing characters");
    assert_eq!(safetensors::read(&file("{}   ", b"")).unwrap(), File::default());
}

#[test]
fn item_80_names_that_are_there_twice() {
    let a = r#""a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}"#;
    let again = r#""a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}"#;
    let escaped = r#""\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}"#;
    hostile("a tensor", &file(&format!("{{{a},{again}}}"), b"xy"), "the name `a` twice");
    hostile("escaped", &file(&format!("{{{a},{escaped}}}"), b"xy"), "the name `a` twice");
    let twice = r#"{"__metadata__":{},"__metadata__":{}}"#;
    hostile("metadata", &file(twice, b""), "the name `__metadata__` twice");
    let inside = r#"{"__metadata__":{"k":"1","k":"2"}}"#;
    hostile("inside metadata", &file(inside, b""), "the name `k` twice in __metadata__");
    for key in ["\"dtype\":\"U8\"", "\"shape\":[1]", "\"data_offsets\":[0,1]"] {
        let line = format!("{{{key},\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}");
        hostile(key, &one(&line, b"x"), "twice");
    }
}

#[test]
fn item_81_holes_overlaps_and_leftover_bytes() {
    let two = |first: &str, second: &str, data: &[u8]| {
        let line = |offsets: &str| format!(r#"{{"dtype":"U8","shape":[2],"data_offsets":{offsets}}}"#);
        file(&format!("{{\"a\":{},\"b\":{}}}", line(first), line(second)), data)
    };
    assert_eq!(safetensors::read(&two("[2,4]", "[0,2]", b"wxyz")).unwrap().tensors[0].name, "b");
    hostile(
        "at the start",
        &two("[1,3]", "[3,5]", b"vwxyz"),
        "tensor `a`: expected begin 0, found begin 1: a hole",
    );
    hostile(
        "in the middle",
        &two("[0,2]", "[3,5]", b"vwxyz"),
        "tensor `b`: expected begin 2, found begin 3: a hole",
    );
    hostile("overlap", &two("[0,2]", "[1,3]", b"xyz"), "tensor `b`: expected begin 2, found begin 1: an overlap");
    hostile("the same bytes", &two("[0,2]", "[0,2]", b"xy"), "an overlap");
    hostile("behind the data", &two("[0,2]", "[2,4]", b"wxyz!"), "end of file: expected 4 bytes of data");
    hostile("too short", &two("[0,2]", "[2,4]", b"wxy"), "tensor `b`: truncated: expected 4 bytes, found 3");
    hostile("only a header", &two("[0,2]", "[2,4]", b""), "tensor `a`: truncated");
}

#[test]
fn item_82_shapes_whose_product_overflows() {
    for shape in
        ["[4194305,4194305,211106198978564]", "[4294967296,4294967296]", "[18446744073709551615]", "[0,1e3]"]
    {
        let line = format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":[0,4]}}"#);
        assert!(safetensors::read(&one(&line, b"abcd")).is_err(), "{shape}");
    }
    let overflow = r#"{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}"#;
    hostile("times four", &one(overflow, b"abcd"), "expected a product of dimensions below 2^64 bytes");
    let hidden = r#"{"dtype":"F32","shape":[0,4294967296,4294967296,4294967296],"data_offsets":[0,0]}"#;
    hostile("a zero hides nothing", &one(hidden, b""), "expected a product of dimensions below 2^64 bytes");
    let large = r#"{"dtype":"F64","shape":[65536,65536],"data_offsets":[0,34359738368]}"#;
    hostile("32 GiB of nothing", &one(large, b""), "truncated: expected 34359738368 bytes, found 0");
    let axes = format!(r#"{{"dtype":"U8","shape":[{}1],"data_offsets":[0,1]}}"#, "1,".repeat(16));
    hostile("17 axes", &one(&axes, b"x"), "more than 16 axes");
}

#[test]
fn item_83_offsets_that_are_no_offsets() {
    for offsets in [
        "[1,0]",
        "[-1,0]",
        "[0,1.0]",
        "[0,1e0]",
        "[0,\"1\"]",
        "[0]",
        "[0,1,1]",
        "[0,18446744073709551616]",
        "0",
        "null",
        "{}",
        "[0,2]",
        "[18446744073709551615,0]",
        "[01,1]",
    ] {
        let line = format!(r#"{{"dtype":"U8","shape":[1],"data_offsets":{offsets}}}"#);
        refused(offsets, safetensors::read(&one(&line, b"x")), "safetensors, ");
    }
}

#[test]
fn item_84_types_that_are_not_read() {
    for dtype in ["BF16", "F16", "F8_E4M3", "BOOL", "I8", "I32", "f32", "", "F32\\u001b[2J"] {
        let line = format!(r#"{{"dtype":"{dtype}","shape":[1],"data_offsets":[0,1]}}"#);
        refused(dtype, safetensors::read(&one(&line, b"x")), "expected one of U8, I64, U64, F32, F64");
    }
    hostile("a list", &one(r#"["U8",[1],[0,1]]"#, b"x"), "expected an object with dtype, shape and data_offsets");
    let unknown = r#"{"dtype":"U8","shape":[1],"data_offsets":[0,1],"stride":[1]}"#;
    hostile("a key more", &one(unknown, b"x"), "the unknown key `stride`");
    hostile("a key less", &one(r#"{"dtype":"U8","shape":[1]}"#, b""), "tensor `a` without data_offsets");
}

#[test]
fn item_85_a_hundred_thousand_empty_tensors() {
    let lines: Vec<String> =
        (0..100_000).map(|i| format!(r#""{i}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#)).collect();
    hostile("tensors", &file(&format!("{{{}}}", lines.join(",")), b""), "more than 10000 tensors");
    let texts: Vec<String> = (0..10_001).map(|i| format!(r#""{i}":"""#)).collect();
    let texts = format!(r#"{{"__metadata__":{{{}}}}}"#, texts.join(","));
    // Of nine bytes each, they take sixteen times as much; that there are so few is what bounds it.
    refused("texts", safetensors::read(&file(&texts, b"")), "more than 10000 texts in __metadata__");
    let bytes = file(&format!("{{{}}}", lines[..10_000].join(",")), b"");
    assert_eq!(safetensors::read(&bytes).unwrap().tensors.len(), 10_000);
}

#[test]
fn item_86_metadata_that_is_no_text() {
    for value in ["1", "null", "true", "[\"a\"]", "{\"a\":\"b\"}"] {
        let header = format!("{{\"__metadata__\":{{\"k\":{value}}}}}");
        refused(value, safetensors::read(&file(&header, b"")), "expected a string");
    }
    hostile("a text", &file(r#"{"__metadata__":"x"}"#, b""), "expected an object of texts");
    hostile("null", &file(r#"{"__metadata__":null}"#, b""), "expected an object of texts");
}

#[test]
fn item_87_texts_that_are_no_text() {
    let bytes = [&8u64.to_le_bytes()[..], b"{\"\xff\":{}}"].concat();
    hostile("not UTF-8", &bytes, "safetensors, header, line 1 column");
    let named = |name: &str| {
        file(&format!("{{\"{name}\":{{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}}}"), b"x")
    };
    hostile("a lone surrogate", &named("\\ud800"), "safetensors, header, line 1 column");
    hostile("NUL", &named("a\\u0000"), "a name without control characters");
    hostile("an escape sequence", &named("\\u001b[2J"), "a name without control characters");
    hostile("no name", &named(""), "a name of 1 to 512 bytes");
    hostile("513 bytes", &named(&"x".repeat(513)), "a name of 1 to 512 bytes");
    assert_eq!(safetensors::read(&named("../../etc/passwd")).unwrap().tensors[0].name, "../../etc/passwd");
}

#[test]
fn item_88_depth() {
    let start = std::time::Instant::now();
    for bomb in ["{\"a\":".repeat(1 << 20), "{\"a\":[".repeat(1 << 20), format!("{{\"a\":{}", "[".repeat(1 << 20))]
    {
        hostile("open", &file(&bomb, b""), "end of header");
        hostile("closed", &file(&(bomb + "}"), b""), "safetensors, header, line 1 column");
    }
    let shape = format!(r#"{{"dtype":"U8","shape":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    hostile("a shape", &one(&shape, b""), "safetensors, header, line 1 column");
    assert!(start.elapsed().as_secs() < 20);
}

#[test]
fn item_89_what_is_no_number_is_told_to_the_caller() {
    for (values, place) in [
        (Values::F32(vec![0.0, f32::NAN]), Some(1)),
        (Values::F64(vec![f64::INFINITY]), Some(0)),
        (Values::F32(vec![f32::MAX, f32::MIN_POSITIVE / 2.0, -0.0]), None),
        (Values::U64(vec![u64::MAX]), None),
    ] {
        let bytes = safetensors::write(&[], &[tensor("a", &[values.len()], values)]).unwrap();
        let read = safetensors::read(&bytes).unwrap();
        assert_eq!(read.tensors[0].values.first_non_finite().map(|(at, _)| at), place);
    }
}

#[test]
fn the_writer_refuses_what_the_reader_would() {
    let byte = |name: &str| tensor(name, &[1], Values::U8(vec![1]));
    refused("twice", safetensors::write(&[], &[byte("a"), byte("a")]), "tensor `a`: expected every name once");
    refused("reserved", safetensors::write(&[], &[byte("__metadata__")]), "expected every name once");
    refused("no name", safetensors::write(&[], &[byte("")]), "a name of 1 to 512 bytes");
    refused("a control character", safetensors::write(&[("a\n", "")], &[]), "without control characters");
    refused("a text twice", safetensors::write(&[("a", "1"), ("a", "2")], &[]), "expected every name once");
    let short = tensor("a", &[2, 3], Values::F32(vec![0.0; 5]));
    refused("5 of 6", safetensors::write(&[], &[short]), "expected as many elements as shape [2, 3] has, found 5");
    let axes = tensor("a", &[1; 17], Values::U8(vec![1]));
    refused("17 axes", safetensors::write(&[], &[axes]), "expected at most 16, found 17 axes");
    let many: Vec<_> = (0..10_001).map(|i| byte(&i.to_string())).collect();
    refused("10001 tensors", safetensors::write(&[], &many), "expected at most 10000, found 10001");
    let long = "x".repeat(16 << 20);
    refused("a long text", safetensors::write(&[("a", &long)], &[]), "header: limit: expected at most 16777216");
}

#[test]
fn damage_gives_an_error_or_a_file_and_truncation_an_error() {
    for length in 0..REFERENCE.len() {
        assert!(safetensors::read(&REFERENCE[..length]).is_err(), "{length} bytes");
    }
    let mut bytes = REFERENCE.to_vec();
    let mut accepted = 0;
    for at in 0..bytes.len() {
        for mask in 1..=255u8 {
            bytes[at] ^= mask;
            accepted += usize::from(safetensors::read(&bytes).is_ok());
            bytes[at] ^= mask;
        }
    }
    // The format has no checksum: other numbers and other texts pass. Checkpoints add one.
    assert!(accepted > 0);
}

fn values() -> impl Strategy<Value = Values> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..9).prop_map(Values::U8),
        prop::collection::vec(any::<i64>(), 0..9).prop_map(Values::I64),
        prop::collection::vec(any::<u64>(), 0..9).prop_map(Values::U64),
        prop::collection::vec(any::<f32>(), 0..9).prop_map(Values::F32),
        prop::collection::vec(any::<f64>(), 0..9).prop_map(Values::F64),
    ]
}

proptest! {
    #[test]
    fn round_trips(
        texts in prop::collection::btree_map("[^\\p{Cc}]{1,20}", any::<String>(), 0..4),
        arrays in prop::collection::btree_map("[^\\p{Cc}]{1,20}", values(), 0..6),
    ) {
        let metadata: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let tensors: Vec<_> =
            arrays.into_iter().map(|(name, values)| tensor(&name, &[values.len()], values)).collect();
        let bytes = safetensors::write(&metadata, &tensors).unwrap();
        let read = safetensors::read(&bytes).unwrap();
        prop_assert_eq!(read.metadata, texts.into_iter().collect::<Vec<_>>());
        // Bits count, not values: NaN is not equal to itself.
        let shown = |tensors: &[Tensor]| tensors.iter().map(|tensor| format!("{tensor:?}")).collect::<Vec<_>>();
        prop_assert_eq!(shown(&read.tensors), shown(&tensors));
    }

    #[test]
    fn any_bytes_behind_a_length(header in prop::collection::vec(any::<u8>(), 0..64), data in any::<Vec<u8>>()) {
        let mut bytes = (header.len() as u64 + 1).to_le_bytes().to_vec();
        bytes.push(b'{');
        bytes.extend(header);
        bytes.extend(data);
        let _ = safetensors::read(&bytes);
    }
}
