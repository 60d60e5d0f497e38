//! `SpecificityAtSensitivity`.
//!
//! **Formula** over thresholds, the largest specificity where the sensitivity is at least `sensitivity`; 0 where it nowhere is
//! **Shapes** target and output `(None, k)`, labels 0 or 1 for every output
//! **Config** `sensitivity` (from 0 to 1; no default), `num_thresholds` = 200, evenly spread from 0 to 1 (of one it is 0.5),
//! `class_id` = null: the only output that counts
//! **Reference** `keras.metrics.SpecificityAtSensitivity`

use super::thresholds::best_where;

best_where! {
    /// The largest specificity that leaves the sensitivity large enough.
    SpecificityAtSensitivity "specificity_at_sensitivity" "sensitivity" recall specificity
}
