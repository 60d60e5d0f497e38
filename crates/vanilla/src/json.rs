//! Keras's description of a model, to JSON and back.

use crate::build::Built;
use crate::config::{Config, Keys, keys, name_and_keys};
use crate::error::{Error, Result, harmful};
use crate::graph::{Called, Content, Ends, Entry, Graph, InputLayer, Kind, Nested, Place, entries};
use crate::layers;
use crate::model::{Model, NOT_BUILT};
use crate::optimizers;
use crate::registry::Registry;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// Models in models in models, and layers in one of them.
const MAX_DEPTH: usize = 16;
const MAX_LAYERS: usize = 100_000;

impl Model {
    /// Keras's description of the model, as in a `.keras` file.
    ///
    /// # Errors
    /// When the input shape is not known yet.
    pub fn to_json(&self) -> Result<Value> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let mut model = graph_to_json(&self.graph, built, &[]);
        if let Some(compiled) = &self.compiled {
            let config = &compiled.config;
            model["compile_config"] = json!({
                "optimizer": optimizers::to_config(&compiled.optimizer),
                "loss": config["loss"],
                "loss_weights": config["loss_weights"],
                "metrics": config["metrics"],
                "weighted_metrics": config["weighted_metrics"],
                "run_eagerly": false,
                "steps_per_execution": 1,
                "jit_compile": false,
            });
        }
        Ok(model)
    }

    /// The model that a description describes: Keras's JSON, or the tables of an experiment's TOML. Weights are drawn
    /// anew; a compiled description gives a compiled model.
    ///
    /// # Errors
    /// When a class, key or value makes no sense; the message names the layer.
    pub fn from_json(value: &Value) -> Result<Self> {
        Self::from_json_with(value, &Registry::default())
    }

    /// As [`Model::from_json`], with words of one's own.
    ///
    /// # Errors
    /// As [`Model::from_json`].
    pub fn from_json_with(value: &Value, registry: &Registry) -> Result<Self> {
        Self::from_json_within(value, registry, usize::MAX)
    }

    /// As [`Model::from_json_with`], with at most this many weights: for descriptions from somewhere else, which could
    /// ask for more memory than there is.
    ///
    /// # Errors
    /// As [`Model::from_json`], and when the model has more weights; none is then drawn.
    pub fn from_json_within(value: &Value, registry: &Registry, max_weights: usize) -> Result<Self> {
        let mut model = Self::within(graph_from_json(value, registry, 0)?, Some(0), max_weights)?;
        if let Some(compile) = compile_config(value) {
            model.compile_from_json_with(compile, registry)?;
        }
        Ok(model)
    }

    /// As [`Model::from_json_within`], with weights of 0 and not compiled: for a file, which has the weights.
    pub(crate) fn without_weights(value: &Value, registry: &Registry, max_weights: usize) -> Result<Self> {
        Self::within(graph_from_json(value, registry, 0)?, None, max_weights)
    }
}

/// What the described model was compiled with. Keras writes an empty one where it was not.
pub(crate) fn compile_config(description: &Value) -> Option<&Value> {
    let empty = |compile: &Value| compile.as_object().map_or(compile.is_null(), Keys::is_empty);
    description.get("compile_config").filter(|compile| !empty(compile))
}

/// A shape with the batch in front.
fn batch(sample: &[usize]) -> Value {
    std::iter::once(Value::Null).chain(sample.iter().map(|&n| json!(n))).collect()
}

/// The node of a data type, as Keras writes it.
fn dtype(name: &str) -> Value {
    json!({ "module": "keras", "class_name": "DTypePolicy", "config": { "name": name }, "registered_name": null })
}

fn graph_to_json(graph: &Graph, built: &Built, path: &[usize]) -> Value {
    let functional = graph.kind == Kind::Functional;
    let nodes: Vec<Value> =
        (0..graph.entries.len()).map(|layer| layer_to_json(graph, layer, built, path, functional)).collect();
    let mut config = keys! { "name": graph.name, "trainable": graph.trainable };
    let input = graph.inputs.first().map(|place| shape_at(graph, built, path, *place));
    let input = input.map_or(Value::Null, |shape| batch(&shape));
    if !functional {
        config.insert("dtype".into(), dtype("float32"));
        config.insert("layers".into(), nodes.into());
        config.insert("build_input_shape".into(), input.clone());
        return json!({
            "module": "keras",
            "class_name": "Sequential",
            "config": config,
            "registered_name": null,
            "build_config": { "input_shape": input },
        });
    }
    config.insert("layers".into(), nodes.into());
    let history = |place: &Place| history(graph, *place);
    let ends = |places: &[Place], ends: &Ends| -> Value {
        match ends {
            Ends::One if places.len() == 1 => history(&places[0]),
            Ends::One | Ends::List => places.iter().map(history).collect(),
            Ends::Named(names) => names.iter().cloned().zip(places.iter().map(history)).collect::<Keys>().into(),
        }
    };
    config.insert("input_layers".into(), ends(&graph.inputs, &graph.ends[0]));
    config.insert("output_layers".into(), ends(&graph.outputs, &graph.ends[1]));
    json!({
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": config,
        "registered_name": "Functional",
        "build_config": { "input_shape": null },
    })
}

