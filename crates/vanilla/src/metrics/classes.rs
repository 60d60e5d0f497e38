//! What metrics of true and predicted classes have in common: the weights of all pairs of them.
//!
//! **Formula** the true class is a class number, or the largest element of a one-hot target; the predicted one the largest
//! output. A single output has two classes, on both sides of one half. Labels that are no class do not count
//! **Shapes** target `(None,)`, `(None, 1)` or `(None, k)`, output `(None, k)`
//! **Config** none
//! **Reference** none: Keras has no such metrics, and loads a file that names them with `compile=False`

use super::{Row, argmax, ratio};

/// Classes of so many outputs.
pub(super) fn count(outputs: usize) -> usize {
    outputs.max(2)
}

/// The true and the predicted class.
pub(super) fn pair(row: &Row<'_>) -> Option<(usize, usize)> {
    let yes = |x: f32| usize::from(x > 0.5);
    match (row.target, row.output) {
        (&[t], &[y]) => Some((yes(t), yes(y))),
        (&[label], output) => {
            let class = label.fract() == 0.0 && label >= 0.0 && label < output.len() as f32;
            class.then(|| (label as usize, argmax(output)))
        }
        (target, output) => Some((argmax(target), argmax(output))),
    }
}

/// As many columns as outputs, or one.
pub(super) fn check(target: usize, outputs: usize) -> Result<(), String> {
    if target == 1 { Ok(()) } else { super::same_width(target, outputs) }
}

/// Adds a sample to the matrix.
pub(super) fn observe(row: &Row<'_>, weight: f64, sums: &mut [f64]) {
    let classes = count(row.output.len());
    if let Some((truth, predicted)) = pair(row) {
        sums[truth * classes + predicted] += weight;
    }
}

/// The matrix behind the sums: of each true class, what it was predicted as.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix<'a> {
    pub classes: usize,
    sums: &'a [f64],
}

impl<'a> Matrix<'a> {
    pub fn of(sums: &'a [f64]) -> Self {
        Self { classes: sums.len().isqrt(), sums }
    }
    pub fn at(&self, truth: usize, predicted: usize) -> f64 {
        self.sums[truth * self.classes + predicted]
    }
    /// Samples of this class.
    pub fn of_class(&self, class: usize) -> f64 {
        (0..self.classes).map(|predicted| self.at(class, predicted)).sum()
    }
    /// Samples that were predicted to be of this class.
    pub fn predicted(&self, class: usize) -> f64 {
        (0..self.classes).map(|truth| self.at(truth, class)).sum()
    }
    pub fn recall(&self, class: usize) -> f64 {
        ratio(self.at(class, class), self.of_class(class))
    }
    pub fn precision(&self, class: usize) -> f64 {
        ratio(self.at(class, class), self.predicted(class))
    }
}

/// A metric of the matrix: its type, its name.
macro_rules! metric_of_classes {
    ($(#[$doc:meta])* $word:ident $name:literal $direction:expr, $results:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $word;

        impl $word {
            pub(super) fn from_config(_config: &mut $crate::config::Config) -> $crate::error::Result<Self> {
                Ok(Self)
            }
        }

        impl $crate::metrics::Metric for $word {
            fn class_name(&self) -> &str {
                stringify!($word)
            }
            fn name(&self) -> &str {
                $name
            }
            fn direction(&self) -> Option<$crate::metrics::Direction> {
                $direction
            }
            fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
                $crate::metrics::classes::check(target, outputs)
            }
            fn sums(&self, _target: usize, outputs: usize) -> usize {
                let classes = $crate::metrics::classes::count(outputs);
                classes * classes
            }
            fn observe(&self, row: &$crate::metrics::Row<'_>, weight: f64, sums: &mut [f64]) {
                $crate::metrics::classes::observe(row, weight, sums);
            }
            fn result(&self, sums: &[f64]) -> f64 {
                self.results(sums)[0].1
            }
            fn results(&self, sums: &[f64]) -> Vec<(String, f64)> {
                $results($crate::metrics::classes::Matrix::of(sums))
            }
        }
    };
}
pub(super) use metric_of_classes;
