//! The matrix products of a training step, over two register tiles.
//!
//! | product | result | rows of a tile (`A`) | columns of a tile (`B`) |
//! | --- | --- | --- | --- |
//! | [`forward`] | `Y = X W + b` | rows of X | panels of W |
//! | [`grad_x`] | `dX = dY W'` | the same product, after a transposition | |
//! | [`grad_w`] | `dW = X' dY` | inputs, lanes of a panel of X | panels of dY |
//!
//! A tile walks down a few panels of its right operand line by line (`B`, always contiguous) and broadcasts single
//! floats of its left operand (`A`). Nothing is packed per step: the operands already live in [`Panels`].
//!
//! The dense tile takes every k. The live tile takes the k that it is given, those at which neither all its rows of A
//! nor all its columns of B are zero ([`Live`] knows them), and its rows need not be neighbours:
//!
//! | product | a k is left out where | a row of a tile is left out where |
//! | --- | --- | --- |
//! | `forward` | four rows of X are zero in column k | |
//! | `grad_x` | sixteen rows of dY are zero in unit k | nobody wants these sixteen rows of this input |
//! | `grad_w` | row k of dY is zero in sixteen units, or row k of X in the tile's inputs | X or dY is zero throughout |
//!
//! Bits: every element is one chain of multiply-adds in ascending k, a block of k going on from the stored running
//! value, and a product with zero changes nothing. So results depend neither on the number of threads, nor on the
//! size of tiles, nor on the batch that a row came in, nor on which tile ran, and AVX2 and AVX-512 agree.

use crate::arch::Table;
use crate::live::{GROUP, Live, WORD};
use crate::panels::{LANES, Panels};
use crate::rows;
use crate::team::Team;
use crate::tile::{Choice, LIVE_ROWS, Thin, Tile};
use std::ops::Range;

/// The most k of a block: three panels of B (192 KB) then stay in the second-level cache for a block of rows.
const BLOCK_K: usize = 1024;

/// Rows of A that go through one panel group of B before the next: with `BLOCK_K` at most 384 KB, so that they stay
/// in the second-level cache. Divisible by every height of a tile.
const BLOCK_ROWS: usize = 96;

/// Panels that a tile can be wide, at most.
const MAX_PANELS: usize = 4;

static ONE: f32 = 1.0;

/// The columns of a panel, as they come.
const IN_ORDER: [u8; LANES] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// The rows of a tile, as in the dense one.
const NEIGHBOURS: [u8; LIVE_ROWS] = [0, 1, 2, 3, 4, 5, 6, 7];

/// The most optimizer slots of a parameter.
pub const MAX_SLOTS: usize = 6;

/// Above this share of the work, the dense tile, which wastes nothing on finding its way, is as quick.
const WORTH: f64 = 0.75;

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

/// A variable and what its optimizer keeps for it, all of one shape.
pub struct Target<'a> {
    /// The weights.
    pub weights: &'a mut Panels,
    /// The optimizer's slots, at most [`MAX_SLOTS`].
    pub slots: &'a mut [Panels],
}

/// The part of `columns * rows` items that thread `index` of `threads` has, as ranges of rows, column by column.
/// Items are cut into one contiguous run a thread.
fn share(
    index: usize,
    threads: usize,
    columns: usize,
    rows: usize,
) -> impl Iterator<Item = (usize, Range<usize>)> {
    let count = columns * rows;
    let range = count * index / threads..count * (index + 1) / threads;
    (range.start / rows.max(1)..range.end.div_ceil(rows.max(1))).map(move |column| {
        let start = range.start.saturating_sub(column * rows);
        (column, start..rows.min(range.end - column * rows))
    })
}

