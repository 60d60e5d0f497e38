//! `Ones`: all 1.
//!
//! **Formula** `w = 1`
//! **Shapes** any
//! **Config** none
//! **Reference** `keras.initializers.Ones`

use super::Initialize;
use crate::config::Keys;
use crate::error::Result;
use vanilla_plan::kernels::random::Stream;

/// All 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ones;

impl Initialize for Ones {
    fn class_name(&self) -> &str {
        "Ones"
    }
    fn config(&self) -> Keys {
        Keys::new()
    }
    fn fill(&self, shape: &[usize], _: &mut Stream) -> Result<Vec<f32>> {
        Ok(vec![1.0; shape.iter().product()])
    }
}
