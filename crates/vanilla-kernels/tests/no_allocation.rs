//! A training step neither allocates nor frees. It stands here because a counting allocator needs `unsafe`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use vanilla_plan::kernels::{Isa, Kernels, MAX_SLOTS, Source, random};
use vanilla_plan::{
    Batch, BatchNorm, Coefficients, Constraint, Fact, Joined, Link, Loss, MAX_ROW_WEIGHTS, Merge, Network, Noise,
    Optimizer, OutputLoss, Params, Passes, Plan, Reduction, Regularizer, RowFunction, Slot, Spectral,
    VariableFacts,
};

static CALLS: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: the system's allocator, with a count.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        // SAFETY: handed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        CALLS.fetch_add(1, Relaxed);
        // SAFETY: handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Debug)]
struct Crossentropy;
impl Loss for Crossentropy {
    fn name(&self) -> &str {
        "crossentropy"
    }
    fn row(&self, _: &Kernels, _: &[f32], _: &[f32], _: &mut [f32]) -> f32 {
        unreachable!("the network ends in softmax")
    }
    fn joins(&self, link: Link) -> bool {
        link == Link::Softmax
    }
    fn row_from_logits(&self, row: &Joined<'_>, target: &[f32], d: &mut [f32]) -> f32 {
        d.iter_mut().zip(row.prediction).zip(target).for_each(|((d, p), t)| *d = p - t);
        -target.iter().zip(row.prediction).map(|(t, p)| t * p.ln()).sum::<f32>()
    }
}

#[derive(Debug)]
struct Descent;
impl Optimizer for Descent {
    fn name(&self) -> &str {
        "descent"
    }
    fn slots(&self, _: usize, _: &[usize]) -> Vec<Slot> {
        Vec::new()
    }
    fn coefficients(&self, _: u64) -> Coefficients {
        let mut c = Coefficients::default();
        c[0] = 0.1;
        c
    }
    fn update(
        &self,
        k: &Kernels,
        c: &Coefficients,
        _: usize,
        w: &mut [f32],
        g: &[f32],
        _: &mut [&mut [f32]; MAX_SLOTS],
    ) {
        k.sgd(c[0], w, g);
    }
}

/// x times a weight, row by row.
#[derive(Debug)]
struct Scale;
impl RowFunction for Scale {
    fn name(&self) -> &str {
        "scale"
    }
    fn outputs(&self, inputs: &[usize]) -> usize {
        inputs[0]
    }
    fn weights(&self, inputs: &[usize]) -> Vec<usize> {
        vec![inputs[0]]
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
}

/// l2 as a penalty, and as a constraint the half of everything.
#[derive(Debug)]
struct Half;
impl Regularizer for Half {
    fn name(&self) -> &str {
        "half"
    }
    fn penalty(&self, w: &[f32], _: &[usize], dw: &mut [f32]) -> f32 {
        dw.copy_from_slice(w);
        w.iter().map(|w| w * w / 2.0).sum()
    }
}
impl Constraint for Half {
    fn name(&self) -> &str {
        "half"
    }
    fn apply(&self, w: &mut [f32], _: &[usize]) {
        w.iter_mut().for_each(|w| *w /= 2.0);
    }
}

/// A network of every kind of fact.
fn everything() -> Network {
    let norm = BatchNorm { momentum: 0.9, epsilon: 1e-3, center: true, scale: true, frozen: false };
    let head = vec![
        Fact::Embed { vocabulary: 9, units: 20 },
        Fact::Regroup { groups: 8 },
        Fact::Affine { units: 24, bias: true },
        Fact::BatchNorm(norm),
        Fact::Rows(Arc::new(Scale)),
        Fact::Noise(Noise::Plus { stddev: 0.1 }),
        Fact::Activity { l1: 0.01, l2: 0.01 },
    ];
    let mut network = Network::chain(40, head);
    let trunk = network.outputs[0];
    let kernel = 1;
    network.variables[kernel].regularizer = Some(Arc::new(Half));
    network.variables[kernel].constraint = Some(Arc::new(Half));
    network.variables.push(VariableFacts { trainable: false, ..VariableFacts::matrix(1, 24) });
    let vector = network.variables.len() - 1;
    network.variables[kernel].spectral = Some(Spectral { vector, iterations: 1 });
    let both = network.extend(&[trunk, trunk], &[Fact::Merge(Merge::Multiply), Fact::Regroup { groups: 1 }], &[]);
    let first = network.variables.len();
    network.variables.push(VariableFacts::matrix(8 * 24, 3));
    network.outputs =
        vec![network.extend(&[both], &[Fact::Affine { units: 3, bias: false }, Fact::Softmax], &[first])];
    network
}

/// Without the test harness, whose own threads allocate as they like.
fn main() {
    let affine = |units| Fact::Affine { units, bias: true };
    let small = Network::chain(40, vec![affine(70), Fact::Mask { rate: 0.5 }, affine(3), Fact::Softmax]);
    let loss: Arc<dyn Loss> = Arc::new(Crossentropy);
    let losses = [Some(OutputLoss { loss, weight: 1.0, reduction: Reduction::Mean })];
    let optimizer: Arc<dyn Optimizer> = Arc::new(Descent);
    let x: Vec<f32> = (0..20 * 40).map(|i| (i % 7) as f32).collect();
    let y: Vec<f32> = (0..20 * 3).map(|i| f32::from(u8::from(i % 3 == 0))).collect();
    let weights: Vec<f32> = (0..20).map(|i| i as f32 / 10.0).collect();
    let rows: Vec<usize> = (0..20).collect();
    for (network, passes) in [(&small, Passes::ALL), (&small, Passes::NONE), (&everything(), Passes::ALL)] {
        for threads in [1, 2] {
            let kernels = Kernels::new(Isa::best(), threads).unwrap();
            let mut params = Params::zeros(network);
            for (v, variable) in params.variables.iter_mut().enumerate() {
                let random = &mut random::Stream::new(1, v as u64);
                variable.weights.flat_mut().iter_mut().for_each(|w| *w = 0.1 * random.normal() as f32);
            }
            params.attach(&*optimizer);
            let mut plan = Plan::train(network, &losses, &optimizer, 16, 0, passes);
            let mut step = |rows: &[usize]| {
                let (x, y) = ([Source::F32(&x)], [&y[..]]);
                let batch = Batch { x: &x, y: &y, weights: &[Some(&weights)], rows, next: &[] };
                plan.run(&kernels, &mut params, batch).unwrap()
            };
            step(&rows[..16]);
            let before = CALLS.load(Relaxed);
            for _ in 0..10 {
                step(&rows[..16]);
                step(&rows[16..]); // a short last batch
            }
            assert_eq!(CALLS.load(Relaxed) - before, 0, "{passes:?}, {threads} threads");
        }
    }
    println!("a training step does not allocate: ok");
}
