//! ONNX: a graph of operators with its weights, in one file.
//!
//! ```text
//! file      = protobuf Model                              see `protobuf.rs` for the wire
//!
//! Model     { 1: ir_version, 2: producer_name, 3: producer_version, 4: domain, 5: model_version, 6: doc_string,
//!             7: graph Graph, 8: opset_import { 1: domain, 2: version }*, 14: metadata_props Pair* }
//! Graph     { 1: node Node*, 2: name, 5: initializer Tensor*, 10: doc_string, 11: input Info*, 12: output Info*,
//!             13: value_info Info* }
//! Node      { 1: input text*, 2: output text*, 3: name, 4: op_type, 5: attribute Attribute*, 6: doc_string,
//!             7: domain }
//! Attribute { 1: name, 2: f float, 3: i int64, 4: s bytes, 5: t Tensor, 7: floats*, 8: ints*, 9: strings*,
//!             13: doc_string, 20: type }                  type: 1 float, 2 int, 3 string, 4 tensor, 6 to 8 lists
//! Info      { 1: name, 2: type { 1: tensor_type { 1: elem_type, 2: shape { 1: Dim* } } } }
//! Dim       { 1: dim_value int64 | 2: dim_param text }
//! Tensor    { 1: dims int64*, 2: data_type, 4: float_data*, 5: int32_data*, 6: string_data bytes*, 7: int64_data*,
//!             8: name, 9: raw_data bytes, 10: double_data*, 11: uint64_data* }     row-major, raw little-endian
//! Pair      { 1: key, 2: value }
//! data_type = 1 float32, 2 uint8, 3 int8, 4 uint16, 5 int16, 6 int32, 7 int64, 8 string, 9 bool, 10 float16,
//!             11 float64, 12 uint32, 13 uint64, 16 bfloat16
//! ```
//!
//! Source: `onnx/onnx.proto3` and `docs/IR.md` of onnx/onnx. Narrower than that:
//!
//! - Data in other files (`external_data`, `data_location`) are refused: nothing in a file is a path.
//! - Graphs inside attributes, functions, training graphs, sparse tensors, quantisation, sequences, maps and
//!   optional values are refused by name. So nothing is nested, and depth needs no limit.
//! - A name is of 1 to 1024 bytes without control characters. Every value is made once, before it is read.
//! - A field that the format has once is there once: protobuf would let the last one win, so two readers could see
//!   two models in one file. Fields with other numbers are passed over, as protobuf asks.
//! - At most 50 000 nodes, attributes, tensors, inputs and outputs in all, 16 axes, 1 048 576 whole numbers and texts.

mod read;
mod write;

pub use read::read;
pub use write::write;

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// Version of the format, 3 to 14.
    pub ir_version: i64,
    /// Domains and versions of the operators; the domain of the standard ones is empty.
    pub opsets: Vec<(String, i64)>,
    /// What made the file.
    pub producer: String,
    /// Its version.
    pub producer_version: String,
    /// Names and texts that travel along.
    pub metadata: Vec<(String, String)>,
    /// The graph.
    pub graph: Graph,
}

/// Nodes in an order in which each reads only values that are there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Its name.
    pub name: String,
    /// What is put in. An input that an initializer has the name of is not among them: it has its value.
    pub inputs: Vec<Info>,
    /// What comes out.
    pub outputs: Vec<Info>,
    /// The constants, by name.
    pub initializers: Vec<Tensor>,
    /// The operators.
    pub nodes: Vec<Node>,
}

/// Name, type and shape of a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// Its name.
    pub name: String,
    /// Type of its elements.
    pub dtype: DType,
    /// Its axes, the batch among them; `None` where the file does not say how many.
    pub dims: Option<Vec<Dim>>,
}

/// The length of an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// Known.
    Is(u64),
    /// Decided by the data; the name, which may be empty, tells equal ones.
    Named(String),
}

/// Types of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DType {
    /// float32
    Float,
    /// uint8
    Uint8,
    /// int8
    Int8,
    /// uint16
    Uint16,
    /// int16
    Int16,
    /// int32
    Int32,
    /// int64
    Int64,
    /// Texts.
    String,
    /// Booleans.
    Bool,
    /// float16
    Float16,
    /// float64
    Double,
    /// uint32
    Uint32,
    /// uint64
    Uint64,
    /// bfloat16
    Bfloat16,
}

