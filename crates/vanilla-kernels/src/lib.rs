//! Matrix kernels of Vanilla: f32 panels in, f32 panels out. Knows no layer.
//!
//! This is the only crate of the workspace with `unsafe` code, and none of it shows: every public function is safe
//! and checks the shapes that it is given. One type carries all matrices, [`Panels`]; one value carries the machine,
//! [`Kernels`] (an instruction set, found at run time, and a [`Team`] of threads).
//!
//! Contract of every function here: the result is the same bits for every number of threads. Padding lanes of a
//! matrix may hold anything without touching a real element.

mod arch;
mod elementary;
mod gemm;
mod grad_w;
mod live;
mod measure;
mod panels;
pub mod random;
mod rows;
mod slices;
mod sync;
mod team;
mod tile;
mod vector;

pub use arch::Isa;
pub use gemm::{Epilogue, GradX};
pub use grad_w::{MAX_SLOTS, Target, Update};
pub use live::Live;
pub use panels::{LANES, Panels};
pub use rows::Source;
pub use slices::{AdamStep, MomentumStep, RmsPropStep};
pub use team::Team;
pub use vector::FLUSH;

use arch::Table;
use vector::SQUARE;

/// An instruction set and a team: what every kernel runs on.
pub struct Kernels {
    isa: Isa,
    table: &'static Table,
    team: Team,
}

impl Kernels {
    /// Kernels on `threads` threads with this instruction set; `None` if the machine lacks it.
    pub fn new(isa: Isa, threads: usize) -> Option<Self> {
        Some(Self { isa, table: isa.table(false)?, team: Team::new(threads) })
    }

    /// As [`Kernels::new`], with the same bits on every instruction set and every processor: multiply-adds are rounded
    /// once, roots and quotients are those of IEEE 754, and no estimate of a vendor's is used. Somewhat slower with
    /// AVX-512, much slower on a machine without a multiply-add.
    pub fn portable(isa: Isa, threads: usize) -> Option<Self> {
        Some(Self { isa, table: isa.table(true)?, team: Team::new(threads) })
    }

    /// The instruction set.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The threads.
    pub fn team(&self) -> &Team {
        &self.team
    }

    /// `Y = X W + b`, then `epilogue` on each finished run of lines of Y.
    /// X is `rows x inputs`, W `inputs x units`, b `1 x units`, Y `rows x units`. `live`, if it is known, tells
    /// where X is not zero: the result is the same, and comes sooner where much is.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn forward(
        &self,
        x: &Panels,
        live: Option<&Live>,
        w: &Panels,
        bias: Option<&Panels>,
        y: &mut Panels,
        epilogue: Epilogue<'_>,
    ) {
        gemm::forward(self.table, &self.team, x, live, w, bias, y, epilogue);
    }

    /// `dX = dY W'`, then `epilogue` on each finished run of lines of dX.
    /// dY is `rows x units`, W `inputs x units`, dX `rows x inputs`. `live` tells where dY is not zero; `wanted`, of
    /// dX's shape, which elements of dX matter: others may become zero instead.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[allow(clippy::too_many_arguments)] // a product has operands
    pub fn grad_x(
        &self,
        dy: &Panels,
        live: Option<&Live>,
        w: &Panels,
        wanted: Option<&Live>,
        dx: &mut Panels,
        scratch: &mut GradX,
        epilogue: Epilogue<'_>,
    ) {
        gemm::grad_x(self.table, &self.team, dy, live, w, wanted, dx, scratch, epilogue);
    }

    /// `dW = X' dY` and `db = sum over the rows of dY`, handed run by run to `updates` (the kernel's and the
    /// bias's) with the weights and slots at the same place. X is `rows x inputs`, dY `rows x units`; W and its slots are `inputs x units`, b and its
    /// slots `1 x units`. `live` tells where X and where dY is not zero.
    ///
    /// # Panics
    /// If the shapes do not fit, or there are more than [`MAX_SLOTS`] slots.
    pub fn grad_w(
        &self,
        x: &Panels,
        dy: &Panels,
        live: [Option<&Live>; 2],
        kernel: Target<'_>,
        bias: Option<Target<'_>>,
        updates: [Update<'_>; 2],
    ) {
        grad_w::grad_w(self.table, &self.team, x, dy, live, kernel, bias, updates);
    }

    /// Floating-point operations a second of independent multiply-adds (each counted as 2) in registers, all threads
    /// together, measured for `time`: what no product of matrices can exceed.
    pub fn fma_peak(&self, time: std::time::Duration) -> f64 {
        measure::fma_peak(self.table, &self.team, time)
    }

    /// Bytes a second between memory and all threads together: the best of `passes` over 192 MiB.
    pub fn memory_bandwidth(&self, passes: usize) -> f64 {
        measure::bandwidth(&self.team, passes)
    }

    /// The largest magnitude in X, padding included; infinity if an element is infinite or NaN.
    pub fn largest(&self, x: &Panels) -> f32 {
        rows::largest(self.table, &self.team, x)
    }

    /// Finds out where X is not zero.
    pub fn look(&self, x: &Panels, live: &mut Live) {
        rows::look(self.table, &self.team, x, live);
    }

    /// `X[i] = source[rows[i]]`; X becomes `rows.len() x X.cols()`, and `live` tells where it is not zero.
    ///
    /// # Panics
    /// If the source is not a whole number of rows of X's width, or an index lies outside.
    pub fn gather(&self, source: Source<'_>, rows: &[usize], x: &mut Panels, live: Option<&mut Live>) {
        rows::gather(self.table, &self.team, source, rows, x, live);
    }

    /// Fetches a part (of `all`) of these rows of a table of `width` columns into the caches, while something else is
    /// done.
    pub fn expect(
        &self,
        source: Source<'_>,
        width: usize,
        rows: &[usize],
        part: std::ops::Range<usize>,
        all: usize,
    ) {
        rows::expect(source, width, rows, part, all);
    }

    /// Calls `f` with runs of whole lines of `x`, shared out over the team: their place in [`Panels::flat`] and the
    /// floats. For functions of single elements.
    pub fn each(&self, x: &mut Panels, f: Epilogue<'_>) {
        // 64 lines: 4 KB, small enough to share out, large enough that the call does not show.
        const RUN: usize = 64 * LANES;
        rows::each_chunk(&self.team, x.flat_mut(), RUN, &|index, chunk| f(index * RUN, chunk));
    }

    /// Calls `f` with each panel of `x`, shared out over the team: its number and its lines. For functions of columns.
    pub fn each_panel(&self, x: &mut Panels, f: Epilogue<'_>) {
        let rows = x.rows();
        rows::each_chunk(&self.team, x.flat_mut(), rows * LANES, f);
    }
}

