//! `ConfusionMatrix`: what each class was taken for.
//!
//! **Formula** the weights of samples of class i that were predicted as class j, in `_i_j` behind the name. Largest output
//! predicted; a single output makes two classes, on both sides of one half
//! **Shapes** target `(None,)`, `(None, 1)` or `(None, k)`, output `(None, k)`
//! **Config** none
//! **Reference** none: Keras has no such metric, and loads a file that names it with `compile=False`

use super::classes::{Matrix, metric_of_classes};

metric_of_classes! {
    /// Weights of samples by true and predicted class.
    ConfusionMatrix "confusion_matrix" None, results
}

impl ConfusionMatrix {
    /// The matrix of these sums (or of the values of `results`, in their order): a row for each true class, a column for
    /// each predicted one.
    pub fn matrix(&self, sums: &[f64]) -> Vec<Vec<f64>> {
        let matrix = Matrix::of(sums);
        let row = |truth: usize| (0..matrix.classes).map(|predicted| matrix.at(truth, predicted)).collect();
        (0..matrix.classes).map(row).collect()
    }
}

fn results(matrix: Matrix<'_>) -> Vec<(String, f64)> {
    let cell = |i: usize| (i / matrix.classes, i % matrix.classes);
    let named = |(i, j): (usize, usize)| (format!("_{i}_{j}"), matrix.at(i, j));
    (0..matrix.classes * matrix.classes).map(cell).map(named).collect()
}
