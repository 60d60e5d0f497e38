//! `ConcordanceCorrelation`: how nearly outputs are the targets, and not only a straight line of them.
//!
//! **Formula** `2 cov(t, p) / (var(t) + var(p) + (mean(t) - mean(p))^2 + 1e-7)`
//! **Shapes** target and output `(None, k)`, k at least 2 with `axis` = -1
//! **Config** `axis` = -1: over the outputs of every sample, the mean of these. 0: over all samples that were seen, the mean over
//! the outputs; Keras takes the correlation of each batch and the mean over batches
//! **Reference** `keras.metrics.ConcordanceCorrelation`

use super::correlation::{Moments, correlation};

correlation! {
    /// Agreement of outputs and targets.
    ConcordanceCorrelation "concordance_correlation" concordance
}

fn concordance(of: Moments) -> f64 {
    let apart = of.t - of.p;
    2.0 * of.tp / (of.tt + of.pp + apart * apart + 1e-7)
}
