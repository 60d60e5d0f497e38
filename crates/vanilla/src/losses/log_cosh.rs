//! `LogCosh`: squares near zero, absolute values far from it.
//!
//! **Formula** mean over the outputs of `ln(cosh(e))`, `e = p - t`, as `|e| + ln(1 + e^(-2|e|)) - ln 2` in f64: the terms
//! cancel near zero, where Keras's f32 has no digit left
//! **Shapes** target and output `(None, k)`; `(None,)` counts as `(None, 1)`
//! **Config** none
//! **Gradient** `tanh(e) / k`
//! **Reference** `keras.losses.LogCosh`; `logcosh` is its name in Keras 2

use super::{Loss, Targets};
use crate::config::Config;
use crate::error::Result;
use vanilla_plan::kernels::Kernels;

/// Mean over the outputs of `ln(cosh(p - t))`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogCosh;

impl LogCosh {
    pub(crate) fn from_config(_: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl vanilla_plan::Loss for LogCosh {
    fn name(&self) -> &str {
        "log_cosh"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let scale = 1.0 / prediction.len() as f64;
        let mut sum = 0.0;
        for ((d, p), t) in d.iter_mut().zip(prediction).zip(target) {
            let e = f64::from(*p) - f64::from(*t);
            sum += e.abs() + libm::log1p(libm::exp(-2.0 * e.abs())) - std::f64::consts::LN_2;
            *d = (libm::tanh(e) * scale) as f32;
        }
        (sum * scale) as f32
    }
}

impl Loss for LogCosh {
    fn class_name(&self) -> &str {
        "LogCosh"
    }
    fn targets(&self) -> Targets {
        Targets::Numbers
    }
}
