//! Plans against the f64 reference, optimised plans against the unfused one, and their printed text.
//!
//! The curve, loss and optimizer here are written as a user of the crate would write them.

use std::sync::Arc;
use vanilla_plan::kernels::{Isa, Kernels, MAX_SLOTS, Panels, Source, random::Stream};
use vanilla_plan::reference::{self, Matrix};
use vanilla_plan::{
    Batch, Coefficients, Curve, Fact, Joined, Link, Loss, Network, NotFinite, Optimizer, OutputLoss, Params,
    Passes, Plan, Reads, Reduction, Slot, Start,
};

#[derive(Debug)]
struct Tanh;
impl Curve for Tanh {
    fn name(&self) -> &str {
        "tanh"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.tanh(y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        kernels.tanh_gradient(d, y);
    }
    fn value(&self, x: f64) -> f64 {
        x.tanh()
    }
}

/// max(x, 0): no gradient is wanted where it is zero.
#[derive(Debug)]
struct Relu;
impl Curve for Relu {
    fn name(&self) -> &str {
        "relu"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.relu(y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        kernels.relu_gradient(d, y);
    }
    fn value(&self, x: f64) -> f64 {
        x.max(0.0)
    }
    fn dies_at_zero(&self) -> bool {
        true
    }
}

/// x^2 / 2: its derivative reads the input.
#[derive(Debug)]
struct HalfSquare;
impl Curve for HalfSquare {
    fn name(&self) -> &str {
        "half_square"
    }
    fn reads(&self) -> Reads {
        Reads::Input
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        y.iter_mut().for_each(|y| *y = *y * *y / 2.0);
    }
    fn gradient(&self, _: &Kernels, d: &mut [f32], x: &[f32]) {
        d.iter_mut().zip(x).for_each(|(d, x)| *d *= x);
    }
    fn value(&self, x: f64) -> f64 {
        x * x / 2.0
    }
}

#[derive(Debug)]
struct Sigmoid;
impl Curve for Sigmoid {
    fn name(&self) -> &str {
        "sigmoid"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.sigmoid(y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        kernels.sigmoid_gradient(d, y);
    }
    fn value(&self, x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }
    fn link(&self) -> Option<Link> {
        Some(Link::Sigmoid)
    }
}

#[derive(Debug)]
struct Squared;
impl Loss for Squared {
    fn name(&self) -> &str {
        "squared"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let mut sum = 0.0;
        for ((t, p), d) in target.iter().zip(prediction).zip(d) {
            *d = p - t;
            sum += (p - t) * (p - t) / 2.0;
        }
        sum
    }
}
fn squared(target: &[f64], prediction: &[f64]) -> f64 {
    target.iter().zip(prediction).map(|(t, p)| (p - t) * (p - t) / 2.0).sum()
}

#[derive(Debug)]
struct Crossentropy;
impl Loss for Crossentropy {
    fn name(&self) -> &str {
        "crossentropy"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let mut sum = 0.0;
        for ((t, p), d) in target.iter().zip(prediction).zip(d) {
            *d = -t / p;
            sum -= t * p.ln();
        }
        sum
    }
    fn joins(&self, link: Link) -> bool {
        link == Link::Softmax
    }
    fn row_from_logits(&self, row: &Joined<'_>, target: &[f32], d: &mut [f32]) -> f32 {
        let mut sum = 0.0;
        for ((t, p), d) in target.iter().zip(row.prediction).zip(d) {
            *d = p - t;
            sum -= t * p.ln();
        }
        sum
    }
}
fn crossentropy(target: &[f64], prediction: &[f64]) -> f64 {
    target.iter().zip(prediction).map(|(t, p)| -t * p.ln()).sum()
}

/// Plain descent; one slot counts the steps, to see that slots belong to their weights.
#[derive(Debug)]
struct Descent(f32);
impl Optimizer for Descent {
    fn name(&self) -> &str {
        "descent"
    }
    fn slots(&self, _: usize, shape: &[usize]) -> Vec<Slot> {
        vec![Slot { name: "count", shape: shape.to_vec(), start: Start::At(0.0) }]
    }
    fn coefficients(&self, _iteration: u64) -> Coefficients {
        let mut c = Coefficients::default();
        c[0] = self.0;
        c
    }
    fn update(
        &self,
        _: &Kernels,
        c: &Coefficients,
        _: usize,
        w: &mut [f32],
        g: &[f32],
        slots: &mut [&mut [f32]; MAX_SLOTS],
    ) {
        w.iter_mut().zip(g).for_each(|(w, g)| *w -= c[0] * g);
        slots[0].iter_mut().for_each(|count| *count += 1.0);
    }
}

fn affine(units: usize, bias: bool) -> Fact {
    Fact::Affine { units, bias }
}

fn curve(curve: impl Curve + 'static) -> Fact {
    Fact::Elementwise(Arc::new(curve))
}

struct Case {
    network: Network,
    loss: Arc<dyn Loss>,
    reference: fn(&[f64], &[f64]) -> f64,
}

fn cases() -> Vec<Case> {
    let case = |inputs, facts, loss: Arc<dyn Loss>, reference| Case {
        network: Network::chain(inputs, facts),
        loss,
        reference,
    };
    vec![
        case(5, vec![affine(3, true)], Arc::new(Squared), squared),
        case(1, vec![affine(1, false), curve(Tanh)], Arc::new(Squared), squared),
        case(
            20,
            vec![affine(18, true), curve(Tanh), affine(4, true), Fact::Softmax],
            Arc::new(Crossentropy),
            crossentropy,
        ),
        case(
            7,
            vec![curve(Tanh), affine(17, false), curve(HalfSquare), affine(3, true), curve(Sigmoid)],
            Arc::new(Squared),
            squared,
        ),
        case(6, vec![affine(5, true), Fact::Softmax, affine(4, true), Fact::Softmax], Arc::new(Squared), squared),
        case(
            9,
            vec![
                affine(33, true),
                curve(Tanh),
                curve(HalfSquare),
                affine(16, true),
                curve(Sigmoid),
                affine(2, false),
            ],
            Arc::new(Squared),
            squared,
        ),
        case(
            40,
            vec![
                affine(90, true),
                curve(Relu),
                affine(70, true),
                curve(Relu),
                affine(20, true),
                curve(Relu),
                affine(3, true),
                Fact::Softmax,
            ],
            Arc::new(Crossentropy),
            crossentropy,
        ),
    ]
}

const ROWS: usize = 11;

/// The loss of a network with one output.
fn only(loss: &Arc<dyn Loss>) -> [Option<OutputLoss>; 1] {
    [Some(OutputLoss { loss: Arc::clone(loss), weight: 1.0, reduction: Reduction::Mean })]
}

/// A batch whose samples all count the same.
fn batch<'a>(x: &'a [Source<'a>], y: &'a [&'a [f32]], rows: &'a [usize]) -> Batch<'a> {
    Batch { x, y, weights: &[], rows, next: &[] }
}

fn output_width(network: &Network) -> usize {
    network.form(network.outputs[0]).cols
}

struct Data {
    x: Vec<f32>,
    y: Vec<f32>,
    params: Params,
}

fn data(network: &Network) -> Data {
    let mut random = Stream::new(3, 0);
    let mut numbers = |count: usize| (0..count).map(|_| (random.uniform() - 0.5) as f32).collect::<Vec<f32>>();
    let mut params = Params::zeros(network);
    for variable in &mut params.variables {
        let elements = numbers(variable.weights.rows() * variable.weights.cols());
        variable.weights.copy_from_row_major(&elements);
    }
    let width = output_width(network);
    let mut y = numbers(ROWS * width);
    for row in y.chunks_exact_mut(width) {
        row.iter_mut().for_each(|y| *y += 0.5);
        let sum: f32 = row.iter().sum();
        row.iter_mut().for_each(|y| *y /= sum);
    }
    Data { x: numbers(ROWS * network.inputs[0]), y, params }
}

fn matrix(rows: usize, cols: usize, elements: &[f32]) -> Matrix {
    Matrix::new(rows, cols, elements.iter().map(|&x| f64::from(x)))
}

fn matrices(params: &Params) -> Vec<Matrix> {
    let weights = params.variables.iter().map(|v| &v.weights);
    weights.map(|w: &Panels| matrix(w.rows(), w.cols(), &w.to_row_major())).collect()
}

fn kernels(threads: usize) -> Kernels {
    Kernels::new(Isa::best(), threads).unwrap()
}

/// Passes over every zero, however small the product.
const ZEROS: Passes = Passes { pass_over_zeros: Some(0), ..Passes::ALL };

/// Trains for three steps; the rows come in a shuffled order, the last batch is short.
fn train(case: &Case, passes: Passes, threads: usize) -> (Params, Vec<f32>) {
    let Data { x, y, mut params } = data(&case.network);
    let optimizer: Arc<dyn Optimizer> = Arc::new(Descent(0.1));
    params.attach(&*optimizer);
    let mut plan = Plan::train(&case.network, &only(&case.loss), &optimizer, 6, 1, passes);
    let kernels = kernels(threads);
    let mut losses = Vec::new();
    for rows in [&[3, 1, 0, 7, 10, 2][..], &[4, 5, 6, 8, 9, 0], &[1, 2, 3]] {
        let (xs, ys) = ([Source::F32(&x)], [&y[..]]);
        let batch = batch(&xs, &ys, rows);
        losses.push(plan.run(&kernels, &mut params, batch).unwrap());
    }
    (params, losses)
}

#[test]
fn outputs_and_loss_equal_the_reference() {
    for case in cases() {
        let Data { x, y, mut params } = data(&case.network);
        let rows: Vec<usize> = (0..ROWS).collect();
        let (inputs, width) = (case.network.inputs[0], output_width(&case.network));
        let want = reference::values(&case.network, &matrices(&params), vec![matrix(ROWS, inputs, &x)], false);
        let loss = reference::loss(
            &case.network,
            &matrices(&params),
            vec![matrix(ROWS, inputs, &x)],
            &[matrix(ROWS, width, &y)],
            &[1.0],
            &case.reference,
        );
        for passes in [Passes::NONE, Passes::ALL, ZEROS] {
            let mut predict = Plan::predict(&case.network, ROWS, passes);
            let mut evaluate = Plan::evaluate(&case.network, &only(&case.loss), ROWS, passes);
            let (xs, ys) = ([Source::F32(&x)], [&y[..]]);
            let batch = batch(&xs, &ys, &rows);
            predict.run_frozen(&kernels(2), &params, Batch { y: &[], ..batch });
            let got = evaluate.run(&kernels(2), &mut params, batch).unwrap();
            assert!((f64::from(got) - loss).abs() < 1e-5 * loss.abs().max(1.0), "{got} {loss}");
            for plan in [&predict, &evaluate] {
                for (got, want) in
                    plan.output(0).to_row_major().iter().zip(&want[case.network.outputs[0]].elements)
                {
                    assert!((f64::from(*got) - want).abs() < 1e-5, "{got} instead of {want}\n{plan}");
                }
            }
        }
    }
}

#[test]
fn gradients_equal_finite_differences_of_the_reference() {
    for case in cases() {
        let Data { x, y, mut params } = data(&case.network);
        let before = matrices(&params);
        let x64 = vec![matrix(ROWS, case.network.inputs[0], &x)];
        let y64 = [matrix(ROWS, output_width(&case.network), &y)];
        let optimizer: Arc<dyn Optimizer> = Arc::new(Descent(1.0));
        params.attach(&*optimizer);
        let mut plan = Plan::train(&case.network, &only(&case.loss), &optimizer, ROWS, 1, Passes::ALL);
        let rows: Vec<usize> = (0..ROWS).collect();
        plan.run(&kernels(1), &mut params, batch(&[Source::F32(&x)], &[&y], &rows)).unwrap();
        let after = matrices(&params);
        let at = |variables: &[Matrix]| {
            reference::loss(&case.network, variables, x64.clone(), &y64, &[1.0], &case.reference)
        };
        for v in 0..before.len() {
            for i in 0..before[v].elements.len() {
                let mut moved = before.clone();
                moved[v].elements[i] += 1e-5;
                let up = at(&moved);
                moved[v].elements[i] -= 2e-5;
                let want = (up - at(&moved)) / 2e-5;
                let got = before[v].elements[i] - after[v].elements[i];
                assert!((got - want).abs() < 2e-6, "V{v}[{i}]: {got} instead of {want}\n{plan}");
            }
        }
        assert!(params.variables.iter().all(|v| v.slots[0].flat().iter().all(|count| *count == 1.0)));
    }
}

#[test]
fn every_pass_keeps_every_bit() {
    for case in cases() {
        let (reference, losses) = train(&case, Passes::NONE, 1);
        for bits in 1..16 {
            let passes = Passes {
                absorb_curve: bits & 1 > 0,
                absorb_derivative: bits & 2 > 0,
                fuse_update: bits & 4 > 0,
                pass_over_zeros: (bits & 8 > 0).then_some(0),
            };
            for threads in [1, 3] {
                let (params, l) = train(&case, passes, threads);
                assert_eq!(l, losses);
                for (a, b) in params.variables.iter().zip(&reference.variables) {
                    assert_eq!(a.weights.to_row_major(), b.weights.to_row_major(), "{passes:?}");
                }
            }
        }
        assert_eq!(reference.iterations, 3);
    }
}

#[test]
fn masks_keep_their_share_scale_the_rest_and_know_sample_and_step_not_place() {
    let network = Network::chain(40, vec![Fact::Mask { rate: 0.25 }, affine(40, false)]);
    let loss: Arc<dyn Loss> = Arc::new(Squared);
    let optimizer: Arc<dyn Optimizer> = Arc::new(Descent(0.0));
    let identity: Vec<f32> = (0..1600).map(|i| f32::from(u8::from(i % 41 == 0))).collect();
    let x = vec![3.0; 200 * 40];
    let masked = |rows: &[usize], threads: usize, steps: u64, seed: u64| {
        let mut params = Params::zeros(&network);
        params.variables[0].weights.copy_from_row_major(&identity);
        params.attach(&*optimizer);
        params.iterations = steps;
        let mut plan = Plan::train(&network, &only(&loss), &optimizer, rows.len(), seed, Passes::ALL);
        plan.run(&kernels(threads), &mut params, batch(&[Source::F32(&x)], &[&x], rows)).unwrap();
        plan.output(0).to_row_major()
    };
    let all: Vec<usize> = (0..200).collect();
    let y = masked(&all, 1, 0, 9);
    let dropped = y.iter().filter(|y| **y == 0.0).count();
    assert!(y.iter().all(|y| *y == 0.0 || *y == 4.0));
    // 8,000 draws with p = 1/4: four standard deviations are 155.
    assert!(dropped.abs_diff(2000) < 155, "{dropped}");
    assert_eq!(y, masked(&all, 3, 0, 9));
    assert_eq!(y[5 * 40..6 * 40], masked(&[5], 1, 0, 9));
    assert_ne!(y, masked(&all, 1, 1, 9));
    assert_ne!(y, masked(&all, 1, 0, 8));
}

#[test]
fn a_loss_that_is_not_finite_stops_before_any_weight_moves() {
    let case = &cases()[2];
    let Data { mut x, y, mut params } = data(&case.network);
    x[3] = f32::NAN;
    let optimizer: Arc<dyn Optimizer> = Arc::new(Descent(1.0));
    params.attach(&*optimizer);
    let before = matrices(&params);
    let mut plan = Plan::train(&case.network, &only(&case.loss), &optimizer, ROWS, 1, Passes::ALL);
    let error = plan.run(&kernels(1), &mut params, batch(&[Source::F32(&x)], &[&y], &[0, 1]));
    assert!(matches!(error, Err(NotFinite::Loss(loss)) if loss.is_nan()));
    assert_eq!(before, matrices(&params));
    assert_eq!(params.iterations, 0);
}

#[test]
fn printed_plans() {
    let net = |hidden| vec![affine(1000, true), hidden, affine(10, true), Fact::Softmax];
    let network = Network::chain(784, net(curve(Tanh)));
    let loss: Arc<dyn Loss> = Arc::new(Crossentropy);
    let optimizer: Arc<dyn Optimizer> = Arc::new(Descent(0.1));
    let fused = Plan::train(&network, &only(&loss), &optimizer, 64, 0, Passes::ALL).to_string();
    let weights = "\
weights    V0 784 x 1000
           V1 1 x 1000
           V2 1000 x 10
           V3 1 x 10
";
    let steps = |text: &str| text.split_once('\n').unwrap().1.strip_prefix(weights).unwrap().to_owned();
    assert!(fused.starts_with("784-1000-10   rows <= 64   descent   scratch "), "{fused}");
    assert_eq!(
        steps(&fused),
        "\
load       x0 = gather(batch)
look       where x0 is not 0
affine     x2 = tanh(x0 V0 + V1)
affine     x3 = x2 V2 + V3
loss       d3, x4 = softmax(x3)   crossentropy, from logits
grad_x     d1 = d3 V2' * tanh'(x2)
grad_w     V2 <- descent(V2, x2' d3), V3 <- descent(V3, sum d3)
grad_w     V0 <- descent(V0, x0' d1), V1 <- descent(V1, sum d1)
"
    );
    let dying = Network::chain(784, net(curve(Relu)));
    assert_eq!(
        steps(&Plan::train(&dying, &only(&loss), &optimizer, 64, 0, Passes::ALL).to_string()),
        "\
load       x0 = gather(batch)
look       where x0 is not 0
affine     x2 = relu(x0 V0 + V1)
look       where x2 is not 0
affine     x3 = x2 V2 + V3
loss       d3, x4 = softmax(x3)   crossentropy, from logits
grad_x     d1 = d3 V2' * relu'(x2)
look       where d1 is not 0
grad_w     V2 <- descent(V2, x2' d3), V3 <- descent(V3, sum d3)
grad_w     V0 <- descent(V0, x0' d1), V1 <- descent(V1, sum d1)
"
    );
    let reference = Plan::train(&network, &only(&loss), &optimizer, 64, 0, Passes::NONE).to_string();
    assert_eq!(
        steps(&reference),
        "\
load       x0 = gather(batch)
affine     x1 = x0 V0 + V1
apply      x2 = tanh(x1)
affine     x3 = x2 V2 + V3
loss       d3, x4 = softmax(x3)   crossentropy, from logits
grad_x     d2 = d3 V2'
apply'     d1 = d2 * tanh'(x2)
grad_w     g2 = x2' d3, g3 = sum d3
grad_w     g0 = x0' d1, g1 = sum d1
update     V2 <- descent(V2, g2)
update     V3 <- descent(V3, g3)
update     V0 <- descent(V0, g0)
update     V1 <- descent(V1, g1)
"
    );
    let predict = Plan::predict(&network, 1, Passes::ALL).to_string();
    assert_eq!(
        steps(&predict),
        "\
load       x0 = gather(batch)
look       where x0 is not 0
affine     x2 = tanh(x0 V0 + V1)
affine     x3 = x2 V2 + V3
softmax    x4 = softmax(x3)
"
    );
}

/// A loss whose value says nothing about its gradient.
#[derive(Debug)]
struct Steep(f32);
impl Loss for Steep {
    fn name(&self) -> &str {
        "steep"
    }
    fn row(&self, _: &Kernels, _: &[f32], _: &[f32], d: &mut [f32]) -> f32 {
        d.fill(self.0);
        0.0
    }
}

#[test]
fn a_gradient_that_is_not_finite_stops_before_any_weight_moves() {
    let network = Network::chain(5, vec![affine(4, true), curve(Tanh), affine(3, true)]);
    for slope in [f32::NAN, f32::INFINITY, 1e38, 1.0] {
        let Data { x, y, mut params } = data(&network);
        let optimizer: Arc<dyn Optimizer> = Arc::new(Descent(0.1));
        params.attach(&*optimizer);
        let before = matrices(&params);
        let loss: Arc<dyn Loss> = Arc::new(Steep(slope));
        for passes in [Passes::ALL, Passes::NONE] {
            let mut plan = Plan::train(&network, &only(&loss), &optimizer, ROWS, 1, passes);
            let (xs, ys) = ([Source::F32(&x)], [&y[..]]);
            let batch = batch(&xs, &ys, &[0, 1, 2]);
            let result = plan.run(&kernels(2), &mut params, batch);
            if slope == 1.0 {
                assert_eq!(result, Ok(0.0));
                assert_ne!(before, matrices(&params));
            } else {
                assert_eq!(result, Err(NotFinite::Gradient { variable: 2 }), "{slope}");
                assert_eq!((&before, params.iterations), (&matrices(&params), 0));
            }
        }
    }
}
