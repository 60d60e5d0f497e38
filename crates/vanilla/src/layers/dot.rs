//! `Dot`: inner products of two values.
//!
//! **Formula** `y[i, j] = sum over k of x1[i, k] x2[k, j]`, k being the axis of each, i and j all others. With
//! `normalize` x1 and x2 are first divided by `max(length along k, 1e-7)`.
//! **Shapes** two whose axes are equally long, to the other axes of the first, then those of the second, or 1 if
//! there are none
//! **Config** `axes` (one axis of both, or a pair; the batch is axis 0), `normalize` = false
//! **Gradient** `dx1[i, k] = sum over j of dy[i, j] x2[k, j]`, likewise `dx2`; with u = x / length
//! `dx = (du - u sum(u du)) / length`
//! **Reference** `keras.layers.Dot`

use super::axes::Axes;
use super::merging::shapes;
use super::{Built, Common, Layer, Masks, by_sample, sample_axis};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use std::sync::Arc;
use vanilla_plan::{Fact, Formula, MAX_ROW_WEIGHTS, Real, RowFunction};

/// Inner products of two values.
#[derive(Clone, Debug)]
pub struct Dot {
    common: Common,
    axes: Axes,
    normalize: bool,
}

impl Dot {
    pub(super) const CLASS: &'static str = "Dot";

    /// Along this axis of both, or along these axes of the first and of the second; the batch is axis 0.
    pub fn new(axes: impl Into<Axes>) -> Self {
        Self { common: Common::PLAIN, axes: axes.into(), normalize: false }
    }

    /// Makes it the cosine of the angle.
    pub fn normalize(mut self, normalize: bool) -> Self {
        self.normalize = normalize;
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        let Some(axes) = Axes::take(config, "axes")? else {
            return Err(config.error("axes is missing: the axis along which to multiply, such as axes = 1"));
        };
        Ok(Self { common, axes, normalize: config.boolean("normalize")?.unwrap_or(false) })
    }
}

common!(Dot);

impl Layer for Dot {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "axes": self.axes.to_value(), "normalize": self.normalize }
    }
    fn masks(&self) -> Masks {
        Masks::Refuse
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let [first, second] = inputs else {
            let problem =
                format!("{} inputs, expected 2: call it on two values, as .call([&a, &b])", inputs.len());
            return Err(Error::config(place, problem));
        };
        let axes = match &self.axes {
            Axes::One(axis) => [*axis; 2],
            Axes::Several(axes) => <[i64; 2]>::try_from(&axes[..]).map_err(|_| {
                let problem = format!("axes = {}, expected one axis of both or a pair", self.axes.to_value());
                Error::config(place, problem)
            })?,
        };
        let at = [sample_axis(place, "axes", axes[0], first)?, sample_axis(place, "axes", axes[1], second)?];
        let sides = [Side::new(first, at[0]), Side::new(second, at[1])];
        if sides[0].length != sides[1].length {
            let problem = format!(
                "inputs of shapes {} have {} and {} elements along axes = {}, expected equally many: \
                 choose other axes",
                shapes(inputs),
                sides[0].length,
                sides[1].length,
                self.axes.to_value()
            );
            return Err(Error::config(place, problem));
        }
        let others = |shape: &[usize], at: usize| [&shape[..at], &shape[at + 1..]].concat();
        let mut output = [others(first, at[0]), others(second, at[1])].concat();
        if output.is_empty() {
            output.push(1);
        }
        let products = Products { sides, normalize: self.normalize };
        Ok(Built::new(output, vec![by_sample(), Fact::Rows(Arc::new(products))]))
    }
}

/// An input as vectors along its axis.
#[derive(Clone, Copy, Debug)]
struct Side {
    /// Elements before the axis, along it, behind it.
    outer: usize,
    length: usize,
    inner: usize,
}

impl Side {
    fn new(sample: &[usize], at: usize) -> Self {
        Self { outer: sample[..at].iter().product(), length: sample[at], inner: sample[at + 1..].iter().product() }
    }

    fn elements(&self) -> usize {
        self.outer * self.length * self.inner
    }

