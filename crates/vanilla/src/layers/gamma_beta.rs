//! Gamma and beta: what normalisations multiply by and add, in Keras's keys.

use super::VariableSpec;
use crate::config::{Config, Keys, keys};
use crate::constraints::{self, Constraint};
use crate::error::Result;
use crate::initializers::Initializer;
use crate::regularizers::{self, Regularizer};
use std::sync::Arc;

/// Whether there are gamma and beta, where they start, their penalties and constraints.
#[derive(Clone, Debug)]
pub(super) struct GammaBeta {
    pub center: bool,
    pub scale: bool,
    pub beta_initializer: Initializer,
    pub gamma_initializer: Initializer,
    pub beta_regularizer: Option<Arc<dyn Regularizer>>,
    pub gamma_regularizer: Option<Arc<dyn Regularizer>>,
    pub beta_constraint: Option<Arc<dyn Constraint>>,
    pub gamma_constraint: Option<Arc<dyn Constraint>>,
}

impl Default for GammaBeta {
    fn default() -> Self {
        Self {
            center: true,
            scale: true,
            beta_initializer: Initializer::Zeros,
            gamma_initializer: Initializer::Ones,
            beta_regularizer: None,
            gamma_regularizer: None,
            beta_constraint: None,
            gamma_constraint: None,
        }
    }
}

impl GammaBeta {
    pub fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            center: config.boolean("center")?.unwrap_or(true),
            scale: config.boolean("scale")?.unwrap_or(true),
            beta_initializer: config.initializer("beta_initializer", Initializer::Zeros)?,
            gamma_initializer: config.initializer("gamma_initializer", Initializer::Ones)?,
            beta_regularizer: config.regularizer("beta_regularizer")?,
            gamma_regularizer: config.regularizer("gamma_regularizer")?,
            beta_constraint: config.constraint("beta_constraint")?,
            gamma_constraint: config.constraint("gamma_constraint")?,
        })
    }

    /// Whether they exist.
    pub fn flags(&self) -> Keys {
        keys! { "center": self.center, "scale": self.scale }
    }

    pub fn initializers(&self) -> Keys {
        keys! {
            "beta_initializer": self.beta_initializer.to_config(),
            "gamma_initializer": self.gamma_initializer.to_config(),
        }
    }

    /// Penalties and constraints.
    pub fn rules(&self) -> Keys {
        keys! {
            "beta_regularizer": regularizers::to_value(&self.beta_regularizer),
            "gamma_regularizer": regularizers::to_value(&self.gamma_regularizer),
            "beta_constraint": constraints::to_value(&self.beta_constraint),
            "gamma_constraint": constraints::to_value(&self.gamma_constraint),
        }
    }

    /// Gamma, then beta, of this shape; as many of them as there are.
    pub fn variables(&self, shape: &[usize]) -> Vec<VariableSpec> {
        let gamma = self.scale.then(|| {
            VariableSpec::new("gamma", shape, self.gamma_initializer.clone())
                .regularizer(&self.gamma_regularizer)
                .constraint(&self.gamma_constraint)
        });
        let beta = self.center.then(|| {
            VariableSpec::new("beta", shape, self.beta_initializer.clone())
                .regularizer(&self.beta_regularizer)
                .constraint(&self.beta_constraint)
        });
        gamma.into_iter().chain(beta).collect()
    }
}

/// Gives a layer with a field `gamma_beta` the methods that set it.
macro_rules! gamma_beta {
    ($layer:ident) => {
        impl $layer {
            /// With or without beta.
            pub fn center(mut self, center: bool) -> Self {
                self.gamma_beta.center = center;
                self
            }

            /// With or without gamma.
            pub fn scale(mut self, scale: bool) -> Self {
                self.gamma_beta.scale = scale;
                self
            }

            /// Where beta starts.
            pub fn beta_initializer(mut self, initializer: impl Into<$crate::initializers::Initializer>) -> Self {
                self.gamma_beta.beta_initializer = initializer.into();
                self
            }

            /// Where gamma starts.
            pub fn gamma_initializer(mut self, initializer: impl Into<$crate::initializers::Initializer>) -> Self {
                self.gamma_beta.gamma_initializer = initializer.into();
                self
            }

            /// A penalty on beta.
            pub fn beta_regularizer(
                mut self,
                regularizer: impl $crate::regularizers::Regularizer + 'static,
            ) -> Self {
                self.gamma_beta.beta_regularizer = Some(std::sync::Arc::new(regularizer));
                self
            }

            /// A penalty on gamma.
            pub fn gamma_regularizer(
                mut self,
                regularizer: impl $crate::regularizers::Regularizer + 'static,
            ) -> Self {
                self.gamma_beta.gamma_regularizer = Some(std::sync::Arc::new(regularizer));
                self
            }

            /// What beta satisfies after each step.
            pub fn beta_constraint(mut self, constraint: impl $crate::constraints::Constraint + 'static) -> Self {
                self.gamma_beta.beta_constraint = Some(std::sync::Arc::new(constraint));
                self
            }

            /// What gamma satisfies after each step.
            pub fn gamma_constraint(mut self, constraint: impl $crate::constraints::Constraint + 'static) -> Self {
                self.gamma_beta.gamma_constraint = Some(std::sync::Arc::new(constraint));
                self
            }
        }
    };
}
pub(super) use gamma_beta;
