//! Data, checked once before the first step: what passes here cannot fail in training.

use crate::arrays::Arrays;
use crate::build::{Built, Front};
use crate::compile::{Compiled, CompiledLoss};
use crate::error::{Error, Result};
use crate::identity::hash_floats;
use crate::layers::shape;
use crate::losses::Targets;
use crate::model::MAX_WIDTH;
use crate::tensor::{F32, I64, STR, Tensor};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use vanilla_plan::Batch;
use vanilla_plan::kernels::Source;

/// Inputs, targets and weights that fit a network and its losses.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// One an input of the network, each a table of bytes or floats with one row a sample.
    x: Vec<Tensor>,
    /// Row-major targets, one table an output.
    y: Vec<Vec<f32>>,
    /// Targets as they were, where the loss has changed them, one table an output.
    given: Vec<Option<Vec<f32>>>,
    /// What each sample counts, one table an output.
    weights: Vec<Option<Vec<f32>>>,
    pub rows: usize,
}

/// The tables, as a plan reads them.
pub(crate) struct View<'a> {
    x: Vec<Source<'a>>,
    y: Vec<&'a [f32]>,
    weights: Vec<Option<&'a [f32]>>,
}

impl View<'_> {
    /// The batch of these rows.
    pub fn batch<'a>(&'a self, rows: &'a [usize], next: &'a [usize]) -> Batch<'a> {
        Batch { x: &self.x, y: &self.y, weights: &self.weights, rows, next }
    }
}

/// What samples count.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weights<'a> {
    pub sample: Option<&'a Arrays>,
    pub class: Option<&'a BTreeMap<i64, f64>>,
}

impl Prepared {
    /// Checks and converts; `place` is `fit`, `evaluate`, `validation_data`, …
    pub fn new(
        place: &str,
        built: &Built,
        compiled: &Compiled,
        x: &Arrays,
        y: &Arrays,
        weights: Weights<'_>,
    ) -> Result<Self> {
        let inputs = inputs(place, built, x)?;
        let rows = inputs[0].rows();
        let outputs = built.output_shapes.len();
        if y.0.len() != outputs {
            let problem = format!("y has {} tensors, expected {outputs}: one for each output", y.0.len());
            return Err(Error::data(place, problem));
        }
        let (mut tables, mut given) = (Vec::new(), Vec::new());
        for (number, (y, loss)) in y.0.iter().zip(&compiled.losses).enumerate() {
            same_rows(place, rows, y)?;
            let name = if outputs > 1 { format!("y[{number}]") } else { "y".into() };
            tables.push(match loss {
                Some(loss) => {
                    let as_given = targets(place, &name, y, &built.output_shapes[number], loss)?;
                    let mut table = as_given.clone();
                    loss.loss.prepare(&mut table);
                    given.push((table != as_given).then_some(as_given));
                    table
                }
                None => {
                    given.push(None);
                    Vec::new()
                }
            });
        }
        let weights = sample_weights(place, built, rows, y, weights)?;
        Ok(Self { x: inputs, y: tables, given, weights, rows })
    }

    /// Inputs alone.
    pub fn inputs(place: &str, built: &Built, x: &Arrays) -> Result<Self> {
        let x = inputs(place, built, x)?;
        let rows = x[0].rows();
        Ok(Self { x, y: Vec::new(), given: Vec::new(), weights: Vec::new(), rows })
    }

