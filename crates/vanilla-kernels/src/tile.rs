//! The register tiles: what of a product is done in registers.
//!
//! A tile walks down a few panels of its right operand line by line (`B`, always contiguous) and broadcasts single
//! floats of its left operand (`A`). [`tile`] takes every k; [`live_tile`] and [`thin`] take those they are told.

use crate::live::{GROUP, WORD};
use crate::panels::LANES;
use crate::vector::{Vector, prefetch};

/// The most rows of a live tile.
pub(crate) const LIVE_ROWS: usize = 8;

/// One register tile: `C[r][p][0..16] (+)= sum over k of A[r][k] * B[p][k][0..16]`.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    /// Rows of the tile.
    pub rows: usize,
    /// Panels of the tile.
    pub panels: usize,
    /// Element (row r, step k) of A lies at `a + r * a_row + k / 16 * a_outer + k % 16 * a_inner`.
    pub a: *const f32,
    pub a_row: usize,
    pub a_outer: usize,
    pub a_inner: usize,
    pub steps: usize,
    /// Line k of panel p lies at `b + p * b_panel + k * 16`.
    pub b: *const f32,
    pub b_panel: usize,
    /// Row r of panel p lies at `c + p * c_panel + r * 16`.
    pub c: *mut f32,
    pub c_panel: usize,
    /// Start from what C holds instead of from zero.
    pub resume: bool,
    /// One line a panel, added to the finished sums; null for none.
    pub bias: *const f32,
}

/// The steps and rows of a tile that count.
#[derive(Clone, Copy)]
pub(crate) struct Choice<'a> {
    /// Bit `k % 64` of word `words[k / 64 * stride]` tells whether step k is taken.
    pub words: &'a [u64],
    pub stride: usize,
    /// Row r of the tile is `picked[r]` where the dense tile has r.
    pub picked: [u8; LIVE_ROWS],
}

/// Hands each size of a tile to its own instance of `$of`. Sizes beyond the instruction set's own are never built.
macro_rules! by_size {
    ($t:ident, $of:ident::<$V:ident> $args:tt, $most:expr; $($r:literal x $p:literal)*) => {
        match ($t.rows, $t.panels) {
            // A line is 4 SSE, 2 AVX2 or 1 AVX-512 registers.
            $(($r, $p) if $r <= $most($p) => match LANES / $V::LANES {
                1 => $of::<$V, $r, $p, $p>$args,
                2 => $of::<$V, $r, $p, { 2 * $p }>$args,
                _ => $of::<$V, $r, $p, { 4 * $p }>$args,
            },)*
            (rows, panels) => unreachable!("tile of {rows} x {panels}"),
        }
    };
}

/// # Safety
/// V's instruction set; `t.rows` and `t.panels` at most `V::TILE`; all addresses that `t` describes are valid, C's
/// exclusively.
#[inline(always)]
pub(crate) unsafe fn tile<V: Vector>(t: &Tile) {
    // SAFETY: handed on.
    unsafe {
        by_size!(t, dense::<V>(t), |panels| if panels <= V::TILE.1 { V::TILE.0 } else { 0 };
            1 x 1 2 x 1 3 x 1 4 x 1 5 x 1 6 x 1 7 x 1 8 x 1
            1 x 2 2 x 2 3 x 2 4 x 2 5 x 2 6 x 2 7 x 2 8 x 2
            1 x 3 2 x 3 3 x 3 4 x 3 5 x 3 6 x 3 7 x 3 8 x 3)
    }
}

/// # Safety
/// V's instruction set; `t` is no larger than `V::LIVE_ROWS x 1` or `GROUP x V::LIVE_PANELS`; all addresses that `t`
/// describes are valid for the rows that are picked and the steps whose bits are set, C's exclusively.
#[inline(always)]
pub(crate) unsafe fn live_tile<V: Vector>(t: &Tile, choice: &Choice<'_>) {
    // SAFETY: handed on.
    unsafe {
        by_size!(t, live::<V>(t, choice), |panels| if panels == 1 { V::LIVE_ROWS }
            else if panels <= V::LIVE_PANELS { GROUP } else { 0 };
            1 x 1 2 x 1 3 x 1 4 x 1 5 x 1 6 x 1 7 x 1 8 x 1
            1 x 2 2 x 2 3 x 2 4 x 2 1 x 3 2 x 3 3 x 3 4 x 3 1 x 4 2 x 4 3 x 4 4 x 4)
    }
}

