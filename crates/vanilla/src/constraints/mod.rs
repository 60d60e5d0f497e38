//! Constraints: what a variable has to satisfy after each step, by Keras's names. One word a file, one line in the
//! registry below.

use crate::config::{Config, Keys, name_and_keys, node};
use crate::error::{Error, Result};
use serde_json::Value;
use std::sync::Arc;

mod axis;
pub use axis::Axis;

/// A constraint with Keras's name and configuration.
pub trait Constraint: vanilla_plan::Constraint {
    /// Keras's class name.
    fn class_name(&self) -> &str;
    /// Keras's configuration.
    fn config(&self) -> Keys;
    /// Whether it makes sense, and can be applied to a variable of this shape. A layer asks when it is built.
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

        /// The constraint of this name or class name, with these keys.
        ///
        /// # Errors
        /// When there is none, or a key makes no sense.
        pub fn from_config(word: &str, keys: Keys) -> Result<Arc<dyn Constraint>> {
            // To Keras it means all axes at once; here null is the same as no key.
            if keys.get("axis").is_some_and(Value::is_null) {
                let problem = "axis = null, expected a whole number or a list of them, such as 0";
                return Err(Error::config(word, problem));
            }
            let mut config = Config::new(word, keys);
            let constraint: Arc<dyn Constraint> = match word {
                $($class | $name => Arc::new($word::from_config(&mut config)?),)*
                _ => return Err(Error::unknown("constraint", word, names())),
            };
            config.finish()?;
            Ok(constraint)
        }
    };
}

registry! {
    max_norm MaxNorm ["MaxNorm", "max_norm"];
    min_max_norm MinMaxNorm ["MinMaxNorm", "min_max_norm"];
    non_neg NonNeg ["NonNeg", "non_neg"];
    unit_norm UnitNorm ["UnitNorm", "unit_norm"];
}

/// Keras's node.
pub fn to_config(constraint: &dyn Constraint) -> Value {
    node("keras.constraints", constraint.class_name(), constraint.config())
}

/// As [`to_config`], null where there is none.
pub(crate) fn to_value(constraint: &Option<Arc<dyn Constraint>>) -> Value {
    constraint.as_ref().map_or(Value::Null, |constraint| to_config(&**constraint))
}

/// The constraint of a name or of Keras's node.
///
/// # Errors
/// When the value is neither, or means nothing.
pub fn from_value(value: &Value) -> Result<Arc<dyn Constraint>> {
    match name_and_keys(value) {
        Some((word, keys)) => from_config(&word, keys),
        None => Err(Error::config("constraint", format!("{value}, expected a name such as \"max_norm\""))),
    }
}

/// Added to a norm before it divides (Keras's `epsilon()`).
const EPSILON: f64 = 1e-7;