    /// The tables, as a plan reads them.
    pub fn view(&self) -> View<'_> {
        View {
            x: self.x.iter().map(|x| x.source().expect("inputs are bytes or floats")).collect(),
            y: self.y.iter().map(Vec::as_slice).collect(),
            weights: self.weights.iter().map(|weights| weights.as_deref()).collect(),
        }
    }

    /// Targets of an output as they were given, where its loss has changed them.
    pub fn given_targets(&self, output: usize) -> Option<&[f32]> {
        self.given.get(output).and_then(|targets| targets.as_deref())
    }

    /// What each sample counts for an output, if not 1.
    pub fn sample_weights(&self, output: usize) -> Option<&[f32]> {
        self.weights.get(output).and_then(|weights| weights.as_deref())
    }

    /// SHA-256 over everything that training reads: shape, inputs, targets, weights of samples.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        let view = self.view();
        for (x, source) in self.x.iter().zip(&view.x) {
            for size in [self.rows, x.width(), self.y.first().map_or(0, Vec::len)] {
                hash.update((size as u64).to_le_bytes());
            }
            match source {
                Source::U8(bytes, table) => {
                    hash.update(b"u8");
                    hash_floats(&mut hash, &table[..]);
                    hash.update(bytes);
                }
                Source::F32(floats) => {
                    hash.update(b"f32");
                    hash_floats(&mut hash, floats);
                }
            }
        }
        view.y.iter().for_each(|y| hash_floats(&mut hash, y));
        view.weights.iter().flatten().for_each(|weights| hash_floats(&mut hash, weights));
        crate::datasets::hex(&hash.finalize())
    }

    /// The largest input and the largest target of these rows, by size.
    pub fn largest(&self, rows: &[usize]) -> (f32, f32) {
        let mut largest = (0.0f32, 0.0f32);
        for &row in rows {
            for x in &self.x {
                let of_row = row * x.width()..(row + 1) * x.width();
                match x.source().expect("inputs are bytes or floats") {
                    Source::U8(bytes, table) => bytes[of_row]
                        .iter()
                        .for_each(|&byte| largest.0 = largest.0.max(table[usize::from(byte)].abs())),
                    Source::F32(floats) => floats[of_row].iter().for_each(|x| largest.0 = largest.0.max(x.abs())),
                }
            }
            for y in &self.y {
                let width = y.len() / self.rows.max(1);
                y[row * width..(row + 1) * width].iter().for_each(|y| largest.1 = largest.1.max(y.abs()));
            }
        }
        largest
    }
}

/// One target for every row.
pub(crate) fn same_rows(place: &str, rows: usize, y: &Tensor) -> Result<()> {
    if y.rows() == rows && !y.shape().is_empty() {
        return Ok(());
    }
    let problem = format!("x has {rows} rows and y has {}: one target for every row is needed", y.rows());
    Err(Error::data(place, problem))
}

/// The inputs of the network, each as a table of bytes or floats, one row a sample.
fn inputs(place: &str, built: &Built, x: &Arrays) -> Result<Vec<Tensor>> {
    let wanted = built.input_shapes.len();
    if x.0.len() != wanted {
        let problem = format!("x has {} tensors, expected {wanted}: one for each input of the model", x.0.len());
        return Err(Error::data(place, problem));
    }
    let name = |input: usize| if wanted > 1 { format!("x[{input}]") } else { "x".to_owned() };
    for (input, tensor) in x.0.iter().enumerate() {
        if tensor.shape().is_empty() || tensor.is_empty() {
            let problem = format!("{} has the shape {:?}: the data set is empty", name(input), tensor.shape());
            return Err(Error::data(place, problem));
        }
        if tensor.rows() != x.0[0].rows() {
            let problem = format!(
                "x[0] has {} rows and {} has {}: every input has one row a sample",
                x.0[0].rows(),
                name(input),
                tensor.rows()
            );
            return Err(Error::data(place, problem));
        }
    }
    let front = |front: &Front| input(place, &name(front.input), built, front, &x.0[front.input]);
    built.fronts.iter().map(front).collect()
}

