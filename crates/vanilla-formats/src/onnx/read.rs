//! [`read()`]: bytes to a [`Model`]. Takes memory for what the bytes hold and not for what they claim.

mod tensor;

use super::write::check_values;
use super::{
    Attribute, DType, Dim, FORMAT, Graph, IR_VERSIONS, Info, MAX_ELEMENTS, MAX_ITEMS, MAX_NAME, MAX_RANK, Model,
    Node, check_name,
};
use crate::error::{Errors, Result, show};
use crate::protobuf::{Fields, Wire};
use crate::{FormatError, sniff};
use std::collections::HashSet;

const ERRORS: Errors = Errors(FORMAT);
const EXTERNAL: &str = "save the model as one file: onnx.save(onnx.load(path), path)";
const INLINE: &str = "inline them first: onnx.inliner.inline_local_functions";
/// Types of tensors that [`DType`] does not have, from number 14 on.
const OTHER_TYPES: [&str; 15] = [
    "complex64",
    "complex128",
    "bfloat16",
    "float8e4m3fn",
    "float8e4m3fnuz",
    "float8e5m2",
    "float8e5m2fnuz",
    "uint4",
    "int4",
    "float4e2m1",
    "float8e8m0",
    "uint2",
    "int2",
    "float6e2m3",
    "float6e3m2",
];

/// Reads a whole file. Numbers may be NaN or infinite: whether that makes sense, the caller knows.
///
/// # Errors
/// When the bytes are no ONNX file, are damaged, or use what this reader refuses; the message names the place.
pub fn read(bytes: &[u8]) -> Result<Model> {
    // The first field of every writer is ir_version.
    if bytes.first() != Some(&8) || sniff::known(bytes) {
        let found = sniff::describe(bytes);
        return Err(FormatError::NotThisFormat { expected: "an ONNX file (byte 08 first)", found, hint: "" });
    }
    let mut reader = Reader { items: 0, elements: 0 };
    let model = reader.model(bytes)?;
    check_values(&model.graph)?;
    Ok(model)
}

/// How much has been read of what takes memory beyond its bytes.
struct Reader {
    items: usize,
    elements: usize,
}

impl Reader {
    fn item(&mut self, place: &str) -> Result<()> {
        self.items += 1;
        if self.items > MAX_ITEMS {
            return Err(ERRORS.limit(place, MAX_ITEMS as u64, "more nodes, attributes and tensors"));
        }
        Ok(())
    }

    fn elements(&mut self, count: usize, place: &str) -> Result<()> {
        self.elements = self.elements.saturating_add(count);
        if self.elements > MAX_ELEMENTS {
            return Err(ERRORS.limit(place, MAX_ELEMENTS as u64, "more whole numbers and texts"));
        }
        Ok(())
    }

    fn model(&mut self, bytes: &[u8]) -> Result<Model> {
        let mut model = Model::default();
        let (mut ir_version, mut graph) = (None, None);
        let mut fields = Fields::new(bytes, ERRORS);
        let mut names = HashSet::new();
        while let Some((field, wire)) = fields.next("model")? {
            match field {
                1 => once(&mut ir_version, int(wire, "ir_version")?, "ir_version")?,
                2 => model.producer = text(wire, "producer_name")?,
                3 => model.producer_version = text(wire, "producer_version")?,
                7 => once(&mut graph, self.graph(message(wire, "graph")?)?, "graph")?,
                8 => {
                    self.item("opset_import")?;
                    model.opsets.push(opset(message(wire, "opset_import")?)?);
                }
                14 => {
                    self.item("metadata_props")?;
                    let (key, value) = pair(message(wire, "metadata_props")?)?;
                    if !names.insert(key.clone()) {
                        return Err(ERRORS.malformed("metadata_props", "every name once", show(&key)));
                    }
                    model.metadata.push((key, value));
                }
                20 => return Err(ERRORS.unsupported("model", "a training graph (training_info)")),
                25 => return Err(ERRORS.unsupported("model", "functions").with_hint(INLINE)),
                _ => {}
            }
        }
        let missing = |what: &str| ERRORS.malformed("model", what, "none");
        model.ir_version = ir_version.ok_or_else(|| missing("ir_version"))?;
        if !IR_VERSIONS.contains(&model.ir_version) {
            return Err(
                ERRORS.unsupported("ir_version", format!("version {}, known are 3 to 14", model.ir_version))
            );
        }
        model.graph = graph.ok_or_else(|| missing("a graph"))?;
        if model.opsets.is_empty() {
            return Err(missing("opset_import"));
        }
        for (at, (domain, _)) in model.opsets.iter().enumerate() {
            if model.opsets[..at].iter().any(|(earlier, _)| earlier == domain) {
                return Err(ERRORS.malformed("opset_import", "every domain once", show(domain)));
            }
        }
        Ok(model)
    }

