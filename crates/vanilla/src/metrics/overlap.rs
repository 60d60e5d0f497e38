//! What the metrics of intersection over union have in common: weights of pairs of true and predicted classes.
//!
//! **Formula** see `IoU`
//! **Config** see `IoU`
//! **Reference** `keras.src.metrics.iou_metrics`

use super::{Row, argmax};
use crate::config::Config;
use crate::error::Result;

/// Which pairs are counted, and of which classes the result is.
#[derive(Clone, Debug)]
pub(super) struct Overlap {
    pub num_classes: usize,
    /// The result is of these.
    pub of: Vec<usize>,
    pub ignore_class: Option<i64>,
    pub sparse_true: bool,
    pub sparse_pred: bool,
    /// Outputs from here up are of class 1, those below of class 0.
    pub threshold: Option<f32>,
}

impl Overlap {
    pub fn new(num_classes: usize, of: Vec<usize>) -> Self {
        let (sparse_true, sparse_pred) = (true, true);
        Self { num_classes, of, ignore_class: None, sparse_true, sparse_pred, threshold: None }
    }

    /// Takes `target_class_ids`.
    pub fn of_classes(config: &mut Config, num_classes: usize) -> Result<Self> {
        let ids = config.signed_list("target_class_ids")?.unwrap_or_default();
        if ids.is_empty() {
            return Err(config.error("no target_class_ids: name the classes that count, such as [0]"));
        }
        let known = |id: &i64| usize::try_from(*id).ok().filter(|id| *id < num_classes);
        match ids.iter().find(|id| known(id).is_none()) {
            Some(id) => Err(config.error(format!(
                "target_class_ids has {id}, expected classes from 0 to {}",
                num_classes.saturating_sub(1)
            ))),
            None => Ok(Self::new(num_classes, ids.iter().filter_map(known).collect())),
        }
    }

    /// Takes the keys that say what targets and outputs are.
    pub fn sparse(mut self, config: &mut Config, truth: bool, predicted: bool) -> Result<Self> {
        match config.take("axis") {
            Some(axis) if axis != -1 => {
                return Err(config.error(format!("axis = {axis}, expected -1, the last axis")));
            }
            _ => {}
        }
        self.ignore_class = config.signed("ignore_class")?;
        self.sparse_true = if truth { config.boolean("sparse_y_true")?.unwrap_or(true) } else { false };
        self.sparse_pred = config.boolean("sparse_y_pred")?.unwrap_or(predicted);
        Ok(self)
    }

    /// As above, for one-hot targets.
    pub fn one_hot(self, config: &mut Config) -> Result<Self> {
        self.sparse(config, false, false)
    }

    pub fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        let pairs = |wide: usize, sparse: bool| if sparse { wide } else { 1 };
        let (targets, predicted) = (pairs(target, self.sparse_true), pairs(outputs, self.sparse_pred));
        let too_few = |wide: usize, sparse: bool| !sparse && wide < self.num_classes;
        if too_few(target, self.sparse_true) {
            return Err(format!(
                "wants one-hot targets of {} classes, and they have {target} columns: say sparse_y_true for class \
                 numbers (of IoU and MeanIoU)",
                self.num_classes
            ));
        }
        if targets == predicted {
            return Ok(());
        }
        Err(format!(
            "compares {targets} classes a row with {predicted}: say sparse_y_pred = false where outputs are the \
             probabilities of classes"
        ))
    }

    pub fn observe(&self, row: &Row<'_>, weight: f64, sums: &mut [f64]) {
        let one = |values: &[f32]| vec![argmax(values) as f32];
        let truth = if self.sparse_true { row.target.to_vec() } else { one(row.target) };
        let predicted = match self.threshold {
            Some(threshold) => row.output.iter().map(|y| f32::from(u8::from(*y >= threshold))).collect(),
            None if self.sparse_pred => row.output.to_vec(),
            None => one(row.output),
        };
        for (t, p) in truth.iter().zip(&predicted) {
            // As a cast to a whole number, which cuts off the fraction.
            let (t, p) = (*t as i64, *p as i64);
            let class = |id: i64| usize::try_from(id).ok().filter(|id| *id < self.num_classes);
            if let (Some(row), Some(column)) = (class(t), class(p))
                && self.ignore_class != Some(t)
            {
                sums[row * self.num_classes + column] += weight;
            }
        }
    }

    pub fn result(&self, sums: &[f64]) -> f64 {
        let (n, mut total, mut occurring) = (self.num_classes, 0.0, 0.0);
        for &class in &self.of {
            let both = sums[class * n + class];
            let of_row: f64 = sums[class * n..(class + 1) * n].iter().sum();
            let of_column: f64 = (0..n).map(|row| sums[row * n + class]).sum();
            let any = of_row + of_column - both;
            if any > 1e-9 {
                total += both / (any + EPSILON);
                occurring += 1.0;
            }
        }
        total / (occurring + EPSILON)
    }
}

/// In denominators, as Keras has it.
const EPSILON: f64 = 1e-7;

/// More cells than this are a mistake.
const MOST_CLASSES: usize = 4096;

/// Takes `num_classes`.
pub(super) fn classes(config: &mut Config) -> Result<usize> {
    match config.integer("num_classes")? {
        Some(count) if (1..=MOST_CLASSES).contains(&count) => Ok(count),
        Some(count) => {
            Err(config.error(format!("num_classes = {count}, expected a number from 1 to {MOST_CLASSES}")))
        }
        None => Err(config.error("no num_classes: say how many classes there are")),
    }
}

/// A metric that is an [`Overlap`] with `keys`: its type, its name.
macro_rules! metric_of_overlap {
    ($(#[$doc:meta])* $word:ident $name:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $word {
            overlap: $crate::metrics::overlap::Overlap,
        }

        impl $crate::metrics::Metric for $word {
            fn class_name(&self) -> &str {
                stringify!($word)
            }
            fn name(&self) -> &str {
                $name
            }
            fn config(&self) -> $crate::config::Keys {
                self.keys()
            }
            fn direction(&self) -> Option<$crate::metrics::Direction> {
                Some($crate::metrics::Direction::Up)
            }
            fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
                self.overlap.check(target, outputs)
            }
            fn sums(&self, _target: usize, _outputs: usize) -> usize {
                self.overlap.num_classes * self.overlap.num_classes
            }
            fn observe(&self, row: &$crate::metrics::Row<'_>, weight: f64, sums: &mut [f64]) {
                self.overlap.observe(row, weight, sums);
            }
            fn result(&self, sums: &[f64]) -> f64 {
                self.overlap.result(sums)
            }
        }
    };
}
pub(super) use metric_of_overlap;