/// One input of the network, made of one of the model.
fn input(place: &str, name: &str, built: &Built, front: &Front, x: &Tensor) -> Result<Tensor> {
    let rows = x.rows();
    let stated = &built.input_shapes[front.input];
    let width: usize = stated.iter().product();
    // A vector is a column where the network has one input.
    if x.width() != width {
        let problem = format!(
            "{name} has {} columns (shape {:?}), expected {width}: the model's input is {}",
            x.width(),
            x.shape(),
            shape(stated)
        );
        return Err(Error::data(place, problem));
    }
    let mut x = x.clone();
    if !front.chain.is_empty() {
        x = x.reshape([&[rows], &stated[..]].concat())?;
    }
    for layer in &front.chain {
        let preprocessor = layer.preprocessor().expect("a chain of preprocessing layers");
        x = preprocessor.apply(&format!("{place}: {name}, layer '{}'", front.place), &x)?;
    }
    let x = numbers(place, name, &x)?.reshape([rows, front.width])?;
    let x = if x.dtype() == I64 { x.astype(F32) } else { x };
    if let Some(index) = x.first_non_finite() {
        let (row, column) = (index / front.width, index % front.width);
        let problem = format!(
            "{name} is {} in row {row}, column {column}: fill or drop such values first",
            x.to_f32()[index]
        );
        return Err(Error::data(place, problem));
    }
    if let Some((below, layer)) = &front.below {
        let bad = |value: &f32| value.fract() != 0.0 || *value < 0.0 || *value >= *below as f32;
        let values = x.to_f32();
        if let Some(index) = values.iter().position(bad) {
            let problem = format!(
                "{name} is {} in row {}: layer '{layer}' (Embedding) reads whole numbers from 0 to {}",
                values[index],
                index / front.width,
                below.saturating_sub(1)
            );
            return Err(Error::data(place, problem));
        }
    }
    Ok(x)
}

/// The values themselves, which must be numbers.
fn numbers<'a>(place: &str, argument: &str, values: &'a Tensor) -> Result<&'a Tensor> {
    if values.dtype() != STR {
        return Ok(values);
    }
    let problem = format!(
        "{argument} holds strings (shape {:?}), expected numbers: put a StringLookup or Hashing first, or parse them",
        values.shape()
    );
    Err(Error::data(place, problem))
}

/// The targets of an output of this shape, a row of the loss's width for every row of the output.
fn targets(place: &str, name: &str, y: &Tensor, output: &[usize], loss: &CompiledLoss) -> Result<Vec<f32>> {
    let loss = &*loss.loss;
    let error = |problem: String| Error::data(place, problem);
    let y = numbers(place, name, y)?;
    let (outer, outputs) = output.split_last().map_or((&[][..], 1), |(last, outer)| (outer, *last));
    // Without the last axis, or with a last axis of one.
    let rows = [&[y.rows()], outer].concat();
    let one_column = y.shape() == rows || y.shape() == [&rows[..], &[1]].concat();
    let whole_shape = y.shape() == [&rows[..], &[outputs]].concat() || y.shape() == rows && outputs == 1;
    let values = y.to_f32();
    if let Some(row) = values.iter().position(|value| !value.is_finite()) {
        return Err(error(format!(
            "{name} is {} in row {}: every target must be a number",
            values[row],
            row / y.width()
        )));
    }
    let whole = || values.iter().all(|value| value.fract() == 0.0);
    match loss.targets() {
        Targets::ClassNumber if one_column => {
            let bad = |value: &f32| {
                let label = value.fract() == 0.0 && *value >= 0.0 && *value < outputs as f32;
                !label && loss.counts(&[*value])
            };
            if let Some(row) = values.iter().position(bad) {
                // The way in which MATLAB and R count.
                let from_1 = values.iter().all(|value| (1.0..=outputs as f32).contains(value));
                return Err(error(format!(
                    "{name} is {} in row {}: with {outputs} outputs, labels are whole numbers from 0 to {}{}",
                    values[row],
                    row / y.width(),
                    outputs.saturating_sub(1),
                    if from_1 { "; these count from 1: subtract 1" } else { "" }
                )));
            }
            Ok(values)
        }
        Targets::ClassNumber => Err(error(format!(
            "{name} has the shape {:?}: {} wants one class number a row, shape (N,); for one-hot vectors use \
             categorical_crossentropy",
            y.shape(),
            loss.name()
        ))),
        Targets::OneHot if one_column && outputs > 1 && whole() => Err(error(format!(
            "{name} has the shape {:?} and looks like class numbers, but {} wants one-hot vectors of width {outputs}: \
             use sparse_categorical_crossentropy, or to_categorical(&y, {outputs})",
            y.shape(),
            loss.name()
        ))),
        _ if whole_shape => Ok(values),
        _ => Err(error(format!(
            "{name} has the shape {:?}, expected {}: the model has {outputs} output{}, and nothing is broadcast",
            y.shape(),
            shape(output).replace("None", "N"),
            if outputs == 1 { "" } else { "s" }
        ))),
    }
}

