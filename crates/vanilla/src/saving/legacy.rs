//! `.h5` files of whole models, Keras's format before `.keras`: written as Keras 3 writes it, read from Keras 2 and 3.
//!
//! ```text
//! root    = {model_config: JSON, [training_config: JSON,] [keras_version, backend,] [vanilla_info: JSON]}
//!           model_weights/ [optimizer_weights/]
//! model_weights     = {layer_names: [text, …]} LAYER/…
//! LAYER             = {weight_names: [text, …]} dataset…           a name is the path of a dataset, trainable first
//! optimizer_weights = {weight_names: [text, …]} dataset…           in the optimizer's order, see below
//! ```
//!
//! A list of names that is too long for an attribute is `layer_names0`, `layer_names1`, …; one of no names is an empty
//! array of numbers. Layers and weights are matched by their order, as Keras does; names are labels. A model inside has
//! all its weights in its group, those that are trained first.
//!
//! The optimizer's arrays stand in the order of `numbers.rs`, or, before Keras 2.11, as `Adam/iter:0` and
//! `Adam/dense/kernel/m:0`: there the last part of a name says which slot it is, slots in the order of their first
//! name, variables in theirs. What fits neither is left, the optimizer begins anew, and
//! [`Model::remarks`] says so. A file of weights alone (`save_weights` before Keras 3) has the lists of `model_weights`
//! at its root. Source: `keras.src.legacy.saving.legacy_h5_format`, `tf_keras.src.saving.legacy.hdf5_format`.

use super::numbers::{Numbers, State, Stored, count, floats, misshapen, slot_order, state_of_list, unbuilt};
use super::tree::{array, parent};
use super::{KERAS_VERSION, keras2, unreadable};
use crate::build::Built;
use crate::error::{Error, Result};
use crate::info::ModelInfo;
use crate::json_text;
use crate::model::{Model, NOT_BUILT};
use crate::optimizers::Engine;
use crate::registry::Registry;
use serde_json::{Map, Value};
use vanilla_formats::hdf5::{self, Attr, Group, Node};
use vanilla_formats::{Array, Data};

const INFO: &str = "vanilla_info";
const OPTIMIZER: &str = "optimizer_weights";
/// Names in one attribute.
const MAX_LIST: usize = 3000;
/// Parts of a list.
const MAX_PARTS: usize = 1000;

