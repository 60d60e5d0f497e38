//! Descriptions of Keras 2 in the words of Keras 3: what [`Model::from_json`](crate::Model::from_json) reads.
//!
//! | Keras 2 writes | it becomes |
//! | --- | --- |
//! | `"config": [layer, …]` of a Sequential (before 2.2.3) | `"config": {"layers": [layer, …]}` |
//! | `batch_input_shape` of a Sequential's first layer | an `InputLayer` in front, if there is none |
//! | `"inbound_nodes": [[["dense", 0, 0, {}], …]]` | `[{"args": [tensor, …], "kwargs": {}}]` |
//! | `["inner", 1, 0]`: a model inside is counted from 1 | `["inner", 0, 0]` |
//! | `"axis": [1]` of a `BatchNormalization`, `fused`; `input_length` of an `Embedding` | `"axis": 1`; nothing |
//! | `"trainable": false` of a model inside, which holds for all that is in it | the same of each of its layers |
//! | `dtype` of an initializer | nothing: weights are float32 |
//! | `"class_name": "Custom>Adam"`, `lr`, `jit_compile`, `is_legacy_optimizer` | `Adam`, `learning_rate`, nothing |
//! | `decay` of an optimizer: rate / (1 + decay step) | the schedule `InverseTimeDecay`, which is the same |
//! | `"reduction": "auto"`, `fn` of a loss, `LossFunctionWrapper` | nothing; the loss of that name |
//! | `MeanMetricWrapper` with `fn`; names such as `y_mae` for the output `y` | the metric of that name; `mae` |
//!
//! The old `Nadam` has a slower momentum; it goes on as the later one, and a remark says so. Everything else is left as
//! it is, for the words' own readers. Source: files of Keras 2.15 (tf-keras); for older ones
//! `keras.engine` of 2.2 and 2.3. The rules `Adagrad` and `RMSprop` of before 2.11 add epsilon behind the root and not
//! under it; their files are read as the later rule, which differs where a gradient is near epsilon.

use crate::error::{Error, Result};
use serde_json::{Map, Value, json};

/// How Nadam's momentum rises: 0.96^(0.004 step) before Keras 2.11.
const NADAM_DECAY: f64 = 0.004;
/// Keras 2.11 and later.
const NADAM_NOW: &str = "Nadam: its momentum follows 0.96^step from here on, as in Keras 3, and no longer \
                         0.96^(0.004 step)";

/// Whether this version writes descriptions of the old kind. One that is not stated is old.
pub(super) fn is_old(version: Option<&str>) -> bool {
    version.is_none_or(|version| version.starts_with("1.") || version.starts_with("2."))
}

fn class(node: &Value) -> &str {
    node.get("class_name").and_then(Value::as_str).unwrap_or_default()
}

fn is_model(node: &Value) -> bool {
    matches!(class(node), "Sequential" | "Functional" | "Model")
}

/// Makes a model of this node one of Keras 3, with all that is inside.
///
/// # Errors
/// When a layer is called as if it were never trained.
pub(super) fn model(node: &mut Value) -> Result<()> {
    if let Some(Value::Array(layers)) = node.get_mut("config") {
        let layers = std::mem::take(layers);
        node["config"] = json!({ "layers": layers });
    }
    let sequential = class(node) == "Sequential";
    let Some(config) = node.get_mut("config").and_then(Value::as_object_mut) else { return Ok(()) };
    let Some(Value::Array(layers)) = config.get_mut("layers") else { return Ok(()) };
    if sequential
        && layers.first().is_some_and(|first| class(first) != "InputLayer")
        && let Some(shape) =
            layers.first().and_then(|first| first.get("config")?.get("batch_input_shape")).cloned()
    {
        layers.insert(0, json!({ "class_name": "InputLayer", "config": { "batch_shape": shape } }));
    }
    for node in layers.iter_mut() {
        if is_model(node) {
            model(node)?;
            freeze_inside(node);
        } else {
            layer(node);
        }
    }
    if sequential { Ok(()) } else { connect(config) }
}

/// Keras 2 asks the models around a layer as well whether they are trained, Keras 3 the layer alone.
fn freeze_inside(model: &mut Value) {
    let frozen =
        |node: &Value| node.get("config").and_then(|config| config.get("trainable")) == Some(&json!(false));
    if !frozen(model) {
        return;
    }
    let layers = model.get_mut("config").and_then(|config| config.get_mut("layers")).and_then(Value::as_array_mut);
    for node in layers.into_iter().flatten().filter(|node| class(node) != "InputLayer") {
        if let Some(config) = node.get_mut("config").and_then(Value::as_object_mut) {
            config.insert("trainable".into(), false.into());
        }
        freeze_inside(node);
    }
}