/// What each sample counts, from weights of samples or of classes.
fn sample_weights(
    place: &str,
    built: &Built,
    rows: usize,
    y: &Arrays,
    weights: Weights<'_>,
) -> Result<Vec<Option<Vec<f32>>>> {
    let outputs = built.output_shapes.len();
    let error = |problem: String| Err(Error::data(place, problem));
    match (weights.sample, weights.class) {
        (None, None) => Ok(vec![None; outputs]),
        (Some(_), Some(_)) => error(
            "both sample_weight and class_weight: a class weight is a sample weight, so give one of them".into(),
        ),
        (Some(sample), None) => {
            let tables: Vec<&Tensor> = match &sample.0[..] {
                [one] => vec![one; outputs],
                each if each.len() == outputs => each.iter().collect(),
                other => {
                    return error(format!("sample_weight has {} tensors, expected 1 or {outputs}", other.len()));
                }
            };
            let read = |tensor: &Tensor| -> Result<Option<Vec<f32>>> {
                let column = tensor.shape() == [rows] || tensor.shape() == [rows, 1];
                numbers(place, "sample_weight", tensor)?;
                if !column {
                    let problem = format!(
                        "sample_weight has the shape {:?}, expected ({rows},): a number for every row",
                        tensor.shape()
                    );
                    return Err(Error::data(place, problem));
                }
                let values = tensor.to_f32();
                if let Some(row) = values.iter().position(|weight| !weight.is_finite() || *weight < 0.0) {
                    let problem =
                        format!("sample_weight is {} in row {row}, expected a number, at least 0", values[row]);
                    return Err(Error::data(place, problem));
                }
                Ok(Some(values))
            };
            tables.into_iter().map(read).collect()
        }
        (None, Some(class)) => {
            if outputs > 1 {
                return error(format!("class_weight, and the model has {outputs} outputs: give sample_weight"));
            }
            if let Some((label, weight)) = class.iter().find(|(_, weight)| !weight.is_finite() || **weight < 0.0) {
                return error(format!("class_weight of {label} is {weight}, expected a number, at least 0"));
            }
            let width = y.0[0].width();
            let classes = built.output_shapes[0].last().copied().unwrap_or(1);
            if let Some(label) = class.keys().find(|label| classes > 1 && !(0..classes as i64).contains(label)) {
                return error(format!(
                    "class_weight of {label}, and the {classes} classes are numbered from 0 to {}",
                    classes - 1
                ));
            }
            let labels = if width > 1 {
                y.0[0].reshape([rows, width])?.argmax()?.to_i64()
            } else {
                y.0[0].to_f32().iter().map(|label| label.round() as i64).collect()
            };
            // A class that is not mentioned counts 1, as in Keras.
            let weight = |label: &i64| class.get(label).map_or(1.0, |weight| *weight as f32);
            Ok(vec![Some(labels.iter().map(weight).collect())])
        }
    }
}

/// Rows for validation and rows for training: inputs, targets, weights.
pub(crate) type Split = [(Arrays, Arrays, Option<Arrays>); 2];