/// A norm, which must be a number that is not negative.
fn norm(class: &str, key: &str, value: f64) -> Result<f64> {
    if value.is_finite() && value >= 0.0 {
        return Ok(value);
    }
    Err(Error::config(class, format!("{key} = {value}, expected a number, at least 0")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    fn floats(value: &Value) -> Vec<f32> {
        value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
    }

    fn golden() -> Value {
        serde_json::from_str(include_str!("../../tests/golden/words.json")).unwrap()
    }

    /// What Keras makes of variables, to 1e-6 of the value; zeros are zeros.
    #[test]
    fn recorded_variables() {
        let golden = golden();
        let cases = golden["constraints"].as_array().unwrap();
        assert_eq!(cases.len(), 13);
        for case in cases {
            let keys = case["keys"].as_object().unwrap().clone();
            let constraint = from_config(case["word"].as_str().unwrap(), keys).unwrap();
            let shape: Vec<usize> =
                case["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
            constraint.check(&shape).unwrap();
            let mut w = floats(&case["w"]);
            constraint.apply(&mut w, &shape);
            for (got, want) in w.iter().zip(floats(&case["after"])) {
                assert!((got - want).abs() <= 1e-6 * want.abs(), "{case}: {got} instead of {want}");
            }
        }
    }

    /// A variable longer than any vector register, against the definition.
    #[test]
    fn norms_of_a_kernel() {
        let (rows, columns) = (37, 53);
        let w: Vec<f32> = (0..rows * columns).map(|i| libm::sinf(i as f32)).collect();
        for axis in [0, 1] {
            let mut got = w.clone();
            vanilla_plan::Constraint::apply(&UnitNorm::new().axis(axis), &mut got, &[rows, columns]);
            let place = |i: usize, k: usize| if axis == 0 { k * columns + i } else { i * columns + k };
            for i in 0..if axis == 0 { columns } else { rows } {
                let length = if axis == 0 { rows } else { columns };
                let square: f64 = (0..length).map(|k| f64::from(got[place(i, k)]).powi(2)).sum();
                assert!((square - 1.0).abs() < 1e-6, "axis {axis}, {i}: {square}");
            }
        }
    }

    #[test]
    fn keras_writes_the_same_nodes() {
        let golden = golden();
        for case in golden["nodes"]["constraints"].as_array().unwrap() {
            let keys = case["keys"].as_object().unwrap().clone();
            let constraint = from_config(case["word"].as_str().unwrap(), keys).unwrap();
            // Keras writes max_value = 2 for a default that is a whole number.
            let same = to_config(&*constraint).to_string().replace("2.0", "2");
            assert_eq!(same, case["node"].to_string());
            assert_eq!(from_value(&case["node"]).unwrap().config(), constraint.config());
        }
        for name in names() {
            assert_eq!(from_value(&name.into()).unwrap().name(), name);
        }
    }

    #[test]
    fn errors() {
        let error = |word: &str, keys: Keys| from_config(word, keys).unwrap_err().to_string();
        assert_eq!(
            error("maxnorm", Keys::new()),
            "unknown constraint 'maxnorm'; did you mean 'max_norm'?; \
             known are: max_norm, min_max_norm, non_neg, unit_norm"
        );
        assert_eq!(
            error("max_norm", keys! { "max_value": -1.0 }),
            "MaxNorm: max_value = -1, expected a number, at least 0"
        );
        assert_eq!(
            error("MinMaxNorm", keys! { "rate": 1.5 }),
            "MinMaxNorm: rate = 1.5, expected a share of 0 to 1: 1 enforces the limits at once"
        );
        assert_eq!(
            error("MinMaxNorm", keys! { "min_value": 3.0 }),
            "MinMaxNorm: min_value = 3, expected at most max_value, which is 1"
        );
        assert_eq!(
            error("unit_norm", keys! { "axis": "all" }),
            "unit_norm: axis = \"all\", expected a whole number or a list of them, such as 0"
        );
        assert_eq!(
            error("unit_norm", keys! { "axis": Value::Null }),
            "unit_norm: axis = null, expected a whole number or a list of them, such as 0"
        );
        assert_eq!(
            error("NonNeg", keys! { "axis": 1 }),
            "NonNeg: axis = 1 is not supported: leave it out, or check its spelling"
        );
        let check =
            |constraint: &dyn Constraint, shape: &[usize]| constraint.check(shape).unwrap_err().to_string();
        assert_eq!(
            check(&MaxNorm::new(1.0).axis(1), &[3]),
            "MaxNorm: axis = 1, expected less than 1: the variable's shape is [3]"
        );
        assert_eq!(
            check(&UnitNorm::new().axis(-3), &[3, 2]),
            "UnitNorm: axis = -3, expected at least -2: the variable's shape is [3, 2]"
        );
        assert_eq!(
            check(&UnitNorm::new().axis([0, -2]), &[3, 2]),
            "UnitNorm: axis = -2 is there twice: the variable's shape is [3, 2]"
        );
        assert_eq!(
            check(&MinMaxNorm::new(0.0, 1.0).rate(-0.5), &[3]),
            error("MinMaxNorm", keys! { "rate": -0.5 })
        );
        assert_eq!(
            from_value(&3.into()).unwrap_err().to_string(),
            "constraint: 3, expected a name such as \"max_norm\""
        );
    }
}
