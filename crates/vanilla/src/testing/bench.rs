//! The network of a layer on made-up numbers: run as it is trained, and in f64.

use super::{Problems, near, slope_agrees};
use crate::build::Built;
use std::sync::Arc;
use vanilla_plan::kernels::random::Stream;
use vanilla_plan::kernels::{Isa, Kernels, MAX_SLOTS, Source};
use vanilla_plan::reference::{self, Matrix};
use vanilla_plan::{
    Batch, Coefficients, Fact, Loss, MAX_ROW_WEIGHTS, Network, NotFinite, Optimizer, OutputLoss, Params, Passes,
    Plan, Reduction, Slot, Start,
};

/// Samples whose gradients are compared with differences: each costs two runs in f64 for every number.
const FEW: usize = 5;

/// Samples whose bits are compared: more than a tile has rows, and not a multiple of one.
const MANY: usize = 37;

/// Numbers of threads whose bits are compared.
const THREADS: [usize; 4] = [1, 2, 3, 5];

/// Outputs may differ from f64 by this share of the largest one (or of 1): f32 carries 6e-8, and a layer adds up
/// some dozens of numbers.
const VALUE: f64 = 1e-5;

/// What gradients are compared with: differences over a step, and how far they may be off as a share of the
/// largest one of an array (or of 1).
#[derive(Clone, Copy)]
struct Differences {
    step: f64,
    tolerance: f64,
}

/// Of the truth in f64: the gradient's own rounding is what counts.
const FINE: Differences = Differences { step: 1e-5, tolerance: 5e-5 };

/// Of values in f32, where there is no truth in f64, or a random mask that the truth leaves out: their rounding
/// divided by the step is 1e-5.
const COARSE: Differences = Differences { step: 1.0 / 64.0, tolerance: 5e-3 };

/// A layer's network, numbers for its variables and inputs, and a weight for each of its outputs.
pub(super) struct Bench {
    network: Network,
    params: Params,
    x: Vec<Vec<f32>>,
    /// Inputs that are numbers of rows of a table.
    indices: Vec<bool>,
    /// The loss is the sum of the outputs times these.
    y: Vec<f32>,
}

/// What a training step gives.
#[derive(PartialEq)]
struct Trained {
    loss: f32,
    output: Vec<f32>,
    /// By variable; empty for those that are not trained.
    by_variables: Vec<Vec<f32>>,
    by_inputs: Vec<Vec<f32>>,
}

impl Bench {
    /// The variables get random numbers as well, or zeros would hide their gradients; what a constraint demands of
    /// them they keep. Penalties on variables, and spectral normalisation, are no part of what is compared.
    pub fn new(built: &Built) -> Self {
        let mut network = built.network.clone();
        network.input_gradients = true;
        let mut params = built.params.clone();
        let mut random = Stream::new(7, 0);
        for (facts, variable) in network.variables.iter_mut().zip(&mut params.variables) {
            let mut elements = variable.weights.to_row_major();
            // Upwards from where it started, because some are variances.
            let sign = if facts.trainable { 1.0 } else { 0.0 };
            elements.iter_mut().for_each(|w| *w += (random.uniform() - 0.5 * sign) as f32);
            if let Some(constraint) = facts.constraint.take() {
                constraint.apply(&mut elements, &facts.shape);
            }
            variable.weights.copy_from_row_major(&elements);
            (facts.regularizer, facts.spectral) = (None, None);
        }
        let x = built.fronts.iter().map(|front| {
            let number = |_| match front.below {
                Some((below, _)) => random.below(below.max(1) as u64) as f32,
                None => random.normal() as f32,
            };
            (0..MANY * front.width).map(number).collect()
        });
        let x = x.collect();
        let form = network.form(network.outputs[0]);
        let y = (0..MANY * form.groups * form.cols).map(|_| (random.uniform() - 0.5) as f32).collect();
        Self { network, params, x, indices: built.fronts.iter().map(|front| front.below.is_some()).collect(), y }
    }

    /// Everything that is compared.
    pub fn check(&self, problems: &mut Problems) {
        let one = kernels(1);
        let output = self.predict(&one, MANY, &all(MANY));
        self.values(&output, problems);
        self.alone(&one, &output, problems);
        match self.train(&one, &self.params, &self.x, &all(MANY)) {
            Ok(trained) => self.bits(&output, &trained, problems),
            Err(trouble) => {
                problems.push(format!("training on numbers around 0: {trouble}, expected finite ones"))
            }
        }
        match self.train(&one, &self.params, &self.x, &all(FEW)) {
            Ok(trained) => self.gradients(&one, &trained, problems),
            Err(trouble) => {
                problems.push(format!("training on {FEW} samples: {trouble}, expected finite numbers"))
            }
        }
        if let Err(trouble) = self.train(&one, &self.params, &self.x, &[0]) {
            problems.push(format!("a batch of one sample: {trouble}, expected finite numbers"));
        }
    }