/// Keras's `validation_split`: the last rows, before any shuffling.
pub(crate) fn split(x: Arrays, y: Arrays, weights: Option<Arrays>, share: f64) -> Result<Split> {
    let rows = x.0.first().map_or(0, Tensor::rows);
    let at = (rows as f64 * (1.0 - share)).floor() as usize;
    if !(0.0..1.0).contains(&share) || at == 0 || at >= rows {
        let problem = format!(
            "validation_split = {share} of {rows} rows leaves none to train or none to validate: give a share between \
             0 and 1, such as 0.2"
        );
        return Err(Error::data("fit", problem));
    }
    for y in y.0.iter().chain(&x.0[1..]).chain(weights.iter().flat_map(|weights| &weights.0)) {
        same_rows("fit", rows, y)?;
    }
    let cut = |arrays: &Arrays, range: std::ops::Range<usize>| -> Result<Arrays> {
        arrays.0.iter().map(|tensor| tensor.slice(range.clone())).collect::<Result<_>>().map(Arrays)
    };
    let part = |range: std::ops::Range<usize>| -> Result<(Arrays, Arrays, Option<Arrays>)> {
        let weights = weights.as_ref().map(|weights| cut(weights, range.clone())).transpose()?;
        Ok((cut(&x, range.clone())?, cut(&y, range)?, weights))
    };
    Ok([part(at..rows)?, part(0..at)?])
}

/// One-hot vectors of these class numbers, as floats: `to_categorical([1, 0, 2], 3)` is
/// `[[0, 1, 0], [1, 0, 0], [0, 0, 1]]`.
///
/// With five kinds of fruit, numbered apple 0, pear 1, plum 2, cherry 3 and fig 4, the basket "plum, apple, fig" is:
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
/// A trailing axis of 1 is dropped, as in Keras. Unlike Keras, a negative class number does not wrap around, and the
/// result is float32 at once.
///
/// # Errors
/// When a class number is not a whole number in `0..num_classes`.
pub fn to_categorical(labels: &Tensor, num_classes: usize) -> Result<Tensor> {
    let mut shape = labels.shape().to_vec();
    if shape.len() > 1 && shape.last() == Some(&1) {
        shape.pop();
    }
    shape.push(num_classes);
    if num_classes > MAX_WIDTH {
        let problem = format!("num_classes = {num_classes}, expected at most {MAX_WIDTH}: use a sparse loss");
        return Err(Error::data("to_categorical", problem));
    }
    let bytes = (labels.len() as u64).saturating_mul(num_classes as u64).saturating_mul(4);
    crate::memory::refuse_too_much("to_categorical", bytes, "use fewer classes, or a sparse loss")?;
    let values = numbers("to_categorical", "labels", labels)?.to_f32();
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
        return Err(Error::data("to_categorical", "num_classes = 0 cannot hold any label: give at least 1"));
    }
    Tensor::new(one_hot, shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Dense;
    use crate::model::{Model, Sequential};

    /// A model with four inputs.
    fn model(outputs: usize, loss: &str) -> Model {
        let layers = crate::layers![Dense::new(outputs).activation("softplus").input_dim(4)];
        let mut model = Sequential::new(layers).unwrap();
        model.compile(loss, "sgd", [""; 0]).unwrap();
        model
    }

    fn prepared(x: &Tensor, y: &Tensor, model: &Model) -> Result<Prepared> {
        let (built, compiled) = (model.built.as_ref().unwrap(), model.compiled.as_ref().unwrap());
        Prepared::new("fit", built, compiled, &x.into(), &y.into(), Weights::default())
    }

    fn error(x: &[usize], y: Tensor, outputs: usize, name: &str) -> String {
        let x = Tensor::new(vec![1.0f32; x.iter().product()], x).unwrap();
        prepared(&x, &y, &model(outputs, name)).unwrap_err().to_string()
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
        let error = prepared(&x, &floats(&[2]), &model(1, "mse")).unwrap_err();
        assert_eq!(error.to_string(), "fit: x is inf in row 1, column 2: fill or drop such values first");
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
            assert_eq!(prepared(&x, &y, &model(outputs, name)).unwrap().rows, 2);
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
