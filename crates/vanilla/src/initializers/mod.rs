//! Initializers: where weights start, by Keras's names and formulas. One word a file, one line in the registry
//! below.
//!
//! The numbers come from a counter-based stream of the model's seed: the same seed gives the same weights again,
//! on every machine. They are not TensorFlow's numbers for the same seed; to start where Keras started, load its
//! weights.

use crate::config::{Config, Keys, node};
use crate::error::{Error, Result};
use serde_json::{Value, json};
use std::fmt::Debug;
use std::sync::Arc;
use vanilla_plan::kernels::random::Stream;

/// How the elements of a variable are drawn.
#[derive(Clone, Debug)]
pub enum Initializer {
    /// All this value.
    Constant(Constant),
    /// 1 where row and column are the same.
    Identity(Identity),
    /// All 1.
    Ones,
    /// Orthogonal rows or columns.
    Orthogonal(Orthogonal),
    /// Normal.
    RandomNormal(RandomNormal),
    /// Uniform.
    RandomUniform(RandomUniform),
    /// Normal, but nothing beyond two standard deviations.
    TruncatedNormal(TruncatedNormal),
    /// Variance `scale / fan`; the Glorot, He and LeCun initializers are cases of it.
    VarianceScaling(VarianceScaling),
    /// All 0.
    Zeros,
    /// One of your own: `Initializer::from` makes it.
    Custom(Arc<dyn Initialize>),
}

/// A way to draw the elements of a variable: what an initializer of your own implements.
pub trait Initialize: Debug + Send + Sync {
    /// Keras's class name.
    fn class_name(&self) -> &str;
    /// Keras's configuration.
    fn config(&self) -> Keys;
    /// The elements of a variable of this shape, row-major.
    ///
    /// # Errors
    /// When it has none for this shape.
    fn fill(&self, shape: &[usize], random: &mut Stream) -> Result<Vec<f32>>;
}

/// An initializer of your own.
impl<I: Initialize + 'static> From<I> for Initializer {
    fn from(word: I) -> Self {
        Self::Custom(Arc::new(word))
    }
}

/// Equal are initializers of the same class with the same keys.
impl PartialEq for Initializer {
    fn eq(&self, other: &Self) -> bool {
        self.to_config() == other.to_config()
    }
}

/// The registry: module, type, names, how its keys are read. The names are Keras's class name, Keras's string, and
/// what else Keras takes for it.
macro_rules! registry {
    ($($module:ident $word:ident [$($name:literal),+] $read:expr;)*) => {
        $(mod $module; pub use $module::$word;)*

        /// All names, sorted.
        pub fn names() -> Vec<&'static str> {
            let mut names: Vec<_> = [$(([$($name),+][1])),*].into();
            names.extend(VarianceScaling::NAMED.iter().map(|(_, name, _)| *name));
            names.sort_unstable();
            names
        }

        impl Initializer {
            /// The initializer of this name (`glorot_uniform`) or class name (`GlorotUniform`), with these keys.
            ///
            /// # Errors
            /// When there is none, or a key makes no sense.
            pub fn from_config(word: &str, keys: Keys) -> Result<Self> {
                let mut config = Config::new(word, keys);
                // Seeds belong to the model here.
                config.take("seed");
                config.take("name");
                config.float32()?;
                let named = VarianceScaling::NAMED.iter().find(|(class, name, _)| *class == word || *name == word);
                let initializer = match (word, named) {
                    (_, Some((.., scaling))) => Self::VarianceScaling(scaling.clone()),
                    $(($($name)|+, None) => {
                        let read: fn(&mut Config) -> Result<Self> = $read;
                        read(&mut config)?
                    })*
                    _ => return Err(Error::unknown("initializer", word, names())),
                };
                config.finish()?;
                Ok(initializer)
            }
        }
    };
}

