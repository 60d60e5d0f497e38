//! Losses, by Keras's names. One word a file, one line in the registry below.

use crate::config::{Config, Keys, name_and_keys, node};
use crate::error::{Error, Result};
use crate::registry::Registry;
use serde_json::Value;
use std::sync::Arc;
pub use vanilla_plan::Reduction;

mod crossentropy;
mod suggest;

pub use suggest::{Suggestion, suggest};

/// What a loss compares the outputs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targets {
    /// As many numbers as there are outputs, any of them.
    Numbers,
    /// As many numbers as there are outputs, the share of each class: one-hot vectors.
    OneHot,
    /// One class number.
    ClassNumber,
}

/// A loss with Keras's name and configuration.
pub trait Loss: vanilla_plan::Loss {
    /// Keras's class name.
    fn class_name(&self) -> &str;
    /// Keras's configuration, without `name` and `reduction`.
    fn config(&self) -> Keys {
        Keys::new()
    }
    /// What it compares with.
    fn targets(&self) -> Targets;
    /// Brings targets into the form that the loss takes, once for all data: labels 0 and 1 to -1 and 1, for instance.
    /// Metrics see them as they were.
    fn prepare(&self, _targets: &mut [f32]) {}
    /// Whether outputs that are no probabilities make no sense.
    fn wants_probabilities(&self) -> bool {
        false
    }
    /// Whether outputs are logits, so that probabilities make no sense.
    fn wants_logits(&self) -> bool {
        false
    }
}

/// Probabilities are kept this far from 0 and 1 where a logarithm is taken of them (Keras's `epsilon()`).
pub(crate) const EPSILON: f32 = 1e-7;

/// Labels that are all 0 or 1, as -1 and 1.
pub(crate) fn signs(targets: &mut [f32]) {
    if targets.iter().all(|&t| t == 0.0 || t == 1.0) {
        targets.iter_mut().for_each(|t| *t = 2.0 * *t - 1.0);
    }
}

/// The registry: module, type, names. `CLASS` is Keras's class name, the first name is Keras's own.
macro_rules! registry {
    ($($module:ident $word:ident $class:literal [$name:literal $(, $alias:literal)*];)*) => {
        $(mod $module; pub use $module::$word;)*

        /// The words alone, for the prelude.
        pub(crate) mod words {
            $(pub use super::$word;)*
        }

        /// All names.
        pub fn names() -> Vec<&'static str> {
            vec![$($name $(, $alias)*),*]
        }

        fn known(word: &str, config: &mut Config) -> Result<Option<Arc<dyn Loss>>> {
            Ok(Some(match word {
                $($class | $name $(| $alias)* => Arc::new($word::from_config(config)?),)*
                _ => return Ok(None),
            }))
        }
    };
}

registry! {
    binary_crossentropy BinaryCrossentropy "BinaryCrossentropy" ["binary_crossentropy", "bce", "BCE"];
    binary_focal_crossentropy BinaryFocalCrossentropy "BinaryFocalCrossentropy" ["binary_focal_crossentropy"];
    categorical_crossentropy CategoricalCrossentropy "CategoricalCrossentropy" ["categorical_crossentropy"];
    categorical_focal_crossentropy CategoricalFocalCrossentropy "CategoricalFocalCrossentropy"
        ["categorical_focal_crossentropy"];
    categorical_generalized_cross_entropy CategoricalGeneralizedCrossEntropy "CategoricalGeneralizedCrossEntropy"
        ["categorical_generalized_cross_entropy"];
    categorical_hinge CategoricalHinge "CategoricalHinge" ["categorical_hinge"];
    cosine_similarity CosineSimilarity "CosineSimilarity" ["cosine_similarity"];
    dice Dice "Dice" ["dice"];
    hinge Hinge "Hinge" ["hinge"];
    huber Huber "Huber" ["huber"];
    kl_divergence KLDivergence "KLDivergence" ["kl_divergence", "kld", "KLD"];
    log_cosh LogCosh "LogCosh" ["log_cosh", "logcosh"];
    mean_absolute_error MeanAbsoluteError "MeanAbsoluteError" ["mean_absolute_error", "mae", "MAE"];
    mean_absolute_percentage_error MeanAbsolutePercentageError "MeanAbsolutePercentageError"
        ["mean_absolute_percentage_error", "mape", "MAPE"];
    mean_squared_error MeanSquaredError "MeanSquaredError" ["mean_squared_error", "mse", "MSE"];
    mean_squared_logarithmic_error MeanSquaredLogarithmicError "MeanSquaredLogarithmicError"
        ["mean_squared_logarithmic_error", "msle", "MSLE"];
    poisson Poisson "Poisson" ["poisson"];
    sparse_categorical_crossentropy SparseCategoricalCrossentropy "SparseCategoricalCrossentropy"
        ["sparse_categorical_crossentropy"];
    squared_hinge SquaredHinge "SquaredHinge" ["squared_hinge"];
    tversky Tversky "Tversky" ["tversky"];
}

