//! What is known before the network runs: constants, and whole numbers that are made of shapes.

use super::{At, Flow, Importer, Value};
use crate::error::Result;
use crate::layers::Numbers;
use std::sync::Arc;
use vanilla_formats::onnx::{Attribute, DType, Tensor, Values};

/// Whole numbers in a row, or a single one; `None` stands for the rows of a batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sizes {
    pub single: bool,
    pub sizes: Vec<Option<i64>>,
}

/// More of them no shape has, whatever is done with it.
const MAX_SIZES: usize = 64;

impl At<'_> {
    /// The setting of this name as a whole number.
    pub fn int(&self, name: &str, otherwise: i64) -> Result<i64> {
        match self.node.attribute(name) {
            None => Ok(otherwise),
            Some(Attribute::Int(n)) => Ok(*n),
            Some(_) => Err(self.error(format!("{name} is no whole number"))),
        }
    }

    /// The setting of this name as a finite number.
    pub fn float(&self, name: &str, otherwise: f32) -> Result<f32> {
        match self.node.attribute(name) {
            None => Ok(otherwise),
            Some(Attribute::Float(x)) if x.is_finite() => Ok(*x),
            Some(Attribute::Float(x)) => Err(self.error(format!("{name} = {x}, expected a finite number"))),
            Some(_) => Err(self.error(format!("{name} is no number"))),
        }
    }

    /// The setting of this name as a text.
    pub fn text(&self, name: &str, otherwise: &'static str) -> Result<String> {
        match self.node.attribute(name) {
            None => Ok(otherwise.to_owned()),
            Some(Attribute::Text(text)) => Ok(text.clone()),
            Some(_) => Err(self.error(format!("{name} is no text"))),
        }
    }

    /// The setting of this name as whole numbers.
    pub fn ints(&self, name: &str) -> Result<Option<&[i64]>> {
        match self.node.attribute(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values)),
            Some(_) => Err(self.error(format!("{name} is no list of whole numbers"))),
        }
    }

    /// Refuses integers: they divide without a rest, and wrap, as no layer does.
    pub fn floats_only(&self, flow: &Flow) -> Result<()> {
        let kind = match flow.dtype {
            dtype if dtype.is_float() => return Ok(()),
            DType::Bool => "booleans",
            _ => "integers",
        };
        Err(self.error(format!("computes with {kind}, expected a Cast to float32 before it")))
    }

    /// The type that a Cast asks for.
    pub fn target(&self) -> Result<DType> {
        let to = u64::try_from(self.int("to", 0)?).ok().and_then(DType::of);
        to.ok_or_else(|| self.error("to an unknown type"))
    }

    /// Refuses every setting that has another name.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        match self.node.attributes.iter().find(|(name, _)| !known.contains(&&**name)) {
            None => Ok(()),
            Some((name, _)) => {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                Err(self.error(format!("unknown setting {}; known are: {known}", super::quoted(name))))
            }
        }
    }
}

impl Importer {
    /// An input of the node; none where it is left out.
    pub fn given(&self, at: &At<'_>, index: usize) -> Option<Value> {
        let name = at.node.inputs.get(index).filter(|name| !name.is_empty())?;
        self.values.get(name).cloned()
    }

    /// An input that has to be there.
    pub fn wanted(&self, at: &At<'_>, index: usize) -> Result<Value> {
        self.given(at, index).ok_or_else(|| at.error(format!("input {index} is missing")))
    }

    /// An input that the network computes, to compute with.
    pub fn flow(&self, at: &At<'_>, index: usize) -> Result<Flow> {
        let flow = self.any_flow(at, index)?;
        at.floats_only(&flow)?;
        Ok(flow)
    }

    /// An input that the network computes, to be moved as it is.
    pub fn any_flow(&self, at: &At<'_>, index: usize) -> Result<Flow> {
        match self.wanted(at, index)? {
            Value::Flow(flow) => Ok(flow),
            Value::Erf(_) => Err(at.error("reads erf(x): only as a part of gelu, x / 2 (1 + erf(x / sqrt 2))")),
            _ => Err(at.error(format!("input {index} is a constant, expected what the network computes"))),
        }
    }

