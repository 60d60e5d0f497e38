//! `FalseNegatives`.
//!
//! **Formula** the weights of outputs not above the threshold whose label is 1, summed over samples and outputs
//! **Shapes** target and output `(None, k)`, labels 0 or 1 for every output
//! **Config** `thresholds` = null, which is 0.5; of several there are several results, with `_0`, `_1`, ... behind the name
//! **Reference** `keras.metrics.FalseNegatives`

use super::thresholds::count_above;

count_above! {
    /// Number of outputs not above the threshold whose label is 1.
    FalseNegatives "false_negatives" true false
}
