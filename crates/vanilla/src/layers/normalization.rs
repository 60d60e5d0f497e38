//! `Normalization`: inputs brought to mean 0 and variance 1 by what was learned from data beforehand.
//!
//! **Formula** `y = (x - mean) / max(sqrt(variance), 1e-7)`; with `invert`,
//! `y = mean + x max(sqrt(variance), 1e-7)`
//! **Learns** mean and variance of data (`adapt`), one for every place on the axes
//! **Shapes** any, unchanged; mean and variance have the shape of the axes
//! **Config** `axis` = -1 (or a list; null: one mean of everything), `invert` = false, `mean`, `variance` = null
//! (both or none; lists that are stretched over the axes)
//! **Gradient** `dx = dy / max(sqrt(variance), 1e-7)`, with `invert` times it
//! **Reference** `keras.layers.Normalization`
//!
//! What was learned are the weights `mean`, `variance` and `count`, none of them trained; `count` stays 0, as in
//! Keras. With `mean` and `variance` given there are no weights.

use super::numbers::Numbers;
use super::{Built, Common, Layer, VariableSpec, by_last_axis, by_sample, one_input, sample_axis};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use crate::initializers::{Initialize, Initializer};
use crate::preprocessing::moments;
use crate::tensor::Tensor;
use serde_json::{Value, json};
use std::sync::Arc;
use vanilla_plan::kernels::random::Stream;
use vanilla_plan::{Fact, Formula, MAX_ROW_WEIGHTS, Real, RowFunction};

/// Keras's number: a smaller standard deviation is taken for this.
const LEAST: f64 = 1e-7;

/// Inputs brought to mean 0 and variance 1.
///
/// ```
/// use vanilla::layers::Normalization;
/// use vanilla::prelude::*;
/// let x = Tensor::new(vec![0f32, 7., 2., 9., 0., 7., 2., 9.], [4, 2])?;
/// let mut normalization = Normalization::new();
/// normalization.adapt(&x)?;
/// let mut model = Sequential::new(layers![Input::new([2]), normalization])?;
/// assert_eq!(model.predict(&x)?.to_f32()[..4], [-1., -1., 1., 1.]);
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Normalization {
    common: Common,
    axis: Vec<i64>,
    invert: bool,
    mean: Option<Numbers>,
    variance: Option<Numbers>,
    learned: Option<Learned>,
}

#[derive(Clone, Debug)]
struct Learned {
    mean: Tensor,
    variance: Tensor,
}

impl Normalization {
    pub(super) const CLASS: &'static str = "Normalization";

    /// One mean and variance for every feature, that is for every place on the last axis.
    #[allow(clippy::new_without_default)] // as for every layer: `new` takes Keras's positional arguments
    pub fn new() -> Self {
        let common = Common::PLAIN;
        Self { common, axis: vec![-1], invert: false, mean: None, variance: None, learned: None }
    }

    /// The axes on which every place has a mean and variance of its own; the batch is axis 0. Empty (Keras's
    /// null): one mean and variance of everything.
    pub fn axis(mut self, axis: impl Into<Vec<i64>>) -> Self {
        self.axis = axis.into();
        self
    }

    /// The mean, instead of learning it; the variance must be given, too.
    pub fn mean(mut self, mean: impl Into<Numbers>) -> Self {
        self.mean = Some(mean.into());
        self
    }

    /// The variance, instead of learning it; the mean must be given, too.
    pub fn variance(mut self, variance: impl Into<Numbers>) -> Self {
        self.variance = Some(variance.into());
        self
    }

    /// Turns normalised values back.
    pub fn invert(mut self, invert: bool) -> Self {
        self.invert = invert;
        self
    }

