//! The three matrix products of a training step, over one register tile.
//!
//! | product | result | rows of a tile | columns of a tile |
//! | --- | --- | --- | --- |
//! | [`forward`] | `Y = X W + b` | rows of X | 16 units, a panel of W |
//! | [`grad_x`] | `dX = dY W'` | 16 inputs (rows of W) | 16 rows, a panel of dY' |
//! | [`grad_w`] | `dW = X' dY` | 16 inputs, a panel of X | 16 units, a panel of dY |
//!
//! In each, the tile walks down a panel of its right operand line by line (`B`, always contiguous) and broadcasts
//! single floats of its left operand (`A`, one or two fixed strides). Nothing is packed per step: the operands
//! already live in [`Panels`].
//!
//! Bits: every element is one chain of multiply-adds in ascending k, a block of k going on from the stored running
//! value. So results depend neither on the number of threads, nor on the height of tiles, nor on the batch that a
//! row came in, and AVX2 and AVX-512 agree.

use crate::arch::Table;
use crate::panels::{LANES, Panels};
use crate::team::Team;
use crate::vector::Vector;
use std::ops::Range;

/// Lines of B that a block of k may have: 256 lines are 16 KB, half of a first-level cache.
const BLOCK: usize = 256;

/// The most optimizer slots of a parameter.
pub const MAX_SLOTS: usize = 4;

/// One register tile: `C[r][0..16] (+)= sum over k of A[r][k] * B[k][0..16]`, k running over `outer` runs of `inner`
/// steps and one of `tail` steps.
pub(crate) struct Tile {
    /// Rows of the tile, 1 to the table's `tile_rows`.
    pub rows: usize,
    /// Element (row r, run o, step i) of A lies at `a + r * a_row + o * a_outer + i * a_inner`.
    pub a: *const f32,
    pub a_row: usize,
    pub a_outer: usize,
    pub a_inner: usize,
    pub outer: usize,
    pub inner: usize,
    pub tail: usize,
    /// Lines of B, one a step, contiguous.
    pub b: *const f32,
    /// Rows of C, 16 floats each, contiguous.
    pub c: *mut f32,
    /// Start from what C holds instead of from zero.
    pub resume: bool,
}

/// # Safety
/// V's instruction set; `t.rows == ROWS`; all addresses that `Tile` describes are valid, C's exclusively.
#[inline(always)]
pub(crate) unsafe fn tile<V: Vector, const ROWS: usize>(t: &Tile) {
    // A line is 4 SSE, 2 AVX2 or 1 AVX-512 registers. Each height gets its own constant.
    match LANES / V::LANES {
        // SAFETY: handed on.
        1 => unsafe { tile_of::<V, ROWS, 1>(t) },
        // SAFETY: handed on.
        2 => unsafe { tile_of::<V, ROWS, 2>(t) },
        // SAFETY: handed on.
        _ => unsafe { tile_of::<V, ROWS, 4>(t) },
    }
}

/// # Safety
/// As [`tile`], and `WIDE * V::LANES == 16`.
#[allow(clippy::needless_range_loop)] // r and j name registers; iterators hide that they are unrolled
#[inline(always)]
unsafe fn tile_of<V: Vector, const ROWS: usize, const WIDE: usize>(t: &Tile) {
    // SAFETY: the caller vouches for every address that the tile describes.
    unsafe {
        let mut sums = [[V::splat(0.0); WIDE]; ROWS];
        if t.resume {
            for r in 0..ROWS {
                for j in 0..WIDE {
                    sums[r][j] = V::load(t.c.add(r * LANES + j * V::LANES));
                }
            }
        }
        let mut b = t.b;
        let mut run = t.a;
        for o in 0..t.outer + 1 {
            let steps = if o < t.outer { t.inner } else { t.tail };
            let mut a = run;
            for _ in 0..steps {
                let mut line = [V::splat(0.0); WIDE];
                for j in 0..WIDE {
                    line[j] = V::load(b.add(j * V::LANES));
                }
                for r in 0..ROWS {
                    let x = V::splat(*a.add(r * t.a_row));
                    for j in 0..WIDE {
                        sums[r][j] = x.fma(line[j], sums[r][j]);
                    }
                }
                a = a.add(t.a_inner);
                b = b.add(LANES);
            }
            run = run.wrapping_add(t.a_outer);
        }
        for r in 0..ROWS {
            for j in 0..WIDE {
                sums[r][j].store(t.c.add(r * LANES + j * V::LANES));
            }
        }
    }
}