impl Model {
    /// The bytes of the `.h5` file that [`Model::save`] writes.
    ///
    /// # Errors
    /// When the input shape is not known, or a name has no place in the format.
    pub fn to_h5(&self) -> Result<Vec<u8>> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let text = |value: &str| Attr::Str(value.to_owned());
        let mut config = self.to_json()?;
        let compile = config.as_object_mut().and_then(|config| config.shift_remove("compile_config"));
        without_modules(&mut config);
        let mut root = Group::new();
        root.attrs.push(("backend".into(), text("tensorflow")));
        root.attrs.push(("keras_version".into(), text(KERAS_VERSION)));
        root.attrs.push(("model_config".into(), Attr::Str(config.to_string())));
        if let Some(compile) = compile {
            root.attrs.push(("training_config".into(), Attr::Str(training_config(compile).to_string())));
        }
        if !self.info.is_empty() {
            root.attrs.push((INFO.into(), Attr::Str(self.info.to_json().to_string())));
        }
        let names = self.layer_names();
        let mut weights = Group::new();
        set_names(&mut weights, "layer_names", &names);
        weights.attrs.push(("backend".into(), text("tensorflow")));
        weights.attrs.push(("keras_version".into(), text(KERAS_VERSION)));
        // Weights of layers in a Sequential have its name in theirs.
        let prefix = if self.graph.is_sequential() { format!("{}/", self.graph.name) } else { String::new() };
        for (name, numbers) in names.iter().zip(self.by_layer(built)) {
            let arrays = numbers.into_iter().map(|number| {
                let value = &built.params.variables[number].weights;
                let path = format!("{prefix}{}", variable_name(built, number));
                (path, array(value, &built.variables[number].spec.shape))
            });
            put(&mut weights, name, Node::Group(named_arrays(arrays.collect())?))?;
        }
        put(&mut weights, "top_level_model_weights", Node::Group(named_arrays(Vec::new())?))?;
        root.children.push(("model_weights".into(), Node::Group(weights)));
        if let Some(compiled) = &self.compiled {
            let arrays = self.optimizer_arrays(built, &compiled.optimizer, compiled.attached, &prefix);
            root.children.push((OPTIMIZER.into(), Node::Group(named_arrays(arrays)?)));
        }
        hdf5::write(&root).map_err(|error| Error::data("model", error.to_string()))
    }

    /// Count, rate and slots with Keras's names.
    fn optimizer_arrays(
        &self,
        built: &Built,
        engine: &Engine,
        attached: bool,
        prefix: &str,
    ) -> Vec<(String, Array)> {
        use vanilla_plan::Optimizer;
        let scalar = |data| Array { shape: Vec::new(), data };
        let name = crate::graph::snake_case(engine.rule.class_name());
        let mut arrays =
            vec![(format!("{name}/iteration"), scalar(Data::I64(vec![built.params.iterations as i64])))];
        if engine.rate_is_constant() {
            let rate = Data::F32(vec![engine.learning_rate(0)]);
            arrays.push((format!("{name}/learning_rate"), scalar(rate)));
        }
        if attached {
            let bound = engine.bind(&built.variables);
            for (slot, variable, shape) in slot_order(built, engine) {
                let about = &bound.slots(variable, &built.variables[variable].spec.shape)[slot];
                let of = format!("{prefix}{}", variable_name(built, variable)).replace('/', "_");
                let value = array(&built.params.variables[variable].slots[slot], &shape);
                arrays.push((format!("{name}/{of}_{}", about.name), value));
            }
            for (i, value) in engine.rule.scalars(built.params.iterations).into_iter().enumerate() {
                let behind = if i == 0 { String::new() } else { format!("_{i}") };
                arrays.push((format!("{name}/variable{behind}"), scalar(Data::F32(vec![value]))));
            }
        }
        arrays
    }

    /// Numbers of the variables of each visible layer, those that are trained first.
    fn by_layer(&self, built: &Built) -> Vec<Vec<usize>> {
        let hidden = self.graph.entries.len() - self.graph.visible().len();
        let of_layer = |layer: usize| {
            let mine = (0..built.variables.len()).filter(|number| built.variables[*number].path[0] == layer);
            let (trained, fixed): (Vec<usize>, Vec<usize>) =
                mine.partition(|number| built.variables[*number].trainable);
            [trained, fixed].concat()
        };
        (hidden..self.graph.entries.len()).map(of_layer).collect()
    }

    pub(super) fn from_h5(bytes: &[u8], registry: &Registry) -> Result<Self> {
        let tree = hdf5::read(bytes).map_err(unreadable)?;
        let Some(config) = text(&tree, "model_config")? else {
            let problem = if tree.attr("layer_names").is_some()
                || tree.attr("layer_names0").is_some()
                || tree.get("layers").is_some()
            {
                "the file holds weights without a description: describe the model and call load_weights"
            } else {
                "is not there: a file of Keras has it at its root"
            };
            return Err(Error::data("attribute model_config", problem));
        };
        let json = |name: &'static str, text: &str| -> Result<Value> {
            json_text::parse(text).map_err(|error| Error::data(name, error))
        };
        let mut config = json("model_config", config)?;
        let old = keras2::is_old(text(&tree, "keras_version")?);
        if old {
            keras2::model(&mut config).map_err(|error| Error::data("model_config", error.to_string()))?;
        }
        if let Some(config) = config.as_object_mut() {
            // Beside it in this format.
            config.shift_remove("compile_config");
        }
        let in_config = |error: Error| Error::data("model_config", error.to_string());
        let most = bytes.len() / size_of::<f32>();
        let mut model = Self::without_weights(&config, registry, most).map_err(in_config)?;
        let mut numbers = model.numbers_of_lists(tree.group("model_weights").map_err(unreadable)?)?;
        if let Some(training) = text(&tree, "training_config")? {
            let training = json("training_config", training)?;
            if let Some(compile) = compile_config(training) {
                let in_training = |error: Error| Error::data("training_config", error.to_string());
                model.compile_as_saved(compile, old, registry).map_err(in_training)?;
            }
        }
        if let (Some(built), Some(compiled)) = (&model.built, &model.compiled) {
            let stored = match tree.get(OPTIMIZER) {
                None => Stored::Other("the file has none".into()),
                Some(_) => state(&tree, built, &compiled.optimizer)?,
            };
            numbers.state = stored.or_remark(OPTIMIZER, &mut model.remarks);
        }
        model.take_in(numbers);
        if let Some(info) = text(&tree, INFO)? {
            let info = ModelInfo::from_json(&json(INFO, info)?).and_then(|info| model.set_info(info));
            info.map_err(|error| Error::data(INFO, error.to_string()))?;
        }
        Ok(model)
    }

    /// Weights of any HDF5 file of Keras.
    pub(super) fn weights_from_hdf5(&mut self, bytes: &[u8]) -> Result<()> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let tree = hdf5::read(bytes).map_err(unreadable)?;
        let lists = |group: &Group| group.attr("layer_names").is_some() || group.attr("layer_names0").is_some();
        let whole = match tree.get("model_weights") {
            Some(Node::Group(weights)) if lists(weights) => Some(weights),
            _ => None,
        };
        let numbers = match whole.or_else(|| lists(&tree).then_some(&tree)) {
            None => self.weights_of_tree(&tree)?,
            Some(group) => {
                let mut numbers = self.numbers_of_lists(group)?;
                if let Some(compiled) = &self.compiled {
                    numbers.state = state(&tree, built, &compiled.optimizer)?.or_error("optimizer/weights")?;
                }
                numbers
            }
        };
        self.take_in(numbers);
        Ok(())
    }

    /// The weights below a group with the names of layers.
    fn numbers_of_lists<'a>(&self, group: &'a Group) -> Result<Numbers<'a>> {
        let mut stored = Vec::new();
        for name in names(group, "layer_names")? {
            let layer = group.group(name).map_err(unreadable)?;
            let weights = names(layer, "weight_names")?;
            if !weights.is_empty() {
                stored.push((name, layer, weights));
            }
        }
        let Some(built) = &self.built else {
            return unbuilt(stored.first().map(|(name, ..)| format!("model_weights: {name:?}")));
        };
        let mut wanted = self.by_layer(built);
        wanted.retain(|numbers| !numbers.is_empty());
        if stored.len() != wanted.len() {
            let problem = format!(
                "{} layers with weights, expected {}: the file is of other layers",
                stored.len(),
                wanted.len()
            );
            return Err(Error::data("model_weights", problem));
        }
        let mut numbers = Numbers::default();
        for ((name, group, weights), wanted) in stored.into_iter().zip(wanted) {
            let place = |what: &str| format!("model_weights: {:?}", format!("{name}/{what}"));
            if weights.len() != wanted.len() {
                let layer = &built.variables[wanted[0]].layer;
                let problem =
                    format!("layer '{layer}' expects {} variables, found {}", wanted.len(), weights.len());
                return Err(Error::data(place("weight_names"), problem));
            }
            for (path, number) in weights.into_iter().zip(wanted) {
                let array = group.dataset(path).map_err(unreadable)?;
                let shape = &built.variables[number].spec.shape;
                numbers.weights.push((number, floats(array, &place(path), shape)?));
            }
        }
        Ok(numbers)
    }
}

