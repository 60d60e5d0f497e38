//! Networks with branches, several inputs and outputs, shared variables and every kind of fact: gradients against
//! finite differences of the f64 reference, passes and threads against each other, and the printed text.

use std::sync::Arc;
use vanilla_plan::kernels::{Isa, Kernels, MAX_SLOTS, Source, random::Stream};
use vanilla_plan::reference::{self, Matrix};
use vanilla_plan::{
    Batch, BatchNorm, Coefficients, Curve, Fact, Loss, MAX_ROW_WEIGHTS, Merge, Network, Noise, NotFinite,
    Optimizer, OutputLoss, Params, Passes, Plan, Reads, Reduction, RowFunction, Slot, VariableFacts,
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

/// The row times a weight of its length, of all inputs together.
#[derive(Debug)]
struct Scale;
impl RowFunction for Scale {
    fn name(&self) -> &str {
        "scale"
    }
    fn outputs(&self, inputs: &[usize]) -> usize {
        inputs.iter().sum()
    }
    fn weights(&self, inputs: &[usize]) -> Vec<usize> {
        vec![inputs.iter().sum()]
    }
    fn forward(&self, x: &[f32], w: &[&[f32]; MAX_ROW_WEIGHTS], y: &mut [f32]) {
        y.iter_mut().zip(x).zip(w[0]).for_each(|((y, x), w)| *y = x * w);
    }
    fn backward(
        &self,
        x: &[f32],
        w: &[&[f32]; MAX_ROW_WEIGHTS],
        _: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        dw: &mut [&mut [f32]; MAX_ROW_WEIGHTS],
    ) {
        dx.iter_mut().zip(dy).zip(w[0]).for_each(|((dx, dy), w)| *dx = dy * w);
        dw[0].iter_mut().zip(dy).zip(x).for_each(|((dw, dy), x)| *dw += dy * x);
    }
    fn reference(&self, x: &[f64], w: &[&[f64]; MAX_ROW_WEIGHTS], y: &mut [f64]) -> bool {
        y.iter_mut().zip(x).zip(w[0]).for_each(|((y, x), w)| *y = x * w);
        true
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
struct Descent(f32);
impl Optimizer for Descent {
    fn name(&self) -> &str {
        "descent"
    }
    fn slots(&self, _: usize, _: &[usize]) -> Vec<Slot> {
        Vec::new()
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
        _: &mut [&mut [f32]; MAX_SLOTS],
    ) {
        w.iter_mut().zip(g).for_each(|(w, g)| *w -= c[0] * g);
    }
}

fn tanh() -> Fact {
    Fact::Elementwise(Arc::new(Tanh))
}

fn affine(units: usize) -> Fact {
    Fact::Affine { units, bias: true }
}

const NORM: BatchNorm = BatchNorm { momentum: 0.9, epsilon: 1e-3, center: true, scale: true, frozen: false };

/// Puts facts behind values, with variables of their own.
fn extend(network: &mut Network, inputs: &[usize], facts: &[Fact]) -> usize {
    let mut values = inputs.to_vec();
    for fact in facts {
        let forms: Vec<_> = values.iter().map(|value| network.form(*value)).collect();
        let first = network.variables.len();
        let shapes = fact.variables(&forms);
        network.variables.extend(shapes.iter().map(|&(rows, cols)| VariableFacts::matrix(rows, cols)));
        if let Fact::BatchNorm(norm) = fact {
            network.variables[first + norm.first_statistic()..].iter_mut().for_each(|v| v.trainable = false);
        }
        let mine: Vec<usize> = (first..network.variables.len()).collect();
        values = vec![network.extend(&values, std::slice::from_ref(fact), &mine)];
    }
    values[0]
}

/// Two inputs, two outputs, a skip, a shared kernel, every merge.
fn branches(merge: Merge) -> Network {
    let mut n = Network::new([5, 3]);
    let a = extend(&mut n, &[0], &[affine(18), tanh()]);
    let b = extend(&mut n, &[1], &[affine(18)]);
    let both = extend(&mut n, &[a, b], &[Fact::Merge(merge)]);
    // The same kernel and bias on two values.
    let first = n.variables.len();
    n.variables.extend([VariableFacts::matrix(18, 18), VariableFacts::matrix(1, 18)]);
    let left = n.extend(&[both], &[affine(18), tanh()], &[first, first + 1]);
    let right = n.extend(&[left], &[affine(18)], &[first, first + 1]);
    let skip = extend(&mut n, &[right, both], &[Fact::Merge(Merge::Add)]);
    let one = extend(&mut n, &[skip], &[affine(2)]);
    let other = extend(&mut n, &[skip, left], &[Fact::Rows(Arc::new(Scale)), affine(4), tanh()]);
    n.outputs = vec![one, other];
    n
}

fn cases() -> Vec<(&'static str, Network)> {
    let rows = |facts: Vec<Fact>| Network::chain(12, facts);
    let mut frozen = rows(vec![affine(6), Fact::BatchNorm(BatchNorm { frozen: true, ..NORM }), affine(2)]);
    frozen.variables[0].trainable = false;
    frozen.variables[3].trainable = false;
    let plain = BatchNorm { center: false, scale: false, ..NORM };
    vec![
        ("add", branches(Merge::Add)),
        ("subtract", branches(Merge::Subtract)),
        ("multiply", branches(Merge::Multiply)),
        ("average", branches(Merge::Average)),
        ("maximum", branches(Merge::Maximum)),
        ("minimum", branches(Merge::Minimum)),
        ("norm", rows(vec![affine(20), Fact::BatchNorm(NORM), tanh(), affine(3)])),
        ("norm of rows", rows(vec![Fact::Regroup { groups: 4 }, Fact::BatchNorm(NORM), affine(2)])),
        ("norm without weights", rows(vec![affine(7), Fact::BatchNorm(plain), affine(3)])),
        ("frozen", frozen),
        (
            "rows",
            rows(vec![
                Fact::Regroup { groups: 3 },
                affine(5),
                Fact::Softmax,
                Fact::Regroup { groups: 1 },
                affine(2),
            ]),
        ),
        ("activity", rows(vec![affine(5), tanh(), Fact::Activity { l1: 0.1, l2: 0.3 }, affine(2)])),
        ("code", rows(vec![Fact::Rows(Arc::new(Scale)), affine(4), Fact::Rows(Arc::new(Scale))])),
        (
            "embedding",
            rows(vec![Fact::Embed { vocabulary: 5, units: 3 }, tanh(), Fact::Regroup { groups: 1 }, affine(2)]),
        ),
    ]
}

const ROWS: usize = 9;

struct Data {
    x: Vec<Vec<f32>>,
    y: Vec<Vec<f32>>,
    params: Params,
}

fn data(name: &str, network: &Network) -> Data {
    let mut random = Stream::new(5, 0);
    let mut numbers = |count: usize| (0..count).map(|_| (random.uniform() - 0.5) as f32).collect::<Vec<f32>>();
    let mut params = Params::zeros(network);
    for variable in &mut params.variables {
        let mut elements = numbers(variable.weights.rows() * variable.weights.cols());
        if !variable.trainable {
            // A variance is positive.
            elements.iter_mut().for_each(|x| *x += 1.0);
        }
        variable.weights.copy_from_row_major(&elements);
    }
    let x = network.inputs.iter().map(|cols| numbers(ROWS * cols)).collect::<Vec<_>>();
    let whole = |x: Vec<f32>| x.into_iter().map(|x| ((x + 0.5) * 5.0).floor()).collect();
    let x = if name == "embedding" { x.into_iter().map(whole).collect() } else { x };
    let forms = network.outputs.iter().map(|output| network.form(*output));
    Data { x, y: forms.map(|form| numbers(ROWS * form.groups * form.cols)).collect(), params }
}

fn matrix(elements: &[f32], cols: usize) -> Matrix {
    Matrix::new(elements.len() / cols, cols, elements.iter().map(|&x| f64::from(x)))
}

fn matrices(params: &Params) -> Vec<Matrix> {
    params.variables.iter().map(|v| matrix(&v.weights.to_row_major(), v.weights.cols())).collect()
}

/// The second output counts less.
const WEIGHTS: [f32; 2] = [1.0, 0.4];

fn losses(network: &Network) -> Vec<Option<OutputLoss>> {
    let loss = |weight: f32| Some(OutputLoss { loss: Arc::new(Squared), weight, reduction: Reduction::Mean });
    WEIGHTS[..network.outputs.len()].iter().map(|weight| loss(*weight)).collect()
}

fn step(
    plan: &mut Plan,
    threads: usize,
    params: &mut Params,
    (x, y): (&[Vec<f32>], &[Vec<f32>]),
    rows: &[usize],
) -> Result<f32, NotFinite> {
    let x: Vec<Source<'_>> = x.iter().map(|x| Source::F32(x)).collect();
    let y: Vec<&[f32]> = y.iter().map(|y| &y[..]).collect();
    let kernels = Kernels::new(Isa::best(), threads).unwrap();
    plan.run(&kernels, params, Batch { x: &x, y: &y, weights: &[], rows, next: &[] })
}

#[test]
fn gradients_equal_finite_differences_of_the_reference() {
    for (name, network) in cases() {
        let Data { x, y, mut params } = data(name, &network);
        let before = matrices(&params);
        let xs: Vec<Matrix> = x.iter().zip(&network.inputs).map(|(x, cols)| matrix(x, *cols)).collect();
        let ys: Vec<Matrix> =
            y.iter().zip(&network.outputs).map(|(y, output)| matrix(y, network.form(*output).cols)).collect();
        let weights = WEIGHTS.map(f64::from);
        let at = |variables: &[Matrix]| reference::loss(&network, variables, xs.clone(), &ys, &weights, &squared);
        let optimizer: Arc<dyn Optimizer> = Arc::new(Descent(1.0));
        params.attach(&*optimizer);
        let mut plan = Plan::train(&network, &losses(&network), &optimizer, ROWS, 1, Passes::ALL);
        let rows: Vec<usize> = (0..ROWS).collect();
        let loss = step(&mut plan, 1, &mut params, (&x, &y), &rows).unwrap();
        let want = at(&before);
        assert!((f64::from(loss) - want).abs() < 1e-5 * want, "{name}: loss {loss} instead of {want}");
        let after = matrices(&params);
        for (v, facts) in network.variables.iter().enumerate().filter(|(_, facts)| facts.trainable) {
            assert!(facts.trainable);
            for i in 0..before[v].elements.len() {
                let mut moved = before.clone();
                moved[v].elements[i] += 1e-5;
                let up = at(&moved);
                moved[v].elements[i] -= 2e-5;
                let want = (up - at(&moved)) / 2e-5;
                let got = before[v].elements[i] - after[v].elements[i];
                assert!((got - want).abs() < 4e-6, "{name} V{v}[{i}]: {got} instead of {want}\n{plan}");
            }
        }
    }
}

#[test]
fn gradients_by_the_inputs_equal_finite_differences() {
    for (name, mut network) in cases().into_iter().filter(|(name, _)| *name != "embedding") {
        network.input_gradients = true;
        let Data { x, y, mut params } = data(name, &network);
        let variables = matrices(&params);
        let xs: Vec<Matrix> = x.iter().zip(&network.inputs).map(|(x, cols)| matrix(x, *cols)).collect();
        let ys: Vec<Matrix> =
            y.iter().zip(&network.outputs).map(|(y, output)| matrix(y, network.form(*output).cols)).collect();
        let at = |xs: &[Matrix]| {
            reference::loss(&network, &variables, xs.to_vec(), &ys, &WEIGHTS.map(f64::from), &squared)
        };
        let optimizer: Arc<dyn Optimizer> = Arc::new(Descent(0.0));
        let mut plan = Plan::train(&network, &losses(&network), &optimizer, ROWS, 1, Passes::ALL);
        let rows: Vec<usize> = (0..ROWS).collect();
        step(&mut plan, 1, &mut params, (&x, &y), &rows).unwrap();
        for input in 0..xs.len() {
            for (i, got) in plan.input_gradient(input).to_row_major().iter().enumerate() {
                let mut moved = xs.clone();
                moved[input].elements[i] += 1e-5;
                let up = at(&moved);
                moved[input].elements[i] -= 2e-5;
                let want = (up - at(&moved)) / 2e-5;
                assert!((f64::from(*got) - want).abs() < 4e-6, "{name} x{input}[{i}]: {got} instead of {want}");
            }
        }
    }
}

#[test]
fn outputs_equal_the_reference() {
    for (name, network) in cases() {
        let Data { x, params, .. } = data(name, &network);
        let xs: Vec<Matrix> = x.iter().zip(&network.inputs).map(|(x, cols)| matrix(x, *cols)).collect();
        let want = reference::values(&network, &matrices(&params), xs, false);
        let mut plan = Plan::predict(&network, ROWS, Passes::ALL);
        let sources: Vec<Source<'_>> = x.iter().map(|x| Source::F32(x)).collect();
        let rows: Vec<usize> = (0..ROWS).collect();
        let batch = Batch { x: &sources, y: &[], weights: &[], rows: &rows, next: &[] };
        plan.run_frozen(&Kernels::new(Isa::best(), 2).unwrap(), &params, batch);
        for (number, output) in network.outputs.iter().enumerate() {
            for (got, want) in plan.output(number).to_row_major().iter().zip(&want[*output].elements) {
                assert!((f64::from(*got) - want).abs() < 1e-5, "{name}: {got} instead of {want}\n{plan}");
            }
        }
    }
}

#[test]
fn passes_and_threads_keep_every_bit() {
    for (name, network) in cases() {
        let train = |passes: Passes, threads: usize| {
            let Data { x, y, mut params } = data(name, &network);
            let optimizer: Arc<dyn Optimizer> = Arc::new(Descent(0.1));
            params.attach(&*optimizer);
            let mut plan = Plan::train(&network, &losses(&network), &optimizer, 4, 1, passes);
            for rows in [&[3, 1, 0, 7][..], &[4, 5, 6, 8], &[2]] {
                step(&mut plan, threads, &mut params, (&x, &y), rows).unwrap();
            }
            params.variables.iter().map(|v| v.weights.to_row_major()).collect::<Vec<_>>()
        };
        let want = train(Passes::NONE, 1);
        for passes in [Passes::NONE, Passes::ALL, Passes { pass_over_zeros: Some(0), ..Passes::ALL }] {
            for threads in [1, 2, 3, 5, 8] {
                assert_eq!(train(passes, threads), want, "{name} {passes:?} {threads}");
            }
        }
    }
}

#[test]
fn the_moving_statistics_move_and_a_frozen_layer_stays() {
    let network = Network::chain(3, vec![Fact::BatchNorm(NORM), affine(1)]);
    let mut params = Params::zeros(&network);
    params.variables[3].weights.copy_from_row_major(&[1.0; 3]);
    let optimizer: Arc<dyn Optimizer> = Arc::new(Descent(0.0));
    let mut plan = Plan::train(&network, &losses(&network), &optimizer, 2, 1, Passes::ALL);
    let (x, y) = ([vec![1.0, 2.0, 3.0, 3.0, 6.0, -3.0]], [vec![0.0; 2]]);
    step(&mut plan, 1, &mut params, (&x, &y), &[0, 1]).unwrap();
    let near = |variable: usize, want: [f32; 3]| {
        for (got, want) in params.variables[variable].weights.to_row_major().iter().zip(want) {
            assert!((got - want).abs() < 1e-6, "V{variable}: {got} instead of {want}");
        }
    };
    near(2, [0.2, 0.4, 0.0]);
    near(3, [0.9 + 0.1, 0.9 + 0.4, 0.9 + 0.9]);
}

#[test]
fn noise_has_its_moments_and_does_not_know_the_place() {
    for (noise, x, mean, variance) in [
        (Noise::Plus { stddev: 0.5 }, 2.0, 2.0, 0.25),
        (Noise::Times { stddev: 0.5 }, 2.0, 2.0, 1.0),
        // Klambauer et al. 2017: mean 0 and variance 1 stay on average; a constant 0 gets variance of the drops alone.
        (Noise::AlphaDropout { rate: 0.3 }, 0.0, 0.0, f64::NAN),
    ] {
        let network = Network::chain(40, vec![Fact::Noise(noise), affine(40)]);
        let optimizer: Arc<dyn Optimizer> = Arc::new(Descent(0.0));
        let identity: Vec<f32> = (0..1600).map(|i| f32::from(u8::from(i % 41 == 0))).collect();
        let (xs, ys) = ([vec![x; 400 * 40]], [vec![0.0; 400 * 40]]);
        let noisy = |rows: &[usize], threads: usize| {
            let mut params = Params::zeros(&network);
            params.variables[0].weights.copy_from_row_major(&identity);
            let mut plan = Plan::train(&network, &losses(&network), &optimizer, rows.len(), 3, Passes::ALL);
            step(&mut plan, threads, &mut params, (&xs, &ys), rows).unwrap();
            plan.output(0).to_row_major()
        };
        let all: Vec<usize> = (0..400).collect();
        let y = noisy(&all, 1);
        let count = y.len() as f64;
        let got = y.iter().map(|y| f64::from(*y)).sum::<f64>() / count;
        let spread = y.iter().map(|y| (f64::from(*y) - got).powi(2)).sum::<f64>() / count;
        let variance = if variance.is_nan() { spread } else { variance };
        // Four standard errors, and those of a variance of normal numbers.
        assert!((got - mean).abs() < 4.0 * (variance / count).sqrt(), "{noise:?}: mean {got}");
        assert!((spread / variance - 1.0).abs() < 4.0 * (2.0 / count).sqrt(), "{noise:?}: variance {spread}");
        assert_eq!(y, noisy(&all, 3));
        assert_eq!(y[5 * 40..6 * 40], noisy(&[5], 1));
    }
}

#[test]
fn a_printed_graph() {
    let optimizer: Arc<dyn Optimizer> = Arc::new(Descent(0.1));
    let network = branches(Merge::Add);
    let plan = Plan::train(&network, &losses(&network), &optimizer, 4, 1, Passes::ALL).to_string();
    let steps = plan.lines().skip_while(|line| !line.starts_with("load")).collect::<Vec<_>>().join("\n");
    assert_eq!(
        steps,
        "\
load       x0 = gather(batch)
load       x1 = gather(batch)
affine     x3 = tanh(x0 V0 + V1)
affine     x4 = x1 V2 + V3
merge      x5 = add(x3, x4)
affine     x7 = tanh(x5 V4 + V5)
affine     x8 = x7 V4 + V5
merge      x9 = add(x8, x5)
affine     x10 = x9 V6 + V7
rows       x11 = scale(x9, x7, V8)
affine     x13 = tanh(x11 V9 + V10)
loss       d10 by x10   squared
loss       d13 by x13   squared, times 0.4
clear      g4 = 0
clear      g5 = 0
clear      g8 = 0
apply'     d12 = d13 * tanh'(x13)
grad_x     d11 = d12 V9'
rows'      d9, d7, g8 = scale'(d11)
grad_x     d14 = d10 V6'
sum        d9 = d9 + d14
merge'     d8 = d9 dadd(x8, x5) / dx8
merge'     d5 = d9 dadd(x8, x5) / dx5
grad_x     d15 = d8 V4'
sum        d7 = d7 + d15
apply'     d6 = d7 * tanh'(x7)
grad_x     d16 = d6 V4'
sum        d5 = d5 + d16
merge'     d3 = d5 dadd(x3, x4) / dx3
merge'     d4 = d5 dadd(x3, x4) / dx4
apply'     d2 = d3 * tanh'(x3)
grad_w     V9 <- descent(V9, x11' d12), V10 <- descent(V10, sum d12)
grad_w     V6 <- descent(V6, x9' d10), V7 <- descent(V7, sum d10)
grad_w     g4 += x7' d8, g5 += sum d8
grad_w     g4 += x5' d6, g5 += sum d6
grad_w     V2 <- descent(V2, x1' d4), V3 <- descent(V3, sum d4)
grad_w     V0 <- descent(V0, x0' d2), V1 <- descent(V1, sum d2)
update     V8 <- descent(V8, g8)
update     V4 <- descent(V4, g4)
update     V5 <- descent(V5, g5)"
    );
}