/// A pointer that the members of a team share; each touches only its own part.
#[derive(Clone, Copy)]
struct Raw(*mut f32);
// SAFETY: a plain address; every use names the disjoint part that it touches.
unsafe impl Sync for Raw {}
// SAFETY: as above.
unsafe impl Send for Raw {}

impl Raw {
    fn of(panels: &mut Panels) -> Self {
        Self(panels.flat_mut().as_mut_ptr())
    }
    /// # Safety
    /// The range is inside the matrix and nobody else touches it while the slice lives.
    unsafe fn slice<'a>(self, range: Range<usize>) -> &'a mut [f32] {
        // SAFETY: the caller's contract.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(range.start), range.len()) }
    }
}

/// Called with a finished, still hot run of lines: its place in [`Panels::flat`] and the floats.
pub type Epilogue<'a> = &'a (dyn Fn(usize, &mut [f32]) + Sync);

/// Called with a finished run of gradients, the weights at the same place, and the optimizer's slots there (the
/// first `slots` of the array, the others are empty).
pub type Update<'a> = &'a (dyn Fn(&mut [f32], &mut [f32], &mut [&mut [f32]; MAX_SLOTS]) + Sync);

/// Cuts `panels * parts` items into one contiguous share a thread and calls `f(panel, parts)` for each panel in it.
fn share(team: &Team, panels: usize, parts: usize, f: &(dyn Fn(usize, Range<usize>) + Sync)) {
    team.split(panels * parts, &|range| {
        for panel in range.start / parts..range.end.div_ceil(parts) {
            let start = range.start.saturating_sub(panel * parts);
            f(panel, start..parts.min(range.end - panel * parts));
        }
    });
}

/// `Y = X W + b`, then `epilogue` on each finished tile. X is `rows x inputs`, W `inputs x units`, b `1 x units`,
/// Y `rows x units`.
pub(crate) fn forward(
    table: &Table,
    team: &Team,
    x: &Panels,
    w: &Panels,
    bias: Option<&Panels>,
    y: &mut Panels,
    epilogue: Epilogue<'_>,
) {
    let (rows, inputs) = (x.rows(), x.cols());
    assert_eq!((w.rows(), y.rows(), y.cols()), (inputs, rows, w.cols()), "forward: shapes of {x:?} {w:?} {y:?}");
    assert!(bias.is_none_or(|b| (b.rows(), b.cols()) == (1, w.cols())), "forward: shape of the bias");
    if rows == 0 || w.cols() == 0 {
        return;
    }
    let tiles = rows.div_ceil(table.tile_rows);
    let out = Raw::of(y);
    share(team, w.panels(), tiles, &|panel, tiles| {
        let height = |t: usize| t * table.tile_rows..rows.min((t + 1) * table.tile_rows);
        for k in (0..inputs.max(1)).step_by(BLOCK) {
            let steps = BLOCK.min(inputs - k);
            for t in tiles.clone() {
                let range = height(t);
                let start = (panel * rows + range.start) * LANES;
                // SAFETY: rows `range` of panel `panel` of Y belong to this share alone; the tile reads rows
                // `range` and columns k..k + steps of X (k is a multiple of 16) and lines k.. of W's panel. The
                // shapes were checked above.
                let finished = unsafe {
                    (table.tile)(&Tile {
                        rows: range.len(),
                        a: x.flat().as_ptr().add((k / LANES * rows + range.start) * LANES),
                        a_row: LANES,
                        a_outer: rows * LANES,
                        a_inner: 1,
                        outer: steps / LANES,
                        inner: LANES,
                        tail: steps % LANES,
                        b: w.flat().as_ptr().add((panel * inputs + k) * LANES),
                        c: out.0.add(start),
                        resume: k > 0,
                    });
                    out.slice(start..start + range.len() * LANES)
                };
                if k + steps == inputs {
                    if let Some(bias) = bias {
                        let bias = &bias.flat()[panel * LANES..(panel + 1) * LANES];
                        for line in finished.chunks_exact_mut(LANES) {
                            line.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
                        }
                    }
                    epilogue(start, finished);
                }
            }
        }
    });
}

