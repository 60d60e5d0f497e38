//! `RMSNormalization`: every sample with a mean square of 1 along some axes.
//!
//! **Formula** `y = scale x / sqrt(mean(x^2) + epsilon)`, the mean over the axes
//! **Shapes** any, unchanged; scale has the shape of the axes
//! **Config** `axis` = -1 (or a list), `epsilon` = 1e-6
//! **Gradient** with n the normalised x and means over the axes:
//! `dx = (g - n mean(n g)) / sqrt(mean(x^2) + epsilon)`, `g = scale dy`, `dscale = sum n dy`
//! **Reference** `keras.layers.RMSNormalization`; Zhang and Sennrich 2019
//!
//! Different from Keras: axes that are not the last ones are refused. Keras multiplies by scale as if its axes
//! were the last ones, which fails or, where lengths agree by chance, scales along the wrong axis.

use super::axes::Axes;
use super::batch_normalization::check_epsilon;
use super::layer_normalization::normalized_axes;
use super::standardize::{Scale, Standardize, along};
use super::{Built, Common, Layer, Masks, VariableSpec, one_input, shape};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use crate::initializers::Initializer;
use std::sync::Arc;
use vanilla_plan::Fact;

/// Every sample with a mean square of 1 along some axes, then times scale.
#[derive(Clone, Debug)]
pub struct RMSNormalization {
    common: Common,
    axis: Axes,
    epsilon: f64,
}

impl RMSNormalization {
    pub(super) const CLASS: &'static str = "RMSNormalization";

    /// Along the last axis.
    #[allow(clippy::new_without_default)] // as for every layer: `new` takes Keras's positional arguments
    pub fn new() -> Self {
        Self { common: Common::PLAIN, axis: Axes::One(-1), epsilon: 1e-6 }
    }

    /// The last axis, or a list of the last ones.
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }

    /// Is added to the mean square.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        let axis = Axes::take(config, "axis")?.unwrap_or(Axes::One(-1));
        Ok(Self { common, axis, epsilon: config.float("epsilon")?.unwrap_or(1e-6) })
    }
}

common!(RMSNormalization);

impl Layer for RMSNormalization {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "axis": self.axis.to_value(), "epsilon": self.epsilon }
    }
    fn masks(&self) -> Masks {
        Masks::Drop
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let sample = one_input(place, inputs)?;
        let axes = normalized_axes(place, &self.axis, sample)?;
        check_epsilon(place, self.epsilon)?;
        let first = sample.len() - axes.len();
        if axes[0] != first {
            let problem = format!(
                "axis = {}, expected the last axis of {} or all from one on: put a Permute before it",
                self.axis.to_value(),
                shape(sample)
            );
            return Err(Error::config(place, problem));
        }
        let by = Scale::MeanSquare { epsilon: self.epsilon };
        let function = Standardize { by, gamma: true, beta: false };
        let facts = along(sample, &axes, Fact::Rows(Arc::new(function)));
        let scale = VariableSpec::new("scale", &sample[first..], Initializer::Ones);
        Ok(Built::new(sample, facts).variables(vec![scale]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, round_trip};
    use super::*;

    #[test]
    fn the_last_axes_or_none() {
        round_trip(&RMSNormalization::new().axis([2, 3]).epsilon(0.5));
        assert_eq!(
            build_error(&RMSNormalization::new().axis(1), &[&[2, 3]]),
            "RMSNormalization: axis = 1, expected the last axis of (None, 2, 3) or all from one on: put a Permute \
             before it"
        );
        let built = RMSNormalization::new().axis([-1, -2]).build("", &[vec![4, 2, 3]]).unwrap();
        assert_eq!(built.variables[0].shape, [2, 3]);
    }
}
