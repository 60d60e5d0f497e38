//! [`write()`]: a [`Model`] to bytes.

use super::{
    Attribute, Dim, FORMAT, Graph, IR_VERSIONS, Info, MAX_ELEMENTS, MAX_ITEMS, MAX_RANK, Model, Node, Tensor,
    Values, check_name,
};
use crate::array::checked_count;
use crate::error::{Errors, Result, show};
use crate::protobuf::Message;
use std::collections::HashSet;

const ERRORS: Errors = Errors(FORMAT);

/// Writes a file that [`read`](super::read()) takes. The same model gives the same bytes.
///
/// # Errors
/// For what the format, or [`read`](super::read()), would refuse: a name twice, a value that nobody makes, a tensor
/// whose elements do not fill its shape.
pub fn write(model: &Model) -> Result<Vec<u8>> {
    check(model)?;
    let mut out = Message::default();
    out.integer(1, model.ir_version as u64);
    text(&mut out, 2, &model.producer);
    text(&mut out, 3, &model.producer_version);
    out.bytes(7, &graph(&model.graph).0);
    for (domain, version) in &model.opsets {
        let mut opset = Message::default();
        text(&mut opset, 1, domain);
        opset.integer(2, *version as u64);
        out.bytes(8, &opset.0);
    }
    for (key, value) in &model.metadata {
        let mut pair = Message::default();
        pair.bytes(1, key.as_bytes());
        pair.bytes(2, value.as_bytes());
        out.bytes(14, &pair.0);
    }
    Ok(out.0)
}

/// A text, if there is one: protobuf has no difference between an empty one and none.
fn text(out: &mut Message, field: u64, text: &str) {
    if !text.is_empty() {
        out.bytes(field, text.as_bytes());
    }
}

fn graph(graph: &Graph) -> Message {
    let mut out = Message::default();
    graph.nodes.iter().for_each(|one| out.bytes(1, &node(one).0));
    text(&mut out, 2, &graph.name);
    graph.initializers.iter().for_each(|one| out.bytes(5, &tensor(one).0));
    graph.inputs.iter().for_each(|one| out.bytes(11, &info(one).0));
    graph.outputs.iter().for_each(|one| out.bytes(12, &info(one).0));
    out
}

fn node(node: &Node) -> Message {
    let mut out = Message::default();
    node.inputs.iter().for_each(|name| out.bytes(1, name.as_bytes()));
    node.outputs.iter().for_each(|name| out.bytes(2, name.as_bytes()));
    text(&mut out, 3, &node.name);
    text(&mut out, 4, &node.op_type);
    node.attributes.iter().for_each(|(name, value)| out.bytes(5, &attribute(name, value).0));
    text(&mut out, 7, &node.domain);
    out
}

fn attribute(name: &str, value: &Attribute) -> Message {
    let mut out = Message::default();
    out.bytes(1, name.as_bytes());
    let kind = match value {
        Attribute::Float(x) => {
            out.float(2, *x);
            1
        }
        Attribute::Int(n) => {
            out.integer(3, *n as u64);
            2
        }
        Attribute::Text(text) => {
            out.bytes(4, text.as_bytes());
            3
        }
        Attribute::Tensor(value) => {
            out.bytes(5, &tensor(value).0);
            4
        }
        Attribute::Floats(values) => {
            values.iter().for_each(|x| out.float(7, *x));
            6
        }
        Attribute::Ints(values) => {
            values.iter().for_each(|n| out.integer(8, *n as u64));
            7
        }
        Attribute::Texts(values) => {
            values.iter().for_each(|text| out.bytes(9, text.as_bytes()));
            8
        }
    };
    out.integer(20, kind);
    out
}

