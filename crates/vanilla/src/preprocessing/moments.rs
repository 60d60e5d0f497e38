//! [`moments`]: what `Normalization` learns.
//!
//! **Formula** `mean = sum x / n`, `variance = sum (x - mean)^2 / n` over all elements that share their place on
//! `axis`
//! **Shapes** the lengths of the axes of `axis`, in their order in `x`
//! **Reference** `keras.layers.Normalization.adapt`
//!
//! Sums are f64 in the order of the elements, and each result is rounded once.

use super::floats;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Mean and population variance for every place on the axes that are kept, and of how many elements. `axis` counts
/// from the end where it is negative; `[-1]`, Keras's default, keeps the features, `[]` (Keras's null) nothing:
/// one mean of everything.
///
/// ```
/// use vanilla::prelude::*;
/// let x = Tensor::new(vec![0f32, 7., 2., 9., 0., 7., 2., 9.], [4, 2])?;
/// let (mean, variance, count) = vanilla::preprocessing::moments("adapt", &x, &[-1])?;
/// assert_eq!((mean.to_f32(), variance.to_f32(), count), (vec![1., 8.], vec![1., 1.], 4));
/// # Ok::<(), vanilla::Error>(())
/// ```
///
/// # Errors
/// When there is no such axis, or `x` is empty or holds something else than numbers.
pub fn moments(place: &str, x: &Tensor, axis: &[isize]) -> Result<(Tensor, Tensor, u64)> {
    let values = floats(place, x)?;
    let (shape, rank) = (x.shape(), x.shape().len());
    if values.is_empty() {
        return Err(Error::data(place, format!("x has the shape {shape:?}: there is nothing to learn from")));
    }
    let mut kept = vec![false; rank];
    for &one in axis {
        let at = if one < 0 { one + rank as isize } else { one };
        match usize::try_from(at).ok().and_then(|at| kept.get_mut(at)) {
            Some(axis) => *axis = true,
            None => {
                let problem = format!(
                    "axis = {one}, and x has {rank} axes (shape {shape:?}): expected -{rank} to {}",
                    rank - 1
                );
                return Err(Error::config(place, problem));
            }
        }
    }
    let kept_shape: Vec<usize> =
        shape.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(axis, _)| *axis).collect();
    // How far a step along each axis goes in the result; 0 along the axes that are summed.
    let mut strides = vec![0; rank];
    let mut size = 1;
    for axis in (0..rank).rev().filter(|axis| kept[*axis]) {
        strides[axis] = size;
        size *= shape[axis];
    }
    let count = (values.len() / size) as u64;
    let place_of = |mut element: usize| {
        let mut place = 0;
        for axis in (0..rank).rev() {
            place += element % shape[axis] * strides[axis];
            element /= shape[axis];
        }
        place
    };
    let mut mean = vec![0.0f64; size];
    values.iter().enumerate().for_each(|(element, value)| mean[place_of(element)] += f64::from(*value));
    mean.iter_mut().for_each(|sum| *sum /= count as f64);
    let mut variance = vec![0.0f64; size];
    for (element, value) in values.iter().enumerate() {
        let place = place_of(element);
        let distance = f64::from(*value) - mean[place];
        variance[place] += distance * distance;
    }
    variance.iter_mut().for_each(|sum| *sum /= count as f64);
    let rounded =
        |values: Vec<f64>| Tensor::new(values.into_iter().map(|value| value as f32).collect(), &kept_shape[..]);
    Ok((rounded(mean)?, rounded(variance)?, count))
}