/// `["dense", 0, 0]`: layer, which of its calls, which of its outputs.
fn history(graph: &Graph, place: Place) -> Value {
    json!([graph.entries[graph.calls[place.call].layer].name, graph.node_index(place.call), place.index])
}

/// Shape of one sample at this place.
fn shape_at(graph: &Graph, built: &Built, path: &[usize], place: Place) -> Vec<usize> {
    let key = ([path, &[graph.calls[place.call].layer]].concat(), graph.node_index(place.call));
    built.shapes.get(&key).and_then(|shapes| shapes.get(place.index)).cloned().unwrap_or_default()
}

fn layer_to_json(graph: &Graph, layer: usize, built: &Built, path: &[usize], functional: bool) -> Value {
    let entry = &graph.entries[layer];
    let calls: Vec<&Called> = graph.calls.iter().filter(|call| call.layer == layer).collect();
    let shapes = |call: &Called| -> Vec<Value> {
        call.inputs.iter().map(|place| batch(&shape_at(graph, built, path, *place))).collect()
    };
    let mut node = match &entry.content {
        Content::Input(input) => {
            let place = Place { call: graph.calls.iter().position(|c| c.layer == layer).unwrap_or(0), index: 0 };
            json!({
                "module": "keras.layers",
                "class_name": InputLayer::CLASS,
                "config": {
                    "batch_shape": batch(&shape_at(graph, built, path, place)),
                    "dtype": input.dtype, "sparse": false, "ragged": false, "name": entry.name, "optional": false,
                },
                "registered_name": null,
            })
        }
        Content::Layer(layer) => {
            let kind = layer.preprocessor().map_or("float32", |preprocessor| preprocessor.dtype());
            let mut config = keys! { "name": entry.name, "trainable": entry.trainable, "dtype": dtype(kind) };
            config.extend(layer.config());
            let class = layer.class_name();
            // The one layer of Keras that takes no `trainable`.
            if class == layers::Discretization::CLASS {
                config.shift_remove("trainable");
            }
            let own = !layers::class_names().contains(&class);
            let input = match &calls.first().map_or(Vec::new(), |call| shapes(call))[..] {
                [only] => only.clone(),
                several => Value::Array(several.to_vec()),
            };
            json!({
                "module": if own { Value::Null } else { "keras.layers".into() },
                "class_name": class,
                "config": config,
                "registered_name": if own { class.into() } else { Value::Null },
                "build_config": { "input_shape": input },
            })
        }
        Content::Model(nested) => {
            let mut node = graph_to_json(&nested.graph, built, &[path, &[layer]].concat());
            node["config"]["name"] = entry.name.clone().into();
            node["config"]["trainable"] = entry.trainable.into();
            node
        }
    };
    if functional {
        node["name"] = entry.name.clone().into();
        let inbound = calls.iter().filter(|call| !call.inputs.is_empty()).map(|call| {
            let tensors: Vec<Value> = call
                .inputs
                .iter()
                .zip(shapes(call))
                .map(|(place, shape)| {
                    json!({
                        "class_name": "__keras_tensor__",
                        "config": { "shape": shape, "dtype": "float32", "keras_history": history(graph, *place) },
                    })
                })
                .collect();
            let args = if tensors.len() == 1 { Value::Array(tensors) } else { json!([tensors]) };
            json!({ "args": args, "kwargs": {} })
        });
        node["inbound_nodes"] = inbound.collect();
    }
    node
}

