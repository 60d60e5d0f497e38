//! `GroupNormalization`: every sample with mean 0 and variance 1 in groups of channels.
//!
//! **Formula** `y = gamma (x - mean) / sqrt(variance + epsilon) + beta`; mean and variance over the channels of a
//! group and all other axes of the sample, gamma and beta for each channel
//! **Shapes** any, unchanged; gamma and beta are as long as the axis
//! **Config** `groups` = 32 (-1: every channel is a group), `axis` = -1, `epsilon` = 0.001, `center` = true,
//! `scale` = true, `beta_initializer` = zeros, `gamma_initializer` = ones, `beta_regularizer`,
//! `gamma_regularizer`, `beta_constraint`, `gamma_constraint` = none
//! **Gradient** with n the normalised x and means over the group:
//! `dx = (g - mean(g) - n mean(n g)) / sqrt(variance + epsilon)`, `g = gamma dy`, `dgamma = sum n dy`,
//! `dbeta = sum dy`
//! **Reference** `keras.layers.GroupNormalization`; Wu and He 2018

use super::batch_normalization::check_epsilon;
use super::gamma_beta::{GammaBeta, gamma_beta};
use super::standardize::{Scale, Standardize, along};
use super::{Built, Common, Layer, bad_value, one_input, sample_axis};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use crate::model::MAX_WIDTH;
use std::sync::Arc;
use vanilla_plan::{Fact, Formula, MAX_ROW_WEIGHTS, Real, RowFunction};

/// Every sample with mean 0 and variance 1 in groups of channels, then every channel times gamma plus beta.
#[derive(Clone, Debug)]
pub struct GroupNormalization {
    common: Common,
    groups: i64,
    axis: i64,
    epsilon: f64,
    gamma_beta: GammaBeta,
}

impl GroupNormalization {
    pub(super) const CLASS: &'static str = "GroupNormalization";

    /// This many groups (Keras's default is 32); with -1 every channel is one.
    pub fn new(groups: i64) -> Self {
        Self { common: Common::PLAIN, groups, axis: -1, epsilon: 1e-3, gamma_beta: GammaBeta::default() }
    }

    /// The axis of the channels; the batch is axis 0.
    pub fn axis(mut self, axis: i64) -> Self {
        self.axis = axis;
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
            groups: config.signed("groups")?.unwrap_or(32),
            axis: config.signed("axis")?.unwrap_or(-1),
            epsilon: config.float("epsilon")?.unwrap_or(1e-3),
            gamma_beta: GammaBeta::from_config(config)?,
        })
    }
}

common!(GroupNormalization);
gamma_beta!(GroupNormalization);

impl Layer for GroupNormalization {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        let mut keys = keys! { "groups": self.groups, "axis": self.axis, "epsilon": self.epsilon };
        keys.extend(self.gamma_beta.flags());
        keys.extend(self.gamma_beta.initializers());
        keys.extend(self.gamma_beta.rules());
        keys
    }
    fn trial_shape(&self) -> Vec<usize> {
        let groups = usize::try_from(self.groups).unwrap_or(1).clamp(1, MAX_WIDTH);
        let mut shape = vec![1; self.axis.unsigned_abs().clamp(1, 16) as usize];
        let channels = if self.axis < 0 { 0 } else { shape.len() - 1 };
        shape[channels] = groups;
        shape
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let sample = one_input(place, inputs)?;
        let axis = sample_axis(place, "axis", self.axis, sample)?;
        check_epsilon(place, self.epsilon)?;
        let channels = sample[axis];
        let groups = match self.groups {
            -1 => channels,
            groups => match usize::try_from(groups) {
                Ok(groups) if groups > 0 && channels % groups == 0 => groups,
                _ => {
                    let expected = format!("-1 or a number that {channels} channels can be divided into equally");
                    return Err(bad_value(place, "groups", self.groups, &expected));
                }
            },
        };
        // The channels as two axes: groups, and channels of a group.
        let grouped = [&sample[..axis], &[groups, channels / groups], &sample[axis + 1..]].concat();
        let members: Vec<usize> = (0..grouped.len()).filter(|other| *other != axis).collect();
        let by = Scale::Moments { epsilon: self.epsilon };
        let standardize = Fact::Rows(Arc::new(Standardize { by, gamma: false, beta: false }));
        let mut facts = along(&grouped, &members, standardize);
        let channelwise = Channelwise { gamma: self.gamma_beta.scale, beta: self.gamma_beta.center };
        if channelwise.gamma || channelwise.beta {
            facts.extend(along(sample, &[axis], Fact::Rows(Arc::new(channelwise))));
        }
        Ok(Built::new(sample, facts).variables(self.gamma_beta.variables(&[channels])))
    }
}