    /// Prediction against the truth in f64.
    fn values(&self, output: &[f32], problems: &mut Problems) {
        let xs = self.matrices_of(&self.x, MANY);
        let values = reference::values(&self.network, &matrices(&self.params), xs, false);
        let want = &values[self.network.outputs[0]].elements;
        let largest = want.iter().fold(1.0f64, |a, b| a.max(b.abs()));
        let far = |(got, want): &(&f32, &f64)| !near(**got, **want, VALUE * largest);
        if let Some((i, (got, want))) = output.iter().zip(want).enumerate().find(|(_, pair)| far(pair)) {
            problems.push(format!("output[{i}] = {got}, expected {want} as in f64"));
        }
    }

    /// A sample alone has the bits that it has among others.
    fn alone(&self, kernels: &Kernels, output: &[f32], problems: &mut Problems) {
        let width = output.len() / MANY;
        let different = (0..MANY).find(|&row| {
            let alone = self.predict(kernels, MANY, &[row]);
            bits(&alone) != bits(&output[row * width..(row + 1) * width])
        });
        if let Some(row) = different {
            problems.push(format!("sample {row} alone has other bits than among {MANY}, expected the same"));
        }
    }

    /// Every number of threads gives the same bits.
    fn bits(&self, output: &[f32], trained: &Trained, problems: &mut Problems) {
        for threads in &THREADS[1..] {
            let kernels = kernels(*threads);
            let same = bits(&self.predict(&kernels, MANY, &all(MANY))) == bits(output);
            let again = self.train(&kernels, &self.params, &self.x, &all(MANY));
            if !same || again.is_ok_and(|again| again != *trained) {
                problems.push(format!("{threads} threads give other bits than one, expected the same"));
            }
        }
    }

    /// Gradients by all variables and inputs against differences of the loss.
    fn gradients(&self, kernels: &Kernels, trained: &Trained, problems: &mut Problems) {
        let random = self.network.nodes.iter().any(|node| matches!(node.fact, Fact::Mask { .. } | Fact::Noise(_)));
        let differences = if random || !self.has_truth() { COARSE } else { FINE };
        let mut variables = matrices(&self.params);
        let mut xs = self.matrices_of(&self.x, FEW);
        let loss = |variables: &[Matrix], xs: &[Matrix]| {
            if random { self.loss_in_f32(kernels, variables, xs) } else { self.loss(variables, xs) }
        };
        let want = loss(&variables, &xs);
        if !near(trained.loss, want, VALUE * want.abs().max(1.0)) {
            problems.push(format!("loss {} in training, expected {want} as in f64", trained.loss));
        }
        for (number, got) in trained.by_variables.iter().enumerate() {
            let mut at = |i: usize, by: f64| {
                let before = variables[number].elements[i];
                variables[number].elements[i] += by;
                let loss = loss(&variables, &xs);
                variables[number].elements[i] = before;
                loss
            };
            compare(&format!("gradient by weight {number}"), got, differences, want, &mut at, problems);
        }
        for (number, got) in trained.by_inputs.iter().enumerate().filter(|(number, _)| !self.indices[*number]) {
            let mut at = |i: usize, by: f64| {
                let before = xs[number].elements[i];
                xs[number].elements[i] += by;
                let loss = loss(&variables, &xs);
                xs[number].elements[i] = before;
                loss
            };
            compare(&format!("gradient by input {number}"), got, differences, want, &mut at, problems);
        }
    }

    /// Whether every function that is given as code is given in f64, too.
    fn has_truth(&self) -> bool {
        self.network.nodes.iter().all(|node| {
            let Fact::Rows(function) = &node.fact else { return true };
            let cols: Vec<usize> = node.inputs.iter().map(|value| self.network.form(*value).cols).collect();
            let numbers = |count: usize| vec![0.5f64; count];
            let weights: Vec<Vec<f64>> = function.weights(&cols).into_iter().map(numbers).collect();
            let mut w: [&[f64]; MAX_ROW_WEIGHTS] = [&[]; MAX_ROW_WEIGHTS];
            w.iter_mut().zip(&weights).for_each(|(w, weights)| *w = weights);
            function.reference(&numbers(cols.iter().sum()), &w, &mut vec![0.0; function.outputs(&cols)])
        })
    }

    /// The loss in f64.
    fn loss(&self, variables: &[Matrix], xs: &[Matrix]) -> f64 {
        let cols = self.network.form(self.network.outputs[0]).cols;
        let y = &self.y[..self.y.len() / MANY * FEW];
        reference::loss(
            &self.network,
            variables,
            xs.to_vec(),
            &[matrix(y, cols)],
            &[1.0],
            &|target, prediction| target.iter().zip(prediction).map(|(t, p)| t * p).sum(),
        )
    }

    /// The loss as a training step has it, with the masks and the noise of the first one.
    fn loss_in_f32(&self, kernels: &Kernels, variables: &[Matrix], xs: &[Matrix]) -> f64 {
        let narrow = |matrix: &Matrix| matrix.elements.iter().map(|x| *x as f32).collect::<Vec<f32>>();
        let mut params = self.params.clone();
        for (variable, elements) in params.variables.iter_mut().zip(variables) {
            variable.weights.copy_from_row_major(&narrow(elements));
        }
        let x: Vec<Vec<f32>> = xs.iter().map(narrow).collect();
        self.train(kernels, &params, &x, &all(FEW)).map_or(f64::NAN, |trained| f64::from(trained.loss))
    }

