//! Folders of pictures with a subfolder for each class, and tables that are read in blocks.

use std::fs;
use std::path::Path;
use vanilla::datasets::{self, Prepare, Table};
use vanilla::formats::png;
use vanilla::prelude::*;

/// 2 x 3 gray pixels of one value.
fn gray(value: u8) -> Vec<u8> {
    png::write_gray(3, 2, &[value; 6]).unwrap()
}

/// 2 x 3 pixels of one colour.
fn colour(rgb: [u8; 3]) -> Vec<u8> {
    png::write_rgba(3, 2, &[[rgb[0], rgb[1], rgb[2], 255]; 6].concat()).unwrap()
}

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn open(folder: &Path) -> Result<datasets::Dataset> {
    datasets::open(folder.to_str().unwrap())
}

#[test]
fn a_subfolder_a_class() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in [("b/2.png", 2), ("b/10.png", 1), ("a/x.PNG", 3), ("Z/y.png", 4)] {
        put(folder.path(), name, &gray(value));
    }
    put(folder.path(), ".hidden/x", b"");
    put(folder.path(), "README.md", b"");
    let dataset = open(folder.path()).unwrap();
    assert_eq!(dataset.class_names, ["Z", "a", "b"]);
    let x = dataset.train.x.single().unwrap();
    assert_eq!((x.shape(), dataset.train.y.as_ref().unwrap().to_i64()), (&[4, 2, 3][..], vec![0, 1, 2, 2]));
    assert_eq!(x.as_u8().unwrap().iter().step_by(6).copied().collect::<Vec<_>>(), [4, 3, 1, 2]);
    assert!(dataset.warnings[0].ends_with("files beside the classes are not read: 'README.md'"));
    // One picture with colours, and all have them.
    put(folder.path(), "b/3.png", &colour([9, 8, 7]));
    let coloured = open(folder.path()).unwrap();
    let x = coloured.train.x.single().unwrap();
    assert_eq!((x.shape(), x.get(0).unwrap().as_u8().unwrap()[..3].to_vec()), (&[5, 2, 3, 3][..], vec![4, 4, 4]));
    assert_eq!(x.get(4).unwrap().as_u8().unwrap()[..3], [9, 8, 7]);
    assert_ne!(dataset.sha256, coloured.sha256);
    let one = datasets::picture(folder.path().join("b/3.png"), &[2, 3]).unwrap();
    assert_eq!(one.as_u8().unwrap()[0], ((299 * 9 + 587 * 8 + 114 * 7 + 500) / 1000) as u8);
}