    /// An input that is known.
    pub fn constant(&self, at: &At<'_>, index: usize) -> Result<Option<Arc<Tensor>>> {
        match self.given(at, index) {
            None => Ok(None),
            Some(Value::Constant(tensor)) => Ok(Some(tensor)),
            Some(_) => Err(at.error(format!("input {index} is computed, expected a constant"))),
        }
    }

    /// A known input as floats.
    pub fn floats(&self, at: &At<'_>, index: usize) -> Result<Option<(Vec<usize>, Vec<f32>)>> {
        let Some(tensor) = self.constant(at, index)? else { return Ok(None) };
        Ok(Some((tensor.dims.clone(), floats_of(at, index, &tensor)?)))
    }

    /// As [`Importer::floats`], moved out of the constant where this node alone reads it.
    pub fn take_floats(&mut self, at: &At<'_>, index: usize) -> Result<Option<(Vec<usize>, Vec<f32>)>> {
        let Some(name) = at.node.inputs.get(index) else { return Ok(None) };
        if self.readers.get(name).is_some_and(|(count, _)| *count == 1)
            && let Some(Value::Constant(tensor)) = self.values.get_mut(name)
            && let Some(Tensor { dims, values: Values::F32(values), .. }) = Arc::get_mut(tensor)
            && values.iter().all(|x| x.is_finite())
        {
            // Its shape stays: what is left says that it was a constant.
            return Ok(Some((dims.clone(), std::mem::take(values))));
        }
        self.floats(at, index)
    }

    /// A known input of a single number.
    pub fn number(&self, at: &At<'_>, index: usize) -> Result<Option<f32>> {
        match self.floats(at, index)? {
            None => Ok(None),
            Some((_, values)) if values.len() == 1 => Ok(Some(values[0])),
            Some((dims, _)) => {
                Err(at.error(format!("input {index} has shape {dims:?}, expected a single number")))
            }
        }
    }

    /// An input of whole numbers, made of constants or of shapes.
    pub fn sizes(&self, at: &At<'_>, index: usize) -> Result<Option<Sizes>> {
        match self.given(at, index) {
            None => Ok(None),
            Some(Value::Sizes(sizes)) => Ok(Some(sizes)),
            Some(Value::Constant(tensor)) => match sizes_of(&tensor) {
                Some(sizes) => Ok(Some(sizes)),
                None => Err(at.error(format!("input {index} is no list of at most {MAX_SIZES} whole numbers"))),
            },
            Some(_) => Err(at.error(format!("input {index} is computed, expected whole numbers that are known"))),
        }
    }

    /// Whole numbers that are a setting in older files and an input in newer ones.
    pub fn axes(&self, at: &At<'_>, name: &str, index: usize) -> Result<Option<Vec<i64>>> {
        if let Some(axes) = at.ints(name)? {
            return Ok(Some(axes.to_vec()));
        }
        let Some(sizes) = self.sizes(at, index)? else { return Ok(None) };
        let known = sizes.sizes.into_iter().collect::<Option<Vec<i64>>>();
        known.map(Some).ok_or_else(|| at.error(format!("input {index} depends on the rows of a batch")))
    }

    /// The constant along a sample of this shape: one number, or one for each of the last axis.
    pub fn along(&mut self, at: &At<'_>, tensor: &Tensor, index: usize, sample: &[usize]) -> Result<Numbers> {
        self.spend(at, tensor.values.len())?;
        let values = floats_of(at, index, tensor)?;
        let wide: Vec<f64> = values.iter().map(|x| f64::from(*x)).collect();
        let (last, outer) = tensor.dims.split_last().map_or((1, &[][..]), |(last, outer)| (*last, outer));
        let fits = tensor.dims.len() <= sample.len() + 1 && outer.iter().all(|length| *length == 1);
        match wide[..] {
            [one] if fits => Ok(one.into()),
            _ if fits && sample.last() == Some(&last) => Ok(wide.into()),
            _ => Err(at.error(format!(
                "a constant of shape {:?} beside a value of shape {}, expected one number, or one for each of the last \
                 axis",
                tensor.dims,
                crate::layers::shape(sample)
            ))),
        }
    }

