//! What there is to say about the numbers of one array.

use serde_json::{Value, json};
use vanilla_formats::safetensors::Values;
use vanilla_formats::{Array, Data};

/// An array of a file: its name, its type and shape, and what its numbers are like.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TensorReport {
    /// Its name in the file.
    pub name: String,
    /// The type of its elements, as numpy names it.
    pub dtype: &'static str,
    /// The length of every axis; a scalar has none.
    pub shape: Vec<usize>,
    /// The least and the largest finite element; `None` where there is none.
    pub range: Option<(f64, f64)>,
    /// The mean of the finite elements; 0 where there is none.
    pub mean: f64,
    /// Standard deviation of the finite elements.
    pub deviation: f64,
    /// Elements that are 0.
    pub zeros: u64,
    /// Elements that are NaN or infinite.
    pub non_finite: u64,
    /// Elements so small that processors compute with them slowly.
    pub subnormal: u64,
    /// Whole numbers and how often each occurs, where a vector of labels has at most 20 different ones.
    pub counts: Vec<(i64, u64)>,
}

/// Most classes that are counted one by one.
const MOST_COUNTS: usize = 20;
/// Weights of a trained network are rarely above 10; what is a hundred times that has probably diverged.
const LARGE: f64 = 1e3;

impl TensorReport {
    pub(super) fn of_array(name: impl Into<String>, array: &Array) -> Self {
        let mut report = Self::empty(name.into(), array.dtype(), &array.shape);
        match &array.data {
            Data::U8(values) => report.numbers(values.iter().map(|x| f64::from(*x))),
            Data::I64(values) => report.numbers(values.iter().map(|x| *x as f64)),
            Data::F32(values) => report.floats(values),
        }
        match &array.data {
            Data::U8(values) if array.shape.len() == 1 => report.count(values.iter().map(|x| i64::from(*x))),
            Data::I64(values) if array.shape.len() == 1 => report.count(values.iter().copied()),
            _ => {}
        }
        report
    }

    pub(super) fn of_values(name: &str, shape: &[usize], values: &Values) -> Self {
        let dtype = match values {
            Values::U8(_) => "uint8",
            Values::I64(_) => "int64",
            Values::U64(_) => "uint64",
            Values::F32(_) => "float32",
            Values::F64(_) => "float64",
            // A type that is added to the format and not here.
            #[allow(unreachable_patterns)]
            _ => "other",
        };
        let mut report = Self::empty(name.to_owned(), dtype, shape);
        match values {
            Values::U8(values) => report.numbers(values.iter().map(|x| f64::from(*x))),
            Values::I64(values) => report.numbers(values.iter().map(|x| *x as f64)),
            Values::U64(values) => report.numbers(values.iter().map(|x| *x as f64)),
            Values::F32(values) => report.floats(values),
            Values::F64(values) => report.numbers(values.iter().copied()),
        }
        report
    }

    fn empty(name: String, dtype: &'static str, shape: &[usize]) -> Self {
        let (range, counts) = (None, Vec::new());
        let (mean, deviation, zeros, non_finite, subnormal) = (0.0, 0.0, 0, 0, 0);
        Self { name, dtype, shape: shape.to_vec(), range, mean, deviation, zeros, non_finite, subnormal, counts }
    }

    fn floats(&mut self, values: &[f32]) {
        self.numbers(values.iter().map(|x| f64::from(*x)));
        self.subnormal = values.iter().filter(|x| x.is_subnormal()).count() as u64;
    }

    fn numbers(&mut self, values: impl Iterator<Item = f64> + Clone) {
        let (mut count, mut sum) = (0u64, 0.0);
        for x in values.clone() {
            if !x.is_finite() {
                self.non_finite += 1;
                continue;
            }
            let (least, largest) = self.range.unwrap_or((x, x));
            self.range = Some((least.min(x), largest.max(x)));
            self.zeros += u64::from(x == 0.0);
            count += 1;
            sum += x;
        }
        if count > 0 {
            self.mean = sum / count as f64;
            let squares: f64 = values.filter(|x| x.is_finite()).map(|x| (x - self.mean) * (x - self.mean)).sum();
            self.deviation = (squares / count as f64).sqrt();
        }
    }

    fn count(&mut self, values: impl Iterator<Item = i64>) {
        let mut counts = std::collections::BTreeMap::new();
        for value in values {
            *counts.entry(value).or_insert(0) += 1;
            if counts.len() > MOST_COUNTS {
                return;
            }
        }
        self.counts = counts.into_iter().collect();
    }