/// `sums += A[..][k] B[k]` for one k.
///
/// # Safety
/// As for the tile; `a` and `b` point to row 0 and panel 0 at this k, and the tile's rows lie `rows` away from `a`.
#[allow(clippy::needless_range_loop)] // r and j name registers; iterators hide that they are unrolled
#[inline(always)]
unsafe fn step<V: Vector, const ROWS: usize, const PANELS: usize, const WIDE: usize>(
    sums: &mut [[V; WIDE]; ROWS],
    t: &Tile,
    rows: &[usize; ROWS],
    a: *const f32,
    b: *const f32,
) {
    // SAFETY: the caller vouches for the addresses.
    unsafe {
        let each = WIDE / PANELS;
        let mut line = [V::splat(0.0); WIDE];
        for j in 0..WIDE {
            line[j] = V::load(b.add(j / each * t.b_panel + j % each * V::LANES));
        }
        for r in 0..ROWS {
            let x = V::splat(*a.add(rows[r]));
            for j in 0..WIDE {
                sums[r][j] = x.fma(line[j], sums[r][j]);
            }
        }
    }
}

/// What the sums start from; the rows of C lie `c` away from `t.c`.
///
/// # Safety
/// As for the tile.
#[allow(clippy::needless_range_loop)] // as in `step`
#[inline(always)]
unsafe fn start<V: Vector, const ROWS: usize, const PANELS: usize, const WIDE: usize>(
    t: &Tile,
    c: &[usize; ROWS],
) -> [[V; WIDE]; ROWS] {
    // SAFETY: the caller vouches for the addresses.
    unsafe {
        let each = WIDE / PANELS;
        let mut sums = [[V::splat(0.0); WIDE]; ROWS];
        if t.resume {
            for r in 0..ROWS {
                for j in 0..WIDE {
                    sums[r][j] = V::load(t.c.add(j / each * t.c_panel + c[r] + j % each * V::LANES));
                }
            }
        }
        sums
    }
}

/// Adds the bias and stores; the rows of C lie `c` away from `t.c`.
///
/// # Safety
/// As for the tile.
#[allow(clippy::needless_range_loop)] // as in `step`
#[inline(always)]
unsafe fn finish<V: Vector, const ROWS: usize, const PANELS: usize, const WIDE: usize>(
    mut sums: [[V; WIDE]; ROWS],
    t: &Tile,
    c: &[usize; ROWS],
) {
    // SAFETY: the caller vouches for the addresses.
    unsafe {
        let each = WIDE / PANELS;
        if !t.bias.is_null() {
            for j in 0..WIDE {
                let bias = V::load(t.bias.add(j * V::LANES));
                for r in 0..ROWS {
                    sums[r][j] = sums[r][j].add(bias);
                }
            }
        }
        for r in 0..ROWS {
            for j in 0..WIDE {
                sums[r][j].store(t.c.add(j / each * t.c_panel + c[r] + j % each * V::LANES));
            }
        }
    }
}

/// # Safety
/// As [`tile`], and `t` is `ROWS x PANELS`, `WIDE * V::LANES == 16 * PANELS`.
#[inline(always)]
unsafe fn dense<V: Vector, const ROWS: usize, const PANELS: usize, const WIDE: usize>(t: &Tile) {
    // SAFETY: the caller vouches for every address that the tile describes; prefetches may point anywhere.
    unsafe {
        let rows: [usize; ROWS] = std::array::from_fn(|r| r * t.a_row);
        let c: [usize; ROWS] = std::array::from_fn(|r| r * LANES);
        let mut sums = start::<V, ROWS, PANELS, WIDE>(t, &c);
        let (mut run, mut b) = (t.a, t.b);
        for left in (0..t.steps).step_by(LANES).map(|k| t.steps - k) {
            let mut a = run;
            run = run.wrapping_add(t.a_outer);
            // The next run lies in another panel, where no hardware prefetcher follows.
            for r in rows {
                prefetch(run.wrapping_add(r));
            }
            for _ in 0..left.min(LANES) {
                step::<V, ROWS, PANELS, WIDE>(&mut sums, t, &rows, a, b);
                a = a.wrapping_add(t.a_inner);
                b = b.wrapping_add(LANES);
            }
        }
        finish::<V, ROWS, PANELS, WIDE>(sums, t, &c);
    }
}

