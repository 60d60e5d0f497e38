//! Models as `.keras` files: what Keras 3 writes and reads, weights, optimizer and all.
//!
//! The archive holds `config.json` (the description) and `model.weights.h5` (the numbers). A file is data: class names
//! are looked up in the registries of this crate, nothing else is resolved, and every shape is known from the
//! description before a number is read.

use crate::config::{Config, Keys, keys, name_and_keys};
use crate::error::{Error, Result};
use crate::layers;
use crate::losses::LossArg;
use crate::metrics::MetricArg;
use crate::model::{NOT_BUILT, Model, snake_case};
use crate::optimizers::{self, OptimizerArg};
use crate::storage::{Disk, write_atomically, write_together};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use vanilla_formats::hdf5::{self, Attr, Group, Node};
use vanilla_formats::keras_zip::{self, KerasArchive};
use vanilla_formats::{Array, Data};
use vanilla_plan::kernels::Panels;

/// The version of Keras whose files these are.
const KERAS_VERSION: &str = "3.15.1";

/// Larger files than this are refused unread.
const MAX_FILE: u64 = 2 << 30;

impl Model {
    /// Keras's description of the model, as in a `.keras` file.
    ///
    /// # Errors
    /// When the input shape is not known yet.
    pub fn to_json(&self) -> Result<Value> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let dtype = json!({
            "module": "keras", "class_name": "DTypePolicy", "config": { "name": "float32" }, "registered_name": null
        });
        let batch = |sample: &[usize]| {
            json!([&[Value::Null][..], &sample.iter().map(|&n| json!(n)).collect::<Vec<_>>()].concat())
        };
        let mut input = built.input_shape.as_slice();
        let mut nodes = vec![json!({
            "module": "keras.layers",
            "class_name": "InputLayer",
            "config": {
                "batch_shape": batch(input), "dtype": "float32", "sparse": false, "ragged": false,
                "name": "input_layer", "optional": false,
            },
            "registered_name": null,
        })];
        for ((layer, name), output) in self.layers.iter().zip(&self.names).zip(&built.shapes) {
            let mut config = keys! { "name": name, "trainable": true, "dtype": dtype };
            config.extend(layer.config());
            nodes.push(json!({
                "module": "keras.layers",
                "class_name": layer.class_name(),
                "config": config,
                "registered_name": null,
                "build_config": { "input_shape": batch(input) },
            }));
            input = output;
        }
        let mut model = json!({
            "module": "keras",
            "class_name": "Sequential",
            "config": {
                "name": self.name, "trainable": true, "dtype": dtype, "layers": nodes,
                "build_input_shape": batch(&built.input_shape),
            },
            "registered_name": null,
            "build_config": { "input_shape": batch(&built.input_shape) },
        });
        if let Some(compiled) = &self.compiled {
            model["compile_config"] = json!({
                "optimizer": optimizers::to_config(&*compiled.optimizer),
                "loss": compiled.loss_config,
                "loss_weights": null,
                "metrics": compiled.metrics.iter().map(|metric| metric.config.clone()).collect::<Vec<_>>(),
                "weighted_metrics": null,
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
        let Some((class, keys)) = name_and_keys(value) else {
            return Err(Error::config("model", "no \"class_name\": is this the description of a Keras model?"));
        };
        if class != "Sequential" {
            return Err(Error::config(
                "model",
                format!("class '{class}' is not supported yet, expected 'Sequential'"),
            ));
        }
        let mut config = Config::new("model", keys);
        let name = config.layer_name()?;
        config.take("build_input_shape");
        let nodes = match config.take("layers") {
            Some(Value::Array(nodes)) => nodes,
            _ => return Err(config.error("no list of layers")),
        };
        config.finish()?;
        let mut input = None;
        let mut layers = Vec::new();
        for (i, node) in nodes.iter().enumerate() {
            let place = || format!("layer {} of the model", i + 1);
            let Some((class, keys)) = name_and_keys(node) else {
                return Err(Error::config(
                    place(),
                    "no class: a layer is a table with a class, such as \"Dense\"",
                ));
            };
            if class == "InputLayer" {
                if i > 0 {
                    return Err(Error::config(place(), "an InputLayer can only be the first layer"));
                }
                input = Some(input_shape(keys)?);
                continue;
            }
            layers.push(layers::from_config(&class, keys)?);
        }
        let mut model = Self::new(layers)?;
        model.name = name.unwrap_or(model.name);
        if let Some(input) = input {
            model.build(&input)?;
        }
        if let Some(compile) = value.get("compile_config").filter(|compile| !compile.is_null()) {
            model.compile_from_json(compile)?;
        }
        Ok(model)
    }

    /// Compiles as Keras's `compile_config` (or an experiment's `[compile]`) says.
    ///
    /// # Errors
    /// When a name is unknown or a key makes no sense.
    pub fn compile_from_json(&mut self, value: &Value) -> Result<()> {
        let keys = value.as_object().cloned().unwrap_or_default();
        let mut config = Config::new("compile", keys);
        let loss =
            config.take("loss").ok_or_else(|| config.error("no loss, such as \"categorical_crossentropy\""))?;
        let optimizer = config.take("optimizer").unwrap_or_else(|| "rmsprop".into());
        let metrics = match config.take("metrics") {
            None => Vec::new(),
            Some(Value::Array(metrics)) => metrics,
            Some(other) => {
                return Err(config.error(format!("metrics = {other}, expected a list such as [\"acc\"]")));
            }
        };
        // How Keras executes, not what it computes.
        for ignored in ["jit_compile", "steps_per_execution", "run_eagerly", "auto_scale_loss"] {
            config.take(ignored);
        }
        config.finish()?;
        self.compile(
            LossArg::Config(loss),
            OptimizerArg::Config(optimizer),
            metrics.into_iter().map(MetricArg::Config),
        )
    }

    /// Writes the model as a `.keras` file: description, weights, and the optimizer with its state. The file appears
    /// whole or not at all.
    ///
    /// # Errors
    /// When the path does not end in `.keras`, the input shape is not known, or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if path.extension().is_none_or(|extension| extension != "keras") {
            return Err(Error::file(path, "expected a name that ends in .keras"));
        }
        write_file(path, &self.to_keras()?)
    }

