//! Whole-matrix sweeps around the products: gather and cast a batch, transpose, a function of each row.

use crate::panels::{LANES, Panels};
use crate::team::Team;

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

/// `X[i] = source[rows[i]]` for every row i of the batch; X becomes `rows.len() x X.cols()`.
///
/// # Panics
/// If the source is not a whole number of rows or an index lies outside.
pub(crate) fn gather(team: &Team, source: Source<'_>, rows: &[usize], x: &mut Panels) {
    let width = x.cols();
    let count = source.len().checked_div(width).unwrap_or(0);
    assert!(
        width == 0 || source.len().is_multiple_of(width),
        "source of {} values in rows of {width}",
        source.len()
    );
    assert!(rows.iter().all(|&row| row < count || width == 0), "row index beyond {count} rows");
    x.resize(rows.len(), width);
    if rows.is_empty() || width == 0 {
        return;
    }
    let panel_len = rows.len() * LANES;
    each_chunk(team, x.flat_mut(), panel_len, &|panel, lines| {
        let start = panel * LANES;
        let real = LANES.min(width - start);
        for (line, &row) in lines.chunks_exact_mut(LANES).zip(rows) {
            let at = row * width + start;
            match source {
                Source::U8(bytes, table) => {
                    for (to, &from) in line[..real].iter_mut().zip(&bytes[at..at + real]) {
                        *to = table[usize::from(from)];
                    }
                }
                Source::F32(floats) => line[..real].copy_from_slice(&floats[at..at + real]),
            }
        }
    });
}

/// `T = X'`; T becomes `X.cols() x X.rows()`.
pub(crate) fn transpose(team: &Team, x: &Panels, t: &mut Panels) {
    t.resize(x.cols(), x.rows());
    let (rows, cols) = (x.rows(), x.cols());
    if rows == 0 || cols == 0 {
        return;
    }
    let from = x.flat();
    each_chunk(team, t.flat_mut(), cols * LANES, &|block, lines| {
        let first = block * LANES;
        let real = LANES.min(rows - first);
        for (col, line) in lines.chunks_exact_mut(LANES).enumerate() {
            let source = &from[((col / LANES) * rows + first) * LANES + col % LANES..];
            for (lane, to) in line[..real].iter_mut().enumerate() {
                *to = source[lane * LANES];
            }
        }
    });
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
