//! `.keras` files: round trips, files made by Keras, and files that are not what they should be.

use serde_json::{Value, json};
use vanilla::formats::hdf5::{self, Group, Node};
use vanilla::formats::keras_zip::{self, KerasArchive};
use vanilla::formats::{Array, Data};
use vanilla::prelude::*;

#[path = "common/files.rs"]
mod files;
#[path = "common/groups.rs"]
mod groups;

use files::{altered, data, model, options, vars};

#[test]
fn a_model_goes_on_after_a_round_trip_as_if_nothing_had_happened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.keras");
    let (x, y) = data();
    for optimizer in ["adam", "sgd", "rmsprop"] {
        let mut model = model(optimizer);
        model.fit(&x, &y, options()).unwrap();
        model.save(&path).unwrap();
        let loaded = Model::load(&path).unwrap();
        assert_eq!(loaded.weights_sha256(), model.weights_sha256());
        assert_eq!(loaded.iterations(), 6);
        assert_eq!(loaded.predict(&x).unwrap(), model.predict(&x).unwrap());
        assert_eq!(loaded.evaluate(&x, &y).unwrap(), model.evaluate(&x, &y).unwrap());
        assert_eq!(loaded.summary().to_string(), model.summary().to_string());
        assert_eq!(loaded.to_json().unwrap(), model.to_json().unwrap());
        // The seed is not in the file, so no dropout from here on would be the same: compare without it.
        let first = std::fs::read(&path).unwrap();
        loaded.save(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first, "the same model gives the same bytes");
    }
}

#[test]
fn the_optimizer_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.keras");
    let (x, y) = data();
    let x = x.reshape([40, 6]).unwrap();
    for optimizer in ["adam", "sgd", "rmsprop"] {
        let layers = layers![Dense::new(7).activation("relu").input_dim(6), Dense::new(3).activation("softmax")];
        let mut model = Sequential::new(layers).unwrap();
        model.compile("sparse_categorical_crossentropy", optimizer, ["acc"]).unwrap();
        model.fit(&x, &y, options()).unwrap();
        model.save(&path).unwrap();
        let mut loaded = Model::load(&path).unwrap();
        assert_eq!(loaded.fit(&x, &y, options()).unwrap().history, model.fit(&x, &y, options()).unwrap().history);
        assert_eq!(loaded.weights_sha256(), model.weights_sha256(), "{optimizer}");
    }
}

/// In Keras 3 a model that is frozen freezes its layers, which may be thawed one by one: what fine-tuning does.
#[test]
fn a_model_inside_hands_trainable_on_to_its_layers() {
    let base =
        Sequential::new(layers![Dense::new(3).name("first").input_dim(4), Dense::new(3).name("last")]).unwrap();
    let layers = layers![base.as_layer(), Dense::new(1).name("head")];
    let mut model = Sequential::new(layers).unwrap();
    model.compile("mse", "sgd", [""; 0]).unwrap();
    let x = Tensor::new((0..12).map(|i| i as f32 / 7.0).collect::<Vec<_>>(), [3, 4]).unwrap();
    let y = Tensor::new(vec![1.0f32, -2.0, 3.0], [3]).unwrap();
    // Kernel and bias of `first`, `last` and `head`.
    let moves = |model: &mut Model| -> Vec<bool> {
        let before = model.get_weights();
        model.fit(&x, &y, Fit::new().verbose(0)).unwrap();
        before.iter().zip(model.get_weights()).map(|(before, after)| *before != after).collect()
    };
    let inside = model.layer_names()[0].clone();
    for (changes, want) in [
        (&[][..], [true, true, true]),
        (&[("", false)], [false, false, true]),
        (&[("/last", true)], [false, true, true]),
        (&[("", true), ("/first", false)], [false, true, true]),
    ] {
        for (path, trainable) in changes {
            model.set_trainable(&format!("{inside}{path}"), *trainable).unwrap();
        }
        let want: Vec<bool> = want.iter().flat_map(|moved| [*moved; 2]).collect();
        assert_eq!(moves(&mut model), want, "{changes:?}");
        let mut loaded = Model::from_bytes(&model.to_keras().unwrap(), &Registry::default()).unwrap();
        assert_eq!(moves(&mut loaded), want, "{changes:?}, from a file");
    }
    assert!(model.set_trainable(&format!("{inside}/frist"), false).is_err());
}

