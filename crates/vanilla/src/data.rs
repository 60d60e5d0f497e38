//! Data, checked once before the first step: what passes here cannot fail in training.

use crate::error::{Error, Result};
use crate::identity::hash_floats;
use crate::losses::{Loss, Targets};
use crate::tensor::{F32, I64, STR, Tensor};
use sha2::{Digest, Sha256};
use vanilla_plan::Network;
use vanilla_plan::kernels::Source;

/// Inputs and targets that fit a network and its loss.
#[derive(Debug)]
pub(crate) struct Prepared {
    x: Tensor,
    /// Row-major targets of the loss's width.
    pub y: Vec<f32>,
    pub rows: usize,
}

impl Prepared {
    /// Checks and converts; `place` is `fit`, `evaluate`, `validation_data`, …
    pub fn new(place: &str, x: &Tensor, y: &Tensor, network: &Network, loss: &dyn Loss) -> Result<Self> {
        let inputs = inputs(place, x, network)?;
        let rows = inputs.rows();
        same_rows(place, x, y)?;
        let y = targets(place, y, network.outputs(), loss)?;
        Ok(Self { x: inputs, y, rows })
    }

    /// SHA-256 over everything that training reads: shape, inputs, targets.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for size in [self.rows, self.x.width(), self.y.len()] {
            hash.update((size as u64).to_le_bytes());
        }
        match self.source() {
            Source::U8(bytes, table) => {
                hash.update(b"u8");
                hash_floats(&mut hash, table);
                hash.update(bytes);
            }
            Source::F32(floats) => {
                hash.update(b"f32");
                hash_floats(&mut hash, floats);
            }
        }
        hash_floats(&mut hash, &self.y);
        crate::datasets::hex(&hash.finalize())
    }

    /// The largest input and the largest target of these rows, by size.
    pub fn largest(&self, rows: &[usize]) -> (f32, f32) {
        let (width, targets) = (self.x.width(), self.y.len() / self.rows.max(1));
        let mut largest = (0.0f32, 0.0f32);
        for &row in rows {
            let of_row = row * width..(row + 1) * width;
            match self.source() {
                Source::U8(bytes, table) => bytes[of_row]
                    .iter()
                    .for_each(|&byte| largest.0 = largest.0.max(table[usize::from(byte)].abs())),
                Source::F32(floats) => floats[of_row].iter().for_each(|x| largest.0 = largest.0.max(x.abs())),
            }
            self.y[row * targets..(row + 1) * targets].iter().for_each(|y| largest.1 = largest.1.max(y.abs()));
        }
        largest
    }

    /// The table of inputs.
    pub fn source(&self) -> Source<'_> {
        self.x.source().expect("inputs are bytes or floats")
    }
}

/// One target for every row.
pub(crate) fn same_rows(place: &str, x: &Tensor, y: &Tensor) -> Result<()> {
    if y.rows() == x.rows() && !y.shape().is_empty() {
        return Ok(());
    }
    let problem = format!("x has {} rows and y has {}: one target for every row is needed", x.rows(), y.rows());
    Err(Error::data(place, problem))
}

/// The inputs as a table of bytes or floats, one row a sample.
pub(crate) fn inputs(place: &str, x: &Tensor, network: &Network) -> Result<Tensor> {
    let rows = x.rows();
    if x.shape().is_empty() || x.is_empty() {
        return Err(Error::data(place, format!("x has the shape {:?}: the data set is empty", x.shape())));
    }
    // A vector is a column where the network has one input.
    let width = x.width();
    if width != network.inputs {
        let problem = format!(
            "x has {width} columns (shape {:?}), expected {}: the model's input is {}",
            x.shape(),
            network.inputs,
            crate::layers::shape(&[network.inputs])
        );
        return Err(Error::data(place, problem));
    }
    numbers(place, "x", x)?;
    let x = x.reshape([rows, width])?;
    let x = if x.dtype() == I64 { x.astype(F32) } else { x };
    if let Some(index) = x.first_non_finite() {
        let (row, column) = (index / width, index % width);
        let problem =
            format!("x is {} in row {row}, column {column}: fill or drop such values first", x.to_f32()[index]);
        return Err(Error::data(place, problem));
    }
    Ok(x)
}

/// Strings are no numbers.
fn numbers(place: &str, argument: &str, values: &Tensor) -> Result<()> {
    if values.dtype() != STR {
        return Ok(());
    }
    let problem = format!(
        "{argument} holds strings (shape {:?}), expected numbers: put a StringLookup or Hashing first, or parse \
         them",
        values.shape()
    );
    Err(Error::data(place, problem))
}

