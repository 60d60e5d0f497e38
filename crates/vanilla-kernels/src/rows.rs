//! Whole-matrix sweeps around the products: gather and cast a batch, transpose, a function of each row.

use crate::arch::Table;
use crate::gemm::Epilogue;
use crate::live::{BLOCK_PANELS, Live, WORD};
use crate::panels::{LANES, Panels};
use crate::team::Team;
use crate::vector::{SQUARE, Vector, prefetch};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the rows of a batch come from: a row-major table of `width` columns.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Bytes, each replaced by its entry in a table of 256 floats (the cast, and whatever was done after it).
    U8(&'a [u8], &'a [f32; 256]),
    /// Floats, taken as they are.
    F32(&'a [f32]),
}

impl Source<'_> {
    fn len(&self) -> usize {
        match self {
            Self::U8(x, _) => x.len(),
            Self::F32(x) => x.len(),
        }
    }
}

/// `X[i] = source[rows[i]]` for every row i of the batch; X becomes `rows.len() x X.cols()`, and `live`
/// tells where it is not zero.
///
/// # Panics
/// If the source is not a whole number of rows or an index lies outside.
pub(crate) fn gather(
    table: &Table,
    team: &Team,
    source: Source<'_>,
    rows: &[usize],
    x: &mut Panels,
    live: Option<&mut Live>,
) {
    let width = x.cols();
    let count = source.len().checked_div(width).unwrap_or(0);
    assert!(
        width == 0 || source.len().is_multiple_of(width),
        "source of {} values in rows of {width}",
        source.len()
    );
    assert!(rows.iter().all(|&row| row < count || width == 0), "row index beyond {count} rows");
    x.resize(rows.len(), width);
    let parts = live.map(|live| {
        live.resize(rows.len(), width);
        live.parts()
    });
    if rows.is_empty() || width == 0 {
        return;
    }
    let plain =
        matches!(source, Source::U8(_, table) if table.iter().zip(0u8..=255).all(|(&x, i)| x == f32::from(i)));
    each_chunk(team, x.flat_mut(), BLOCK_PANELS * rows.len() * LANES, &|index, lines| {
        let first = index * BLOCK_PANELS * LANES;
        // SAFETY: chunk `index` of X is block `index` of its `Live`, which lives as long as this call, and chunks
        // are given to one share each.
        let mut block = parts.as_ref().map(|parts| unsafe { parts.block(index) });
        let elements = block.as_mut().map_or(&mut [][..], |block| block.elements);
        // SAFETY: whoever holds a table has its instruction set. The indices were checked, so `first..width` of each
        // row lies in the source; lines and elements belong to this block and have its rows.
        unsafe { (table.cast)(Cast { source, plain, rows, width, first, lines, elements }) };
        if let Some(block) = &mut block {
            block.finish();
        }
    });
}

/// Finds out where X is not zero. Padding counts as zero.
pub(crate) fn look(table: &Table, team: &Team, x: &Panels, live: &mut Live) {
    let (rows, cols) = (x.rows(), x.cols());
    live.resize(rows, cols);
    if rows == 0 {
        return;
    }
    let parts = live.parts();
    team.split(cols.div_ceil(WORD), &|blocks| {
        for index in blocks {
            let panels = index * BLOCK_PANELS..x.panels().min((index + 1) * BLOCK_PANELS);
            // SAFETY: X has these columns, `live` lives as long as this call, and each block is given to one share.
            let mut block = unsafe { parts.block(index) };
            let lines = &x.flat()[panels.start * rows * LANES..panels.end * rows * LANES];
            // SAFETY: whoever holds a table has its instruction set.
            unsafe { (table.survey)(lines, block.elements) };
            let padding = WORD.saturating_sub(cols - index * WORD);
            block.elements.iter_mut().for_each(|row| *row &= u64::MAX >> padding);
            block.finish();
        }
    });
}

/// One bit an element, one word a row: `lines` are those of up to four panels with as many rows as `elements`.
///
/// # Safety
/// V's instruction set.
#[inline(always)]
pub(crate) unsafe fn survey<V: Vector>(lines: &[f32], elements: &mut [u64]) {
    let rows = elements.len();
    elements.fill(0);
    for (panel, lines) in lines.chunks_exact(rows * LANES).enumerate() {
        for (line, row) in lines.chunks_exact(LANES).zip(&mut *elements) {
            for (at, part) in line.chunks_exact(V::LANES).enumerate() {
                // SAFETY: the caller has the instruction set; a part has its floats.
                *row |= u64::from(unsafe { V::load(part.as_ptr()).nonzero() }) << (panel * LANES + at * V::LANES);
            }
        }
    }
}

/// Asks for a part (of `all`) of rows of a table that will be read soon: cache line by cache line of all rows, as threads
/// share them when they gather. Shuffled rows lie anywhere, and fetching each when it is read would take as long as ten of
/// them take when they are near.
pub(crate) fn expect(source: Source<'_>, width: usize, rows: &[usize], part: Range<usize>, all: usize) {
    const LINE: usize = LANES * size_of::<f32>();
    let (start, bytes) = match source {
        Source::U8(x, _) => (x.as_ptr(), width),
        Source::F32(x) => (x.as_ptr().cast(), width * size_of::<f32>()),
    };
    let count = bytes.div_ceil(LINE) * rows.len();
    if count == 0 {
        return;
    }
    let (first, end) = (count * part.start / all, count * part.end / all);
    let (mut line, mut row) = (first / rows.len(), first % rows.len());
    for _ in first..end {
        prefetch(start.wrapping_add(rows[row] * bytes + line * LINE).cast());
        row += 1;
        if row == rows.len() {
            (line, row) = (line + 1, 0);
        }
    }
}

