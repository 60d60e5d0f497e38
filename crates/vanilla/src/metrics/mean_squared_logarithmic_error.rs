//! `MeanSquaredLogarithmicError`.
//!
//! **Formula** mean over samples of the loss of this name: squared differences of `ln(max(x, 1e-7) + 1)`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.MeanSquaredLogarithmicError`

use super::mean_of_loss::mean_of_loss;

mean_of_loss! {
    /// Mean of the squared difference of `ln(x + 1)`.
    MeanSquaredLogarithmicError "mean_squared_logarithmic_error" MeanSquaredLogarithmicError
}
