//! The register tiles: what of a product is done in registers.
//!
//! A tile walks down a few panels of its right operand line by line (`B`, always contiguous) and broadcasts single
//! floats of its left operand (`A`). [`tile`] takes every k; [`live_tile`], [`singles`] and [`outer`] take those they
//! are told; [`narrow`] is for products of a few columns.

use crate::live::WORD;
use crate::panels::LANES;
use crate::vector::{SQUARE, Vector, prefetch};

/// The most rows of a live tile.
pub(crate) const LIVE_ROWS: usize = 8;

/// The most units of a [`Narrow`] product.
pub(crate) const NARROW_UNITS: usize = 4;

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
    /// Bit `k % 64` of word `k / 64` tells whether step k is taken.
    pub words: &'a [u64],
    /// Row r of the tile is `picked[r]` where the dense tile has r.
    pub picked: [u8; LIVE_ROWS],
}

/// Hands each size of a tile to its own instance of `$of`. Sizes beyond the instruction set's own are never built.
macro_rules! by_size {
    ($size:expr, $of:ident::<$V:ident> $args:tt, $most:expr; $($r:literal x $p:literal)*) => {
        match $size {
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
        by_size!((t.rows, t.panels), dense::<V>(t), |panels| if panels <= V::TILE.1 { V::TILE.0 } else { 0 };
            1 x 1 2 x 1 3 x 1 4 x 1 5 x 1 6 x 1 7 x 1 8 x 1
            1 x 2 2 x 2 3 x 2 4 x 2 5 x 2 6 x 2 7 x 2 8 x 2
            1 x 3 2 x 3 3 x 3 4 x 3 5 x 3 6 x 3 7 x 3 8 x 3)
    }
}

/// # Safety
/// V's instruction set; `t` is no larger than `V::LIVE_ROWS x 1`; all addresses that `t` describes are valid for the
/// rows that are picked and the steps whose bits are set, C's exclusively.
#[inline(always)]
pub(crate) unsafe fn live_tile<V: Vector>(t: &Tile, choice: &Choice<'_>) {
    // SAFETY: handed on.
    unsafe {
        by_size!((t.rows, t.panels), live::<V>(t, choice), |panels| if panels == 1 { V::LIVE_ROWS } else { 0 };
            1 x 1 2 x 1 3 x 1 4 x 1 5 x 1 6 x 1 7 x 1 8 x 1)
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
/// A tiny negative product rounds to -0, which the next product with +0 makes +0, unless it is left out: so zero is
/// added at the end.
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
                let sum = sums[r][j].add(V::splat(0.0));
                sum.store(t.c.add(j / each * t.c_panel + c[r] + j % each * V::LANES));
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
    // SAFETY: the caller vouches for every address that the tile describes.
    unsafe {
        let rows: [usize; ROWS] = std::array::from_fn(|r| usize::from(choice.picked[r]) * t.a_row);
        let c: [usize; ROWS] = std::array::from_fn(|r| usize::from(choice.picked[r]) * LANES);
        let mut sums = start::<V, ROWS, PANELS, WIDE>(t, &c);
        for (word, &bits) in choice.words[..t.steps.div_ceil(WORD)].iter().enumerate() {
            for k in ones(bits) {
                let k = word * WORD + k;
                let a = t.a.add(k / LANES * t.a_outer + k % LANES * t.a_inner);
                step::<V, ROWS, PANELS, WIDE>(&mut sums, t, &rows, a, t.b.add(k * LANES));
            }
        }
        finish::<V, ROWS, PANELS, WIDE>(sums, t, &c);
    }
}

/// The numbers of the bits that are set, in ascending order.
#[inline(always)]
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let number = bits.trailing_zeros() as usize;
        (bits != 0).then(|| {
            bits &= bits - 1;
            number
        })
    })
}