    fn graph(&mut self, bytes: &[u8]) -> Result<Graph> {
        let mut graph = Graph::default();
        let mut fields = Fields::new(bytes, ERRORS);
        while let Some((field, wire)) = fields.next("graph")? {
            match field {
                1 => {
                    let place = format!("node {}", graph.nodes.len());
                    self.item(&place)?;
                    graph.nodes.push(self.node(message(wire, &place)?, &place)?);
                }
                2 => graph.name = text(wire, "name of the graph")?,
                5 => {
                    let place = format!("initializer {}", graph.initializers.len());
                    self.item(&place)?;
                    graph.initializers.push(self.tensor(message(wire, &place)?, &place)?);
                }
                11 => {
                    let place = format!("input {}", graph.inputs.len());
                    self.item(&place)?;
                    graph.inputs.push(self.info(message(wire, &place)?, &place)?);
                }
                12 => {
                    let place = format!("output {}", graph.outputs.len());
                    self.item(&place)?;
                    graph.outputs.push(self.info(message(wire, &place)?, &place)?);
                }
                14 => return Err(ERRORS.unsupported("graph", "quantisation (quantization_annotation)")),
                15 => return Err(ERRORS.unsupported("graph", "sparse tensors (sparse_initializer)")),
                _ => {}
            }
        }
        // Before version 4 of the format every initializer was an input, too, with this value by default.
        let constants: HashSet<&str> = graph.initializers.iter().map(|tensor| &*tensor.name).collect();
        graph.inputs.retain(|input| !constants.contains(&*input.name));
        Ok(graph)
    }

    fn node(&mut self, bytes: &[u8], place: &str) -> Result<Node> {
        let mut node = Node::default();
        let place = with_name(bytes, 3, place);
        let mut fields = Fields::new(bytes, ERRORS);
        let (mut name, mut op_type, mut domain) = (None, None, None);
        while let Some((field, wire)) = fields.next(&place)? {
            match field {
                1 | 2 => {
                    self.elements(1, &place)?;
                    let list = if field == 1 { &mut node.inputs } else { &mut node.outputs };
                    list.push(name_or_nothing(wire, &place)?);
                }
                3 => once(&mut name, name_or_nothing(wire, &place)?, &place)?,
                4 => once(&mut op_type, name_or_nothing(wire, &place)?, &place)?,
                5 => {
                    self.item(&place)?;
                    let (name, value) = self.attribute(message(wire, &place)?, &place)?;
                    if node.attribute(&name).is_some() {
                        return Err(ERRORS.malformed(place, "every attribute once", show(&name)));
                    }
                    // So that looking for a name stays short.
                    if node.attributes.len() == 64 {
                        return Err(ERRORS.limit(place, 64, "more attributes"));
                    }
                    node.attributes.push((name, value));
                }
                7 => once(&mut domain, name_or_nothing(wire, &place)?, &place)?,
                _ => {}
            }
        }
        node.name = name.unwrap_or_default();
        node.op_type = op_type.unwrap_or_default();
        node.domain = standard(domain.unwrap_or_default());
        Ok(node)
    }

