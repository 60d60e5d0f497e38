//! ONNX: a model as a graph of operators, for ONNX Runtime and everything else that reads it.
//!
//! Operators of version 20 (and 3 of `ai.onnx.ml` where there are lookups), in version 9 of the format. The first axis
//! of every value is `batch`, of any length; behind it come the axes of a sample, as far as the network has them: a
//! value of the [`Program`] is `[batch, cols]`, or `[batch, groups, cols]` where it has several rows. Inputs and outputs
//! are named after their layers, nodes `LAYER/OPERATOR`. Functions that ONNX has an operator for are that operator,
//! the others are their [`Formula`](vanilla_plan::Formula), element by element.
//!
//! Metadata: `vanilla_version`, `weights_sha256`, `class_names` and `feature_names` (lists in JSON), and the model's
//! notes by their names.
//!
//! Source: `docs/Operators.md`, `docs/Operators-ml.md` and `docs/IR.md` of onnx/onnx.

mod formula;
mod front;
mod known;

use super::program::{Program, Work};
use crate::error::{Error, Result};
use crate::model::Model;
use std::collections::{HashMap, HashSet};
use vanilla_formats::onnx::{Attribute, DType, Dim, Graph, Info, Model as File, Node, Tensor, write};
use vanilla_plan::{Form, Merge};

const OPSET: i64 = 20;
const ML_OPSET: i64 = 3;
const IR_VERSION: i64 = 9;
/// The domain of lookups.
const ML: &str = "ai.onnx.ml";
/// What the producer of our files is called.
pub(crate) const PRODUCER: &str = "vanilla";
/// Keys of the metadata that are not notes.
pub(crate) const KEYS: [&str; 4] = ["vanilla_version", "weights_sha256", "class_names", "feature_names"];

impl Model {
    /// The bytes of an ONNX file that computes what [`Model::predict`] does: operators of version 20, a batch of any
    /// size, inputs and outputs named after their layers. Lookups of strings and integers are part of it; their
    /// inputs are columns of strings and integers. Class names, feature names and notes are its metadata.
    ///
    /// ```
    /// use vanilla::prelude::*;
    /// let model = Sequential::new(layers![
    ///     Dense::new(8).activation("relu").input_dim(4),
    ///     Dense::new(3).activation("softmax"),
    /// ])?;
    /// let again = Model::from_onnx(&model.to_onnx()?)?;
    /// assert_eq!(again.count_params(), model.count_params());
    /// # Ok::<(), vanilla::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the model is not built, or a layer has no ONNX operators: hashing, and functions of one's own that state no
    /// formula. The message names the layer.
    pub fn to_onnx(&self) -> Result<Vec<u8>> {
        let program = self.program()?;
        let mut writer = Writer::default();
        let graph = writer.graph(&program)?;
        let mut opsets = vec![(String::new(), OPSET)];
        if graph.nodes.iter().any(|node| node.domain == ML) {
            opsets.push((ML.to_owned(), ML_OPSET));
        }
        let version = env!("CARGO_PKG_VERSION");
        let info = self.info();
        let mut metadata =
            vec![(KEYS[0].to_owned(), version.to_owned()), (KEYS[1].to_owned(), program.weights_sha256.clone())];
        let info_json = info.to_json();
        for key in &KEYS[2..] {
            if let Some(names) = info_json.get(*key) {
                metadata.push(((*key).to_owned(), names.to_string()));
            }
        }
        for (name, text) in &info.notes {
            let key = if KEYS.contains(&&**name) { format!("note {name}") } else { name.clone() };
            metadata.push((key, text.clone()));
        }
        let file = File {
            ir_version: IR_VERSION,
            opsets,
            producer: PRODUCER.to_owned(),
            producer_version: version.to_owned(),
            metadata,
            graph,
        };
        write(&file).map_err(|error| Error::data("model", error.to_string()))
    }
}

/// A value of the graph.
#[derive(Clone, Debug)]
struct Wire {
    name: String,
    /// Whole numbers (int64) and not floats.
    ints: bool,
    /// Its axes behind the batch.
    shape: Vec<usize>,
}

/// A graph in the making.
#[derive(Default)]
struct Writer {
    nodes: Vec<Node>,
    initializers: Vec<Tensor>,
    names: HashSet<String>,
    /// Constants that are there already, by what they hold.
    constants: HashMap<String, String>,
    /// Names of weights of the program.
    weights: HashMap<usize, String>,
}

