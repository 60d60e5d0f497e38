//! `vanilla fit`: a saved model goes on on arrays, as Keras's `fit` would.

mod common;

use common::*;
use serde_json::Value;
use vanilla::formats::Array;
use vanilla::prelude::*;

/// A compiled model that was never trained, and data for it.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    let layers = layers![Dense::new(8).activation("relu").input_dim(4), Dense::new(3).activation("softmax")];
    let mut model = Sequential::new(layers).unwrap();
    model.compile("sparse_categorical_crossentropy", "adam", ["acc"]).unwrap();
    model.save(folder.path().join("model.keras")).unwrap();
    folder
}

const FIT: [&str; 6] = ["fit", "model.keras", "--data", "data.npz", "--out", "out.keras"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&FIT[..], more].concat()
}

#[test]
fn as_the_library_trains() {
    let folder = folder();
    let ran =
        folder.good(&with(&["--validation-data", "data.npz", "--history", "h.json", "--epochs", "3", "--json"]));
    let mut model = Model::load(folder.path().join("model.keras")).unwrap();
    let dataset = vanilla::datasets::open(folder.path().join("data.npz").to_str().unwrap()).unwrap();
    let (train, test) = (dataset.train, dataset.test.unwrap());
    let (y, test_y) = (train.y.unwrap(), test.y.unwrap());
    let options = Fit::new().epochs(3).validation_data(&test.x, &test_y).verbose(0);
    let mut history = model.fit(&train.x, &y, options).unwrap();
    assert_eq!(Model::load(folder.path().join("out.keras")).unwrap().weights_sha256(), model.weights_sha256());
    history.verbose = 1;
    assert_eq!(folder.json("h.json"), history.to_json());
    let last: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(last["val_acc"].as_f64(), history["val_acc"].last().copied());
    assert!(folder.files("").contains(&"out.keras.ckpt".to_owned()));
    // Keras's defaults: one epoch, batches of 32.
    let ran = folder.good(&with(&["--force", "--quiet"]));
    assert_eq!(Model::load(folder.path().join("out.keras")).unwrap().iterations(), 1);
    assert!(ran.stdout.starts_with("acc: 0.") && ran.stdout.contains(" - loss: "), "{}", ran.stdout);
}

/// `sample_weight` beside x and y counts wherever the file is given.
#[test]
fn weighted_rows() {
    let folder = folder();
    let write = |name: &str, weights: Option<Array>| {
        let (x, y) = tiny(30, 4);
        let all = [("x", x), ("y", y)].into_iter().chain(weights.map(|weights| ("sample_weight", weights)));
        folder.write(name, arrays(&all.collect::<Vec<_>>()));
    };
    let weight = |row: usize| [0.0, 1.0, 5.0, 0.5][row % 4];
    write("plain.npz", None);
    write("weighted.npz", Some(floats(&[30], weight)));
    let ran = folder.good(&[
        "fit",
        "model.keras",
        "--data",
        "weighted.npz",
        "--validation-data",
        "weighted.npz",
        "--out",
        "w.keras",
        "--json",
    ]);
    let mut model = Model::load(folder.path().join("model.keras")).unwrap();
    let data = vanilla::datasets::open(folder.path().join("weighted.npz").to_str().unwrap()).unwrap().train;
    let (y, weights) = (data.y.unwrap(), data.sample_weight.unwrap());
    let options = Fit::new().sample_weight(&weights).weighted_validation_data(&data.x, &y, &weights).verbose(0);
    let history = model.fit(&data.x, &y, options).unwrap();
    assert_eq!(Model::load(folder.path().join("w.keras")).unwrap().weights_sha256(), model.weights_sha256());
    let last: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(last["val_loss"].as_f64(), history["val_loss"].last().copied());

    let loss = |data: &str| folder.good(&["evaluate", "w.keras", "--data", data, "--json"]).stdout;
    let want =
        model.evaluate_with(&data.x, &y, vanilla::Evaluate::new().sample_weight(&weights)).unwrap().get("loss");
    let got: Value = serde_json::from_str(&loss("weighted.npz")).unwrap();
    assert_eq!(got["loss"].as_f64(), want);
    assert_ne!(loss("weighted.npz"), loss("plain.npz"));

    // An experiment, which also holds the last rows out with their weights.
    let trained = |data: &str, run: &str| {
        folder.write("e.toml", tiny_experiment().replace("data.npz", data).replace("\"test\"", "0.2"));
        folder.good(&["train", "e.toml", "--out", run, "--quiet"]);
        folder.json(&format!("{run}/history.json"))["history"]["val_loss"].clone()
    };
    assert_ne!(trained("weighted.npz", "a"), trained("plain.npz", "b"));
    folder.good(&["reproduce", "a", "--quiet"]);

    for (weights, want) in [
        (floats(&[29], weight), "sample_weight has the shape [29], expected (30,): a number for every row"),
        (
            floats(&[30], |row| if row == 3 { f32::NAN } else { 1.0 }),
            "sample_weight is NaN in row 3, expected a number",
        ),
        (floats(&[30], |_| -1.0), "sample_weight is -1 in row 0, expected a number, at least 0"),
    ] {
        write("bad.npz", Some(weights));
        for args in [
            &["evaluate", "model.keras", "--data", "bad.npz"][..],
            &["fit", "model.keras", "--data", "bad.npz", "--out", "o.keras"],
            &["fit", "model.keras", "--data", "plain.npz", "--validation-data", "bad.npz", "--out", "o.keras"],
        ] {
            let ran = folder.run(args);
            assert!(ran.code == Some(2) && ran.stderr.contains(want), "{args:?}: {}", ran.stderr);
        }
    }
    let ((x, y), weights) = (tiny(30, 4), floats(&[30], weight));
    folder.write("pair.npz", arrays(&[("x_train", x), ("y_train", y), ("sample_weight", weights)]));
    let ran = folder.run(&["evaluate", "model.keras", "--data", "pair.npz"]);
    let want = "error: pair.npz: sample_weight belongs to x and y, which are not there: call the arrays so\n";
    assert_eq!((ran.code, &*ran.stderr), (Some(2), want));
}

