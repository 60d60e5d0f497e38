//! Models from ONNX: graphs of dense networks, as PyTorch, Keras, scikit-learn and Vanilla write them.
//!
//! Every node becomes a layer of Keras's, named after it, or vanishes because it computes nothing in a model that is
//! not trained (`Identity`, `Cast`) or something that is known beforehand (`Shape`, `Constant`). What Vanilla has no
//! layer for is refused with the node's name. The first axis of every value is the batch.
//!
//! Source: `docs/Operators.md` and `docs/Broadcasting.md` of onnx/onnx, operators of versions 7 to 26.

mod constants;
mod functions;
mod layers;
mod shapes;

use crate::error::{Error, Result};
use crate::export::onnx as onnx_export;
use crate::graph::{self, Content, Graph, InputLayer, KerasTensor, Tensors};
use crate::info::ModelInfo;
use crate::layers::Layer;
use crate::model::Model;
use crate::tensor::Tensor;
use constants::Sizes;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use vanilla_formats::onnx::{self, DType, Dim, Node};

/// Versions of the standard operators whose meaning is known here.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=26;

impl Model {
    /// A model from the bytes of an ONNX file: a dense network's graph with its weights. It is a model like any other:
    /// it can be compiled, trained and saved. Its layers have the names of the nodes.
    ///
    /// What only labels are made of (`ArgMax` behind the probabilities, as scikit-learn's files have it) is left out.
    ///
    /// ```no_run
    /// use vanilla::prelude::*;
    /// let bytes = std::fs::read("classifier.onnx").unwrap();
    /// let model = Model::from_onnx(&bytes)?;
    /// println!("{}", model.summary());
    /// # Ok::<(), vanilla::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the bytes are no ONNX file or damaged, have their data in other files, or hold an operator that no layer
    /// stands for; the message names the node.
    pub fn from_onnx(bytes: &[u8]) -> Result<Self> {
        let file = onnx::read(bytes).map_err(|error| Error::data("onnx", error.to_string()))?;
        import(file)
    }
}

/// A network of more layers takes long to order.
const MAX_NODES: usize = 10_000;
/// Values that a node may read.
const MAX_INPUTS: usize = 1024;
/// Layers may have so many times the numbers of the constants: one constant can be read by several.
const SHARED: usize = 4;
/// And so many more, for numbers that become rows: slopes, biases.
const SPARE: usize = 1 << 20;

/// A value of the graph.
#[derive(Clone, Debug)]
enum Value {
    /// Known numbers.
    Constant(Arc<onnx::Tensor>),
    /// Whole numbers made of shapes, in which the number of rows is not known.
    Sizes(Sizes),
    /// What the network computes.
    Flow(Flow),
    /// `e (1 + erf(x / sqrt 2))` in the making: what there is of a gelu.
    Erf(Erf),
    /// Numbers or names of classes: nothing that the network computes.
    Labels,
}

/// What the network computes.
#[derive(Clone, Debug)]
struct Flow {
    tensor: KerasTensor,
    /// Of one sample.
    shape: Vec<usize>,
    /// The layer that gives it.
    layer: String,
    /// No other value has it.
    id: usize,
    /// Of the numbers in the graph; layers compute with float32.
    dtype: DType,
    /// How it was made, where the next node may want to know.
    made: Made,
}

/// How a value was made from the one with this id.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Made {
    Input,
    /// A cast to integers has changed it: what only the row of a table that it picks shows rightly.
    Cut,
    Times {
        of: usize,
        by: f32,
    },
    Sigmoid {
        of: usize,
    },
    Somehow,
}

/// `factor erf(x / sqrt 2)`, or with 1 added to it, perhaps times x.
#[derive(Clone, Debug)]
struct Erf {
    x: Flow,
    factor: f32,
    plus_one: bool,
    times_x: bool,
}

struct Importer {
    opset: i64,
    /// Rows that the file was made for, if it was made for a certain number.
    rows: Option<i64>,
    values: HashMap<String, Value>,
    /// How many read a value, outputs among them, and the last node that does.
    readers: HashMap<String, (usize, Option<usize>)>,
    /// Names of layers.
    taken: HashSet<String>,
    /// How often a name was wanted that was taken.
    counts: HashMap<String, usize>,
    /// Weights by layer, in Keras's order.
    weights: HashMap<String, Vec<Tensor>>,
    /// Layers by the weights that they read: who reads the same ones is the same layer.
    sharing: HashMap<String, Arc<dyn Layer>>,
    /// Numbers that layers may still take over from constants.
    budget: usize,
    /// Names of the classes, where labels are made of them.
    classes: Option<Vec<String>>,
    ids: usize,
    /// Nodes that are part of an earlier one.
    joined: HashSet<String>,
}