/// Path of a variable as Keras names it.
fn variable_name(built: &Built, number: usize) -> String {
    let variable = &built.variables[number];
    let inside =
        if variable.spec.inside.is_empty() { String::new() } else { format!("{}/", variable.spec.inside) };
    format!("{}/{inside}{}", variable.layer, variable.spec.name)
}

/// The description as the old writer has it: without modules.
fn without_modules(node: &mut Value) {
    if let Some(node) = node.as_object_mut() {
        for key in ["module", "registered_name", "build_config"] {
            node.shift_remove(key);
        }
    }
    if let Some(layers) = node.get_mut("config").and_then(|config| config.get_mut("layers")?.as_array_mut()) {
        layers.iter_mut().for_each(without_modules);
    }
}

/// Keras's `training_config` of a `compile_config`.
fn training_config(compile: Value) -> Value {
    fn plain(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(plain),
            Value::Object(node) => {
                if node.contains_key("class_name") {
                    node.shift_remove("module");
                    node.shift_remove("registered_name");
                } else {
                    node.values_mut().for_each(plain);
                }
            }
            _ => {}
        }
    }
    let Value::Object(compile) = compile else { return Value::Null };
    let mut training = Map::new();
    for (key, mut value) in compile {
        plain(&mut value);
        training.insert(if key == "optimizer" { "optimizer_config".into() } else { key }, value);
    }
    Value::Object(training)
}