    /// Learns mean and variance of these samples, one a row; for the models that are made of this layer
    /// afterwards.
    ///
    /// # Errors
    /// When they were given, or `x` is empty, lacks an axis or holds something else than numbers.
    pub fn adapt(&mut self, x: &Tensor) -> Result<()> {
        let place = self.common.name.as_ref().map_or("Normalization".into(), |name| format!("layer '{name}'"));
        let place = format!("{place}: adapt");
        if self.mean.is_some() || self.variance.is_some() {
            let problem =
                "mean and variance were given, so none can be learned: leave them out, or do not call adapt";
            return Err(Error::config(place, problem));
        }
        let sample = x.shape().get(1..).unwrap_or_default();
        self.places(&place, sample)?;
        let axis: Vec<isize> = self.axis.iter().map(|axis| *axis as isize).collect();
        let (mean, variance, _) = moments(&place, x, &axis)?;
        self.learned = Some(Learned { mean, variance });
        Ok(())
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        // Null means no axis, and an absent key the last one.
        let axis = match config.has("axis") {
            true => config.signed_list("axis")?.unwrap_or_default(),
            false => vec![-1],
        };
        Ok(Self {
            common,
            axis,
            invert: config.boolean("invert")?.unwrap_or(false),
            mean: Numbers::take(config, "mean")?,
            variance: Numbers::take(config, "variance")?,
            learned: None,
        })
    }

    /// The axes that are kept, as places in a sample, from front to back.
    fn places(&self, place: &str, sample: &[usize]) -> Result<Vec<usize>> {
        let places = self.axis.iter().map(|axis| sample_axis(place, "axis", *axis, sample));
        let mut places = places.collect::<Result<Vec<_>>>()?;
        places.sort_unstable();
        if places.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::config(place, format!("axis = {:?}, expected each axis once", self.axis)));
        }
        Ok(places)
    }

    /// Mean and variance of this shape, if they were given.
    fn given(&self, place: &str, shape: &[usize]) -> Result<Option<[Vec<f64>; 2]>> {
        match (&self.mean, &self.variance) {
            (None, None) => Ok(None),
            (Some(mean), Some(variance)) if mean.shape() != variance.shape() => {
                let (a, b) = (mean.shape(), variance.shape());
                let problem = format!("mean has the shape {a:?} and variance {b:?}, expected one shape");
                Err(Error::config(place, problem))
            }
            (Some(mean), Some(variance)) => {
                if let Some(bad) = variance.values().iter().find(|variance| **variance < 0.0) {
                    let problem = format!("variance has {bad}, expected numbers of at least 0");
                    return Err(Error::config(place, problem));
                }
                let stretch = |key: &str, numbers: &Numbers| {
                    numbers.stretch(place, key, shape, &format!("the lengths of axis = {:?}", self.axis))
                };
                Ok(Some([stretch("mean", mean)?, stretch("variance", variance)?]))
            }
            (mean, _) => {
                let (there, missing) = if mean.is_some() { ("mean", "variance") } else { ("variance", "mean") };
                let problem = format!("{there} without {missing}, expected both or none: without them call adapt");
                Err(Error::config(place, problem))
            }
        }
    }

    /// Mean, variance and count.
    fn variables(&self, place: &str, shape: &[usize]) -> Result<Vec<VariableSpec>> {
        let [mean, variance] = match &self.learned {
            None => [Initializer::Zeros, Initializer::Ones],
            Some(Learned { mean, variance }) if mean.shape() == shape => {
                [mean, variance].map(|values| Initializer::from(Values(values.to_f32())))
            }
            Some(Learned { mean, .. }) => {
                let problem = format!(
                    "has learned from data with axes of the lengths {:?}, and its input has {shape:?}: adapt it to \
                     such data",
                    mean.shape()
                );
                return Err(Error::config(place, problem));
            }
        };
        let count = VariableSpec::new("count", [], Initializer::Zeros).fixed().apart();
        let [mean, variance] = [("mean", mean), ("variance", variance)]
            .map(|(name, initializer)| VariableSpec::new(name, shape, initializer).fixed());
        Ok(vec![mean, variance, count])
    }
}

common!(Normalization);