    /// The bytes of the file that [`Sequential::save`] writes.
    ///
    /// # Errors
    /// When the input shape is not known, or a name has no place in the format.
    pub fn to_keras(&self) -> Result<Vec<u8>> {
        let unfit = |error: vanilla_formats::FormatError| Error::data("model", error.to_string());
        let archive = KerasArchive {
            // Without a date: the same model gives the same bytes.
            metadata: Some(
                json!({ "keras_version": KERAS_VERSION, "date_saved": "1980-01-01@00:00:00" }).to_string(),
            ),
            config: self.to_json()?.to_string(),
            weights: hdf5::write(&self.weights_tree()?).map_err(unfit)?,
        };
        keras_zip::write(&archive).map_err(unfit)
    }

    /// Reads a `.keras` file of Vanilla or of Keras 3, with its optimizer's state.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or describes something that Vanilla does not have; the message names
    /// the place.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = read_file(path)?;
        let archive = keras_zip::read(&bytes).map_err(|error| Error::file(path, error))?;
        let located = |error: Error| Error::file(path, error);
        let config: Value = serde_json::from_str(&archive.config)
            .map_err(|error| Error::file(path, format!("config.json: {error}")))?;
        // The number of weights is known from here on; a description of more than the file can hold ends here.
        weights_that_fit(&config, archive.weights.len()).map_err(located)?;
        let mut model = Self::from_json(&config).map_err(located)?;
        let tree = hdf5::read(&archive.weights)
            .map_err(|error| Error::file(path, format!("model.weights.h5: {error}")))?;
        model.read_weights_tree(&tree).map_err(located)?;
        Ok(model)
    }

    /// Names of the groups that hold each layer's variables: class name and a count, not the layer's name.
    fn group_names(&self) -> Vec<String> {
        let mut counts: HashMap<String, usize> = HashMap::new();
        let mut group = |class: &str| {
            let base = snake_case(class);
            let count = counts.entry(base.clone()).or_default();
            *count += 1;
            if *count == 1 { base } else { format!("{base}_{}", *count - 1) }
        };
        self.layers.iter().map(|layer| layer.class_name()).map(&mut group).collect()
    }

    fn weights_tree(&self) -> Result<Group> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let named_vars = |name: &str, arrays: Vec<Array>| {
            let mut vars = Group::new();
            vars.attrs.push(("name".into(), Attr::Str(name.into())));
            let numbered = arrays.into_iter().enumerate();
            vars.children.extend(numbered.map(|(i, array)| (i.to_string(), Node::Dataset(array))));
            vars
        };
        let array = |panels: &Panels, shape: &[usize]| Array {
            shape: shape.to_vec(),
            data: Data::F32(panels.to_row_major()),
        };
        let parent = |children: Vec<(String, Node)>| Group { attrs: Vec::new(), children };
        let mut groups = Vec::new();
        for (i, group) in self.group_names().into_iter().enumerate() {
            let variables =
                built.variables.iter().zip(&built.params.variables).filter(|((layer, _), _)| *layer == i);
            let arrays = variables.map(|((_, spec), v)| array(&v.weights, &spec.shape)).collect();
            let vars = Node::Group(named_vars(&self.names[i], arrays));
            groups.push((group, Node::Group(parent(vec![("vars".into(), vars)]))));
        }
        let mut root = vec![
            ("layers".to_owned(), Node::Group(parent(groups))),
            ("vars".to_owned(), Node::Group(named_vars(&self.name, Vec::new()))),
        ];
        if let Some(compiled) = &self.compiled {
            let scalar = |data| Array { shape: Vec::new(), data };
            let mut arrays = vec![
                scalar(Data::I64(vec![built.params.iterations as i64])),
                scalar(Data::F32(vec![compiled.optimizer.learning_rate()])),
            ];
            if compiled.attached {
                for (slot, variable) in slot_order(
                    compiled.optimizer.slots(),
                    built.variables.len(),
                    compiled.optimizer.slots_together(),
                ) {
                    let shape = &built.variables[variable].1.shape;
                    arrays.push(array(&built.params.variables[variable].slots[slot], shape));
                }
            }
            let vars = Node::Group(named_vars(compiled.optimizer.name(), arrays));
            root.insert(1, ("optimizer".to_owned(), Node::Group(parent(vec![("vars".into(), vars)]))));
        }
        Ok(parent(root))
    }

    fn read_weights_tree(&mut self, tree: &Group) -> Result<()> {
        let groups = self.group_names();
        let Some(built) = &mut self.built else { return Ok(()) };
        for (i, group) in groups.iter().enumerate() {
            let path = format!("layers/{group}/vars");
            let mine: Vec<usize> = (0..built.variables.len()).filter(|v| built.variables[*v].0 == i).collect();
            let stored = match tree.get(&path) {
                Some(Node::Group(vars)) => vars.children.len(),
                _ => 0,
            };
            if stored != mine.len() {
                let problem =
                    format!("layer '{}' expects {} variables, found {stored}", self.names[i], mine.len());
                return Err(Error::data(format!("model.weights.h5: {path}"), problem));
            }
            for (number, &variable) in mine.iter().enumerate() {
                let spec = &built.variables[variable].1;
                let elements = floats(tree, &format!("{path}/{number}"), &spec.shape)?;
                built.params.variables[variable].weights.copy_from_row_major(&elements);
            }
        }
        let Some(compiled) = &mut self.compiled else { return Ok(()) };
        let Some(Node::Group(vars)) = tree.get("optimizer/vars") else { return Ok(()) };
        let (slots, variables) = (compiled.optimizer.slots(), built.variables.len());
        // Saved before its first step, an optimizer has its count and its rate and nothing else.
        if vars.children.len() == 2 && slots * variables > 0 || vars.children.is_empty() {
            return Ok(());
        }
        let expected = 2 + slots * variables;
        if vars.children.len() != expected {
            let problem = format!(
                "{} variables, expected {expected} for {}",
                vars.children.len(),
                compiled.optimizer.name()
            );
            return Err(Error::data("model.weights.h5: optimizer/vars", problem));
        }
        let count = tree
            .dataset("optimizer/vars/0")
            .map_err(|error| Error::data("model.weights.h5", error.to_string()))?;
        let iterations = match &count.data {
            Data::I64(count) if count.len() == 1 && count[0] >= 0 => count[0] as u64,
            _ => return Err(Error::data("model.weights.h5: optimizer/vars/0", "expected a count of steps")),
        };
        let rate = floats(tree, "optimizer/vars/1", &[])?[0];
        let mut params = built.params.clone();
        params.attach(&*compiled.optimizer);
        let order = slot_order(slots, variables, compiled.optimizer.slots_together());
        for (number, (slot, variable)) in order.into_iter().enumerate() {
            let elements =
                floats(tree, &format!("optimizer/vars/{}", number + 2), &built.variables[variable].1.shape)?;
            params.variables[variable].slots[slot].copy_from_row_major(&elements);
        }
        params.iterations = iterations;
        built.params = params;
        compiled.optimizer = compiled.optimizer.with_learning_rate(rate);
        compiled.attached = true;
        Ok(())
    }

    /// SHA-256 of all weights in the order of [`Sequential::get_weights`], row-major little-endian f32, in hex.
    pub fn weights_sha256(&self) -> String {
        use sha2::Digest;
        let mut hash = sha2::Sha256::new();
        for tensor in self.get_weights() {
            for x in tensor.to_f32() {
                hash.update(x.to_le_bytes());
            }
        }
        crate::datasets::hex(&hash.finalize())
    }
}

