//! Initializers: where weights start, by Keras's names and formulas.
//!
//! The numbers come from a counter-based stream of the model's seed: the same seed gives the same weights again, on
//! every machine. They are not TensorFlow's numbers for the same seed; to start where Keras started, load its weights.

use crate::config::{Config, Keys, keys, node};
use crate::error::{Error, Result};
use serde_json::Value;
use vanilla_plan::kernels::random::Stream;

/// How the elements of a variable are drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Initializer {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// All this value.
    Constant(f32),
    /// Uniform in `minval..maxval`.
    RandomUniform {
        /// Lower end.
        minval: f32,
        /// Upper end.
        maxval: f32,
    },
    /// Normal.
    RandomNormal {
        /// Mean.
        mean: f32,
        /// Standard deviation.
        stddev: f32,
    },
    /// Variance `scale / fan`; the Glorot, He and LeCun initializers are cases of it.
    VarianceScaling(Scaling),
}

/// Keras's `VarianceScaling` under one of its own names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    class_name: &'static str,
    name: &'static str,
    scale: f64,
    fan: Fan,
    normal: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fan {
    In,
    Average,
}

/// Glorot and Bengio 2010 (equation 16); He et al. 2015; LeCun et al. 1998.
const SCALINGS: [Scaling; 6] = [
    Scaling { class_name: "GlorotUniform", name: "glorot_uniform", scale: 1.0, fan: Fan::Average, normal: false },
    Scaling { class_name: "GlorotNormal", name: "glorot_normal", scale: 1.0, fan: Fan::Average, normal: true },
    Scaling { class_name: "HeUniform", name: "he_uniform", scale: 2.0, fan: Fan::In, normal: false },
    Scaling { class_name: "HeNormal", name: "he_normal", scale: 2.0, fan: Fan::In, normal: true },
    Scaling { class_name: "LecunUniform", name: "lecun_uniform", scale: 1.0, fan: Fan::In, normal: false },
    Scaling { class_name: "LecunNormal", name: "lecun_normal", scale: 1.0, fan: Fan::In, normal: true },
];

const SIMPLE: [(&str, &str, Initializer); 4] = [
    ("Zeros", "zeros", Initializer::Zeros),
    ("Ones", "ones", Initializer::Ones),
    ("RandomUniform", "random_uniform", Initializer::RandomUniform { minval: -0.05, maxval: 0.05 }),
    ("RandomNormal", "random_normal", Initializer::RandomNormal { mean: 0.0, stddev: 0.05 }),
];

/// Standard deviation of a standard normal cut off at two (Keras divides by it).
const TRUNCATED_STDDEV: f64 = 0.879_625_661_034_239_8;

impl Initializer {
    /// Kernels start with this unless told otherwise.
    pub const GLOROT_UNIFORM: Self = Self::VarianceScaling(SCALINGS[0]);

    /// The initializer of this name (`glorot_uniform`) or class name (`GlorotUniform`), with these keys.
    ///
    /// # Errors
    /// When there is none, or a key means nothing to it.
    pub fn from_config(word: &str, keys: Keys) -> Result<Self> {
        let mut config = Config::new(word, keys);
        // Seeds belong to the model here; `input_axes` and `output_axes` matter to convolutions only.
        for ignored in ["seed", "input_axes", "output_axes", "name"] {
            config.take(ignored);
        }
        config.float32()?;
        let scaling = SCALINGS.into_iter().find(|s| s.class_name == word || s.name == word);
        let simple = SIMPLE.into_iter().find(|(class, name, _)| *class == word || *name == word);
        let initializer = match (scaling, simple) {
            (Some(scaling), _) => Self::VarianceScaling(scaling),
            (_, Some((.., Self::RandomUniform { .. }))) => Self::RandomUniform {
                minval: config.float("minval")?.unwrap_or(-0.05) as f32,
                maxval: config.float("maxval")?.unwrap_or(0.05) as f32,
            },
            (_, Some((.., Self::RandomNormal { .. }))) => Self::RandomNormal {
                mean: config.float("mean")?.unwrap_or(0.0) as f32,
                stddev: config.float("stddev")?.unwrap_or(0.05) as f32,
            },
            (_, Some((.., initializer))) => initializer,
            _ if word == "Constant" || word == "constant" => {
                Self::Constant(config.float("value")?.unwrap_or(0.0) as f32)
            }
            _ => {
                let mut known: Vec<_> = SCALINGS.iter().map(|s| s.name).collect();
                known.extend(SIMPLE.iter().map(|(_, name, _)| *name));
                known.push("constant");
                known.sort_unstable();
                return Err(Error::UnknownWord { kind: "initializer", name: word.into(), known });
            }
        };
        config.finish()?;
        Ok(initializer)
    }

