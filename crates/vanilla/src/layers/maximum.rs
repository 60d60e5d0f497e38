//! `Maximum`: the largest of several values, element by element.
//!
//! **Formula** `y = max(x1, x2, ..)`
//! **Shapes** several of one shape, or of shapes that numpy would broadcast, to that shape
//! **Config** none
//! **Gradient** `dx = dy` for the first of the largest, 0 for the others, summed where an input was repeated
//! **Reference** `keras.layers.Maximum`

use super::merging::merging;
use vanilla_plan::Merge;

merging! {
    /// The largest of several values, element by element.
    Maximum Merge::Maximum
}
