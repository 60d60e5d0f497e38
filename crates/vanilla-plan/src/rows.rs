//! Steps that go row by row: functions given as code, embeddings, and the same numbers in other rows.

use crate::code::{MAX_ROW_WEIGHTS, RowFunction};
use crate::execute::Scratch;
use crate::{Form, Params};
use std::mem::take;
use vanilla_kernels::Panels;

/// The weights of a row function, each a slice.
fn slices(params: &Params, weights: impl Iterator<Item = usize>) -> [&[f32]; MAX_ROW_WEIGHTS] {
    let mut slices = [&[][..]; MAX_ROW_WEIGHTS];
    for (slice, variable) in slices.iter_mut().zip(weights) {
        let panels = &params.variables[variable].weights;
        // A single row lies in one piece.
        *slice = &panels.flat()[..panels.cols()];
    }
    slices
}

/// The rows with this number of all inputs, one behind the other.
fn read_rows(values: &[Panels], xs: &[usize], row: usize, to: &mut [f32]) {
    let mut rest = to;
    for x in xs {
        let (now, later) = rest.split_at_mut(values[*x].cols());
        values[*x].read_row(row, now);
        rest = later;
    }
}

/// `x[y] = f(row of x[xs])`.
pub(crate) fn forward(
    s: &mut Scratch,
    params: &Params,
    xs: &[usize],
    (y, cols): (usize, usize),
    function: &dyn RowFunction,
    weights: &[usize],
) {
    let mut out = take(&mut s.values[y]);
    out.resize(s.values[xs[0]].rows(), cols);
    let w = slices(params, weights.iter().copied());
    let [x, result, ..] = &mut s.row;
    x.resize(xs.iter().map(|x| s.values[*x].cols()).sum(), 0.0);
    result.resize(cols, 0.0);
    for row in 0..out.rows() {
        read_rows(&s.values, xs, row, x);
        result.fill(0.0);
        function.forward(x, &w, result);
        out.write_row(row, result);
    }
    s.values[y] = out;
}

/// Gradients by the inputs and by the weights.
pub(crate) fn backward(
    s: &mut Scratch,
    params: &Params,
    xs: &[usize],
    y: usize,
    dxs: &[Option<usize>],
    function: &dyn RowFunction,
    weights: &[(usize, bool)],
) {
    let w = slices(params, weights.iter().map(|(variable, _)| *variable));
    let mut gradients: [Panels; MAX_ROW_WEIGHTS] = Default::default();
    for (gradient, (variable, _)) in gradients.iter_mut().zip(weights).filter(|(_, (_, wanted))| *wanted) {
        *gradient = take(&mut s.variables[*variable]);
    }
    let mut dw = gradients.each_mut().map(|panels| {
        let cols = panels.cols();
        &mut panels.flat_mut()[..cols]
    });
    let rows = s.values[y].rows();
    for (x, dx) in xs.iter().zip(dxs) {
        if let Some(dx) = dx {
            s.gradients[*dx].resize(rows, s.values[*x].cols());
        }
    }
    let [x, out, dy, dx] = &mut s.row;
    let inputs = xs.iter().map(|x| s.values[*x].cols()).sum();
    x.resize(inputs, 0.0);
    dx.resize(inputs, 0.0);
    out.resize(s.values[y].cols(), 0.0);
    dy.resize(s.values[y].cols(), 0.0);
    for row in 0..rows {
        read_rows(&s.values, xs, row, x);
        s.values[y].read_row(row, out);
        s.gradients[y].read_row(row, dy);
        dx.fill(0.0);
        function.backward(x, &w, out, dy, dx, &mut dw);
        let mut rest = &dx[..];
        for (x, to) in xs.iter().zip(dxs) {
            let (now, later) = rest.split_at(s.values[*x].cols());
            if let Some(to) = to {
                s.gradients[*to].write_row(row, now);
            }
            rest = later;
        }
    }
    for (gradient, (variable, _)) in gradients.into_iter().zip(weights).filter(|(_, (_, wanted))| *wanted) {
        s.variables[*variable] = gradient;
    }
}

/// The row of the table that a number means. Numbers are checked before they get here.
fn entry(number: f32, table: &Panels) -> usize {
    (number as usize).min(table.rows().saturating_sub(1))
}

/// `x[y] = V[x[x]]`.
pub(crate) fn embed(s: &mut Scratch, params: &Params, x: usize, y: usize, table: usize) {
    let table = &params.variables[table].weights;
    let mut out = take(&mut s.values[y]);
    let (numbers, cols) = (&s.values[x], s.values[x].cols());
    out.resize(numbers.rows() * cols, table.cols());
    let [_, row, ..] = &mut s.row;
    row.resize(table.cols(), 0.0);
    for place in 0..out.rows() {
        table.read_row(entry(numbers.get(place / cols, place % cols), table), row);
        out.write_row(place, row);
    }
    s.values[y] = out;
}

/// `g[table][x[x]] += d[y]`.
pub(crate) fn embed_backward(s: &mut Scratch, x: usize, y: usize, table: usize) {
    let mut g = take(&mut s.variables[table]);
    let (numbers, cols) = (&s.values[x], s.values[x].cols());
    let [sum, dy, ..] = &mut s.row;
    sum.resize(g.cols(), 0.0);
    dy.resize(g.cols(), 0.0);
    for place in 0..s.gradients[y].rows() {
        let at = entry(numbers.get(place / cols, place % cols), &g);
        s.gradients[y].read_row(place, dy);
        g.read_row(at, sum);
        sum.iter_mut().zip(&*dy).for_each(|(sum, dy)| *sum += dy);
        g.write_row(at, sum);
    }
    s.variables[table] = g;
}

/// `m[y] = m[x]`, the numbers of each of `samples` samples in rows of `form`.
pub(crate) fn regroup(
    matrices: &mut [Panels],
    row: &mut [Vec<f32>; 4],
    x: usize,
    y: usize,
    samples: usize,
    form: Form,
) {
    let mut out = take(&mut matrices[y]);
    let from = &matrices[x];
    out.resize(samples * form.groups, form.cols);
    let groups = from.rows() / samples.max(1);
    let sample = &mut row[0];
    sample.resize(form.groups * form.cols, 0.0);
    for number in 0..samples {
        for (group, part) in sample.chunks_exact_mut(from.cols()).enumerate() {
            from.read_row(number * groups + group, part);
        }
        for (group, part) in sample.chunks_exact(form.cols).enumerate() {
            out.write_row(number * form.groups + group, part);
        }
    }
    matrices[y] = out;
}
