//! `vanilla fit`: a saved model goes on on arrays, as Keras's `fit` would.

mod common;

use common::*;
use serde_json::Value;
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
