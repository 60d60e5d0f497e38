//! What the layers have in common that make one value of several, element by element.

use super::{Built, by_last_axis, by_sample, shape};
use crate::error::{Error, Result};
use crate::model::MAX_WIDTH;
use std::sync::Arc;
use vanilla_plan::{Fact, Formula, MAX_ROW_WEIGHTS, Merge, Real, RowFunction};

/// A layer without keys that merges its inputs: its documentation, its name, what it does.
macro_rules! merging {
    ($(#[$doc:meta])* $layer:ident $merge:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $layer {
            common: $crate::layers::Common,
        }

        impl $layer {
            pub(super) const CLASS: &'static str = stringify!($layer);

            /// The layer; it is called on several values.
            pub fn new() -> Self {
                Self::default()
            }

            pub(super) fn from_config(
                common: $crate::layers::Common,
                _: &mut $crate::config::Config,
            ) -> $crate::error::Result<Self> {
                Ok(Self { common })
            }
        }

        common!($layer);

        impl $crate::layers::Layer for $layer {
            fn class_name(&self) -> &str {
                Self::CLASS
            }
            fn common(&self) -> &$crate::layers::Common {
                &self.common
            }
            fn config(&self) -> $crate::config::Keys {
                $crate::config::Keys::new()
            }
            fn build(&self, place: &str, inputs: &[Vec<usize>]) -> $crate::error::Result<$crate::layers::Built> {
                $crate::layers::merging::build($merge, place, inputs)
            }
        }
    };
}
pub(super) use merging;

/// Inputs of one shape are merged where they are; others are first thought of as repeated along the axes where
/// they have 1, as numpy does it: shapes are compared from their last axes.
pub(super) fn build(merge: Merge, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
    at_least_two(place, inputs)?;
    if merge == Merge::Subtract && inputs.len() != 2 {
        let problem =
            format!("{} inputs, expected 2: subtract the sum of all but the first, an Add", inputs.len());
        return Err(Error::config(place, problem));
    }
    if inputs.iter().all(|input| *input == inputs[0]) {
        return Ok(Built::new(inputs[0].clone(), vec![by_last_axis(&inputs[0]), Fact::Merge(merge)]));
    }
    let output = broadcast(place, inputs)?;
    let function = Broadcast::new(merge, inputs, &output);
    Ok(Built::new(output, vec![by_sample(), Fact::Rows(Arc::new(function))]))
}

/// The error of a merging layer that was called on one value.
pub(super) fn at_least_two(place: &str, inputs: &[Vec<usize>]) -> Result<()> {
    match inputs.len() {
        0 | 1 => Err(Error::config(
            place,
            "1 input, expected at least 2: call it on several values, as .call([&a, &b])",
        )),
        _ => Ok(()),
    }
}

/// `(None, 2) and (None, 3)`.
pub(super) fn shapes(inputs: &[Vec<usize>]) -> String {
    inputs.iter().map(|input| shape(input)).collect::<Vec<_>>().join(" and ")
}

/// The shape that all of these are repeated to.
fn broadcast(place: &str, inputs: &[Vec<usize>]) -> Result<Vec<usize>> {
    let rank = inputs.iter().map(Vec::len).max().unwrap_or(0);
    let mut output = vec![1; rank];
    for input in inputs {
        for (y, x) in output.iter_mut().rev().zip(input.iter().rev()) {
            if *y != *x && *y != 1 && *x != 1 {
                let problem = format!(
                    "inputs of shapes {}, expected equal axes (or 1), compared from the last: \
                     bring them to one shape first",
                    shapes(inputs)
                );
                return Err(Error::config(place, problem));
            }
            *y = (*y).max(*x);
        }
    }
    // Before tables of this length are made.
    let elements = output.iter().try_fold(1usize, |product, axis| product.checked_mul(*axis));
    if elements.is_none_or(|elements| elements > MAX_WIDTH) {
        let problem = format!("inputs of shapes {} give more than {MAX_WIDTH} values", shapes(inputs));
        return Err(Error::config(place, problem));
    }
    Ok(output)
}

/// A merge of samples of different shapes.
#[derive(Debug)]
struct Broadcast {
    merge: Merge,
    /// For each input: the place in the row of what each element of y reads.
    from: Vec<Vec<usize>>,
}

impl Broadcast {
    fn new(merge: Merge, inputs: &[Vec<usize>], output: &[usize]) -> Self {
        let mut start = 0;
        let from = inputs.iter().map(|input| {
            let missing = output.len() - input.len();
            let from = (0..output.len()).fold(vec![start], |from, axis| {
                let own = axis.checked_sub(missing).filter(|own| input[*own] != 1);
                let step = own.map_or(0, |own| input[own + 1..].iter().product());
                from.into_iter().flat_map(|at| (0..output[axis]).map(move |i| at + i * step)).collect()
            });
            start += input.iter().product::<usize>();
            from
        });
        Self { merge, from: from.collect() }
    }

