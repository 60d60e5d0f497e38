//! `SquaredHinge`.
//!
//! **Formula** mean over samples and outputs of `max(1 - t p, 0)^2`. Labels that are all 0 or 1 count as -1 and 1; Keras
//! looks at the labels of each batch, here those of all that was seen decide
//! **Shapes** target and output `(None, k)`
//! **Config** none
//! **Reference** `keras.metrics.SquaredHinge`

use super::mean_of_loss::mean_of_hinge;

mean_of_hinge! {
    /// Mean of the square of what outputs lack to the side of their labels.
    SquaredHinge "squared_hinge"
}
