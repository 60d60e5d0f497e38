//! `MeanAbsolutePercentageError`.
//!
//! **Formula** mean over samples of the loss of this name: `100` times the mean over the outputs of `|t - p| / max(|t|, 1e-7)`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.MeanAbsolutePercentageError`

use super::mean_of_loss::mean_of_loss;

mean_of_loss! {
    /// Mean of `|output - target|` in percent of `|target|`.
    MeanAbsolutePercentageError "mean_absolute_percentage_error" MeanAbsolutePercentageError
}
