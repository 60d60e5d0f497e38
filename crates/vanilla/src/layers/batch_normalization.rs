//! `BatchNormalization`: every feature with mean 0 and variance 1 over the batch.
//!
//! **Formula** `y = gamma (x - mean) / sqrt(variance + epsilon) + beta`; in training mean and variance are those
//! of the batch (the variance divided by the number of rows), and the moving ones follow:
//! `moving = moving momentum + batch (1 - momentum)`. Otherwise, and where the layer is not trained, they are the
//! moving ones.
//! **Shapes** any, unchanged; gamma, beta, moving_mean and moving_variance are as long as the axis
//! **Config** `axis` = -1, `momentum` = 0.99, `epsilon` = 0.001, `center` = true, `scale` = true,
//! `beta_initializer` = zeros, `gamma_initializer` = ones, `moving_mean_initializer` = zeros,
//! `moving_variance_initializer` = ones, `beta_regularizer`, `gamma_regularizer`, `beta_constraint`,
//! `gamma_constraint` = none. `synchronized` and `renorm` are refused, and `renorm_momentum` has no effect.
//! **Gradient** in training, with n the normalised x and means over the rows:
//! `dx = gamma / sqrt(variance + epsilon) (dy - mean(dy) - n mean(n dy))`, `dgamma = sum n dy`, `dbeta = sum dy`
//! **Reference** `keras.layers.BatchNormalization`; Ioffe and Szegedy 2015
//!
//! Different from Keras: a mask that an Embedding or a Masking sends along does not exist here, so every row
//! counts.

use super::gamma_beta::{GammaBeta, gamma_beta};
use super::standardize::along;
use super::{Built, Common, Layer, Masks, VariableSpec, bad_value, one_input, sample_axis};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use crate::initializers::Initializer;
use serde_json::Value;
use vanilla_plan::{BatchNorm, Fact};

/// Every feature with mean 0 and variance 1 over the batch, then times gamma plus beta.
#[derive(Clone, Debug)]
pub struct BatchNormalization {
    common: Common,
    axis: i64,
    momentum: f64,
    epsilon: f64,
    gamma_beta: GammaBeta,
    moving_mean_initializer: Initializer,
    moving_variance_initializer: Initializer,
}

impl BatchNormalization {
    pub(super) const CLASS: &'static str = "BatchNormalization";

    /// Along the last axis, with gamma and beta.
    #[allow(clippy::new_without_default)] // as for every layer: `new` takes Keras's positional arguments
    pub fn new() -> Self {
        Self {
            common: Common::PLAIN,
            axis: -1,
            momentum: 0.99,
            epsilon: 1e-3,
            gamma_beta: GammaBeta::default(),
            moving_mean_initializer: Initializer::Zeros,
            moving_variance_initializer: Initializer::Ones,
        }
    }

    /// The axis of the features; the batch is axis 0.
    pub fn axis(mut self, axis: i64) -> Self {
        self.axis = axis;
        self
    }

    /// The share of the moving mean and variance that stays in a step.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Is added to the variance.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Where the moving mean starts.
    pub fn moving_mean_initializer(mut self, initializer: impl Into<Initializer>) -> Self {
        self.moving_mean_initializer = initializer.into();
        self
    }

    /// Where the moving variance starts.
    pub fn moving_variance_initializer(mut self, initializer: impl Into<Initializer>) -> Self {
        self.moving_variance_initializer = initializer.into();
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        // Means something with renorm only, which is refused.
        config.float("renorm_momentum")?;
        Ok(Self {
            common,
            axis: config.signed("axis")?.unwrap_or(-1),
            momentum: config.float("momentum")?.unwrap_or(0.99),
            epsilon: config.float("epsilon")?.unwrap_or(1e-3),
            gamma_beta: GammaBeta::from_config(config)?,
            moving_mean_initializer: config.initializer("moving_mean_initializer", Initializer::Zeros)?,
            moving_variance_initializer: config.initializer("moving_variance_initializer", Initializer::Ones)?,
        })
    }
}

common!(BatchNormalization);
gamma_beta!(BatchNormalization);

