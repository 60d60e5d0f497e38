//! The gradient of weights, `dW = X' dY`: never stored, but handed to the optimizer in runs of lines that are still hot.
//!
//! Sixteen inputs by sixteen units are a square. Squares are computed by the dense tile, or, where enough is zero, an
//! input or a unit at a time: `X'` times a row of dY is an outer product, of which the elements of one side that are zero
//! are left out (see [`gemm`] for why that changes no bit). By units, the squares come out turned.

use crate::arch::Table;
use crate::gemm::{self, Raw};
use crate::live::{Live, WORD};
use crate::panels::{LANES, Panels};
use crate::team::Team;
use crate::tile::{OUTER_PANELS, Outer, Tile};
use crate::vector::SQUARE;
use std::mem::MaybeUninit;
use std::ops::Range;

/// The most optimizer slots of a parameter.
pub const MAX_SLOTS: usize = 6;

/// Squares of a gradient that wait for their update, 64 KB: in the second-level cache.
const SQUARES: usize = 64;

static ONE: f32 = 1.0;

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
    let way = Way::new(x, dy, live);
    let most = match way {
        Way::Dense => table.tile_size.1,
        Way::ByInputs(_) => OUTER_PANELS,
        Way::ByUnits(_) => 1,
    };
    let most = most.min(dy.panels().max(1));
    // Many inputs are an item, because an update is quicker on long runs of lines; fewer where threads share the panels
    // of units, to be fair.
    let threads = team.threads();
    let fair = match gemm::owns_panels(dy.panels(), threads) {
        true => SQUARES,
        false => (x.panels() * dy.panels().div_ceil(most) / (8 * threads)).max(OUTER_PANELS),
    };
    let groups = x.panels().div_ceil(fair.min(SQUARES / most));
    let distance = x.panels().div_ceil(groups.max(1)).max(1) * SQUARE;
    let kernel = RawTarget::new(kernel, (inputs, units));
    let bias = bias.map(|bias| RawTarget::new(bias, (1, units)));
    // The last item is the bias.
    let items = groups + usize::from(bias.is_some());
    gemm::together(team, dy.panels(), most, items, &|index, threads| {
        // The squares of one panel of units, those of the next one `distance` behind.
        let mut gradient = [const { MaybeUninit::<[f32; SQUARE]>::uninit() }; SQUARES];
        let gradient = gradient.as_mut_ptr().cast::<f32>();
        for (panels, items) in gemm::share(index, threads, dy.panels(), most, items) {
            for item in items {
                // Empty for the bias.
                let x_panels = if item == groups { 0..0 } else { gemm::cut(&(0..x.panels()), groups, item) };
                let (target, lines, update) = match &bias {
                    Some(bias) if item == groups => (bias, 0..1, updates[1]),
                    _ => (&kernel, x_panels.start * LANES..inputs.min(x_panels.end * LANES), updates[0]),
                };
                // SAFETY: whoever holds a table has its instruction set; an item has at most `SQUARES` squares.
                unsafe {
                    if item == groups {
                        bias_gradient(table, dy, panels.clone(), gradient, distance);
                    } else {
                        gradient_squares(table, x, dy, way, panels.clone(), x_panels, gradient, distance);
                    }
                }
                for (at, panel) in panels.clone().enumerate() {
                    // SAFETY: these lines were just written; those of the target belong to this item, and the item to
                    // this share.
                    unsafe {
                        let gradient = gradient.add(at * distance);
                        let gradient = std::slice::from_raw_parts_mut(gradient, lines.len() * LANES);
                        let (w, mut slots) = target.lines(panel, lines.clone());
                        update(gradient, w, &mut slots);
                    }
                }
            }
        }
    });
}

