//! The one in-memory value of the crate: a dense row-major array of u8, i64 or f32.

use crate::error::{Errors, Result};

/// The numbers of an [`Array`], in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Unsigned bytes and booleans.
    U8(Vec<u8>),
    /// Every other integer.
    I64(Vec<i64>),
    /// Floating point.
    F32(Vec<f32>),
}

impl Data {
    /// How many numbers there are.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::F32(values) => values.len(),
        }
    }

    /// Whether there are no numbers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of the element type as numpy and Keras write it: `uint8`, `int64` or `float32`.
    pub fn dtype(&self) -> &'static str {
        match self {
            Self::U8(_) => "uint8",
            Self::I64(_) => "int64",
            Self::F32(_) => "float32",
        }
    }
}

/// A dense row-major array: the product of `shape` is the number of elements; a scalar has shape `[]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The length of every axis, outermost first.
    pub shape: Vec<usize>,
    /// The elements in row-major order.
    pub data: Data,
}

impl Array {
    /// An array of `shape`, or an error if the product of `shape` is not the number of elements.
    pub fn new(shape: Vec<usize>, data: Data) -> Result<Self> {
        let count = shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
        if count == Some(data.len()) {
            return Ok(Self { shape, data });
        }
        let expected = match count {
            Some(count) => format!("{count} elements"),
            None => "a product below 2^64".to_owned(),
        };
        Err(Errors("array").malformed(format!("shape {shape:?}"), expected, format!("{} elements", data.len())))
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The name of the element type: `uint8`, `int64` or `float32`.
    pub fn dtype(&self) -> &'static str {
        self.data.dtype()
    }
}

/// The number of elements of a shape from a file, or `None` if it does not fit the machine.
/// A zero anywhere does not hide an overflow elsewhere.
pub(crate) fn checked_count(shape: &[u64]) -> Option<(Vec<usize>, usize)> {
    let dims: Vec<usize> =
        shape.iter().map(|&dim| usize::try_from(dim)).collect::<core::result::Result<_, _>>().ok()?;
    let full = dims.iter().filter(|&&dim| dim != 0).try_fold(1usize, |product, &dim| product.checked_mul(dim))?;
    let count = if dims.contains(&0) { 0 } else { full };
    Some((dims, count))
}