/// Keras looks for them among the numbers, though they stand in the description as well.
#[test]
fn weights_of_a_lookup_are_numbers_of_the_file() {
    let lookup = StringLookup::new().vocabulary(["a", "b"]).idf_weights([0.5, 0.25]).output_mode("tf_idf");
    let mut model = Sequential::new(layers![lookup.name("words"), Dense::new(1)]).unwrap();
    model.build(&[3]).unwrap();
    let file = model.to_keras().unwrap();
    let tree = hdf5::read(&keras_zip::read(&file).unwrap().weights).unwrap();
    let weights = tree.dataset("layers/string_lookup/vars/idf_weights").unwrap();
    // Words that are not known have the mean.
    assert_eq!(weights.data, Data::F32(vec![0.375, 0.5, 0.25]));
    let loaded = Model::from_bytes(&file, &Registry::default()).unwrap();
    assert_eq!(loaded.to_json().unwrap(), model.to_json().unwrap());
}

#[test]
fn a_model_made_by_keras() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/mini.keras");
    let mut model = Model::load(path).unwrap();
    assert_eq!(
        (model.name(), model.layer_names(), model.input_shape()),
        ("mini", vec!["out".to_owned()], Some(&[4][..]))
    );
    assert!(model.is_compiled());
    let x = Tensor::new((0..8).map(|i| i as f32).collect(), [2, 4]).unwrap();
    let y = Tensor::new(vec![1.0f32, 0.0, 0.0, 1.0], [2, 2]).unwrap();
    model.fit(&x, &y, Fit::new().verbose(0)).unwrap();
}

/// A file that differs from a good one in its description or in its weights.
fn changed(config: impl FnOnce(&mut Value), weights: impl FnOnce(&mut Group)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.keras");
    std::fs::write(&path, altered(&model("adam"), config, weights)).unwrap();
    let error = Model::load(&path).unwrap_err();
    assert!(error.is_bad_input());
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    text.rsplit_once("model.keras: ").expect("names the file").1.to_owned()
}

#[test]
fn descriptions_that_make_no_sense() {
    let layer = |index: usize, key: &'static str, value: Value| {
        changed(move |config| config["config"]["layers"][index]["config"][key] = value, |_| ())
    };
    for (got, want) in [
        (layer(3, "units", json!(-1)), "Dense 'hidden': units = -1, expected a whole number"),
        (
            layer(3, "units", json!(0)),
            "layer 'hidden' (Dense): units = 0, expected a number of outputs, at least 1",
        ),
        (layer(3, "units", json!(1e308)), "Dense 'hidden': units = 1e+308, expected a whole number"),
        (layer(3, "units", json!("10")), "Dense 'hidden': units = \"10\", expected a whole number"),
        (layer(3, "units", json!(10_000_000)), " weights, more than the "),
        (layer(3, "activation", json!("rleu")), "did you mean 'relu'?"),
        (layer(3, "dtype", json!("float16")), "Dense 'hidden': dtype = \"float16\", expected float32"),
        (layer(3, "trainable", json!("no")), "Dense 'hidden': trainable = \"no\", expected true or false"),
        (layer(3, "kernel_regularizer", json!({"class_name": "L3"})), "unknown regularizer 'L3'"),
        (layer(3, "name", json!("dense_9\u{0}".repeat(99))), "has 792 characters, expected 1 to 256"),
        (layer(5, "name", json!("hidden")), "two layers are named 'hidden'"),
        (
            layer(0, "batch_shape", json!([null])),
            "InputLayer: batch_shape = [null], expected a list such as [null, 784]",
        ),
        (changed(|c| c["config"]["layers"][3]["class_name"] = json!("Lambda"), |_| ()), "unknown layer 'Lambda'"),
        (changed(|c| c["class_name"] = json!("Functional"), |_| ()), "model: build_input_shape"),
        (changed(|c| *c = json!([]), |_| ()), "no \"class_name\""),
        (
            changed(|c| c["compile_config"] = json!(["mse", "adam"]), |_| ()),
            "config.json: compile: [\"mse\",\"adam\"], expected a table such as {\"loss\": ",
        ),
    ] {
        assert!(got.contains(want), "{got}\nis not\n{want}");
    }
}

