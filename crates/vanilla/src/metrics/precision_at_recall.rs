//! `PrecisionAtRecall`.
//!
//! **Formula** over thresholds, the largest precision where the recall is at least `recall`; 0 where it nowhere is
//! **Shapes** target and output `(None, k)`, labels 0 or 1 for every output
//! **Config** `recall` (from 0 to 1; no default), `num_thresholds` = 200, evenly spread from 0 to 1 (of one it is 0.5),
//! `class_id` = null: the only output that counts
//! **Reference** `keras.metrics.PrecisionAtRecall`

use super::thresholds::best_where;

best_where! {
    /// The largest precision that leaves the recall large enough.
    PrecisionAtRecall "precision_at_recall" "recall" recall precision
}
