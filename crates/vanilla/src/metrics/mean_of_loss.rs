//! What metrics that are the mean of a loss have in common.
//!
//! **Formula** sum over samples of weight times loss, over the sum of weights. A cross-entropy sees the logits where the
//! model's loss was joined with the last activation, as Keras's does
//! **Config** that of the loss
//! **Reference** `keras.metrics.MeanMetricWrapper`

use super::Row;
use std::sync::OnceLock;
use vanilla_plan::kernels::{Isa, Kernels};
use vanilla_plan::{Joined, Loss};

/// The loss of a sample. On plain kernels, so that no processor changes a bit of it.
pub(super) fn value(loss: &impl Loss, row: &Row<'_>) -> f32 {
    static KERNELS: OnceLock<Kernels> = OnceLock::new();
    let kernels = KERNELS.get_or_init(|| Kernels::portable(Isa::Scalar, 1).expect("plain Rust runs everywhere"));
    let mut d = vec![0.0; row.output.len()];
    match row.logits {
        Some((link, logits)) if loss.joins(link) => {
            let mut prediction = vec![0.0; logits.len()];
            loss.row_from_logits(&Joined::new(kernels, link, logits, &mut prediction), row.target, &mut d)
        }
        _ => loss.row(kernels, row.target, row.output, &mut d),
    }
}

/// A metric that is the mean of a loss without arguments: its type, its name, the loss.
macro_rules! mean_of_loss {
    ($(#[$doc:meta])* $word:ident $name:literal $loss:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $word;

        impl $word {
            pub(super) fn from_config(_: &mut $crate::config::Config) -> $crate::error::Result<Self> {
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
                Some($crate::metrics::Direction::Down)
            }
            fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
                $crate::metrics::same_width(target, outputs)
            }
            fn sample(&self, row: &$crate::metrics::Row<'_>) -> f32 {
                $crate::metrics::mean_of_loss::value(&$crate::losses::$loss, row)
            }
        }
    };
}
pub(super) use mean_of_loss;

/// As above, of a loss whose labels 0 and 1 count as -1 and 1 if there are no others: sums of both, the weights, and how
/// many others there were.
macro_rules! mean_of_hinge {
    ($(#[$doc:meta])* $word:ident $name:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $word;

        impl $word {
            pub(super) fn from_config(_: &mut $crate::config::Config) -> $crate::error::Result<Self> {
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
                Some($crate::metrics::Direction::Down)
            }
            fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
                $crate::metrics::same_width(target, outputs)
            }
            fn sums(&self, _target: usize, _outputs: usize) -> usize {
                4
            }
            fn sample(&self, row: &$crate::metrics::Row<'_>) -> f32 {
                $crate::metrics::mean_of_loss::value(&$crate::losses::$word, row)
            }
            fn observe(&self, row: &$crate::metrics::Row<'_>, weight: f64, sums: &mut [f64]) {
                let signs: Vec<f32> = row.target.iter().map(|t| 2.0 * t - 1.0).collect();
                let as_signs = $crate::metrics::Row { target: &signs, ..*row };
                sums[0] += weight * f64::from(self.sample(row));
                sums[1] += weight * f64::from(self.sample(&as_signs));
                sums[2] += weight;
                sums[3] += row.target.iter().filter(|t| **t != 0.0 && **t != 1.0).count() as f64;
            }
            fn result(&self, sums: &[f64]) -> f64 {
                $crate::metrics::ratio(if sums[3] == 0.0 { sums[1] } else { sums[0] }, sums[2])
            }
        }
    };
}
pub(super) use mean_of_hinge;
