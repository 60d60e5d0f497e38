//! [`Merge`]: one matrix of several, element by element, and the gradient by each.

use crate::execute::Scratch;
use crate::facts::Merge;
use std::mem::take;
use vanilla_kernels::{Kernels, Panels};

/// `x[y] = merge(x[xs])`.
pub(crate) fn forward(kernels: &Kernels, s: &mut Scratch, xs: &[usize], y: usize, merge: Merge) {
    let mut out = take(&mut s.values[y]);
    let first = &s.values[xs[0]];
    out.resize(first.rows(), first.cols());
    let values = &s.values;
    kernels.each(&mut out, &|start, chunk| {
        let part = |x: usize| &values[x].flat()[start..start + chunk.len()];
        let mut sum = [0.0; RUN];
        // Chunks are at most as long as a run.
        let sum = &mut sum[..chunk.len()];
        sum.copy_from_slice(part(xs[0]));
        for &x in &xs[1..] {
            let pairs = sum.iter_mut().zip(part(x));
            match merge {
                Merge::Add | Merge::Average => pairs.for_each(|(y, x)| *y += x),
                Merge::Subtract => pairs.for_each(|(y, x)| *y -= x),
                Merge::Multiply => pairs.for_each(|(y, x)| *y *= x),
                // A NaN in either stays.
                Merge::Maximum => pairs.for_each(|(y, x)| *y = if *x > *y || x.is_nan() { *x } else { *y }),
                Merge::Minimum => pairs.for_each(|(y, x)| *y = if *x < *y || x.is_nan() { *x } else { *y }),
            }
        }
        if merge == Merge::Average {
            let count = xs.len() as f32;
            sum.iter_mut().for_each(|y| *y /= count);
        }
        chunk.copy_from_slice(sum);
    });
    s.values[y] = out;
}

/// Floats of the longest chunk that [`Kernels::each`] hands out.
const RUN: usize = 64 * vanilla_kernels::LANES;

/// `d[dx]`, the gradient by input `at`.
pub(crate) fn backward(
    kernels: &Kernels,
    s: &mut Scratch,
    xs: &[usize],
    y: usize,
    at: usize,
    dx: usize,
    merge: Merge,
) {
    let mut out = take(&mut s.gradients[dx]);
    let dy: &Panels = &s.gradients[y];
    out.resize(dy.rows(), dy.cols());
    let (values, y) = (&s.values, &s.values[y]);
    kernels.each(&mut out, &|start, chunk| {
        let end = start + chunk.len();
        let part = |x: usize| &values[x].flat()[start..end];
        chunk.copy_from_slice(&dy.flat()[start..end]);
        match merge {
            Merge::Add => {}
            Merge::Average => {
                let count = xs.len() as f32;
                chunk.iter_mut().for_each(|d| *d /= count);
            }
            Merge::Subtract if at == 0 => {}
            Merge::Subtract => chunk.iter_mut().for_each(|d| *d = -*d),
            Merge::Multiply => {
                for other in (0..xs.len()).filter(|other| *other != at) {
                    chunk.iter_mut().zip(part(xs[other])).for_each(|(d, x)| *d *= x);
                }
            }
            Merge::Maximum | Merge::Minimum => {
                let y = &y.flat()[start..end];
                chunk.iter_mut().zip(part(xs[at])).zip(y).for_each(|((d, x), y)| {
                    if x != y {
                        *d = 0.0;
                    }
                });
                for &earlier in &xs[..at] {
                    chunk.iter_mut().zip(part(earlier)).zip(y).for_each(|((d, x), y)| {
                        if x == y {
                            *d = 0.0;
                        }
                    });
                }
            }
        }
    });
    s.gradients[dx] = out;
}
