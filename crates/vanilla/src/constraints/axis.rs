//! [`Axis`]: along what a norm is taken.

use crate::config::Config;
use crate::error::{Error, Result};
use serde_json::{Value, json};

/// Axes along which a norm is taken, counted from 0 or, backwards, from -1. One number and a list of one number
/// mean the same, and are written as they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Axis {
    /// One axis.
    One(i64),
    /// All of these at once. Of no axis, the norm is each element's magnitude.
    Many(Vec<i64>),
}

impl Default for Axis {
    /// The first: for a kernel `(inputs, units)`, one norm a unit.
    fn default() -> Self {
        Self::One(0)
    }
}

impl From<i64> for Axis {
    fn from(axis: i64) -> Self {
        Self::One(axis)
    }
}

impl<const N: usize> From<[i64; N]> for Axis {
    fn from(axes: [i64; N]) -> Self {
        Self::Many(axes.to_vec())
    }
}

impl From<Vec<i64>> for Axis {
    fn from(axes: Vec<i64>) -> Self {
        Self::Many(axes)
    }
}

impl Axis {
    /// Takes the key `axis`; the first axis, where there is none.
    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let Some(value) = config.take("axis") else { return Ok(Self::default()) };
        let axis = match &value {
            Value::Array(axes) => axes.iter().map(Value::as_i64).collect::<Option<_>>().map(Self::Many),
            one => one.as_i64().map(Self::One),
        };
        axis.ok_or_else(|| {
            config.error(format!("axis = {value}, expected a whole number or a list of them, such as 0"))
        })
    }

    pub(super) fn to_config(&self) -> Value {
        match self {
            Self::One(axis) => json!(axis),
            Self::Many(axes) => json!(axes),
        }
    }

    /// For every axis of the shape, whether it is one of these.
    pub(super) fn of(&self, class: &str, shape: &[usize]) -> Result<Vec<bool>> {
        let axes = match self {
            Self::One(axis) => std::slice::from_ref(axis),
            Self::Many(axes) => axes,
        };
        let mut chosen = vec![false; shape.len()];
        for axis in axes {
            let error = |problem: String| {
                Error::config(class, format!("axis = {axis}{problem}: the variable's shape is {shape:?}"))
            };
            let count = shape.len() as i64;
            let place = if *axis < 0 { axis.saturating_add(count) } else { *axis };
            match usize::try_from(place).ok().and_then(|place| chosen.get_mut(place)) {
                None if *axis < 0 => return Err(error(format!(", expected at least -{count}"))),
                None => return Err(error(format!(", expected less than {count}"))),
                Some(true) => return Err(error(" is there twice".into())),
                Some(chosen) => *chosen = true,
            }
        }
        Ok(chosen)
    }

    /// Multiplies every element of `w`, row-major of this shape, by `factor(norm)`, the norm being that of the
    /// elements that differ from it along these axes only.
    ///
    /// # Panics
    /// If the shape lacks one of the axes.
    pub(super) fn scale(&self, w: &mut [f32], shape: &[usize], factor: impl Fn(f64) -> f64) {
        let chosen = self.of("axis", shape).unwrap_or_else(|error| panic!("{error}"));
        let (Some((&columns, outer)), Some((&across, chosen))) = (shape.split_last(), chosen.split_last()) else {
            // A single number, without axes.
            w.iter_mut().for_each(|w| *w *= factor(f64::from(w.abs())) as f32);
            return;
        };
        if w.is_empty() {
            return;
        }
        // Norms are stored like w, with a length of 1 along the chosen axes.
        let width = if across { 1 } else { columns };
        let kept = outer.iter().zip(chosen).filter(|(_, chosen)| !**chosen);
        let mut norms = vec![0.0; kept.map(|(length, _)| length).product::<usize>() * width];
        // Where the norms of this run of the last axis start.
        let place = |mut run: usize| {
            let (mut start, mut stride) = (0, width);
            for (length, chosen) in outer.iter().zip(chosen).rev() {
                if !chosen {
                    start += run % length * stride;
                    stride *= length;
                }
                run /= length;
            }
            start..start + width
        };
        for (run, w) in w.chunks(columns).enumerate() {
            let norms = &mut norms[place(run)];
            let squares = w.iter().map(|w| f64::from(*w) * f64::from(*w));
            if across {
                norms[0] += squares.sum::<f64>();
            } else {
                norms.iter_mut().zip(squares).for_each(|(norm, square)| *norm += square);
            }
        }
        norms.iter_mut().for_each(|norm| *norm = factor(norm.sqrt()));
        for (run, w) in w.chunks_mut(columns).enumerate() {
            let factors = &norms[place(run)];
            if across {
                w.iter_mut().for_each(|w| *w *= factors[0] as f32);
            } else {
                w.iter_mut().zip(factors).for_each(|(w, factor)| *w *= *factor as f32);
            }
        }
    }
}