fn import(file: onnx::Model) -> Result<Model> {
    // Other sets are listed by writers that use none of them; a node of one is refused by its name.
    let opset = file.opsets.iter().find(|(domain, _)| domain.is_empty()).map(|(_, version)| *version);
    let opset = opset.ok_or_else(|| Error::data("onnx", "no version of the standard operators (opset_import)"))?;
    if !OPSETS.contains(&opset) {
        let problem =
            format!("operators of version {opset}, known are 7 to 26: export with another opset_version");
        return Err(Error::data("onnx", problem));
    }
    let graph = file.graph;
    if graph.nodes.len() > MAX_NODES {
        let problem = format!("{} nodes, expected at most {MAX_NODES}", graph.nodes.len());
        return Err(Error::data("onnx", problem));
    }
    let in_nodes = graph.nodes.iter().flat_map(|node| &node.attributes).filter_map(|(_, value)| match value {
        onnx::Attribute::Tensor(tensor) => Some(tensor),
        _ => None,
    });
    let constants: usize = graph.initializers.iter().chain(in_nodes).map(|tensor| tensor.values.len()).sum();
    let mut importer = Importer {
        opset,
        rows: None,
        values: HashMap::new(),
        readers: HashMap::new(),
        taken: HashSet::new(),
        counts: HashMap::new(),
        weights: HashMap::new(),
        sharing: HashMap::new(),
        budget: constants.saturating_mul(SHARED).saturating_add(SPARE),
        classes: None,
        ids: 0,
        joined: HashSet::new(),
    };
    for (number, node) in graph.nodes.iter().enumerate() {
        for name in &node.inputs {
            let (count, last) = importer.readers.entry(name.clone()).or_default();
            (*count, *last) = (*count + 1, Some(number));
        }
    }
    for output in &graph.outputs {
        importer.readers.entry(output.name.clone()).or_default().0 += 1;
    }
    let mut inputs = Vec::new();
    for info in &graph.inputs {
        inputs.push(importer.input(info)?);
    }
    for mut tensor in graph.initializers {
        let name = std::mem::take(&mut tensor.name);
        importer.values.insert(name, Value::Constant(Arc::new(tensor)));
    }
    for (at, node) in graph.nodes.iter().enumerate() {
        importer.node(at, node, &graph.nodes)?;
    }
    let mut outputs = Vec::new();
    for info in &graph.outputs {
        let place = format!("onnx: output {}", quoted(&info.name));
        match importer.values.get(&info.name) {
            Some(Value::Flow(flow)) if flow.made == Made::Cut => {
                return Err(Error::data(place, "integers that a Cast cut, expected a Gather to read them"));
            }
            Some(Value::Flow(flow)) => outputs.push(flow.tensor.clone()),
            Some(Value::Labels) => {}
            _ => return Err(Error::data(place, "depends on no input, expected what the network computes")),
        }
    }
    if outputs.is_empty() {
        return Err(Error::data("onnx", "no output that the network computes: only labels, or none at all"));
    }
    let name = layer_name(&graph.name, "model");
    let graph = Graph::functional(&name, &Tensors(inputs), &Tensors(outputs))?;
    let most = importer.weights.values().flatten().map(Tensor::len).sum();
    let mut model = Model::within(graph, None, most)?;
    importer.set_weights(&mut model)?;
    if file.producer == onnx_export::PRODUCER {
        model.set_info(info(file.metadata)?)?;
    } else if let Some(classes) = importer.classes
        && model.output_shape() == Some(&[classes.len()])
    {
        // Names that make no sense are left out: nothing is computed from them.
        let _ = model.set_class_names(classes);
    }
    Ok(model)
}

/// What travels with a model of ours.
fn info(metadata: Vec<(String, String)>) -> Result<ModelInfo> {
    let mut info = serde_json::Map::new();
    let mut notes = serde_json::Map::new();
    for (key, text) in metadata {
        match &*key {
            "vanilla_version" | "weights_sha256" => {}
            "class_names" | "feature_names" => {
                let list = serde_json::from_str(&text)
                    .map_err(|error| Error::data(format!("onnx: metadata {key}"), error.to_string()))?;
                info.insert(key, list);
            }
            _ => {
                let name = key.strip_prefix("note ").filter(|name| onnx_export::KEYS.contains(name));
                notes.insert(name.unwrap_or(&key).to_owned(), text.into());
            }
        }
    }
    if !notes.is_empty() {
        info.insert("notes".to_owned(), notes.into());
    }
    ModelInfo::from_json(&info.into())
}