fn tensor(tensor: &Tensor) -> Message {
    let mut out = Message::default();
    tensor.dims.iter().for_each(|dim| out.integer(1, *dim as u64));
    out.integer(2, tensor.values.dtype().number());
    if let Values::Text(texts) = &tensor.values {
        texts.iter().for_each(|text| out.bytes(6, text.as_bytes()));
    }
    text(&mut out, 8, &tensor.name);
    let raw: Vec<u8> = match &tensor.values {
        Values::F32(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Values::F64(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Values::I64(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Values::Bool(values) => values.iter().map(|value| u8::from(*value)).collect(),
        Values::Text(_) => return out,
    };
    out.bytes(9, &raw);
    out
}

fn info(info: &Info) -> Message {
    let mut tensor = Message::default();
    tensor.integer(1, info.dtype.number());
    if let Some(dims) = &info.dims {
        let mut shape = Message::default();
        for dim in dims {
            let mut one = Message::default();
            match dim {
                Dim::Is(length) => one.integer(1, *length),
                Dim::Named(name) => text(&mut one, 2, name),
            }
            shape.bytes(1, &one.0);
        }
        tensor.bytes(2, &shape.0);
    }
    let mut kind = Message::default();
    kind.bytes(1, &tensor.0);
    let mut out = Message::default();
    out.bytes(1, info.name.as_bytes());
    out.bytes(2, &kind.0);
    out
}

/// What [`read`](super::read()) would find wrong.
fn check(model: &Model) -> Result<()> {
    if !IR_VERSIONS.contains(&model.ir_version) {
        return Err(ERRORS.malformed("ir_version", "3 to 14", model.ir_version.to_string()));
    }
    if model.opsets.is_empty() {
        return Err(ERRORS.malformed("opset_import", "at least one set of operators", "none"));
    }
    let mut names = HashSet::new();
    for (name, _) in &model.metadata {
        make(&mut names, name, || "metadata_props".to_owned())?;
    }
    let Graph { inputs, outputs, initializers, nodes, .. } = &model.graph;
    let attributes: usize = nodes.iter().map(|node| node.attributes.len()).sum();
    let items =
        nodes.len() + attributes + initializers.len() + inputs.len() + outputs.len() + model.metadata.len();
    if items > MAX_ITEMS {
        return Err(ERRORS.limit("graph", MAX_ITEMS as u64, format!("{items} nodes, attributes and tensors")));
    }
    let mut elements = 0;
    for tensor in initializers {
        elements += check_tensor(tensor, &format!("initializer {}", show(&tensor.name)))?;
    }
    for (at, node) in nodes.iter().enumerate() {
        for (name, value) in &node.attributes {
            let place = format!("node {at} {}, attribute {}", show(&node.name), show(name));
            check_name(name).map_err(|problem| ERRORS.malformed(&place, problem, show(name)))?;
            elements += match value {
                Attribute::Tensor(tensor) => check_tensor(tensor, &place)?,
                Attribute::Ints(values) => values.len(),
                Attribute::Texts(values) => values.len(),
                _ => 0,
            };
        }
    }
    if elements > MAX_ELEMENTS {
        return Err(ERRORS.limit("graph", MAX_ELEMENTS as u64, format!("{elements} whole numbers and texts")));
    }
    check_values(&model.graph)
}

/// How many whole numbers and texts it has.
fn check_tensor(tensor: &Tensor, place: &str) -> Result<usize> {
    if tensor.dims.len() > MAX_RANK {
        return Err(ERRORS.limit(place, MAX_RANK as u64, format!("{} axes", tensor.dims.len())));
    }
    let dims: Vec<u64> = tensor.dims.iter().map(|dim| *dim as u64).collect();
    if checked_count(&dims).map(|(_, count)| count) != Some(tensor.values.len()) {
        let expected = format!("as many elements as shape {dims:?} has");
        return Err(ERRORS.malformed(place, expected, tensor.values.len().to_string()));
    }
    Ok(if tensor.values.dtype().is_float() { 0 } else { tensor.values.len() })
}

/// Every value is made once, before it is read, and every output is made.
pub(super) fn check_values(graph: &Graph) -> Result<()> {
    let mut made: HashSet<&str> = HashSet::new();
    let constants = graph.initializers.iter().map(|tensor| (&tensor.name, "initializer"));
    for (name, place) in graph.inputs.iter().map(|input| (&input.name, "input")).chain(constants) {
        make(&mut made, name, || place.to_owned())?;
    }
    for (at, node) in graph.nodes.iter().enumerate() {
        let place = || format!("node {at} {} ({})", show(&node.name), show(&node.op_type));
        if node.op_type.is_empty() {
            return Err(ERRORS.malformed(format!("node {at} {}", show(&node.name)), "an operator", "none"));
        }
        if let Some(name) = node.inputs.iter().find(|name| !name.is_empty() && !made.contains(&***name)) {
            let found = format!("{}, which no earlier node makes", show(name));
            return Err(ERRORS.malformed(place(), "inputs that are there", found));
        }
        for name in node.outputs.iter().filter(|name| !name.is_empty()) {
            make(&mut made, name, place)?;
        }
    }
    for output in &graph.outputs {
        if !made.contains(&*output.name) {
            let place = format!("output {}", show(&output.name));
            return Err(ERRORS.malformed(place, "a value that a node makes", "none of this name"));
        }
    }
    Ok(())
}

fn make<'a>(made: &mut HashSet<&'a str>, name: &'a str, place: impl Fn() -> String) -> Result<()> {
    check_name(name).map_err(|problem| ERRORS.malformed(place(), problem, show(name)))?;
    if !made.insert(name) {
        return Err(ERRORS.malformed(place(), "every name once", format!("{} twice", show(name))));
    }
    Ok(())
}

/// So that a table of types stays one: each number and name once.
#[cfg(test)]
#[test]
fn types_have_numbers_of_their_own() {
    for number in 0..40 {
        if let Some(dtype) = super::DType::of(number) {
            assert_eq!(dtype.number(), number, "{}", dtype.name());
        }
    }
}
