//! `Add`: the sum of several values.
//!
//! **Formula** `y = x1 + x2 + ..`
//! **Shapes** several of one shape, or of shapes that numpy would broadcast, to that shape
//! **Config** none
//! **Gradient** `dx = dy` for each, summed where an input was repeated
//! **Reference** `keras.layers.Add`

use super::merging::merging;
use vanilla_plan::Merge;

merging! {
    /// The sum of several values.
    Add Merge::Add
}