    fn attribute(&mut self, bytes: &[u8], node: &str) -> Result<(String, Attribute)> {
        let place = with_name(bytes, 1, &format!("{node}, attribute"));
        let mut name = None;
        let mut kind = None;
        let (mut float, mut integer, mut string, mut tensor) = (None, None, None, None);
        let (mut floats, mut ints, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        let mut fields = Fields::new(bytes, ERRORS);
        while let Some((field, wire)) = fields.next(&place)? {
            match field {
                1 => once(&mut name, name_or_nothing(wire, &place)?, &place)?,
                2 => once(&mut float, f32::from_le_bytes(fixed32(wire, &place)?), &place)?,
                3 => once(&mut integer, int(wire, &place)?, &place)?,
                4 => once(&mut string, text(wire, &place)?, &place)?,
                5 => once(&mut tensor, self.tensor(message(wire, &place)?, &place)?, &place)?,
                7 => numbers32(wire, &mut floats, &place)?,
                8 => self.integers(wire, &mut ints, &place)?,
                9 => {
                    self.elements(1, &place)?;
                    texts.push(text(wire, &place)?);
                }
                20 => once(&mut kind, int(wire, &place)?, &place)?,
                21 => return Err(ERRORS.unsupported(place, "a reference to an attribute of a function")),
                6 | 11 => return Err(ERRORS.unsupported(place, "a graph inside the graph")),
                22 | 23 => return Err(ERRORS.unsupported(place, "a sparse tensor")),
                10 => return Err(ERRORS.unsupported(place, "a list of tensors")),
                14 | 15 => return Err(ERRORS.unsupported(place, "a type as a value")),
                _ => {}
            }
        }
        let name = name.unwrap_or_default();
        check_name(&name).map_err(|problem| ERRORS.malformed(&place, problem, show(&name)))?;
        // Writers of protobuf 3 leave out a value of 0. Old files have no type: what is there says it.
        let value = match kind {
            Some(1) => Some(Attribute::Float(float.unwrap_or(0.0))),
            Some(2) => Some(Attribute::Int(integer.unwrap_or(0))),
            Some(3) => Some(Attribute::Text(string.unwrap_or_default())),
            Some(4) => tensor.map(Attribute::Tensor),
            Some(6) => Some(Attribute::Floats(floats)),
            Some(7) => Some(Attribute::Ints(ints)),
            Some(8) => Some(Attribute::Texts(texts)),
            Some(0) | None => [
                float.map(Attribute::Float),
                integer.map(Attribute::Int),
                string.map(Attribute::Text),
                tensor.map(Attribute::Tensor),
                (!floats.is_empty()).then_some(Attribute::Floats(floats)),
                (!ints.is_empty()).then_some(Attribute::Ints(ints)),
                (!texts.is_empty()).then_some(Attribute::Texts(texts)),
            ]
            .into_iter()
            .flatten()
            .next(),
            Some(other) => {
                return Err(ERRORS.unsupported(place, format!("an attribute of type {other}")));
            }
        };
        let value = value.ok_or_else(|| ERRORS.malformed(&place, "a value", "none"))?;
        Ok((name, value))
    }

    fn info(&mut self, bytes: &[u8], place: &str) -> Result<Info> {
        let place = &with_name(bytes, 1, place);
        let (mut name, mut kind) = (None, None);
        let mut fields = Fields::new(bytes, ERRORS);
        while let Some((field, wire)) = fields.next(place)? {
            match field {
                1 => once(&mut name, name_or_nothing(wire, place)?, place)?,
                2 => once(&mut kind, message(wire, place)?, place)?,
                _ => {}
            }
        }
        let kind = kind.ok_or_else(|| ERRORS.malformed(place, "a type", "none"))?;
        let mut tensor = None;
        let mut fields = Fields::new(kind, ERRORS);
        while let Some((field, wire)) = fields.next(place)? {
            let other = match field {
                1 => {
                    once(&mut tensor, message(wire, place)?, place)?;
                    continue;
                }
                4 => "a sequence",
                5 => "a map",
                7 => "an opaque type",
                8 => "a sparse tensor",
                9 => "an optional value",
                _ => continue,
            };
            let error = ERRORS.unsupported(place, format!("{other}, expected a tensor"));
            return Err(error.with_hint("of skl2onnx: convert_sklearn(.., options={\"zipmap\": False})"));
        }
        let tensor = tensor.ok_or_else(|| ERRORS.malformed(place, "the type of a tensor", "none"))?;
        let (mut dtype, mut dims) = (None, None);
        let mut fields = Fields::new(tensor, ERRORS);
        while let Some((field, wire)) = fields.next(place)? {
            match field {
                1 => once(&mut dtype, element_type(wire, place)?, place)?,
                2 => once(&mut dims, shape(message(wire, place)?, place)?, place)?,
                _ => {}
            }
        }
        let dtype = dtype.ok_or_else(|| ERRORS.malformed(place, "a type of elements", "none"))?;
        Ok(Info { name: name.unwrap_or_default(), dtype, dims })
    }

    fn integers(&mut self, wire: Wire<'_>, out: &mut Vec<i64>, place: &str) -> Result<()> {
        let before = out.len();
        integers(wire, out, MAX_ELEMENTS, place)?;
        self.elements(out.len() - before, place)
    }
}

/// Puts a value where none was.
fn once<T>(slot: &mut Option<T>, value: T, place: &str) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(ERRORS.malformed(place, "every field once", "one twice")),
    }
}

