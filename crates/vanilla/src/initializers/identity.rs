//! `Identity`: what comes in goes out.
//!
//! **Formula** `w = gain` where row and column are the same, else 0
//! **Shapes** two dimensions
//! **Config** `gain` = 1. Keras forgets to write it, so a gain is lost when Keras saves the model; here it is
//! written, and Keras reads it
//! **Reference** `keras.initializers.Identity`, also `IdentityInitializer`

use super::Initialize;
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use vanilla_plan::kernels::random::Stream;

/// 1 where row and column are the same, times a gain.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    gain: f64,
}

impl Identity {
    /// The identity matrix times this (Keras's default is 1).
    pub fn new(gain: f64) -> Self {
        Self { gain }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { gain: config.float("gain")?.unwrap_or(1.0) })
    }
}

impl Initialize for Identity {
    fn class_name(&self) -> &str {
        "Identity"
    }
    fn config(&self) -> Keys {
        keys! { "gain": self.gain }
    }
    fn fill(&self, shape: &[usize], _: &mut Stream) -> Result<Vec<f32>> {
        let &[rows, columns] = shape else {
            let problem = format!(
                "a variable of shape {shape:?}, expected 2 dimensions: take it for a kernel, and zeros for a bias"
            );
            return Err(Error::config("Identity", problem));
        };
        let mut w = vec![0.0; rows * columns];
        w.iter_mut().step_by(columns + 1).take(rows.min(columns)).for_each(|w| *w = self.gain as f32);
        Ok(w)
    }
}