/// The labels of a folder are the model's, and its pictures have the colours of the model's input.
#[test]
fn folders_for_a_model() {
    let model = |input: &[usize], outputs: usize, names: &[&str]| {
        let layers = layers![Input::new(input), Flatten::new(), Dense::new(outputs).activation("softmax")];
        let mut model = Sequential::new(layers).unwrap();
        model.set_class_names(names.iter().copied()).unwrap();
        model
    };
    let folder = |classes: &[(&str, Vec<u8>)]| {
        let folder = tempfile::tempdir().unwrap();
        classes.iter().for_each(|(class, png)| put(folder.path(), &format!("{class}/1.png"), png));
        folder
    };
    let names = ["cat", "cow", "dog"];
    for (names, classes, labels) in [
        (&names[..], &["cat", "cow", "dog"][..], &[0, 1, 2][..]),
        (&names, &["dog"], &[2]),
        (&names, &["test/cow", "test/dog", "train/cow", "train/dog"], &[1, 2]),
        (&["dog", "cow", "cat"], &["cat", "dog"], &[2, 0]),
        // Without names, folders called like numbers are those numbers, and others are numbered in their order.
        (&[], &["0", "2"], &[0, 2]),
        (&[], &["big", "mid", "tiny"], &[0, 1, 2]),
    ] {
        let model = model(&[2, 3], 3, names);
        let folder = folder(&classes.iter().map(|class| (*class, gray(1))).collect::<Vec<_>>());
        let dataset = datasets::open_for(folder.path().to_str().unwrap(), &model, None).unwrap();
        let of = |part: &datasets::Part| part.y.as_ref().unwrap().to_i64();
        assert_eq!(of(&dataset.train), labels, "{classes:?}");
        assert!(dataset.test.is_none_or(|test| of(&test) == labels), "{classes:?}");
        assert_eq!((dataset.class_names.len(), dataset.warnings.len()), (3, 0), "{classes:?}");
    }
    let pets = folder(&[("cat", gray(1)), ("yak", gray(1))]);
    let path = pets.path().to_str().unwrap();
    let error = datasets::open_for(path, &model(&[2, 3], 3, &names), None).unwrap_err().to_string();
    let want = "the folders 'yak' are none of the model's classes, which are 'cat', 'cow', 'dog': call them so, or move them out";
    assert_eq!(error, format!("{path}: {want}"));
    let warnings = datasets::open_for(path, &model(&[2, 3], 3, &[]), None).unwrap().warnings;
    let want = "the model tells 3 classes apart and names none: 'cat', 'yak' are taken for the first ones";
    assert_eq!(warnings, [format!("{path}: {want}")]);

    let brightness = ((299 * 9 + 587 * 8 + 114 * 7 + 500) / 1000) as u8;
    for (png, input, shape, begin) in [
        (colour([9, 8, 7]), &[2, 3][..], &[1, 2, 3][..], [brightness; 3]),
        (colour([9, 8, 7]), &[2, 3, 1], &[1, 2, 3], [brightness; 3]),
        (colour([9, 8, 7]), &[2, 3, 3], &[1, 2, 3, 3], [9, 8, 7]),
        (gray(5), &[2, 3, 3], &[1, 2, 3, 3], [5; 3]),
        // No picture, or one of another size: nothing is guessed.
        (colour([9, 8, 7]), &[6], &[1, 2, 3, 3], [9, 8, 7]),
        (gray(5), &[3, 2, 3], &[1, 2, 3], [5; 3]),
    ] {
        let (model, folder) = (model(input, 2, &[]), folder(&[("0", png)]));
        let path = folder.path().to_str().unwrap();
        for dataset in [datasets::open_for(path, &model, None), datasets::inputs_for(path, &model)] {
            let x = dataset.unwrap().train.x.single().unwrap().clone();
            assert_eq!((x.shape(), &x.as_u8().unwrap()[..3]), (shape, &begin[..]), "{input:?}");
        }
    }
}

#[test]
fn a_training_and_a_test_part() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in
        [("train/no/1.png", 1), ("train/yes/1.png", 2), ("test/no/1.png", 3), ("test/yes/1.png", 4)]
    {
        put(folder.path(), name, &gray(value));
    }
    let dataset = open(folder.path()).unwrap();
    let value = |part: &datasets::Part| part.x.single().unwrap().as_u8().unwrap()[0];
    assert_eq!((value(&dataset.train), value(dataset.test.as_ref().unwrap())), (1, 3));
    put(folder.path(), "test/maybe/1.png", &gray(1));
    let error = open(folder.path()).unwrap_err().to_string();
    assert!(error.ends_with("the classes of test are 'maybe', 'no', 'yes', those of train 'no', 'yes': both parts need the same folders"));
}

#[test]
fn hostile_folders_are_refused() {
    let refused = |make: &dyn Fn(&Path), want: &str| {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "a/1.png", &gray(1));
        put(folder.path(), "b/1.png", &gray(1));
        make(folder.path());
        let error = open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(want), "{error}\nexpected {want}");
        assert!(!error.contains(char::is_control));
    };
    refused(
        &|folder| put(folder, "b/2.png", &png::write_gray(2, 2, &[0; 4]).unwrap()),
        "b/2.png: 2 x 2 pixels, and ",
    );
    refused(&|folder| put(folder, "b/2.png", &gray(1)[..50]), "b/2.png: PNG, ");
    refused(&|folder| put(folder, "b/2.png", b"<html>"), "not a PNG or JPEG picture: found an HTML page");
    refused(&|folder| put(folder, "b/notes.txt", b"notes"), "b/notes.txt: not a PNG or JPEG picture");
    refused(
        &|folder| put(folder, "b/more/2.png", &gray(1)),
        "/b: the folder 'more' in a class, expected pictures alone",
    );
    refused(&|folder| fs::create_dir(folder.join("c")).unwrap(), "/c: no picture in this class");
    refused(
        &|folder| put(folder, "b/2.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF"),
        "b/2.jpg: JPEG, end of file: expected a well-formed picture, found `no end-of-image marker`",
    );
    // A size that the bytes cannot hold.
    let mut bomb = gray(1);
    bomb[16..24].copy_from_slice(&[0, 0, 0x3F, 0xFF, 0, 0, 0x0F, 0xFF]);
    refused(&|folder| put(folder, "b/2.png", &bomb), "b/2.png: PNG, ");
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        refused(
            &|folder| symlink("/etc/passwd", folder.join("b/2.png")).unwrap(),
            "/b: '2.png' is a symbolic link",
        );
        refused(
            &|folder| symlink("/", folder.join("c")).unwrap(),
            "'c' is a symbolic link: put the picture itself there",
        );
    }
}

