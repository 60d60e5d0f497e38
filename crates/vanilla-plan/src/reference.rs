//! The readable truth: every fact forward, and the loss of a whole network, in f64 and without any cleverness.
//!
//! Plans are tested against this: values directly, gradients by finite differences of [`loss`].

use crate::{BatchNorm, Fact, Form, MAX_ROW_WEIGHTS, Merge, Network, RowFunction};

/// A row-major matrix of f64.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// The elements, row after row.
    pub elements: Vec<f64>,
}

impl Matrix {
    /// The matrix with these elements.
    pub fn new(rows: usize, cols: usize, elements: impl IntoIterator<Item = f64>) -> Self {
        let elements: Vec<f64> = elements.into_iter().collect();
        assert_eq!(elements.len(), rows * cols);
        Self { rows, cols, elements }
    }

    fn at(&self, row: usize, col: usize) -> f64 {
        self.elements[row * self.cols + col]
    }
}

/// `y = x W + b`.
pub fn affine(x: &Matrix, w: &Matrix, b: Option<&Matrix>) -> Matrix {
    let element = |row: usize, unit: usize| {
        let product: f64 = (0..w.rows).map(|k| x.at(row, k) * w.at(k, unit)).sum();
        product + b.map_or(0.0, |b| b.at(0, unit))
    };
    let places = (0..x.rows).flat_map(|row| (0..w.cols).map(move |unit| (row, unit)));
    Matrix::new(x.rows, w.cols, places.map(|(row, unit)| element(row, unit)))
}

/// Softmax along each row.
pub fn softmax(x: &Matrix) -> Matrix {
    let mut y = x.clone();
    for row in y.elements.chunks_exact_mut(x.cols) {
        let largest = row.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        let sum: f64 = row.iter().map(|x| (x - largest).exp()).sum();
        row.iter_mut().for_each(|x| *x = (*x - largest).exp() / sum);
    }
    y
}

/// The same numbers in another form.
fn regroup(x: &Matrix, samples: usize, form: Form) -> Matrix {
    Matrix::new(samples * form.groups, form.cols, x.elements.iter().copied())
}

/// `gamma (x - mean) / sqrt(variance + epsilon) + beta`, mean and variance those of the columns or the moving ones.
fn batch_norm(norm: &BatchNorm, x: &Matrix, variables: &[&Matrix], batch: bool) -> Matrix {
    let mut y = x.clone();
    let mut vectors = variables.iter();
    let gamma = norm.scale.then(|| vectors.next().expect("gamma"));
    let beta = norm.center.then(|| vectors.next().expect("beta"));
    let moving: Vec<_> = vectors.collect();
    for col in 0..x.cols {
        let column = || (0..x.rows).map(|row| x.at(row, col));
        let (mean, variance) = if batch {
            let mean = column().sum::<f64>() / x.rows as f64;
            (mean, column().map(|x| (x - mean) * (x - mean)).sum::<f64>() / x.rows as f64)
        } else {
            (moving[0].at(0, col), moving[1].at(0, col))
        };
        for row in 0..x.rows {
            let normal = (x.at(row, col) - mean) / (variance + norm.epsilon).sqrt();
            y.elements[row * x.cols + col] =
                normal * gamma.map_or(1.0, |gamma| gamma.at(0, col)) + beta.map_or(0.0, |beta| beta.at(0, col));
        }
    }
    y
}

/// One of several, element by element.
fn merge(merge: Merge, xs: &[&Matrix]) -> Matrix {
    let mut y = xs[0].clone();
    for x in &xs[1..] {
        for (y, &x) in y.elements.iter_mut().zip(&x.elements) {
            match merge {
                Merge::Add | Merge::Average => *y += x,
                Merge::Subtract => *y -= x,
                Merge::Multiply => *y *= x,
                Merge::Maximum => *y = y.max(x),
                Merge::Minimum => *y = y.min(x),
            }
        }
    }
    if merge == Merge::Average {
        y.elements.iter_mut().for_each(|y| *y /= xs.len() as f64);
    }
    y
}

