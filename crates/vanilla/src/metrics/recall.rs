//! `Recall`.
//!
//! **Formula** `TP / (TP + FN)`, 0 where that is nothing divided by nothing; over samples and outputs. With `top_k` only the k
//! largest outputs of a row can be positive, of equals the first
//! **Shapes** target and output `(None, k)`, labels 0 or 1 for every output
//! **Config** `thresholds` = null, which is 0.5 (none with `top_k`); of several there are several results, with `_0`, `_1`, ...
//! behind the name. `top_k` = null, `class_id` = null: the only output that counts
//! **Reference** `keras.metrics.Recall`

use super::thresholds::share_of_true;

share_of_true! {
    /// Share of the positive labels that are found.
    Recall "recall" true false
}