    /// Number of elements.
    pub fn len(&self) -> u64 {
        self.shape.iter().fold(1, |product: u64, axis| product.saturating_mul(*axis as u64))
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is odd about it, if it holds the weights of a network.
    pub(super) fn unusual_weights(&self, unusual: &mut Vec<String>) {
        let name = &self.name;
        if self.non_finite > 0 {
            unusual.push(format!("{name}: {} of {} elements are NaN or infinite", self.non_finite, self.len()));
        }
        if self.subnormal > 0 {
            unusual.push(format!("{name}: {} elements are subnormal, which is slow", self.subnormal));
        }
        let Some((least, largest)) = self.range else { return };
        if self.shape.len() > 1 && self.zeros == self.len() {
            unusual.push(format!("{name}: all {} elements are 0: nothing passes through", self.len()));
        } else if self.len() > 1 && least == largest && least != 0.0 && self.shape.len() > 1 {
            unusual.push(format!("{name}: all {} elements are {least}: its units cannot differ", self.len()));
        }
        if least.abs().max(largest.abs()) > LARGE {
            unusual.push(format!("{name}: values from {least:.4e} to {largest:.4e}: has the training diverged?"));
        }
    }

    /// What is odd about it, if it holds data.
    pub(super) fn unusual_data(&self, unusual: &mut Vec<String>) {
        let name = &self.name;
        if self.is_empty() {
            unusual.push(format!("{name}: the shape {:?} has no elements", self.shape));
        }
        if self.non_finite > 0 {
            unusual.push(format!(
                "{name}: {} of {} elements are NaN or infinite: fill or drop them before training",
                self.non_finite,
                self.len()
            ));
        }
        if let (Some((least, largest)), true) = (self.range, self.len() > 1)
            && least == largest
        {
            unusual.push(format!("{name}: all {} elements are {least}", self.len()));
        }
        let most = self.counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
        if let Some((class, least)) = self.counts.iter().min_by_key(|(_, count)| *count)
            && self.counts.len() > 1
            && most >= 10 * least
        {
            unusual.push(format!("{name}: value {class} occurs {least} times, another one {most} times"));
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut value = json!({
            "name": self.name, "dtype": self.dtype, "shape": self.shape,
            "min": self.range.map(|range| range.0), "max": self.range.map(|range| range.1),
            "mean": self.mean, "std": self.deviation,
            "zeros": self.zeros, "non_finite": self.non_finite, "subnormal": self.subnormal,
        });
        if !self.counts.is_empty() {
            value["counts"] = self.counts.iter().map(|(value, count)| json!([value, count])).collect();
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(shape: &[usize], data: Data) -> TensorReport {
        TensorReport::of_array("a", &Array { shape: shape.to_vec(), data })
    }

    #[test]
    fn statistics_of_known_numbers() {
        let floats = report(&[2, 3], Data::F32(vec![1.0, -1.0, 0.0, f32::NAN, 4.0, 1e-40]));
        assert_eq!(floats.range, Some((-1.0, 4.0)));
        assert!((floats.mean - 0.8).abs() < 1e-12 && (floats.deviation - 2.96f64.sqrt()).abs() < 1e-12);
        assert_eq!((floats.zeros, floats.non_finite, floats.subnormal), (1, 1, 1));
        let labels = report(&[5], Data::I64(vec![3, 1, 1, -2, 1]));
        assert_eq!(labels.counts, [(-2, 1), (1, 3), (3, 1)]);
        assert!(report(&[21], Data::I64((0..21).collect())).counts.is_empty());
        assert_eq!(report(&[0], Data::F32(Vec::new())).range, None);
    }

    #[test]
    fn what_is_odd_is_said() {
        let weights = |shape: &[usize], values: &[f32]| {
            let mut unusual = Vec::new();
            report(shape, Data::F32(values.to_vec())).unusual_weights(&mut unusual);
            unusual.join("; ")
        };
        assert_eq!(weights(&[2, 2], &[0.1, -0.2, 0.3, 0.0]), "");
        assert_eq!(weights(&[4], &[0.0; 4]), "", "biases begin at 0");
        assert_eq!(weights(&[2, 2], &[0.0; 4]), "a: all 4 elements are 0: nothing passes through");
        assert_eq!(weights(&[2, 2], &[0.5; 4]), "a: all 4 elements are 0.5: its units cannot differ");
        assert_eq!(
            weights(&[2], &[2e4, f32::INFINITY]),
            "a: 1 of 2 elements are NaN or infinite; a: values from 2.0000e4 to 2.0000e4: has the training diverged?"
        );
        let mut unusual = Vec::new();
        report(&[12], Data::I64([[1; 11].as_slice(), &[0]].concat())).unusual_data(&mut unusual);
        assert_eq!(unusual, ["a: value 0 occurs 1 times, another one 11 times"]);
    }
}
