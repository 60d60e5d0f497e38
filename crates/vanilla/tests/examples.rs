//! The examples' networks are those that were recorded with Keras, and learn as they did there.

#[path = "../examples/autoencoder.rs"]
mod autoencoder;
#[path = "../examples/residual.rs"]
mod residual;
#[path = "common/trainings.rs"]
mod trainings;
#[path = "../examples/two_in_two_out.rs"]
mod two_in_two_out;

use serde_json::{Value, json};
use vanilla::Model;

fn recorded(name: &str) -> Value {
    let mut all = trainings::recorded_in("trainings.json").into_iter();
    all.find(|training| training["name"] == name).unwrap_or_else(|| panic!("{name} was not recorded"))
}

/// Every `[layer, call, output]` that a layer is called on.
fn histories(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(node) => match node.get("keras_history") {
            Some(history) => vec![history.clone()],
            None => node.values().flat_map(histories).collect(),
        },
        Value::Array(items) => items.iter().flat_map(histories).collect(),
        _ => Vec::new(),
    }
}

/// Layers with their names, their keys and what they are called on, inputs and outputs. A key that is null says
/// nothing, and random numbers are no part of it; neither is how a data type is written.
fn description(model: &Value) -> Value {
    fn keys(value: &Value) -> Value {
        match value {
            Value::Object(node) => {
                let told =
                    node.iter().filter(|(key, value)| !value.is_null() && *key != "seed" && *key != "dtype");
                told.map(|(key, value)| (key.clone(), keys(value))).collect::<serde_json::Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }
    let config = &model["config"];
    let layer = |layer: &Value| {
        json!([layer["class_name"], keys(&layer["config"]), layer.get("inbound_nodes").map(histories)])
    };
    let layers: Vec<Value> = config["layers"].as_array().unwrap().iter().map(layer).collect();
    json!([model["class_name"], layers, config.get("input_layers"), config.get("output_layers")])
}

/// By output, in their order, whether they were named or listed.
fn listed(value: &Value, outputs: &[String]) -> Value {
    match value {
        Value::Object(named) => outputs.iter().map(|output| named[output].clone()).collect(),
        other => other.clone(),
    }
}

/// Loss, weights of losses, metrics, optimizer.
fn compiled(model: &Value, outputs: &[String]) -> Value {
    let compile = &model["compile_config"];
    let [loss, weights, metrics] = ["loss", "loss_weights", "metrics"].map(|key| listed(&compile[key], outputs));
    let metrics = if metrics.is_null() { json!([]) } else { metrics };
    let optimizer = &compile["optimizer"];
    let of = |key: &str| optimizer["config"][key].as_f64();
    let numbers = ["learning_rate", "beta_1", "beta_2", "epsilon"].map(of);
    json!([loss, weights, metrics, optimizer["class_name"], numbers])
}

fn check(name: &str, model: Model) {
    let training = recorded(name);
    let (ours, keras) = (model.to_json().unwrap(), &training["model"]);
    assert_eq!(description(&ours), description(keras), "{name}");
    let outputs = model.output_names();
    assert_eq!(compiled(&ours, &outputs), compiled(keras, &outputs), "{name}");
    if let Err(problem) = trainings::compare(&training, model) {
        panic!("{name}: {problem}");
    }
}

#[test]
fn residual_is_the_recorded_network() {
    check("residual_ten", residual::model().unwrap());
    residual::main().unwrap();
}

#[test]
fn two_in_two_out_is_the_recorded_network() {
    check("two_in_two_out", two_in_two_out::model().unwrap());
    two_in_two_out::main().unwrap();
}

#[test]
fn autoencoder_is_the_recorded_network() {
    check("autoencoder", autoencoder::model().unwrap());
    autoencoder::main().unwrap();
}
