//! [`Numbers`]: one number or an array of them, as Keras's arguments take them.

use super::shape;
use crate::config::Config;
use crate::error::{Error, Result};
use serde_json::{Value, json};

/// One number, or an array of them that is stretched over a sample: its last axis lies on the sample's last axis,
/// and a length of 1 stands for any.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    shape: Vec<usize>,
    values: Vec<f64>,
}

impl From<f64> for Numbers {
    fn from(value: f64) -> Self {
        Self { shape: Vec::new(), values: vec![value] }
    }
}

impl From<Vec<f64>> for Numbers {
    fn from(values: Vec<f64>) -> Self {
        Self { shape: vec![values.len()], values }
    }
}

impl<const N: usize> From<[f64; N]> for Numbers {
    fn from(values: [f64; N]) -> Self {
        values.to_vec().into()
    }
}

impl<const N: usize, const M: usize> From<[[f64; M]; N]> for Numbers {
    fn from(rows: [[f64; M]; N]) -> Self {
        Self { shape: vec![N, M], values: rows.concat() }
    }
}

impl Numbers {
    /// Lengths of its axes; a single number has none.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its elements, row-major.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The same shape with this of every element.
    pub(crate) fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { shape: self.shape.clone(), values: self.values.iter().map(|value| f(*value)).collect() }
    }

    /// The number, if it is one.
    pub(super) fn single(&self) -> Option<f64> {
        self.shape.is_empty().then(|| self.values[0])
    }

    /// Takes a key: a number, nested lists of them, or an array as Keras writes those of numpy.
    pub(super) fn take(config: &mut Config, key: &str) -> Result<Option<Self>> {
        let Some(value) = config.take(key) else { return Ok(None) };
        let inner = if value["class_name"] == "__numpy__" { &value["config"]["value"] } else { &value };
        let problem = || config.error(format!("{key} = {value}, expected a number or a list of them"));
        Self::read(inner).ok_or_else(problem).map(Some)
    }

    fn read(value: &Value) -> Option<Self> {
        let Value::Array(items) = value else {
            return value.as_f64().filter(|number| number.is_finite()).map(Self::from);
        };
        let items = items.iter().map(Self::read).collect::<Option<Vec<Self>>>()?;
        let inner = items.first()?.shape.clone();
        if items.iter().any(|item| item.shape != inner) {
            return None;
        }
        let shape = [&[items.len()], &inner[..]].concat();
        Some(Self { shape, values: items.into_iter().flat_map(|item| item.values).collect() })
    }

    /// As Keras writes it: a number or nested lists.
    pub(super) fn to_value(&self) -> Value {
        fn nested(shape: &[usize], values: &[f64]) -> Value {
            match shape {
                [] => json!(values[0]),
                [length, inner @ ..] => {
                    values.chunks(values.len() / length).map(|part| nested(inner, part)).collect()
                }
            }
        }
        nested(&self.shape, &self.values)
    }

    /// Stretched over these axes, row-major.
    ///
    /// # Errors
    /// When it has more axes, or one of another length than 1 and theirs. `over` names what they are the axes of.
    pub(super) fn stretch(&self, place: &str, key: &str, axes: &[usize], over: &str) -> Result<Vec<f64>> {
        let missing = axes.len().checked_sub(self.shape.len());
        let fits = |missing: &usize| self.shape.iter().zip(&axes[*missing..]).all(|(a, b)| a == b || *a == 1);
        let Some(missing) = missing.filter(fits) else {
            let problem = format!(
                "{key} has the shape {:?}, expected one that can be stretched over {axes:?}, {over}",
                self.shape
            );
            return Err(Error::config(place, problem));
        };
        let mut places = vec![0];
        for (axis, length) in axes.iter().enumerate() {
            let own = axis.checked_sub(missing).map_or(1, |own| self.shape[own]);
            let along = |start: &usize| (0..*length).map(move |i| start * own + i % own).collect::<Vec<_>>();
            places = places.iter().flat_map(along).collect();
        }
        Ok(places.into_iter().map(|place| self.values[place]).collect())
    }

    /// As [`Numbers::stretch`], over a whole sample.
    pub(super) fn over_sample(&self, place: &str, key: &str, sample: &[usize]) -> Result<Vec<f64>> {
        self.stretch(place, key, sample, &format!("a sample of {}", shape(sample)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    #[test]
    fn both_ways() {
        for numbers in
            [Numbers::from(2.5), [1.0, 2.0].into(), vec![3.0].into(), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].into()]
        {
            let mut config = Config::new("Word", keys! { "scale": numbers.to_value() });
            assert_eq!(Numbers::take(&mut config, "scale").unwrap(), Some(numbers));
        }
        let numpy = json!({ "class_name": "__numpy__", "config": { "value": [1.0, 2.0], "dtype": "float32" } });
        let take = |value: Value| Numbers::take(&mut Config::new("Word", keys! { "scale": value }), "scale");
        assert_eq!(take(numpy).unwrap(), Some([1.0, 2.0].into()));
        for bad in [json!([]), json!([1, [2]]), json!("2"), json!([[1, 2], [3]])] {
            let problem = take(bad.clone()).unwrap_err().to_string();
            assert_eq!(problem, format!("Word: scale = {bad}, expected a number or a list of them"));
        }
    }

    #[test]
    fn stretched_from_the_last_axis() {
        let over = |numbers: Numbers| numbers.over_sample("Word", "scale", &[2, 3]);
        assert_eq!(over(2.0.into()).unwrap(), [2.0; 6]);
        assert_eq!(over([1.0, 2.0, 3.0].into()).unwrap(), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        assert_eq!(over([[1.0], [2.0]].into()).unwrap(), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
        assert_eq!(over([[1.0, 2.0, 3.0]].into()).unwrap(), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        assert_eq!(
            over([1.0, 2.0].into()).unwrap_err().to_string(),
            "Word: scale has the shape [2], expected one that can be stretched over [2, 3], a sample of (None, 2, 3)"
        );
    }
}
