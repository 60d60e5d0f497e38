//! `Embedding`: whole numbers to the rows of a table.
//!
//! **Formula** `y = E[x]`
//! **Shapes** `(None, ..)` to `(None, .., output_dim)`; E is `(input_dim, output_dim)`
//! **Config** `input_dim`, `output_dim`, `embeddings_initializer` = uniform, `embeddings_regularizer`,
//! `activity_regularizer`, `embeddings_constraint` = none, `mask_zero` = false (no other: only `Masking`
//! makes masks). `weights`, `lora_rank` and `quantization_config` are refused.
//! **Gradient** `dE[x] = sum of dy over all places with x`; none by x
//! **Reference** `keras.layers.Embedding`
//!
//! Different from Keras: a number that is not whole or not in `0..input_dim` is an error of the data. Keras cuts
//! fractions off, and on a CPU fails in the middle of a step or, on other devices, reads zeros.
//!
//! Different from Keras on TensorFlow, which hands the gradient of a table without a penalty to the optimizer in
//! pieces, one for each number of the batch: Adam and RMSprop square each piece and add the squares where a number
//! occurs several times. Here, as in Keras with a penalty of 0, the square is that of the whole gradient.

use super::activity_regularization::activity;
use super::{Built, Common, Layer, VariableSpec, bad_value, one_input};
use crate::config::{Config, Keys, keys};
use crate::constraints::{self, Constraint};
use crate::error::Result;
use crate::initializers::{Initializer, RandomUniform};
use crate::model::MAX_WIDTH;
use crate::regularizers::{self, Regularizer};
use serde_json::Value;
use std::sync::Arc;
use vanilla_plan::Fact;

/// Whole numbers to the rows of a table, directly behind an input (or a layer that only changes its shape).
///
/// ```
/// use vanilla::layers::Embedding;
/// use vanilla::prelude::*;
/// let words = Input::new([3]).tensor();
/// let y = Dense::new(1).call(&Flatten::new().call(&Embedding::new(1000, 8).call(&words)));
/// assert_eq!(Model::new(&words, &y)?.count_params(), 8000 + 25);
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Embedding {
    common: Common,
    input_dim: usize,
    output_dim: usize,
    embeddings_initializer: Initializer,
    embeddings_regularizer: Option<Arc<dyn Regularizer>>,
    activity_regularizer: Option<Arc<dyn Regularizer>>,
    embeddings_constraint: Option<Arc<dyn Constraint>>,
}

/// Keras's `uniform`.
fn uniform() -> Initializer {
    Initializer::RandomUniform(RandomUniform::new(-0.05, 0.05))
}

impl Embedding {
    pub(super) const CLASS: &'static str = "Embedding";

    /// A table of `input_dim` rows, for numbers below it, and `output_dim` columns.
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        Self {
            common: Common::PLAIN,
            input_dim,
            output_dim,
            embeddings_initializer: uniform(),
            embeddings_regularizer: None,
            activity_regularizer: None,
            embeddings_constraint: None,
        }
    }

    /// Where the table starts.
    pub fn embeddings_initializer(mut self, initializer: impl Into<Initializer>) -> Self {
        self.embeddings_initializer = initializer.into();
        self
    }

    /// A penalty on the table.
    pub fn embeddings_regularizer(mut self, regularizer: impl Regularizer + 'static) -> Self {
        self.embeddings_regularizer = Some(Arc::new(regularizer));
        self
    }

    /// A penalty on the outputs: l1, l2 or both, divided by the rows of the batch.
    pub fn activity_regularizer(mut self, regularizer: impl Regularizer + 'static) -> Self {
        self.activity_regularizer = Some(Arc::new(regularizer));
        self
    }

    /// What the table satisfies after each step.
    pub fn embeddings_constraint(mut self, constraint: impl Constraint + 'static) -> Self {
        self.embeddings_constraint = Some(Arc::new(constraint));
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        if config.boolean("mask_zero")? == Some(true) {
            let problem = "mask_zero = true is not supported: only Masking makes masks; leave it out";
            return Err(config.error(problem));
        }
        let mut dimension = |key: &str, what: &str| match config.integer(key)? {
            Some(length) => Ok(length),
            None => Err(config.error(format!("{key} is missing: {what}"))),
        };
        let input_dim = dimension("input_dim", "how many numbers there are, the largest and 1 more")?;
        let output_dim = dimension("output_dim", "the columns of the table, such as output_dim = 8")?;
        Ok(Self {
            common,
            input_dim,
            output_dim,
            embeddings_initializer: config.initializer("embeddings_initializer", uniform())?,
            embeddings_regularizer: config.regularizer("embeddings_regularizer")?,
            activity_regularizer: config.regularizer("activity_regularizer")?,
            embeddings_constraint: config.constraint("embeddings_constraint")?,
        })
    }
}

