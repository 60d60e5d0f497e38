//! `SensitivityAtSpecificity`.
//!
//! **Formula** over thresholds, the largest sensitivity where the specificity is at least `specificity`; 0 where it nowhere is
//! **Shapes** target and output `(None, k)`, labels 0 or 1 for every output
//! **Config** `specificity` (from 0 to 1; no default), `num_thresholds` = 200, evenly spread from 0 to 1 (of one it is 0.5),
//! `class_id` = null: the only output that counts
//! **Reference** `keras.metrics.SensitivityAtSpecificity`

use super::thresholds::best_where;

best_where! {
    /// The largest sensitivity that leaves the specificity large enough.
    SensitivityAtSpecificity "sensitivity_at_specificity" "specificity" specificity recall
}