fn targets(place: &str, y: &Tensor, outputs: usize, loss: &dyn Loss) -> Result<Vec<f32>> {
    numbers(place, "y", y)?;
    let error = |problem: String| Error::data(place, problem);
    let one_column = y.shape().len() == 1 || y.shape().len() == 2 && y.width() == 1;
    let values = y.to_f32();
    if let Some(row) = values.iter().position(|value| !value.is_finite()) {
        return Err(error(format!(
            "y is {} in row {}: every target must be a number",
            values[row],
            row / y.width()
        )));
    }
    let whole = || values.iter().all(|value| value.fract() == 0.0);
    match loss.targets() {
        Targets::ClassNumber if one_column => {
            let bad = |value: &f32| value.fract() != 0.0 || *value < 0.0 || *value >= outputs as f32;
            if let Some(row) = values.iter().position(bad) {
                return Err(error(format!(
                    "y is {} in row {row}: with {outputs} outputs, labels are whole numbers from 0 to {}",
                    values[row],
                    outputs.saturating_sub(1)
                )));
            }
            Ok(values)
        }
        Targets::ClassNumber => Err(error(format!(
            "y has the shape {:?}: {} wants one class number a row, shape (N,); for one-hot vectors use \
             categorical_crossentropy",
            y.shape(),
            loss.name()
        ))),
        Targets::OneHot if y.shape().len() == 1 && outputs > 1 && whole() => Err(error(format!(
            "y has the shape {:?} and looks like class numbers, but {} wants one-hot vectors of width {outputs}: use \
             sparse_categorical_crossentropy, or to_categorical(&y, {outputs})",
            y.shape(),
            loss.name()
        ))),
        _ if y.shape().len() == 1 && outputs == 1 || y.shape().len() == 2 && y.width() == outputs => Ok(values),
        _ => Err(error(format!(
            "y has the shape {:?}, expected (N, {outputs}): the model has {outputs} output{}, and nothing is broadcast",
            y.shape(),
            if outputs == 1 { "" } else { "s" }
        ))),
    }
}

