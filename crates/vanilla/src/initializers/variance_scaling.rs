//! `VarianceScaling`: a variance that keeps signals alive. Also `GlorotUniform`, `GlorotNormal`, `HeUniform`,
//! `HeNormal`, `LecunUniform` and `LecunNormal`, which fix its keys.
//!
//! **Formula** variance `v = scale / max(fan, 1)`; truncated_normal: standard deviation `sqrt(v) / 0.8796...`,
//! drawn again beyond two of them, so that what is left has variance v; untruncated_normal: standard deviation
//! `sqrt(v)`; uniform: between `-sqrt(3 v)` and `sqrt(3 v)`
//! **Shapes** any. Fans of `(in, out)` are in and out, of `(n,)` both n, of more dimensions the last two times the
//! product of the others
//! **Config** `scale` = 1, `mode` = fan_in (or fan_out, fan_avg), `distribution` = truncated_normal (or normal,
//! which is the same, untruncated_normal, uniform). Glorot: scale 1, fan_avg; He: 2, fan_in; LeCun: 1, fan_in;
//! these have no keys. `seed` is ignored, because it belongs to the model; `input_axes` and `output_axes` are
//! refused
//! **Reference** `keras.initializers.VarianceScaling` and those named above; Glorot and Bengio 2010 (equation 16),
//! He et al. 2015, LeCun et al. 1998

use super::{Initialize, draw, truncated};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use serde_json::Value;
use vanilla_plan::kernels::random::Stream;

/// Variance `scale / fan`, under its own name or that of one of its cases.
#[derive(Clone, Debug)]
pub struct VarianceScaling {
    class_name: &'static str,
    scale: f64,
    mode: Mode,
    distribution: Distribution,
}

/// What a variance is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The number of inputs of a unit.
    FanIn,
    /// The number of units that an input goes to.
    FanOut,
    /// Their mean.
    FanAvg,
}

/// How elements of a given variance are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Normal, but nothing beyond two standard deviations.
    TruncatedNormal,
    /// Normal.
    UntruncatedNormal,
    /// Uniform around 0.
    Uniform,
}

impl VarianceScaling {
    /// Uniform with variance `2 / (inputs + outputs)`.
    pub const GLOROT_UNIFORM: Self = Self::case("GlorotUniform", 1.0, Mode::FanAvg, Distribution::Uniform);
    /// Normal with variance `2 / (inputs + outputs)`.
    pub const GLOROT_NORMAL: Self = Self::case("GlorotNormal", 1.0, Mode::FanAvg, Distribution::TruncatedNormal);
    /// Uniform with variance `2 / inputs`.
    pub const HE_UNIFORM: Self = Self::case("HeUniform", 2.0, Mode::FanIn, Distribution::Uniform);
    /// Normal with variance `2 / inputs`.
    pub const HE_NORMAL: Self = Self::case("HeNormal", 2.0, Mode::FanIn, Distribution::TruncatedNormal);
    /// Uniform with variance `1 / inputs`.
    pub const LECUN_UNIFORM: Self = Self::case("LecunUniform", 1.0, Mode::FanIn, Distribution::Uniform);
    /// Normal with variance `1 / inputs`.
    pub const LECUN_NORMAL: Self = Self::case("LecunNormal", 1.0, Mode::FanIn, Distribution::TruncatedNormal);

    /// Class name, name and keys of the cases.
    pub(super) const NAMED: [(&'static str, &'static str, Self); 6] = [
        ("GlorotUniform", "glorot_uniform", Self::GLOROT_UNIFORM),
        ("GlorotNormal", "glorot_normal", Self::GLOROT_NORMAL),
        ("HeUniform", "he_uniform", Self::HE_UNIFORM),
        ("HeNormal", "he_normal", Self::HE_NORMAL),
        ("LecunUniform", "lecun_uniform", Self::LECUN_UNIFORM),
        ("LecunNormal", "lecun_normal", Self::LECUN_NORMAL),
    ];

    /// Variance `scale / fan`, so distributed (Keras's defaults are 1, the fan of inputs, and a truncated normal).
    pub const fn new(scale: f64, mode: Mode, distribution: Distribution) -> Self {
        Self::case("VarianceScaling", scale, mode, distribution)
    }

