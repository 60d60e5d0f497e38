//! Files of several versions of Keras (`interop/versions.sh`, `record_versions.py`): each loads, predicts what its version
//! predicted, and goes on training as it did there, or is refused for the reason that stands here.

use serde_json::Value;
use std::path::PathBuf;
use vanilla::{Arrays, Fit, Model, Tensor};

const VERSIONS: [&str; 4] = ["2.15", "3.0", "3.5", "3.15"];
const MODELS: [&str; 3] = ["tutorial", "graph", "regression"];

/// Files that are refused, and a part of the message.
const REFUSED: &[(&str, &str)] = &[];

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
fn near(what: &str, got: &[f32], want: &[f32], tolerance: f64) -> Result<(), String> {
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

fn predictions(model: &Model, told: &Value, of: &Value) -> Result<(), String> {
    let got = model.predict_all(tensors(&told["x"])).map_err(|error| error.to_string())?;
    near("predictions", &got[0].to_f32(), &floats(&of["predictions"]["values"]), PREDICTIONS)
}

/// The epoch that its own version trained next.
fn goes_on(model: &mut Model, told: &Value) -> Result<(), String> {
    let rows = told["fit"]["batch_size"].as_u64().unwrap() as usize;
    let options = Fit::new().epochs(1).batch_size(rows).shuffle(false).verbose(0);
    let (x, y) = (tensors(&told["x"]), tensors(&told["y"]));
    let history = model.fit(x, y, options).map_err(|error| error.to_string())?;
    let want = &told["continued"];
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
fn whole(stem: &str, ending: &str) -> Result<(), String> {
    let told = told(stem);
    let mut model = Model::load(path(&format!("{stem}{ending}"))).map_err(|error| error.to_string())?;
    predictions(&model, &told, &told)?;
    if !model.is_compiled() {
        return Err("not compiled".into());
    }
    goes_on(&mut model, &told)
}

/// Weights alone, into the model that this version described, with its optimizer's state.
fn weights(stem: &str) -> Result<(), String> {
    let told = told(stem);
    let described = Model::load(path(&format!("{stem}.keras"))).map_err(|error| error.to_string())?;
    let mut model = Model::from_json(&described.to_json().unwrap()).unwrap();
    model.load_weights(path(&format!("{stem}.weights.h5"))).map_err(|error| error.to_string())?;
    predictions(&model, &told, &told)?;
    goes_on(&mut model, &told)
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