/// One-hot vectors of these class numbers, as floats: `to_categorical([1, 0, 2], 3)` is
/// `[[0, 1, 0], [1, 0, 0], [0, 0, 1]]`.
///
/// With five kinds of fruit, numbered apple 0, pear 1, plum 2, cherry 3 and fig 4, the basket "plum, apple, fig"
/// is:
///
/// ```
/// use vanilla::prelude::*;
/// let basket = Tensor::new(vec![2i64, 0, 4], [3])?;
/// let one_hot = to_categorical(&basket, 5)?;
/// assert_eq!(one_hot.shape(), [3, 5]);
/// assert_eq!(one_hot.to_f32(), [
///     0., 0., 1., 0., 0.,
///     1., 0., 0., 0., 0.,
///     0., 0., 0., 0., 1.,
/// ]);
/// # Ok::<(), vanilla::Error>(())
/// ```
///
/// A trailing axis of 1 is dropped, as in Keras. Unlike Keras, a negative class number does not wrap around, and
/// the result is float32 at once.
///
/// # Errors
/// When a class number is not a whole number in `0..num_classes`.
pub fn to_categorical(labels: &Tensor, num_classes: usize) -> Result<Tensor> {
    numbers("to_categorical", "the tensor of labels", labels)?;
    let mut shape = labels.shape().to_vec();
    if shape.len() > 1 && shape.last() == Some(&1) {
        shape.pop();
    }
    shape.push(num_classes);
    let values = labels.to_f32();
    let mut one_hot = vec![0.0f32; values.len() * num_classes];
    for (row, (value, vector)) in values.iter().zip(one_hot.chunks_exact_mut(num_classes.max(1))).enumerate() {
        if value.fract() != 0.0 || *value < 0.0 || *value >= num_classes as f32 {
            let last = num_classes.saturating_sub(1);
            let problem =
                format!("label {value} in row {row}: {num_classes} classes are numbered from 0 to {last}");
            return Err(Error::data("to_categorical", problem));
        }
        vector[*value as usize] = 1.0;
    }
    if num_classes == 0 && !values.is_empty() {
        return Err(Error::data("to_categorical", "0 classes cannot hold any label"));
    }
    Tensor::new(one_hot, shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses;

    fn network(outputs: usize) -> Network {
        Network { inputs: 4, facts: vec![vanilla_plan::Fact::Affine { units: outputs, bias: true }] }
    }

    fn loss(name: &str) -> std::sync::Arc<dyn Loss> {
        losses::from_config(name, Default::default()).unwrap()
    }

    fn error(x: &[usize], y: Tensor, outputs: usize, name: &str) -> String {
        let x = Tensor::new(vec![1.0f32; x.iter().product()], x).unwrap();
        Prepared::new("fit", &x, &y, &network(outputs), &*loss(name)).unwrap_err().to_string()
    }

    fn labels(values: &[i64]) -> Tensor {
        Tensor::new(values.to_vec(), [values.len()]).unwrap()
    }

    fn floats(shape: &[usize]) -> Tensor {
        Tensor::new(vec![0.5f32; shape.iter().product()], shape).unwrap()
    }

    #[test]
    fn what_does_not_fit_is_named_with_a_way_out() {
        let cases = [
            (
                error(&[2, 3], labels(&[0, 1]), 3, "mse"),
                "fit: x has 3 columns (shape [2, 3]), expected 4: the model's input is (None, 4)",
            ),
            (error(&[0, 4], labels(&[]), 3, "mse"), "fit: x has the shape [0, 4]: the data set is empty"),
            (
                error(&[2, 2, 2], labels(&[0, 1, 2]), 3, "mse"),
                "fit: x has 2 rows and y has 3: one target for every row is needed",
            ),
            (
                error(&[3, 4], labels(&[0, 1, 3]), 3, "sparse_categorical_crossentropy"),
                "fit: y is 3 in row 2: with 3 outputs, labels are whole numbers from 0 to 2",
            ),
            (
                error(&[2, 4], labels(&[0, -1]), 3, "sparse_categorical_crossentropy"),
                "fit: y is -1 in row 1: with 3 outputs, labels are whole numbers from 0 to 2",
            ),
            (
                error(&[2, 4], floats(&[2, 3]), 3, "sparse_categorical_crossentropy"),
                "fit: y has the shape [2, 3]: sparse_categorical_crossentropy wants one class number a row, shape (N,); for one-hot vectors use categorical_crossentropy",
            ),
            (
                error(&[2, 4], labels(&[0, 1]), 3, "categorical_crossentropy"),
                "fit: y has the shape [2] and looks like class numbers, but categorical_crossentropy wants one-hot vectors of width 3: use sparse_categorical_crossentropy, or to_categorical(&y, 3)",
            ),
            (
                error(&[2, 4], floats(&[2, 4]), 3, "categorical_crossentropy"),
                "fit: y has the shape [2, 4], expected (N, 3): the model has 3 outputs, and nothing is broadcast",
            ),
            (
                error(&[2, 4], floats(&[2]), 3, "mse"),
                "fit: y has the shape [2], expected (N, 3): the model has 3 outputs, and nothing is broadcast",
            ),
            (
                error(&[2, 4], floats(&[2, 2]), 1, "mse"),
                "fit: y has the shape [2, 2], expected (N, 1): the model has 1 output, and nothing is broadcast",
            ),
            (
                error(&[2, 4], floats(&[2]) * f32::NAN, 1, "mse"),
                "fit: y is NaN in row 0: every target must be a number",
            ),
        ];
        for (got, want) in cases {
            assert_eq!(got, want);
        }
        let mut x = vec![0.0f32; 8];
        x[6] = f32::INFINITY;
        let x = Tensor::new(x, [2, 4]).unwrap();
        let error = Prepared::new("fit", &x, &floats(&[2]), &network(1), &*loss("mse")).unwrap_err();
        assert_eq!(error.to_string(), "fit: x is inf in row 1, column 2: fill or drop such values first");
        let words = Tensor::new(vec!["a"; 8], [2, 4]).unwrap();
        let error = Prepared::new("fit", &words, &floats(&[2]), &network(1), &*loss("mse")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "fit: x holds strings (shape [2, 4]), expected numbers: put a StringLookup or Hashing first, or parse \
             them"
        );
        let error = Prepared::new(
            "fit",
            &floats(&[2, 4]),
            &words.get(0).unwrap().slice(0..2).unwrap(),
            &network(1),
            &*loss("mse"),
        );
        assert!(error.unwrap_err().to_string().starts_with("fit: y holds strings (shape [2]), expected numbers"));
    }

    #[test]
    fn what_fits_passes() {
        for (x, y, outputs, name) in [
            (vec![2, 2, 2], floats(&[2]), 1, "mse"),
            (vec![2, 4], floats(&[2, 1]), 1, "binary_crossentropy"),
            (vec![2, 4], floats(&[2, 3]), 3, "categorical_crossentropy"),
            (vec![2, 4], labels(&[0, 2]), 3, "sparse_categorical_crossentropy"),
            (vec![2, 4], labels(&[0, 2]).reshape([2, 1]).unwrap(), 3, "sparse_categorical_crossentropy"),
        ] {
            let x = Tensor::new(vec![1i64; x.iter().product()], x).unwrap();
            assert_eq!(Prepared::new("fit", &x, &y, &network(outputs), &*loss(name)).unwrap().rows, 2);
        }
    }

    #[test]
    fn one_hot_vectors() {
        assert_eq!(
            to_categorical(&labels(&[1, 0]).reshape([2, 1]).unwrap(), 2).unwrap().to_f32(),
            [0., 1., 1., 0.]
        );
        for (label, classes) in [(-1, 3), (3, 3), (0, 0)] {
            assert!(to_categorical(&labels(&[label]), classes).is_err());
        }
        assert_eq!(
            to_categorical(&labels(&[0, -1]), 3).unwrap_err().to_string(),
            "to_categorical: label -1 in row 1: 3 classes are numbered from 0 to 2"
        );
    }
}