fn layer(node: &mut Value) {
    let class = class(node).to_owned();
    let Some(config) = node.get_mut("config").and_then(Value::as_object_mut) else { return };
    if class != "InputLayer" {
        config.shift_remove("batch_input_shape");
    }
    match &*class {
        "BatchNormalization" => {
            config.shift_remove("fused");
            if let Some([axis]) = config.get("axis").and_then(Value::as_array).map(Vec::as_slice) {
                let axis = axis.clone();
                config.insert("axis".into(), axis);
            }
        }
        "Embedding" => drop(config.shift_remove("input_length")),
        _ => {}
    }
    for (key, value) in config.iter_mut() {
        if key.ends_with("_initializer")
            && let Some(keys) = value.get_mut("config").and_then(Value::as_object_mut)
        {
            keys.shift_remove("dtype");
        }
    }
}

/// The calls of a functional model.
fn connect(config: &mut Map<String, Value>) -> Result<()> {
    let Some(Value::Array(layers)) = config.get("layers") else { return Ok(()) };
    // The first call of a model inside is the one that made it, which is not in the file; its calls here follow.
    let mut counted_from_one: Vec<String> = Vec::new();
    for node in layers.iter().filter(|node| is_model(node)) {
        let name = node.get("name").or_else(|| node["config"].get("name")).and_then(Value::as_str);
        counted_from_one.extend(name.map(str::to_owned));
    }
    counted_from_one.retain(|name| {
        let calls = layers.iter().filter_map(|node| node.get("inbound_nodes")?.as_array()).flatten();
        let ends = ["input_layers", "output_layers"].into_iter().filter_map(|key| config.get(key));
        let mut places = Vec::new();
        calls.chain(ends).for_each(|value| collect(value, &mut places));
        let mut of_model = places.iter().filter(|(layer, _)| layer == name).peekable();
        of_model.peek().is_some() && of_model.all(|(_, node)| *node > 0)
    });
    if let Some(Value::Array(layers)) = config.get_mut("layers") {
        for node in layers {
            let name = node.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let Some(Value::Array(calls)) = node.get_mut("inbound_nodes") else { continue };
            for call in calls.iter_mut().filter(|call| call.is_array()) {
                let places = match place(call) {
                    Some(_) => std::slice::from_ref(&*call),
                    None => call.as_array().map_or(&[][..], Vec::as_slice),
                };
                let mut kwargs = Map::new();
                let mut tensors = Vec::new();
                for place in places {
                    // What is no place stays as it is: the reader says what it expected.
                    tensors.push(match self::place(place) {
                        Some((name, node, tensor)) => {
                            let node = node - u64::from(node > 0 && counted_from_one.contains(&name));
                            let history = json!([name, node, tensor]);
                            json!({ "class_name": "__keras_tensor__", "config": { "keras_history": history } })
                        }
                        None => place.clone(),
                    });
                    if let Some(more) = place.get(3).and_then(Value::as_object) {
                        kwargs.extend(more.clone());
                    }
                }
                if kwargs.get("training").is_some_and(|training| *training == json!(false)) {
                    let problem = "is called with training = false, which Keras 2 keeps to when it trains: it is not \
                                   supported, leave it out";
                    return Err(Error::config(format!("layer '{name}'"), problem));
                }
                let args = if tensors.len() == 1 { Value::Array(tensors) } else { json!([tensors]) };
                *call = json!({ "args": args, "kwargs": kwargs });
            }
        }
    }
    for key in ["input_layers", "output_layers"] {
        if let Some(ends) = config.get_mut(key) {
            count_from_zero(ends, &counted_from_one);
        }
    }
    Ok(())
}

/// `["dense", 0, 0]`, with keywords behind it or without.
fn place(value: &Value) -> Option<(String, u64, u64)> {
    match value.as_array().map(Vec::as_slice) {
        Some([name, node, tensor] | [name, node, tensor, _]) => {
            Some((name.as_str()?.to_owned(), node.as_u64()?, tensor.as_u64()?))
        }
        _ => None,
    }
}

fn collect(value: &Value, places: &mut Vec<(String, u64)>) {
    match (place(value), value) {
        (Some((name, node, _)), _) => places.push((name, node)),
        (None, Value::Array(several)) => several.iter().for_each(|one| collect(one, places)),
        _ => {}
    }
}

fn count_from_zero(value: &mut Value, names: &[String]) {
    match place(value) {
        Some((name, node, _)) if node > 0 && names.contains(&name) => value[1] = json!(node - 1),
        Some(_) => {}
        None => {
            if let Value::Array(several) = value {
                several.iter_mut().for_each(|one| count_from_zero(one, names));
            }
        }
    }
}

