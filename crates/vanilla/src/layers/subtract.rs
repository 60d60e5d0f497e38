//! `Subtract`: one value less another.
//!
//! **Formula** `y = x1 - x2`
//! **Shapes** several of one shape, or of shapes that numpy would broadcast, to that shape
//! **Config** none
//! **Gradient** `dx1 = dy`, `dx2 = -dy`, summed where an input was repeated
//! **Reference** `keras.layers.Subtract`

use super::merging::merging;
use vanilla_plan::Merge;

merging! {
    /// One value less another.
    Subtract Merge::Subtract
}
