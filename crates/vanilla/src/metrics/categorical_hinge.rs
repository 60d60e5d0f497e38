//! `CategoricalHinge`.
//!
//! **Formula** mean over samples of the loss of this name: `max(max((1 - t) p) - sum(t p) + 1, 0)`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.CategoricalHinge`

use super::mean_of_loss::mean_of_loss;

mean_of_loss! {
    /// Mean of what the true class lacks to a lead of one.
    CategoricalHinge "categorical_hinge" CategoricalHinge
}