/// Runs `f(index, threads)` on the team, or alone where there is too little to share.
fn together(team: &Team, items: usize, f: &(dyn Fn(usize, usize) + Sync)) {
    if items > 1 { team.run(&|index| f(index, team.threads())) } else { f(0, 1) }
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
    let live = live.inspect(|live| live.check(x)).filter(|live| live.share_of_quads() < WORTH);
    let (height, width) = if live.is_some() { (GROUP, table.live_panels) } else { table.tile_size };
    let block_k = if live.is_some() { inputs.max(1) } else { balanced(inputs.max(1), BLOCK_K, LANES) };
    let block_rows = balanced(rows, BLOCK_ROWS, height);
    let (slabs, width) = slabs(w.panels(), width);
    let out = Raw::of(y);
    together(team, slabs * rows.div_ceil(height), &|index, threads| {
        for k in (0..inputs.max(1)).step_by(block_k) {
            let steps = block_k.min(inputs - k);
            let last = k + steps == inputs;
            for block in (0..rows).step_by(block_rows) {
                let block = block..rows.min(block + block_rows);
                for (slab, tiles) in share(index, threads, slabs, block.len().div_ceil(height)) {
                    let panels = slab * width..w.panels().min((slab + 1) * width);
                    let first = block.start + tiles.start * height;
                    let end = block.end.min(block.start + tiles.end * height);
                    for row in (first..end).step_by(height) {
                        let tile = Tile {
                            rows: height.min(end - row),
                            panels: panels.len(),
                            // SAFETY: k is a multiple of 16 below the inputs (or both are 0), row below the rows,
                            // so the places are inside X, W's first panel of the slab and Y.
                            a: unsafe { x.flat().as_ptr().add((k / LANES * rows + row) * LANES) },
                            a_row: LANES,
                            a_outer: rows * LANES,
                            a_inner: 1,
                            steps,
                            // SAFETY: as above.
                            b: unsafe { w.flat().as_ptr().add((panels.start * inputs + k) * LANES) },
                            b_panel: inputs * LANES,
                            // SAFETY: as above.
                            c: unsafe { out.0.add((panels.start * rows + row) * LANES) },
                            c_panel: rows * LANES,
                            resume: k > 0,
                            bias: bias.filter(|_| last).map_or(std::ptr::null(), |b| {
                                b.flat()[panels.start * LANES..panels.end * LANES].as_ptr()
                            }),
                        };
                        // SAFETY: rows `row..` of these panels of Y belong to this share alone; the tile reads
                        // those rows and columns `k..k + steps` of X, and lines k.. of W's panels. The shapes were
                        // checked above; `live` has a bit for columns of X only, and was made for X's shape.
                        unsafe {
                            match live {
                                Some(live) => {
                                    let (words, stride) = (live.quad(row), live.quads());
                                    (table.live_tile)(&tile, &Choice { words, stride, picked: NEIGHBOURS });
                                }
                                None => (table.tile)(&tile),
                            }
                        };
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

/// Cuts panels into slabs of at most `most`: how many, and how wide they are. Four panels are two and two, not three
/// and one: threads have slabs of equal size.
fn slabs(panels: usize, most: usize) -> (usize, usize) {
    let slabs = panels.div_ceil(most);
    (slabs, panels.div_ceil(slabs.max(1)))
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
/// way that finds more zeros where dY is thin: four rows at a time.
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
    // Both are told by four rows, and sixteen have more that is live; the fourth part is a guess at how much.
    let work = |live: Option<&Live>| live.map_or(1.0, |live| live.share_of_quads().powf(0.75));
    if work(live) * work(wanted) < WORTH {
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
    together(team, dy_t.panels() * inputs.div_ceil(LANES), &|index, threads| {
        let mut words = [0u64; BLOCK_K / WORD];
        for (panel, groups) in share(index, threads, dy_t.panels(), inputs.div_ceil(LANES)) {
            let (first, end) = (groups.start * LANES, inputs.min(groups.end * LANES));
            let lines = (panel * inputs + first) * LANES..(panel * inputs + end) * LANES;
            // SAFETY: these lines of dX' belong to this share.
            unsafe { out.slice(lines) }.fill(0.0);
            for k in (0..units).step_by(BLOCK_K) {
                let steps = BLOCK_K.min(units - k);
                for (word, bits) in words[..steps.div_ceil(WORD)].iter_mut().enumerate() {
                    *bits = live.map_or(u64::MAX, |live| live.sixteen(panel * LANES, k / WORD + word));
                    *bits &= u64::MAX >> WORD.saturating_sub(steps - word * WORD);
                }
                for group in groups.clone() {
                    let input = group * LANES;
                    let bits = wanted
                        .map_or(u64::MAX, |wanted| wanted.sixteen(panel * LANES, input / WORD) >> (input % WORD));
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
                        unsafe { (table.live_tile)(&tile, &Choice { words: &words, stride: 1, picked }) };
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

/// `dW = X' dY` and `db = sum over the rows of dY`, handed run by run to `updates` together with the weights and
/// slots at the same place; dW itself is never stored. X is `rows x inputs`, dY `rows x units`; W and its slots are
/// `inputs x units`, b and its slots `1 x units`. `live[0]` describes X, `live[1]` dY.
#[allow(clippy::too_many_arguments)] // a product has operands
pub(crate) fn grad_w(
    table: &Table,
    team: &Team,
    x: &Panels,
    dy: &Panels,
    live: [Option<&Live>; 2],
    kernel: Target<'_>,
    bias: Option<Target<'_>>,
    updates: [Update<'_>; 2],
) {
    let (rows, inputs, units) = (x.rows(), x.cols(), dy.cols());
    assert_eq!(dy.rows(), rows, "grad_w: shapes of {x:?} {dy:?}");
    live.iter().zip([x, dy]).for_each(|(live, of)| live.iter().for_each(|live| live.check(of)));
    let work = live[0].map_or(1.0, Live::share_of_octets) * live[1].map_or(1.0, Live::share_of_panels);
    let thin = work < WORTH;
    let width = if thin { 1 } else { table.tile_size.1 };
    let (slabs, width) = slabs(dy.panels(), width);
    let kernel = RawTarget::new(kernel, (inputs, units));
    let bias = bias.map(|bias| RawTarget::new(bias, (1, units)));
    // The last item of a slab is its bias.
    let items = inputs.div_ceil(LANES) + usize::from(bias.is_some());
    together(team, slabs * items, &|index, threads| {
        let mut gradient = [[[0.0f32; LANES]; LANES]; MAX_PANELS];
        for (slab, items) in share(index, threads, slabs, items) {
            let panels = slab * width..dy.panels().min((slab + 1) * width);
            for x_panel in items {
                let first = x_panel * LANES;
                let (target, lines, update) = match &bias {
                    Some(bias) if first >= inputs => (bias, 0..1, updates[1]),
                    _ => (&kernel, first..inputs.min(first + LANES), updates[0]),
                };
                let tile = Tile {
                    rows: 1,
                    panels: panels.len(),
                    // A bias is the weight of an input that is always one.
                    a: if first < inputs { x.flat()[x_panel * rows * LANES..].as_ptr() } else { &raw const ONE },
                    a_row: 1,
                    a_outer: if first < inputs { LANES * LANES } else { 0 },
                    a_inner: if first < inputs { LANES } else { 0 },
                    steps: rows,
                    b: dy.flat()[panels.start * rows * LANES..].as_ptr(),
                    b_panel: rows * LANES,
                    c: gradient.as_mut_ptr().cast(),
                    c_panel: LANES * LANES,
                    resume: false,
                    bias: std::ptr::null(),
                };
                if thin && first < inputs {
                    let thin = Thin {
                        tile,
                        order: live[0].map_or(&IN_ORDER, |x| x.order(x_panel)),
                        octets: [0, 1].map(|half| live[0].map_or(&[][..], |x| x.octet(x_panel, half))),
                        units: live[1].map_or(&[], |dy| dy.panel(slab)),
                    };
                    // SAFETY: the tile reads all lanes of a panel of X and a panel of dY at rows that their `Live`
                    // has, and writes a local block of sixteen lines.
                    unsafe { (table.thin)(&thin) };
                } else {
                    for at in (0..lines.len()).step_by(table.tile_size.0) {
                        let tile = Tile {
                            rows: table.tile_size.0.min(lines.len() - at),
                            a: tile.a.wrapping_add(at),
                            c: tile.c.wrapping_add(at * LANES),
                            ..tile
                        };
                        // SAFETY: the tile reads lanes `at..` of all lines of a panel of X (or the constant) and all
                        // lines of these panels of dY, and writes lines `at..` of the local blocks, of which there
                        // are at least as many as panels.
                        unsafe { (table.tile)(&tile) };
                    }
                }
                for (panel, gradient) in panels.clone().zip(&mut gradient) {
                    let gradient = &mut gradient.as_flattened_mut()[..lines.len() * LANES];
                    // SAFETY: these lines of the target belong to this item, and the item to this share.
                    let (w, mut slots) = unsafe { target.lines(panel, lines.clone()) };
                    update(gradient, w, &mut slots);
                }
            }
        }
    });
}

/// Addresses of a variable and its slots, whose shapes are checked against each other.
struct RawTarget {
    rows: usize,
    weights: Raw,
    slots: [Raw; MAX_SLOTS],
    count: usize,
}

impl RawTarget {
    fn new(target: Target<'_>, shape: (usize, usize)) -> Self {
        let Target { weights, slots } = target;
        assert!(slots.len() <= MAX_SLOTS, "at most {MAX_SLOTS} slots");
        assert_eq!((weights.rows(), weights.cols()), shape, "grad_w: shape of the variable");
        let mut raw = [Raw(std::ptr::null_mut()); MAX_SLOTS];
        for (raw, slot) in raw.iter_mut().zip(slots.iter_mut()) {
            assert_eq!((slot.rows(), slot.cols()), shape, "shape of a slot");
            *raw = Raw::of(slot);
        }
        Self { rows: shape.0, weights: Raw::of(weights), slots: raw, count: slots.len() }
    }

    fn floats(&self, panel: usize, lines: Range<usize>) -> Range<usize> {
        (panel * self.rows + lines.start) * LANES..(panel * self.rows + lines.end) * LANES
    }

    /// # Safety
    /// The lines are inside the variable and nobody else touches them, in it or its slots, while the slices live.
    unsafe fn lines<'a>(&self, panel: usize, lines: Range<usize>) -> (&'a mut [f32], [&'a mut [f32]; MAX_SLOTS]) {
        let range = self.floats(panel, lines);
        // SAFETY: the caller's contract, and the slots are matrices of their own.
        unsafe {
            let slots = std::array::from_fn(|i| match self.slots[..self.count].get(i) {
                Some(slot) => slot.slice(range.clone()),
                None => Default::default(),
            });
            (self.weights.slice(range), slots)
        }
    }
}