impl Importer {
    /// An input layer.
    fn input(&mut self, info: &onnx::Info) -> Result<KerasTensor> {
        let place = || format!("onnx: input {}", quoted(&info.name));
        let dtype = match info.dtype {
            DType::String => {
                let problem = "holds strings, expected numbers: lookups of strings are not read from ONNX";
                return Err(Error::data(place(), problem));
            }
            DType::Bool | DType::Float | DType::Double | DType::Float16 | DType::Bfloat16 => "float32",
            _ => "int64",
        };
        let Some((rows, sample)) = info.dims.as_deref().and_then(|dims| dims.split_first()) else {
            let problem = "has no shape, expected (batch, columns): export it with its shape";
            return Err(Error::data(place(), problem));
        };
        if let Dim::Is(rows) = rows {
            self.rows = i64::try_from(*rows).ok();
        }
        let mut shape = Vec::new();
        for (axis, dim) in sample.iter().enumerate() {
            match dim {
                Dim::Is(length) if *length <= crate::model::MAX_WIDTH as u64 => shape.push(*length as usize),
                other => {
                    let found = match other {
                        Dim::Is(length) => length.to_string(),
                        Dim::Named(name) if name.is_empty() => "unknown".to_owned(),
                        Dim::Named(name) => format!("named {}", quoted(name)),
                    };
                    let problem = format!(
                        "axis {} is {found}, expected a number: only the first axis, the batch, may be left open",
                        axis + 1
                    );
                    return Err(Error::data(place(), problem));
                }
            }
        }
        if shape.is_empty() {
            let problem = "has one axis, expected (batch, columns): give it a second one";
            return Err(Error::data(place(), problem));
        }
        let name = self.name_for(layer_name(&info.name, "input"), "input");
        let tensor = InputLayer::new(shape.clone()).name(&name).dtype(dtype).tensor();
        let (dtype, made) = (info.dtype, Made::Input);
        let flow = Flow { tensor: tensor.clone(), shape, layer: name, id: self.id(), dtype, made };
        self.values.insert(info.name.clone(), Value::Flow(flow));
        Ok(tensor)
    }

    fn id(&mut self) -> usize {
        self.ids += 1;
        self.ids
    }

    /// This name, or one like it that no layer has. `op` tells the nodes of one layer apart.
    fn name_for(&mut self, wanted: String, op: &str) -> String {
        if self.taken.insert(wanted.clone()) {
            return wanted;
        }
        let base = format!("{wanted}_{}", graph::snake_case(op));
        loop {
            let count = self.counts.entry(base.clone()).or_default();
            *count += 1;
            let name = if *count == 1 { base.clone() } else { format!("{base}_{count}") };
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }

    /// A layer in the place of a node.
    fn put<L: Layer + 'static>(
        &mut self,
        at: &At<'_>,
        inputs: &[&Flow],
        shape: Vec<usize>,
        weights: Vec<Tensor>,
        make: impl FnOnce(String) -> L,
    ) -> Result<Flow> {
        let node = at.node;
        let tensors = Tensors(inputs.iter().map(|flow| flow.tensor.clone()).collect());
        let id = self.id();
        // The operators that a layer stands for keep the type. What is cut stays so.
        let dtype = inputs.first().map_or(DType::Float, |flow| flow.dtype);
        let made = if inputs.iter().any(|flow| flow.made == Made::Cut) { Made::Cut } else { Made::Somehow };
        // Of a node with weights everything but x decides which layer it is.
        let shape_of_x: Vec<&[usize]> = inputs.iter().map(|flow| &*flow.shape).collect();
        let key = (!weights.is_empty()).then(|| {
            let constants: Vec<&String> = node.inputs.iter().filter(|name| self.is_constant(name)).collect();
            format!("{} {constants:?} {:?} {:?} {shape_of_x:?}", node.op_type, at.bias, node.attributes)
        });
        if let Some(layer) = key.as_ref().and_then(|key| self.sharing.get(key)) {
            let (content, layer) = (Content::Layer(Arc::clone(layer)), layer.common().name.clone());
            let tensor = KerasTensor::of(content, tensors, 0);
            return Ok(Flow { tensor, shape, layer: layer.unwrap_or_default(), id, dtype, made });
        }
        self.spend(at, weights.iter().map(Tensor::len).sum())?;
        let named = if node.name.is_empty() { node.outputs.first() } else { Some(&node.name) };
        let name = named.map_or(String::new(), |name| name_of_node(name, &node.op_type));
        let name = self.name_for(layer_name(&name, &graph::snake_case(&node.op_type)), &node.op_type);
        let layer: Arc<dyn Layer> = Arc::new(make(name.clone()));
        if let Some(key) = key {
            self.weights.insert(name.clone(), weights);
            self.sharing.insert(key, Arc::clone(&layer));
        }
        let tensor = KerasTensor::of(Content::Layer(layer), tensors, 0);
        Ok(Flow { tensor, shape, layer: name, id, dtype, made })
    }