#[test]
fn in_order_and_with_a_seed() {
    let folder = folder();
    let hash = |more: &[&str]| {
        folder.good(&with(&[&["--force", "--quiet", "--batch-size", "7"], more].concat()));
        Model::load(folder.path().join("out.keras")).unwrap().weights_sha256()
    };
    let ordered = hash(&["--shuffle", "false"]);
    assert_eq!(ordered, hash(&["--shuffle", "false", "--seed", "3"]), "nothing random is left");
    let shuffled = hash(&[]);
    assert_ne!(ordered, shuffled);
    assert_eq!(shuffled, hash(&["--seed", "0"]));
    assert_ne!(shuffled, hash(&["--seed", "3"]));
}

#[test]
fn resumed_extended_and_in_place() {
    let folder = folder();
    let weights = |name: &str| Model::load(folder.path().join(name)).unwrap().weights_sha256();
    folder.good(&["fit", "model.keras", "--data", "data.npz", "--out", "whole.keras", "--epochs", "4", "--quiet"]);
    let ran = folder.good(&with(&["--epochs", "2", "--resume"]));
    assert!(ran.stderr.contains("warning: out.keras.ckpt: no checkpoint, starting afresh"), "{}", ran.stderr);
    folder.good(&with(&["--epochs", "4", "--resume", "--quiet"]));
    assert_eq!(std::fs::read(folder.path().join("out.keras")).unwrap(), folder.read("whole.keras"));
    let ran = folder.good(&with(&["--epochs", "4", "--resume"]));
    assert!(ran.stderr.contains("nothing is left to do") && ran.stdout.starts_with("acc: "), "{}", ran.stderr);
    let ran = folder.run(&with(&["--epochs", "4"]));
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("out.keras.ckpt: holds checkpoints of a training already: go on with it (--resume")
    );
    // Another model in the place of the first.
    let mut other = Model::load(folder.path().join("model.keras")).unwrap().with_seed(8).unwrap();
    other.compile("sparse_categorical_crossentropy", "adam", ["acc"]).unwrap();
    other.save(folder.path().join("model.keras")).unwrap();
    let ran = folder.run(&with(&["--epochs", "4", "--resume"]));
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("(weights at the beginning: "), "{}", ran.stderr);
    // A model that is trained into its own file is where its checkpoint left it.
    let own = ["fit", "out.keras", "--data", "data.npz", "--out", "out.keras", "--quiet", "--resume"];
    folder.good(&[&own[..], &["--epochs", "4"]].concat());
    assert_eq!(weights("out.keras"), weights("whole.keras"));
    folder.good(&[&own[..], &["--epochs", "6"]].concat());
    assert_eq!(Model::load(folder.path().join("out.keras")).unwrap().iterations(), 6);
}

#[test]
fn wrong_use() {
    let folder = folder();
    let mut bare = Sequential::new(layers![Dense::new(3).input_dim(4)]).unwrap();
    bare.save(folder.path().join("bare.keras")).unwrap();
    bare.compile("mse", "adam", ["mae"]).unwrap();
    bare.save(folder.path().join("mse.keras")).unwrap();
    folder.write("x.npz", arrays(&[("x", tiny(5, 4).0)]));
    let (x, _) = tiny(6, 4);
    folder.write("bad.npz", arrays(&[("x", x), ("y", integers([0, 1, 2, 3, 0, 0]))]));
    let before = folder.files("");
    for (args, want) in [
        (vec!["fit", "model.keras", "--data", "data.npz"], "required arguments were not provided"),
        (
            vec!["fit", "model.keras", "--data", "data.npz", "--out", "out.h5"],
            "--out out.h5: expected a name that ends in .keras",
        ),
        (
            vec!["fit", "bare.keras", "--data", "data.npz", "--out", "o.keras"],
            "bare.keras: the model has no loss and no optimizer",
        ),
        (vec!["fit", "none.keras", "--data", "data.npz", "--out", "o.keras"], "none.keras: No such file"),
        (vec!["fit", "model.keras", "--data", "x.npz", "--out", "o.keras"], "x.npz: has x but no targets"),
        (vec!["fit", "model.keras", "--data", "bad.npz", "--out", "o.keras"], "y is 3 in row 3: with 3 outputs"),
        (vec!["fit", "mse.keras", "--data", "data.npz", "--out", "o.keras"], "nothing is broadcast"),
        (
            vec!["fit", "model.keras", "--data", "data.npz", "--out", "no/o.keras"],
            "--out no/o.keras: cannot be written (",
        ),
        (with(&["--history", "no/h.json"]), "--history no/h.json: cannot be written ("),
        (with(&["--shuffle", "maybe"]), "invalid value 'maybe'"),
        (with(&["--checkpoint-every", "often"]), "expected a number of seconds such as 60, or epoch, or never"),
        (with(&["--on-nan", "hope"]), "expected stop, skip or rollback"),
        (with(&["--resume", "--force"]), "cannot be used with"),
    ] {
        let ran = folder.run(&args);
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(want), "{args:?}: {}", ran.stderr);
        assert_eq!(folder.files(""), before, "{args:?}");
    }
}
