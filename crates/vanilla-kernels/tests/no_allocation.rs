//! A training step neither allocates nor frees. It stands here because a counting allocator needs `unsafe`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use vanilla_plan::kernels::{Isa, Kernels, MAX_SLOTS, Source};
use vanilla_plan::{Batch, Fact, Link, Loss, Network, Optimizer, Params, Passes, Plan};

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
    fn row_from_logits(&self, k: &Kernels, _: Link, target: &[f32], logits: &mut [f32], d: &mut [f32]) -> f32 {
        k.softmax(logits);
        d.iter_mut().zip(&*logits).zip(target).for_each(|((d, p), t)| *d = p - t);
        -target.iter().zip(logits).map(|(t, p)| t * p.ln()).sum::<f32>()
    }
}

#[derive(Debug)]
struct Descent;
impl Optimizer for Descent {
    fn name(&self) -> &str {
        "descent"
    }
    fn slots(&self) -> usize {
        0
    }
    fn coefficients(&self, _: u64) -> [f32; 4] {
        [0.1, 0.0, 0.0, 0.0]
    }
    fn update(&self, k: &Kernels, c: &[f32; 4], w: &mut [f32], g: &[f32], _: &mut [&mut [f32]; MAX_SLOTS]) {
        k.sgd(c[0], w, g);
    }
}

/// Without the test harness, whose own threads allocate as they like.
fn main() {
    let affine = |units| Fact::Affine { units, bias: true };
    let network =
        Network { inputs: 40, facts: vec![affine(70), Fact::Mask { rate: 0.5 }, affine(3), Fact::Softmax] };
    let loss: Arc<dyn Loss> = Arc::new(Crossentropy);
    let optimizer: Arc<dyn Optimizer> = Arc::new(Descent);
    let x: Vec<f32> = (0..20 * 40).map(|i| (i % 7) as f32).collect();
    let y: Vec<f32> = (0..20 * 3).map(|i| f32::from(u8::from(i % 3 == 0))).collect();
    let rows: Vec<usize> = (0..20).collect();
    for passes in [Passes::ALL, Passes::NONE] {
        for threads in [1, 2] {
            let kernels = Kernels::new(Isa::best(), threads).unwrap();
            let mut params = Params::zeros(&network);
            params.attach(&*optimizer);
            let mut plan = Plan::train(&network, &loss, &optimizer, 16, 0, passes);
            let mut step = |rows: &[usize]| {
                plan.run(&kernels, &mut params, Batch { x: Source::F32(&x), y: Some(&y), rows, next: &[] })
                    .unwrap()
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
