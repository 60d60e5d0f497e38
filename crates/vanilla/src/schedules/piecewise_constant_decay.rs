//! `PiecewiseConstantDecay`: one rate up to a step, the next one up to another.
//!
//! **Formula** the first of `values` while `step <= boundaries[0]`, then the second while `step <= boundaries[1]`,
//! and so on; the last one for good
//! **Config** `boundaries`, `values`: one more than boundaries. Boundaries do not fall; Keras adds up the values
//! of pieces that overlap.
//! **Reference** `keras.optimizers.schedules.PiecewiseConstantDecay`, whose `name` is `PiecewiseConstant`

use super::{Schedule, written_steps};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use serde_json::Value;

/// One rate for each piece of the training.
#[derive(Clone, Debug)]
pub struct PiecewiseConstantDecay {
    boundaries: Vec<f64>,
    values: Vec<f64>,
}

impl PiecewiseConstantDecay {
    pub(super) const CLASS: &'static str = "PiecewiseConstantDecay";

    /// The first value for steps up to the first boundary, and one value more than boundaries.
    pub fn new(boundaries: impl IntoIterator<Item = u64>, values: impl IntoIterator<Item = f64>) -> Self {
        let boundaries = boundaries.into_iter().map(|step| step as f64).collect();
        Self { boundaries, values: values.into_iter().collect() }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let mut list = |key: &str| {
            let list = config.float_list(key)?;
            list.ok_or_else(|| config.error(format!("{key} is missing: a list of numbers")))
        };
        Ok(Self { boundaries: list("boundaries")?, values: list("values")? })
    }
}

impl Schedule for PiecewiseConstantDecay {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn name(&self) -> &str {
        "PiecewiseConstant"
    }
    fn config(&self) -> Keys {
        let boundaries: Vec<Value> = self.boundaries.iter().map(|step| written_steps(*step)).collect();
        keys! { "boundaries": boundaries, "values": self.values }
    }
    fn check(&self) -> std::result::Result<(), String> {
        let (boundaries, values) = (self.boundaries.len(), self.values.len());
        if boundaries == 0 {
            return Err("boundaries = [], expected at least one step; a constant rate is a number".into());
        }
        if values != boundaries + 1 {
            return Err(format!("values: {values}, expected {}, one more than boundaries", boundaries + 1));
        }
        if let Some(pair) = self.boundaries.windows(2).find(|pair| pair[0] > pair[1]) {
            return Err(format!("boundaries: {} after {}, expected steps that do not fall", pair[1], pair[0]));
        }
        match self.values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(format!("values: {value}, expected numbers")),
            None => Ok(()),
        }
    }
    fn at(&self, step: u64) -> f32 {
        let piece = self.boundaries.partition_point(|boundary| (step as f64) > *boundary);
        self.values.get(piece).map_or(0.0, |value| *value as f32)
    }
}