fn graph_from_json(value: &Value, registry: &Registry, depth: usize) -> Result<Graph> {
    if depth > MAX_DEPTH {
        return Err(Error::config("model", format!("more than {MAX_DEPTH} models inside each other")));
    }
    let Some((class, keys)) = name_and_keys(value) else {
        return Err(Error::config("model", "no \"class_name\": is this the description of a Keras model?"));
    };
    let functional = match &*class {
        "Sequential" => false,
        "Functional" | "Model" => true,
        _ => {
            let problem = format!("class '{class}' is not supported, expected 'Sequential' or 'Functional'");
            return Err(Error::config("model", problem));
        }
    };
    let mut config = Config::new("model", keys);
    let common = config.common()?;
    config.float32()?;
    let built_for = if functional { None } else { config.take("build_input_shape") };
    let nodes = match config.take("layers") {
        Some(Value::Array(nodes)) if nodes.len() <= MAX_LAYERS => nodes,
        Some(Value::Array(nodes)) => {
            return Err(config.error(format!("{} layers, more than the {MAX_LAYERS} that are read", nodes.len())));
        }
        _ => return Err(config.error("no list of layers, such as layers = [{ class = \"Dense\", units = 10 }]")),
    };
    let ends = functional.then(|| (config.take("input_layers"), config.take("output_layers")));
    config.finish()?;
    let mut contents = Vec::new();
    for (i, node) in nodes.iter().enumerate() {
        contents.push(content_from_json(node, registry, depth).map_err(|error| {
            let at = format!("layer {} of the model", i + 1);
            match error {
                Error::Config { place, problem } if place == "layer" => Error::config(at, problem),
                // It has a name that says where it is.
                Error::Config { place, problem } if place.contains('\'') => Error::config(place, problem),
                other => Error::config(at, other.to_string()),
            }
        })?);
    }
    let mut graph = match ends {
        None => {
            if contents.iter().skip(1).any(|content| matches!(content, Content::Input(_))) {
                let at = contents.iter().skip(1).position(|content| matches!(content, Content::Input(_)));
                let place = format!("layer {} of the model", at.unwrap_or(0) + 2);
                return Err(Error::config(place, "an InputLayer can only be the first layer"));
            }
            // A model inside another is built by what it is called on.
            if let Some(shape) = built_for.filter(|_| depth == 0).as_ref().and_then(sample_shape)
                && !matches!(contents.first(), Some(Content::Input(_)))
            {
                contents.insert(0, Content::Input(InputLayer::new(shape)));
            }
            Graph::sequential("sequential", contents.into_iter().map(layers::AnyLayer).collect())?
        }
        Some((inputs, outputs)) => connect(&nodes, entries(contents)?, inputs, outputs)?,
    };
    if let Some(name) = common.name {
        if name.chars().count() > 256 || name.chars().any(harmful) {
            let problem =
                format!("its name is '{name}', expected at most 256 characters and no control characters");
            return Err(Error::config("model", problem));
        }
        graph.name = name;
    }
    graph.trainable = common.trainable;
    Ok(graph)
}

/// A layer, an input or a model, from its node.
fn content_from_json(node: &Value, registry: &Registry, depth: usize) -> Result<Content> {
    let Some((class, mut keys)) = name_and_keys(node) else {
        return Err(Error::config("layer", "no class: a layer is a table with a class, such as \"Dense\""));
    };
    match &*class {
        InputLayer::CLASS => Ok(Content::Input(input_layer(keys)?)),
        "Sequential" | "Functional" | "Model" => {
            let graph = graph_from_json(node, registry, depth + 1)?;
            Ok(Content::Model(Arc::new(Nested { graph, weights: None })))
        }
        _ => {
            if let Some(name) = foreign(node, &class).filter(|_| registry.find_layer(&class).is_none()) {
                let problem = format!("'{name}' is no layer of Keras: load with a Registry that has '{class}'");
                return Err(Error::config("layer", problem));
            }
            if is_other_operation(node, &class, &keys) {
                let problem =
                    "is an operation (keras.ops) and not the layer of this name: use a layer in its place";
                return Err(Error::config(class, problem));
            }
            // Keras names a layer of a functional model beside its configuration as well.
            if let (false, Some(name)) =
                (keys.contains_key("name"), node.get("name").filter(|name| name.is_string()))
            {
                keys.insert("name".into(), name.clone());
            }
            Ok(Content::Layer(layers::from_config(&class, keys, registry)?))
        }
    }
}

