//! `Softmax`: probabilities along an axis.
//!
//! **Formula** `y = e^x / sum(e^x)` along the axes, the largest x subtracted first
//! **Shapes** any, unchanged
//! **Config** `axis` = -1, an axis or a list of axes. A mask as a second argument of the call is not supported.
//! **Gradient** `dx = y (dy - sum(y dy))`
//! **Reference** `keras.layers.Softmax`

use super::axes::Axes;
use super::reorder::along;
use super::{Built, Common, Layer, Masks, one_input};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::Fact;

/// Probabilities along an axis. (`Softmax` in [`crate::activations`] is the activation.)
#[derive(Clone, Debug)]
pub struct Softmax {
    common: Common,
    axis: Axes,
}

impl Default for Softmax {
    fn default() -> Self {
        Self { common: Common::PLAIN, axis: Axes::One(-1) }
    }
}

impl Softmax {
    pub(super) const CLASS: &'static str = "Softmax";

    /// Along the last axis.
    pub fn new() -> Self {
        Self::default()
    }

    /// Along this axis or these axes; the batch is axis 0.
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        Ok(Self { common, axis: Axes::take(config, "axis")?.unwrap_or(Axes::One(-1)) })
    }
}

common!(Softmax);

impl Layer for Softmax {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "axis": self.axis.to_value() }
    }
    fn masks(&self) -> Masks {
        Masks::Refuse
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        let mut axes = self.axis.places(place, "axis", input_shape)?;
        axes.sort_unstable();
        let (before, behind) = along(input_shape, &axes);
        Ok(Built::new(input_shape, [before, vec![Fact::Softmax], behind].concat()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{apply, build_error, from_keys, round_trip};
    use super::*;

    #[test]
    fn axes_make_the_round() {
        round_trip(&Softmax::new().axis(2));
        round_trip(&Softmax::new().axis([1, 3]));
        let error = from_keys("Softmax", keys! { "axis": "last" }).unwrap_err().to_string();
        assert_eq!(error, "Softmax: axis = \"last\", expected an axis or a list of them");
        assert_eq!(
            build_error(&Softmax::new().axis(3), &[&[2, 3]]),
            "Softmax: axis = 3, expected an axis of (None, 2, 3), from 1 or from -1"
        );
    }

    /// Axes 1 and 3 of `(1, 2, 2, 2)`: what they leave apart stands at every other pair.
    #[test]
    fn along_two_axes_that_are_not_neighbours() {
        let x = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        let y = apply(&Softmax::new().axis([3, 1]), &[(&[2, 2, 2], &x)]);
        let sum = |places: [usize; 4]| places.iter().map(|i| x[*i].exp()).sum::<f64>();
        for (places, sum) in [[0, 1, 4, 5], [2, 3, 6, 7]].map(|places| (places, sum(places))) {
            places.iter().for_each(|i| assert!((y[*i] - x[*i].exp() / sum).abs() < 1e-15));
        }
    }
}