/// The other way round; none where the model was not compiled.
fn compile_config(training: Value) -> Option<Value> {
    let mut training = match training {
        Value::Object(training) => training,
        Value::Null => return None,
        other => return Some(other),
    };
    if training.get("loss").is_none_or(Value::is_null) && training.get("optimizer_config").is_none() {
        return None;
    }
    let optimizer = training.shift_remove("optimizer_config").unwrap_or_default();
    training.insert("optimizer".into(), optimizer);
    Some(Value::Object(training))
}

/// A text among the attributes.
fn text<'a>(group: &'a Group, name: &str) -> Result<Option<&'a str>> {
    match group.attr(name) {
        None => Ok(None),
        Some(Attr::Str(text)) => Ok(Some(text)),
        Some(_) => Err(Error::data(format!("attribute {name}"), "expected a text")),
    }
}

/// A list of names, perhaps in parts.
fn names<'a>(group: &'a Group, name: &str) -> Result<Vec<&'a str>> {
    let part = |key: &str| match group.attr(key) {
        None => Ok(None),
        Some(Attr::StrList(names)) => Ok(Some(names.iter().map(String::as_str).collect::<Vec<_>>())),
        Some(Attr::Numbers(none)) if none.is_empty() => Ok(Some(Vec::new())),
        Some(_) => Err(Error::data(format!("attribute {key}"), "expected a list of texts")),
    };
    if let Some(names) = part(name)? {
        return Ok(names);
    }
    let mut all = part(&format!("{name}0"))?
        .ok_or_else(|| Error::data(format!("attribute {name}"), "is not there: the file is not one of Keras"))?;
    for number in 1..MAX_PARTS {
        match part(&format!("{name}{number}"))? {
            Some(more) => all.extend(more),
            None => break,
        }
    }
    Ok(all)
}

/// Sets a list of names, in parts where it is long.
fn set_names(group: &mut Group, name: &str, names: &[String]) {
    match names {
        [] => {
            let none = Array { shape: vec![0], data: Data::F32(Vec::new()) };
            group.attrs.push((name.to_owned(), Attr::Numbers(none)));
        }
        names if names.len() <= MAX_LIST => group.attrs.push((name.to_owned(), Attr::StrList(names.to_vec()))),
        names => {
            for (number, part) in names.chunks(MAX_LIST).enumerate() {
                group.attrs.push((format!("{name}{number}"), Attr::StrList(part.to_vec())));
            }
        }
    }
}

/// A group of arrays at their paths, with the list of these.
fn named_arrays(arrays: Vec<(String, Array)>) -> Result<Group> {
    let mut group = parent(Vec::new());
    let paths: Vec<String> = arrays.iter().map(|(path, _)| path.clone()).collect();
    set_names(&mut group, "weight_names", &paths);
    for (path, array) in arrays {
        put(&mut group, &path, Node::Dataset(array))?;
    }
    Ok(group)
}