    /// Keras's node.
    pub fn to_config(&self) -> Value {
        let (class_name, keys) = match self {
            Self::Zeros => ("Zeros", Keys::new()),
            Self::Ones => ("Ones", Keys::new()),
            Self::Constant(value) => ("Constant", keys! { "value": f64::from(*value) }),
            Self::RandomUniform { minval, maxval } => {
                ("RandomUniform", keys! { "minval": minval, "maxval": maxval, "seed": Value::Null })
            }
            Self::RandomNormal { mean, stddev } => {
                ("RandomNormal", keys! { "mean": mean, "stddev": stddev, "seed": Value::Null })
            }
            Self::VarianceScaling(scaling) => (scaling.class_name, keys! { "seed": Value::Null }),
        };
        node("keras.initializers", class_name, keys)
    }

    /// The elements of a variable of this shape, row-major. Fans of `(in, out)` are in and out; of `(n,)` both are n.
    pub fn fill(&self, shape: &[usize], random: &mut Stream) -> Vec<f32> {
        let count: usize = shape.iter().product();
        let mut draw = |f: &mut dyn FnMut(&mut Stream) -> f64| (0..count).map(|_| f(random) as f32).collect();
        match self {
            Self::Zeros => vec![0.0; count],
            Self::Ones => vec![1.0; count],
            Self::Constant(value) => vec![*value; count],
            Self::RandomUniform { minval, maxval } => {
                let (low, high) = (f64::from(*minval), f64::from(*maxval));
                draw(&mut |random| low + random.uniform() * (high - low))
            }
            Self::RandomNormal { mean, stddev } => {
                draw(&mut |random| f64::from(*mean) + random.normal() * f64::from(*stddev))
            }
            Self::VarianceScaling(Scaling { scale, fan, normal, .. }) => {
                let (inputs, outputs) = match *shape {
                    [n] => (n, n),
                    [.., inputs, outputs] => (inputs, outputs),
                    [] => (1, 1),
                };
                let fan = match fan {
                    Fan::In => inputs as f64,
                    Fan::Average => (inputs + outputs) as f64 / 2.0,
                };
                let variance = scale / fan.max(1.0);
                if *normal {
                    let stddev = variance.sqrt() / TRUNCATED_STDDEV;
                    draw(&mut |random| {
                        let x = std::iter::repeat_with(|| random.normal()).find(|x| x.abs() <= 2.0);
                        x.unwrap_or(0.0) * stddev
                    })
                } else {
                    let limit = (3.0 * variance).sqrt();
                    draw(&mut |random| (random.uniform() * 2.0 - 1.0) * limit)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_moments() {
        for (name, limit, variance) in [
            ("glorot_uniform", (6.0f64 / 1784.0).sqrt(), 2.0 / 1784.0),
            ("he_uniform", (6.0f64 / 784.0).sqrt(), 2.0 / 784.0),
            ("lecun_uniform", (3.0f64 / 784.0).sqrt(), 1.0 / 784.0),
            ("glorot_normal", 2.0 * (2.0f64 / 1784.0).sqrt() / TRUNCATED_STDDEV, 2.0 / 1784.0),
            ("he_normal", 2.0 * (2.0f64 / 784.0).sqrt() / TRUNCATED_STDDEV, 2.0 / 784.0),
            ("lecun_normal", 2.0 * (1.0f64 / 784.0).sqrt() / TRUNCATED_STDDEV, 1.0 / 784.0),
            ("random_normal", f64::INFINITY, 0.0025),
            ("random_uniform", 0.05, 0.1 * 0.1 / 12.0),
        ] {
            let initializer = Initializer::from_config(name, Keys::new()).unwrap();
            let w = initializer.fill(&[784, 1000], &mut Stream::new(1, 0));
            assert!(w.iter().all(|x| f64::from(x.abs()) <= limit * 1.000_001), "{name}");
            let square = w.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / w.len() as f64;
            assert!((square / variance - 1.0).abs() < 0.01, "{name}: variance {square} instead of {variance}");
            let Value::Object(node) = initializer.to_config() else { panic!("{name}: a node") };
            let keys = node["config"].as_object().unwrap().clone();
            assert_eq!(Initializer::from_config(node["class_name"].as_str().unwrap(), keys).unwrap(), initializer);
        }
    }

    #[test]
    fn constants() {
        let mut random = Stream::new(0, 0);
        for (word, keys, want) in
            [("zeros", keys! {}, 0.0), ("Ones", keys! {}, 1.0), ("constant", keys! { "value": 0.5 }, 0.5)]
        {
            assert_eq!(Initializer::from_config(word, keys).unwrap().fill(&[3], &mut random), [want; 3]);
        }
        let error = Initializer::from_config("glorot_unifrom", Keys::new()).unwrap_err().to_string();
        assert!(error.contains("did you mean 'glorot_uniform'?"), "{error}");
    }
}