/// A row function, row by row; in f32 where it has no truth of its own.
fn rows(function: &dyn RowFunction, xs: &[&Matrix], variables: &[&Matrix], cols: usize) -> Matrix {
    let mut w: [&[f64]; MAX_ROW_WEIGHTS] = [&[]; MAX_ROW_WEIGHTS];
    w.iter_mut().zip(variables).for_each(|(w, variable)| *w = &variable.elements);
    let mut y = Matrix::new(xs[0].rows, cols, vec![0.0; xs[0].rows * cols]);
    for (row, y) in y.elements.chunks_exact_mut(cols).enumerate() {
        let x: Vec<f64> = xs.iter().flat_map(|x| (0..x.cols).map(move |col| x.at(row, col))).collect();
        if !function.reference(&x, &w, y) {
            let rounded = |x: &[f64]| x.iter().map(|x| *x as f32).collect::<Vec<f32>>();
            let narrow = w.map(rounded);
            let mut out = vec![0.0; cols];
            function.forward(&rounded(&x), &narrow.each_ref().map(|w| &w[..]), &mut out);
            y.iter_mut().zip(out).for_each(|(y, out)| *y = f64::from(out));
        }
    }
    y
}

/// All values of the network: the inputs, then what each node gives. Masks and noise are left out; `training` says
/// whose mean and variance a normalisation takes.
pub fn values(network: &Network, variables: &[Matrix], xs: Vec<Matrix>, training: bool) -> Vec<Matrix> {
    let samples = xs.first().map_or(0, |x| x.rows);
    let mut values = xs;
    for (number, node) in network.nodes.iter().enumerate() {
        let form = network.form(network.value(number));
        let inputs: Vec<&Matrix> = node.inputs.iter().map(|value| &values[*value]).collect();
        let v: Vec<&Matrix> = node.variables.iter().map(|variable| &variables[*variable]).collect();
        let x = inputs[0];
        let y = match &node.fact {
            Fact::Affine { .. } => affine(x, v[0], v.get(1).copied()),
            Fact::Elementwise(curve) => Matrix::new(x.rows, x.cols, x.elements.iter().map(|&x| curve.value(x))),
            Fact::Softmax => softmax(x),
            Fact::Mask { .. } | Fact::Noise(_) | Fact::Activity { .. } => x.clone(),
            Fact::Merge(kind) => merge(*kind, &inputs),
            Fact::BatchNorm(norm) => batch_norm(norm, x, &v, training && !norm.frozen),
            Fact::Embed { .. } => {
                let rows = x.elements.iter().map(|&number| number as usize);
                let table = v[0];
                let elements = rows.flat_map(|row| (0..form.cols).map(move |col| table.at(row, col)));
                Matrix::new(samples * form.groups, form.cols, elements)
            }
            Fact::Rows(function) => rows(&**function, &inputs, &v, form.cols),
            Fact::Regroup { .. } => regroup(x, samples, form),
        };
        values.push(y);
    }
    values
}

/// Weighted sum over the outputs of the mean over the rows of `row_loss(target, prediction)`, and all penalties on
/// values. (Penalties on variables are code: see [`crate::Regularizer`].)
pub fn loss(
    network: &Network,
    variables: &[Matrix],
    xs: Vec<Matrix>,
    targets: &[Matrix],
    weights: &[f64],
    row_loss: &dyn Fn(&[f64], &[f64]) -> f64,
) -> f64 {
    let samples = xs.first().map_or(0, |x| x.rows) as f64;
    let values = values(network, variables, xs, true);
    let mut sum = 0.0;
    for ((output, target), weight) in network.outputs.iter().zip(targets).zip(weights) {
        let output = &values[*output];
        let pairs = target.elements.chunks_exact(target.cols).zip(output.elements.chunks_exact(output.cols));
        sum += weight * pairs.map(|(target, prediction)| row_loss(target, prediction)).sum::<f64>()
            / output.rows as f64;
    }
    for node in &network.nodes {
        if let Fact::Activity { l1, l2 } = node.fact {
            let x = &values[node.inputs[0]].elements;
            let penalty = |x: &f64| f64::from(l1) * x.abs() + f64::from(l2) * x * x;
            sum += x.iter().map(penalty).sum::<f64>() / samples;
        }
    }
    sum
}