/// `dX = dY W'`, then `epilogue` on each finished block of a panel. `dy_t` is dY transposed, `units x rows`; W is
/// `inputs x units`, dX `rows x inputs`.
pub(crate) fn grad_x(
    table: &Table,
    team: &Team,
    dy_t: &Panels,
    w: &Panels,
    dx: &mut Panels,
    epilogue: Epilogue<'_>,
) {
    let (rows, inputs, units) = (dy_t.cols(), w.rows(), w.cols());
    assert_eq!(
        (dy_t.rows(), dx.rows(), dx.cols()),
        (units, rows, inputs),
        "grad_x: shapes of {dy_t:?} {w:?} {dx:?}"
    );
    let out = Raw::of(dx);
    share(team, inputs.div_ceil(LANES), rows.div_ceil(LANES), &|panel, blocks| {
        for block in blocks {
            let (first, height) = (panel * LANES, LANES.min(inputs - panel * LANES));
            // The product comes out transposed, an input a line and a row a lane.
            let mut transposed = [[0.0f32; LANES]; LANES];
            for at in (0..height).step_by(table.tile_rows) {
                // SAFETY: the tile reads rows `first + at..` and all columns of W and all lines of a panel of dY';
                // it writes lines `at..` of the local block, at most `height` of them.
                unsafe {
                    (table.tile)(&Tile {
                        rows: table.tile_rows.min(height - at),
                        a: w.flat().as_ptr().add((first + at) * LANES),
                        a_row: LANES,
                        a_outer: inputs * LANES,
                        a_inner: 1,
                        outer: units / LANES,
                        inner: LANES,
                        tail: units % LANES,
                        b: dy_t.flat().as_ptr().add(block * units * LANES),
                        c: transposed[at..].as_mut_ptr().cast(),
                        resume: false,
                    });
                }
            }
            let range = block * LANES..rows.min((block + 1) * LANES);
            let start = (panel * rows + range.start) * LANES;
            // SAFETY: rows `range` of this panel of dX belong to this block, and the block to this share.
            let finished = unsafe { out.slice(start..start + range.len() * LANES) };
            for (lane, line) in finished.chunks_exact_mut(LANES).enumerate() {
                for (to, from) in line.iter_mut().zip(&transposed) {
                    *to = from[lane];
                }
            }
            epilogue(start, finished);
        }
    });
}

