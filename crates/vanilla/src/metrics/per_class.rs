//! `PerClass`: precision, recall and F1 of every class.
//!
//! **Formula** of class i, in `_precision_i`, `_recall_i` and `_f1_i` behind the name: `TP / (TP + FP)`, `TP / (TP + FN)` and
//! `2 TP / (2 TP + FP + FN)`, 0 where that is nothing divided by nothing. Classes as in `ConfusionMatrix`
//! **Shapes** target `(None,)`, `(None, 1)` or `(None, k)`, output `(None, k)`
//! **Config** none
//! **Reference** none: Keras has no such metric, and loads a file that names it with `compile=False`

use super::classes::{Matrix, metric_of_classes};
use super::ratio;

metric_of_classes! {
    /// Precision, recall and F1 of every class.
    PerClass "per_class" None, results
}

fn results(matrix: Matrix<'_>) -> Vec<(String, f64)> {
    let of_class = |class: usize| {
        let both = matrix.of_class(class) + matrix.predicted(class);
        [
            (format!("_precision_{class}"), matrix.precision(class)),
            (format!("_recall_{class}"), matrix.recall(class)),
            (format!("_f1_{class}"), ratio(2.0 * matrix.at(class, class), both)),
        ]
    };
    (0..matrix.classes).flat_map(of_class).collect()
}
