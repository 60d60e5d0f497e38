//! `KLDivergence`.
//!
//! **Formula** mean over samples of the loss of this name: `sum(t ln(t / p))`, both kept in `[1e-7, 1]`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.KLDivergence`

use super::mean_of_loss::mean_of_loss;

mean_of_loss! {
    /// Mean divergence of the predicted distribution from the true one.
    KLDivergence "kl_divergence" KLDivergence
}
