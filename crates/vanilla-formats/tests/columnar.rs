//! Parquet and Arrow files of pyarrow's and Polars', against the same rows as CSV; what is refused; and damage.
#![cfg(any(feature = "arrow", feature = "parquet"))]

use std::path::PathBuf;
use vanilla_formats::columnar::{self, Columnar, Form};
use vanilla_formats::csv;
use vanilla_formats::table::Column;

fn golden(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tables");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn read(bytes: &[u8]) -> vanilla_formats::Result<Columnar> {
    columnar::read(Form::of(bytes).expect("a file of these forms"), bytes, &[])
}

fn refusal(bytes: &[u8]) -> String {
    let text = read(bytes).expect_err("it is refused").to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

/// What is in a column, for a comparison that names the place.
fn values(column: &Column, rows: usize) -> Vec<Option<String>> {
    (0..rows).map(|row| column.text(row).map(|text| text.into_owned())).collect()
}

fn is_as_csv(name: &str) {
    let expected = csv::read(&golden("pets.csv"), &csv::Options::default()).unwrap();
    let found = read(&golden(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!((found.rows, found.columns.len()), (40, 8), "{name}");
    for (found, expected) in found.columns.iter().zip(&expected.columns) {
        assert_eq!(found.name, expected.name, "{name}");
        assert_eq!(found.kind(), expected.kind(), "{name}, {}", found.name);
        assert_eq!(values(found, 40), values(expected, 40), "{name}, {}", found.name);
    }
    // 40 rows, of which every 9th, 5th, 11th, 6th or 10th is missing.
    let missing: Vec<usize> = found.columns.iter().map(Column::missing).collect();
    assert_eq!(missing, [4, 0, 0, 8, 0, 3, 6, 4], "{name}");
    assert_eq!(found.notes, expected.notes, "{name}");
}

/// Every truncation, and flips of every byte: an error or another table, never a panic.
fn damage(name: &str, step: usize) -> usize {
    let file = golden(name);
    let form = Form::of(&file).unwrap();
    // Of a file this small 16 million values and 64 MB of decompressed bytes may come at most.
    let accepted = |bytes: &[u8]| {
        let mut ok = 0;
        let counts = allocation_counter::measure(|| ok = usize::from(columnar::read(form, bytes, &[]).is_ok()));
        assert!(counts.bytes_max < 160 << 20, "{name}: {} bytes", counts.bytes_max);
        ok
    };
    let cut: usize = (0..file.len()).map(|length| accepted(&file[..length])).sum();
    let mut flipped = file.clone();
    for at in (0..file.len()).step_by(step) {
        for mask in [0x01, 0x40, 0x80, 0xff] {
            flipped[at] ^= mask;
            accepted(&flipped);
            flipped[at] ^= mask;
        }
    }
    // Several bytes at once, by a generator that always gives the same ones.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..rounds() {
        let mut mutant = file.clone();
        for _ in 0..1 + next(4) {
            let at = next(mutant.len());
            mutant[at] = [0, 1, 0x7f, 0x80, 0xff, next(256) as u8][next(6)];
        }
        accepted(&mutant);
    }
    cut
}

/// How many mutants there are of every file; more where `VANILLA_MUTANTS` says so.
fn rounds() -> usize {
    std::env::var("VANILLA_MUTANTS").ok().and_then(|count| count.parse().ok()).unwrap_or(2000)
}

#[cfg(feature = "parquet")]
mod parquet {
    use super::*;
    use vanilla_formats::table::Kind;

    const FILES: [&str; 6] = [
        "pets.parquet",
        "pets-none.parquet",
        "pets-gzip.parquet",
        "pets-zstd.parquet",
        "pets-v2.parquet",
        "pets-polars.parquet",
    ];

    #[test]
    fn the_same_table_as_in_csv() {
        FILES.iter().for_each(|name| is_as_csv(name));
    }

    #[test]
    fn damaged() {
        FILES.iter().for_each(|name| assert_eq!(damage(name, 3), 0, "{name}: the end is a mark"));
    }

    #[test]
    fn what_is_not_read_is_named() {
        let way_out = "(write it as numbers or texts, or leave the column out)";
        for (name, expected) in [
            ("date", "column `date`: unsupported: a column of type Date"),
            ("moment", "column `moment`: unsupported: a column of type Timestamp"),
            ("price", "column `price`: unsupported: a column of type Decimal"),
            ("list", "column `list`: unsupported: a nested column (a list, a map or a struct)"),
            ("record", "column `record`: unsupported: a nested column (a list, a map or a struct)"),
            ("bytes", "column `bytes`: unsupported: a column of bytes that are not said to be text"),
            ("half", "column `half`: unsupported: a column of type Float16"),
        ] {
            let text = refusal(&golden(&format!("other-{name}.parquet")));
            assert_eq!(text, format!("Parquet, {expected} {way_out}"));
        }
        for (name, encoding) in [
            ("split", "BYTE_STREAM_SPLIT"),
            ("packed", "DELTA_BINARY_PACKED"),
            ("lengths", "DELTA_LENGTH_BYTE_ARRAY"),
            ("delta", "DELTA_BYTE_ARRAY"),
        ] {
            let text = refusal(&golden(&format!("other-{name}.parquet")));
            let expected = format!(
                "Parquet, row group 0, column `{name}`: unsupported: values in the encoding {encoding} (write it again \
                 with the writer's defaults, as pandas' to_parquet has them)"
            );
            assert_eq!(text, expected);
        }
        assert_eq!(
            refusal(&golden("other-brotli.parquet")),
            "Parquet, row group 0, column `good`: unsupported: BROTLI compression (write it with \
             compression=\"snappy\", \"gzip\" or \"zstd\")"
        );
    }

    #[test]
    fn what_lies_is_refused() {
        let file = golden("pets.parquet");
        let end = file.len();
        assert_eq!(
            refusal(&file[..end - 1]),
            "Parquet, end of the file: expected `PAR1`, found `\\0PAR` (the file is incomplete: fetch or write it \
             again)"
        );
        let footer = |length: u32| {
            let mut file = file.clone();
            file[end - 8..end - 4].copy_from_slice(&length.to_le_bytes());
            refusal(&file)
        };
        let there = end - 12;
        assert_eq!(footer(1 << 20), format!("Parquet, footer: truncated: expected 1048576 bytes, found {there}"));
        let error = "Parquet, footer: limit: expected at most 16777216, found 4294967295 bytes";
        assert_eq!(footer(u32::MAX), error);
        assert_eq!(footer(3), "Parquet, schema: expected at least one column, found none");
        let error = "Parquet, footer: expected FileMetaData in Thrift's compact protocol, found other bytes";
        assert_eq!(footer(200), error);
    }

    #[test]
    fn kinds_that_are_asked_for() {
        let file = golden("pets.parquet");
        let read = |name: &str, kind| columnar::read(Form::Parquet, &file, &[(name.to_owned(), kind)]);
        let column = |name: &str, kind| {
            let columns = read(name, kind).unwrap().columns;
            columns.into_iter().find(|column| column.name == name).unwrap()
        };
        assert_eq!(column("tame", Kind::Text).text(0).as_deref(), Some("True"));
        assert_eq!(column("small", Kind::Text).text(0).as_deref(), Some("-3"));
        assert_eq!(column("small", Kind::Float).number(1), -2.0);
        let error = |name: &str, kind| read(name, kind).unwrap_err().to_string();
        assert_eq!(error("name", Kind::Float), "Parquet, column `name`: expected numbers, found texts");
        let text = "Parquet, row 0, column `weight`: expected a whole number, found -1.5";
        assert_eq!(error("weight", Kind::Integer), text);
    }
}

#[cfg(feature = "arrow")]
mod arrow {
    use super::*;

    const FILES: [&str; 4] = ["pets.arrow", "pets.arrows", "pets.feather", "pets-polars.arrow"];

    #[test]
    fn the_same_table_as_in_csv() {
        FILES.iter().for_each(|name| is_as_csv(name));
    }

    #[test]
    fn damaged() {
        assert_eq!(damage("pets.arrow", 3), 0, "the end is a mark");
        assert_eq!(damage("pets.feather", 3), 0, "the end is a mark");
        assert_eq!(damage("pets-polars.arrow", 3), 0, "the end is a mark");
        // After each of the three batches, and in the mark at the end: what is missing there is said in a note.
        assert_eq!(damage("pets.arrows", 3), 3);
    }

    #[test]
    fn a_stream_without_its_end_is_said() {
        let file = golden("pets.arrows");
        let table = read(&file[..file.len() - 8]).unwrap();
        assert_eq!(table.notes.last().unwrap(), "the stream has no mark at its end: rows may be missing");
    }

    #[test]
    fn what_is_not_read_is_named() {
        let way_out = "(write it as numbers or texts, or leave the column out)";
        for (name, expected) in [
            ("date", "Date32"),
            ("moment", "Timestamp"),
            ("price", "Decimal128"),
            ("list", "List"),
            ("record", "Struct"),
            ("bytes", "Binary"),
            ("half", "Float16"),
        ] {
            let text = refusal(&golden(&format!("other-{name}.arrow")));
            let expected = format!("column `{name}`: unsupported: a column of type {expected}");
            assert_eq!(text, format!("Arrow, {expected} {way_out}"));
        }
        let text = refusal(&golden("other-zstd.feather"));
        assert!(
            text.ends_with(
                "unsupported: ZSTD compression (write it with compression=\"lz4\" or \
             \"uncompressed\")"
            ),
            "{text}"
        );
    }

    #[test]
    fn what_lies_is_refused() {
        let file = golden("pets.arrow");
        let end = file.len();
        assert_eq!(
            refusal(&file[..end - 2]),
            "Arrow, end of the file: expected `ARROW1`, found `\\0\\0ARRO` (the file is incomplete: fetch or write \
             it again)"
        );
        let mut lies = file.clone();
        lies[end - 10..end - 6].copy_from_slice(&(1_u32 << 20).to_le_bytes());
        let text = format!("Arrow, footer: truncated: expected 1048576 bytes, found {}", end - 18);
        assert_eq!(refusal(&lies), text);
        let mut lies = golden("pets.arrows");
        lies[4..8].copy_from_slice(&(60_u32 << 20).to_le_bytes());
        let text =
            format!("Arrow, message at byte 0: truncated: expected 62914560 bytes, found {}", lies.len() - 8);
        assert_eq!(refusal(&lies), text);
    }
}