    /// Number of vectors.
    fn vectors(&self) -> usize {
        self.outer * self.inner
    }

    /// Places of the elements of a vector.
    fn places(&self, vector: usize) -> impl Iterator<Item = usize> {
        let (start, inner) = (vector / self.inner * self.length * self.inner + vector % self.inner, self.inner);
        (0..self.length).map(move |k| start + k * inner)
    }

    /// What a vector is multiplied with to be of length 1, and whether it is short enough for a bound on that.
    fn scale<R: Real>(&self, x: &[R], vector: usize) -> (R, bool) {
        let length = self.places(vector).map(|at| x[at] * x[at]).sum::<R>().sqrt();
        // Keras's `epsilon()`.
        let least = R::of(1e-7);
        (R::of(1.0) / length.largest(least), length < least)
    }
}

/// Products of two numbers up to which there is a formula.
const LARGEST_FORMULA: usize = 1 << 20;

/// All products of a vector of the first and a vector of the second.
#[derive(Debug)]
struct Products {
    sides: [Side; 2],
    normalize: bool,
}

impl Products {
    fn scale<R: Real>(&self, side: usize, x: &[R], vector: usize) -> (R, bool) {
        if self.normalize { self.sides[side].scale(x, vector) } else { (R::of(1.0), true) }
    }

    fn value<R: Real>(&self, x: &[R], y: &mut [R]) {
        let [first, second] = self.sides;
        let (a, b) = x.split_at(first.elements());
        for (i, y) in y.chunks_exact_mut(second.vectors()).enumerate() {
            let (scale, _) = self.scale(0, a, i);
            for (j, y) in y.iter_mut().enumerate() {
                let product: R = first.places(i).zip(second.places(j)).map(|(p, q)| a[p] * b[q]).sum();
                *y = product * (scale * self.scale(1, b, j).0);
            }
        }
    }

    /// From the gradient by the unit vector of this vector, which `dx` holds, that by the vector itself. `along`
    /// is the sum of unit vector times gradient.
    fn through_length(&self, side: usize, x: &[f32], vector: usize, along: f32, dx: &mut [f32]) {
        let (scale, bounded) = self.scale(side, x, vector);
        let along = if bounded { 0.0 } else { along };
        for at in self.sides[side].places(vector) {
            dx[at] = scale * (dx[at] - scale * x[at] * along);
        }
    }
}