    /// Nodes that are computed while the graph is read: all their inputs are known. `None` for others.
    pub fn fold(&mut self, at: &At<'_>) -> Result<Option<Value>> {
        let node = at.node;
        let op = &*node.op_type;
        if op == "Constant" {
            return constant_node(at).map(Some);
        }
        if op == "Shape" {
            return self.shape_node(at).map(Some);
        }
        let first = self.given(at, 0);
        if let (Some(Value::Constant(tensor)), "Identity" | "Dropout") = (&first, op) {
            return Ok(Some(Value::Constant(Arc::clone(tensor))));
        }
        if let (Some(Value::Constant(tensor)), "Cast") = (&first, op) {
            return self.cast(at, tensor).map(Some);
        }
        if let (Some(Value::Constant(tensor)), "Transpose") = (&first, op) {
            self.spend(at, tensor.values.len())?;
            return transpose(at, tensor).map(Some);
        }
        // What is left are steps of shapes to shapes.
        let known = (0..node.inputs.len()).all(|index| match self.given(at, index) {
            None | Some(Value::Sizes(_)) => true,
            Some(Value::Constant(tensor)) => sizes_of(&tensor).is_some(),
            _ => false,
        });
        if !known {
            return Ok(None);
        }
        let Some(x) = self.sizes(at, 0)? else { return Ok(None) };
        let row = |sizes: Vec<Option<i64>>| Ok(Some(Value::Sizes(Sizes { single: false, sizes })));
        match op {
            "Identity" => Ok(Some(Value::Sizes(x))),
            "Cast" => cast_sizes(at, x).map(Some),
            "Gather" if matches!(self.given(at, 0), Some(Value::Sizes(_))) => {
                let Some(indices) = self.sizes(at, 1)? else { return Ok(None) };
                let length = x.sizes.len() as i64;
                let pick = |index: &Option<i64>| {
                    let index = index.map(|i| if i < 0 { i + length } else { i });
                    let found = index.and_then(|i| usize::try_from(i).ok()).and_then(|i| x.sizes.get(i));
                    found.copied().ok_or_else(|| at.error("reads an axis that is not there"))
                };
                let sizes = indices.sizes.iter().map(pick).collect::<Result<Vec<_>>>()?;
                Ok(Some(Value::Sizes(Sizes { single: indices.single, sizes })))
            }
            "Unsqueeze" | "Squeeze" => {
                Ok(Some(Value::Sizes(Sizes { single: op == "Squeeze" && x.sizes.len() == 1, ..x })))
            }
            "Concat" => {
                let mut sizes = Vec::new();
                for index in 0..node.inputs.len() {
                    sizes.extend(self.sizes(at, index)?.into_iter().flat_map(|part| part.sizes));
                    if sizes.len() > MAX_SIZES {
                        return Err(at.error(format!("more than {MAX_SIZES} whole numbers in a row")));
                    }
                }
                row(sizes)
            }
            "Slice" => {
                let bound = |name: &str, index: usize, otherwise: i64| -> Result<i64> {
                    Ok(self.axes(at, name, index)?.and_then(|list| list.first().copied()).unwrap_or(otherwise))
                };
                let length = x.sizes.len() as i64;
                let clamp = |n: i64| if n < 0 { n.saturating_add(length) } else { n }.clamp(0, length) as usize;
                let (start, end) = (clamp(bound("starts", 1, 0)?), clamp(bound("ends", 2, i64::MAX)?));
                if bound("steps", 4, 1)? != 1 {
                    return Err(at.error("a step other than 1"));
                }
                row(x.sizes[start..end.max(start)].to_vec())
            }
            "ReduceProd" => {
                let mut known = 1i64;
                let mut rows = false;
                for size in &x.sizes {
                    match size {
                        Some(n) => {
                            known = known.checked_mul(*n).ok_or_else(|| at.error("a product above 2^63"))?
                        }
                        None => rows = true,
                    }
                }
                let size = if rows { None } else { Some(known) };
                Ok(Some(Value::Sizes(Sizes { single: at.int("keepdims", 1)? == 0, sizes: vec![size] })))
            }
            "Mul" | "Div" | "Add" | "Sub" => {
                let Some(y) = self.sizes(at, 1)? else { return Ok(None) };
                let count = x.sizes.len().max(y.sizes.len());
                if [&x, &y].iter().any(|z| z.sizes.len() != 1 && z.sizes.len() != count) {
                    return Err(at.error("two rows of whole numbers of different lengths"));
                }
                let pick = |z: &Sizes, i: usize| z.sizes[if z.sizes.len() == 1 { 0 } else { i }];
                let apply = |i: usize| -> Result<Option<i64>> {
                    let (Some(a), Some(b)) = (pick(&x, i), pick(&y, i)) else { return Ok(None) };
                    let result = match op {
                        "Mul" => a.checked_mul(b),
                        "Div" => a.checked_div(b),
                        "Add" => a.checked_add(b),
                        _ => a.checked_sub(b),
                    };
                    result
                        .map(Some)
                        .ok_or_else(|| at.error("a whole number outside of 64 bits, or a division by 0"))
                };
                let sizes = (0..count).map(apply).collect::<Result<Vec<_>>>()?;
                Ok(Some(Value::Sizes(Sizes { single: x.single && y.single, sizes })))
            }
            _ => Ok(None),
        }
    }