impl Kernels {
    /// `row = softmax(row)`, the largest element subtracted first so that nothing overflows; returns
    /// `ln(sum(e^row))`, which a cross-entropy from logits wants.
    pub fn softmax(&self, row: &mut [f32]) -> f32 {
        // SAFETY: whoever holds a table has its instruction set.
        unsafe { (self.table.softmax)(row) }
    }
}

impl Kernels {
    /// [`Kernels::softmax`] of every row, and what it returned of each. Rows of at most sixteen columns are taken sixteen
    /// at a time; a longer one passes through `row`.
    pub fn softmax_rows(&self, x: &mut Panels, row: &mut Vec<f32>, log_sums: &mut Vec<f32>) {
        let (rows, cols) = (x.rows(), x.cols());
        log_sums.resize(rows, 0.0);
        if (1..=LANES).contains(&cols) {
            for (lines, log_sums) in x.flat_mut().chunks_mut(SQUARE).zip(log_sums.chunks_mut(LANES)) {
                // SAFETY: whoever holds a table has its instruction set.
                unsafe { (self.table.softmax_lines)(lines, cols, log_sums) };
            }
            return;
        }
        row.resize(cols, 0.0);
        for (r, log_sum) in log_sums.iter_mut().enumerate() {
            x.read_row(r, row);
            *log_sum = self.softmax(row);
            x.write_row(r, row);
        }
    }
}

/// Slice functions, for epilogues. Lengths are free; slices of one call have equal lengths.
macro_rules! slice_functions {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*);)*) => {
        impl Kernels {
            $($(#[$doc])*
            ///
            /// # Panics
            /// If the slices differ in length.
            pub fn $name(&self, $($arg: $ty),*) {
                // SAFETY: whoever holds a table has its instruction set; slices carry their own lengths, and equal
                // ones are asserted inside.
                unsafe { (self.table.$name)($($arg),*) }
            })*
        }
    };
}

slice_functions! {
    /// `y = max(y, 0)`; NaN stays NaN.
    relu(y: &mut [f32]);
    /// `d = d where y > 0, else 0`, values below [`FLUSH`] as 0.
    relu_gradient(d: &mut [f32], y: &[f32]);
    /// `y = 1 / (1 + e^-y)`.
    sigmoid(y: &mut [f32]);
    /// `d = d y (1 - y)`, values below [`FLUSH`] as 0.
    sigmoid_gradient(d: &mut [f32], y: &[f32]);
    /// `y = tanh y`.
    tanh(y: &mut [f32]);
    /// `d = d (1 - y^2)`, values below [`FLUSH`] as 0.
    tanh_gradient(d: &mut [f32], y: &[f32]);
    /// `y = y Phi(y)`, Phi being the normal distribution.
    gelu(y: &mut [f32]);
    /// `d = d (Phi(x) + x phi(x))`, values below [`FLUSH`] as 0.
    gelu_gradient(d: &mut [f32], x: &[f32]);
    /// `y = y / (1 + e^-y)`.
    silu(y: &mut [f32]);
    /// `d = d s (1 + x (1 - s))` where `s = 1 / (1 + e^-x)`, values below [`FLUSH`] as 0.
    silu_gradient(d: &mut [f32], x: &[f32]);
    /// `y = ln(1 + e^y)`.
    softplus(y: &mut [f32]);
    /// `d = d (1 - e^-y)` for `y >= 0`, values below [`FLUSH`] as 0.
    softplus_gradient(d: &mut [f32], y: &[f32]);
    /// `y = above y where y > 0, else below (e^y - 1)`.
    elu(above: f32, below: f32, y: &mut [f32]);
    /// `d = d above where y >= 0, else d (y + below)`, values below [`FLUSH`] as 0.
    elu_gradient(above: f32, below: f32, d: &mut [f32], y: &[f32]);
    /// `y = e^y`.
    exp(y: &mut [f32]);
    /// `y = 0 where |y| <` [`FLUSH`].
    flush(y: &mut [f32]);
    /// `w -= rate g`.
    sgd(rate: f32, w: &mut [f32], g: &[f32]);
    /// See [`MomentumStep`].
    momentum(step: &MomentumStep, w: &mut [f32], m: &mut [f32], g: &[f32]);
    /// See [`RmsPropStep`].
    rmsprop(step: &RmsPropStep, w: &mut [f32], v: &mut [f32], g: &[f32]);
    /// See [`AdamStep`].
    adam(step: &AdamStep, w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]);
}

impl std::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kernels({} x {} threads)", self.isa.name(), self.team.threads())
    }
}
