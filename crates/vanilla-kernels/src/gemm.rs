//! The matrix products of a training step, over a few register tiles.
//!
//! | product | result | rows of a tile (`A`) | columns of a tile (`B`) |
//! | --- | --- | --- | --- |
//! | [`forward`] | `Y = X W + b` | rows of X | panels of W |
//! | [`grad_x`] | `dX = dY W'` | the same product, after a transposition | |
//! | [`grad_w`](crate::grad_w) | `dW = X' dY` | inputs, lanes of a panel of X | panels of dY |
//!
//! A tile walks down a few panels of its right operand line by line (`B`, always contiguous) and broadcasts single
//! floats of its left operand (`A`). Nothing is packed per step: the operands already live in [`Panels`].
//!
//! Where enough is zero ([`Live`] knows it), a product takes only what is not:
//!
//! | product | what is taken |
//! | --- | --- |
//! | `forward` | the elements of X that are not zero, a row at a time |
//! | `grad_x` | the same of dY; or the units in which one of sixteen rows is live, for the inputs that one of them wants |
//! | `grad_w` | the elements of dY that are not zero, a unit at a time, or those of X, an input at a time |
//!
//! One row at a time loads a line of B for every multiply-add, where the dense tile loads eleven for 24; so what is left
//! takes 1.3 times as long, and it is worth it from about 30 % of zeros on.
//!
//! Bits: every element is one chain of multiply-adds in ascending k, a block of k going on from the stored running
//! value, and a product with zero changes nothing. So results depend neither on the number of threads, nor on the
//! size of tiles, nor on the batch that a row came in, nor on which tile ran, and AVX2 and AVX-512 agree.

use crate::arch::Table;
use crate::live::{Live, WORD};
use crate::panels::{LANES, Panels};
use crate::rows;
use crate::team::Team;
use crate::tile::{Choice, LIVE_ROWS, NARROW_UNITS, Narrow, Singles, Tile};
use std::ops::Range;

/// The most k of a block: three panels of B (192 KB) then stay in the second-level cache for a block of rows.
const BLOCK_K: usize = 1024;

/// Rows of A that go through one panel group of B before the next: with `BLOCK_K` at most 384 KB, so that they stay
/// in the second-level cache. Divisible by every height of a tile.
const BLOCK_ROWS: usize = 96;

/// Rows that go one at a time through the same lines of W before the next: their sums stay in the second-level cache.
const BLOCK_SINGLES: usize = 256;

/// What `share` of the multiply-adds takes, one row of `panels` panels at a time, as a part of the dense product's time.
/// Measured; a single panel waits for the result of each multiply-add.
pub(crate) fn one_by_one(share: f64, panels: usize) -> f64 {
    0.07 + share * if panels < 3 { 3.4 / panels as f64 } else { 1.3 }
}

/// A pointer that the members of a team share; each touches only its own part.
#[derive(Clone, Copy)]
pub(crate) struct Raw(pub *mut f32);
// SAFETY: a plain address; every use names the disjoint part that it touches.
unsafe impl Sync for Raw {}
// SAFETY: as above.
unsafe impl Send for Raw {}

impl Raw {
    pub(crate) fn of(panels: &mut Panels) -> Self {
        Self(panels.flat_mut().as_mut_ptr())
    }
    /// # Safety
    /// The range is inside the matrix and nobody else touches it while the slice lives.
    pub(crate) unsafe fn slice<'a>(self, range: Range<usize>) -> &'a mut [f32] {
        // SAFETY: the caller's contract.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(range.start), range.len()) }
    }
}

/// Called with a finished, still hot run of lines: its place in [`Panels::flat`] and the floats.
pub type Epilogue<'a> = &'a (dyn Fn(usize, &mut [f32]) + Sync);

/// What thread `index` of `threads` has of a matrix of panels and of `items` in each: slabs of at most `most` panels, and a
/// range of items for each.
///
/// As long as that is fair, a thread owns whole panels, the same ones in every product: it finds the lines of weights,
/// moments and gradients where it left them, and no other thread touches them. Where threads share no cache, a step of
/// the tutorial takes a third longer when a tenth of the weights has two readers. A few panels are cut by items.
pub(crate) fn share(
    index: usize,
    threads: usize,
    panels: usize,
    most: usize,
    items: usize,
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let (own, index, threads) = match owns_panels(panels, threads) {
        true => (cut(&(0..panels), threads, index), 0, 1),
        false => (0..panels, index, threads),
    };
    let slabs = own.len().div_ceil(most);
    let range = cut(&(0..slabs * items), threads, index);
    (range.start / items.max(1)..range.end.div_ceil(items.max(1))).map(move |slab| {
        let first = range.start.saturating_sub(slab * items);
        (cut(&own, slabs, slab), first..items.min(range.end - slab * items))
    })
}

