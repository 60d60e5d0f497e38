//! `Minimum`: the smallest of several values, element by element.
//!
//! **Formula** `y = min(x1, x2, ..)`
//! **Shapes** several of one shape, or of shapes that numpy would broadcast, to that shape
//! **Config** none
//! **Gradient** `dx = dy` for the first of the smallest, 0 for the others, summed where an input was repeated
//! **Reference** `keras.layers.Minimum`

use super::merging::merging;
use vanilla_plan::Merge;

merging! {
    /// The smallest of several values, element by element.
    Minimum Merge::Minimum
}