impl Layer for Normalization {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        let value = |numbers: &Option<Numbers>| numbers.as_ref().map_or(Value::Null, Numbers::to_value);
        keys! {
            "axis": self.axis,
            "invert": self.invert,
            "mean": value(&self.mean),
            "variance": value(&self.variance),
        }
    }
    fn trial_shape(&self) -> Vec<usize> {
        let rank = self.axis.iter().map(|axis| axis.unsigned_abs().min(16) as usize).max().unwrap_or(1);
        let mut sample = vec![1; rank];
        let lengths = match (&self.learned, &self.mean) {
            (Some(Learned { mean, .. }), _) => mean.shape(),
            (None, Some(mean)) => mean.shape(),
            (None, None) => &[],
        };
        // What makes no sense is left to be found on this shape.
        let kept = self.places("", &sample).unwrap_or_default();
        kept.iter().rev().zip(lengths.iter().rev()).for_each(|(axis, length)| sample[*axis] = *length);
        sample
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let sample = one_input(place, inputs)?;
        let kept = self.places(place, sample)?;
        let shape: Vec<usize> = kept.iter().map(|axis| sample[*axis]).collect();
        // Rows of one feature each would do for no axis; rows along the last axis serve both.
        let last = sample.len().saturating_sub(1);
        let by_features = kept.is_empty() || kept == [last];
        let (rows, from) = if by_features { (by_last_axis(sample), last) } else { (by_sample(), 0) };
        // Where each element of a row has its mean.
        let mut of = vec![0];
        for (axis, length) in sample.iter().enumerate().skip(from) {
            let step = |start: usize, i: usize| if kept.contains(&axis) { start * length + i } else { start };
            of = of.iter().flat_map(|start| (0..*length).map(move |i| step(*start, i))).collect();
        }
        let given = self.given(place, &shape)?;
        let variables = if given.is_some() { Vec::new() } else { self.variables(place, &shape)? };
        let function = Normalize { of, given, weights: shape.iter().product(), invert: self.invert };
        Ok(Built::new(sample, vec![rows, Fact::Rows(Arc::new(function))]).variables(variables))
    }
}

/// Values that are known.
#[derive(Debug)]
struct Values(Vec<f32>);

impl Initialize for Values {
    fn class_name(&self) -> &str {
        "Values"
    }
    fn config(&self) -> Keys {
        keys! { "values": json!(self.0) }
    }
    fn fill(&self, _: &[usize], _: &mut Stream) -> Result<Vec<f32>> {
        Ok(self.0.clone())
    }
}

/// The formula, on rows whose elements have their mean and variance at `of`.
#[derive(Debug)]
struct Normalize {
    of: Vec<usize>,
    given: Option<[Vec<f64>; 2]>,
    /// Means, if they are weights.
    weights: usize,
    invert: bool,
}

impl Normalize {
    fn apply<R: Real>(&self, x: &[R], w: &[&[R]; MAX_ROW_WEIGHTS], y: &mut [R]) {
        for ((y, x), of) in y.iter_mut().zip(x).zip(&self.of) {
            let [mean, deviation] = self.moments(w, *of);
            *y = if self.invert { mean + *x * deviation } else { (*x - mean) / deviation };
        }
    }

    /// The mean at this place, and the standard deviation.
    fn moments<R: Real>(&self, w: &[&[R]; MAX_ROW_WEIGHTS], at: usize) -> [R; 2] {
        let [mean, variance] = match &self.given {
            Some(given) => given.each_ref().map(|values| R::of(values[at])),
            None => [w[0][at], w[1][at]],
        };
        [mean, variance.sqrt().largest(R::of(LEAST))]
    }
}

