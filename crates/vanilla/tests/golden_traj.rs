//! A whole training recorded with Keras: Dense with L2, BatchNormalization, Dense; four epochs of 40 rows in
//! batches of 16, and the last 10 of the 50 rows for validation.

use serde_json::Value;
use vanilla::prelude::*;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/traj.keras");

fn recorded() -> Value {
    serde_json::from_str(include_str!("golden/traj.json")).unwrap()
}

fn flat(value: &Value, elements: &mut Vec<f32>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| flat(value, elements)),
        number => elements.push(number.as_f64().unwrap() as f32),
    }
}

/// Nested lists of one depth.
fn tensor(value: &Value) -> Tensor {
    let mut shape = Vec::new();
    let mut inner = value;
    while let Value::Array(values) = inner {
        shape.push(values.len());
        inner = &values[0];
    }
    let mut elements = Vec::new();
    flat(value, &mut elements);
    Tensor::new(elements, shape).unwrap()
}

fn tensors(value: &Value) -> Vec<Tensor> {
    value.as_array().unwrap().iter().map(tensor).collect()
}

/// Elements differ by at most this share of the largest one.
fn close(ours: &Tensor, keras: &Tensor, tolerance: f32, of: &str) {
    assert_eq!(ours.shape(), keras.shape(), "{of}");
    let (ours, keras) = (ours.to_f32(), keras.to_f32());
    let largest = keras.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    for (a, b) in ours.iter().zip(&keras) {
        assert!((a - b).abs() <= tolerance * largest, "{of}: {a}, in Keras {b}");
    }
}

/// The loaded model at its start: the weights that the recording began with, and a new optimizer.
fn start(recorded: &Value) -> Model {
    let mut model = Model::load(FILE).unwrap();
    model.set_weights(&tensors(&recorded["init_weights"])).unwrap();
    model.compile("categorical_crossentropy", "adam", ["acc"]).unwrap();
    model
}

#[test]
fn the_training_is_that_of_keras() {
    let recorded = recorded();
    let (x, y) = (tensor(&recorded["x"]), tensor(&recorded["y"]));
    let mut model = start(&recorded);
    let options = Fit::new().epochs(4).batch_size(16).validation_split(0.2).shuffle(false).verbose(0);
    let history = model.fit(&x, &y, options).unwrap();
    for (key, keras) in recorded["history"].as_object().unwrap() {
        let keras = tensor(keras).to_f32();
        assert_eq!(history[key].len(), keras.len());
        for (epoch, (ours, keras)) in history[key].iter().zip(&keras).enumerate() {
            assert!((*ours as f32 - keras).abs() <= 2e-6, "{key} of epoch {epoch}: {ours}, in Keras {keras}");
        }
    }
    for (number, (ours, keras)) in model.get_weights().iter().zip(tensors(&recorded["final_weights"])).enumerate()
    {
        close(ours, &keras, 3e-6, &format!("weight {number}"));
    }
    close(&model.predict(&x).unwrap(), &tensor(&recorded["predict"]), 3e-6, "predictions");
}

#[test]
fn the_file_is_that_model_after_it() {
    let recorded = recorded();
    let model = Model::load(FILE).unwrap();
    for (number, (ours, keras)) in model.get_weights().iter().zip(tensors(&recorded["final_weights"])).enumerate()
    {
        assert_eq!(ours, &keras, "weight {number}");
    }
    assert_eq!(model.iterations(), 12);
    let (x, y) = (tensor(&recorded["x"]), tensor(&recorded["y"]));
    close(&model.predict(&x).unwrap(), &tensor(&recorded["predict"]), 1e-6, "predictions");
    let logs = model.evaluate(&x, &y).unwrap();
    let [loss, acc] = [0, 1].map(|i| recorded["evaluate_all"][i].as_f64().unwrap());
    assert!((logs["loss"] - loss).abs() < 1e-6 && (logs["acc"] - acc).abs() < 1e-6, "{logs:?}");
}
