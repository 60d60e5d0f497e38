//! Bad input: exit code 2, one line that teaches, nothing written.

mod common;

use common::*;
use vanilla::formats::{Array, Data, idx};

/// Runs `train` and returns what it says; nothing may be left behind.
fn refused(folder: &Folder, args: &[&str]) -> String {
    let ran = folder.run(&[&["train", "--out", "out/run"], args].concat());
    assert_eq!(ran.code, Some(2), "{args:?}: {}{}", ran.stdout, ran.stderr);
    assert!(!folder.path().join("out").exists(), "{args:?}");
    let mut lines: Vec<_> = ran.stderr.lines().collect();
    let last = lines.pop().unwrap();
    assert!(lines.is_empty(), "{args:?}: {lines:?}");
    // Temporary folders have other names each time.
    let place = folder.path().canonicalize().unwrap();
    last.strip_prefix("error: ").expect("error:").replace(&format!("{}/", place.display()), "")
}

#[test]
fn data_that_does_not_fit() {
    const ONE: &str = "{ class = \"Dense\", units = 1, input_dim = 4 }";
    const WIDE: &str = "{ class = \"Dense\", units = 3, activation = \"softmax\", input_dim = 784 }";
    const SPARSE: &str = "sparse_categorical_crossentropy";
    let (x, y) = tiny(6, 4);
    let zeros = |shape: &[usize]| floats(shape, |_| 0.0);
    let nan = floats(&[6, 4], |i| if i == 9 { f32::NAN } else { 0.0 });
    let cases: Vec<(&str, &str, Array, Array, &str)> = vec![
        (
            WIDE,
            SPARSE,
            zeros(&[6, 783]),
            y.clone(),
            "fit: x has 783 columns (shape [6, 783]), expected 784: the model's input is (None, 784)",
        ),
        (
            TINY_LAYERS,
            SPARSE,
            x.clone(),
            integers([0, 1]),
            "fit: x has 6 rows and y has 2: one target for every row is needed",
        ),
        (
            TINY_LAYERS,
            SPARSE,
            x.clone(),
            integers([0, 1, 2, 3, 0, 0]),
            "fit: y is 3 in row 3: with 3 outputs, labels are whole numbers from 0 to 2",
        ),
        (
            TINY_LAYERS,
            "categorical_crossentropy",
            x.clone(),
            zeros(&[6, 4]),
            "fit: y has the shape [6, 4], expected (N, 3): the model has 3 outputs, and nothing is broadcast",
        ),
        (
            TINY_LAYERS,
            "categorical_crossentropy",
            x.clone(),
            y.clone(),
            "fit: y has the shape [6] and looks like class numbers, but categorical_crossentropy wants one-hot vectors of width 3: use sparse_categorical_crossentropy, or to_categorical(&y, 3)",
        ),
        (
            TINY_LAYERS,
            "mse",
            x.clone(),
            floats(&[6], |_| 0.5),
            "fit: y has the shape [6], expected (N, 3): the model has 3 outputs, and nothing is broadcast",
        ),
        (
            ONE,
            "mse",
            x.clone(),
            zeros(&[6, 3]),
            "fit: y has the shape [6, 3], expected (N, 1): the model has 1 output, and nothing is broadcast",
        ),
        (TINY_LAYERS, SPARSE, zeros(&[0, 4]), integers([]), "fit: x has the shape [0, 4]: the data set is empty"),
        (TINY_LAYERS, SPARSE, nan, y.clone(), "fit: x is NaN in row 2, column 1: fill or drop such values first"),
        (
            ONE,
            "mse",
            x.clone(),
            floats(&[6], |_| f32::NAN),
            "fit: y is NaN in row 0: every target must be a number",
        ),
    ];
    for (layers, loss, x, y, want) in cases {
        let folder = Folder::new();
        folder.write("data.npz", arrays(&[("x", x), ("y", y)]));
        folder.write("e.toml", experiment(layers, loss, ""));
        assert_eq!(refused(&folder, &["e.toml"]), want);
    }
    let folder = Folder::new();
    folder.write("data.npz", arrays(&[("x", x)]));
    folder.write("e.toml", experiment(TINY_LAYERS, SPARSE, ""));
    assert_eq!(
        refused(&folder, &["e.toml"]),
        "data.npz: has x but no targets: training needs an .npz with x and y"
    );
    folder.write("data.npz", "PK no archive");
    assert!(refused(&folder, &["e.toml"]).starts_with("data.npz: "));
    std::fs::remove_file(folder.path().join("data.npz")).unwrap();
    assert_eq!(
        refused(&folder, &["e.toml"]),
        "data.npz: no such file, and no known data set (those are: boston_housing, california_housing, california_housing_small, cifar10, fashion_mnist, mnist)"
    );
}