    fn value<R: Real>(&self, x: &[R], y: &mut [R]) {
        let count = R::of(self.from.len() as f64);
        for (i, y) in y.iter_mut().enumerate() {
            let rest = self.from[1..].iter().map(|from| x[from[i]]);
            *y = rest.fold(x[self.from[0][i]], |y, x| {
                // A NaN in either stays.
                let odd = x.partial_cmp(&x).is_none();
                match self.merge {
                    Merge::Add | Merge::Average => y + x,
                    Merge::Subtract => y - x,
                    Merge::Multiply => y * x,
                    Merge::Maximum if x > y || odd => x,
                    Merge::Minimum if x < y || odd => x,
                    Merge::Maximum | Merge::Minimum => y,
                }
            });
            if self.merge == Merge::Average {
                *y = *y / count;
            }
        }
    }
}

impl RowFunction for Broadcast {
    fn name(&self) -> &str {
        match self.merge {
            Merge::Add => "add",
            Merge::Subtract => "subtract",
            Merge::Multiply => "multiply",
            Merge::Average => "average",
            Merge::Maximum => "maximum",
            Merge::Minimum => "minimum",
        }
    }
    fn outputs(&self, _: &[usize]) -> usize {
        self.from[0].len()
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
        let count = self.from.len() as f32;
        for (i, dy) in dy.iter().enumerate() {
            for (at, from) in self.from.iter().enumerate() {
                let d = match self.merge {
                    Merge::Add => *dy,
                    Merge::Average => dy / count,
                    Merge::Subtract if at == 0 => *dy,
                    Merge::Subtract => -dy,
                    Merge::Multiply => {
                        let others = self.from.iter().enumerate().filter(|(other, _)| *other != at);
                        others.fold(*dy, |d, (_, from)| d * x[from[i]])
                    }
                    // To the first of equal ones.
                    Merge::Maximum | Merge::Minimum => {
                        let earlier = self.from[..at].iter().any(|from| x[from[i]] == y[i]);
                        if x[from[i]] == y[i] && !earlier { *dy } else { 0.0 }
                    }
                };
                dx[from[i]] += d;
            }
        }
    }
    fn reference(&self, x: &[f64], _: &[&[f64]; MAX_ROW_WEIGHTS], y: &mut [f64]) -> bool {
        self.value(x, y);
        true
    }
    fn formula(&self, inputs: &[usize]) -> Option<Formula> {
        Some(Formula::row(inputs.iter().sum(), |x| {
            let rest = self.from[1..].iter().map(|from| x.gather(from));
            let y = rest.fold(x.gather(&self.from[0]), |y, x| match self.merge {
                Merge::Add | Merge::Average => y + x,
                Merge::Subtract => y - x,
                Merge::Multiply => y * x,
                Merge::Maximum => y.max(x),
                Merge::Minimum => y.min(x),
            });
            if self.merge == Merge::Average { y / self.from.len() as f64 } else { y }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{apply, build_error, gradient_check, numbers, round_trip, row_function};
    use super::super::{Add, Average, Layer, Maximum, Minimum, Multiply, Subtract};

    /// What numpy gives for `a + b`, a of shape (2, 1, 2) and b of shape (3, 1).
    #[test]
    fn shapes_are_aligned_from_the_end() {
        let y = apply(&Add::new(), &[(&[2, 1, 2], &[1.0, 2.0, 3.0, 4.0]), (&[3, 1], &[10.0, 20.0, 30.0])]);
        assert_eq!(y, [11.0, 12.0, 21.0, 22.0, 31.0, 32.0, 13.0, 14.0, 23.0, 24.0, 33.0, 34.0]);
        let built = Add::new().build("", &[vec![2, 1, 2], vec![3, 1]]).unwrap();
        assert_eq!(built.output_shape, [2, 3, 2]);
    }

    #[test]
    fn gradients_of_inputs_of_different_shapes() {
        let layers: [&dyn Layer; 5] =
            [&Add::new(), &Multiply::new(), &Average::new(), &Maximum::new(), &Minimum::new()];
        for layer in layers {
            round_trip(layer);
            let function = row_function(layer, &[&[2, 3], &[3], &[2, 1]]);
            gradient_check(&*function, &[6, 3, 2], &numbers(11));
        }
        gradient_check(&*row_function(&Subtract::new(), &[&[1, 3], &[2, 1]]), &[3, 2], &numbers(5));
    }

    #[test]
    fn what_cannot_be_merged_is_refused() {
        assert_eq!(
            build_error(&Add::new(), &[&[2]]),
            "Add: 1 input, expected at least 2: call it on several values, as .call([&a, &b])"
        );
        assert_eq!(
            build_error(&Subtract::new(), &[&[2], &[2], &[2]]),
            "Subtract: 3 inputs, expected 2: subtract the sum of all but the first, an Add"
        );
        assert_eq!(
            build_error(&Maximum::new(), &[&[2, 4], &[3]]),
            "Maximum: inputs of shapes (None, 2, 4) and (None, 3), expected equal axes (or 1), \
             compared from the last: bring them to one shape first"
        );
        assert_eq!(
            build_error(&Multiply::new(), &[&[10_000, 1], &[10_000]]),
            "Multiply: inputs of shapes (None, 10000, 1) and (None, 10000) give more than 16777216 values"
        );
    }
}
