//! CSV: what is inferred, and hostile files: encodings, quotes, ragged rows, numbers that are none, widths.

mod common;

use common::refused;
use proptest::prelude::*;
use vanilla_formats::csv::{self, Csv, MAX_FIELD, Options};
use vanilla_formats::table::{Column, Kind, MAX_COLUMNS, MAX_NAME};

fn read(text: &str) -> Csv {
    csv::read(text.as_bytes(), &Options::default()).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// Every value as text, missing ones as `-`; the rows of a column are joined.
fn column(column: &Column, rows: usize) -> String {
    (0..rows)
        .map(|row| column.text(row).map_or("-".into(), |text| text.into_owned()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// `name: kind: values` of all columns.
fn shown(csv: &Csv) -> Vec<String> {
    csv.columns.iter().map(|c| format!("{}: {:?}: {}", c.name, c.kind(), column(c, csv.rows))).collect()
}

#[test]
fn kinds_names_and_missing_values() {
    let csv = read("name,age,score,city,empty\nA,1,0.5,\"x, y\",\nB,,2,NA,\n C ,-3,null,\"say \"\"hi\"\"\",?\n");
    let want = [
        "name: Text: A B C",
        "age: Integer: 1 - -3",
        "score: Float: 0.5 2 -",
        "city: Text: x, y - say \"hi\"",
        "empty: Float: - - -",
    ];
    assert_eq!(shown(&csv), want);
    assert_eq!(csv.columns.iter().map(Column::missing).collect::<Vec<_>>(), [0, 1, 1, 1, 3]);
    assert_eq!((csv.rows, csv.header, csv.delimiter), (3, true, ','));
    assert!(csv.columns[1].number(1).is_nan() && csv.columns[1].number(2) == -3.0);
    let none = read("1,2\n3,4\n");
    assert_eq!(
        (shown(&none), none.header),
        (vec!["0: Integer: 1 3".into(), "1: Integer: 2 4".to_string()], false)
    );
    // pandas's index has no name.
    assert_eq!(shown(&read(",a\n0,x\n1,y\n")), ["0: Integer: 0 1", "a: Text: x y"]);
}

#[test]
fn the_same_table_however_it_is_written() {
    let want = ["a: Integer: 1 3", "b: Text: x z"];
    for text in [
        "a,b\n1,x\n3,z\n",
        "\u{feff}a,b\n1,x\n3,z\n",
        "a,b\r\n1,x\r\n3,z\r\n",
        "a,b\r1,x\r3,z\r",
        "a,b\n1,x\n3,z",
        "a,b\n\n1,x\n\n\n3,z\n\n",
        "a;b\n1;x\n3;z\n",
        "a\tb\n1\tx\n3\tz\n",
        "a|b\n1|x\n3|z\n",
        "a, b\n1 , x\n3, \"z\" \n",
        "\"a\",\"b\"\n\"1\",x\n3,\"z\"",
    ] {
        assert_eq!(shown(&read(text)), want, "{text:?}");
    }
    // A newline inside of quotes belongs to the field, and lines are still counted.
    assert_eq!(shown(&read("a,b\n1,\"x\ny\"\n")), ["a: Integer: 1", "b: Text: x\ny"]);
    // Commas inside of numbers do not make a comma the delimiter.
    assert_eq!(shown(&read("a;b\nx,y;1\nz,w;2\n")), ["a: Text: x,y z,w", "b: Integer: 1 2"]);
}

#[test]
fn what_is_asked_for_comes_before_what_is_inferred() {
    let options = |text: &str, options: Options| csv::read(text.as_bytes(), &options);
    let kinds = |name: &str, kind| Options { kinds: vec![(name.into(), kind)], ..Options::default() };
    assert_eq!(shown(&options("a,b\n01,2\n", kinds("a", Kind::Text)).unwrap()), ["a: Text: 01", "b: Integer: 2"]);
    assert_eq!(shown(&options("a,b\n1,2\n", kinds("a", Kind::Float)).unwrap()), ["a: Float: 1", "b: Integer: 2"]);
    for (text, want) in [
        // A text above numbers is a name, and so are the numbers beside it.
        ("region,2019,sales\nn,1,4.5\ns,2,\n", true),
        ("2019,sales\n1,NA\n2,3\n", true),
        ("region,2019\nn,1\ns,2\n", false),
        ("1,x\n2,3\n4,y\n", false),
        ("1,x\n2,\n4,NA\n", false),
        // Names differ.
        ("x,1,1\n2,2,2\n3,3,3\n", false),
        ("1,x\n", false),
    ] {
        assert_eq!(read(text).header, want, "{text}");
    }
    let header = Options { header: Some(true), ..Options::default() };
    assert_eq!(shown(&options("1990,1991\n1,2\n", header).unwrap()), ["1990: Integer: 1", "1991: Integer: 2"]);
    let none = Options { header: Some(false), ..Options::default() };
    assert_eq!(shown(&options("a,b\nc,d\n", none).unwrap()), ["0: Text: a c", "1: Text: b d"]);
    let one = Options { one_column: true, ..Options::default() };
    assert_eq!(shown(&options("a\n1\n2\n", one).unwrap()), ["a: Integer: 1 2"]);
    let colon = Options { delimiter: Some(b':'), ..Options::default() };
    assert_eq!(shown(&options("a:b\n1,5:2\nx:3\n", colon).unwrap()), ["a: Text: 1,5 x", "b: Integer: 2 3"]);
    refused(
        "a text where a number must be",
        options("a,b\n1,x\n2,y\n", kinds("b", Kind::Float)),
        "CSV, line 2, column `b`: expected a number, found `x`",
    );
    refused(
        "a fraction where a whole number must be",
        options("a,b\n1,2\n1.5,3\n", kinds("a", Kind::Integer)),
        "CSV, line 3, column `a`: expected a whole number, found `1.5`",
    );
    refused(
        "a delimiter that cannot be one",
        options("a,b\n1,2\n", Options { delimiter: Some(b'"'), ..Options::default() }),
        "CSV, delimiter: expected an ASCII character that is no quote and no newline, found byte 22",
    );
}

#[test]
fn what_is_remarkable_is_said() {
    let csv = read("a,b\n1,1e-60\n2,0\nx\u{1b},1\n");
    assert_eq!(
        csv.notes,
        [
            "column `a`: 2 of 3 values are numbers, but `x\\u{1b}` in line 4 is none, so all are read as text",
            "column `b`: 1 numbers are so near to 0 that they are 0",
        ]
    );
    assert_eq!(read("a,b\n1,x\n2,0\ny,z\n").notes.len(), 1);
    // 2^24 + 1 is the first whole number that f32 does not hold; texts keep all digits.
    let text = "a,b,c\n16777216,1700000001.0,1700000001\n16777217,,x\n-16777219,1700000003.0,9\n16777218,5,y\n";
    let notes = read(text).notes;
    for (note, begin) in
        notes.iter().zip(["column `a`: 2 whole", "column `b`: 2 whole", "column `c`: 2 of 4 values"])
    {
        assert!(note.starts_with(begin), "{note}");
    }
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].ends_with(
        "numbers are rounded, as 32-bit floats hold 7 digits: subtract an offset, or leave the column out if it is an \
         identifier"
    ));
}

#[test]
fn hostile_files_are_refused() {
    let long_quote = format!("a,b\n1,\"{}", "x".repeat(MAX_FIELD + 2));
    let long_field = format!("a,b\n1,{}\n", "x".repeat(MAX_FIELD + 1));
    let wide = format!("{}\n", ",".repeat(MAX_COLUMNS));
    let long_row = format!("a,b\n{}\n", ["\"", &"y".repeat(1 << 20), "\","].concat().repeat(17));
    let long_name = format!("{},b\n1,2\n", "n".repeat(MAX_NAME + 1));
    let utf16: Vec<u8> = "a,b\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_bom = [&[0xFF, 0xFE][..], &utf16].concat();
    let cases: [(&str, &[u8], &str); 34] = [
        ("empty", b"", "not a CSV table: found an empty file"),
        ("a BOM alone", b"\xef\xbb\xbf", "CSV, table: expected a header and rows, found only empty lines"),
        ("empty lines", b"\n\r\n  \n", "CSV, table: expected a header and rows, found only empty lines"),
        (
            "a header only",
            b"a,b\n",
            "CSV, table: expected at least one row, found only a header (the data set is empty)",
        ),
        (
            "a short row",
            b"a,b\n1,2\n\n3\n",
            "CSV, line 4: expected 2 fields, as in the first line, found 1 field (put a field that holds the delimiter into quotes)",
        ),
        (
            "a long row",
            b"a,b\n1,\"2\n2\"\n3,4,5\n",
            "CSV, line 4: expected 2 fields, as in the first line, found 3",
        ),
        (
            "an open quote",
            b"a,b\n1,\"x\n2,y\n",
            "CSV, line 2, field 2: expected a closing quote, found the end of the file",
        ),
        (
            "an open quote before much text",
            long_quote.as_bytes(),
            "CSV, line 2, field 2, bytes: limit: expected at most 1048576, found more (is a quote not closed?)",
        ),
        (
            "a long field",
            long_field.as_bytes(),
            "CSV, line 2, field 2, bytes: limit: expected at most 1048576, found more",
        ),
        (
            "a long row of bytes",
            long_row.as_bytes(),
            "CSV, line 2, bytes: limit: expected at most 16777216, found more",
        ),
        (
            "text behind a quote",
            b"a,b\n\"x\"y,2\n",
            "CSV, line 2, field 1: expected a delimiter or the end of the line behind the closing quote, found `y,2\\n` (a quote inside of quotes is written twice)",
        ),
        (
            "a NUL",
            b"a,b\n1,\0\n",
            "CSV, byte 6 (line 2): expected text, found a NUL byte (if it is UTF-16, save it as UTF-8)",
        ),
        (
            "Latin-1",
            b"a,b\r\n1,caf\xe9\r\n",
            "CSV, byte 10 (line 2): expected UTF-8, found byte e9 (save it as UTF-8; it may be Latin-1 or Windows-1252)",
        ),
        ("UTF-16", &with_bom, "not a CSV table: found UTF-16 text (save it as UTF-8)"),
        (
            "UTF-16 without a mark",
            &utf16,
            "CSV, byte 1 (line 1): expected text, found a NUL byte (if it is UTF-16, save it as UTF-8)",
        ),
        ("too many columns", wide.as_bytes(), "CSV, line 1, columns: limit: expected at most 100000, found more"),
        (
            "a name twice",
            b"a,b,a\n1,2,3\n",
            "CSV, header: expected every name once, found `a` twice (name each column differently)",
        ),
        (
            "a long name",
            long_name.as_bytes(),
            "CSV, name of column 0: limit: expected at most 256, found 257 bytes, `nnn",
        ),
        (
            "one column",
            b"a b\n1 2\n",
            "CSV, line 1: expected several columns, found one: there is no `,`, `;`, `|` or tab (separate the columns with one of these)",
        ),
        (
            "inf",
            b"a,b\n1,2\n2,-inf\n",
            "CSV, line 3, column `b`: expected a number such as 1234.5, found `-inf` (it is not finite as a 32-bit float: fill, drop or rescale such values)",
        ),
        ("1e999", b"a,b\n1,1e999\n", "found `1e999` (it is not finite as a 32-bit float"),
        ("a double that f32 does not hold", b"a,b\n1,1e39\n", "found `1e39` (it is not finite as a 32-bit float"),
        ("0x10", b"a,b\n1,0x10\n2,3\n", "found `0x10` (write it as a decimal number)"),
        ("1,5", b"a;b\n1;1,5\n", "found `1,5` (write a decimal point, and nothing between thousands)"),
        (
            "1,000 in quotes",
            b"a,b\n1,\"1,000\"\n",
            "found `1,000` (write a decimal point, and nothing between thousands)",
        ),
        ("1 000", b"a,b\n1,1 000\n", "found `1 000` (write a decimal point"),
        ("5%", b"a,b\n1,5%\n", "found `5%` (write the number without its unit)"),
        ("an HTML page", b"<!DOCTYPE html><html>,</html>", "not a CSV table: found an HTML page"),
        ("an HDF5 file", b"\x89HDF\r\n\x1a\n\0\0", "not a CSV table: found an HDF5 file"),
        ("an empty zip archive", b"PK\x05\x06\0\0\0\0", "not a CSV table: found an empty zip archive"),
        ("a picture", b"\x89PNG\r\n\x1a\n", "not a CSV table: found a PNG picture"),
        (
            "a Git LFS pointer",
            b"version https://git-lfs.github.com/spec/v1\n",
            "not a CSV table: found a Git LFS pointer",
        ),
        ("JSON", b"[{\"a\": 1, \"b\": 2}]", "not a CSV table: found JSON text"),
        ("an escape in a name", b"\x1b[2J,b\n1,2,3\n", "CSV, line 2: expected 2 fields"),
    ];
    for (name, bytes, fragment) in cases {
        refused(name, csv::read(bytes, &Options::default()), fragment);
    }
    // A cell with a formula is a text.
    assert_eq!(shown(&read("a,b\n=cmd(),1\n")), ["a: Text: =cmd()", "b: Integer: 1"]);
}

#[test]
fn what_is_written_is_no_formula() {
    for (text, want) in [
        ("plain", "plain"),
        ("-1.5", "-1.5"),
        ("+3e5", "+3e5"),
        ("=cmd()", "'=cmd()"),
        ("@x", "'@x"),
        ("-a", "'-a"),
        ("+a,b", "\"'+a,b\""),
        ("a,b", "\"a,b\""),
        ("say \"hi\"", "\"say \"\"hi\"\"\""),
        ("two\nlines", "\"two\nlines\""),
        (" blank", "\" blank\""),
        ("\ttab", "\"'\ttab\""),
        ("", ""),
    ] {
        assert_eq!(csv::field(text), want, "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = csv::read(&bytes, &Options::default());
    }

    #[test]
    fn any_text_gives_an_answer(text in "[a-c0-9,;\t\"\r\n. eE+x-]{0,120}") {
        let _ = csv::read(text.as_bytes(), &Options::default());
    }

    #[test]
    fn what_is_written_reads_the_same(rows in proptest::collection::vec(("[ -~\n\r\té]{0,12}", any::<f32>()), 1..9)) {
        let rows: Vec<_> = rows.into_iter().filter(|(_, number)| number.is_finite()).collect();
        let line = |(text, number): &(String, f32)| format!("t{},{number:?}\n", text);
        let quoted = |(text, number): &(String, f32)| format!("{},{number:?}\n", csv::field(&format!("t{text}")));
        prop_assume!(!rows.is_empty() && rows.iter().all(|row| !line(row).contains('\0')));
        let written = format!("a,b\n{}", rows.iter().map(quoted).collect::<String>());
        let csv = csv::read(written.as_bytes(), &Options::default()).unwrap();
        for (i, (text, number)) in rows.iter().enumerate() {
            prop_assert_eq!(csv.columns[0].text(i).unwrap(), format!("t{text}"));
            prop_assert_eq!(csv.columns[1].number(i), *number);
        }
    }
}