/// Squares of `X' dY`: those of unit panel p begin `p * distance` behind `out`, one for each panel of X.
///
/// # Safety
/// The table's instruction set; the panels are there, and so is room for their squares.
#[allow(clippy::too_many_arguments)] // a product has operands
unsafe fn gradient_squares(
    table: &Table,
    x: &Panels,
    dy: &Panels,
    way: Way<'_>,
    panels: Range<usize>,
    x_panels: Range<usize>,
    out: *mut f32,
    distance: usize,
) {
    let rows = x.rows();
    let x_lines = |panel: usize| x.flat()[panel * rows * LANES..].as_ptr();
    let dy_lines = dy.flat()[panels.start * rows * LANES..].as_ptr();
    match way {
        Way::Dense => {
            for (at, panel) in x_panels.enumerate() {
                let lanes = LANES.min(x.cols() - panel * LANES);
                for first in (0..lanes).step_by(table.tile_size.0) {
                    let tile = Tile {
                        rows: table.tile_size.0.min(lanes - first),
                        panels: panels.len(),
                        a: x_lines(panel).wrapping_add(first),
                        a_row: 1,
                        a_outer: LANES * LANES,
                        a_inner: LANES,
                        steps: rows,
                        b: dy_lines,
                        b_panel: rows * LANES,
                        c: out.wrapping_add(at * SQUARE + first * LANES),
                        c_panel: distance,
                        resume: false,
                        bias: std::ptr::null(),
                    };
                    // SAFETY: reads all rows of a panel of X and of these panels of dY; writes lines of their squares.
                    unsafe { (table.tile)(&tile) };
                }
            }
        }
        Way::ByInputs(live) => {
            for (at, panel) in x_panels.enumerate() {
                let outer = Outer {
                    a: x_lines(panel),
                    live: live.columns(panel),
                    b: dy_lines,
                    b_panel: rows * LANES,
                    panels: panels.len(),
                    c: out.wrapping_add(at * SQUARE),
                    c_panel: distance,
                };
                // SAFETY: as above; of X what is live, and `live` was checked against it.
                unsafe { (table.outer)(&outer) };
            }
        }
        Way::ByUnits(live) => {
            let every;
            let live = match live {
                Some(live) => live.columns(panels.start),
                None => {
                    every = every_row(rows, dy.cols());
                    &every[..LANES * rows.div_ceil(WORD)]
                }
            };
            if live.iter().all(|&word| word == 0) {
                // SAFETY: there is room for all squares.
                return unsafe { out.write_bytes(0, x_panels.len() * SQUARE) };
            }
            let chunks = x_panels.len().div_ceil(OUTER_PANELS);
            for chunk in (0..chunks).map(|index| gemm::cut(&x_panels, chunks, index)) {
                let mut turned = [const { MaybeUninit::<[f32; SQUARE]>::uninit() }; OUTER_PANELS];
                let outer = Outer {
                    a: dy_lines,
                    live,
                    b: x_lines(chunk.start),
                    b_panel: rows * LANES,
                    panels: chunk.len(),
                    c: turned.as_mut_ptr().cast(),
                    c_panel: SQUARE,
                };
                // SAFETY: as above; of dY what is live, and `live` was checked against it. Writes local squares.
                unsafe { (table.outer)(&outer) };
                for (panel, turned) in chunk.zip(&turned) {
                    let to = out.wrapping_add((panel - x_panels.start) * SQUARE);
                    // SAFETY: the square was just written, and there is room for it.
                    unsafe { (table.turn)(turned.assume_init_ref(), to) };
                }
            }
        }
    }
}

/// Sums of dY over its rows, the gradient of a bias, each a line `p * distance` behind `out`: a bias is the weight of an
/// input that is always one.
///
/// # Safety
/// The table's instruction set; the panels are there, and so is room for their lines.
unsafe fn bias_gradient(table: &Table, dy: &Panels, panels: Range<usize>, out: *mut f32, distance: usize) {
    let rows = dy.rows();
    for (at, panel) in panels.enumerate() {
        let tile = Tile {
            rows: 1,
            panels: 1,
            a: &raw const ONE,
            a_row: 0,
            a_outer: 0,
            a_inner: 0,
            steps: rows,
            b: dy.flat()[panel * rows * LANES..].as_ptr(),
            b_panel: 0,
            c: out.wrapping_add(at * distance),
            c_panel: 0,
            resume: false,
            bias: std::ptr::null(),
        };
        // SAFETY: reads all lines of a panel of dY, and one constant; writes a line.
        unsafe { (table.tile)(&tile) };
    }
}

/// How [`grad_w`] finds what is not zero.
#[derive(Clone, Copy)]
enum Way<'a> {
    /// Not at all.
    Dense,
    /// In X: an input at a time, of which a few panels of units are the lines.
    ByInputs(&'a Live),
    /// In dY: a unit at a time, of which a few panels of inputs are the lines, which then are turned. Without bits, all of
    /// a narrow dY: the tile would compute its padding, too.
    ByUnits(Option<&'a Live>),
}

impl<'a> Way<'a> {
    /// The one that seems to take the least time.
    fn new(x: &Panels, dy: &Panels, [x_live, dy_live]: [Option<&'a Live>; 2]) -> Self {
        let rows = x.rows().max(1) as f64;
        // The lines of one column after another: the first-level cache has room for those of 128 rows.
        let time = |share: f64, panels: usize, each: f64| {
            each / rows + gemm::one_by_one(share * if rows > 128.0 { 1.8 } else { 1.0 }, panels)
        };
        let by_inputs =
            x_live.map(|live| (time(live.share_of_elements(), dy.panels(), 1.0), Self::ByInputs(live)));
        let by_units =
            dy_live.map(|live| (time(live.share_of_elements(), x.panels(), 5.0), Self::ByUnits(Some(live))));
        let narrow = (dy.panels() == 1 && x.rows() <= NARROW_ROWS)
            .then(|| (time(dy.cols() as f64 / LANES as f64, x.panels(), 5.0), Self::ByUnits(None)));
        [Some((1.0, Self::Dense)), by_inputs, by_units, narrow]
            .into_iter()
            .flatten()
            .min_by(|(a, _), (b, _)| a.total_cmp(b))
            .map_or(Self::Dense, |(_, way)| way)
    }
}

/// The most rows of a narrow dY without bits.
const NARROW_ROWS: usize = 256;

/// The bits of [`Live::columns`] where all of these rows and columns are live.
fn every_row(rows: usize, cols: usize) -> [u64; LANES * NARROW_ROWS / WORD] {
    let words = rows.div_ceil(WORD);
    let mut bits = [0; LANES * NARROW_ROWS / WORD];
    for column in bits.chunks_exact_mut(words.max(1)).take(cols) {
        for (word, bits) in column.iter_mut().enumerate() {
            *bits = u64::MAX >> WORD.saturating_sub(rows - word * WORD);
        }
    }
    bits
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