fn wrong_type(place: &str, expected: &str) -> FormatError {
    ERRORS.malformed(place, expected, "a field of another type")
}

fn int(wire: Wire<'_>, place: &str) -> Result<i64> {
    match wire {
        Wire::Integer(n) => Ok(n.cast_signed()),
        _ => Err(wrong_type(place, "a whole number")),
    }
}

fn fixed32(wire: Wire<'_>, place: &str) -> Result<[u8; 4]> {
    match wire {
        Wire::Fixed32(bytes) => Ok(bytes),
        _ => Err(wrong_type(place, "a number of 4 bytes")),
    }
}

fn message<'a>(wire: Wire<'a>, place: &str) -> Result<&'a [u8]> {
    match wire {
        Wire::Bytes(bytes) => Ok(bytes),
        _ => Err(wrong_type(place, "a message or bytes")),
    }
}

fn text(wire: Wire<'_>, place: &str) -> Result<String> {
    match str::from_utf8(message(wire, place)?) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let found = format!("other bytes at {}", error.valid_up_to());
            Err(ERRORS.malformed(place, "text in UTF-8", found))
        }
    }
}

fn name_or_nothing(wire: Wire<'_>, place: &str) -> Result<String> {
    let bytes = message(wire, place)?;
    if bytes.len() > MAX_NAME {
        return Err(ERRORS.limit(place, MAX_NAME as u64, format!("a name of {} bytes", bytes.len())));
    }
    let name = text(wire, place)?;
    if name.is_empty() {
        return Ok(name);
    }
    check_name(&name).map_err(|problem| ERRORS.malformed(place, problem, show(&name)))?;
    Ok(name)
}

/// The place with the name that the message gives itself in this field, if it can be read.
fn with_name(bytes: &[u8], field: u64, place: &str) -> String {
    let mut fields = Fields::new(bytes, ERRORS);
    while let Ok(Some((number, wire))) = fields.next(place) {
        if number == field {
            return match wire {
                Wire::Bytes(name) if !name.is_empty() => {
                    format!("{place} {}", show(&String::from_utf8_lossy(&name[..name.len().min(MAX_NAME)])))
                }
                _ => place.to_owned(),
            };
        }
    }
    place.to_owned()
}