    /// A constant in another type.
    fn cast(&mut self, at: &At<'_>, tensor: &Arc<Tensor>) -> Result<Value> {
        let (from, to) = (tensor.values.dtype(), at.target()?);
        // A float32 is a float64, too.
        if from == to || (from, to) == (DType::Float, DType::Double) {
            return Ok(Value::Constant(Arc::clone(tensor)));
        }
        self.spend(at, tensor.values.len())?;
        let values = converted(&tensor.values, to)
            .map_err(|problem| at.error(format!("a constant of {} to {}{problem}", from.name(), to.name())))?;
        Ok(Value::Constant(Arc::new(Tensor { name: String::new(), dims: tensor.dims.clone(), values })))
    }

    fn shape_node(&self, at: &At<'_>) -> Result<Value> {
        let all = match self.wanted(at, 0)? {
            Value::Flow(flow) => {
                let sample = flow.shape.iter().map(|length| Some(*length as i64));
                [None].into_iter().chain(sample).collect()
            }
            Value::Constant(tensor) => tensor.dims.iter().map(|length| Some(*length as i64)).collect::<Vec<_>>(),
            _ => return Err(at.error("the shape of something that is not computed")),
        };
        let length = all.len() as i64;
        let clamp = |n: i64| if n < 0 { n.saturating_add(length) } else { n }.clamp(0, length) as usize;
        let (start, end) = (clamp(at.int("start", 0)?), clamp(at.int("end", i64::MAX)?));
        Ok(Value::Sizes(Sizes { single: false, sizes: all[start..end.max(start)].to_vec() }))
    }
}

/// Whole numbers of a constant, if it has few of them and at most one axis.
fn sizes_of(tensor: &Tensor) -> Option<Sizes> {
    match &tensor.values {
        Values::I64(values) if values.len() <= MAX_SIZES && tensor.dims.len() <= 1 => {
            Some(Sizes { single: tensor.dims.is_empty(), sizes: values.iter().map(|n| Some(*n)).collect() })
        }
        _ => None,
    }
}

/// Elements as f32, all finite.
pub(super) fn floats_of(at: &At<'_>, index: usize, tensor: &Tensor) -> Result<Vec<f32>> {
    let values: Vec<f32> = match &tensor.values {
        Values::F32(values) => values.clone(),
        Values::F64(values) => values.iter().map(|x| *x as f32).collect(),
        Values::I64(values) => values.iter().map(|n| *n as f32).collect(),
        Values::Bool(values) => values.iter().map(|value| f32::from(u8::from(*value))).collect(),
        Values::Text(_) => return Err(at.error(format!("input {index} holds texts, expected numbers"))),
    };
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(values),
        Some(element) => {
            let problem =
                format!("input {index}: element {element} is {}, expected a finite number", values[element]);
            Err(at.error(problem))
        }
    }
}

