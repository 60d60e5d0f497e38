//! Models as `.keras` files: what Keras 3 writes and reads, weights, optimizer and all.
//!
//! The archive holds `config.json` (the description) and `model.weights.h5` (the numbers). A file is data: class
//! names are looked up in the registries of this crate, nothing else is resolved, and every shape is known from
//! the description before a number is read.

use crate::build::Built;
use crate::error::{Error, Result};
use crate::graph::{Content, Entry, Graph, snake_case};
use crate::info::ModelInfo;
use crate::model::{Model, NOT_BUILT};
use crate::on_batch::OnBatch;
use crate::optimizers::Engine;
use crate::registry::Registry;
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
    /// Writes the model as a `.keras` file: description, weights, and the optimizer with its state. The file
    /// appears whole or not at all.
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

    /// The bytes of the file that [`Model::save`] writes.
    ///
    /// # Errors
    /// When the input shape is not known, or a name has no place in the format.
    pub fn to_keras(&self) -> Result<Vec<u8>> {
        let unfit = |error: vanilla_formats::FormatError| Error::data("model", error.to_string());
        // Without a date: the same model gives the same bytes.
        let mut metadata = json!({ "keras_version": KERAS_VERSION, "date_saved": "1980-01-01@00:00:00" });
        if !self.info.is_empty() {
            metadata["vanilla"] = self.info.to_json();
        }
        let archive = KerasArchive {
            metadata: Some(metadata.to_string()),
            config: self.to_json()?.to_string(),
            weights: hdf5::write(&self.weights_tree()?).map_err(unfit)?,
        };
        keras_zip::write(&archive).map_err(unfit)
    }

    /// Writes weights and the optimizer's state as a `.weights.h5` file, which Keras's `load_weights` reads. The
    /// file appears whole or not at all.
    ///
    /// # Errors
    /// When the path does not end in `.weights.h5`, the input shape is not known, or the file cannot be written.
    pub fn save_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = weights_path(path.as_ref())?;
        let bytes = hdf5::write(&self.weights_tree()?).map_err(|error| Error::data("model", error.to_string()))?;
        write_file(path, &bytes)
    }

    /// Reads weights, and the optimizer's state where the model is compiled (weights alone: before compile), from
    /// a `.weights.h5` file of the same layers, of Vanilla or of Keras 3. Where something does not fit, the model
    /// stays as it was.
    ///
    /// # Errors
    /// When the path does not end in `.weights.h5`, the input shape is not known, or the file cannot be read, is
    /// damaged, or is of other layers or another optimizer.
    pub fn load_weights(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = weights_path(path.as_ref())?;
        let before = self.built.as_ref().ok_or(NOT_BUILT)?.params.clone();
        let tree = hdf5::read(&read_file(path)?).map_err(|error| Error::file(path, error))?;
        let read = self.read_weights_tree(&tree);
        self.on_batch = OnBatch::default();
        read.map_err(|error| {
            if let Some(built) = &mut self.built {
                built.params = before;
            }
            let hint = "; where the file is of another optimizer, load it before compile";
            let hint = if error.to_string().contains("optimizer/vars") { hint } else { "" };
            Error::file(path, format!("{error}{hint}"))
        })
    }

    /// Reads a `.keras` file of Vanilla or of Keras 3, with its optimizer's state.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or describes something that Vanilla does not have; the message
    /// names the place.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_with(path, &Registry::default())
    }

    /// As [`Model::load`], with words of one's own.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_with(path: impl AsRef<Path>, registry: &Registry) -> Result<Self> {
        let path = path.as_ref();
        let bytes = read_file(path)?;
        let archive = keras_zip::read(&bytes).map_err(|error| Error::file(path, error))?;
        let located = |error: Error| Error::file(path, error);
        let config: Value = serde_json::from_str(&archive.config)
            .map_err(|error| Error::file(path, format!("config.json: {error}")))?;
        // A description of more weights than the file can hold ends here.
        let most = archive.weights.len() / size_of::<f32>();
        let described = |error: Error| Error::file(path, format!("config.json: {error}"));
        let mut model = Self::from_json_within(&config, registry, most).map_err(described)?;
        let tree = hdf5::read(&archive.weights)
            .map_err(|error| Error::file(path, format!("model.weights.h5: {error}")))?;
        model.read_weights_tree(&tree).map_err(located)?;
        // What is no JSON in it was not written by Keras, and nothing depends on it.
        let metadata: Value =
            archive.metadata.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        if let Some(info) = metadata.get("vanilla") {
            let info = ModelInfo::from_json(info).and_then(|info| model.set_info(info));
            info.map_err(|error| Error::file(path, format!("metadata.json: {error}")))?;
        }
        Ok(model)
    }

    fn weights_tree(&self) -> Result<Group> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let mut root = Vec::new();
        let mut layers = layer_groups(&self.graph, built, &[], &mut |variables, name| {
            let arrays = variables.iter().map(|number| {
                let (variable, value) = (&built.variables[*number], &built.params.variables[*number]);
                array(&value.weights, &variable.spec.shape)
            });
            named_vars(name, arrays.collect())
        });
        root.append(&mut layers.children);
        if let Some(compiled) = &self.compiled {
            let scalar = |data| Array { shape: Vec::new(), data };
            let engine = &compiled.optimizer;
            let mut arrays = vec![scalar(Data::I64(vec![built.params.iterations as i64]))];
            // A schedule follows from the number of the step.
            if engine.rate_is_constant() {
                arrays.push(scalar(Data::F32(vec![engine.learning_rate(0)])));
            }
            if compiled.attached {
                for (slot, variable, shape) in slot_order(built, engine) {
                    arrays.push(array(&built.params.variables[variable].slots[slot], &shape));
                }
                let scalars = engine.rule.scalars(built.params.iterations);
                arrays.extend(scalars.into_iter().map(|value| scalar(Data::F32(vec![value]))));
            }
            let vars = Node::Group(named_vars(engine.rule.name(), arrays));
            root.push(("optimizer".to_owned(), Node::Group(parent(vec![("vars".into(), vars)]))));
        }
        root.push(("vars".to_owned(), Node::Group(named_vars(&self.graph.name, Vec::new()))));
        Ok(parent(root))
    }

    fn read_weights_tree(&mut self, tree: &Group) -> Result<()> {
        self.inside.take();
        let Some(built) = &mut self.built else { return Ok(()) };
        let mut places = Vec::new();
        variable_places(&self.graph, built, &[], "", &mut places);
        for (path, numbers) in places {
            let stored = match tree.get(&path) {
                Some(Node::Group(vars)) => vars.children.len(),
                _ => 0,
            };
            if stored != numbers.len() {
                let layer = numbers.first().map_or("", |number| &built.variables[*number].layer);
                let problem = format!("layer '{layer}' expects {} variables, found {stored}", numbers.len());
                return Err(Error::data(format!("model.weights.h5: {path}"), problem));
            }
            for (at, number) in numbers.into_iter().enumerate() {
                let elements = floats(tree, &format!("{path}/{at}"), &built.variables[number].spec.shape)?;
                built.params.variables[number].weights.copy_from_row_major(&elements);
            }
        }
        let Some(compiled) = &mut self.compiled else { return Ok(()) };
        let Some(Node::Group(vars)) = tree.get("optimizer/vars") else { return Ok(()) };
        let engine = &compiled.optimizer;
        let order = slot_order(built, engine);
        let first = 1 + usize::from(engine.rate_is_constant());
        let scalars = engine.rule.scalars(0).len();
        // Saved before its first step, an optimizer has its count and its rate and nothing else.
        if vars.children.len() <= first && !order.is_empty() || vars.children.is_empty() {
            return Ok(());
        }
        let expected = first + order.len() + scalars;
        if vars.children.len() != expected {
            let name = engine.rule.name();
            let problem = format!("{} variables, expected {expected} for {name}", vars.children.len());
            return Err(Error::data("model.weights.h5: optimizer/vars", problem));
        }
        let count = tree
            .dataset("optimizer/vars/0")
            .map_err(|error| Error::data("model.weights.h5", error.to_string()))?;
        let iterations = match &count.data {
            Data::I64(count) if count.len() == 1 && count[0] >= 0 => count[0] as u64,
            _ => return Err(Error::data("model.weights.h5: optimizer/vars/0", "expected a count of steps")),
        };
        let mut params = built.params.clone();
        params.attach(&engine.bind(&built.variables));
        for (number, (slot, variable, shape)) in order.into_iter().enumerate() {
            let elements = floats(tree, &format!("optimizer/vars/{}", number + first), &shape)?;
            params.variables[variable].slots[slot].copy_from_row_major(&elements);
        }
        if engine.rate_is_constant() {
            let rate = floats(tree, "optimizer/vars/1", &[])?[0];
            compiled.optimizer = compiled.optimizer.with_learning_rate(rate);
        }
        params.iterations = iterations;
        built.params = params;
        compiled.attached = true;
        Ok(())
    }

    /// SHA-256 of all weights in the order of [`Model::get_weights`], row-major little-endian f32, in hex.
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