/// Makes what a model with these outputs was compiled with that of Keras 3.
///
/// # Errors
/// When an optimizer decays in a way that Keras 3 has not.
pub(super) fn compile(config: &mut Value, outputs: &[String], remarks: &mut Vec<String>) -> Result<()> {
    if let Some(optimizer) = config.get_mut("optimizer") {
        self::optimizer(optimizer, remarks)?;
    }
    if let Some(loss) = config.get_mut("loss") {
        each(loss, &mut |node| self::loss(node));
    }
    for key in ["metrics", "weighted_metrics"] {
        if let Some(metrics) = config.get_mut(key) {
            each(metrics, &mut |node| metric(node, outputs));
        }
    }
    Ok(())
}

/// Every node in lists and tables.
fn each(value: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
        Value::Object(node) if node.contains_key("class_name") => change(value),
        Value::Object(table) => table.values_mut().for_each(|item| each(item, change)),
        _ => {}
    }
}

fn optimizer(node: &mut Value, remarks: &mut Vec<String>) -> Result<()> {
    let class = class(node).trim_start_matches("Custom>").to_owned();
    let Some(table) = node.as_object_mut().filter(|table| table.contains_key("class_name")) else {
        return Ok(());
    };
    table.insert("class_name".into(), class.as_str().into());
    let Some(keys) = table.get_mut("config").and_then(Value::as_object_mut) else { return Ok(()) };
    keys.shift_remove("jit_compile");
    keys.shift_remove("is_legacy_optimizer");
    if let Some(rate) = keys.shift_remove("lr")
        && !keys.contains_key("learning_rate")
    {
        keys.insert("learning_rate".into(), rate);
    }
    for key in ["decay", "schedule_decay"] {
        let Some(decay) = keys.shift_remove(key).filter(|decay| !decay.is_null()) else { continue };
        let number = decay.as_f64().filter(|decay| decay.is_finite() && *decay >= 0.0);
        let wrong =
            |expected: &str| Err(Error::config(class.as_str(), format!("{key} = {decay}, expected {expected}")));
        let Some(number) = number else { return wrong("a number, at least 0") };
        if class == "Nadam" {
            // Old Keras has it in single precision.
            if (number - NADAM_DECAY).abs() > 1e-6 {
                return wrong("0.004, the default: Keras 3 has no such key, so train it anew");
            }
            remarks.push(NADAM_NOW.to_owned());
        } else if number > 0.0 {
            let Some(rate) = keys.get("learning_rate").and_then(Value::as_f64) else {
                return wrong("0 beside a schedule of the learning rate: leave out one of the two");
            };
            let schedule = json!({
                "class_name": "InverseTimeDecay",
                "config": {
                    "initial_learning_rate": rate, "decay_steps": 1, "decay_rate": number, "staircase": false,
                },
            });
            keys.insert("learning_rate".into(), schedule);
        }
    }
    Ok(())
}

fn loss(node: &mut Value) {
    let class = class(node).trim_start_matches("Custom>").to_owned();
    let Some(keys) = node.get_mut("config").and_then(Value::as_object_mut) else { return };
    let function = keys.shift_remove("fn").filter(Value::is_string);
    if keys.get("reduction").is_some_and(|reduction| reduction == "auto") {
        keys.shift_remove("reduction");
    }
    match function {
        Some(function) if class == "LossFunctionWrapper" => node["class_name"] = function,
        _ => node["class_name"] = class.into(),
    }
}