impl RowFunction for Normalize {
    fn name(&self) -> &str {
        "normalize"
    }
    fn outputs(&self, inputs: &[usize]) -> usize {
        inputs[0]
    }
    fn weights(&self, _: &[usize]) -> Vec<usize> {
        if self.given.is_some() { Vec::new() } else { vec![self.weights; 2] }
    }
    fn forward(&self, x: &[f32], w: &[&[f32]; MAX_ROW_WEIGHTS], y: &mut [f32]) {
        self.apply(x, w, y);
    }
    // Mean and variance are never trained.
    fn backward(
        &self,
        _: &[f32],
        w: &[&[f32]; MAX_ROW_WEIGHTS],
        _: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        _: &mut [&mut [f32]; MAX_ROW_WEIGHTS],
    ) {
        for ((dx, dy), of) in dx.iter_mut().zip(dy).zip(&self.of) {
            let [_, deviation] = self.moments(w, *of);
            *dx = if self.invert { dy * deviation } else { dy / deviation };
        }
    }
    fn reference(&self, x: &[f64], w: &[&[f64]; MAX_ROW_WEIGHTS], y: &mut [f64]) -> bool {
        self.apply(x, w, y);
        true
    }
    fn formula(&self, _: &[usize]) -> Option<Formula> {
        Some(Formula::row(self.of.len(), |x| {
            let [mean, variance] = match &self.given {
                Some(given) => given.each_ref().map(|values| x.table(values)),
                None => [x.weight(0, self.weights), x.weight(1, self.weights)],
            };
            let (mean, deviation) = (mean.gather(&self.of), variance.sqrt().max(LEAST).gather(&self.of));
            if self.invert { mean + x * deviation } else { (x - mean) / deviation }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{apply, build_error, from_keys, gradient_check, numbers, round_trip, row_function};
    use super::*;
    use crate::model::Sequential;

    #[test]
    fn every_key_makes_the_round() {
        round_trip(&Normalization::new().axis([]).invert(true).mean(0.5).variance(4.0));
        round_trip(&Normalization::new().axis([1, 2]).mean([[1.0], [2.0]]).variance([[3.0], [4.0]]));
        assert_eq!(from_keys("Normalization", keys! { "axis": Value::Null }).unwrap().config()["axis"], json!([]));
        assert_eq!(from_keys("Normalization", Keys::new()).unwrap().config()["axis"], json!([-1]));
    }

    #[test]
    fn given_moments_are_stretched_over_the_axes() {
        let layer = Normalization::new().axis([1, 2]).mean([[1.0], [2.0]]).variance([[4.0], [9.0]]);
        assert_eq!(apply(&layer, &[(&[2, 2], &[1.0, 3.0, 2.0, 5.0])]), [0.0, 1.0, 0.0, 1.0]);
        let features = Normalization::new().axis([1, 2]).mean([1.0, 0.0]).variance([4.0, 1.0]);
        assert_eq!(apply(&features, &[(&[2, 2], &[1.0, 3.0, 3.0, 5.0])]), [0.0, 3.0, 1.0, 5.0]);
        for layer in [layer.clone(), layer.invert(true), features] {
            gradient_check(&*row_function(&layer, &[&[2, 2]]), &[4], &numbers(4));
            let mut model = Sequential::new(crate::layers![layer]).unwrap();
            model.build(&[2, 2]).unwrap();
            assert_eq!(model.count_params(), 0);
        }
    }

    #[test]
    fn what_was_learned_is_in_the_models_made_of_it() {
        let mut layer = Normalization::new().name("norm");
        layer.adapt(&Tensor::new(vec![1f32, 5.0, 3.0, 5.0, 5.0, 5.0], [3, 2]).unwrap()).unwrap();
        let mut model = Sequential::new(crate::layers![layer.clone()]).unwrap();
        model.build(&[2]).unwrap();
        let weights: Vec<Vec<f32>> = model.get_weights().iter().map(Tensor::to_f32).collect();
        assert_eq!(weights, [vec![3.0, 5.0], vec![8.0 / 3.0, 0.0], vec![0.0]]);
        let again = model.with_seed(7).unwrap().clone_model().unwrap();
        assert_eq!(again.get_weights()[0].to_f32(), [3.0, 5.0]);
        assert_eq!(
            build_error(&layer, &[&[3]]),
            "Normalization: has learned from data with axes of the lengths [2], and its input has [3]: adapt it to \
             such data"
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let x = Tensor::new(vec![1f32, 2.0], [2]).unwrap();
        assert_eq!(
            Normalization::new().adapt(&x).unwrap_err().to_string(),
            "Normalization: adapt: axis = -1, expected an axis of (None), from 1 or from -1"
        );
        assert_eq!(
            Normalization::new().name("n").mean(1.0).variance(1.0).adapt(&x).unwrap_err().to_string(),
            "layer 'n': adapt: mean and variance were given, so none can be learned: leave them out, or do not call \
             adapt"
        );
        let error = |layer: Normalization| build_error(&layer, &[&[2, 3]]);
        assert_eq!(
            error(Normalization::new().variance(1.0)),
            "Normalization: variance without mean, expected both or none: without them call adapt"
        );
        assert_eq!(
            error(Normalization::new().mean([1.0, 2.0]).variance(1.0)),
            "Normalization: mean has the shape [2] and variance [], expected one shape"
        );
        assert_eq!(
            error(Normalization::new().mean([1.0, 2.0]).variance([1.0, 2.0])),
            "Normalization: mean has the shape [2], expected one that can be stretched over [3], the lengths of axis = \
             [-1]"
        );
        assert_eq!(
            error(Normalization::new().mean(0.0).variance(-1.0)),
            "Normalization: variance has -1, expected numbers of at least 0"
        );
        assert_eq!(
            error(Normalization::new().axis([1, -2])),
            "Normalization: axis = [1, -2], expected each axis once"
        );
    }
}