#[test]
fn models_that_mean_nothing() {
    let dense = "{ class = \"Dense\", units = 3, input_dim = 4 }";
    for (layers, want) in [
        (
            "{ class = \"Dense\", units = 0, input_dim = 4 }".to_owned(),
            "e.toml: [model]: layer 'dense' (Dense): units = 0, expected a number of outputs, at least 1",
        ),
        (
            format!("{dense}, {{ class = \"Dropout\", rate = 1.5 }}"),
            "e.toml: [model]: layer 'dropout' (Dropout): rate = 1.5, expected the share of elements to drop, from 0 to 1",
        ),
        (
            "{ class = \"Dense\", units = 3, activation = \"rleu\", input_dim = 4 }".to_owned(),
            "e.toml: [model]: layer 'dense' (Dense): unknown activation 'rleu'; did you mean 'relu'?; known are: ",
        ),
        (
            "{ class = \"Dens\", units = 3 }".to_owned(),
            "e.toml: [model]: layer 1 of the model: unknown layer 'Dens'; did you mean 'Dense'?; known are: ",
        ),
        (
            "{ class = \"Dense\", unit = 3 }".to_owned(),
            "e.toml: [model]: layer 1 of the model: Dense: units is missing: the number of outputs, such as units = 10",
        ),
        (
            "{ class = \"Dense\", units = 3, rate = 1 }".to_owned(),
            "e.toml: [model]: layer 1 of the model: Dense: rate = 1 is not supported: leave it out, or check its spelling",
        ),
        (
            "{ units = 3 }".to_owned(),
            "e.toml: [model]: layer 1 of the model: no class: a layer is a table with a class, such as \"Dense\"",
        ),
    ] {
        let folder = Folder::new();
        folder.write("e.toml", experiment(&layers, "mse", ""));
        let got = refused(&folder, &["e.toml"]);
        assert!(got.starts_with(want), "{got}\nnot\n{want}");
    }
    let folder = Folder::new();
    let good = experiment(dense, "mse", "");
    for (from, to, want) in [
        ("\"mse\"", "\"msee\"", "e.toml: [compile]: unknown loss 'msee'; did you mean 'mse'?; known are: "),
        ("\"adam\"", "\"adm\"", "e.toml: [compile]: unknown optimizer 'adm'; did you mean 'adam'?; known are: "),
        (
            "\"adam\"",
            "{ class = \"Adam\", learning_rate = nan }",
            "e.toml: [compile] optimizer learning_rate = NaN, expected a finite number",
        ),
        (
            "[fit]",
            "[fit]\nepoch = 5",
            "e.toml: [fit] epoch is not a key: expected epochs, batch_size, validation, callbacks",
        ),
        ("[fit]", "[fit]\nepochs = \"5\"", "e.toml: [fit] epochs = \"5\", expected a whole number, at least 1"),
        ("[fit]", "[fit", "e.toml: line 10: unclosed table, expected `]`"),
    ] {
        folder.write("e.toml", good.replace(from, to));
        let got = refused(&folder, &["e.toml"]);
        assert!(got.starts_with(want), "{got}\nnot\n{want}");
    }
}