#[test]
fn weights_that_do_not_fit_the_description() {
    let array = |shape: &[usize], value: f32| {
        Node::Dataset(Array { shape: shape.to_vec(), data: Data::F32(vec![value; shape.iter().product()]) })
    };
    let kernel = |node: Node| changed(|_| (), move |tree| vars(tree, "layers/dense/vars")[0] = ("0".into(), node));
    for (got, want) in [
        (kernel(array(&[7, 6], 0.0)), "model.weights.h5: layers/dense/vars/0: shape [7, 6], expected [6, 7]"),
        (
            kernel(array(&[6, 7], f32::NAN)),
            "model.weights.h5: layers/dense/vars/0: element 0 is NaN, not a finite number",
        ),
        (
            changed(|_| (), |tree| drop(vars(tree, "layers/dense/vars").pop())),
            "model.weights.h5: layers/dense/vars: layer 'hidden' expects 2 variables, found 1",
        ),
        (
            changed(|_| (), |tree| vars(tree, "layers").retain(|(name, _)| name != "dense_1")),
            "layer 'dense' expects 1 variables, found 0",
        ),
        (
            changed(|_| (), |tree| vars(tree, "optimizer/vars").push(("3".into(), array(&[1], 0.0)))),
            "model.weights.h5: HDF5: no dataset `optimizer/vars/2`",
        ),
    ] {
        assert!(got.contains(want), "{got}\nis not\n{want}");
    }
}

#[test]
fn files_that_are_no_models_and_places_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.keras");
    let load = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Model::load(&path).unwrap_err().to_string()
    };
    model("adam").save(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    for bytes in [&b""[..], b"<html>", &good[..good.len() - 1], &good[..100]] {
        assert!(load(bytes).contains("model.keras: "), "{}", load(bytes));
    }
    assert!(Model::load(folder.path().join("none.keras")).is_err());
    let model = model("adam");
    for (name, expected) in [
        ("model.txt", "expected a name that ends in .keras, .h5 or .safetensors"),
        ("model.weights.h5", "that is a name for weights alone: save_weights writes them"),
    ] {
        assert!(model.save(folder.path().join(name)).unwrap_err().to_string().ends_with(expected));
    }
    assert!(model.save_weights(folder.path().join("model.h5")).is_err());
    assert!(model.save(folder.path().join("no/such/folder/model.keras")).is_err());
    // What was there before is still there.
    std::fs::write(&path, &good).unwrap();
    std::fs::create_dir(folder.path().join("taken.keras")).unwrap();
    assert!(model.save(folder.path().join("taken.keras")).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), good);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "no temporary file stays: {left:?}");
}

#[test]
fn names_and_notes_travel_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.keras");
    let mut model = model("adam");
    model.set_class_names(["zero", "one", "two"]).unwrap();
    model.set_feature_names(0, ["left", "middle", "right"]).unwrap();
    model.set_note("accuracy", "0.98").unwrap();
    model.save(&path).unwrap();
    let loaded = Model::load(&path).unwrap();
    assert_eq!(loaded.info(), model.info());
    assert_eq!((loaded.class_names()[1].as_str(), loaded.note("accuracy")), ("one", Some("0.98")));
    // Names of another number of classes are not names of these.
    let file = std::fs::read(&path).unwrap();
    let archive = keras_zip::read(&file).unwrap();
    let metadata = archive.metadata.as_ref().map(|text| text.replace("\"zero\",", ""));
    std::fs::write(&path, keras_zip::write(&KerasArchive { metadata, ..archive }).unwrap()).unwrap();
    assert_eq!(
        Model::load(&path).unwrap_err().to_string().replace(&path.display().to_string(), "model.keras"),
        "model.keras: metadata.json: info: class_names: 2 names, expected 3: the output 'dense_1' tells so many apart"
    );
}
