//! Batch normalisation, whose columns are each a thread's own and whose sums are in f64; and the largest singular value
//! of a kernel.

use crate::execute::Scratch;
use crate::facts::BatchNorm;
use crate::{Params, Spectral};
use std::mem::take;
use vanilla_kernels::{Kernels, LANES, Panels};

/// Rows of the statistics of a normalisation.
const MEAN: usize = 0;
const INVERSE: usize = 1;
const VARIANCE: usize = 2;
const SUM_DY: usize = 3;
const SUM_DY_X: usize = 4;
/// What a mean loses as f32: much, where numbers lie far from zero and close together.
const MEAN_LOST: usize = 5;
/// How many they are.
pub(crate) const STATISTICS: usize = 6;

/// The lines of a panel as arrays.
fn lines(panel: &[f32]) -> impl Iterator<Item = &[f32; LANES]> {
    panel.chunks_exact(LANES).map(|line| line.try_into().expect("a line"))
}

/// Row `row` of the statistics of panel `panel`.
fn statistic(statistics: &Panels, panel: usize, row: usize) -> [f32; LANES] {
    let at = (panel * statistics.rows() + row) * LANES;
    statistics.flat()[at..at + LANES].try_into().expect("a line")
}

/// A panel of a vector; 16 times `missing` where there is none.
fn vector(params: &Params, variable: Option<usize>, panel: usize, missing: f32) -> [f32; LANES] {
    variable.map_or([missing; LANES], |variable| {
        params.variables[variable].weights.flat()[panel * LANES..(panel + 1) * LANES].try_into().expect("a line")
    })
}

/// Gamma and beta among the variables.
fn gamma_beta(norm: &BatchNorm, variables: &[usize]) -> [Option<usize>; 2] {
    let gamma = norm.scale.then(|| variables[0]);
    [gamma, norm.center.then(|| variables[usize::from(norm.scale)])]
}

/// `x[y] = gamma (x[x] - mean) / sqrt(variance + epsilon) + beta`.
pub(crate) fn forward(
    kernels: &Kernels,
    s: &mut Scratch,
    params: &Params,
    (x, y): (usize, usize),
    norm: &BatchNorm,
    variables: &[usize],
    batch: bool,
) {
    let (mut out, mut statistics) = (take(&mut s.values[y]), take(&mut s.statistics[y]));
    let x = &s.values[x];
    let rows = x.rows();
    out.resize(rows, x.cols());
    let panel_of = |panel: usize| &x.flat()[panel * rows * LANES..(panel + 1) * rows * LANES];
    let first = norm.first_statistic();
    kernels.each_panel(&mut statistics, &|panel, of_panel| {
        let (mut mean, mut variance) = ([0.0f64; LANES], [0.0f64; LANES]);
        if batch {
            for line in lines(panel_of(panel)) {
                (0..LANES).for_each(|i| mean[i] += f64::from(line[i]));
            }
            mean.iter_mut().for_each(|mean| *mean /= rows as f64);
            for line in lines(panel_of(panel)) {
                (0..LANES).for_each(|i| {
                    let off = f64::from(line[i]) - mean[i];
                    variance[i] += off * off;
                });
            }
            variance.iter_mut().for_each(|variance| *variance /= rows as f64);
        } else {
            let moving = [first, first + 1].map(|i| vector(params, Some(variables[i]), panel, 0.0));
            mean = moving[0].map(f64::from);
            variance = moving[1].map(f64::from);
        }
        for i in 0..LANES {
            of_panel[MEAN * LANES + i] = mean[i] as f32;
            of_panel[MEAN_LOST * LANES + i] = (mean[i] - f64::from(mean[i] as f32)) as f32;
            of_panel[INVERSE * LANES + i] = (1.0 / libm::sqrt(variance[i] + norm.epsilon)) as f32;
            of_panel[VARIANCE * LANES + i] = variance[i] as f32;
        }
    });
    let [gamma, beta] = gamma_beta(norm, variables);
    kernels.each_panel(&mut out, &|panel, of_panel| {
        let mean = statistic(&statistics, panel, MEAN);
        let lost = statistic(&statistics, panel, MEAN_LOST);
        let inverse = statistic(&statistics, panel, INVERSE);
        let (gamma, beta) = (vector(params, gamma, panel, 1.0), vector(params, beta, panel, 0.0));
        for (y, x) in of_panel.chunks_exact_mut(LANES).zip(lines(panel_of(panel))) {
            (0..LANES).for_each(|i| y[i] = (x[i] - mean[i] - lost[i]) * (inverse[i] * gamma[i]) + beta[i]);
        }
    });
    (s.values[y], s.statistics[y]) = (out, statistics);
}