/// The loss of this name or class name, with these keys, and how rows become one number.
///
/// # Errors
/// When there is none, or a key makes no sense.
pub fn from_config(word: &str, keys: Keys, registry: &Registry) -> Result<(Arc<dyn Loss>, Reduction)> {
    let mut config = Config::with_registry(word, keys, registry);
    config.take("name");
    config.float32()?;
    let reduction = match config.string("reduction")?.as_deref() {
        None | Some("sum_over_batch_size" | "mean") => Reduction::Mean,
        Some("sum") => Reduction::Sum,
        Some("mean_with_sample_weight") => Reduction::WeightedMean,
        Some(other) => {
            let problem = format!(
                "reduction = \"{other}\", expected \"sum_over_batch_size\", \"sum\" or \"mean_with_sample_weight\": \
                 a training needs one number"
            );
            return Err(config.error(problem));
        }
    };
    let loss = match registry.find_loss(word) {
        Some(make) => make(&mut config)?,
        None => known(word, &mut config)?
            .ok_or_else(|| Error::unknown("loss", word, registry.names_of("loss", names())))?,
    };
    config.finish()?;
    Ok((loss, reduction))
}

/// A loss by name, from its configuration, or itself.
#[derive(Clone, Debug)]
pub enum LossArg {
    /// A name or Keras's node, looked up by `compile`.
    Config(Value),
    /// The loss, and how rows become one number.
    Is(Arc<dyn Loss>, Reduction),
}

impl From<&str> for LossArg {
    fn from(name: &str) -> Self {
        Self::Config(name.into())
    }
}

impl<L: Loss + 'static> From<L> for LossArg {
    fn from(loss: L) -> Self {
        Self::Is(Arc::new(loss), Reduction::Mean)
    }
}

/// Says how the losses of the rows of a batch become one number: `MeanSquaredError.reduction(Reduction::Sum)`.
pub trait Reduce: Loss + Sized + 'static {
    /// With this reduction; without it, the mean.
    fn reduction(self, reduction: Reduction) -> LossArg {
        LossArg::Is(Arc::new(self), reduction)
    }
}

impl<L: Loss + 'static> Reduce for L {}

impl LossArg {
    /// The loss, its reduction, and how Keras writes it.
    pub(crate) fn resolve(self, registry: &Registry) -> Result<(Arc<dyn Loss>, Reduction, Value)> {
        match self {
            Self::Config(value) => match name_and_keys(&value) {
                Some((word, keys)) => {
                    let (loss, reduction) = from_config(&word, keys, registry)
                        .map_err(|error| crate::config::unknown_function(&value, error))?;
                    Ok((loss, reduction, value))
                }
                None => Err(Error::config("compile", format!("loss = {value}, expected a name such as \"mse\""))),
            },
            Self::Is(loss, reduction) => {
                let mut keys = loss.config();
                keys.insert("name".into(), loss.name().into());
                let written = match reduction {
                    Reduction::Mean => "sum_over_batch_size",
                    Reduction::Sum => "sum",
                    Reduction::WeightedMean => "mean_with_sample_weight",
                };
                keys.insert("reduction".into(), written.into());
                let node = node("keras.losses", loss.class_name(), keys);
                Ok((loss, reduction, node))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_classes_and_errors() {
        for name in names() {
            let (loss, _) = from_config(name, Keys::new(), &Registry::default()).unwrap();
            let again = from_config(loss.class_name(), loss.config(), &Registry::default()).unwrap().0;
            assert_eq!(again.name(), loss.name());
        }
        let error =
            |word: &str, keys: Keys| from_config(word, keys, &Registry::default()).unwrap_err().to_string();
        assert!(
            error("categorical_crossentopy", Keys::new()).contains("did you mean 'categorical_crossentropy'?")
        );
        assert_eq!(
            error("mse", crate::config::keys! { "reduction": "none" }),
            "mse: reduction = \"none\", expected \"sum_over_batch_size\", \"sum\" or \"mean_with_sample_weight\": a \
             training needs one number"
        );
        assert_eq!(
            error("mse", crate::config::keys! { "delta": 2.0 }),
            "mse: delta = 2.0 is not supported: leave it out, or check its spelling"
        );
    }
}