/// Whether each thread has panels of its own: then one has at most an eighth more than another.
pub(crate) fn owns_panels(panels: usize, threads: usize) -> bool {
    threads == 1 || panels >= 8 * threads
}

/// The part of this number, of parts that differ by at most one.
pub(crate) fn cut(range: &Range<usize>, parts: usize, index: usize) -> Range<usize> {
    let at = |index| range.start + range.len() * index / parts;
    at(index)..at(index + 1)
}

/// Runs `f(index, threads)` on the team, or alone where there is only one slab of one item to share.
pub(crate) fn together(team: &Team, panels: usize, most: usize, items: usize, f: &(dyn Fn(usize, usize) + Sync)) {
    let alone = !owns_panels(panels, team.threads()) && panels.div_ceil(most) * items <= 1;
    if alone { f(0, 1) } else { team.run(&|index| f(index, team.threads())) }
}

/// `Y = X W + b`, then `epilogue` on each finished run of lines. X is `rows x inputs`, W `inputs x units`, b
/// `1 x units`, Y `rows x units`. `live` describes X.
#[allow(clippy::too_many_arguments)] // a product has operands
pub(crate) fn forward(
    table: &Table,
    team: &Team,
    x: &Panels,
    live: Option<&Live>,
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
    let live = live.inspect(|live| live.check(x));
    // A few rows are not worth turning.
    let is_narrow = w.cols() <= NARROW_UNITS && rows >= LANES / 2;
    let dense = if is_narrow { 0.5 } else { 1.0 };
    if let Some(live) = live.filter(|live| inputs > 0 && one_by_one(live.share_of_elements(), w.panels()) < dense)
    {
        return singly(table, team, x, live, w, bias, y, epilogue);
    }
    if is_narrow {
        return narrow(table, team, x, w, bias, y, epilogue);
    }
    let (height, width) = table.tile_size;
    let block_k = balanced(inputs.max(1), BLOCK_K, LANES);
    let block_rows = balanced(rows, BLOCK_ROWS, height);
    let out = Raw::of(y);
    together(team, w.panels(), width, rows.div_ceil(height), &|index, threads| {
        for k in (0..inputs.max(1)).step_by(block_k) {
            let steps = block_k.min(inputs - k);
            let last = k + steps == inputs;
            for block in (0..rows).step_by(block_rows) {
                let block = block..rows.min(block + block_rows);
                for (panels, tiles) in share(index, threads, w.panels(), width, block.len().div_ceil(height)) {
                    let first = block.start + tiles.start * height;
                    let end = block.end.min(block.start + tiles.end * height);
                    for row in (first..end).step_by(height) {
                        let tile = Tile {
                            rows: height.min(end - row),
                            panels: panels.len(),
                            a: x.flat().as_ptr().wrapping_add((k / LANES * rows + row) * LANES),
                            a_row: LANES,
                            a_outer: rows * LANES,
                            a_inner: 1,
                            steps,
                            b: w.flat().as_ptr().wrapping_add((panels.start * inputs + k) * LANES),
                            b_panel: inputs * LANES,
                            c: out.0.wrapping_add((panels.start * rows + row) * LANES),
                            c_panel: rows * LANES,
                            resume: k > 0,
                            bias: bias.filter(|_| last).map_or(std::ptr::null(), |b| {
                                b.flat()[panels.start * LANES..panels.end * LANES].as_ptr()
                            }),
                        };
                        // SAFETY: rows `row..` of these panels of Y belong to this share alone; the tile reads
                        // those rows and columns `k..k + steps` of X, and lines k.. of W's panels (nothing without
                        // inputs). k is a multiple of 16, and the shapes were checked above.
                        unsafe { (table.tile)(&tile) };
                    }
                    if last {
                        for panel in panels {
                            let lines = (panel * rows + first) * LANES..(panel * rows + end) * LANES;
                            // SAFETY: these rows of this panel belong to this share, and its tiles are done.
                            epilogue(lines.start, unsafe { out.slice(lines.clone()) });
                        }
                    }
                }
            }
        }
    });
}