/// Rows of a product one at a time, over at most 128 k: only those at which the row itself is live.
#[derive(Clone, Copy)]
pub(crate) struct Singles<'a> {
    /// Up to `V::SINGLE_PANELS` panels. Its rows and steps are those that have words and bits.
    pub tile: Tile,
    /// A word for each row, whose bits tell which of the first 64 steps are taken.
    pub first: &'a [u64],
    /// The same for the next 64; empty where there are none.
    pub second: &'a [u64],
}

/// # Safety
/// V's instruction set; at most `V::SINGLE_PANELS` panels; all addresses that `s.tile` describes are valid, C's
/// exclusively, for as many rows as there are words; no bit past the steps.
#[inline(always)]
pub(crate) unsafe fn singles<V: Vector>(s: &Singles<'_>) {
    // SAFETY: handed on.
    unsafe {
        by_size!((1, s.tile.panels), single::<V>(s), |panels| usize::from(panels <= V::SINGLE_PANELS);
            1 x 1 1 x 2 1 x 3 1 x 4 1 x 5 1 x 6 1 x 7 1 x 8)
    }
}

/// # Safety
/// As [`singles`], and `WIDE * V::LANES == 16 * PANELS`.
#[inline(always)]
unsafe fn single<V: Vector, const _ROWS: usize, const PANELS: usize, const WIDE: usize>(s: &Singles<'_>) {
    let t = &s.tile;
    for (row, &first) in s.first.iter().enumerate() {
        // SAFETY: the caller vouches for every address that the tile describes.
        unsafe {
            let mut sums = start::<V, 1, PANELS, WIDE>(t, &[row * LANES]);
            let a = t.a.add(row * t.a_row);
            // Written out: the sums stay in registers, and a branch of its own ends each loop.
            for k in ones(first) {
                let a = a.add(k / LANES * t.a_outer + k % LANES);
                step::<V, 1, PANELS, WIDE>(&mut sums, t, &[0], a, t.b.add(k * LANES));
            }
            if let Some(&second) = s.second.get(row) {
                for k in ones(second) {
                    let k = WORD + k;
                    let a = a.add(k / LANES * t.a_outer + k % LANES);
                    step::<V, 1, PANELS, WIDE>(&mut sums, t, &[0], a, t.b.add(k * LANES));
                }
            }
            finish::<V, 1, PANELS, WIDE>(sums, t, &[row * LANES]);
        }
    }
}

/// The most panels of an [`Outer`].
pub(crate) const OUTER_PANELS: usize = 4;

/// The product `A' B` of sixteen columns and a few panels, one column of A at a time: only the rows where it is live.
#[derive(Clone, Copy)]
pub(crate) struct Outer<'a> {
    /// Row r of A, sixteen floats, lies at `a + r * 16`.
    pub a: *const f32,
    /// For each of the sixteen columns the same number of words, whose bits tell the rows where it is live.
    pub live: &'a [u64],
    /// Row r of panel p of B lies at `b + p * b_panel + r * 16`.
    pub b: *const f32,
    pub b_panel: usize,
    /// One to [`OUTER_PANELS`].
    pub panels: usize,
    /// A square a panel of B, of which a line is a column of A, at `c + p * c_panel`.
    pub c: *mut f32,
    pub c_panel: usize,
}

/// # Safety
/// V's instruction set; all addresses that `o` describes are valid, C's exclusively; bits only of rows that are there.
#[inline(always)]
pub(crate) unsafe fn outer<V: Vector>(o: &Outer<'_>) {
    // SAFETY: handed on.
    unsafe { by_size!((1, o.panels), spread::<V>(o), |_| 1; 1 x 1 1 x 2 1 x 3 1 x 4) }
}

