//! [`Arrays`]: one tensor or several, where a model has several inputs or outputs.

use crate::tensor::Tensor;

/// The tensors of a model's inputs, or of its outputs.
#[derive(Clone, Debug, Default)]
pub struct Arrays(pub(crate) Vec<Tensor>);

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
