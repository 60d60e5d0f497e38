//! [`Axes`]: one axis or several, as Keras's arguments take them.

use super::sample_axis;
use crate::config::Config;
use crate::error::{Error, Result};
use serde_json::{Value, json};

/// One axis or several. The batch is axis 0; negative ones count from the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Axes {
    /// One, such as `-1`.
    One(i64),
    /// Several, such as `[1, 2]`.
    Several(Vec<i64>),
}

impl From<i64> for Axes {
    fn from(axis: i64) -> Self {
        Self::One(axis)
    }
}

impl<const N: usize> From<[i64; N]> for Axes {
    fn from(axes: [i64; N]) -> Self {
        Self::Several(axes.to_vec())
    }
}

impl From<Vec<i64>> for Axes {
    fn from(axes: Vec<i64>) -> Self {
        Self::Several(axes)
    }
}

impl Axes {
    /// Takes a key.
    pub(super) fn take(config: &mut Config, key: &str) -> Result<Option<Self>> {
        let Some(value) = config.take(key) else { return Ok(None) };
        let axes = match &value {
            Value::Array(axes) => axes.iter().map(Value::as_i64).collect::<Option<Vec<_>>>().map(Self::Several),
            axis => axis.as_i64().map(Self::One),
        };
        let problem = || config.error(format!("{key} = {value}, expected an axis or a list of them"));
        axes.ok_or_else(problem).map(Some)
    }

    /// As Keras writes them: a number or a list.
    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::One(axis) => json!(axis),
            Self::Several(axes) => json!(axes),
        }
    }

    /// Their places in a sample, in the order in which they were named.
    pub(super) fn places(&self, place: &str, key: &str, sample: &[usize]) -> Result<Vec<usize>> {
        let axes = match self {
            Self::One(axis) => std::slice::from_ref(axis),
            Self::Several(axes) => axes,
        };
        let mut places = Vec::new();
        for axis in axes {
            let at = sample_axis(place, key, *axis, sample)?;
            if places.contains(&at) {
                let problem = format!("{key} = {}, expected each axis once", self.to_value());
                return Err(Error::config(place, problem));
            }
            places.push(at);
        }
        if places.is_empty() {
            return Err(Error::config(
                place,
                format!("{key} = [], expected at least one axis, such as {key} = -1"),
            ));
        }
        Ok(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_a_sample() {
        let places = |axes: Axes| axes.places("Softmax", "axis", &[2, 3]);
        let problem = |axes: Axes| places(axes).unwrap_err().to_string();
        assert_eq!(places((-1).into()).unwrap(), [1]);
        assert_eq!(places([2, 1].into()).unwrap(), [1, 0]);
        assert_eq!(problem(0.into()), "Softmax: axis = 0, expected an axis of (None, 2, 3), from 1 or from -1");
        assert_eq!(problem([2, -1].into()), "Softmax: axis = [2,-1], expected each axis once");
        assert_eq!(problem(vec![].into()), "Softmax: axis = [], expected at least one axis, such as axis = -1");
    }
}