/// # Safety
/// As [`outer`], and `WIDE * V::LANES == 16 * PANELS`.
#[allow(clippy::needless_range_loop)] // as in `step`
#[inline(always)]
unsafe fn spread<V: Vector, const _ROWS: usize, const PANELS: usize, const WIDE: usize>(o: &Outer<'_>) {
    let each = WIDE / PANELS;
    let words = o.live.len() / LANES;
    for column in 0..LANES {
        // SAFETY: the caller vouches for every address that `o` describes.
        unsafe {
            let mut sums = [V::splat(0.0); WIDE];
            for (word, &bits) in o.live[column * words..(column + 1) * words].iter().enumerate() {
                for row in ones(bits) {
                    let row = (word * WORD + row) * LANES;
                    let a = V::splat(*o.a.add(row + column));
                    for j in 0..WIDE {
                        let b = V::load(o.b.add(j / each * o.b_panel + row + j % each * V::LANES));
                        sums[j] = a.fma(b, sums[j]);
                    }
                }
            }
            for j in 0..WIDE {
                // As in `finish`.
                let sum = sums[j].add(V::splat(0.0));
                sum.store(o.c.add(j / each * o.c_panel + column * LANES + j % each * V::LANES));
            }
        }
    }
}

/// Up to sixteen rows of a product with a few units. The tile would compute a line of padding for them; here the rows are
/// turned, so that a lane is a row.
#[derive(Clone, Copy)]
pub(crate) struct Narrow {
    /// Row r of panel p of A lies at `a + p * a_panel + r * 16`.
    pub a: *const f32,
    pub a_panel: usize,
    /// One to sixteen.
    pub rows: usize,
    pub steps: usize,
    /// Line k of B, of which `units` floats count, lies at `b + k * 16`.
    pub b: *const f32,
    /// One to [`NARROW_UNITS`].
    pub units: usize,
    /// Row r lies at `c + r * 16`.
    pub c: *mut f32,
    /// A line, added to the finished sums; null for none.
    pub bias: *const f32,
}

/// # Safety
/// V's instruction set; all addresses that `n` describes are valid, C's exclusively.
#[inline(always)]
pub(crate) unsafe fn narrow<V: Vector>(n: &Narrow) {
    // SAFETY: handed on.
    unsafe { by_size!((1, n.units), turned::<V>(n), |_| 1; 1 x 1 1 x 2 1 x 3 1 x 4) }
}

/// # Safety
/// As [`narrow`], and there are `UNITS`, `WIDE * V::LANES == 16 * UNITS`.
#[allow(clippy::needless_range_loop)] // as in `step`
#[inline(always)]
unsafe fn turned<V: Vector, const _ROWS: usize, const UNITS: usize, const WIDE: usize>(n: &Narrow) {
    let each = WIDE / UNITS;
    let (mut lines, mut turned) = ([0.0; SQUARE], [0.0; SQUARE]);
    // SAFETY: the caller vouches for every address that `n` describes; rows past the last one are zero.
    unsafe {
        let mut sums = [V::splat(0.0); WIDE];
        for k in (0..n.steps).step_by(LANES) {
            let a = n.a.add(k / LANES * n.a_panel);
            if n.rows == LANES {
                V::turn(&*a.cast(), turned.as_mut_ptr());
            } else {
                lines.as_mut_ptr().copy_from_nonoverlapping(a, n.rows * LANES);
                V::turn(&lines, turned.as_mut_ptr());
            }
            for step in 0..LANES.min(n.steps - k) {
                let b = n.b.add((k + step) * LANES);
                for j in 0..WIDE {
                    let a = V::load(turned[step * LANES + j % each * V::LANES..].as_ptr());
                    sums[j] = a.fma(V::splat(*b.add(j / each)), sums[j]);
                }
            }
        }
        lines = [0.0; SQUARE];
        for j in 0..WIDE {
            let bias = if n.bias.is_null() { 0.0 } else { *n.bias.add(j / each) };
            // As in `finish`.
            let sum = sums[j].add(V::splat(bias)).add(V::splat(0.0));
            sum.store(lines[j / each * LANES + j % each * V::LANES..].as_mut_ptr());
        }
        V::turn(&lines, turned.as_mut_ptr());
        n.c.copy_from_nonoverlapping(turned.as_ptr(), n.rows * LANES);
    }
}
