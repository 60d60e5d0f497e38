//! Functions that ONNX has an operator for. A function is recognised by its values, not by its name: at some hundred
//! points its formula agrees with the operator's, in f64, and it has no test for equality, whose single point no other
//! point shows. What agrees with none is printed as its formula.

use super::{Wire, Writer, float, int};
use crate::activations::LogSoftmax;
use vanilla_formats::onnx::Attribute;
use vanilla_plan::formula::{Compare, Op};
use vanilla_plan::{Formula, RowFunction};

/// Operators are as near as this, as a share of the value and of 1.
const NEAR: f64 = 1e-9;

const SELU: (f32, f32) = (1.673_263_2, 1.050_701);

impl Writer {
    /// The operator of a curve.
    pub(super) fn known_curve(&mut self, layer: &str, formula: &Formula, x: &Wire) -> Option<String> {
        if has(formula, |op| matches!(op, Op::Select { compare: Compare::Equal, .. })) {
            return None;
        }
        let f = |x: f64| formula.value(&[x], &[])[0];
        let constants: Vec<f64> = formula
            .ops()
            .iter()
            .filter_map(|op| match op {
                Op::Constant(value) => Some(*value),
                _ => None,
            })
            .collect();
        let points = points(&constants);
        let is = |g: &dyn Fn(f64) -> f64| points.iter().all(|x| near(f(*x), g(*x)));
        let sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
        let softplus = |x: f64| x.max(0.0) + libm::log1p(libm::exp(-x.abs()));
        let x = || vec![x.name.clone()];
        let plain: [(&str, &dyn Fn(f64) -> f64); 9] = [
            ("Relu", &|x| x.max(0.0)),
            ("Sigmoid", &sigmoid),
            ("Tanh", &|x| libm::tanh(x)),
            ("Softplus", &softplus),
            ("Softsign", &|x| x / (1.0 + x.abs())),
            ("Exp", &|x| libm::exp(x)),
            ("Gelu", &|x| 0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)),
            ("Mish", &|x| x * libm::tanh(softplus(x))),
            ("HardSwish", &|x| x * ((x + 3.0).clamp(0.0, 6.0) / 6.0)),
        ];
        if let Some((op, _)) = plain.into_iter().find(|(_, g)| is(*g)) {
            return Some(self.node(layer, op, x(), vec![]));
        }
        // What belongs to the operator is read off where it shows.
        let slope = -f(-1.0);
        if is(&|x| if x > 0.0 { x } else { slope * x }) && slope.is_finite() {
            return Some(self.node(layer, "LeakyRelu", x(), vec![float("alpha", slope as f32)]));
        }
        let alpha = -f(-60.0);
        if alpha.is_finite() && is(&|x| if x > 0.0 { x } else { alpha * libm::expm1(x) }) {
            return Some(self.node(layer, "Elu", x(), vec![float("alpha", alpha as f32)]));
        }
        let (alpha, gamma) = (f64::from(SELU.0), f64::from(SELU.1));
        let selu = |x: f64| gamma * if x > 0.0 { x } else { alpha * libm::expm1(x) };
        if points.iter().all(|x| (f(*x) - selu(*x)).abs() <= 2e-7 * selu(*x).abs().max(1.0)) {
            let settings = vec![float("alpha", SELU.0), float("gamma", SELU.1)];
            return Some(self.node(layer, "Selu", x(), settings));
        }
        if is(&|x| ((x + 3.0) / 6.0).clamp(0.0, 1.0)) {
            let settings = vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)];
            return Some(self.node(layer, "HardSigmoid", x(), settings));
        }
        // Behind every kink, and not the farthest point: a bound is reached.
        let far = 0.75 * points.iter().fold(0.0, |far: f64, x| far.max(x.abs()));
        let (low, high) = (f(-far), f(far));
        if low < high && is(&|x| x.clamp(low, high)) {
            let bounds = [low, high].map(|bound| self.scalar(bound as f32));
            return Some(self.node(layer, "Clip", [x(), bounds.to_vec()].concat(), vec![]));
        }
        for bias in [0.0, 0.5] {
            let shrink = |x: f64| match x {
                x if x < -0.5 => x + bias,
                x if x > 0.5 => x - bias,
                _ => 0.0,
            };
            if is(&shrink) {
                let settings = vec![float("lambd", 0.5), float("bias", bias as f32)];
                return Some(self.node(layer, "Shrink", x(), settings));
            }
        }
        for alpha in constants.iter().filter(|alpha| **alpha >= 0.0) {
            if is(&|x| if x > *alpha { x } else { 0.0 }) {
                return Some(self.node(layer, "ThresholdedRelu", x(), vec![float("alpha", *alpha as f32)]));
            }
        }
        if is(&|x| x * sigmoid(x)) {
            let gate = self.node(layer, "Sigmoid", x(), vec![]);
            return Some(self.node(layer, "Mul", [x(), vec![gate]].concat(), vec![]));
        }
        if is(&|x| -softplus(-x)) {
            let mut name = self.node(layer, "Neg", x(), vec![]);
            name = self.node(layer, "Softplus", vec![name], vec![]);
            return Some(self.node(layer, "Neg", vec![name], vec![]));
        }
        None
    }

    /// The operator of a function of rows.
    pub(super) fn known_row(&mut self, layer: &str, formula: &Formula, x: &Wire) -> Option<String> {
        let cols = *x.shape.last()?;
        // A look at every element must not take longer than the model.
        if formula.outputs() != cols || cols > 1 << 16 {
            return None;
        }
        // Its formula asks for the places of the largest number: it is compared as a text is.
        if LogSoftmax.formula(&[cols]).as_ref() == Some(formula) {
            return Some(self.node(layer, "LogSoftmax", vec![x.name.clone()], vec![int("axis", -1)]));
        }
        let selects = has(formula, |op| matches!(op, Op::Select { .. }));
        let reduces = has(formula, |op| matches!(op, Op::Reduce { .. }));
        if has(formula, |op| matches!(op, Op::Select { compare: Compare::Equal, .. })) {
            return None;
        }
        let f = |row: &[f64]| formula.value(row, &[]);
        let rows: Vec<Vec<f64>> = (1..5).map(|seed| probe(cols, seed)).collect();
        let is = |g: &dyn Fn(&[f64]) -> Vec<f64>| {
            rows.iter().all(|row| f(row).iter().zip(g(row)).all(|(a, b)| near(*a, b)))
        };
        let slopes: Vec<f64> = f(&vec![-1.0; cols]).into_iter().map(|y| -y).collect();
        let p_relu =
            |row: &[f64]| row.iter().zip(&slopes).map(|(x, a)| if *x > 0.0 { *x } else { a * x }).collect();
        if selects && !reduces && is(&p_relu) {
            let slopes = slopes.iter().map(|slope| *slope as f32).collect();
            let slopes = self.initializer(&format!("{layer}/alpha"), vec![cols], slopes);
            return Some(self.node(layer, "PRelu", vec![x.name.clone(), slopes], vec![]));
        }
        let norm = if reduces && !selects { LayerNorm::of(cols, &f)? } else { return None };
        if !is(&|row| norm.apply(row)) {
            return None;
        }
        let row = |values: &[f64]| values.iter().map(|value| *value as f32).collect::<Vec<_>>();
        let mut inputs = vec![x.name.clone()];
        inputs.push(self.initializer(&format!("{layer}/gamma"), vec![cols], row(&norm.gamma)));
        if norm.beta.iter().any(|beta| *beta != 0.0) {
            inputs.push(self.initializer(&format!("{layer}/beta"), vec![cols], row(&norm.beta)));
        }
        let settings: Vec<(String, Attribute)> = vec![int("axis", -1), float("epsilon", norm.epsilon as f32)];
        Some(self.node(layer, "LayerNormalization", inputs, settings))
    }
}

