//! [`Arrays`]: one tensor or several, where a model has several inputs or outputs.

use crate::error::Result;
use crate::tensor::Tensor;

/// The tensors of a model's inputs, or of its outputs.
#[derive(Clone, Debug, Default)]
pub struct Arrays(pub(crate) Vec<Tensor>);

impl Arrays {
    /// One tensor for each input, or for each output.
    pub fn tensors(&self) -> &[Tensor] {
        &self.0
    }

    /// The tensor, where there is one alone.
    pub fn single(&self) -> Option<&Tensor> {
        if let [one] = &self.0[..] { Some(one) } else { None }
    }

    /// Number of samples: the rows of the first tensor.
    pub fn rows(&self) -> usize {
        self.0.first().map_or(0, Tensor::rows)
    }

    /// These samples in this order, copied, of every tensor.
    ///
    /// # Errors
    /// When there is no such sample.
    pub fn take(&self, rows: &[usize]) -> Result<Self> {
        self.0.iter().map(|tensor| tensor.take(rows)).collect::<Result<_>>().map(Self)
    }
}

impl From<&Self> for Arrays {
    fn from(arrays: &Self) -> Self {
        arrays.clone()
    }
}

impl From<&Tensor> for Arrays {
    fn from(tensor: &Tensor) -> Self {
        Self(vec![tensor.clone()])
    }
}

impl From<Tensor> for Arrays {
    fn from(tensor: Tensor) -> Self {
        Self(vec![tensor])
    }
}

impl<const N: usize> From<[&Tensor; N]> for Arrays {
    fn from(tensors: [&Tensor; N]) -> Self {
        Self(tensors.into_iter().cloned().collect())
    }
}

impl From<&[Tensor]> for Arrays {
    fn from(tensors: &[Tensor]) -> Self {
        Self(tensors.to_vec())
    }
}

impl From<&Vec<Tensor>> for Arrays {
    fn from(tensors: &Vec<Tensor>) -> Self {
        Self(tensors.clone())
    }
}

impl From<Vec<Tensor>> for Arrays {
    fn from(tensors: Vec<Tensor>) -> Self {
        Self(tensors)
    }
}