common!(Embedding);

impl Layer for Embedding {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! {
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": self.embeddings_initializer.to_config(),
            "embeddings_regularizer": regularizers::to_value(&self.embeddings_regularizer),
            "activity_regularizer": regularizers::to_value(&self.activity_regularizer),
            "embeddings_constraint": constraints::to_value(&self.embeddings_constraint),
            "mask_zero": false,
            "quantization_config": Value::Null,
        }
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let sample = one_input(place, inputs)?;
        for (key, length) in [("input_dim", self.input_dim), ("output_dim", self.output_dim)] {
            if !(1..=MAX_WIDTH).contains(&length) {
                return Err(bad_value(place, key, length, &format!("a number from 1 to {MAX_WIDTH}")));
            }
        }
        let mut facts = vec![Fact::Embed { vocabulary: self.input_dim, units: self.output_dim }];
        facts.extend(activity(place, &self.activity_regularizer)?);
        let shape = [self.input_dim, self.output_dim];
        let table = VariableSpec::new("embeddings", shape, self.embeddings_initializer.clone())
            .regularizer(&self.embeddings_regularizer)
            .constraint(&self.embeddings_constraint);
        Ok(Built::new([sample, &[self.output_dim]].concat(), facts).variables(vec![table]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, from_keys, round_trip};
    use super::*;
    use crate::constraints::NonNeg;
    use crate::prelude::*;
    use crate::regularizers::{L1, L2};

    #[test]
    fn every_key_makes_the_round() {
        let layer = Embedding::new(5, 2)
            .embeddings_initializer(Initializer::Ones)
            .embeddings_regularizer(L1::new(0.5))
            .activity_regularizer(L2::new(0.25))
            .embeddings_constraint(NonNeg);
        round_trip(&layer);
        assert_eq!(layer.config()["activity_regularizer"]["class_name"], "L2");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert_eq!(
            build_error(&Embedding::new(0, 2), &[&[2]]),
            "Embedding: input_dim = 0, expected a number from 1 to 16777216"
        );
        let error = |keys: Keys| from_keys("Embedding", keys).unwrap_err().to_string();
        assert_eq!(
            error(keys! { "output_dim": 2 }),
            "Embedding: input_dim is missing: how many numbers there are, the largest and 1 more"
        );
        assert_eq!(
            error(keys! { "input_dim": 3, "output_dim": 2, "mask_zero": true }),
            "Embedding: mask_zero = true is not supported: only Masking makes masks; leave it out"
        );
        for key in ["weights", "lora_rank"] {
            let mut keys = Embedding::new(3, 2).config();
            keys.insert(key.into(), 4.into());
            assert_eq!(
                error(keys),
                format!("Embedding: {key} = 4 is not supported: leave it out, or check its spelling")
            );
        }
    }

    #[test]
    fn numbers_outside_of_the_table_are_named() {
        let words = Input::new([2]).tensor();
        let model = Model::new(&words, &Embedding::new(3, 1).call(&words)).unwrap();
        let error = |x: Vec<f32>| model.predict(Tensor::new(x, [2, 2]).unwrap()).unwrap_err().to_string();
        assert_eq!(
            error(vec![0.0, 1.0, 3.0, 0.0]),
            "predict: x is 3 in row 1: layer 'embedding' (Embedding) reads whole numbers from 0 to 2"
        );
        assert!(error(vec![0.5; 4]).contains("x is 0.5 in row 0"));
    }
}