/// `gamma (x - mean) / sqrt(variance + epsilon) + beta`
struct LayerNorm {
    gamma: Vec<f64>,
    beta: Vec<f64>,
    epsilon: f64,
}

impl LayerNorm {
    /// What gamma, beta and epsilon have to be, if the function is one: beta shows at a row of equal numbers, gamma at
    /// large ones, epsilon at small ones.
    fn of(cols: usize, f: &dyn Fn(&[f64]) -> Vec<f64>) -> Option<Self> {
        if cols < 2 {
            return None;
        }
        let beta = f(&vec![0.0; cols]);
        let row = probe(cols, 9);
        let (mean, variance) = moments(&row);
        if row.iter().any(|x| (x - mean).abs() < 1e-6) {
            return None;
        }
        let at = |scale: f64| f(&row.iter().map(|x| x * scale).collect::<Vec<_>>());
        let large = 1e5;
        let gamma_at = |y: &[f64], scale: f64, epsilon: f64| -> Vec<f64> {
            let root = libm::sqrt(variance * scale * scale + epsilon);
            (0..cols).map(|i| (y[i] - beta[i]) * root / (scale * (row[i] - mean))).collect()
        };
        let (high, low) = (at(large), at(0.03));
        let gamma = gamma_at(&high, large, 0.0);
        let most = (0..cols).max_by(|a, b| gamma[*a].abs().total_cmp(&gamma[*b].abs()))?;
        let root = gamma[most] * 0.03 * (row[most] - mean) / (low[most] - beta[most]);
        let epsilon = root * root - variance * 0.03 * 0.03;
        // As somebody wrote it down.
        let epsilon: f64 = format!("{epsilon:.4e}").parse().ok()?;
        let fine = epsilon.is_finite() && epsilon >= 0.0;
        let gamma = gamma_at(&high, large, epsilon);
        fine.then_some(Self { gamma, beta, epsilon })
    }

    fn apply(&self, row: &[f64]) -> Vec<f64> {
        let (mean, variance) = moments(row);
        let inverse = 1.0 / libm::sqrt(variance + self.epsilon);
        (0..row.len()).map(|i| self.gamma[i] * (row[i] - mean) * inverse + self.beta[i]).collect()
    }
}

fn has(formula: &Formula, what: impl Fn(&Op) -> bool) -> bool {
    formula.ops().iter().any(what)
}

fn moments(row: &[f64]) -> (f64, f64) {
    let count = row.len() as f64;
    let mean = row.iter().sum::<f64>() / count;
    (mean, row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count)
}

fn near(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= NEAR * b.abs().max(1.0)
}

/// Where curves differ: densely around 0, sparsely far out, and at, beside and beyond the numbers of the formula.
fn points(constants: &[f64]) -> Vec<f64> {
    let dense = (-400..=400).map(|i| f64::from(i) * 0.0237);
    let far = [1e-6, 1e-3, 20.0, 60.0, 300.0, 1e4].into_iter().flat_map(|x| [x, -x]);
    let kinks = constants.iter().flat_map(|c| {
        let step = (c.abs() * 1e-6).max(1e-6);
        [*c, -c, c + step, c - step, 2.0 * c, -2.0 * c]
    });
    dense.chain(far).chain(kinks.filter(|x| x.is_finite())).collect()
}

/// Numbers between -3 and 3 without a pattern.
fn probe(count: usize, seed: u64) -> Vec<f64> {
    let word = |at: u64| {
        // SplitMix64.
        let mut z = (at + 1).wrapping_mul(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    (0..count as u64).map(|at| (word(at) >> 11) as f64 / (1u64 << 53) as f64 * 6.0 - 3.0).collect()
}