#[test]
fn damaged_copies_of_mnist() {
    let labels = "m/train-labels-idx1-ubyte";
    let images = "m/train-images-idx3-ubyte";
    let check = |spoil: &dyn Fn(&Folder), want: &str| {
        let folder = Folder::new();
        small_mnist(&folder, "m");
        spoil(&folder);
        let got = refused(&folder, &["mnist", "--data", "m"]);
        assert!(got.starts_with(want), "{got}\nnot\n{want}");
    };
    check(
        &|f| f.write(images, &f.read(images)[..1000]),
        "m/train-images-idx3-ubyte: IDX, data (1 of 40 items): truncated: expected 31360 bytes, found 984",
    );
    check(&|f| f.write(images, &f.read(images)[..3]), "m/train-images-idx3-ubyte: IDX");
    check(
        &|f| {
            let (a, b) = (f.read(images), f.read(labels));
            f.write(images, b);
            f.write(labels, a);
        },
        "m/train-images-idx3-ubyte: IDX, header: expected images, 3 axes of uint8, found 1 axis [40] of type 08 (did you \
         swap the image and the label file?)",
    );
    check(
        &|f| f.write(labels, idx::write(&bytes(&[40], |i| if i == 5 { 10 } else { 0 }))),
        "m/train-labels-idx1-ubyte: label 10 in row 5, expected 0 to 9",
    );
    check(
        &|f| f.write(labels, idx::write(&bytes(&[39], |_| 0))),
        "m/train-labels-idx1-ubyte: 39 labels for 40 images: these files do not belong together",
    );
    check(
        &|f| f.write(images, idx::write(&bytes(&[0, 28, 28], |_| 0))),
        "m/train-images-idx3-ubyte: IDX, header, dimension 0: expected at least one item, found an empty dataset",
    );
    check(
        &|f| {
            f.write(images, idx::write(&Array { shape: vec![40, 27, 29], data: Data::U8(vec![0; 40 * 27 * 29]) }))
        },
        "m/train-images-idx3-ubyte: shape [40, 27, 29], expected (N, 28, 28)",
    );
    check(
        &|f| std::fs::remove_file(f.path().join(labels)).unwrap(),
        "m: no train-labels-idx1-ubyte (plain or .gz), one of the four files of mnist",
    );
}

#[test]
fn a_damaged_copy_in_vanilla_data_is_named_and_passed_over() {
    let folder = Folder::new();
    small_mnist(&folder, "m");
    let shown = Ran::of(folder.command(&["show", "mnist"]).env("VANILLA_DATA", "m").output().unwrap());
    assert_eq!(shown.code, Some(0));
    assert!(shown.stderr.starts_with("warning: m: train-images-idx3-ubyte has SHA-256 "), "{}", shown.stderr);
    assert!(shown.stdout.contains("x_train[0]: 5"));
}