/// `dW = X' dY`, handed tile by tile to `update` together with the weights and slots at the same place; dW itself
/// is never stored. X is `rows x inputs`, dY `rows x units`; W and the slots are `inputs x units`.
pub(crate) fn grad_w(
    table: &Table,
    team: &Team,
    x: &Panels,
    dy: &Panels,
    w: &mut Panels,
    slots: &mut [Panels],
    update: Update<'_>,
) {
    let (rows, inputs) = (x.rows(), x.cols());
    assert_eq!((dy.rows(), w.rows(), w.cols()), (rows, inputs, dy.cols()), "grad_w: shapes of {x:?} {dy:?} {w:?}");
    let (weights, slots, count) = raw_parts(w, slots);
    let tiles = LANES.div_ceil(table.tile_rows);
    let inputs_panels = inputs.div_ceil(LANES);
    share(team, dy.panels(), inputs_panels, &|panel, x_panels| {
        for x_panel in x_panels {
            let height = LANES.min(inputs - x_panel * LANES);
            let mut gradient = [[0.0f32; LANES]; LANES];
            for t in 0..tiles {
                let at = t * table.tile_rows;
                if at >= height {
                    break;
                }
                // SAFETY: the tile reads columns `at..` (below `height`) of a panel of X and all lines of a panel
                // of dY, both `rows` long, and writes lines `at..height` of the local block.
                unsafe {
                    (table.tile)(&Tile {
                        rows: table.tile_rows.min(height - at),
                        a: x.flat().as_ptr().add(x_panel * rows * LANES + at),
                        a_row: 1,
                        a_outer: 0,
                        a_inner: LANES,
                        outer: 0,
                        inner: 0,
                        tail: rows,
                        b: dy.flat().as_ptr().add(panel * rows * LANES),
                        c: gradient[at..].as_mut_ptr().cast(),
                        resume: false,
                    });
                }
            }
            let start = (panel * inputs + x_panel * LANES) * LANES;
            // SAFETY: these lines of W and of every slot belong to this block, and the block to this share.
            let (w, mut s) = unsafe { chunk(weights, &slots, count, start..start + height * LANES) };
            update(&mut gradient.as_flattened_mut()[..height * LANES], w, &mut s);
        }
    });
}

/// `db = sum over the rows of dY`, handed to `update` like [`grad_w`]'s. The bias and its slots are `1 x units`.
pub(crate) fn grad_bias(team: &Team, dy: &Panels, bias: &mut Panels, slots: &mut [Panels], update: Update<'_>) {
    assert_eq!((bias.rows(), bias.cols()), (1, dy.cols()), "grad_bias: shapes of {dy:?} {bias:?}");
    let rows = dy.rows();
    let (weights, slots, count) = raw_parts(bias, slots);
    team.split(dy.panels(), &|panels| {
        for panel in panels {
            let mut gradient = [0.0f32; LANES];
            for line in dy.flat()[panel * rows * LANES..(panel + 1) * rows * LANES].chunks_exact(LANES) {
                gradient.iter_mut().zip(line).for_each(|(sum, d)| *sum += d);
            }
            let start = panel * LANES;
            // SAFETY: this panel of the bias and of every slot belongs to this share.
            let (w, mut s) = unsafe { chunk(weights, &slots, count, start..start + LANES) };
            update(&mut gradient, w, &mut s);
        }
    });
}

/// Addresses of the weights and slots, with the slots' shapes checked against the weights'.
fn raw_parts(w: &mut Panels, slots: &mut [Panels]) -> (Raw, [Raw; MAX_SLOTS], usize) {
    assert!(slots.len() <= MAX_SLOTS, "at most {MAX_SLOTS} slots");
    let shape = (w.rows(), w.cols());
    let mut raw = [Raw(std::ptr::null_mut()); MAX_SLOTS];
    for (raw, slot) in raw.iter_mut().zip(slots.iter_mut()) {
        assert_eq!((slot.rows(), slot.cols()), shape, "shape of a slot");
        *raw = Raw::of(slot);
    }
    (Raw::of(w), raw, slots.len())
}

/// # Safety
/// `range` is inside the matrices and nobody else touches it in any of them while the slices live.
unsafe fn chunk<'a>(
    weights: Raw,
    slots: &[Raw; MAX_SLOTS],
    count: usize,
    range: Range<usize>,
) -> (&'a mut [f32], [&'a mut [f32]; MAX_SLOTS]) {
    // SAFETY: the caller's contract, and the slots are matrices of their own.
    unsafe {
        let slots = std::array::from_fn(|i| if i < count { slots[i].slice(range.clone()) } else { &mut [][..] });
        (weights.slice(range), slots)
    }
}