/// Baseline and progressive, gray and in colours: what libjpeg makes of the same files, to its rounding.
#[test]
fn jpeg_pictures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pictures");
    let expected: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("pictures.json")).unwrap()).unwrap();
    for (name, pixels) in expected.as_object().unwrap() {
        let bytes = fs::read(folder.join(name)).unwrap();
        let read = vanilla::formats::picture::read(&bytes).unwrap();
        assert_eq!((read.width, read.height), (20, 12), "{name}");
        let want: Vec<i64> = pixels.as_array().unwrap().iter().map(|value| value.as_i64().unwrap()).collect();
        assert_eq!(read.bytes.len(), want.len(), "{name}");
        let off = read.bytes.iter().zip(&want).map(|(got, want)| (i64::from(*got) - want).abs()).max();
        // Colours of half the size are interpolated in another way.
        let most = if name == "halved.jpg" { 8 } else { 3 };
        assert!(off.unwrap() <= most, "{name}: {off:?}");
        // A part of it is damaged, and never a panic or another picture.
        for end in 0..bytes.len() - 2 {
            let error = vanilla::formats::picture::read(&bytes[..end]).err();
            assert!(error.is_some(), "{name} up to {end}");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x55;
            let _ = vanilla::formats::picture::read(&flipped);
        }
    }
}

/// The batches of a stream are those of the whole table, bit by bit.
#[test]
fn tables_in_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.csv");
    // Longer than what is read at once, with a newline in a text.
    let row = |i: usize| format!("{},\"town\n{}\",{}\r\n", i % 97, i % 3, ["no", "yes"][usize::from(i % 97 > 40)]);
    fs::write(&path, format!("a,town,y\r\n{}", (0..30_000).map(row).collect::<String>())).unwrap();
    let prepared = Table::read(&path).unwrap().prepare(&Prepare::new("y").test_split(0.0)).unwrap();
    let model = || {
        let mut model = prepared.model(layers![Dense::new(2).activation("softmax")]).unwrap();
        model.compile("sparse_categorical_crossentropy", "sgd", ["accuracy"]).unwrap();
        model
    };
    let (mut streamed, mut whole) = (model(), model());
    let stream = datasets::stream(&path, &prepared.schema, 1000).unwrap();
    streamed.fit_stream(stream, Fit::new().epochs(2).verbose(0)).unwrap();
    let train = &prepared.dataset.train;
    let options = Fit::new().epochs(2).batch_size(1000).shuffle(false).verbose(0);
    whole.fit(&train.x, train.y.as_ref().unwrap(), options).unwrap();
    assert_eq!(streamed.weights_sha256(), whole.weights_sha256());

    let error_of = |text: &str| {
        fs::write(&path, text).unwrap();
        let stream = datasets::stream(&path, &prepared.schema, 10).unwrap();
        let error = model().fit_stream(stream, Fit::new().verbose(0)).unwrap_err().to_string();
        error.split_once("large.csv: ").map(|(_, error)| error.to_owned()).unwrap_or(error)
    };
    let rows = "1,b,no\n".repeat(25);
    for (text, want) in [
        (
            format!("a,town,y\n{rows}1,b\n"),
            "CSV, line 27: expected 3 fields, as in the first line, found 2 fields",
        ),
        (format!("a,town,y\n{rows}x,b,no\n"), "CSV, line 27, column `a`: expected a number, found `x`"),
        (
            format!("a,town,y\n{rows}1,b,maybe\n"),
            "the target 'y' is 'maybe' in row 5, expected one of 'no', 'yes'",
        ),
        (format!("a,town,y\n{rows}1,\0,no\n"), "CSV, byte "),
        (format!("a,y\n{}", "1,no\n".repeat(3)), "no column 'town'; there are 'a', 'y'"),
        (String::new(), "not a CSV table: found an empty file"),
    ] {
        let error = error_of(&text);
        assert!(error.starts_with(want), "{error}\nexpected {want}");
    }
    let error = datasets::stream(folder.path().join("x.npy"), &prepared.schema, 10).unwrap_err().to_string();
    assert!(error.contains("x.npy: expected a table to stream"), "{error}");
}
