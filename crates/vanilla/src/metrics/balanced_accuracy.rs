//! `BalancedAccuracy`: accuracy in which every class counts the same, however rare.
//!
//! **Formula** the mean of the recalls of all classes that occur. Classes as in `ConfusionMatrix`
//! **Shapes** target `(None,)`, `(None, 1)` or `(None, k)`, output `(None, k)`
//! **Config** none
//! **Reference** none in Keras, which loads a file that names it with `compile=False`; Brodersen et al. 2010, "The balanced
//! accuracy and its posterior distribution"

use super::classes::{Matrix, metric_of_classes};
use super::{Direction, ratio};

metric_of_classes! {
    /// Mean recall of the classes that occur.
    BalancedAccuracy "balanced_accuracy" Some(Direction::Up), results
}

fn results(matrix: Matrix<'_>) -> Vec<(String, f64)> {
    let occurring = || (0..matrix.classes).filter(|class| matrix.of_class(*class) > 0.0);
    let sum = occurring().map(|class| matrix.recall(class)).sum();
    vec![(String::new(), ratio(sum, occurring().count() as f64))]
}