/// Puts a node at a path; groups on the way are made.
fn put(group: &mut Group, path: &str, node: Node) -> Result<()> {
    let taken =
        || Error::data("model", format!("two of its names are the path {path:?} in a .h5 file: rename one"));
    let Some((head, rest)) = path.split_once('/') else {
        if group.children.iter().any(|(name, _)| name == path) {
            return Err(taken());
        }
        group.children.push((path.to_owned(), node));
        return Ok(());
    };
    let at = match group.children.iter().position(|(name, _)| name == head) {
        Some(at) => at,
        None => {
            group.children.push((head.to_owned(), Node::Group(Group::new())));
            group.children.len() - 1
        }
    };
    match &mut group.children[at].1 {
        Node::Group(inner) => put(inner, rest, node),
        Node::Dataset(_) => Err(taken()),
    }
}

/// The state of the optimizer, in either order.
fn state<'a>(tree: &'a Group, built: &Built, engine: &Engine) -> Result<Stored<'a>> {
    let Some(Node::Group(group)) = tree.get(OPTIMIZER) else { return Ok(Stored::Nothing) };
    let mut list = Vec::new();
    for name in names(group, "weight_names")? {
        let place = format!("{OPTIMIZER}: {name:?}");
        list.push((name, place, group.dataset(name).map_err(unreadable)?));
    }
    match list.first() {
        Some((name, ..)) if name.ends_with("/iter:0") => state_by_slots(built, engine, &list),
        _ => {
            let list: Vec<_> = list.into_iter().map(|(_, place, array)| (place, array)).collect();
            state_of_list(built, engine, &list)
        }
    }
}

/// The state in arrays whose names end in that of their slot.
fn state_by_slots<'a>(built: &Built, engine: &Engine, list: &[(&str, String, &'a Array)]) -> Result<Stored<'a>> {
    use vanilla_plan::Optimizer;
    let mut kinds: Vec<(&str, Vec<usize>)> = Vec::new();
    for (at, (name, ..)) in list.iter().enumerate().skip(1) {
        let kind = name.trim_end_matches(":0").rsplit('/').next().unwrap_or_default();
        // Nadam's product follows from the number of steps.
        if kind == "momentum_cache" {
            continue;
        }
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, places)) => places.push(at),
            None => kinds.push((kind, vec![at])),
        }
    }
    let bound = engine.bind(&built.variables);
    let trained: Vec<usize> =
        (0..built.variables.len()).filter(|number| built.variables[*number].trainable).collect();
    if kinds.is_empty()
        && trained.iter().any(|number| !bound.slots(*number, &built.variables[*number].spec.shape).is_empty())
    {
        return Ok(Stored::Nothing);
    }
    let mut slots = Vec::new();
    for (at, &variable) in trained.iter().enumerate() {
        let wanted = bound.slots(variable, &built.variables[variable].spec.shape);
        if wanted.len() != kinds.len() || kinds.iter().any(|(_, places)| places.len() != trained.len()) {
            let names: Vec<&str> = kinds.iter().map(|(kind, _)| *kind).collect();
            let why = format!(
                "{} variables of the kinds {names:?}, expected {} for each of {} weights of {}",
                list.len() - 1,
                wanted.len(),
                trained.len(),
                engine.rule.name()
            );
            return Ok(Stored::Other(why));
        }
        for (slot, ((_, places), about)) in kinds.iter().zip(&wanted).enumerate() {
            let (_, place, array) = &list[places[at]];
            if let Some(why) = misshapen(places[at], array, &about.shape) {
                return Ok(Stored::Other(why));
            }
            slots.push((variable, slot, floats(array, place, &about.shape)?));
        }
    }
    let (_, place, steps) = &list[0];
    Ok(Stored::State(State { iterations: count(steps, place)?, rate: None, slots }))
}