impl RowFunction for Products {
    fn name(&self) -> &str {
        "dot"
    }
    fn outputs(&self, _: &[usize]) -> usize {
        self.sides[0].vectors() * self.sides[1].vectors()
    }
    fn forward(&self, x: &[f32], _: &[&[f32]; MAX_ROW_WEIGHTS], y: &mut [f32]) {
        self.value(x, y);
    }
    fn backward(
        &self,
        x: &[f32],
        _: &[&[f32]; MAX_ROW_WEIGHTS],
        y: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        _: &mut [&mut [f32]; MAX_ROW_WEIGHTS],
    ) {
        let [first, second] = self.sides;
        let (a, b) = x.split_at(first.elements());
        let (da, db) = dx.split_at_mut(first.elements());
        let columns = second.vectors();
        for i in 0..first.vectors() {
            let (scale_a, _) = self.scale(0, a, i);
            for j in 0..columns {
                let d = dy[i * columns + j];
                let (to_a, to_b) = (d * self.scale(1, b, j).0, d * scale_a);
                for (p, q) in first.places(i).zip(second.places(j)) {
                    da[p] += to_a * b[q];
                    db[q] += to_b * a[p];
                }
            }
        }
        if self.normalize {
            // A unit vector times the gradient by it is the sum of y dy over all products that it is in.
            let along = |i: usize, j: usize| y[i * columns + j] * dy[i * columns + j];
            for i in 0..first.vectors() {
                self.through_length(0, a, i, (0..columns).map(|j| along(i, j)).sum(), da);
            }
            for j in 0..columns {
                self.through_length(1, b, j, (0..first.vectors()).map(|i| along(i, j)).sum(), db);
            }
        }
    }
    fn reference(&self, x: &[f64], _: &[&[f64]; MAX_ROW_WEIGHTS], y: &mut [f64]) -> bool {
        self.value(x, y);
        true
    }
    fn formula(&self, _: &[usize]) -> Option<Formula> {
        let [first, second] = self.sides;
        let products = first.vectors() * second.vectors();
        // Each of its products stands in a table.
        if products.saturating_mul(first.length) > LARGEST_FORMULA {
            return None;
        }
        let pairs = || (0..first.vectors()).flat_map(|i| (0..second.vectors()).map(move |j| (i, j)));
        let behind = first.elements();
        Some(Formula::row(behind + second.elements(), |x| {
            let a = x.gather(&pairs().flat_map(|(i, _)| first.places(i)).collect::<Vec<_>>());
            let b = x.gather(&pairs().flat_map(|(_, j)| second.places(j)).map(|at| behind + at).collect::<Vec<_>>());
            let product = (a * b).sums(products);
            if !self.normalize {
                return product;
            }
            let scale = |side: Side, start: usize| {
                let all = x.gather(&(0..side.vectors()).flat_map(|v| side.places(v)).map(|at| start + at).collect::<Vec<_>>());
                1.0 / (all * all).sums(side.vectors()).sqrt().max(1e-7)
            };
            let of_first = scale(first, 0).gather(&pairs().map(|(i, _)| i).collect::<Vec<_>>());
            let of_second = scale(second, behind).gather(&pairs().map(|(_, j)| j).collect::<Vec<_>>());
            product * (of_first * of_second)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, from_keys, gradient_check, numbers, round_trip, row_function};
    use super::*;

    #[test]
    fn keys() {
        round_trip(&Dot::new(-1).normalize(true));
        round_trip(&Dot::new([2, 1]));
        assert_eq!(
            from_keys("Dot", keys! {}).unwrap_err().to_string(),
            "Dot: axes is missing: the axis along which to multiply, such as axes = 1"
        );
    }

    #[test]
    fn an_axis_in_the_middle_of_three() {
        for normalize in [false, true] {
            let layer = Dot::new([2, 1]).normalize(normalize);
            let built = layer.build("", &[vec![2, 3, 2], vec![3, 2]]).unwrap();
            assert_eq!(built.output_shape, [2, 2, 2]);
            gradient_check(&*row_function(&layer, &[&[2, 3, 2], &[3, 2]]), &[12, 6], &numbers(18));
        }
    }

    /// Recorded from `keras.layers.Dot(axes=1, normalize=True)`: a vector of length 0 counts as 1e-7 long.
    #[test]
    fn a_vector_without_length() {
        let function = row_function(&Dot::new(1).normalize(true), &[&[2], &[2]]);
        let (x, mut y, mut dx) = ([0.0, 0.0, 1.0, 2.0], [0.0], [0.0; 4]);
        function.forward(&x, &[&[]; MAX_ROW_WEIGHTS], &mut y);
        function.backward(&x, &[&[]; MAX_ROW_WEIGHTS], &y, &[1.0], &mut dx, &mut Default::default());
        assert_eq!(y, [0.0]);
        for (got, want) in dx.into_iter().zip([4_472_136.0, 8_944_272.0, 0.0, 0.0]) {
            assert!((got - want).abs() <= 2.0, "{dx:?}");
        }
    }

    #[test]
    fn what_cannot_be_multiplied_is_refused() {
        assert_eq!(
            build_error(&Dot::new(1), &[&[2]]),
            "Dot: 1 inputs, expected 2: call it on two values, as .call([&a, &b])"
        );
        assert_eq!(
            build_error(&Dot::new([1, 2, 1]), &[&[2, 2], &[2, 2]]),
            "Dot: axes = [1,2,1], expected one axis of both or a pair"
        );
        assert_eq!(
            build_error(&Dot::new(0), &[&[2], &[2]]),
            "Dot: axes = 0, expected an axis of (None, 2), from 1 or from -1"
        );
        assert_eq!(
            build_error(&Dot::new(1), &[&[2], &[3]]),
            "Dot: inputs of shapes (None, 2) and (None, 3) have 2 and 3 elements along axes = 1, expected \
             equally many: choose other axes"
        );
    }
}
