//! `LayerNormalization`: every sample with mean 0 and variance 1 along some axes.
//!
//! **Formula** `y = gamma (x - mean) / sqrt(variance + epsilon) + beta`; mean and variance over the axes, the
//! variance divided by the number of elements
//! **Shapes** any, unchanged; gamma and beta have the shape of the axes
//! **Config** `axis` = -1 (or a list), `epsilon` = 0.001, `center` = true, `scale` = true, `beta_initializer` =
//! zeros, `gamma_initializer` = ones, `beta_regularizer`, `gamma_regularizer`, `beta_constraint`,
//! `gamma_constraint` = none. `rms_scaling` is refused: Keras calls it wrong itself, and RMSNormalization does
//! what its name says.
//! **Gradient** with n the normalised x and means over the axes:
//! `dx = (g - mean(g) - n mean(n g)) / sqrt(variance + epsilon)`, `g = gamma dy`, `dgamma = sum n dy`,
//! `dbeta = sum dy`
//! **Reference** `keras.layers.LayerNormalization`; Ba et al. 2016
//!
//! Different from Keras: a list that counts some axes from the front and some from the end is refused where its
//! order is not theirs. Keras sorts the numbers, not the axes, and gives gamma a shape that does not fit.

use super::axes::Axes;
use super::batch_normalization::check_epsilon;
use super::gamma_beta::{GammaBeta, gamma_beta};
use super::standardize::{Scale, Standardize, along};
use super::{Built, Common, Layer, one_input};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use serde_json::Value;
use std::sync::Arc;
use vanilla_plan::Fact;

/// Every sample with mean 0 and variance 1 along some axes, then times gamma plus beta.
#[derive(Clone, Debug)]
pub struct LayerNormalization {
    common: Common,
    axis: Axes,
    epsilon: f64,
    gamma_beta: GammaBeta,
}

impl LayerNormalization {
    pub(super) const CLASS: &'static str = "LayerNormalization";

    /// Along the last axis, with gamma and beta.
    #[allow(clippy::new_without_default)] // as for every layer: `new` takes Keras's positional arguments
    pub fn new() -> Self {
        Self { common: Common::PLAIN, axis: Axes::One(-1), epsilon: 1e-3, gamma_beta: GammaBeta::default() }
    }

    /// The axis or axes that mean and variance are taken over; the batch is axis 0.
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }

    /// Is added to the variance.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        Ok(Self {
            common,
            axis: Axes::take(config, "axis")?.unwrap_or(Axes::One(-1)),
            epsilon: config.float("epsilon")?.unwrap_or(1e-3),
            gamma_beta: GammaBeta::from_config(config)?,
        })
    }
}

common!(LayerNormalization);
gamma_beta!(LayerNormalization);

impl Layer for LayerNormalization {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        let mut keys = keys! { "axis": self.axis.to_value(), "epsilon": self.epsilon };
        keys.extend(self.gamma_beta.flags());
        keys.insert("rms_scaling".into(), Value::Bool(false));
        keys.extend(self.gamma_beta.initializers());
        keys.extend(self.gamma_beta.rules());
        keys
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let sample = one_input(place, inputs)?;
        let axes = normalized_axes(place, &self.axis, sample)?;
        check_epsilon(place, self.epsilon)?;
        let by = Scale::Moments { epsilon: self.epsilon };
        let function = Standardize { by, gamma: self.gamma_beta.scale, beta: self.gamma_beta.center };
        let facts = along(sample, &axes, Fact::Rows(Arc::new(function)));
        let shape: Vec<usize> = axes.iter().map(|axis| sample[*axis]).collect();
        Ok(Built::new(sample, facts).variables(self.gamma_beta.variables(&shape)))
    }
}

/// The axes of a normalisation whose weights have the shape of these axes, from front to back.
pub(super) fn normalized_axes(place: &str, axis: &Axes, sample: &[usize]) -> Result<Vec<usize>> {
    let mut named = match axis {
        Axes::One(axis) => vec![*axis],
        Axes::Several(axes) => axes.clone(),
    };
    // Checks them, too.
    let mut axes = axis.places(place, "axis", sample)?;
    axes.sort_unstable();
    named.sort_unstable();
    if Axes::Several(named).places(place, "axis", sample)? != axes {
        let axis = axis.to_value();
        let problem = format!("axis = {axis} counts from both ends: count all from the front, from 1");
        return Err(Error::config(place, problem));
    }
    Ok(axes)
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, from_keys, round_trip};
    use super::*;
    use crate::constraints::NonNeg;
    use crate::initializers::Initializer;
    use crate::regularizers::L2;

    #[test]
    fn every_key_makes_the_round() {
        let layer = LayerNormalization::new()
            .axis([1, 2])
            .epsilon(0.5)
            .center(false)
            .gamma_initializer(Initializer::Zeros)
            .gamma_regularizer(L2::new(0.5))
            .gamma_constraint(NonNeg);
        round_trip(&layer);
        round_trip(&LayerNormalization::new().axis(2).scale(false).beta_regularizer(L2::new(0.5)));
        assert_eq!(layer.config()["axis"], serde_json::json!([1, 2]));
        assert_eq!(layer.build("", &[vec![2, 3]]).unwrap().variables[0].shape, [2, 3]);
    }

    #[test]
    fn axes_in_any_order() {
        let built = |axis: Axes| LayerNormalization::new().axis(axis).build("", &[vec![2, 3, 4]]).unwrap();
        assert_eq!(built([3, 1].into()).variables[0].shape, [2, 4]);
        assert_eq!(built([-1, -3].into()).variables[0].shape, [2, 4]);
        assert_eq!(
            build_error(&LayerNormalization::new().axis([1, -1]), &[&[2, 3]]),
            "LayerNormalization: axis = [1,-1] counts from both ends: count all from the front, from 1"
        );
        assert!(built([-3, 2].into()).variables[0].shape == [2, 3]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let error = |layer: LayerNormalization| build_error(&layer, &[&[3]]);
        assert_eq!(
            error(LayerNormalization::new().axis(0)),
            "LayerNormalization: axis = 0, expected an axis of (None, 3), from 1 or from -1"
        );
        assert_eq!(
            error(LayerNormalization::new().epsilon(f64::NAN)),
            "LayerNormalization: epsilon = NaN, expected a small number, at least 0, such as 0.001"
        );
        assert_eq!(
            from_keys("LayerNormalization", keys! { "rms_scaling": true }).unwrap_err().to_string(),
            "LayerNormalization: rms_scaling = true is not supported: leave it out, or check its spelling"
        );
    }
}