/// (slot, variable) in the order of a Keras file.
fn slot_order(slots: usize, variables: usize, together: bool) -> Vec<(usize, usize)> {
    let by_variable = (0..variables).flat_map(|v| (0..slots).map(move |s| (s, v)));
    let by_slot = (0..slots).flat_map(|s| (0..variables).map(move |v| (s, v)));
    if together { by_variable.collect() } else { by_slot.collect() }
}

/// A dataset of floats of exactly this shape, all finite.
fn floats(tree: &Group, path: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let place = || format!("model.weights.h5: {path}");
    let array = tree.dataset(path).map_err(|error| Error::data("model.weights.h5", error.to_string()))?;
    if array.shape != shape {
        return Err(Error::data(place(), format!("shape {:?}, expected {shape:?}", array.shape)));
    }
    let Data::F32(elements) = &array.data else {
        return Err(Error::data(place(), format!("type {}, expected float32", array.dtype())));
    };
    match elements.iter().position(|x| !x.is_finite()) {
        Some(index) => {
            Err(Error::data(place(), format!("element {index} is {}, not a finite number", elements[index])))
        }
        None => Ok(elements.clone()),
    }
}

/// The sample shape of an `InputLayer`.
fn input_shape(keys: Keys) -> Result<Vec<usize>> {
    let mut config = Config::new("InputLayer", keys);
    config.float32()?;
    config.take("name");
    config.take("trainable");
    let shape = config.take("batch_shape").or_else(|| config.take("batch_input_shape"));
    config.finish()?;
    let axes = shape.as_ref().and_then(Value::as_array);
    let sample =
        axes.and_then(|axes| axes.get(1..)?.iter().map(|axis| axis.as_u64().map(|n| n as usize)).collect());
    sample.filter(|shape: &Vec<usize>| !shape.is_empty()).ok_or_else(|| {
        let shape = shape.unwrap_or_default();
        Error::config("InputLayer", format!("batch_shape = {shape}, expected a list such as [null, 784]"))
    })
}

