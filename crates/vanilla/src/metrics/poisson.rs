//! `Poisson`.
//!
//! **Formula** mean over samples of the loss of this name: the mean over the outputs of `p - t ln(p + 1e-7)`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.Poisson`

use super::mean_of_loss::mean_of_loss;

mean_of_loss! {
    /// Mean negative log-likelihood of counts, but for what the outputs do not change.
    Poisson "poisson" Poisson
}
