//! `PearsonCorrelation`: how nearly outputs are a rising straight line of targets.
//!
//! **Formula** `cov(t, p) / (sd(t) sd(p))`; 0 where one of them does not vary, which Keras calls NaN
//! **Shapes** target and output `(None, k)`, k at least 2 with `axis` = -1
//! **Config** `axis` = -1: over the outputs of every sample, the mean of these. 0: over all samples that were seen, the mean over
//! the outputs; Keras takes the correlation of each batch and the mean over batches
//! **Reference** `keras.metrics.PearsonCorrelation`

use super::correlation::{Moments, correlation};

correlation! {
    /// Linear correlation of outputs and targets.
    PearsonCorrelation "pearson_correlation" pearson
}

fn pearson(of: Moments) -> f64 {
    super::ratio(of.tp, libm::sqrt(of.tt * of.pp))
}
