//! Files of several versions of Keras (`interop/versions.sh`, `record_versions.py`): each loads, predicts what its version
//! predicted, and goes on training as it did there, or is refused for the reason that stands here. And what Keras asks of
//! files, as `interop/random_models.py` found out.

use serde_json::{Value, json};
use std::path::PathBuf;
use vanilla::formats::hdf5::{self, Node};
use vanilla::formats::keras_zip;
use vanilla::prelude::*;
use vanilla::{Arrays, optimizers};

const VERSIONS: [&str; 4] = ["2.15", "3.0", "3.5", "3.15"];
const MODELS: [&str; 3] = ["tutorial", "graph", "regression"];

/// Files that are refused, and a part of the message.
const REFUSED: &[(&str, &str)] = &[];

/// What differs, where something does.
type Outcome = std::result::Result<(), String>;

/// Keras 3.0 on JAX counts penalties twice, so its epoch is another one: it is not compared.
const TRAINS_OTHERWISE: &str = "3.0-regression";

/// Predictions of the same weights.
const PREDICTIONS: f64 = 1e-6;
/// An epoch of training more, as everywhere.
const TRAINING: f64 = 2e-3;

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/versions")).join(name)
}

fn told(stem: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path(&format!("{stem}.json"))).unwrap()).unwrap()
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn tensor(value: &Value) -> Tensor {
    let shape: Vec<usize> = floats(&value["shape"]).iter().map(|n| *n as usize).collect();
    Tensor::new(floats(&value["values"]), shape).unwrap()
}

fn tensors(value: &Value) -> Arrays {
    value.as_array().unwrap().iter().map(tensor).collect::<Vec<_>>().into()
}

/// Compared with the largest value.
fn near(what: &str, got: &[f32], want: &[f32], tolerance: f64) -> Outcome {
    let largest = want.iter().fold(1e-6f64, |most, x| most.max(f64::from(x.abs())));
    if got.len() != want.len() {
        return Err(format!("{what}: {} values, expected {}", got.len(), want.len()));
    }
    let far = |(got, want): (&f32, &f32)| (f64::from(*got) - f64::from(*want)).abs() / largest;
    let worst = got.iter().zip(want).map(far).fold(0.0, f64::max);
    if worst <= tolerance && got.iter().all(|x| x.is_finite()) {
        Ok(())
    } else {
        Err(format!("{what}: {worst:e} apart, tolerance {tolerance:e}"))
    }
}

fn predictions(model: &Model, told: &Value, of: &Value) -> Outcome {
    let got = model.predict_all(tensors(&told["x"])).map_err(|error| error.to_string())?;
    near("predictions", &got[0].to_f32(), &floats(&of["predictions"]["values"]), PREDICTIONS)
}

/// The epoch that its own version trained next.
fn goes_on(model: &mut Model, stem: &str, told: &Value) -> Outcome {
    let rows = told["fit"]["batch_size"].as_u64().unwrap() as usize;
    let options = Fit::new().epochs(1).batch_size(rows).shuffle(false).verbose(0);
    let (x, y) = (tensors(&told["x"]), tensors(&told["y"]));
    let history = model.fit(x, y, options).map_err(|error| error.to_string())?;
    let want = &told["continued"];
    if stem == TRAINS_OTHERWISE {
        return Ok(());
    }
    for (key, value) in &history.history {
        near(key, &[value[0] as f32], &floats(&want["history"][key]), TRAINING)?;
    }
    for (i, (got, want)) in model.get_weights().iter().zip(want["weights"].as_array().unwrap()).enumerate() {
        near(&format!("weight {i}"), &got.to_f32(), &floats(&want["values"]), TRAINING)?;
    }
    let got = model.predict_all(tensors(&told["x"])).map_err(|error| error.to_string())?;
    near("predictions after training", &got[0].to_f32(), &floats(&want["predictions"]["values"]), TRAINING)
}

/// Whole models, in either format.
fn whole(stem: &str, ending: &str) -> Outcome {
    let told = told(stem);
    let mut model = Model::load(path(&format!("{stem}{ending}"))).map_err(|error| error.to_string())?;
    predictions(&model, &told, &told)?;
    if !model.is_compiled() {
        return Err("not compiled".into());
    }
    goes_on(&mut model, stem, &told)
}

/// Weights alone, into the model that this version described, with its optimizer's state.
fn weights(stem: &str) -> Outcome {
    let told = told(stem);
    let described = Model::load(path(&format!("{stem}.keras"))).map_err(|error| error.to_string())?;
    let mut model = Model::from_json(&described.to_json().unwrap()).unwrap();
    model.load_weights(path(&format!("{stem}.weights.h5"))).map_err(|error| error.to_string())?;
    predictions(&model, &told, &told)?;
    goes_on(&mut model, stem, &told)
}

