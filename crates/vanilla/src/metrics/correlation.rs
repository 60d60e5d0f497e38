//! What `PearsonCorrelation` and `ConcordanceCorrelation` have in common: moments of two series.
//!
//! **Formula** means, mean squares and mean products of deviations, weighted. Over samples (`axis` 0) they are sums of
//! deviations from the first sample, so that series far from zero keep their digits
//! **Config** `axis` = -1: a correlation over the outputs of every sample, of which the result is the mean. `axis` = 0: one of
//! every output over all samples that were seen, of which the result is the mean; Keras takes the correlation of each batch
//! and the mean over batches
//! **Reference** `keras.src.metrics.correlation_metrics`

use super::{Row, ratio};
use crate::config::Config;
use crate::error::Result;

/// Of targets t and outputs p: means, variances, covariance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    pub t: f64,
    pub p: f64,
    pub tt: f64,
    pub pp: f64,
    pub tp: f64,
}

/// Weight, first t and p, sums of deviations from them and of their products.
const SUMS: usize = 8;

fn add(sums: &mut [f64], t: f32, p: f32, weight: f64) {
    if sums[0] == 0.0 {
        (sums[1], sums[2]) = (f64::from(t), f64::from(p));
    }
    let (t, p) = (f64::from(t) - sums[1], f64::from(p) - sums[2]);
    sums[0] += weight;
    for (sum, value) in sums[3..].iter_mut().zip([t, p, t * t, p * p, t * p]) {
        *sum += weight * value;
    }
}

fn moments(sums: &[f64]) -> Moments {
    let mean = |i: usize| ratio(sums[i], sums[0]);
    let (t, p) = (mean(3), mean(4));
    // Below this a variance is what rounding has left of equal numbers.
    let clean = |square: f64, mean: f64| {
        let variance = square - mean * mean;
        if variance > 1e-14 * square { variance } else { 0.0 }
    };
    let (tt, pp) = (clean(mean(5), t), clean(mean(6), p));
    Moments { t: sums[1] + t, p: sums[2] + p, tt, pp, tp: mean(7) - t * p }
}

/// Takes `axis`: whether it is over samples.
pub(super) fn over_samples(config: &mut Config) -> Result<bool> {
    match config.signed("axis")?.unwrap_or(-1) {
        -1 => Ok(false),
        0 => Ok(true),
        axis => Err(config.error(format!("axis = {axis}, expected -1, over outputs, or 0, over samples"))),
    }
}

pub(super) fn sums(over_samples: bool, outputs: usize) -> usize {
    if over_samples { SUMS * outputs } else { 2 }
}

pub(super) fn check(over_samples: bool, target: usize, outputs: usize) -> std::result::Result<(), String> {
    if !over_samples && outputs == 1 {
        return Err("is a correlation over the outputs of a sample, and there is one output: say axis = 0".into());
    }
    super::same_width(target, outputs)
}

pub(super) fn observe(over_samples: bool, of: fn(Moments) -> f64, row: &Row<'_>, weight: f64, all: &mut [f64]) {
    let pairs = row.target.iter().zip(row.output);
    if over_samples {
        if weight != 0.0 {
            pairs.zip(all.chunks_exact_mut(SUMS)).for_each(|((t, p), sums)| add(sums, *t, *p, weight));
        }
        return;
    }
    let mut sums = [0.0; SUMS];
    pairs.for_each(|(t, p)| add(&mut sums, *t, *p, 1.0));
    all[0] += weight * of(moments(&sums));
    all[1] += weight;
}

pub(super) fn result(over_samples: bool, of: fn(Moments) -> f64, all: &[f64]) -> f64 {
    if !over_samples {
        return ratio(all[0], all[1]);
    }
    let outputs = all.chunks_exact(SUMS);
    let count = outputs.len().max(1) as f64;
    outputs.map(|sums| if sums[0] > 0.0 { of(moments(sums)) } else { 0.0 }).sum::<f64>() / count
}

/// A metric that is a function of [`Moments`]: its type, its name, the function.
macro_rules! correlation {
    ($(#[$doc:meta])* $word:ident $name:literal $of:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $word {
            over_samples: bool,
        }

        impl $word {
            /// Over the outputs of every sample.
            pub fn new() -> Self {
                Self::default()
            }

            /// Over all samples, of every output: Keras's `axis=0`.
            pub fn over_samples(mut self) -> Self {
                self.over_samples = true;
                self
            }

            pub(super) fn from_config(config: &mut $crate::config::Config) -> $crate::error::Result<Self> {
                Ok(Self { over_samples: $crate::metrics::correlation::over_samples(config)? })
            }
        }

        impl $crate::metrics::Metric for $word {
            fn class_name(&self) -> &str {
                stringify!($word)
            }
            fn name(&self) -> &str {
                $name
            }
            fn config(&self) -> $crate::config::Keys {
                let axis = if self.over_samples { 0 } else { -1 };
                $crate::config::keys! { "axis": axis }
            }
            fn direction(&self) -> Option<$crate::metrics::Direction> {
                Some($crate::metrics::Direction::Up)
            }
            fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
                $crate::metrics::correlation::check(self.over_samples, target, outputs)
            }
            fn sums(&self, _target: usize, outputs: usize) -> usize {
                $crate::metrics::correlation::sums(self.over_samples, outputs)
            }
            fn observe(&self, row: &$crate::metrics::Row<'_>, weight: f64, sums: &mut [f64]) {
                $crate::metrics::correlation::observe(self.over_samples, $of, row, weight, sums);
            }
            fn result(&self, sums: &[f64]) -> f64 {
                $crate::metrics::correlation::result(self.over_samples, $of, sums)
            }
        }
    };
}
pub(super) use correlation;
