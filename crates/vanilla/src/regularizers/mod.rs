//! Regularizers: penalties on a variable, by Keras's names. One word a file, one line in the registry below.

use crate::config::{Config, Keys, name_and_keys, node};
use crate::error::{Error, Result};
use serde_json::Value;
use std::sync::Arc;

/// A regularizer with Keras's name and configuration.
pub trait Regularizer: vanilla_plan::Regularizer {
    /// Keras's class name.
    fn class_name(&self) -> &str;
    /// Keras's configuration.
    fn config(&self) -> Keys;
    /// Whether it makes sense, and can be the penalty of a variable of this shape. A layer asks when it is built.
    ///
    /// # Errors
    /// When a number is out of its range, or the shape does not fit.
    fn check(&self, _shape: &[usize]) -> Result<()> {
        Ok(())
    }
}

/// The registry: module, type, names. The first two are Keras's class name and its string.
macro_rules! registry {
    ($($module:ident $word:ident [$class:literal, $name:literal];)*) => {
        $(mod $module; pub use $module::$word;)*

        /// The words alone, for the prelude.
        pub(crate) mod words {
            $(pub use super::$word;)*
        }

        /// All names.
        pub fn names() -> Vec<&'static str> {
            vec![$($name),*]
        }

        /// The regularizer of this name or class name, with these keys.
        ///
        /// # Errors
        /// When there is none, or a key makes no sense.
        pub fn from_config(word: &str, keys: Keys) -> Result<Arc<dyn Regularizer>> {
            let mut config = Config::new(word, keys);
            let regularizer: Arc<dyn Regularizer> = match word {
                $($class | $name => Arc::new($word::from_config(&mut config)?),)*
                "l1_l2" => return Err(config.error(
                    "a name that Keras 3 does not know, expected \"l1l2\" with l1 and l2, \
                     such as l1 = 0.01 and l2 = 0.01 (what the name meant in Keras 2)",
                )),
                _ => return Err(Error::unknown("regularizer", word, names())),
            };
            config.finish()?;
            Ok(regularizer)
        }
    };
}

registry! {
    l1 L1 ["L1", "l1"];
    l1_l2 L1L2 ["L1L2", "l1l2"];
    l2 L2 ["L2", "l2"];
    orthogonal OrthogonalRegularizer ["OrthogonalRegularizer", "orthogonal_regularizer"];
}

/// Keras's node.
pub fn to_config(regularizer: &dyn Regularizer) -> Value {
    node("keras.regularizers", regularizer.class_name(), regularizer.config())
}

/// As [`to_config`], null where there is none.
pub(crate) fn to_value(regularizer: &Option<Arc<dyn Regularizer>>) -> Value {
    regularizer.as_ref().map_or(Value::Null, |regularizer| to_config(&**regularizer))
}

/// The regularizer of a name or of Keras's node.
///
/// # Errors
/// When the value is neither, or means nothing.
pub fn from_value(value: &Value) -> Result<Arc<dyn Regularizer>> {
    match name_and_keys(value) {
        Some((word, keys)) => from_config(&word, keys),
        None => Err(Error::config("regularizer", format!("{value}, expected a name such as \"l2\""))),
    }
}

/// A factor, which must be a number that is not negative.
fn factor(class: &str, key: &str, value: f64) -> Result<f64> {
    if value.is_finite() && value >= 0.0 {
        return Ok(value);
    }
    Err(Error::config(class, format!("{key} = {value}, expected a number, at least 0, such as 0.01")))
}

/// Sums that run side by side, so that they are quick; always as many, so that the result is the same everywhere.
const LANES: usize = 16;

/// The sum of f over all elements, in f64: variables are large.
fn sum(w: &[f32], f: impl Fn(f64) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    for part in w.chunks(LANES) {
        sums.iter_mut().zip(part).for_each(|(sum, w)| *sum += f(f64::from(*w)));
    }
    sums.iter().sum()
}

/// `factor sum(|w|)`, and its gradient; the slope at 0 is 0.
fn absolute(factor: f64, w: &[f32], dw: &mut [f32]) -> f32 {
    let slope = factor as f32;
    for (dw, w) in dw.iter_mut().zip(w) {
        *dw += if *w == 0.0 { 0.0 } else { slope.copysign(*w) };
    }
    (factor * sum(w, f64::abs)) as f32
}