#[test]
fn files_of_every_version_load_and_go_on() {
    let mut wrong = Vec::new();
    let mut table = Vec::new();
    for version in VERSIONS {
        for model in MODELS {
            let stem = format!("{version}-{model}");
            for ending in [".keras", ".h5", ".weights.h5"] {
                let name = format!("{stem}{ending}");
                let got = if ending == ".weights.h5" { weights(&stem) } else { whole(&stem, ending) };
                let refused = REFUSED.iter().find(|(file, _)| *file == name).map(|(_, reason)| *reason);
                match (&got, refused) {
                    (Ok(()), None) => {}
                    (Err(error), Some(reason)) if error.contains(reason) => {}
                    _ => wrong.push(format!("{name}: {got:?}, expected refusal: {refused:?}")),
                }
                table.push((name, got));
            }
        }
    }
    assert_eq!(table.len(), 36);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The description of the graph with other ends, read and written again.
fn with_ends(inputs: Value, outputs: Value) -> Model {
    let bytes = std::fs::read(path("3.15-graph.keras")).unwrap();
    let described = keras_zip::read(&bytes).unwrap();
    let mut config: Value = serde_json::from_str(&described.config).unwrap();
    config["compile_config"] = Value::Null;
    config["config"]["input_layers"] = inputs.clone();
    config["config"]["output_layers"] = outputs.clone();
    let model = Model::from_json(&config).unwrap();
    let again = model.to_json().unwrap();
    assert_eq!(again["config"]["input_layers"], inputs);
    assert_eq!(again["config"]["output_layers"], outputs);
    model
}

#[test]
fn ends_stay_single_listed_or_named() {
    let (left, right, out) = (json!(["left", 0, 0]), json!(["right", 0, 0]), json!(["out", 0, 0]));
    with_ends(json!([left, right]), out.clone());
    with_ends(json!([left, right]), json!([out]));
    // Keras takes the places of a table in the order of its names, and its losses and metrics are named by them.
    let named = json!({ "b": left, "a": right });
    let mut model = with_ends(named, json!({ "z": out, "y": ["deep", 0, 0] }));
    assert_eq!(
        (model.input_names(), model.output_names()),
        (vec!["a".into(), "b".into()], vec!["y".into(), "z".into()])
    );
    model.compile_with(Compile::new(Losses::named([("z", "mse"), ("y", "mae")]), "sgd")).unwrap();
    let (a, b) = (Tensor::new(vec![0.5f32; 12], [4, 3]).unwrap(), Tensor::new(vec![0.5f32; 20], [4, 5]).unwrap());
    let (y, z) = (Tensor::new(vec![1.0f32; 24], [4, 6]).unwrap(), Tensor::new(vec![1.0f32; 8], [4, 2]).unwrap());
    let history = model.fit([&a, &b], [&y, &z], Fit::new().verbose(0)).unwrap();
    let keys: Vec<&str> = history.history.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["loss", "y_loss", "z_loss"]);
}

/// Keras's Discretization takes no `trainable`: it could not open the file.
#[test]
fn every_layer_has_the_keys_that_keras_gives_it() {
    let bins = Discretization::new().bin_boundaries([0.0, 1.0]).output_mode("multi_hot");
    let x = Input::new([2]).tensor();
    let model = Model::new(&x, &Dense::new(2).call(&bins.call(&x))).unwrap();
    let described = model.to_json().unwrap();
    assert!(described["config"]["layers"][1]["config"].get("trainable").is_none());
    assert_eq!(described["config"]["layers"][2]["config"]["trainable"], true);
    assert_eq!(Model::from_json(&described).unwrap().to_json().unwrap(), described);
}

/// The summary counts what a file holds of the optimizer, as Keras's does.
#[test]
fn the_summary_counts_the_optimizer_as_files_hold_it() {
    let folder = tempfile::tempdir().unwrap();
    let x = Tensor::new(vec![0.5f32; 12], [4, 3]).unwrap();
    for optimizer in optimizers::names() {
        let mut model = Sequential::new(layers![Dense::new(4).input_dim(3), Dense::new(3)]).unwrap();
        model.compile("mse", optimizer, [] as [&str; 0]).unwrap();
        model.fit(&x, &x, Fit::new().verbose(0)).unwrap();
        let file = folder.path().join("model.keras");
        model.save(&file).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let archive = keras_zip::read(&bytes).unwrap();
        let tree = hdf5::read(&archive.weights).unwrap();
        let Some(Node::Group(vars)) = tree.get("optimizer/vars") else { panic!("{optimizer}") };
        let elements = vars.children.iter().map(|(_, node)| match node {
            Node::Dataset(array) => array.data.len() as u64,
            Node::Group(_) => 0,
        });
        assert_eq!(model.summary().optimizer_params, Some(elements.sum()), "{optimizer}");
    }
}
