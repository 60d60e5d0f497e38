//! The loss of a network that came without one, such as an ONNX file: from what it answers, and what is right.

use super::{
    BinaryCrossentropy, CategoricalCrossentropy, LossArg, MeanSquaredError, SparseCategoricalCrossentropy,
};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// A loss and a metric to evaluate with, and what they were chosen by.
#[derive(Clone, Debug)]
pub struct Suggestion {
    /// The loss, for [`Model::compile`](crate::Model::compile).
    pub loss: LossArg,
    /// The loss as it is written: its name, and `from_logits` where that matters.
    pub name: &'static str,
    /// The metric that people look at with it.
    pub metric: &'static str,
    /// What decided, as a sentence's part.
    pub reason: &'static str,
}

/// How far the probabilities of a row may be from 1 in sum: rounding in f32, or in the program that wrote the file.
const SUM_TOLERANCE: f32 = 1e-3;

/// Chooses by the `outputs` of a network `(rows, …)` and the `targets` `(rows,)` or `(rows, …)` of the same rows:
///
/// ```text
/// targets                     outputs                  loss, metric
/// one class number a row      sum to 1                 sparse_categorical_crossentropy, accuracy
/// one class number a row      several, of any sum      the same from logits
/// one-hot                     sum to 1                 categorical_crossentropy, accuracy
/// one-hot, several            some not from 0 to 1     the same from logits
/// 0 and 1, one per output     between 0 and 1          binary_crossentropy, accuracy
/// numbers, one per output     any                      mse, mae
/// ```
///
/// # Errors
/// When there are no rows, or neither one class number nor one number for each output.
pub fn suggest(outputs: &Tensor, targets: &Tensor) -> Result<Suggestion> {
    let (width, wanted) = (outputs.width(), targets.width());
    if outputs.rows() != targets.rows() || outputs.is_empty() {
        let problem = format!("{} rows of outputs and {} of targets", outputs.rows(), targets.rows());
        return Err(Error::data("y", problem));
    }
    let (predicted, truth) = (outputs.to_f32(), targets.to_f32());
    let within = predicted.iter().all(|p| (0.0..=1.0).contains(p));
    let sums = |row: &[f32]| (row.iter().sum::<f32>() - 1.0).abs() <= SUM_TOLERANCE;
    let probabilities = width > 1 && within && predicted.chunks_exact(width).all(sums);
    let class = |t: &f32| *t >= 0.0 && *t < width as f32 && t.fract() == 0.0;
    let bits = truth.iter().all(|t| *t == 0.0 || *t == 1.0);
    let one_hot = bits && truth.chunks_exact(wanted.max(1)).all(|row| row.iter().sum::<f32>() == 1.0);
    let suggestion = |loss: LossArg, name, metric, reason| Ok(Suggestion { loss, name, metric, reason });

    if width > 1 && wanted == 1 && truth.iter().all(class) {
        let loss = SparseCategoricalCrossentropy::new();
        return if probabilities {
            let reason = "the outputs are probabilities and the targets are class numbers";
            suggestion(loss.into(), "sparse_categorical_crossentropy", "accuracy", reason)
        } else {
            let name = "sparse_categorical_crossentropy with from_logits";
            let reason = "the targets are class numbers and the outputs no probabilities";
            suggestion(loss.from_logits(true).into(), name, "accuracy", reason)
        };
    }
    if width != wanted {
        let problem = format!(
            "{wanted} numbers a row, expected {width}, as many as the model has outputs, or a class number"
        );
        return Err(Error::data("y", problem));
    }
    if probabilities && one_hot {
        let reason = "the outputs are probabilities and the targets are one-hot";
        return suggestion(CategoricalCrossentropy::new().into(), "categorical_crossentropy", "accuracy", reason);
    }
    if width > 1 && one_hot && !within {
        let name = "categorical_crossentropy with from_logits";
        let reason = "the targets are one-hot and the outputs no probabilities";
        let loss = CategoricalCrossentropy::new().from_logits(true);
        return suggestion(loss.into(), name, "accuracy", reason);
    }
    if within && bits {
        let reason = "the outputs lie between 0 and 1 and the targets are 0 and 1";
        return suggestion(BinaryCrossentropy::new().into(), "binary_crossentropy", "accuracy", reason);
    }
    suggestion(MeanSquaredError.into(), "mse", "mae", "the targets are numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(values: &[f32], width: usize) -> Tensor {
        Tensor::new(values.to_vec(), [values.len() / width, width]).unwrap()
    }

    fn chosen(outputs: &[f32], width: usize, targets: &[f32], wanted: usize) -> (&'static str, &'static str) {
        let suggestion = suggest(&table(outputs, width), &table(targets, wanted)).unwrap();
        (suggestion.name, suggestion.metric)
    }

    #[test]
    fn by_outputs_and_targets() {
        let (soft, logits, bits) = ([0.1, 0.9, 0.75, 0.25], [3.0, -1.0, 0.5, 0.5], [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(chosen(&soft, 2, &[1.0, 0.0], 1), ("sparse_categorical_crossentropy", "accuracy"));
        let from_logits = "sparse_categorical_crossentropy with from_logits";
        assert_eq!(chosen(&logits, 2, &[1.0, 0.0], 1), (from_logits, "accuracy"));
        assert_eq!(chosen(&soft, 2, &bits, 2), ("categorical_crossentropy", "accuracy"));
        assert_eq!(chosen(&logits, 2, &bits, 2), ("categorical_crossentropy with from_logits", "accuracy"));
        // Several that may hold at once, so no row sums to 1.
        assert_eq!(chosen(&[0.1, 0.2, 0.9, 0.8], 2, &bits, 2), ("binary_crossentropy", "accuracy"));
        assert_eq!(chosen(&[0.1, 0.8], 1, &[0.0, 1.0], 1), ("binary_crossentropy", "accuracy"));
        assert_eq!(chosen(&[0.1, 0.8], 1, &[0.0, 2.0], 1), ("mse", "mae"));
        assert_eq!(chosen(&[7.0, 3.0], 1, &[0.0, 1.0], 1), ("mse", "mae"));
        assert_eq!(chosen(&[f32::NAN, 3.0], 1, &[0.0, 1.0], 1), ("mse", "mae"));
        assert_eq!(chosen(&soft, 2, &[0.5; 4], 2), ("mse", "mae"));
    }

    #[test]
    fn what_does_not_fit() {
        let error = |outputs: &Tensor, targets: &Tensor| suggest(outputs, targets).unwrap_err().to_string();
        let soft = table(&[0.1, 0.9], 2);
        assert_eq!(
            error(&soft, &table(&[1.0, 2.0, 3.0], 3)),
            "y: 3 numbers a row, expected 2, as many as the model has outputs, or a class number"
        );
        assert_eq!(
            error(&soft, &table(&[2.0], 1)),
            "y: 1 numbers a row, expected 2, as many as the model has outputs, or a class number"
        );
        assert_eq!(error(&soft, &table(&[2.0, 1.0], 1)), "y: 1 rows of outputs and 2 of targets");
    }
}