fn constant_node(at: &At<'_>) -> Result<Value> {
    at.only(&[
        "value",
        "value_float",
        "value_floats",
        "value_int",
        "value_ints",
        "value_string",
        "value_strings",
    ])?;
    let tensor = |dims: Vec<usize>, values| Tensor { name: String::new(), dims, values };
    let value = match at.node.attributes.first().map(|(_, value)| value) {
        Some(Attribute::Tensor(value)) => value.clone(),
        Some(Attribute::Float(x)) => tensor(vec![], Values::F32(vec![*x])),
        Some(Attribute::Floats(values)) => tensor(vec![values.len()], Values::F32(values.clone())),
        Some(Attribute::Int(n)) => tensor(vec![], Values::I64(vec![*n])),
        Some(Attribute::Ints(values)) => tensor(vec![values.len()], Values::I64(values.clone())),
        Some(Attribute::Text(text)) => tensor(vec![], Values::Text(vec![text.clone()])),
        Some(Attribute::Texts(values)) => tensor(vec![values.len()], Values::Text(values.clone())),
        None => return Err(at.error("no value")),
    };
    Ok(Value::Constant(Arc::new(value)))
}

/// Lengths in another type: floats divide in another way.
fn cast_sizes(at: &At<'_>, x: Sizes) -> Result<Value> {
    let to = at.target()?;
    let stay = matches!(to, DType::Int64 | DType::Int32);
    let values = match x.sizes.iter().copied().collect::<Option<Vec<i64>>>() {
        Some(known) => converted(&Values::I64(known), to)
            .map_err(|problem| at.error(format!("whole numbers to {}{problem}", to.name())))?,
        None if stay => return Ok(Value::Sizes(x)),
        None => {
            let to = to.name();
            let problem = format!("the number of rows to {to}, expected only whole numbers to be made of it");
            return Err(at.error(problem));
        }
    };
    if stay {
        return Ok(Value::Sizes(x));
    }
    let dims = if x.single { vec![] } else { vec![x.sizes.len()] };
    Ok(Value::Constant(Arc::new(Tensor { name: String::new(), dims, values })))
}

/// Elements in another type, each the one that Cast makes of it, or what is wrong with one: floats lose what is behind
/// the point, and integers are not wrapped.
fn converted(values: &Values, to: DType) -> std::result::Result<Values, String> {
    let floats: Vec<f64> = match values {
        Values::F32(values) => values.iter().map(|x| f64::from(*x)).collect(),
        Values::F64(values) => values.clone(),
        // From an i64 a float32 is rounded once.
        Values::I64(values) if to == DType::Float => values.iter().map(|n| f64::from(*n as f32)).collect(),
        Values::I64(values) => values.iter().map(|n| *n as f64).collect(),
        Values::Bool(values) => values.iter().map(|b| f64::from(u8::from(*b))).collect(),
        Values::Text(_) => return Err(", expected numbers".to_owned()),
    };
    Ok(match (to, to.whole()) {
        (DType::Float, _) => Values::F32(floats.into_iter().map(|x| x as f32).collect()),
        (DType::Double, _) => Values::F64(floats),
        (DType::Bool, _) => Values::Bool(floats.into_iter().map(|x| x != 0.0).collect()),
        (_, Some(range)) => {
            let fits = |n: i128| i64::try_from(n).ok().filter(|n| range.contains(n));
            let whole = floats.iter().enumerate().map(|(at, x)| {
                let n = match values {
                    Values::I64(values) => fits(values[at].into()),
                    _ if x.is_nan() => None,
                    _ => fits(*x as i128),
                };
                let (low, high) = (range.start(), range.end());
                n.ok_or_else(|| format!(": element {at} is {x}, expected from {low} to {high}"))
            });
            Values::I64(whole.collect::<std::result::Result<_, _>>()?)
        }
        (_, None) => return Err(", expected float32, float64, integers or booleans".to_owned()),
    })
}

/// A transposed matrix, as exporters leave it where they do not fold.
fn transpose(at: &At<'_>, tensor: &Arc<Tensor>) -> Result<Value> {
    let perm = at.ints("perm")?.unwrap_or(&[1, 0]);
    match (&tensor.dims[..], &tensor.values, perm) {
        (_, _, [0] | [0, 1]) => Ok(Value::Constant(Arc::clone(tensor))),
        (&[rows, columns], Values::F32(values), [1, 0]) => {
            let values = Values::F32(transposed(values, rows, columns));
            Ok(Value::Constant(Arc::new(Tensor { name: String::new(), dims: vec![columns, rows], values })))
        }
        _ => Err(at.error(format!("a constant of shape {:?}, expected a matrix of float32", tensor.dims))),
    }
}

/// The transposed of a row-major matrix.
pub(super) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}
