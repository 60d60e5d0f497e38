//! The readable truth: every fact forward, and the loss of a whole network, in f64 and without any cleverness.
//!
//! Plans are tested against this: values directly, gradients by finite differences of [`loss`].

use crate::{Fact, Network};

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

/// All values of the network outside of training: the input, then each fact's output.
pub fn values(network: &Network, variables: &[Matrix], x: Matrix) -> Vec<Matrix> {
    let mut variables = variables.iter();
    let mut values = vec![x];
    for fact in &network.facts {
        let x = &values[values.len() - 1];
        let y = match fact {
            Fact::Affine { bias, .. } => {
                let w = variables.next().expect("a kernel");
                affine(x, w, if *bias { variables.next() } else { None })
            }
            Fact::Elementwise(curve) => Matrix::new(x.rows, x.cols, x.elements.iter().map(|&x| curve.value(x))),
            Fact::Softmax => softmax(x),
            Fact::Mask { .. } => x.clone(),
        };
        values.push(y);
    }
    values
}

/// Mean over the rows of `row_loss(target, prediction)`.
pub fn loss(
    network: &Network,
    variables: &[Matrix],
    x: Matrix,
    targets: &Matrix,
    row_loss: &dyn Fn(&[f64], &[f64]) -> f64,
) -> f64 {
    let values = values(network, variables, x);
    let output = &values[network.facts.len()];
    let pairs = targets.elements.chunks_exact(targets.cols).zip(output.elements.chunks_exact(output.cols));
    pairs.map(|(target, prediction)| row_loss(target, prediction)).sum::<f64>() / output.rows as f64
}
