//! `MeanSquaredError`.
//!
//! **Formula** mean over samples of the loss of this name: the mean over the outputs of `(output - target)^2`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.MeanSquaredError`

use super::mean_of_loss::mean_of_loss;

mean_of_loss! {
    /// Mean of `(output - target)^2`.
    MeanSquaredError "mean_squared_error" MeanSquaredError
}
