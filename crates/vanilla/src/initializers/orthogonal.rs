//! `Orthogonal`: rows or columns at right angles, all of one length.
//!
//! **Formula** gain times the Q of `A = Q R`, A being standard normal and `max(rows, columns) x min(rows,
//! columns)`, the diagonal of R above 0 (so that Q is unique, and uniform among all); transposed where there are
//! fewer rows than columns
//! **Shapes** two dimensions or more; all but the last count as rows
//! **Config** `gain` = 1; `seed` is ignored, because it belongs to the model
//! **Reference** `keras.initializers.Orthogonal`, also `OrthogonalInitializer`; Saxe et al. 2014

use super::Initialize;
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use serde_json::Value;
use vanilla_plan::kernels::random::Stream;

/// Orthogonal rows or columns, whichever are fewer.
#[derive(Clone, Copy, Debug)]
pub struct Orthogonal {
    gain: f64,
}

impl Orthogonal {
    /// An orthogonal matrix times this (Keras's default is 1).
    pub fn new(gain: f64) -> Self {
        Self { gain }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { gain: config.float("gain")?.unwrap_or(1.0) })
    }
}

impl Initialize for Orthogonal {
    fn class_name(&self) -> &str {
        "Orthogonal"
    }
    fn config(&self) -> Keys {
        keys! { "seed": Value::Null, "gain": self.gain }
    }
    fn fill(&self, shape: &[usize], random: &mut Stream) -> Result<Vec<f32>> {
        let Some((&columns, rest)) = shape.split_last().filter(|(_, rest)| !rest.is_empty()) else {
            let problem = format!(
                "a variable of shape {shape:?}, expected 2 dimensions or more: \
                 take it for a kernel, and zeros for a bias"
            );
            return Err(Error::config("Orthogonal", problem));
        };
        let rows: usize = rest.iter().product();
        let length = rows.max(columns);
        let vectors = orthonormal(rows.min(columns), length, random);
        let element = |at: usize| {
            let (row, column) = (at / columns, at % columns);
            if rows < columns { vectors[row * length + column] } else { vectors[column * length + row] }
        };
        Ok((0..rows * columns).map(|at| (self.gain * element(at)) as f32).collect())
    }
}

/// `count` vectors of this length, one after the other: normal ones, each made orthogonal to those before it and
/// as long as 1 (the Gram-Schmidt process, whose R has a positive diagonal). Everything is subtracted twice, which
/// is enough for f64 (Giraud, Langou, Rozloznik 2005).
fn orthonormal(count: usize, length: usize, random: &mut Stream) -> Vec<f64> {
    let mut all = vec![0.0; count * length];
    for i in 0..count {
        let (before, from_here) = all.split_at_mut(i * length);
        let vector = &mut from_here[..length];
        let norm = loop {
            vector.iter_mut().for_each(|x| *x = random.normal());
            for other in before.chunks(length).chain(before.chunks(length)) {
                let along = dot(other, vector);
                vector.iter_mut().zip(other).for_each(|(x, o)| *x -= along * o);
            }
            let norm = dot(vector, vector).sqrt();
            // One in 1e8 is too near to the others to have a direction left.
            if norm > 1e-8 {
                break norm;
            }
        };
        vector.iter_mut().for_each(|x| *x /= norm);
    }
    all
}

/// The sum of all products: eight sums side by side, so that it is quick, and always eight, so that the result is
/// the same everywhere.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        sums.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b);
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows (or columns, whichever are fewer) times each other are gain^2 or 0, to the rounding of f32.
    #[test]
    fn right_angles() {
        for shape in [&[1, 1][..], &[5, 5], &[40, 17], &[17, 40], &[2, 3, 4], &[3, 1], &[0, 3]] {
            let w = Orthogonal::new(1.5).fill(shape, &mut Stream::new(3, 0)).unwrap();
            let columns = *shape.last().unwrap();
            let rows: usize = shape[..shape.len() - 1].iter().product();
            assert_eq!(w.len(), rows * columns);
            let count = rows.min(columns);
            let place = |i: usize, k: usize| if rows < columns { i * columns + k } else { k * columns + i };
            let at = |i: usize, k: usize| f64::from(w[place(i, k)]);
            for i in 0..count {
                for j in 0..count {
                    let product: f64 = (0..rows.max(columns)).map(|k| at(i, k) * at(j, k)).sum();
                    let want = if i == j { 2.25 } else { 0.0 };
                    assert!((product - want).abs() < 1e-6, "{shape:?}: {i} times {j} is {product}");
                }
            }
        }
    }

    /// Uniform among all: no element is favoured, so the mean of many is near 0 and the mean square is 1 / length.
    #[test]
    fn no_direction_is_favoured() {
        let mut random = Stream::new(4, 0);
        let (mut mean, mut square, count) = (0.0, 0.0, 4000);
        for _ in 0..count {
            let w = Orthogonal::new(1.0).fill(&[3, 3], &mut random).unwrap();
            mean += f64::from(w[0]) / f64::from(count);
            square += f64::from(w[0]).powi(2) / f64::from(count);
        }
        // Four standard errors.
        assert!(mean.abs() < 0.037 && (square - 1.0 / 3.0).abs() < 0.02, "{mean}, {square}");
    }
}