impl Writer {
    fn graph(&mut self, program: &Program) -> Result<Graph> {
        // Inputs and outputs have the names that people know; everything else keeps out of their way.
        let mut inputs = Vec::new();
        let mut wires = Vec::new();
        for input in &program.inputs {
            let name = self.unique(&input.name);
            let dtype = match &*input.dtype {
                "string" => DType::String,
                "int64" | "int" => DType::Int64,
                "int32" => DType::Int32,
                "uint8" => DType::Uint8,
                _ => DType::Float,
            };
            inputs.push(Info { name: name.clone(), dtype, dims: Some(dims(&input.shape)) });
            wires.push((name, dtype, input.shape.clone()));
        }
        let outputs: Vec<String> = program.outputs.iter().map(|output| self.unique(&output.name)).collect();
        let mut values = Vec::new();
        for front in &program.fronts {
            values.push(self.front(front, &wires[front.input])?);
        }
        for number in 0..program.steps.len() {
            let wire = self.step(program, number, &values)?;
            values.push(wire);
        }
        let mut infos = Vec::new();
        for (output, name) in program.outputs.iter().zip(outputs) {
            let wire = self.floats(&values[output.value].clone(), &output.name);
            let wire = self.shaped(&wire, &output.shape, &output.name);
            self.rename(&wire.name, &name, &inputs);
            for value in values.iter_mut().filter(|value| value.name == wire.name) {
                value.name.clone_from(&name);
            }
            infos.push(Info { name, dtype: DType::Float, dims: Some(dims(&output.shape)) });
        }
        Ok(Graph {
            name: plain(&program.name),
            inputs,
            outputs: infos,
            initializers: std::mem::take(&mut self.initializers),
            nodes: std::mem::take(&mut self.nodes),
        })
    }

    /// What a step gives.
    fn step(&mut self, program: &Program, number: usize, values: &[Wire]) -> Result<Wire> {
        let step = &program.steps[number];
        let form = program.form(program.value(number));
        let layer = &*step.layer;
        if let Work::Embed { table } = step.work {
            let x = self.whole(&values[step.reads[0]], layer);
            let table_name = self.weight(program, table, false);
            let name = self.node(layer, "Gather", vec![table_name, x.name], vec![]);
            let gathered = Wire { name, ints: false, shape: [&x.shape[..], &[form.cols]].concat() };
            return Ok(self.shaped(&gathered, &axes(form), layer));
        }
        // Rows as the step sees them.
        let reads: Vec<Wire> = step
            .reads
            .iter()
            .map(|value| {
                let wire = self.floats(&values[*value], layer);
                self.shaped(&wire, &axes(program.form(*value)), layer)
            })
            .collect();
        let Some(x) = reads.first().cloned() else {
            return Err(Error::config(format!("layer '{layer}'"), "reads nothing"));
        };
        let all = || reads.iter().map(|wire| wire.name.clone()).collect::<Vec<_>>();
        let name = match &step.work {
            Work::Affine { kernel, bias } => {
                let kernel = self.weight(program, *kernel, false);
                let bias = bias.map(|bias| self.weight(program, bias, true));
                if x.shape.len() == 1 {
                    let inputs = [Some(x.name), Some(kernel), bias].into_iter().flatten().collect();
                    self.node(layer, "Gemm", inputs, vec![])
                } else {
                    let product = self.node(layer, "MatMul", vec![x.name, kernel], vec![]);
                    match bias {
                        Some(bias) => self.node(layer, "Add", vec![product, bias], vec![]),
                        None => product,
                    }
                }
            }
            Work::ShiftScale { mean, scale, shift } => {
                let mut name = x.name;
                let parts =
                    [("Sub", mean, 0.0, "mean"), ("Mul", scale, 1.0, "scale"), ("Add", shift, 0.0, "shift")];
                for (op, numbers, nothing, what) in parts {
                    if numbers.iter().any(|number| *number != nothing) {
                        let row =
                            self.initializer(&format!("{layer}/{what}"), vec![numbers.len()], numbers.clone());
                        name = self.node(layer, op, vec![name, row], vec![]);
                    }
                }
                name
            }
            Work::Merge(merge) => match merge {
                Merge::Add if reads.len() == 2 => self.node(layer, "Add", all(), vec![]),
                Merge::Add => self.node(layer, "Sum", all(), vec![]),
                Merge::Average => self.node(layer, "Mean", all(), vec![]),
                Merge::Maximum => self.node(layer, "Max", all(), vec![]),
                Merge::Minimum => self.node(layer, "Min", all(), vec![]),
                Merge::Subtract | Merge::Multiply => {
                    let op = if *merge == Merge::Subtract { "Sub" } else { "Mul" };
                    let mut name = x.name;
                    for other in &reads[1..] {
                        name = self.node(layer, op, vec![name, other.name.clone()], vec![]);
                    }
                    name
                }
            },
            Work::Concatenate => self.node(layer, "Concat", all(), vec![int("axis", -1)]),
            Work::Softmax => self.node(layer, "Softmax", vec![x.name], vec![int("axis", -1)]),
            Work::Curve { formula, .. } => match self.known_curve(layer, formula, &x) {
                Some(name) => name,
                None => self.formula(layer, formula, &x),
            },
            Work::Rows { formula, .. } => match self.known_row(layer, formula, &x) {
                Some(name) => name,
                None => self.formula(layer, formula, &x),
            },
            Work::Embed { .. } | Work::Regroup => return Ok(self.shaped(&x, &axes(form), layer)),
        };
        Ok(Wire { name, ints: false, shape: axes(form) })
    }

    /// A name that nothing has.
    fn unique(&mut self, wanted: &str) -> String {
        let wanted = plain(wanted);
        let mut name = wanted.clone();
        let mut count = 0;
        while !self.names.insert(name.clone()) {
            count += 1;
            name = format!("{wanted}_{count}");
        }
        name
    }