/// A path that ends as files of weights do.
fn weights_path(path: &Path) -> Result<&Path> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match name.ends_with(".weights.h5") {
        true => Ok(path),
        false => Err(Error::file(path, "expected a name that ends in .weights.h5")),
    }
}

/// A group with these children.
fn parent(children: Vec<(String, Node)>) -> Group {
    Group { attrs: Vec::new(), children }
}

/// The group of a layer's variables, numbered.
fn named_vars(name: &str, arrays: Vec<Array>) -> Group {
    let mut vars = Group::new();
    vars.attrs.push(("name".into(), Attr::Str(name.into())));
    let numbered = arrays.into_iter().enumerate();
    vars.children.extend(numbered.map(|(i, array)| (i.to_string(), Node::Dataset(array))));
    vars
}

fn array(panels: &Panels, shape: &[usize]) -> Array {
    Array { shape: shape.to_vec(), data: Data::F32(panels.to_row_major()) }
}

/// Names of the groups that hold each layer's variables: class name and a count, not the layer's name.
fn group_names(graph: &Graph) -> Vec<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let group = |entry: &Entry| {
        let base = snake_case(entry.content.class_name());
        let count = counts.entry(base.clone()).or_default();
        *count += 1;
        if *count == 1 { base } else { format!("{base}_{}", *count - 1) }
    };
    graph.visible().iter().map(group).collect()
}

