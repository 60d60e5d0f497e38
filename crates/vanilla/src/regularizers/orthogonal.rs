//! `OrthogonalRegularizer`: rows (or columns) of a matrix should stand at right angles.
//!
//! **Formula** `factor sum(|u_i u_j|) / pairs` over all pairs of different rows, `u = w / |w|`: the mean cosine.
//! The norm of a row counts as 1e-7 at least
//! **Shapes** two dimensions
//! **Config** `factor` = 0.01, written as the f32 that Keras makes of it; `mode` = "rows" or "columns"
//! **Gradient** `dw_i = (g - u_i (u_i g)) / |w_i|` with `g = factor / pairs sum(sign(u_i u_j) u_j)`
//! **Reference** `keras.regularizers.OrthogonalRegularizer`
//!
//! A matrix of one row has no pairs, so its penalty is 0; Keras divides 0 by 0 there. It takes two copies of w
//! while it runs, and multiplies about as often as a batch of `rows / 2` does.

use super::{LANES, Regularizer, factor};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};

/// The mean cosine between rows, times a factor.
#[derive(Clone, Copy, Debug)]
pub struct OrthogonalRegularizer {
    factor: f64,
    columns: bool,
}

/// A norm counts as this much at least (Keras's `epsilon()`).
const EPSILON: f32 = 1e-7;

impl OrthogonalRegularizer {
    /// The mean cosine between rows, times this factor (Keras's default is 0.01).
    pub fn new(factor: f64) -> Self {
        Self { factor, columns: false }
    }

    /// Between columns, not rows: Keras's `mode = "columns"`.
    pub fn columns(mut self) -> Self {
        self.columns = true;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let factor = factor("OrthogonalRegularizer", "factor", config.float("factor")?.unwrap_or(0.01))?;
        match config.string("mode")?.as_deref() {
            None | Some("rows") => Ok(Self { factor, columns: false }),
            Some("columns") => Ok(Self { factor, columns: true }),
            Some(mode) => Err(config.error(format!("mode = \"{mode}\", expected \"rows\" or \"columns\""))),
        }
    }
}

impl vanilla_plan::Regularizer for OrthogonalRegularizer {
    fn name(&self) -> &str {
        "orthogonal_regularizer"
    }
    /// # Panics
    /// If the shape has not two dimensions; [`Regularizer::check`] says so before.
    fn penalty(&self, w: &[f32], shape: &[usize], dw: &mut [f32]) -> f32 {
        let &[rows, columns] = shape else { panic!("a variable of shape {shape:?}, expected two dimensions") };
        let (count, length) = if self.columns { (columns, rows) } else { (rows, columns) };
        if count < 2 || length == 0 {
            return 0.0;
        }
        // Place in w of element k of vector i.
        let place = |i: usize, k: usize| if self.columns { k * columns + i } else { i * columns + k };
        let mut units: Vec<f32> = (0..count * length).map(|at| w[place(at / length, at % length)]).collect();
        let norms: Vec<f32> = units.chunks(length).map(|v| dot(v, v).sqrt().max(EPSILON)).collect();
        for (unit, norm) in units.chunks_mut(length).zip(&norms) {
            unit.iter_mut().for_each(|u| *u /= norm);
        }
        let mut sums = vec![0.0; units.len()];
        let mut total = 0.0;
        for i in 1..count {
            let (before, from_here) = sums.split_at_mut(i * length);
            let (u, sum) = (&units[i * length..(i + 1) * length], &mut from_here[..length]);
            for (v, sum_v) in units.chunks(length).zip(before.chunks_mut(length)) {
                let cosine = dot(u, v);
                if cosine == 0.0 {
                    continue;
                }
                total += f64::from(cosine.abs());
                let sign = 1f32.copysign(cosine);
                sum.iter_mut().zip(v).for_each(|(sum, v)| *sum += sign * v);
                sum_v.iter_mut().zip(u).for_each(|(sum, u)| *sum += sign * u);
            }
        }
        let weight = self.factor / (count as f64 * (count as f64 - 1.0) / 2.0);
        for i in 0..count {
            let (u, sum) = (&units[i * length..(i + 1) * length], &sums[i * length..(i + 1) * length]);
            // A norm that was raised to the floor does not turn with w.
            let along = if norms[i] > EPSILON { dot(u, sum) } else { 0.0 };
            let scale = weight as f32 / norms[i];
            for k in 0..length {
                dw[place(i, k)] += scale * (sum[k] - along * u[k]);
            }
        }
        (weight * total) as f32
    }
}

impl Regularizer for OrthogonalRegularizer {
    fn class_name(&self) -> &str {
        "OrthogonalRegularizer"
    }
    fn config(&self) -> Keys {
        let mode = if self.columns { "columns" } else { "rows" };
        keys! { "factor": f64::from(self.factor as f32), "mode": mode }
    }
    fn check(&self, shape: &[usize]) -> Result<()> {
        factor("OrthogonalRegularizer", "factor", self.factor)?;
        if shape.len() == 2 {
            return Ok(());
        }
        let problem =
            format!("a variable of shape {shape:?}, expected 2 dimensions: take it for a kernel, not for a bias");
        Err(Error::config("OrthogonalRegularizer", problem))
    }
}

/// The sum of all products.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        sums.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b);
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vanilla_plan::Regularizer as _;

    #[test]
    fn nothing_to_be_orthogonal_to() {
        let mut dw = [0.0; 3];
        assert_eq!(OrthogonalRegularizer::new(1.0).penalty(&[1.0, 2.0, 3.0], &[1, 3], &mut dw), 0.0);
        assert_eq!(dw, [0.0; 3]);
        // Three numbers in a row each are three vectors that are parallel.
        let all = OrthogonalRegularizer::new(1.0).columns().penalty(&[1.0, -2.0, 3.0], &[1, 3], &mut dw);
        assert!((all - 1.0).abs() < 1e-6 && dw.iter().all(|d| d.abs() < 1e-6), "{all}, {dw:?}");
    }
}