    /// A node with one output. Returns the output's name, which is the node's.
    fn node(
        &mut self,
        layer: &str,
        op: &str,
        inputs: Vec<String>,
        attributes: Vec<(String, Attribute)>,
    ) -> String {
        let name = self.unique(&format!("{layer}/{op}"));
        let domain = if op == "LabelEncoder" { ML } else { "" };
        self.nodes.push(Node {
            name: name.clone(),
            op_type: op.to_owned(),
            domain: domain.to_owned(),
            inputs,
            outputs: vec![name.clone()],
            attributes,
        });
        name
    }

    fn initializer(&mut self, name: &str, dims: Vec<usize>, values: Vec<f32>) -> String {
        let name = self.unique(name);
        self.initializers.push(Tensor::f32(name.clone(), dims, values));
        name
    }

    /// The weights with this number, once: a matrix, or a row.
    fn weight(&mut self, program: &Program, number: usize, is_row: bool) -> String {
        if let Some(known) = self.weights.get(&number) {
            return known.clone();
        }
        let weights = &program.weights[number];
        let dims = if is_row { vec![weights.cols] } else { vec![weights.rows, weights.cols] };
        let name = self.initializer(&weights.name, dims, weights.values.clone());
        self.weights.insert(number, name.clone());
        name
    }

    /// A single number, once in the graph.
    fn scalar(&mut self, value: f32) -> String {
        let key = format!("f32 {:08x}", value.to_bits());
        if let Some(known) = self.constants.get(&key) {
            return known.clone();
        }
        let name = self.initializer(&format!("constants/{value}"), vec![], vec![value]);
        self.constants.insert(key, name.clone());
        name
    }

    /// Whole numbers in a row, once in the graph.
    fn whole_numbers(&mut self, values: &[i64]) -> String {
        let key = format!("i64 {values:?}");
        if let Some(known) = self.constants.get(&key) {
            return known.clone();
        }
        let name = self.unique("constants/whole");
        self.initializers.push(Tensor::i64(name.clone(), values.to_vec()));
        self.constants.insert(key, name.clone());
        name
    }

    /// The same numbers in another shape.
    fn shaped(&mut self, wire: &Wire, shape: &[usize], layer: &str) -> Wire {
        if wire.shape == shape {
            return wire.clone();
        }
        // 0 keeps the batch.
        let target: Vec<i64> = [0].into_iter().chain(shape.iter().map(|length| *length as i64)).collect();
        let target = self.whole_numbers(&target);
        let name = self.node(layer, "Reshape", vec![wire.name.clone(), target], vec![]);
        Wire { name, ints: wire.ints, shape: shape.to_vec() }
    }

    /// As float32.
    fn floats(&mut self, wire: &Wire, layer: &str) -> Wire {
        if !wire.ints {
            return wire.clone();
        }
        Wire { name: self.cast(&wire.name, DType::Float, layer), ints: false, shape: wire.shape.clone() }
    }

    /// As int64.
    fn whole(&mut self, wire: &Wire, layer: &str) -> Wire {
        if wire.ints {
            return wire.clone();
        }
        Wire { name: self.cast(&wire.name, DType::Int64, layer), ints: true, shape: wire.shape.clone() }
    }

    fn cast(&mut self, name: &str, to: DType, layer: &str) -> String {
        self.node(layer, "Cast", vec![name.to_owned()], vec![int("to", to.number() as i64)])
    }

    /// Calls a value by the name of an output. What is an input, or an output already, goes through an Identity.
    fn rename(&mut self, old: &str, new: &str, inputs: &[Info]) {
        let is_made = self.nodes.iter().any(|node| node.name == old && node.outputs == [old]);
        if !is_made || inputs.iter().any(|input| input.name == old) {
            let name = self.unique(&format!("{new}/Identity"));
            self.nodes.push(Node {
                name,
                op_type: "Identity".to_owned(),
                inputs: vec![old.to_owned()],
                outputs: vec![new.to_owned()],
                ..Node::default()
            });
            return;
        }
        let names = self.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().chain(&mut node.outputs));
        names.filter(|name| **name == old).for_each(|name| new.clone_into(name));
    }
}

/// The axes of a value behind the batch.
fn axes(form: Form) -> Vec<usize> {
    if form.groups == 1 { vec![form.cols] } else { vec![form.groups, form.cols] }
}

fn dims(sample: &[usize]) -> Vec<Dim> {
    let lengths = sample.iter().map(|length| Dim::Is(*length as u64));
    [Dim::Named("batch".to_owned())].into_iter().chain(lengths).collect()
}

fn int(name: &str, value: i64) -> (String, Attribute) {
    (name.to_owned(), Attribute::Int(value))
}

fn float(name: &str, value: f32) -> (String, Attribute) {
    (name.to_owned(), Attribute::Float(value))
}

/// A name as the format takes it: at most 120 characters, none of them a control character.
fn plain(name: &str) -> String {
    let short = name.chars().take(120).map(|c| if c.is_control() { '_' } else { c });
    let name: String = short.collect();
    if name.is_empty() { "model".to_owned() } else { name }
}