/// An estimate that needs no memory: a `Dense` has at least as many weights as units, and a file of n bytes holds at
/// most n / 4 of them.
fn weights_that_fit(config: &Value, bytes: usize) -> Result<()> {
    let layers = config["config"]["layers"].as_array().map_or(&[][..], Vec::as_slice);
    let mut inputs = 0u64;
    let mut weights = 0u64;
    for layer in layers {
        if let Some(shape) = layer["config"]["batch_shape"].as_array() {
            inputs = shape.iter().skip(1).filter_map(Value::as_u64).fold(1, u64::saturating_mul);
        }
        if let Some(units) = layer["config"]["units"].as_u64() {
            weights = weights.saturating_add(inputs.saturating_mul(units));
            inputs = units;
        }
    }
    if weights.saturating_mul(4) > bytes as u64 {
        let problem = format!("describes {weights} weights, but model.weights.h5 has {bytes} bytes");
        return Err(Error::data("config.json", problem));
    }
    Ok(())
}

/// A whole file, refused above 2 GiB.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    let io = |error| Error::io(path, error);
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > MAX_FILE {
        return Err(Error::file(path, format!("{size} bytes, more than the {MAX_FILE} that are read")));
    }
    std::fs::read(path).map_err(io)
}

/// Writes a file that appears whole or not at all: beside it, synced, renamed
/// ([`write_atomically`](crate::storage::write_atomically)).
///
/// # Errors
/// When the folder or the file cannot be written; an earlier file of this name is then as it was.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(write_atomically(&Disk, path, bytes)?)
}

/// Writes files that belong together, so that whoever finds the last one finds the others of the same set
/// ([`write_together`](crate::storage::write_together)).
///
/// # Errors
/// When one cannot be written. What lacks room or rights is found before anything is replaced.
pub fn write_files(files: &[(std::path::PathBuf, &[u8])]) -> Result<()> {
    Ok(write_together(&Disk, files)?)
}