/// The whole name of a class that is not Keras's, though it may be called as one of Keras's is: there it would be found
/// by its module, or by the package that it was registered in.
fn foreign(node: &Value, class: &str) -> Option<String> {
    let text = |key: &str| node.get(key).and_then(Value::as_str);
    if let Some(name) = text("registered_name").filter(|name| name.contains('>') && !name.starts_with("keras>")) {
        return Some(name.to_owned());
    }
    let module = text("module")?;
    let ours =
        ["keras", "tf_keras", "keras_core", "tensorflow"].contains(&module.split('.').next().unwrap_or(module));
    (!ours).then(|| format!("{module}.{class}"))
}

/// Whether the node is one of `keras.ops` that differs from the layer of the same name. What `a + b` and its like leave
/// in a functional model does not.
fn is_other_operation(node: &Value, class: &str, keys: &Keys) -> bool {
    let module = node.get("module").and_then(Value::as_str).unwrap_or_default();
    let same = match class {
        "Add" | "Subtract" | "Multiply" | "Maximum" | "Minimum" => true,
        // Without an axis, all elements are one row.
        "Softmax" | "Concatenate" => keys.get("axis").is_some_and(Value::is_i64),
        _ => false,
    };
    module.starts_with("keras") && module.split('.').any(|part| part == "ops") && !same
}

fn input_layer(keys: Keys) -> Result<InputLayer> {
    let mut config = Config::new(InputLayer::CLASS, keys);
    let dtype = config.string("dtype")?.unwrap_or_else(|| "float32".into());
    let name = config.string("name")?;
    config.take("trainable");
    let shape = config.take("batch_shape").or_else(|| config.take("batch_input_shape"));
    config.finish()?;
    let sample = shape.as_ref().and_then(sample_shape).ok_or_else(|| {
        let shape = shape.unwrap_or_default();
        Error::config(InputLayer::CLASS, format!("batch_shape = {shape}, expected a list such as [null, 784]"))
    })?;
    let input = InputLayer { name, shape: Some(sample), dtype };
    match input.dtype_problem() {
        Some(problem) => Err(Error::config(InputLayer::CLASS, problem)),
        None => Ok(input),
    }
}

/// The shape of one sample, where that of a batch is `[null, 784]` or, of TensorFlow, a `TensorShape` of these items.
fn sample_shape(batch: &Value) -> Option<Vec<usize>> {
    let axes = batch.get("items").unwrap_or(batch).as_array()?;
    let sample: Option<Vec<usize>> = axes.get(1..)?.iter().map(|axis| axis.as_u64().map(|n| n as usize)).collect();
    sample.filter(|shape| !shape.is_empty())
}

/// A place as files name it: layer, which of its calls, which of its outputs.
type Named = (String, usize, usize);

fn named(value: &Value) -> Option<Named> {
    match value.as_array().map(Vec::as_slice) {
        Some([name, node, tensor]) => {
            Some((name.as_str()?.to_owned(), node.as_u64()? as usize, tensor.as_u64()? as usize))
        }
        _ => None,
    }
}

/// One place, a list of them, or a table, of which Keras takes the names in their order.
fn named_list(key: &str, value: Option<Value>) -> Result<(Vec<Named>, Ends)> {
    let value = value.unwrap_or_default();
    let (list, ends): (Option<Vec<Named>>, Ends) = match &value {
        one if named(one).is_some() => (named(one).map(|one| vec![one]), Ends::One),
        Value::Array(several) => (several.iter().map(named).collect(), Ends::List),
        Value::Object(table) => {
            let mut sorted: Vec<(&String, &Value)> = table.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            let names = sorted.iter().map(|(name, _)| (*name).clone()).collect();
            (sorted.iter().map(|(_, value)| named(value)).collect(), Ends::Named(names))
        }
        _ => (None, Ends::List),
    };
    list.filter(|list| !list.is_empty()).map(|list| (list, ends)).ok_or_else(|| {
        Error::config("model", format!("{key} = {value}, expected places such as [\"dense\", 0, 0]"))
    })
}

/// Every tensor among the arguments of a call.
fn tensors(args: &Value, found: &mut Vec<Named>) -> Option<()> {
    match args {
        Value::Array(items) => items.iter().try_for_each(|item| tensors(item, found)),
        Value::Object(node) if node.get("class_name").is_some_and(|class| class == "__keras_tensor__") => {
            found.push(named(node.get("config")?.get("keras_history")?)?);
            Some(())
        }
        Value::Null => Some(()),
        _ => None,
    }
}