impl DType {
    const ALL: [(Self, u64, &'static str); 14] = [
        (Self::Float, 1, "float32"),
        (Self::Uint8, 2, "uint8"),
        (Self::Int8, 3, "int8"),
        (Self::Uint16, 4, "uint16"),
        (Self::Int16, 5, "int16"),
        (Self::Int32, 6, "int32"),
        (Self::Int64, 7, "int64"),
        (Self::String, 8, "string"),
        (Self::Bool, 9, "bool"),
        (Self::Float16, 10, "float16"),
        (Self::Double, 11, "float64"),
        (Self::Uint32, 12, "uint32"),
        (Self::Uint64, 13, "uint64"),
        (Self::Bfloat16, 16, "bfloat16"),
    ];

    /// The type with this number, which is also what `Cast` calls it by.
    pub fn of(number: u64) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == number).map(|(dtype, ..)| *dtype)
    }

    /// Its number.
    pub fn number(self) -> u64 {
        Self::ALL.iter().find(|(dtype, ..)| *dtype == self).map_or(0, |(_, number, _)| *number)
    }

    /// Its name in numpy's words.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(dtype, ..)| *dtype == self).map_or("", |(.., name)| name)
    }

    /// The whole numbers that it holds; of uint64 those that an i64 holds, too. `None` for floats and texts.
    pub fn whole(self) -> Option<std::ops::RangeInclusive<i64>> {
        Some(match self {
            Self::Bool => 0..=1,
            Self::Uint8 => 0..=0xff,
            Self::Int8 => -0x80..=0x7f,
            Self::Uint16 => 0..=0xffff,
            Self::Int16 => -0x8000..=0x7fff,
            Self::Uint32 => 0..=i64::from(u32::MAX),
            Self::Int32 => i64::from(i32::MIN)..=i64::from(i32::MAX),
            Self::Uint64 => 0..=i64::MAX,
            Self::Int64 => i64::MIN..=i64::MAX,
            Self::Float | Self::Double | Self::Float16 | Self::Bfloat16 | Self::String => return None,
        })
    }

    /// Whether its elements are floating-point numbers.
    pub fn is_float(self) -> bool {
        matches!(self, Self::Float | Self::Double | Self::Float16 | Self::Bfloat16)
    }
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name; empty in an attribute.
    pub name: String,
    /// The length of every axis, outermost first; a scalar has none.
    pub dims: Vec<usize>,
    /// The elements, row-major.
    pub values: Values,
}

impl Tensor {
    /// Floats of this shape. The product of `dims` has to be their number.
    pub fn f32(name: impl Into<String>, dims: impl Into<Vec<usize>>, values: Vec<f32>) -> Self {
        Self { name: name.into(), dims: dims.into(), values: Values::F32(values) }
    }

    /// Whole numbers in a row.
    pub fn i64(name: impl Into<String>, values: Vec<i64>) -> Self {
        Self { name: name.into(), dims: vec![values.len()], values: Values::I64(values) }
    }
}

/// The elements of a [`Tensor`]. Nothing is rounded: float16 and bfloat16 are read as float32, all integers as int64.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// float32
    F32(Vec<f32>),
    /// float64
    F64(Vec<f64>),
    /// int64
    I64(Vec<i64>),
    /// Booleans.
    Bool(Vec<bool>),
    /// Texts.
    Text(Vec<String>),
}

impl Values {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type that they are written as.
    pub fn dtype(&self) -> DType {
        match self {
            Self::F32(_) => DType::Float,
            Self::F64(_) => DType::Double,
            Self::I64(_) => DType::Int64,
            Self::Bool(_) => DType::Bool,
            Self::Text(_) => DType::String,
        }
    }
}

/// An operator, applied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its name, or nothing.
    pub name: String,
    /// The operator.
    pub op_type: String,
    /// The set that the operator is of; empty for the standard ones.
    pub domain: String,
    /// Names of what it reads; an empty one for an input that is left out.
    pub inputs: Vec<String>,
    /// Names of what it makes; an empty one for an output that nobody wants.
    pub outputs: Vec<String>,
    /// Its settings, each name once.
    pub attributes: Vec<(String, Attribute)>,
}

impl Node {
    /// The setting of this name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// A setting of an operator.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A number.
    Float(f32),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
    /// A constant.
    Tensor(Tensor),
    /// Numbers.
    Floats(Vec<f32>),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Texts.
    Texts(Vec<String>),
}

const FORMAT: &str = "ONNX";
const MAX_NAME: usize = 1024;
const MAX_RANK: usize = 16;
/// Nodes, attributes, tensors, inputs, outputs, metadata: each takes memory beyond its bytes.
const MAX_ITEMS: usize = 50_000;
/// Whole numbers and texts: a byte of the file may become a whole number of eight.
const MAX_ELEMENTS: usize = 1 << 20;
const IR_VERSIONS: std::ops::RangeInclusive<i64> = 3..=14;

/// What is wrong with a name, as an expectation.
fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(format!("a name of 1 to {MAX_NAME} bytes"));
    }
    if name.chars().any(char::is_control) {
        return Err("a name without control characters".to_owned());
    }
    Ok(())
}