fn opset(bytes: &[u8]) -> Result<(String, i64)> {
    let place = "opset_import";
    let (mut domain, mut version) = (None, None);
    let mut fields = Fields::new(bytes, ERRORS);
    while let Some((field, wire)) = fields.next(place)? {
        match field {
            1 => once(&mut domain, name_or_nothing(wire, place)?, place)?,
            2 => once(&mut version, int(wire, place)?, place)?,
            _ => {}
        }
    }
    Ok((standard(domain.unwrap_or_default()), version.unwrap_or(0)))
}

/// The standard operators have two names.
fn standard(domain: String) -> String {
    if domain == "ai.onnx" { String::new() } else { domain }
}

fn pair(bytes: &[u8]) -> Result<(String, String)> {
    let place = "metadata_props";
    let (mut key, mut value) = (None, None);
    let mut fields = Fields::new(bytes, ERRORS);
    while let Some((field, wire)) = fields.next(place)? {
        match field {
            1 => once(&mut key, name_or_nothing(wire, place)?, place)?,
            2 => once(&mut value, text(wire, place)?, place)?,
            _ => {}
        }
    }
    Ok((key.unwrap_or_default(), value.unwrap_or_default()))
}

fn element_type(wire: Wire<'_>, place: &str) -> Result<DType> {
    let number = int(wire, place)?;
    u64::try_from(number).ok().and_then(DType::of).ok_or_else(|| {
        let other = usize::try_from(number - 14).ok().and_then(|at| OTHER_TYPES.get(at));
        match other {
            Some(name) => ERRORS.unsupported(place, format!("elements of type {name}")),
            None => ERRORS.malformed(place, "a type of elements from 1 to 28", number.to_string()),
        }
    })
}

fn shape(bytes: &[u8], place: &str) -> Result<Vec<Dim>> {
    let mut dims = Vec::new();
    let mut fields = Fields::new(bytes, ERRORS);
    while let Some((field, wire)) = fields.next(place)? {
        if field != 1 {
            continue;
        }
        if dims.len() == MAX_RANK {
            return Err(ERRORS.limit(place, MAX_RANK as u64, "more axes"));
        }
        let (mut length, mut name) = (None, None);
        let mut one = Fields::new(message(wire, place)?, ERRORS);
        while let Some((field, wire)) = one.next(place)? {
            match field {
                1 => once(&mut length, int(wire, place)?, place)?,
                2 => once(&mut name, name_or_nothing(wire, place)?, place)?,
                _ => {}
            }
        }
        dims.push(match (length, name) {
            // Some writers say -1 or 0 of an axis that the data decide.
            (Some(length), None) if length > 0 => Dim::Is(length as u64),
            (_, name) => Dim::Named(name.unwrap_or_default()),
        });
    }
    Ok(dims)
}

/// Floats, packed or one.
fn numbers32(wire: Wire<'_>, out: &mut Vec<f32>, place: &str) -> Result<()> {
    match wire {
        Wire::Fixed32(bytes) => out.push(f32::from_le_bytes(bytes)),
        Wire::Bytes(packed) => match packed.as_chunks::<4>() {
            (chunks, []) => out.extend(chunks.iter().map(|chunk| f32::from_le_bytes(*chunk))),
            _ => return Err(ERRORS.malformed(place, "a multiple of 4 bytes", packed.len().to_string())),
        },
        _ => return Err(wrong_type(place, "floats")),
    }
    Ok(())
}

/// Whole numbers, packed or one; ends soon after more than `most` of them.
fn integers(wire: Wire<'_>, out: &mut Vec<i64>, most: usize, place: &str) -> Result<()> {
    match wire {
        Wire::Integer(n) => out.push(n.cast_signed()),
        Wire::Bytes(packed) => {
            let mut packed = Fields::new(packed, ERRORS);
            while !packed.is_empty() && out.len() <= most {
                out.push(packed.varint(place)?.cast_signed());
            }
        }
        _ => return Err(wrong_type(place, "whole numbers")),
    }
    Ok(())
}