/// # Safety
/// As [`live_tile`], and `t` is `ROWS x PANELS`, `WIDE * V::LANES == 16 * PANELS`.
#[inline(always)]
unsafe fn live<V: Vector, const ROWS: usize, const PANELS: usize, const WIDE: usize>(
    t: &Tile,
    choice: &Choice<'_>,
) {
    let at = |k| k / LANES * t.a_outer + k % LANES * t.a_inner;
    // SAFETY: handed on.
    unsafe { picked::<V, ROWS, PANELS, WIDE>(t, &choice.picked, |word| choice.words[word * choice.stride], at) };
}

/// The tile whose row r is row `picked[r]` of `t`, over the steps k whose bits are set in `words(k / 64)`; `at(k)` is
/// where A's step k lies.
///
/// # Safety
/// As [`live_tile`].
#[inline(always)]
unsafe fn picked<V: Vector, const ROWS: usize, const PANELS: usize, const WIDE: usize>(
    t: &Tile,
    picked: &[u8],
    words: impl Fn(usize) -> u64,
    at: impl Fn(usize) -> usize,
) {
    // SAFETY: the caller vouches for every address that the tile describes.
    unsafe {
        let rows: [usize; ROWS] = std::array::from_fn(|r| usize::from(picked[r]) * t.a_row);
        let c: [usize; ROWS] = std::array::from_fn(|r| usize::from(picked[r]) * LANES);
        let mut sums = start::<V, ROWS, PANELS, WIDE>(t, &c);
        for word in 0..t.steps.div_ceil(WORD) {
            let mut bits = words(word);
            while bits != 0 {
                let k = word * WORD + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                step::<V, ROWS, PANELS, WIDE>(&mut sums, t, &rows, t.a.add(at(k)), t.b.add(k * LANES));
            }
        }
        finish::<V, ROWS, PANELS, WIDE>(sums, t, &c);
    }
}

/// Sixteen inputs by sixteen units of a weight gradient, a few inputs at a time: only rows where one of eight inputs
/// and one of the units are live.
#[derive(Clone, Copy)]
pub(crate) struct Thin<'a> {
    /// The block: A is a panel of X, B one of dY, both `steps` lines; C has sixteen lines.
    pub tile: Tile,
    /// The inputs, eight and eight.
    pub order: &'a [u8; LANES],
    /// A bit for each row: whether one of the first or last eight inputs is live. Empty where nobody knows.
    pub octets: [&'a [u64]; 2],
    /// A bit for each row: whether one of the units is live. Empty where nobody knows, but not with the octets.
    pub units: &'a [u64],
}

/// # Safety
/// V's instruction set; all addresses that `t.tile` describes are valid, C's exclusively; no bit past the steps.
#[inline(always)]
pub(crate) unsafe fn thin<V: Vector>(t: &Thin<'_>) {
    for (octet, order) in t.octets.iter().zip(t.order.chunks_exact(LANES / 2)) {
        let words = |word: usize| match (octet.get(word), t.units.get(word)) {
            (Some(octet), Some(units)) => octet & units,
            (Some(one), None) | (None, Some(one)) => *one,
            (None, None) => 0,
        };
        let at = |k| k * LANES;
        for lanes in order.chunks_exact(V::LIVE_ROWS) {
            // SAFETY: handed on; a tile of `LIVE_ROWS` rows reads lanes of a panel of X.
            unsafe {
                match (V::LIVE_ROWS, LANES / V::LANES) {
                    (8, 1) => picked::<V, 8, 1, 1>(&t.tile, lanes, words, at),
                    (4, 2) => picked::<V, 4, 1, 2>(&t.tile, lanes, words, at),
                    (4, 4) => picked::<V, 4, 1, 4>(&t.tile, lanes, words, at),
                    _ => unreachable!("a live tile of {} rows", V::LIVE_ROWS),
                }
            }
        }
    }
}