registry! {
    constant Constant ["Constant", "constant"] |config| Constant::from_config(config).map(Self::Constant);
    identity Identity ["Identity", "identity", "IdentityInitializer"]
        |config| Identity::from_config(config).map(Self::Identity);
    ones Ones ["Ones", "ones", "one"] |_| Ok(Self::Ones);
    orthogonal Orthogonal ["Orthogonal", "orthogonal", "OrthogonalInitializer"]
        |config| Orthogonal::from_config(config).map(Self::Orthogonal);
    random_normal RandomNormal ["RandomNormal", "random_normal", "normal"]
        |config| RandomNormal::from_config(config).map(Self::RandomNormal);
    random_uniform RandomUniform ["RandomUniform", "random_uniform", "uniform"]
        |config| RandomUniform::from_config(config).map(Self::RandomUniform);
    truncated_normal TruncatedNormal ["TruncatedNormal", "truncated_normal"]
        |config| TruncatedNormal::from_config(config).map(Self::TruncatedNormal);
    variance_scaling VarianceScaling ["VarianceScaling", "variance_scaling"]
        |config| VarianceScaling::from_config(config).map(Self::VarianceScaling);
    zeros Zeros ["Zeros", "zeros", "zero"] |_| Ok(Self::Zeros);
}

pub use variance_scaling::{Distribution, Mode};

impl Initializer {
    /// Kernels start with this unless told otherwise.
    pub const GLOROT_UNIFORM: Self = Self::VarianceScaling(VarianceScaling::GLOROT_UNIFORM);

    fn word(&self) -> &dyn Initialize {
        match self {
            Self::Constant(word) => word,
            Self::Identity(word) => word,
            Self::Ones => &Ones,
            Self::Orthogonal(word) => word,
            Self::RandomNormal(word) => word,
            Self::RandomUniform(word) => word,
            Self::TruncatedNormal(word) => word,
            Self::VarianceScaling(word) => word,
            Self::Zeros => &Zeros,
            Self::Custom(word) => &**word,
        }
    }

    /// Keras's node; one of your own is registered under its class name.
    pub fn to_config(&self) -> Value {
        let (class, config) = (self.word().class_name(), self.word().config());
        match self {
            Self::Custom(_) => {
                json!({ "module": Value::Null, "class_name": class, "config": config, "registered_name": class })
            }
            _ => node("keras.initializers", class, config),
        }
    }

    /// The elements of a variable of this shape, row-major.
    ///
    /// # Errors
    /// When the initializer has none for this shape, as `Identity` for a bias.
    pub fn fill(&self, shape: &[usize], random: &mut Stream) -> Result<Vec<f32>> {
        self.word().fill(shape, random)
    }
}

/// As many numbers as the shape has elements, each drawn by f in f64 and rounded.
fn draw(shape: &[usize], random: &mut Stream, f: impl Fn(&mut Stream) -> f64) -> Vec<f32> {
    (0..shape.iter().product()).map(|_| f(random) as f32).collect()
}