/// What is no data set is called by its name.
#[test]
fn data_that_is_something_else() {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    folder.write("e.toml", tiny_experiment());
    folder.good(&["train", "e.toml", "--out", "run", "--quiet"]);
    let png = vanilla::formats::png::write_gray(2, 2, &[0; 4]).unwrap();
    folder.write("a.png", &png);
    folder.write("flat/a.png", png);
    folder.write("empty/notes.txt", "");
    folder.write("stdin", "a,b\n1,2\n");
    let (x, y) = tiny(6, 4);
    folder.write("t.csv.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x4b\xd4\x49\xe2\x32\xd4\x31\xe2\x02\x00\x7b\x07\x97\x0a\x08\x00\x00\x00");
    folder.write("x.npy.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x9b\xec\x17\xea\x1b\x10\x09\x00\x61\x76\x6e\xe1\x06\x00\x00\x00");
    folder.write("X.npz", arrays(&[("X", x.clone()), ("Y", y.clone())]));
    folder.write("test.npz", arrays(&[("x_test", x.clone()), ("y_test", y)]));
    folder.write("from1.npz", arrays(&[("x", x), ("y", integers([1, 2, 3, 1, 2, 3]))]));
    let names =
        "expected x and y (and perhaps sample_weight), or x_train, y_train, x_test and y_test: save the arrays";
    let from_1 =
        "y is 3 in row 2: with 3 outputs, labels are whole numbers from 0 to 2; these count from 1: subtract 1";
    for (data, want) in [
        (
            "a.png",
            "a PNG picture: pictures as data are a folder with a subfolder for each class; one alone is for",
        ),
        ("flat", "pictures without classes: put those of each class into a subfolder of its name"),
        (
            "empty",
            "a folder without data, expected a subfolder of pictures for each class, or MNIST's four IDX files",
        ),
        ("stdin", "bytes 61 2c 62 0a: expected arrays (.npz, .npy or IDX), a table, whose name ends in .csv"),
        ("t.csv.gz", "bytes 61 2c 62 0a, compressed by gzip: only IDX files are read so; unpack it with gunzip"),
        ("x.npy.gz", "an npy array, compressed by gzip: only IDX files"),
        ("X.npz", &format!("holds 'X', 'Y', {names}")),
        ("test.npz", &format!("holds 'x_test', 'y_test', {names}")),
        ("from1.npz", from_1),
    ] {
        for (args, place) in [
            (&["evaluate", "run/model.keras"][..], "evaluate"),
            (&["fit", "run/model.keras", "--out", "o.keras"], "fit"),
        ] {
            let ran = folder.run(&[args, &["--data", data]].concat());
            let place = if want == from_1 { format!("{data}: {place}") } else { data.to_owned() };
            let want = format!("error: {place}: {want}");
            assert!(ran.code == Some(2) && ran.stderr.starts_with(&want), "{}expected {want}", ran.stderr);
        }
    }
    let validation = ["--data", "data.npz", "--validation-data", "from1.npz"];
    let ran = folder.run(&[&["fit", "run/model.keras", "--out", "o.keras"][..], &validation].concat());
    assert!(ran.stderr.contains(&format!("error: from1.npz: validation_data: {from_1}")), "{}", ran.stderr);
    for experiment in ["flat", "data.npz"] {
        let want =
            format!("{experiment}: no experiment, which is a FILE.toml: if these are data, name them in one");
        assert!(refused(&folder, &[experiment]).starts_with(&want));
    }
    // A place that cannot be written is found before the work, and endings may be in capitals.
    let predict = ["predict", "run/model.keras", "--data", "data.npz", "--out"];
    folder.good(&[&predict[..], &["p.NPY"]].concat());
    let ran = folder.run(&[&predict[..], &["no/p.npy"]].concat());
    assert!(
        ran.code == Some(2) && ran.stderr.starts_with("error: --out no/p.npy: cannot be written ("),
        "{}",
        ran.stderr
    );
}

#[test]
fn usage() {
    let folder = Folder::new();
    folder.write("not.keras", "not a model");
    folder.write("picture.png", "no picture");
    for args in [
        &["nonsense"][..],
        &[],
        &["train"],
        &["train", "nothing"],
        &["train", "nothing.toml"],
        &["train", "mnist", "--epochs", "0"],
        &["train", "mnist", "--seed", "-1"],
        &["train", "mnist", "--learning-rate", "fast"],
        &["train", "mnist", "--verbose", "3"],
        &["datasets", "--threads", "0"],
        &["summary", "not.keras"],
        &["summary", "nothing.keras"],
        &["summary", "mnist", "--layout", "keras4"],
        &["plan", "mnist", "--batch-size", "0"],
        &["evaluate", "mnist", "--data", "mnist"],
        &["evaluate", "not.keras"],
        &["predict", "not.keras"],
        &["predict", "not.keras", "picture.png"],
        &["show", "nothing"],
        &["show", "mnist", "--out", "digits.jpg"],
        &["plot", "nothing"],
    ] {
        let ran = folder.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty() && !ran.stderr.contains("panicked"), "{args:?}: {}", ran.stderr);
    }
    for args in [&["--help"][..], &["--version"], &["train", "--help"], &["predict", "--help"]] {
        let ran = folder.good(args);
        assert!(ran.stderr.is_empty() && ran.stdout.contains("anilla"));
    }
    assert_eq!(folder.files(""), ["not.keras", "picture.png"]);
}