    /// The layer of this input will not be part of the model, because only this node reads it and says the same in
    /// another way: its name is free again.
    fn forget(&mut self, at: &At<'_>, index: usize) {
        if let Some(name) = at.node.inputs.get(index)
            && self.readers.get(name).is_some_and(|(count, _)| *count == 1)
            && let Some(Value::Flow(flow)) = self.values.get(name)
            && flow.made != Made::Input
        {
            self.taken.remove(&flow.layer);
        }
    }

    fn is_constant(&self, name: &str) -> bool {
        matches!(self.values.get(name), Some(Value::Constant(_)))
    }

    /// Takes so many numbers over from constants. A constant may be read often; a file that turns into many times its
    /// size is no file of a network.
    fn spend(&mut self, at: &At<'_>, numbers: usize) -> Result<()> {
        match self.budget.checked_sub(numbers) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(at.error(format!(
                "constants are read again and again: layers would have more than {SHARED} times their numbers"
            ))),
        }
    }

    /// The file's weights in the places of the drawn ones.
    fn set_weights(&self, model: &mut Model) -> Result<()> {
        let Some(built) = &model.built else { return Ok(()) };
        let mut next: HashMap<&str, usize> = HashMap::new();
        let mut all = Vec::new();
        for variable in &built.variables {
            let at = next.entry(&variable.layer).or_default();
            let given = self.weights.get(&variable.layer).and_then(|weights| weights.get(*at));
            let Some(given) = given.filter(|given| given.shape() == variable.spec.shape) else {
                let place = format!("onnx: layer '{}'", variable.layer);
                let problem = format!("no {} of shape {:?} in the file", variable.spec.name, variable.spec.shape);
                return Err(Error::data(place, problem));
            };
            *at += 1;
            all.push(given.clone());
        }
        model.set_weights(&all).map_err(|error| Error::data("onnx", error.to_string()))
    }
}

/// A node at its place.
struct At<'a> {
    number: usize,
    node: &'a Node,
    /// The constant that the node behind it adds, where the two are one layer.
    bias: Option<&'a str>,
}

impl At<'_> {
    fn error(&self, problem: impl Into<String>) -> Error {
        let Node { name, op_type, domain, .. } = self.node;
        let op = if domain.is_empty() { quoted(op_type) } else { quoted(&format!("{domain}.{op_type}")) };
        Error::data(format!("onnx: node {} {} of {op}", self.number, quoted(name)), problem)
    }
}

/// Text from a file as it may be printed.
fn quoted(text: &str) -> String {
    let mut chars = text.chars();
    let mut out: String = chars.by_ref().take(100).flat_map(char::escape_debug).collect();
    if chars.next().is_some() {
        out.push('…');
    }
    format!("'{out}'")
}

/// What a node is called by people: PyTorch's `/fc1/Gemm` and Keras's `functional_1/fc1/MatMul` are the layer `fc1`.
fn name_of_node(name: &str, op: &str) -> String {
    let name = name.split(':').next().unwrap_or_default();
    let mut parts = name.rsplit('/').filter(|part| !part.is_empty());
    let last = parts.next().unwrap_or_default();
    let bare = last.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    let is_op = bare.eq_ignore_ascii_case(op)
        || ["BiasAdd", "MatMul", "Tensordot"].iter().any(|word| bare.eq_ignore_ascii_case(word));
    if is_op { parts.next().unwrap_or(last) } else { last }.to_owned()
}

/// A name that a layer may have: letters, digits, `_`, `-` and `.`, at most 200 of them.
fn layer_name(name: &str, otherwise: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' };
    let name: String = name.chars().take(200).map(plain).collect();
    let name = name.trim_matches('_');
    if name.is_empty() { otherwise.to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_nodes() {
        for (name, op, wanted) in [
            ("/fc1/Gemm", "Gemm", "fc1"),
            ("/layers/layers.0/Gemm", "Gemm", "layers.0"),
            ("/Relu_1", "Relu", "Relu_1"),
            ("functional_1/dense_1/MatMul", "MatMul", "dense_1"),
            ("StatefulPartitionedCall/sequential/dense/BiasAdd", "Add", "dense"),
            ("hidden", "Gemm", "hidden"),
            ("hidden/relu:0", "Relu", "hidden"),
            ("", "Gemm", ""),
        ] {
            assert_eq!(name_of_node(name, op), wanted, "{name}");
        }
        assert_eq!(layer_name("a b/ü\n\"", "x"), "a_b_ü");
        assert_eq!(layer_name("//", "x"), "x");
        assert_eq!(layer_name(&"a".repeat(999), "x").len(), 200);
    }
}