/// `factor sum(w^2)`, and its gradient.
fn square(factor: f64, w: &[f32], dw: &mut [f32]) -> f32 {
    let slope = (2.0 * factor) as f32;
    dw.iter_mut().zip(w).for_each(|(dw, w)| *dw += slope * w);
    (factor * sum(w, |w| w * w)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    fn floats(value: &Value) -> Vec<f32> {
        value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
    }

    fn shape(value: &Value) -> Vec<usize> {
        value.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
    }

    fn golden() -> Value {
        serde_json::from_str(include_str!("../../tests/golden/words.json")).unwrap()
    }

    /// Keras's penalties and gradients, to 1e-6 of the value, at least 1e-7. Gradients are added to what is there.
    #[test]
    fn recorded_penalties_and_gradients() {
        let golden = golden();
        let cases = golden["regularizers"].as_array().unwrap();
        assert_eq!(cases.len(), 9);
        for case in cases {
            let keys = case["keys"].as_object().unwrap().clone();
            let regularizer = from_config(case["word"].as_str().unwrap(), keys).unwrap();
            let (w, shape) = (floats(&case["w"]), shape(&case["shape"]));
            regularizer.check(&shape).unwrap();
            let mut dw = vec![1.0; w.len()];
            let penalty = regularizer.penalty(&w, &shape, &mut dw);
            let want = case["penalty"].as_f64().unwrap() as f32;
            assert!((penalty - want).abs() <= 1e-6 * want.abs(), "{case}: {penalty}");
            for (got, want) in dw.iter().zip(floats(&case["gradient"])) {
                // The 1 that was there costs digits.
                assert!(
                    (got - 1.0 - want).abs() <= 1e-6 * want.abs() + 1.2e-7,
                    "{case}: {} for {want}",
                    got - 1.0
                );
            }
        }
    }

    #[test]
    fn gradients_are_differences() {
        let w: Vec<f32> = (0..20).map(|i| libm::sinf(i as f32 * 1.7 + 0.3)).collect();
        for (word, keys) in [
            ("l1", keys! { "l1": 0.5 }),
            ("l2", keys! { "l2": 0.5 }),
            ("l1l2", keys! { "l1": 0.25, "l2": 0.5 }),
            ("orthogonal_regularizer", keys! { "factor": 2.0 }),
            ("orthogonal_regularizer", keys! { "factor": 2.0, "mode": "columns" }),
        ] {
            let regularizer = from_config(word, keys).unwrap();
            let mut dw = vec![0.0; w.len()];
            regularizer.penalty(&w, &[4, 5], &mut dw);
            for i in 0..w.len() {
                let at = |step: f32| {
                    let mut w = w.clone();
                    w[i] += step;
                    f64::from(regularizer.penalty(&w, &[4, 5], &mut vec![0.0; w.len()]))
                };
                let want = (at(1e-3) - at(-1e-3)) / 2e-3;
                assert!((f64::from(dw[i]) - want).abs() < 1e-3, "{word}, element {i}: {} for {want}", dw[i]);
            }
        }
    }

    #[test]
    fn keras_writes_the_same_nodes() {
        let golden = golden();
        for case in golden["nodes"]["regularizers"].as_array().unwrap() {
            let keys = case["keys"].as_object().unwrap().clone();
            let regularizer = from_config(case["word"].as_str().unwrap(), keys).unwrap();
            assert_eq!(to_config(&*regularizer), case["node"]);
            assert_eq!(to_config(&*from_value(&case["node"]).unwrap()), case["node"]);
        }
        for name in names() {
            assert_eq!(from_value(&name.into()).unwrap().name(), name);
        }
    }

    #[test]
    fn errors() {
        let error = |word: &str, keys: Keys| from_config(word, keys).unwrap_err().to_string();
        assert_eq!(
            error("l3", Keys::new()),
            "unknown regularizer 'l3'; did you mean 'l1'?; known are: l1, l1l2, l2, orthogonal_regularizer"
        );
        assert_eq!(
            error("l1_l2", Keys::new()),
            "l1_l2: a name that Keras 3 does not know, expected \"l1l2\" with l1 and l2, \
             such as l1 = 0.01 and l2 = 0.01 (what the name meant in Keras 2)"
        );
        let negative = "L1: l1 = -0.5, expected a number, at least 0, such as 0.01";
        assert_eq!(error("l1", keys! { "l1": -0.5 }), negative);
        assert_eq!(L1::new(-0.5).check(&[2]).unwrap_err().to_string(), negative);
        assert_eq!(
            L2::new(f64::NAN).check(&[2]).unwrap_err().to_string(),
            "L2: l2 = NaN, expected a number, at least 0, such as 0.01"
        );
        assert_eq!(
            error("L2", keys! { "l1": 0.5 }),
            "L2: l1 = 0.5 is not supported: leave it out, or check its spelling"
        );
        assert_eq!(
            error("OrthogonalRegularizer", keys! { "mode": "row" }),
            "OrthogonalRegularizer: mode = \"row\", expected \"rows\" or \"columns\""
        );
        assert_eq!(
            OrthogonalRegularizer::new(0.01).check(&[3]).unwrap_err().to_string(),
            "OrthogonalRegularizer: a variable of shape [3], expected 2 dimensions: \
             take it for a kernel, not for a bias"
        );
        assert_eq!(
            from_value(&3.into()).unwrap_err().to_string(),
            "regularizer: 3, expected a name such as \"l2\""
        );
    }
}
