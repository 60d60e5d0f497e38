//! `Zeros`: all 0.
//!
//! **Formula** `w = 0`
//! **Shapes** any
//! **Config** none
//! **Reference** `keras.initializers.Zeros`

use super::Initialize;
use crate::config::Keys;
use crate::error::Result;
use vanilla_plan::kernels::random::Stream;

/// All 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zeros;

impl Initialize for Zeros {
    fn class_name(&self) -> &str {
        "Zeros"
    }
    fn config(&self) -> Keys {
        Keys::new()
    }
    fn fill(&self, shape: &[usize], _: &mut Stream) -> Result<Vec<f32>> {
        Ok(vec![0.0; shape.iter().product()])
    }
}
