//! `UnitNormalization`: every sample with a length of 1 along some axes.
//!
//! **Formula** `y = x / max(|x|, 1e-12)`, `|x|` being the square root of the sum of squares over the axes
//! **Shapes** any, unchanged
//! **Config** `axis` = -1 (or a list)
//! **Gradient** `dx = (dy - y sum(y dy)) / |x|`; where the length is below 1e-12, `dx = dy / 1e-12`
//! **Reference** `keras.layers.UnitNormalization`

use super::axes::Axes;
use super::standardize::{Scale, Standardize, along};
use super::{Built, Common, Layer, one_input};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use std::sync::Arc;
use vanilla_plan::Fact;

/// Keras's number: shorter rows are not brought to length 1.
const SHORTEST: f64 = 1e-12;

/// Every sample with a length of 1 along some axes.
#[derive(Clone, Debug)]
pub struct UnitNormalization {
    common: Common,
    axis: Axes,
}

impl UnitNormalization {
    pub(super) const CLASS: &'static str = "UnitNormalization";

    /// Along the last axis.
    #[allow(clippy::new_without_default)] // as for every layer: `new` takes Keras's positional arguments
    pub fn new() -> Self {
        Self { common: Common::PLAIN, axis: Axes::One(-1) }
    }

    /// The axis or axes that the length is taken over; the batch is axis 0.
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        Ok(Self { common, axis: Axes::take(config, "axis")?.unwrap_or(Axes::One(-1)) })
    }
}

common!(UnitNormalization);

impl Layer for UnitNormalization {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "axis": self.axis.to_value() }
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let sample = one_input(place, inputs)?;
        let mut axes = self.axis.places(place, "axis", sample)?;
        axes.sort_unstable();
        let function = Standardize { by: Scale::Length { shortest: SHORTEST }, gamma: false, beta: false };
        Ok(Built::new(sample, along(sample, &axes, Fact::Rows(Arc::new(function)))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{apply, build_error, round_trip};
    use super::*;

    #[test]
    fn axes_apart_from_each_other() {
        round_trip(&UnitNormalization::new().axis([1, 3]));
        let x: Vec<f64> = (1..=8).map(f64::from).collect();
        let y = apply(&UnitNormalization::new().axis([3, 1]), &[(&[2, 2, 2], &x)]);
        for places in [[0, 1, 4, 5], [2, 3, 6, 7]] {
            let length = places.iter().map(|i| x[*i] * x[*i]).sum::<f64>().sqrt();
            places.iter().for_each(|i| assert!((y[*i] - x[*i] / length).abs() < 1e-15));
        }
        assert_eq!(
            build_error(&UnitNormalization::new().axis(vec![]), &[&[2]]),
            "UnitNormalization: axis = [], expected at least one axis, such as axis = -1"
        );
    }
}
