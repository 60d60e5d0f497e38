//! [`OutputMode`]: how indices leave a word, as Keras's `output_mode` says.
//!
//! **Formula** of an encoding of `depth` columns: `one_hot` has 1 at the place of the index; `multi_hot` has 1 at
//! the place of every index of a sample; `count` has the number of times that an index occurs in a sample;
//! `tf_idf` is `count` times a weight for every column
//! **Shapes** `int` keeps them; `one_hot` appends `depth`, in place of a last axis of length 1; the others put
//! `depth` in place of the last axis, and behind the rows where there is no other axis
//!
//! Different from Keras: the last axis is the sample at every rank (Keras takes axis 1 from rank 3 on, against its
//! own `compute_output_shape`), and an encoding is float32 in every word (in Keras int64 in the lookups, outside
//! of a model).

use crate::error::{Error, Result};
use crate::tensor::Tensor;
use vanilla_plan::formula::{Compare, Term};

/// How indices leave a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputMode {
    Int,
    OneHot,
    MultiHot,
    Count,
    TfIdf,
}

impl OutputMode {
    /// All of Keras's names, in the order of the type.
    const NAMES: [&'static str; 5] = ["int", "one_hot", "multi_hot", "count", "tf_idf"];
    /// The modes of the words that have no documents to count.
    pub const ENCODINGS: [Self; 4] = [Self::Int, Self::OneHot, Self::MultiHot, Self::Count];
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Int, Self::OneHot, Self::MultiHot, Self::Count, Self::TfIdf];

    /// The mode of this name among `allowed`; or what is wrong.
    pub fn named(name: &str, allowed: &[Self]) -> std::result::Result<Self, String> {
        let named = |mode: &&Self| Self::NAMES[**mode as usize] == name;
        allowed.iter().find(named).copied().ok_or_else(|| {
            let known: Vec<&str> = allowed.iter().map(|mode| Self::NAMES[*mode as usize]).collect();
            format!("output_mode = \"{name}\", expected one of {}", known.join(", "))
        })
    }

    /// Shape of one sample of the output.
    pub fn shape(self, input: &[usize], depth: usize) -> Vec<usize> {
        let mut shape = input.to_vec();
        match self {
            Self::Int => return shape,
            Self::OneHot if shape.last() != Some(&1) => {}
            _ => {
                shape.pop();
            }
        }
        shape.push(depth);
        shape
    }

    /// What [`OutputMode::encode`] makes of the indices of a sample of this shape, where those that are no place of a
    /// vector leave it as it is; in the mode `int` the indices themselves.
    pub fn formula<'a>(self, indices: Term<'a>, input: &[usize], depth: usize) -> Term<'a> {
        let together = match self {
            Self::Int => return indices,
            Self::OneHot => 1,
            _ => input.last().copied().unwrap_or(1),
        };
        // For every column of every vector the indices that share it, one behind the other.
        let vectors = indices.length() / together;
        let cells = || (0..vectors).flat_map(|vector| (0..depth).map(move |column| (vector, column)));
        let of = cells().flat_map(|(vector, _)| (0..together).map(move |i| vector * together + i));
        let columns = cells().flat_map(|(_, column)| std::iter::repeat_n(column as f64, together));
        let columns = indices.table(&columns.collect::<Vec<_>>());
        let hits = indices.gather(&of.collect::<Vec<_>>()).select(Compare::Equal, columns, 1.0, 0.0);
        let counts = hits.sums(vectors * depth);
        if self == Self::MultiHot { counts.min(1.0) } else { counts }
    }

    /// The encoding of these indices; `None` leaves its vector as it is. `shape` is that of the samples, with the
    /// rows first. `weights` are one factor for every index.
    ///
    /// # Errors
    /// When the encoding does not fit into memory.
    ///
    /// # Panics
    /// When an index is not below `depth`, or the mode is `int`.
    pub fn encode(
        self,
        place: &str,
        indices: &[Option<usize>],
        shape: &[usize],
        depth: usize,
        weights: Option<&[f32]>,
    ) -> Result<Tensor> {
        assert_ne!(self, Self::Int, "indices are no encoding");
        let mut encoded_shape = vec![shape[0]];
        encoded_shape.extend(self.shape(&shape[1..], depth));
        let mut encoded = zeros(place, &encoded_shape)?;
        // How many indices share a vector.
        let together = match self {
            Self::OneHot => 1,
            _ => shape[1..].last().copied().unwrap_or(1),
        };
        for (position, index) in indices.iter().enumerate() {
            let Some(index) = index else { continue };
            assert!(*index < depth, "index {index} of {depth}");
            let cell = &mut encoded[position / together * depth + index];
            match self {
                Self::OneHot | Self::MultiHot => *cell = 1.0,
                _ => *cell += weights.map_or(1.0, |weights| weights[position]),
            }
        }
        Tensor::new(encoded, encoded_shape)
    }
}

/// Keras's old names for two modes.
pub(super) fn current_name(name: &str) -> &str {
    match name {
        "binary" => "multi_hot",
        "tf-idf" => "tf_idf",
        name => name,
    }
}

/// From this size on the system is asked first: below, asking takes longer than filling.
const LARGE_BYTES: u64 = 1 << 26;

/// A table of zeros, if the machine has room for it.
fn zeros(place: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let problem = || {
        let problem =
            format!("an encoding of the shape {shape:?} does not fit into memory: encode fewer rows at once");
        Error::data(place, problem)
    };
    let count = shape.iter().try_fold(1usize, |count, axis| count.checked_mul(*axis)).ok_or_else(problem)?;
    let bytes = (count as u64).checked_mul(4).ok_or_else(problem)?;
    if bytes > LARGE_BYTES && crate::memory::available().is_some_and(|available| bytes > available) {
        return Err(problem());
    }
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(count).map_err(|_| problem())?;
    zeros.resize(count, 0.0);
    Ok(zeros)
}