/// [`forward`] by single rows of X, of which only `live` is taken.
#[allow(clippy::too_many_arguments)] // a product has operands
fn singly(
    table: &Table,
    team: &Team,
    x: &Panels,
    live: &Live,
    w: &Panels,
    bias: Option<&Panels>,
    y: &mut Panels,
    epilogue: Epilogue<'_>,
) {
    let (rows, inputs) = (x.rows(), x.cols());
    let out = Raw::of(y);
    together(team, w.panels(), table.single_panels, rows, &|index, threads| {
        for (panels, part) in share(index, threads, w.panels(), table.single_panels, rows) {
            for start in part.clone().step_by(BLOCK_SINGLES) {
                let block = start..part.end.min(start + BLOCK_SINGLES);
                for k in (0..inputs).step_by(2 * WORD) {
                    let last = k + 2 * WORD >= inputs;
                    let tile = Tile {
                        rows: block.len(),
                        panels: panels.len(),
                        a: x.flat().as_ptr().wrapping_add((k / LANES * rows + start) * LANES),
                        a_row: LANES,
                        a_outer: rows * LANES,
                        a_inner: 1,
                        steps: (2 * WORD).min(inputs - k),
                        b: w.flat().as_ptr().wrapping_add((panels.start * inputs + k) * LANES),
                        b_panel: inputs * LANES,
                        c: out.0.wrapping_add((panels.start * rows + start) * LANES),
                        c_panel: rows * LANES,
                        resume: k > 0,
                        bias: bias.filter(|_| last).map_or(std::ptr::null(), |b| {
                            b.flat()[panels.start * LANES..panels.end * LANES].as_ptr()
                        }),
                    };
                    let first = &live.elements(k / WORD)[block.clone()];
                    let second = if k + WORD < inputs { &live.elements(k / WORD + 1)[block.clone()] } else { &[] };
                    // SAFETY: these rows of these panels of Y belong to this share alone; the tile reads what is live
                    // in those rows and columns `k..k + 128` of X, and lines k.. of W's panels. The shapes were
                    // checked, `live` was filled for X's shape and has no bit beyond it, and k is a multiple of 16.
                    unsafe { (table.singles)(&Singles { tile, first, second }) };
                }
                for panel in panels.clone() {
                    let lines = (panel * rows + block.start) * LANES..(panel * rows + block.end) * LANES;
                    // SAFETY: these rows of this panel belong to this share, and its sums are done.
                    epilogue(lines.start, unsafe { out.slice(lines.clone()) });
                }
            }
        }
    });
}

/// [`forward`] to a few units.
fn narrow(
    table: &Table,
    team: &Team,
    x: &Panels,
    w: &Panels,
    bias: Option<&Panels>,
    y: &mut Panels,
    epilogue: Epilogue<'_>,
) {
    let (rows, inputs) = (x.rows(), x.cols());
    let out = Raw::of(y);
    together(team, 1, 1, rows.div_ceil(LANES), &|index, threads| {
        for group in share(index, threads, 1, 1, rows.div_ceil(LANES)).flat_map(|(_, groups)| groups) {
            let (first, end) = (group * LANES, rows.min((group + 1) * LANES));
            let narrow = Narrow {
                a: x.flat().as_ptr().wrapping_add(first * LANES),
                a_panel: rows * LANES,
                rows: end - first,
                steps: inputs,
                b: w.flat().as_ptr(),
                units: w.cols(),
                c: out.0.wrapping_add(first * LANES),
                bias: bias.map_or(std::ptr::null(), |bias| bias.flat().as_ptr()),
            };
            // SAFETY: these rows of Y belong to this share alone; the product reads those rows of X and all of W and of
            // the bias. The shapes were checked.
            unsafe { (table.narrow)(&narrow) };
            let lines = first * LANES..end * LANES;
            // SAFETY: these rows belong to this share, and are done.
            epilogue(lines.start, unsafe { out.slice(lines.clone()) });
        }
    });
}

/// The length of blocks that cut `count` evenly into parts of at most `most`, a multiple of `unit`.
fn balanced(count: usize, most: usize, unit: usize) -> usize {
    count.div_ceil(count.div_ceil(most)).next_multiple_of(unit)
}

/// What [`Kernels::grad_x`](crate::Kernels::grad_x) works in: it depends on the shapes which of two ways is shorter.
#[derive(Debug)]
pub struct GradX {
    /// Whether W is transposed, rather than dY and the result.
    by_weights: bool,
    first: Panels,
    second: Panels,
}

/// Weights of so many floats (2 MB) are transposed in the time of a few percent of the product, which then goes the
/// way that finds more zeros where dY is thin: a row at a time.
const SMALL: usize = 1 << 19;

impl GradX {
    /// For batches of at most `rows` rows and weights of `inputs x units`.
    pub fn new(rows: usize, inputs: usize, units: usize) -> Self {
        let by_weights = units < rows || inputs * units <= SMALL;
        let (first, second) = if by_weights {
            (Panels::zeros(units, inputs), Panels::default())
        } else {
            (Panels::zeros(units, rows), Panels::zeros(inputs, rows))
        };
        Self { by_weights, first, second }
    }

    /// Bytes of it.
    pub fn bytes(&self) -> usize {
        size_of_val(self.first.flat()) + size_of_val(self.second.flat())
    }
}