/// A standard normal number, drawn again until it is within two.
fn truncated(random: &mut Stream) -> f64 {
    std::iter::repeat_with(|| random.normal()).find(|x| x.abs() <= 2.0).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    fn named(name: &str) -> Initializer {
        Initializer::from_config(name, Keys::new()).unwrap()
    }

    fn read(case: &Value) -> Initializer {
        let keys = case["keys"].as_object().unwrap().clone();
        Initializer::from_config(case["word"].as_str().unwrap(), keys).unwrap()
    }

    fn golden() -> Value {
        serde_json::from_str(include_str!("../../tests/golden/words.json")).unwrap()
    }

    #[test]
    fn limits_and_moments() {
        let cut = variance_scaling::TRUNCATED_STDDEV;
        for (name, limit, variance) in [
            ("glorot_uniform", (6.0f64 / 1784.0).sqrt(), 2.0 / 1784.0),
            ("he_uniform", (6.0f64 / 784.0).sqrt(), 2.0 / 784.0),
            ("lecun_uniform", (3.0f64 / 784.0).sqrt(), 1.0 / 784.0),
            ("glorot_normal", 2.0 * (2.0f64 / 1784.0).sqrt() / cut, 2.0 / 1784.0),
            ("he_normal", 2.0 * (2.0f64 / 784.0).sqrt() / cut, 2.0 / 784.0),
            ("lecun_normal", 2.0 * (1.0f64 / 784.0).sqrt() / cut, 1.0 / 784.0),
            ("variance_scaling", 2.0 * (1.0f64 / 784.0).sqrt() / cut, 1.0 / 784.0),
            ("random_normal", f64::INFINITY, 0.0025),
            ("truncated_normal", 0.1, (0.05 * cut).powi(2)),
            ("random_uniform", 0.05, 0.1 * 0.1 / 12.0),
        ] {
            let initializer = named(name);
            let w = initializer.fill(&[784, 1000], &mut Stream::new(1, 0)).unwrap();
            assert!(w.iter().all(|x| f64::from(x.abs()) <= limit * 1.000_001), "{name}");
            let square = w.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / w.len() as f64;
            assert!((square / variance - 1.0).abs() < 0.01, "{name}: variance {square} instead of {variance}");
            let mean = w.iter().map(|x| f64::from(*x)).sum::<f64>() / w.len() as f64;
            // Five standard errors.
            assert!(mean.abs() < 5.0 * (variance / w.len() as f64).sqrt(), "{name}: mean {mean}");
        }
    }

    #[test]
    fn modes_and_distributions() {
        for (mode, fan) in [("fan_in", 300.0), ("fan_out", 100.0), ("fan_avg", 200.0)] {
            for distribution in ["truncated_normal", "untruncated_normal", "uniform"] {
                let keys = keys! { "scale": 3.0, "mode": mode, "distribution": distribution };
                let initializer = Initializer::from_config("VarianceScaling", keys).unwrap();
                let w = initializer.fill(&[300, 100], &mut Stream::new(2, 0)).unwrap();
                let variance = w.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / w.len() as f64;
                assert!((variance * fan / 3.0 - 1.0).abs() < 0.04, "{mode} {distribution}: {variance}");
            }
        }
        let own = VarianceScaling::new(3.0, Mode::FanOut, Distribution::UntruncatedNormal);
        let keys = keys! { "scale": 3.0, "mode": "fan_out", "distribution": "untruncated_normal" };
        assert_eq!(Initializer::VarianceScaling(own), Initializer::from_config("variance_scaling", keys).unwrap());
    }

    /// Elements 0, 1 and 5 as bits, computed apart from this code: a training that is repeated starts where it
    /// did.
    #[test]
    fn draws_stay_what_they_are() {
        for (name, want) in [
            ("glorot_uniform", DRAWS[0]),
            ("he_normal", DRAWS[1]),
            ("random_normal", DRAWS[2]),
            ("random_uniform", DRAWS[3]),
        ] {
            let w = named(name).fill(&[3, 2], &mut Stream::new(1, 7)).unwrap();
            assert_eq!([w[0].to_bits(), w[1].to_bits(), w[5].to_bits()], want, "{name}: {w:?}");
        }
    }

    const DRAWS: [[u32; 3]; 4] = [
        [0xBECE_999F, 0xBF66_642E, 0x3F51_0257],
        [0x3F2F_5798, 0x3FAB_4E17, 0x3EF2_6D3C],
        [0x3D17_1E89, 0x3D93_A3CE, 0x3DE9_E727],
        [0xBC96_E11E, 0xBD28_4109, 0x3D18_A382],
    ];

    #[test]
    fn recorded_elements_and_fans() {
        let golden = golden();
        let shape = |value: &Value| -> Vec<usize> {
            value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
        };
        for case in golden["initializers"].as_array().unwrap() {
            let w = read(case).fill(&shape(&case["shape"]), &mut Stream::new(0, 0)).unwrap();
            let want: Vec<f32> =
                case["w"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect();
            assert_eq!(w, want, "{case}");
        }
        for case in golden["fans"].as_array().unwrap() {
            let (inputs, outputs) = variance_scaling::fans(&shape(&case["shape"]));
            assert_eq!(serde_json::json!([inputs as u64, outputs as u64]), case["fans"]);
        }
    }

    /// Keras's nodes, without `input_axes` and `output_axes`, which older versions do not know.
    #[test]
    fn keras_writes_the_same_nodes() {
        let golden = golden();
        for case in golden["nodes"]["initializers"].as_array().unwrap() {
            let mut want = case["node"].clone();
            let keys = want["config"].as_object_mut().unwrap();
            keys.retain(|key, _| !key.ends_with("_axes"));
            let initializer = read(case);
            assert_eq!(initializer.to_config(), want);
            let keys = case["node"]["config"].as_object().unwrap().clone();
            let class = case["node"]["class_name"].as_str().unwrap();
            assert_eq!(Initializer::from_config(class, keys).unwrap(), initializer);
        }
        for name in names() {
            let node = named(name).to_config();
            let keys = node["config"].as_object().unwrap().clone();
            assert_eq!(Initializer::from_config(node["class_name"].as_str().unwrap(), keys).unwrap(), named(name));
        }
        assert_ne!(named("glorot_uniform"), named("he_uniform"));
    }

    #[derive(Debug)]
    struct Counting;

    impl Initialize for Counting {
        fn class_name(&self) -> &str {
            "Counting"
        }
        fn config(&self) -> Keys {
            Keys::new()
        }
        fn fill(&self, shape: &[usize], _: &mut Stream) -> Result<Vec<f32>> {
            Ok((0..shape.iter().product()).map(|i: usize| i as f32).collect())
        }
    }

    #[test]
    fn one_of_your_own() {
        let own = Initializer::from(Counting);
        assert_eq!(own.fill(&[2, 2], &mut Stream::new(0, 0)).unwrap(), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(own.to_config()["class_name"], "Counting");
    }

    #[test]
    fn errors() {
        let error = |word: &str, keys: Keys| Initializer::from_config(word, keys).unwrap_err().to_string();
        let misspelt = error("glorot_unifrom", Keys::new());
        assert!(
            misspelt.contains("did you mean 'glorot_uniform'?; known are: constant, glorot_normal"),
            "{misspelt}"
        );
        assert_eq!(
            error("VarianceScaling", keys! { "scale": 0 }),
            "VarianceScaling: scale = 0, expected a number above 0, such as 1"
        );
        assert_eq!(
            error("VarianceScaling", keys! { "mode": "fan" }),
            "VarianceScaling: mode = \"fan\", expected \"fan_in\", \"fan_out\" or \"fan_avg\""
        );
        assert_eq!(
            error("VarianceScaling", keys! { "distribution": "gauss" }),
            "VarianceScaling: distribution = \"gauss\", \
             expected \"truncated_normal\", \"untruncated_normal\" or \"uniform\""
        );
        assert_eq!(
            error("glorot_uniform", keys! { "input_axes": [0] }),
            "glorot_uniform: input_axes = [0] is not supported: leave it out, or check its spelling"
        );
        assert_eq!(error("Constant", keys! { "value": [1, 2] }), "Constant: value = [1,2], expected a number");
        let shape =
            |name: &str, shape: &[usize]| named(name).fill(shape, &mut Stream::new(0, 0)).unwrap_err().to_string();
        assert_eq!(
            shape("identity", &[3]),
            "Identity: a variable of shape [3], expected 2 dimensions: take it for a kernel, and zeros for a bias"
        );
        assert_eq!(
            shape("orthogonal", &[3]),
            "Orthogonal: a variable of shape [3], expected 2 dimensions or more: \
             take it for a kernel, and zeros for a bias"
        );
        let own = VarianceScaling::new(f64::NAN, Mode::FanIn, Distribution::Uniform);
        assert_eq!(
            own.fill(&[3], &mut Stream::new(0, 0)).unwrap_err().to_string(),
            "VarianceScaling: scale = NaN, expected a number above 0, such as 1"
        );
    }
}
