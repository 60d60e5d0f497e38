//! `MatthewsCorrelation`: the correlation of true and predicted classes: 1 for all right, 0 for guessing, whatever the
//! shares of the classes.
//!
//! **Formula** with c samples right out of s, t_k of class k and p_k predicted as k: `(c s - sum t_k p_k) /
//! sqrt((s^2 - sum p_k^2) (s^2 - sum t_k^2))`, 0 where that is nothing divided by nothing. Classes as in `ConfusionMatrix`
//! **Shapes** target `(None,)`, `(None, 1)` or `(None, k)`, output `(None, k)`
//! **Config** none
//! **Reference** none in Keras, which loads a file that names it with `compile=False`; Gorodkin 2004, "Comparing two K-category
//! assignments by a K-category correlation coefficient"

use super::classes::{Matrix, metric_of_classes};
use super::{Direction, ratio};

metric_of_classes! {
    /// Correlation of true and predicted classes.
    MatthewsCorrelation "matthews_correlation" Some(Direction::Up), results
}

fn results(matrix: Matrix<'_>) -> Vec<(String, f64)> {
    let over = |f: &dyn Fn(usize) -> f64| (0..matrix.classes).map(f).sum::<f64>();
    let (all, right) = (over(&|k| matrix.of_class(k)), over(&|k| matrix.at(k, k)));
    let both = over(&|k| matrix.of_class(k) * matrix.predicted(k));
    let spread = |squares: f64| (all * all - squares).max(0.0);
    let predicted = spread(over(&|k| matrix.predicted(k) * matrix.predicted(k)));
    let truth = spread(over(&|k| matrix.of_class(k) * matrix.of_class(k)));
    vec![(String::new(), ratio(right * all - both, libm::sqrt(predicted * truth)))]
}
