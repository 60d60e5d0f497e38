//! `RepeatVector`: a vector several times.
//!
//! **Formula** `y[i] = x` for each of n rows
//! **Shapes** `(None, features)` to `(None, n, features)`
//! **Config** `n`
//! **Gradient** `dx = sum of dy over the n rows`
//! **Reference** `keras.layers.RepeatVector`

use super::reorder::Reorder;
use super::{Built, Common, Layer, Masks, bad_value, by_sample, one_input, shape};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use crate::model::MAX_WIDTH;

/// A vector several times.
#[derive(Clone, Debug)]
pub struct RepeatVector {
    common: Common,
    n: usize,
}

impl RepeatVector {
    pub(super) const CLASS: &'static str = "RepeatVector";

    /// The vector n times, one below the other.
    pub fn new(n: usize) -> Self {
        Self { common: Common::PLAIN, n }
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        let Some(n) = config.integer("n")? else {
            return Err(config.error("n is missing: how many times, such as n = 3"));
        };
        Ok(Self { common, n })
    }
}

common!(RepeatVector);

impl Layer for RepeatVector {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "n": self.n }
    }
    fn masks(&self) -> Masks {
        Masks::Drop
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        let [features] = *input_shape else {
            let problem =
                format!("an input of shape {}, expected a vector: put a Flatten before it", shape(input_shape));
            return Err(Error::config(place, problem));
        };
        // Before a table of this length is made.
        let Some(elements) = self.n.checked_mul(features).filter(|all| *all <= MAX_WIDTH && self.n > 0) else {
            let expected = format!("a number of repetitions, at least 1, and at most {MAX_WIDTH} values");
            return Err(bad_value(place, "n", self.n, &expected));
        };
        let from = (0..elements).map(|i| i % features).collect();
        Ok(Built::new([self.n, features], vec![by_sample(), Reorder::new("repeat", from).fact()]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, from_keys, round_trip};
    use super::*;

    #[test]
    fn n_and_the_input_are_checked() {
        round_trip(&RepeatVector::new(3));
        assert_eq!(
            build_error(&RepeatVector::new(3), &[&[2, 3]]),
            "RepeatVector: an input of shape (None, 2, 3), expected a vector: put a Flatten before it"
        );
        for n in [0, usize::MAX] {
            assert_eq!(
                build_error(&RepeatVector::new(n), &[&[2]]),
                format!(
                    "RepeatVector: n = {n}, expected a number of repetitions, at least 1, and \
                     at most 16777216 values"
                )
            );
        }
        assert_eq!(
            from_keys("RepeatVector", keys! {}).unwrap_err().to_string(),
            "RepeatVector: n is missing: how many times, such as n = 3"
        );
    }
}
