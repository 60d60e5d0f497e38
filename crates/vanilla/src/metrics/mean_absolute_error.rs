//! `MeanAbsoluteError`.
//!
//! **Formula** mean over samples of the loss of this name: the mean over the outputs of `|output - target|`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.MeanAbsoluteError`

use super::mean_of_loss::mean_of_loss;

mean_of_loss! {
    /// Mean of `|output - target|`.
    MeanAbsoluteError "mean_absolute_error" MeanAbsoluteError
}