/// `y = x gamma + beta`.
#[derive(Debug)]
struct Channelwise {
    gamma: bool,
    beta: bool,
}

impl Channelwise {
    fn apply<R: Real>(&self, x: &[R], w: &[&[R]; MAX_ROW_WEIGHTS], y: &mut [R]) {
        y.copy_from_slice(x);
        if self.gamma {
            y.iter_mut().zip(w[0]).for_each(|(y, gamma)| *y = *y * *gamma);
        }
        if self.beta {
            y.iter_mut().zip(w[usize::from(self.gamma)]).for_each(|(y, beta)| *y = *y + *beta);
        }
    }
}

impl RowFunction for Channelwise {
    fn name(&self) -> &str {
        "scale_shift"
    }
    fn outputs(&self, inputs: &[usize]) -> usize {
        inputs[0]
    }
    fn weights(&self, inputs: &[usize]) -> Vec<usize> {
        vec![inputs[0]; usize::from(self.gamma) + usize::from(self.beta)]
    }
    fn forward(&self, x: &[f32], w: &[&[f32]; MAX_ROW_WEIGHTS], y: &mut [f32]) {
        self.apply(x, w, y);
    }
    fn backward(
        &self,
        x: &[f32],
        w: &[&[f32]; MAX_ROW_WEIGHTS],
        _: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        dw: &mut [&mut [f32]; MAX_ROW_WEIGHTS],
    ) {
        dx.copy_from_slice(dy);
        if self.gamma {
            dx.iter_mut().zip(w[0]).for_each(|(dx, gamma)| *dx *= gamma);
            dw[0].iter_mut().zip(dy.iter().zip(x)).for_each(|(dw, (dy, x))| *dw += dy * x);
        }
        if self.beta {
            dw[usize::from(self.gamma)].iter_mut().zip(dy).for_each(|(dw, dy)| *dw += dy);
        }
    }
    fn reference(&self, x: &[f64], w: &[&[f64]; MAX_ROW_WEIGHTS], y: &mut [f64]) -> bool {
        self.apply(x, w, y);
        true
    }
    fn formula(&self, inputs: &[usize]) -> Option<Formula> {
        Some(Formula::row(inputs[0], |x| {
            let scaled = if self.gamma { x * x.weight(0, inputs[0]) } else { x };
            if self.beta { scaled + x.weight(usize::from(self.gamma), inputs[0]) } else { scaled }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, from_keys, round_trip};
    use super::*;
    use crate::model::Sequential;
    use crate::regularizers::L2;

    #[test]
    fn every_key_makes_the_round() {
        round_trip(&GroupNormalization::new(3).axis(1).epsilon(0.5).scale(false).beta_regularizer(L2::new(0.5)));
        assert_eq!(from_keys("GroupNormalization", Keys::new()).unwrap().config()["groups"], 32);
    }

    #[test]
    fn groups_divide_the_channels() {
        for groups in [3, 0, -2, 5] {
            assert_eq!(
                build_error(&GroupNormalization::new(groups), &[&[4]]),
                format!(
                    "GroupNormalization: groups = {groups}, expected -1 or a number that 4 channels can be divided \
                     into equally"
                )
            );
        }
    }

    /// A model that does not know its input takes any number of groups.
    #[test]
    fn groups_wait_for_the_input() {
        for (groups, axis) in [(32, -1), (7, 2), (5, -3)] {
            let mut model =
                Sequential::new(crate::layers![GroupNormalization::new(groups).axis(axis)]).unwrap();
            model.build(&[groups as usize; 3]).unwrap();
        }
        assert!(Sequential::new(crate::layers![GroupNormalization::new(0)]).is_err());
    }
}