    /// A training step that moves no weight.
    fn train(
        &self,
        kernels: &Kernels,
        params: &Params,
        x: &[Vec<f32>],
        rows: &[usize],
    ) -> Result<Trained, NotFinite> {
        let optimizer: Arc<dyn Optimizer> = Arc::new(Keep);
        let loss = OutputLoss { loss: Arc::new(Weighted), weight: 1.0, reduction: Reduction::Mean };
        let mut plan = Plan::train(&self.network, &[Some(loss)], &optimizer, rows.len(), 3, Passes::ALL);
        let mut params = params.clone();
        params.attach(&*optimizer);
        let x: Vec<Source<'_>> = x.iter().map(|x| Source::F32(x)).collect();
        let loss =
            plan.run(kernels, &mut params, Batch { x: &x, y: &[&self.y], weights: &[], rows, next: &[] })?;
        let slot = |variable: &vanilla_plan::Variable| variable.slots.first().map(|slot| slot.to_row_major());
        Ok(Trained {
            loss,
            output: plan.output(0).to_row_major(),
            by_variables: params.variables.iter().map(|variable| slot(variable).unwrap_or_default()).collect(),
            by_inputs: (0..x.len()).map(|input| plan.input_gradient(input).to_row_major()).collect(),
        })
    }

    fn predict(&self, kernels: &Kernels, most: usize, rows: &[usize]) -> Vec<f32> {
        let mut plan = Plan::predict(&self.network, most, Passes::ALL);
        let x: Vec<Source<'_>> = self.x.iter().map(|x| Source::F32(x)).collect();
        plan.run_frozen(kernels, &self.params, Batch { x: &x, y: &[], weights: &[], rows, next: &[] });
        plan.output(0).to_row_major()
    }

    /// The first samples of the inputs.
    fn matrices_of(&self, x: &[Vec<f32>], samples: usize) -> Vec<Matrix> {
        x.iter().zip(&self.network.inputs).map(|(x, cols)| matrix(&x[..samples * cols], *cols)).collect()
    }
}

/// A gradient against differences of the loss; `at` moves element i by so much and back again. One line at most.
fn compare(
    what: &str,
    got: &[f32],
    Differences { step, tolerance }: Differences,
    here: f64,
    at: &mut dyn FnMut(usize, f64) -> f64,
    problems: &mut Problems,
) {
    let slopes: Vec<(f64, f64)> =
        (0..got.len()).map(|i| ((here - at(i, -step)) / step, (at(i, step) - here) / step)).collect();
    let tolerance = tolerance * slopes.iter().fold(1.0f64, |a, (left, right)| a.max(left.abs()).max(right.abs()));
    let wrong = got.iter().zip(&slopes).position(|(got, (left, right))| {
        // Written so that NaN is wrong.
        !slope_agrees(f64::from(*got), *left, *right, tolerance)
    });
    if let Some(i) = wrong {
        let (left, right) = slopes[i];
        let want = (left + right) / 2.0;
        problems.push(format!("{what}, element {i}: {}, expected {want:.6} (differences over {step})", got[i]));
    }
}

fn kernels(threads: usize) -> Kernels {
    Kernels::new(Isa::best(), threads).expect("the best instruction set is there")
}

fn all(rows: usize) -> Vec<usize> {
    (0..rows).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

fn matrix(elements: &[f32], cols: usize) -> Matrix {
    Matrix::new(elements.len() / cols, cols, elements.iter().map(|x| f64::from(*x)))
}

fn matrices(params: &Params) -> Vec<Matrix> {
    params.variables.iter().map(|v| matrix(&v.weights.to_row_major(), v.weights.cols())).collect()
}

/// The outputs, each times its target: every gradient is seen, and none by a detour.
#[derive(Debug)]
struct Weighted;

impl Loss for Weighted {
    fn name(&self) -> &str {
        "weighted"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        d.copy_from_slice(target);
        target.iter().zip(prediction).map(|(t, p)| t * p).sum()
    }
}

/// Keeps the gradient, and moves nothing.
#[derive(Debug)]
struct Keep;

impl Optimizer for Keep {
    fn name(&self) -> &str {
        "keep"
    }
    fn slots(&self, _: usize, shape: &[usize]) -> Vec<Slot> {
        vec![Slot { name: "gradient", shape: shape.to_vec(), start: Start::At(0.0) }]
    }
    fn coefficients(&self, _: u64) -> Coefficients {
        Coefficients::default()
    }
    fn update(
        &self,
        _: &Kernels,
        _: &Coefficients,
        _: usize,
        _: &mut [f32],
        g: &[f32],
        slots: &mut [&mut [f32]; MAX_SLOTS],
    ) {
        slots[0].copy_from_slice(g);
    }
}
