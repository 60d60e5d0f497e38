//! `Multiply`: the product of several values, element by element.
//!
//! **Formula** `y = x1 x2 ..`
//! **Shapes** several of one shape, or of shapes that numpy would broadcast, to that shape
//! **Config** none
//! **Gradient** `dx = dy` times all others, summed where an input was repeated
//! **Reference** `keras.layers.Multiply`

use super::merging::merging;
use vanilla_plan::Merge;

merging! {
    /// The product of several values, element by element.
    Multiply Merge::Multiply
}
