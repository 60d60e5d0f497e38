//! Keras 3's tree of weights: `model.weights.h5` in a `.keras` file, and `.weights.h5` alone.
//!
//! ```text
//! root      = layers/ [optimizer/vars/] vars/                       `vars` has the attribute `name`
//! layers    = (class ["_" count] "/" (vars/ | layers/ vars/ | layer/vars/ vars/))*   class in snake case
//! vars      = "0", "1", …                                           in the order of the layer's variables
//! optimizer = count rate? slot* number*                             see `numbers.rs`
//! ```
//!
//! A model inside has `layers/` of its own, a layer inside a layer (spectral normalisation) its own `vars/`. Source:
//! `keras.src.saving.saving_lib`, the same in Keras 2.15.

use super::numbers::{Numbers, Stored, floats, slot_order, state_of_list, unbuilt};
use crate::build::Built;
use crate::error::{Error, Result};
use crate::graph::{Content, Entry, Graph, snake_case};
use crate::model::{Model, NOT_BUILT};
use serde_json::Value;
use std::collections::HashMap;
use vanilla_formats::hdf5::{Attr, Group, Node};
use vanilla_formats::{Array, Data};
use vanilla_plan::kernels::Panels;

pub(super) const FILE: &str = "model.weights.h5";
/// What a lookup has beside its variables; they belong to its description.
pub(super) const IDF_WEIGHTS: &str = "idf_weights";
/// The optimizer's numbers.
pub(super) const OPTIMIZER: &str = "optimizer/vars";

impl Model {
    pub(super) fn weights_tree(&self) -> Result<Group> {
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

    /// The weights in a tree, all of the right shape.
    pub(super) fn numbers_of_tree<'a>(&self, tree: &'a Group) -> Result<Numbers<'a>> {
        let Some(built) = &self.built else {
            // The optimizer and metrics of Keras 2 have numbers before the model has.
            let weights = |name: &str| name != "optimizer" && name != "metrics";
            let first = tree.children.iter().find(|(name, node)| weights(name) && holds(node));
            return unbuilt(first.map(|(name, _)| format!("{FILE}: {name}")));
        };
        let mut places = Vec::new();
        variable_places(&self.graph, built, &[], "", &mut places);
        let mut numbers = Numbers::default();
        for (path, variables) in places {
            let stored = match tree.get(&path) {
                Some(Node::Group(vars)) => vars.children.iter().filter(|(name, _)| name != IDF_WEIGHTS).count(),
                _ => 0,
            };
            if stored != variables.len() {
                let layer = variables.first().map_or("", |number| &built.variables[*number].layer);
                let problem = format!("layer '{layer}' expects {} variables, found {stored}", variables.len());
                return Err(Error::data(format!("{FILE}: {path}"), problem));
            }
            for (at, number) in variables.into_iter().enumerate() {
                let path = format!("{path}/{at}");
                let shape = &built.variables[number].spec.shape;
                numbers.weights.push((number, floats(dataset(tree, &path)?, &format!("{FILE}: {path}"), shape)?));
            }
        }
        let known = group_names(&self.graph);
        if let Some(Node::Group(layers)) = tree.get("layers")
            && let Some((name, _)) =
                layers.children.iter().find(|(name, node)| !known.contains(name) && holds(node))
        {
            let problem = "numbers of a layer that the description does not have: the two are of different models";
            return Err(Error::data(format!("{FILE}: layers/{name}"), problem));
        }
        Ok(numbers)
    }

    /// What a tree has for the optimizer.
    pub(super) fn state_of_tree<'a>(&self, tree: &'a Group) -> Result<Stored<'a>> {
        let (Some(built), Some(compiled)) = (&self.built, &self.compiled) else { return Ok(Stored::Nothing) };
        let Some(Node::Group(vars)) = tree.get(OPTIMIZER) else { return Ok(Stored::Nothing) };
        let mut list = Vec::new();
        for number in 0..vars.children.len() {
            let path = format!("{OPTIMIZER}/{number}");
            list.push((format!("{FILE}: {path}"), dataset(tree, &path)?));
        }
        state_of_list(built, &compiled.optimizer, &list)
    }

    /// Weights and state of a tree, for a model that is there already.
    pub(super) fn weights_of_tree<'a>(&self, tree: &'a Group) -> Result<Numbers<'a>> {
        let mut numbers = self.numbers_of_tree(tree)?;
        numbers.state = self.state_of_tree(tree)?.or_error(&format!("{FILE}: {OPTIMIZER}"))?;
        Ok(numbers)
    }
}

fn dataset<'a>(tree: &'a Group, path: &str) -> Result<&'a Array> {
    tree.dataset(path).map_err(|error| Error::data(FILE, error.to_string()))
}

/// Whether there are numbers in it.
fn holds(node: &Node) -> bool {
    match node {
        Node::Dataset(_) => true,
        Node::Group(group) => group.children.iter().any(|(_, node)| holds(node)),
    }
}

/// A group with these children.
pub(super) fn parent(children: Vec<(String, Node)>) -> Group {
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

pub(super) fn array(panels: &Panels, shape: &[usize]) -> Array {
    Array { shape: shape.to_vec(), data: Data::F32(panels.to_row_major()) }
}

/// Names of the groups that hold each layer's variables: class name and a count, not the layer's name.
pub(super) fn group_names(graph: &Graph) -> Vec<String> {
    let mut counts = HashMap::new();
    let group = |entry: &Entry| group_name(entry.content.class_name(), &mut counts);
    graph.visible().iter().map(group).collect()
}

/// Name of the group of a layer of this class, behind those that were counted.
fn group_name(class: &str, counts: &mut HashMap<String, usize>) -> String {
    let base = snake_case(class);
    let count = counts.entry(base.clone()).or_default();
    *count += 1;
    if *count == 1 { base } else { format!("{base}_{}", *count - 1) }
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
        let mut mine = vars(&mine, &entry.name);
        if let Content::Layer(layer) = &entry.content
            && let Some(weights) = layer.preprocessor().and_then(|word| word.idf_weights())
        {
            let array = Array { shape: vec![weights.len()], data: Data::F32(weights) };
            mine.children.push((IDF_WEIGHTS.into(), Node::Dataset(array)));
        }
        children.push(("vars".into(), Node::Group(mine)));
        groups.push((group, Node::Group(parent(children))));
    }
    parent(vec![("layers".to_owned(), Node::Group(parent(groups)))])
}

/// The node of the layer that a group of this name in the file of a described model belongs to.
pub(super) fn layer_of_group<'a>(model: &'a mut Value, group: &str) -> Option<&'a mut Value> {
    let sequential = model.get("class_name")? == "Sequential";
    let mut counts: HashMap<String, usize> = HashMap::new();
    let layers = model.get_mut("config")?.get_mut("layers")?.as_array_mut()?;
    layers.iter_mut().find(|node| {
        let class = node.get("class_name").and_then(Value::as_str).unwrap_or_default();
        !(sequential && class == "InputLayer") && group_name(class, &mut counts) == group
    })
}
