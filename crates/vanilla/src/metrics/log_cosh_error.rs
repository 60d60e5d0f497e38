//! `LogCoshError`.
//!
//! **Formula** mean over samples of the loss `LogCosh`: the mean over the outputs of `ln(cosh(output - target))`
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.LogCoshError`

use super::mean_of_loss::mean_of_loss;

mean_of_loss! {
    /// Mean of `ln(cosh(output - target))`.
    LogCoshError "logcosh" LogCosh
}
