//! `RecallAtPrecision`.
//!
//! **Formula** over thresholds, the largest recall where the precision is at least `precision`; 0 where it nowhere is
//! **Shapes** target and output `(None, k)`, labels 0 or 1 for every output
//! **Config** `precision` (from 0 to 1; no default), `num_thresholds` = 200, evenly spread from 0 to 1 (of one it is 0.5),
//! `class_id` = null: the only output that counts
//! **Reference** `keras.metrics.RecallAtPrecision`

use super::thresholds::best_where;

best_where! {
    /// The largest recall that leaves the precision large enough.
    RecallAtPrecision "recall_at_precision" "precision" precision recall
}
