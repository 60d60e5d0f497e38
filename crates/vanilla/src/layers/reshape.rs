//! `Reshape`: the same numbers in another shape.
//!
//! **Formula** `y = x` in row-major order
//! **Shapes** `(None, ..)` to `(None, target_shape ..)`, of as many elements
//! **Config** `target_shape`, in which one axis may be -1: what the others leave
//! **Gradient** `dx = dy`
//! **Reference** `keras.layers.Reshape`
//!
//! It has no facts: a value has its numbers in row-major order anyway, and who reads it says how many rows it
//! wants.

use super::{Built, Common, Layer, Masks, bad_value, one_input, shape};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use serde_json::json;

/// The same numbers in another shape.
#[derive(Clone, Debug)]
pub struct Reshape {
    common: Common,
    target_shape: Vec<i64>,
}

impl Reshape {
    pub(super) const CLASS: &'static str = "Reshape";

    /// Makes each sample one of this shape; one axis may be -1, which is what the others leave.
    pub fn new(target_shape: impl Into<Vec<i64>>) -> Self {
        Self { common: Common::PLAIN, target_shape: target_shape.into() }
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        let Some(target_shape) = config.signed_list("target_shape")? else {
            return Err(
                config.error("target_shape is missing: the shape of a sample, such as target_shape = [28, 28]")
            );
        };
        Ok(Self { common, target_shape })
    }
}

common!(Reshape);

impl Layer for Reshape {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "target_shape": self.target_shape }
    }
    fn trial_shape(&self) -> Vec<usize> {
        self.target_shape.iter().map(|axis| usize::try_from(*axis).unwrap_or(1)).collect()
    }
    fn masks(&self) -> Masks {
        Masks::Drop
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        let target = &self.target_shape;
        let rests = target.iter().filter(|axis| **axis == -1).count();
        if rests > 1 || target.iter().any(|axis| *axis < 1 && *axis != -1) {
            return Err(bad_value(
                place,
                "target_shape",
                json!(target),
                "axes of at least 1, one of them perhaps -1",
            ));
        }
        let elements: usize = input_shape.iter().product();
        let mut stated = target.iter().filter(|axis| **axis != -1);
        let stated = stated.try_fold(1usize, |product, axis| product.checked_mul(usize::try_from(*axis).ok()?));
        let rest = stated.filter(|stated| elements.is_multiple_of(*stated)).map(|stated| elements / stated);
        match rest.filter(|rest| rests == 1 || *rest == 1) {
            Some(rest) => {
                let axis = |axis: &i64| usize::try_from(*axis).unwrap_or(rest);
                Ok(Built::new(target.iter().map(axis).collect::<Vec<_>>(), Vec::new()))
            }
            None => Err(Error::config(
                place,
                format!(
                    "target_shape = {} of an input of shape {}, expected axes whose product is {elements}: \
                     change one of them, or make it -1",
                    json!(target),
                    shape(input_shape)
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, from_keys, round_trip};
    use super::*;

    #[test]
    fn the_rest_is_found() {
        round_trip(&Reshape::new([-1, 2]));
        let built = |target: &[i64]| Reshape::new(target.to_vec()).build("", &[vec![2, 6]]).unwrap().output_shape;
        assert_eq!(built(&[3, -1, 2]), [3, 2, 2]);
        assert_eq!(built(&[12, -1]), [12, 1]);
        assert_eq!(built(&[-1]), [12]);
        let one = Reshape::new([]).build("", &[vec![1, 1]]).unwrap();
        assert_eq!(one.output_shape, [0; 0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = |target: &[i64]| build_error(&Reshape::new(target.to_vec()), &[&[2, 3]]);
        assert_eq!(
            error(&[4, 2]),
            "Reshape: target_shape = [4,2] of an input of shape (None, 2, 3), expected axes whose \
             product is 6: change one of them, or make it -1"
        );
        assert!(error(&[4, -1]).contains("whose product is 6"));
        assert!(error(&[i64::MAX, 3, -1]).contains("whose product is 6"));
        for wrong in [&[-1, -1][..], &[0, -1], &[-2, 3]] {
            assert_eq!(
                error(wrong),
                format!(
                    "Reshape: target_shape = [{},{}], expected axes of at least 1, one of them perhaps -1",
                    wrong[0], wrong[1]
                )
            );
        }
        assert_eq!(
            from_keys("Reshape", keys! {}).unwrap_err().to_string(),
            "Reshape: target_shape is missing: the shape of a sample, such as target_shape = [28, 28]"
        );
    }
}
