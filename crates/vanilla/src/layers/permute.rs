//! `Permute`: the axes of a sample in another order.
//!
//! **Formula** axis i of y is axis `dims[i]` of x
//! **Shapes** `(None, a, b, ..)` to the same axes in the order of `dims`
//! **Config** `dims`, each axis of a sample once, from 1
//! **Gradient** dy in the old order
//! **Reference** `keras.layers.Permute`

use super::reorder::Reorder;
use super::{Built, Common, Layer, Masks, bad_value, by_sample, one_input, shape};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use serde_json::json;

/// The axes of a sample in another order.
#[derive(Clone, Debug)]
pub struct Permute {
    common: Common,
    dims: Vec<i64>,
}

impl Permute {
    pub(super) const CLASS: &'static str = "Permute";

    /// Puts the axes of a sample, of which the first is 1, into this order.
    pub fn new(dims: impl Into<Vec<i64>>) -> Self {
        Self { common: Common::PLAIN, dims: dims.into() }
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        let Some(dims) = config.signed_list("dims")? else {
            return Err(config.error("dims is missing: the axes in their new order, such as dims = [2, 1]"));
        };
        Ok(Self { common, dims })
    }
}

common!(Permute);

impl Layer for Permute {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "dims": self.dims }
    }
    fn trial_shape(&self) -> Vec<usize> {
        vec![1; self.dims.len()]
    }
    fn masks(&self) -> Masks {
        Masks::Drop
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        let mut sorted = self.dims.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(1..=sorted.len() as i64) {
            let expected = "each axis of a sample once, from 1, such as [2, 1]";
            return Err(bad_value(place, "dims", json!(self.dims), expected));
        }
        if self.dims.len() != input_shape.len() {
            let problem = format!(
                "dims = {} has {} axes, expected {}: the input is {}",
                json!(self.dims),
                self.dims.len(),
                input_shape.len(),
                shape(input_shape)
            );
            return Err(Error::config(place, problem));
        }
        let order: Vec<usize> = self.dims.iter().map(|axis| *axis as usize - 1).collect();
        let output_shape: Vec<usize> = order.iter().map(|axis| input_shape[*axis]).collect();
        Ok(Built::new(output_shape, vec![by_sample(), Reorder::axes(input_shape, &order).fact()]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, from_keys, round_trip};
    use super::*;

    #[test]
    fn dims_are_the_axes_of_a_sample() {
        round_trip(&Permute::new([3, 1, 2]));
        let error = |dims: &[i64]| build_error(&Permute::new(dims.to_vec()), &[&[2, 3]]);
        assert_eq!(
            error(&[0, 1]),
            "Permute: dims = [0,1], expected each axis of a sample once, from 1, such as [2, 1]"
        );
        assert_eq!(error(&[1]), "Permute: dims = [1] has 1 axes, expected 2: the input is (None, 2, 3)");
        assert_eq!(
            from_keys("Permute", keys! {}).unwrap_err().to_string(),
            "Permute: dims is missing: the axes in their new order, such as dims = [2, 1]"
        );
    }
}