/// `dX = dY W'`, then `epilogue` on each finished run of lines. dY is `rows x units`, W `inputs x units`, dX
/// `rows x inputs`. `live` describes dY; where `wanted`, of dX's shape, has no bit, dX may become zero.
///
/// B must be walked line by line, so something has to be transposed: W, or else dY and the result.
#[allow(clippy::too_many_arguments)] // a product has operands
pub(crate) fn grad_x(
    table: &Table,
    team: &Team,
    dy: &Panels,
    live: Option<&Live>,
    w: &Panels,
    wanted: Option<&Live>,
    dx: &mut Panels,
    scratch: &mut GradX,
    epilogue: Epilogue<'_>,
) {
    let (rows, inputs, units) = (dy.rows(), w.rows(), w.cols());
    assert_eq!((dy.cols(), dx.rows(), dx.cols()), (units, rows, inputs), "grad_x: shapes of {dy:?} {w:?} {dx:?}");
    let live = live.inspect(|live| live.check(dy));
    let wanted = wanted.inspect(|wanted| wanted.check(dx));
    let GradX { by_weights, first, second } = scratch;
    if *by_weights {
        rows::transpose(table, team, w, first, &|_, _| ());
        return forward(table, team, dy, live, first, None, dx, epilogue);
    }
    rows::transpose(table, team, dy, first, &|_, _| ());
    second.resize(inputs, rows);
    let work = |live: Option<&Live>| live.map_or(1.0, Live::share_of_sixteens);
    if work(live) * work(wanted) < 0.75 {
        picked_inputs(table, team, first, live, w, wanted, second);
    } else {
        forward(table, team, w, None, first, None, second, &|_, _| ());
    }
    rows::transpose(table, team, second, dx, epilogue);
}

/// `dX' = W dY'`, sixteen rows of the batch at a time: only inputs that are wanted there, only units that are live.
fn picked_inputs(
    table: &Table,
    team: &Team,
    dy_t: &Panels,
    live: Option<&Live>,
    w: &Panels,
    wanted: Option<&Live>,
    dx_t: &mut Panels,
) {
    let (inputs, units) = (w.rows(), w.cols());
    let out = Raw::of(dx_t);
    together(team, dy_t.panels(), 1, inputs.div_ceil(LANES), &|index, threads| {
        let mut words = [0u64; BLOCK_K / WORD];
        for (panels, groups) in share(index, threads, dy_t.panels(), 1, inputs.div_ceil(LANES)) {
            let panel = panels.start;
            let (first, end) = (groups.start * LANES, inputs.min(groups.end * LANES));
            let lines = (panel * inputs + first) * LANES..(panel * inputs + end) * LANES;
            // SAFETY: these lines of dX' belong to this share.
            unsafe { out.slice(lines) }.fill(0.0);
            for k in (0..units).step_by(BLOCK_K) {
                let steps = BLOCK_K.min(units - k);
                for (word, bits) in words[..steps.div_ceil(WORD)].iter_mut().enumerate() {
                    *bits = live.map_or(u64::MAX, |live| live.sixteen(panel, k / WORD + word));
                    *bits &= u64::MAX >> WORD.saturating_sub(steps - word * WORD);
                }
                for group in groups.clone() {
                    let input = group * LANES;
                    let bits =
                        wanted.map_or(u64::MAX, |wanted| wanted.sixteen(panel, input / WORD) >> (input % WORD));
                    let mut bits = bits & u64::from(u16::MAX) & !(u64::MAX << (inputs - input).min(LANES));
                    while bits != 0 {
                        let (picked, count) = pick(&mut bits, table.live_rows);
                        let tile = Tile {
                            rows: count,
                            panels: 1,
                            // SAFETY: row `input` and column k of W, line `input` of panel `panel` of dX'.
                            a: unsafe { w.flat().as_ptr().add((k / LANES * inputs + input) * LANES) },
                            a_row: LANES,
                            a_outer: inputs * LANES,
                            a_inner: 1,
                            steps,
                            b: dy_t.flat()[(panel * units + k) * LANES..].as_ptr(),
                            b_panel: 0,
                            // SAFETY: as above.
                            c: unsafe { out.0.add((panel * inputs + input) * LANES) },
                            c_panel: 0,
                            resume: k > 0,
                            bias: std::ptr::null(),
                        };
                        // SAFETY: reads rows `input..` of W, below `inputs` as the bits are, and lines `k..k + steps`
                        // of a panel of dY', the steps being cut to the units; writes lines that belong to this
                        // share.
                        unsafe { (table.live_tile)(&tile, &Choice { words: &words, picked }) };
                    }
                }
            }
        }
    });
}

/// Takes the lowest bits, at most `most`: their numbers, and how many there are.
fn pick(bits: &mut u64, most: usize) -> ([u8; LIVE_ROWS], usize) {
    let mut picked = [0; LIVE_ROWS];
    let mut count = 0;
    while *bits != 0 && count < most {
        picked[count] = bits.trailing_zeros() as u8;
        *bits &= *bits - 1;
        count += 1;
    }
    (picked, count)
}
