//! `Average`: the mean of several values, element by element.
//!
//! **Formula** `y = (x1 + x2 + ..) / n`
//! **Shapes** several of one shape, or of shapes that numpy would broadcast, to that shape
//! **Config** none
//! **Gradient** `dx = dy / n` for each, summed where an input was repeated
//! **Reference** `keras.layers.Average`

use super::merging::merging;
use vanilla_plan::Merge;

merging! {
    /// The mean of several values, element by element.
    Average Merge::Average
}