impl Layer for BatchNormalization {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        let mut keys = keys! { "axis": self.axis, "momentum": self.momentum, "epsilon": self.epsilon };
        keys.extend(self.gamma_beta.flags());
        keys.extend(self.gamma_beta.initializers());
        keys.extend(keys! {
            "moving_mean_initializer": self.moving_mean_initializer.to_config(),
            "moving_variance_initializer": self.moving_variance_initializer.to_config(),
        });
        keys.extend(self.gamma_beta.rules());
        keys.extend(keys! {
            "synchronized": false, "renorm": false, "renorm_clipping": Value::Null, "renorm_momentum": 0.99,
        });
        keys
    }
    fn masks(&self) -> Masks {
        Masks::Refuse
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let sample = one_input(place, inputs)?;
        let axis = sample_axis(place, "axis", self.axis, sample)?;
        if !(0.0..=1.0).contains(&self.momentum) {
            return Err(bad_value(place, "momentum", self.momentum, "a share from 0 to 1"));
        }
        check_epsilon(place, self.epsilon)?;
        let norm = BatchNorm {
            momentum: self.momentum,
            epsilon: self.epsilon,
            center: self.gamma_beta.center,
            scale: self.gamma_beta.scale,
            frozen: false,
        };
        let shape = [sample[axis]];
        let mut variables = self.gamma_beta.variables(&shape);
        for (name, initializer) in [
            ("moving_mean", &self.moving_mean_initializer),
            ("moving_variance", &self.moving_variance_initializer),
        ] {
            variables.push(VariableSpec::new(name, shape, initializer.clone()).fixed());
        }
        let facts = along(sample, &[axis], Fact::BatchNorm(norm));
        Ok(Built::new(sample, facts).variables(variables))
    }
}

/// What is added to a variance, lest something is divided by 0.
pub(super) fn check_epsilon(place: &str, epsilon: f64) -> Result<()> {
    if epsilon >= 0.0 && epsilon.is_finite() {
        return Ok(());
    }
    Err(bad_value(place, "epsilon", epsilon, "a small number, at least 0, such as 0.001"))
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, from_keys, round_trip};
    use super::*;
    use crate::constraints::NonNeg;
    use crate::regularizers::{L1, L2};

    #[test]
    fn every_key_makes_the_round() {
        let layer = BatchNormalization::new()
            .axis(1)
            .momentum(0.5)
            .epsilon(0.25)
            .center(true)
            .scale(false)
            .beta_initializer(Initializer::Ones)
            .gamma_initializer(Initializer::Zeros)
            .moving_mean_initializer(Initializer::Ones)
            .moving_variance_initializer(Initializer::Zeros)
            .beta_regularizer(L1::new(0.5))
            .gamma_regularizer(L2::new(0.25))
            .beta_constraint(NonNeg)
            .gamma_constraint(NonNeg);
        round_trip(&layer);
        assert_eq!(layer.config()["beta_regularizer"]["class_name"], "L1");
        assert_eq!(layer.config()["gamma_constraint"]["class_name"], "NonNeg");
        let built = layer.build("", &[vec![2, 3]]).unwrap();
        let names: Vec<&str> = built.variables.iter().map(|spec| spec.name).collect();
        assert_eq!(names, ["beta", "moving_mean", "moving_variance"]);
        assert!(built.variables.iter().all(|spec| spec.shape == [2]));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let error = |layer: BatchNormalization| build_error(&layer, &[&[2, 3]]);
        assert_eq!(
            error(BatchNormalization::new().axis(3)),
            "BatchNormalization: axis = 3, expected an axis of (None, 2, 3), from 1 or from -1"
        );
        assert_eq!(
            error(BatchNormalization::new().momentum(1.5)),
            "BatchNormalization: momentum = 1.5, expected a share from 0 to 1"
        );
        assert_eq!(
            error(BatchNormalization::new().epsilon(-1.0)),
            "BatchNormalization: epsilon = -1, expected a small number, at least 0, such as 0.001"
        );
        for key in ["renorm", "synchronized"] {
            let mut keys = BatchNormalization::new().config();
            keys.insert(key.into(), true.into());
            assert_eq!(
                from_keys("BatchNormalization", keys).unwrap_err().to_string(),
                format!("BatchNormalization: {key} = true is not supported: leave it out, or check its spelling")
            );
        }
    }
}