/// Numbers of the variables of the layer at this path, `inside` of it. A kernel that is normalised spectrally
/// belongs to both layers, and Keras's files have it twice.
fn of_layer(built: &Built, path: &[usize], inside: &str) -> Vec<usize> {
    let mine = |number: &usize| {
        let variable = &built.variables[*number];
        let shared = inside.is_empty() && variable.spec.spectral.is_some();
        variable.path == path && (variable.spec.inside == inside || shared)
    };
    (0..built.variables.len()).filter(mine).collect()
}

/// The layer inside a layer, if there is one: spectral normalisation has one.
fn inner(built: &Built, path: &[usize]) -> Option<&'static str> {
    let mut variables = built.variables.iter().filter(|variable| variable.path == path);
    variables.find(|variable| !variable.spec.inside.is_empty()).map(|variable| variable.spec.inside)
}

/// Every place in a file that holds variables, and which.
fn variable_places(
    graph: &Graph,
    built: &Built,
    path: &[usize],
    at: &str,
    places: &mut Vec<(String, Vec<usize>)>,
) {
    let hidden = graph.entries.len() - graph.visible().len();
    for (i, (entry, group)) in graph.visible().iter().zip(group_names(graph)).enumerate() {
        let path = [path, &[i + hidden]].concat();
        let at = format!("{at}layers/{group}/");
        match &entry.content {
            Content::Input(_) => {}
            Content::Model(nested) => variable_places(&nested.graph, built, &path, &at, places),
            Content::Layer(_) => {
                places.push((format!("{at}vars"), of_layer(built, &path, "")));
                if let Some(inside) = inner(built, &path) {
                    places.push((format!("{at}{inside}/vars"), of_layer(built, &path, inside)));
                }
            }
        }
    }
}

/// The groups of all layers, `vars` making those of their variables.
fn layer_groups(
    graph: &Graph,
    built: &Built,
    path: &[usize],
    vars: &mut dyn FnMut(&[usize], &str) -> Group,
) -> Group {
    let hidden = graph.entries.len() - graph.visible().len();
    let mut groups = Vec::new();
    for (i, (entry, group)) in graph.visible().iter().zip(group_names(graph)).enumerate() {
        let path = [path, &[i + hidden]].concat();
        let mut children = Vec::new();
        let mine = match &entry.content {
            Content::Model(nested) => {
                children = layer_groups(&nested.graph, built, &path, vars).children;
                Vec::new()
            }
            _ => of_layer(built, &path, ""),
        };
        if let Some(inside) = inner(built, &path) {
            let inner_vars = Node::Group(vars(&of_layer(built, &path, inside), inside));
            children.push((inside.to_owned(), Node::Group(parent(vec![("vars".into(), inner_vars)]))));
        }
        children.push(("vars".into(), Node::Group(vars(&mine, &entry.name))));
        groups.push((group, Node::Group(parent(children))));
    }
    parent(vec![("layers".to_owned(), Node::Group(parent(groups)))])
}

/// Slot, variable and shape in the order of a Keras file, of the variables that are trained: averages and sums of
/// gradients first, then the rule's own, part by part.
fn slot_order(built: &Built, engine: &Engine) -> Vec<(usize, usize, Vec<usize>)> {
    use vanilla_plan::Optimizer;
    let bound = engine.bind(&built.variables);
    let mut found = Vec::new();
    for (number, variable) in built.variables.iter().enumerate().filter(|(_, variable)| variable.trainable) {
        let slots = bound.slots(number, &variable.spec.shape);
        let count = slots.len();
        for (slot, about) in slots.into_iter().enumerate() {
            found.push((engine.file_part(slot, count), number, slot, about.shape));
        }
    }
    found.sort_by_key(|(part, ..)| *part);
    found.into_iter().map(|(_, number, slot, shape)| (slot, number, shape)).collect()
}

/// A dataset of floats of exactly this shape, all finite.
fn floats(tree: &Group, path: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let place = || format!("model.weights.h5: {path}");
    let array = tree.dataset(path).map_err(|error| Error::data("model.weights.h5", error.to_string()))?;
    if array.shape != shape {
        return Err(Error::data(place(), format!("shape {:?}, expected {shape:?}", array.shape)));
    }
    // Keras keeps a count of samples as an integer.
    let counted: Vec<f32>;
    let elements = match &array.data {
        Data::F32(elements) => elements,
        Data::I64(count) if shape.is_empty() => {
            counted = count.iter().map(|count| *count as f32).collect();
            &counted
        }
        _ => return Err(Error::data(place(), format!("type {}, expected float32", array.dtype()))),
    };
    match elements.iter().position(|x| !x.is_finite()) {
        Some(index) => {
            Err(Error::data(place(), format!("element {index} is {}, not a finite number", elements[index])))
        }
        None => Ok(elements.clone()),
    }
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