    const fn case(class_name: &'static str, scale: f64, mode: Mode, distribution: Distribution) -> Self {
        Self { class_name, scale, mode, distribution }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let scale = config.float("scale")?.unwrap_or(1.0);
        let mode = match config.string("mode")?.as_deref() {
            None | Some("fan_in") => Mode::FanIn,
            Some("fan_out") => Mode::FanOut,
            Some("fan_avg") => Mode::FanAvg,
            Some(mode) => {
                let problem = format!("mode = \"{mode}\", expected \"fan_in\", \"fan_out\" or \"fan_avg\"");
                return Err(config.error(problem));
            }
        };
        // In any case, as in Keras.
        let distribution = match config.string("distribution")?.map(|name| name.to_lowercase()).as_deref() {
            None | Some("truncated_normal" | "normal") => Distribution::TruncatedNormal,
            Some("untruncated_normal") => Distribution::UntruncatedNormal,
            Some("uniform") => Distribution::Uniform,
            Some(name) => {
                let known = "\"truncated_normal\", \"untruncated_normal\" or \"uniform\"";
                return Err(config.error(format!("distribution = \"{name}\", expected {known}")));
            }
        };
        let word = Self::new(scale, mode, distribution);
        word.variance(1.0)?;
        Ok(word)
    }

    fn variance(&self, fan: f64) -> Result<f64> {
        if self.scale > 0.0 && self.scale.is_finite() {
            return Ok(self.scale / fan.max(1.0));
        }
        let problem = format!("scale = {}, expected a number above 0, such as 1", self.scale);
        Err(Error::config(self.class_name, problem))
    }
}

impl Initialize for VarianceScaling {
    fn class_name(&self) -> &str {
        self.class_name
    }
    /// Without `input_axes` and `output_axes`, which are null and which older versions of Keras do not know.
    fn config(&self) -> Keys {
        if Self::NAMED.iter().any(|(class, ..)| *class == self.class_name) {
            return keys! { "seed": Value::Null };
        }
        let mode = match self.mode {
            Mode::FanIn => "fan_in",
            Mode::FanOut => "fan_out",
            Mode::FanAvg => "fan_avg",
        };
        let distribution = match self.distribution {
            Distribution::TruncatedNormal => "truncated_normal",
            Distribution::UntruncatedNormal => "untruncated_normal",
            Distribution::Uniform => "uniform",
        };
        keys! { "seed": Value::Null, "scale": self.scale, "mode": mode, "distribution": distribution }
    }
    fn fill(&self, shape: &[usize], random: &mut Stream) -> Result<Vec<f32>> {
        let (inputs, outputs) = fans(shape);
        let variance = self.variance(match self.mode {
            Mode::FanIn => inputs,
            Mode::FanOut => outputs,
            Mode::FanAvg => (inputs + outputs) / 2.0,
        })?;
        Ok(match self.distribution {
            Distribution::TruncatedNormal => {
                let stddev = variance.sqrt() / TRUNCATED_STDDEV;
                draw(shape, random, |random| truncated(random) * stddev)
            }
            Distribution::UntruncatedNormal => {
                let stddev = variance.sqrt();
                draw(shape, random, |random| random.normal() * stddev)
            }
            Distribution::Uniform => {
                let limit = (3.0 * variance).sqrt();
                draw(shape, random, |random| (random.uniform() * 2.0 - 1.0) * limit)
            }
        })
    }
}

/// Standard deviation of a standard normal cut off at two (Keras divides by it).
pub(super) const TRUNCATED_STDDEV: f64 = 0.879_625_661_034_239_8;

/// Inputs of a unit, and units of an input.
pub(super) fn fans(shape: &[usize]) -> (f64, f64) {
    match *shape {
        [] => (1.0, 1.0),
        [n] => (n as f64, n as f64),
        [ref field @ .., inputs, outputs] => {
            let field: f64 = field.iter().map(|n| *n as f64).product();
            (field * inputs as f64, field * outputs as f64)
        }
    }
}