/// The graph of these layers, connected as their nodes say.
fn connect(nodes: &[Value], entries: Vec<Entry>, inputs: Option<Value>, outputs: Option<Value>) -> Result<Graph> {
    let mut calls: Vec<(usize, Vec<Named>)> = Vec::new();
    for (layer, (node, entry)) in nodes.iter().zip(&entries).enumerate() {
        let place = || format!("layer '{}'", entry.name);
        let inbound = node.get("inbound_nodes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if matches!(entry.content, Content::Input(_)) {
            calls.push((layer, Vec::new()));
            continue;
        }
        for call in inbound {
            let mut found = Vec::new();
            let args = call.get("args").unwrap_or(&Value::Null);
            tensors(args, &mut found).filter(|()| !found.is_empty()).ok_or_else(|| {
                Error::config(place(), format!("is called on {args}, expected tensors of layers"))
            })?;
            let set = call
                .get("kwargs")
                .and_then(Value::as_object)
                // Keras 3 says in every call whether it trains, whatever stands here.
                .and_then(|kwargs| kwargs.iter().find(|(_, value)| !value.is_null() && **value != json!(false)));
            if let Some((key, value)) = set {
                let problem = format!("is called with {key} = {value}, which is not supported: leave it out");
                return Err(Error::config(place(), problem));
            }
            calls.push((layer, found));
        }
    }
    // Which call each name means.
    let mut number: HashMap<(&str, usize), usize> = HashMap::new();
    let mut count = vec![0; entries.len()];
    for (i, (layer, _)) in calls.iter().enumerate() {
        number.insert((&entries[*layer].name, count[*layer]), i);
        count[*layer] += 1;
    }
    let find = |(name, node, index): &Named| -> Result<Place> {
        number.get(&(&**name, *node)).map(|call| Place { call: *call, index: *index }).ok_or_else(|| {
            let Some(layer) = entries.iter().position(|entry| entry.name == *name) else {
                let names = entries.iter().map(|entry| entry.name.clone());
                return Error::unknown("layer of the model", name, names);
            };
            let problem = format!(
                "[\"{name}\", {node}, {index}] is call {node} of layer '{name}', which has {}: calls are counted from 0",
                count[layer]
            );
            Error::config("model", problem)
        })
    };
    let mut read: Vec<Vec<Place>> = Vec::new();
    for (_, from) in &calls {
        read.push(from.iter().map(find).collect::<Result<_>>()?);
    }
    // Each behind all that it reads, and behind earlier calls of its layer, or the numbers of the calls would change.
    let mut waiting: Vec<usize> = read.iter().map(Vec::len).collect();
    let mut readers = vec![Vec::new(); calls.len()];
    for (i, places) in read.iter().enumerate() {
        places.iter().for_each(|place| readers[place.call].push(i));
        if i > 0 && calls[i].0 == calls[i - 1].0 {
            readers[i - 1].push(i);
            waiting[i] += 1;
        }
    }
    let mut ready: Vec<usize> = (0..calls.len()).rev().filter(|i| waiting[*i] == 0).collect();
    let mut order = Vec::new();
    while let Some(next) = ready.pop() {
        order.push(next);
        for reader in &readers[next] {
            waiting[*reader] -= 1;
            if waiting[*reader] == 0 {
                ready.push(*reader);
            }
        }
    }
    if let Some(stuck) = waiting.iter().position(|waits| *waits > 0) {
        let name = &entries[calls[stuck].0].name;
        return Err(Error::config(
            format!("layer '{name}'"),
            "waits for its own output: layers must not form a ring, so take out one of its inputs",
        ));
    }
    let mut new_number = vec![0; calls.len()];
    order.iter().enumerate().for_each(|(new, old)| new_number[*old] = new);
    let moved = |place: Place| Place { call: new_number[place.call], ..place };
    let ends = |key: &str, value: Option<Value>| -> Result<(Vec<Place>, Ends)> {
        let (list, ends) = named_list(key, value)?;
        Ok((list.iter().map(|name| find(name).map(moved)).collect::<Result<_>>()?, ends))
    };
    let ((inputs, in_form), (outputs, out_form)) =
        (ends("input_layers", inputs)?, ends("output_layers", outputs)?);
    let calls = order
        .iter()
        .map(|old| Called { layer: calls[*old].0, inputs: read[*old].iter().map(|place| moved(*place)).collect() })
        .collect();
    let (kind, name) = (Kind::Functional, "functional".to_owned());
    Ok(Graph { kind, name, trainable: true, entries, calls, inputs, outputs, ends: [in_form, out_form] })
}