fn metric(node: &mut Value, outputs: &[String]) {
    let class = class(node).trim_start_matches("Custom>").to_owned();
    let Some(keys) = node.get_mut("config").and_then(Value::as_object_mut) else { return };
    if outputs.len() > 1
        && let Some(name) = keys.get("name").and_then(Value::as_str)
        && let Some(short) =
            outputs.iter().find_map(|output| name.strip_prefix(output.as_str())?.strip_prefix('_'))
    {
        let short = short.to_owned();
        keys.insert("name".into(), short.into());
    }
    let function = keys.shift_remove("fn").filter(Value::is_string);
    match function {
        Some(function) if class == "MeanMetricWrapper" => node["class_name"] = function,
        _ => node["class_name"] = class.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_models_inside_are_counted_from_zero() {
        let mut node = json!({ "class_name": "Model", "config": {
            "layers": [
                { "class_name": "InputLayer", "name": "a", "config": {}, "inbound_nodes": [] },
                { "class_name": "Sequential", "name": "inner", "config": [], "inbound_nodes": [[["a", 0, 0, {}]]] },
                {
                    "class_name": "Add", "name": "add", "config": {},
                    "inbound_nodes": [[["inner", 1, 0, {}], ["a", 0, 0, { "training": true }]]],
                },
            ],
            "input_layers": [["a", 0, 0]],
            "output_layers": [["inner", 1, 0]],
        }});
        model(&mut node).unwrap();
        let layers = &node["config"]["layers"];
        let tensor =
            |name: &str| json!({ "class_name": "__keras_tensor__", "config": { "keras_history": [name, 0, 0] } });
        assert_eq!(layers[1]["inbound_nodes"], json!([{ "args": [tensor("a")], "kwargs": {} }]));
        let both = json!([[tensor("inner"), tensor("a")]]);
        assert_eq!(layers[2]["inbound_nodes"], json!([{ "args": both, "kwargs": { "training": true } }]));
        assert_eq!(node["config"]["output_layers"], json!([["inner", 0, 0]]));
        let mut node = json!({ "class_name": "Functional", "config": { "layers": [
            { "class_name": "Dropout", "name": "d", "config": {}, "inbound_nodes": [[["a", 0, 0, { "training": false }]]] },
        ]}});
        assert_eq!(
            model(&mut node).unwrap_err().to_string(),
            "layer 'd': is called with training = false, which Keras 2 keeps to when it trains: it is not supported, \
             leave it out"
        );
    }

    #[test]
    fn a_frozen_model_inside_freezes_its_layers() {
        let dense = |trainable: bool| json!({ "class_name": "Dense", "config": { "trainable": trainable } });
        let sequential = |trainable: bool, layers: Value| json!({ "class_name": "Sequential", "config": { "trainable": trainable, "layers": layers } });
        let inner = sequential(true, json!([dense(true)]));
        let mut node = sequential(true, json!([sequential(false, json!([dense(true), inner])), dense(true)]));
        model(&mut node).unwrap();
        let inner = sequential(false, json!([dense(false)]));
        let frozen = sequential(false, json!([dense(false), inner]));
        assert_eq!(node, sequential(true, json!([frozen, dense(true)])));
    }

    #[test]
    fn the_oldest_sequential() {
        let mut node = json!({ "class_name": "Sequential", "config": [
            { "class_name": "Dense", "config": { "batch_input_shape": [null, 4], "units": 2 } },
            { "class_name": "BatchNormalization", "config": { "axis": [1], "fused": null } },
        ]});
        model(&mut node).unwrap();
        let layers = json!([
            { "class_name": "InputLayer", "config": { "batch_shape": [null, 4] } },
            { "class_name": "Dense", "config": { "units": 2 } },
            { "class_name": "BatchNormalization", "config": { "axis": 1 } },
        ]);
        assert_eq!(node["config"]["layers"], layers);
    }

    #[test]
    fn decay_is_a_schedule_or_refused() {
        let changed = |class: &str, keys: Value| {
            let mut node = json!({ "optimizer": { "class_name": class, "config": keys } });
            compile(&mut node, &[], &mut Vec::new())
                .map(|()| node["optimizer"].clone())
                .map_err(|error| error.to_string())
        };
        assert_eq!(
            changed("Custom>SGD", json!({ "lr": 0.1, "decay": 0.0, "jit_compile": true })).unwrap(),
            json!({ "class_name": "SGD", "config": { "learning_rate": 0.1 } })
        );
        let sgd = changed("SGD", json!({ "lr": 0.1, "decay": 0.01 })).unwrap();
        assert_eq!(sgd["config"]["learning_rate"]["class_name"], "InverseTimeDecay");
        assert_eq!(sgd["config"]["learning_rate"]["config"]["decay_rate"], 0.01);
        changed("Nadam", json!({ "decay": 0.004000000189989805 })).unwrap();
        assert_eq!(
            [
                changed("Nadam", json!({ "schedule_decay": 0.1 })).unwrap_err(),
                changed("SGD", json!({ "learning_rate": {}, "decay": 0.1 })).unwrap_err(),
                changed("SGD", json!({ "decay": "x" })).unwrap_err(),
            ],
            [
                "Nadam: schedule_decay = 0.1, expected 0.004, the default: Keras 3 has no such key, so train it anew",
                "SGD: decay = 0.1, expected 0 beside a schedule of the learning rate: leave out one of the two",
                "SGD: decay = \"x\", expected a number, at least 0",
            ]
        );
    }

    #[test]
    fn losses_and_metrics_lose_their_wrappers() {
        let mut config = json!({
            "loss": { "y": { "class_name": "LossFunctionWrapper", "config": { "fn": "log_cosh", "reduction": "auto" } } },
            "metrics": [[{ "class_name": "MeanMetricWrapper", "config": { "name": "y_mae", "fn": "mae" } }], ["acc"]],
        });
        compile(&mut config, &["y".into(), "z".into()], &mut Vec::new()).unwrap();
        let wanted = json!({
            "loss": { "y": { "class_name": "log_cosh", "config": {} } },
            "metrics": [[{ "class_name": "mae", "config": { "name": "mae" } }], ["acc"]],
        });
        assert_eq!(config, wanted);
    }
}