/// 64 columns of a batch, to be gathered.
pub(crate) struct Cast<'a> {
    pub source: Source<'a>,
    /// Whether bytes become floats of the same value.
    pub plain: bool,
    pub rows: &'a [usize],
    pub width: usize,
    /// The first of the columns.
    pub first: usize,
    /// `[panel][row][lane]`, up to four panels.
    pub lines: &'a mut [f32],
    /// A word a row: bit c tells whether column `first + c` is not zero. Or none, if nobody wants to know.
    pub elements: &'a mut [u64],
}

/// # Safety
/// V's instruction set; the source has these rows; there are lines and elements for all of them.
#[inline(always)]
pub(crate) unsafe fn cast<V: Vector>(c: Cast<'_>) {
    let panels = (c.width - c.first).div_ceil(LANES).min(BLOCK_PANELS);
    for (r, &row) in c.rows.iter().enumerate() {
        let mut live = 0;
        for panel in 0..panels {
            let start = c.first + panel * LANES;
            let at = row * c.width + start;
            let real = LANES.min(c.width - start);
            let line = &mut c.lines[(panel * c.rows.len() + r) * LANES..][..LANES];
            let mut padded = [0.0; LANES];
            for lane in (0..LANES).step_by(V::LANES) {
                // SAFETY: `real` values of the source start at `at`; only where all 16 are real are they read in
                // one go, else they were copied to a whole line first.
                let x = unsafe {
                    match c.source {
                        Source::U8(bytes, _) if c.plain && real == LANES => {
                            V::from_bytes(bytes.as_ptr().add(at + lane))
                        }
                        Source::F32(floats) if real == LANES => V::load(floats.as_ptr().add(at + lane)),
                        Source::U8(bytes, table) => {
                            for (to, from) in
                                padded.iter_mut().zip(&bytes[at..at + real]).skip(lane).take(V::LANES)
                            {
                                *to = table[usize::from(*from)];
                            }
                            V::load(padded.as_ptr().add(lane))
                        }
                        Source::F32(floats) => {
                            let n = real.saturating_sub(lane).min(V::LANES);
                            V::load_first(floats[at + real.min(lane)..].as_ptr(), n, V::splat(0.0))
                        }
                    }
                };
                // SAFETY: a line has 16 floats.
                unsafe { x.store(line[lane..].as_mut_ptr()) };
                // SAFETY: the caller has the instruction set.
                live |= u64::from(unsafe { x.nonzero() }) << (panel * LANES + lane);
            }
        }
        if let Some(row) = c.elements.get_mut(r) {
            *row = live;
        }
    }
}

/// `T = X'`, then `epilogue` on each finished run of lines; T becomes `X.cols() x X.rows()`.
pub(crate) fn transpose(table: &Table, team: &Team, x: &Panels, t: &mut Panels, epilogue: Epilogue<'_>) {
    t.resize(x.cols(), x.rows());
    let (rows, cols) = (x.rows(), x.cols());
    if rows == 0 || cols == 0 {
        return;
    }
    let from = x.flat();
    each_chunk(team, t.flat_mut(), cols * LANES, &|block, lines| {
        let first = block * LANES;
        for (panel, to) in lines.chunks_mut(SQUARE).enumerate() {
            let source = &from[(panel * rows + first) * LANES..];
            match source.first_chunk() {
                // SAFETY: whoever holds a table has its instruction set; there is room for a square.
                Some(source) if first + LANES <= rows && to.len() == SQUARE => unsafe {
                    (table.turn)(source, to.as_mut_ptr());
                },
                _ => {
                    let real = LANES.min(rows - first);
                    for (col, line) in to.chunks_exact_mut(LANES).enumerate() {
                        for (lane, to) in line[..real].iter_mut().enumerate() {
                            *to = source[lane * LANES + col];
                        }
                    }
                }
            }
        }
        epilogue(block * cols * LANES, lines);
    });
}

/// [`Vector::turn`].
///
/// # Safety
/// V's instruction set; there is room for a square at `to`.
#[inline(always)]
pub(crate) unsafe fn turn<V: Vector>(from: &[f32; SQUARE], to: *mut f32) {
    // SAFETY: handed on.
    unsafe { V::turn(from, to) }
}

/// The largest magnitude in all lines, padding included; infinity if an element is infinite or NaN.
pub(crate) fn largest(table: &Table, team: &Team, x: &Panels) -> f32 {
    // Magnitudes are ordered as their bits are.
    let bits = AtomicU32::new(0);
    team.split(x.flat().len() / LANES, &|lines| {
        // SAFETY: whoever holds a table has its instruction set.
        let most = unsafe { (table.largest)(&x.flat()[lines.start * LANES..lines.end * LANES]) };
        bits.fetch_max(most.to_bits(), Ordering::Relaxed);
    });
    f32::from_bits(bits.into_inner())
}

/// Calls `f(i, chunk)` for the i-th chunk of `len` floats, chunks shared out over the team.
pub(crate) fn each_chunk(team: &Team, floats: &mut [f32], len: usize, f: &(dyn Fn(usize, &mut [f32]) + Sync)) {
    if floats.is_empty() {
        return;
    }
    let total = floats.len();
    let start = Start(floats.as_mut_ptr());
    team.split(total.div_ceil(len), &|range| {
        for index in range {
            let at = index * len;
            // SAFETY: chunk `index` lies inside the slice, overlaps no other chunk, and belongs to this share alone.
            let chunk = unsafe { std::slice::from_raw_parts_mut(start.get().add(at), len.min(total - at)) };
            f(index, chunk);
        }
    });
}

struct Start(*mut f32);
// SAFETY: a plain address; `each_chunk` hands out disjoint parts.
unsafe impl Sync for Start {}
impl Start {
    fn get(&self) -> *mut f32 {
        self.0
    }
}