/// Gradients by x, and by gamma and beta where they are trained. Ioffe and Szegedy 2015, section 3.
#[allow(clippy::too_many_arguments)] // a normalisation has operands
pub(crate) fn backward(
    kernels: &Kernels,
    s: &mut Scratch,
    params: &Params,
    (x, y, dx): (usize, usize, Option<usize>),
    norm: &BatchNorm,
    variables: &[usize],
    batch: bool,
    trainable: bool,
) {
    let mut statistics = take(&mut s.statistics[y]);
    let (x, dy) = (&s.values[x], &s.gradients[y]);
    let rows = x.rows();
    let of = |matrix: &'_ Panels, panel: usize| -> std::ops::Range<usize> {
        debug_assert_eq!(matrix.rows(), rows);
        panel * rows * LANES..(panel + 1) * rows * LANES
    };
    kernels.each_panel(&mut statistics, &|panel, of_panel| {
        let (mut sum, mut product) = ([0.0f64; LANES], [0.0f64; LANES]);
        for (dy, x) in lines(&dy.flat()[of(dy, panel)]).zip(lines(&x.flat()[of(x, panel)])) {
            for i in 0..LANES {
                let off = x[i] - of_panel[MEAN * LANES + i] - of_panel[MEAN_LOST * LANES + i];
                let normal = off * of_panel[INVERSE * LANES + i];
                sum[i] += f64::from(dy[i]);
                product[i] += f64::from(dy[i] * normal);
            }
        }
        for i in 0..LANES {
            of_panel[SUM_DY * LANES + i] = sum[i] as f32;
            of_panel[SUM_DY_X * LANES + i] = product[i] as f32;
        }
    });
    let [gamma, beta] = gamma_beta(norm, variables);
    if trainable {
        for (variable, row) in [(gamma, SUM_DY_X), (beta, SUM_DY)] {
            let Some(variable) = variable else { continue };
            for (panel, g) in s.variables[variable].flat_mut().chunks_exact_mut(LANES).enumerate() {
                let sum = statistic(&statistics, panel, row);
                g.iter_mut().zip(sum).for_each(|(g, sum)| *g += sum);
            }
        }
    }
    if let Some(number) = dx {
        let mut out = take(&mut s.gradients[number]);
        let dy = &s.gradients[y];
        out.resize(rows, x.cols());
        kernels.each_panel(&mut out, &|panel, of_panel| {
            let [mean, lost, inverse, sum, product] =
                [MEAN, MEAN_LOST, INVERSE, SUM_DY, SUM_DY_X].map(|row| statistic(&statistics, panel, row));
            let gamma = vector(params, gamma, panel, 1.0);
            let count = rows as f32;
            let pairs = lines(&dy.flat()[of(dy, panel)]).zip(lines(&x.flat()[of(x, panel)]));
            for (dx, (dy, x)) in of_panel.chunks_exact_mut(LANES).zip(pairs) {
                for i in 0..LANES {
                    let scale = gamma[i] * inverse[i];
                    dx[i] = if batch {
                        let normal = (x[i] - mean[i] - lost[i]) * inverse[i];
                        scale * (dy[i] - (sum[i] + normal * product[i]) / count)
                    } else {
                        scale * dy[i]
                    };
                }
            }
            kernels.flush(of_panel);
        });
        s.gradients[number] = out;
    }
    s.statistics[y] = statistics;
}

/// Moves the moving mean and variance towards those of the batch.
pub(crate) fn move_statistics(
    s: &Scratch,
    params: &mut Params,
    y: usize,
    momentum: f64,
    (mean, variance): (usize, usize),
) {
    for (variable, row) in [(mean, MEAN), (variance, VARIANCE)] {
        let weights = params.variables[variable].weights.flat_mut();
        for (panel, w) in weights.chunks_exact_mut(LANES).enumerate() {
            let now = statistic(&s.statistics[y], panel, row);
            w.iter_mut().zip(now).for_each(|(w, now)| *w = *w * momentum as f32 + now * (1.0 - momentum) as f32);
        }
    }
}

/// Divides a kernel by its largest singular value, estimated by power iterations from the vector that the last step
/// left: Miyato et al. 2018, algorithm 1.
pub(crate) fn spectral(s: &mut Scratch, params: &mut Params, kernel: usize, spectral: &Spectral) {
    // Zeros have no direction: kernel and vector stay.
    if params.variables[kernel].weights.flat().iter().all(|w| *w == 0.0) {
        return;
    }
    let mut u = take(&mut s.row[0]);
    let (mut v, mut line) = (take(&mut s.row[1]), take(&mut s.row[2]));
    let w = &params.variables[kernel].weights;
    u.resize(w.cols(), 0.0);
    line.resize(w.cols(), 0.0);
    v.resize(w.rows(), 0.0);
    params.variables[spectral.vector].weights.read_row(0, &mut u);
    for _ in 0..spectral.iterations {
        for (row, v) in v.iter_mut().enumerate() {
            w.read_row(row, &mut line);
            *v = dot(&line, &u) as f32;
        }
        unit(&mut v);
        times(w, &v, &mut line, &mut u);
        unit(&mut u);
    }
    let mut product = take(&mut s.row[3]);
    product.resize(w.cols(), 0.0);
    times(w, &v, &mut line, &mut product);
    let sigma = dot(&product, &u) as f32;
    if sigma != 0.0 {
        params.variables[kernel].weights.flat_mut().iter_mut().for_each(|w| *w /= sigma);
    }
    params.variables[spectral.vector].weights.write_row(0, &u);
    s.row = [u, v, line, product];
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// `out = v W`.
fn times(w: &Panels, v: &[f32], line: &mut [f32], out: &mut [f32]) {
    out.fill(0.0);
    for (row, v) in v.iter().enumerate() {
        w.read_row(row, line);
        out.iter_mut().zip(&*line).for_each(|(out, w)| *out += v * w);
    }
}

/// A vector of length 1, or 0 where it is 0.
fn unit(x: &mut [f32]) {
    let length = libm::sqrt(dot(x, x)) as f32;
    if length > 0.0 {
        x.iter_mut().for_each(|x| *x /= length);
    }
}
