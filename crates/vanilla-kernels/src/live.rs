//! [`Live`]: where a matrix is not zero.
//!
//! After a relu most elements are zero: of the tutorial's hidden layer 96 % in the first epoch, 98 % in the fifth.
//! A product with zero changes no sum but the sign of a zero, which is +0 at the end of every product, so the products may
//! leave it out, and the result has the same bits. That weights are finite is taken for granted: where one is not, it
//! shows in the first product with something that is not zero.

use crate::panels::{LANES, Panels};

/// Bits of a word.
pub(crate) const WORD: usize = 64;

/// Panels that one [`Block`] covers.
pub(crate) const BLOCK_PANELS: usize = WORD / LANES;

/// Which elements of a `rows x cols` matrix are not zero, as bits, row by row and column by column.
#[derive(Debug, Default)]
pub struct Live {
    rows: usize,
    cols: usize,
    /// Word `[column / 64][row]`, bit `column % 64`.
    elements: Vec<u64>,
    /// Word `[column / 64][row / 16]`, bit `column % 64`: whether one of sixteen rows is live there.
    sixteens: Vec<u64>,
    /// Word `[column][row / 64]`, bit `row % 64`.
    columns: Vec<u64>,
    /// What the bits of each 64 columns add up to.
    counts: Vec<Counts>,
}

/// Numbers of live places.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    elements: usize,
    sixteens: usize,
}

/// What one thread fills: everything about 64 columns.
pub(crate) struct Block<'a> {
    pub elements: &'a mut [u64],
    sixteens: &'a mut [u64],
    columns: &'a mut [u64],
    counts: &'a mut Counts,
}

impl Live {
    /// With room for matrices of this shape, describing an empty one.
    pub fn new(rows: usize, cols: usize) -> Self {
        let mut live = Self::default();
        live.resize(rows, cols);
        live.resize(0, 0);
        live
    }

    /// Bytes of it.
    pub fn bytes(&self) -> usize {
        let words = [&self.elements, &self.sixteens, &self.columns];
        let words: usize = words.into_iter().map(|words| size_of_val(&words[..])).sum();
        words + size_of_val(&self.counts[..])
    }

    /// Room for a matrix of this shape; what is known about an earlier one is lost. Allocates only when it grows.
    pub(crate) fn resize(&mut self, rows: usize, cols: usize) {
        (self.rows, self.cols) = (rows, cols);
        let words = cols.div_ceil(WORD);
        self.elements.resize(words * rows, 0);
        self.sixteens.resize(words * rows.div_ceil(LANES), 0);
        self.columns.resize(words * WORD * rows.div_ceil(WORD), 0);
        self.counts.resize(words, Counts::default());
    }

    /// # Panics
    /// If this does not describe a matrix of x's shape.
    pub(crate) fn check(&self, x: &Panels) {
        assert_eq!((self.rows, self.cols), (x.rows(), x.cols()), "where {x:?} is live");
    }

    /// A word for each row, whose bits tell which of these 64 columns are live there.
    pub(crate) fn elements(&self, word: usize) -> &[u64] {
        &self.elements[word * self.rows..(word + 1) * self.rows]
    }

    /// For each of the sixteen columns of this panel the same number of words, whose bits tell the rows where it is
    /// live.
    pub(crate) fn columns(&self, panel: usize) -> &[u64] {
        let words = LANES * self.rows.div_ceil(WORD);
        &self.columns[panel * words..(panel + 1) * words]
    }

    /// A bit for each of 64 columns: whether one of the sixteen rows from `16 * group` is live there.
    pub(crate) fn sixteen(&self, group: usize, word: usize) -> u64 {
        self.sixteens[word * self.rows.div_ceil(LANES) + group]
    }

    fn share(&self, count: impl Fn(&Counts) -> usize, each: usize) -> f64 {
        let live: usize = self.counts.iter().map(count).sum();
        (live * each) as f64 / (self.rows * self.cols).max(1) as f64
    }

    /// Share of the places that are live.
    pub(crate) fn share_of_elements(&self) -> f64 {
        self.share(|counts| counts.elements, 1)
    }

    /// Share of the places that are live for sixteen rows together.
    pub(crate) fn share_of_sixteens(&self) -> f64 {
        self.share(|counts| counts.sixteens, LANES)
    }

    /// The addresses of all blocks.
    pub(crate) fn parts(&mut self) -> Parts {
        Parts {
            rows: self.rows,
            elements: self.elements.as_mut_ptr(),
            sixteens: self.sixteens.as_mut_ptr(),
            columns: self.columns.as_mut_ptr(),
            counts: self.counts.as_mut_ptr(),
        }
    }
}

/// A [`Live`] that the members of a team fill block by block.
pub(crate) struct Parts {
    rows: usize,
    elements: *mut u64,
    sixteens: *mut u64,
    columns: *mut u64,
    counts: *mut Counts,
}
// SAFETY: plain addresses; `block` names the disjoint part that is touched.
unsafe impl Sync for Parts {}

impl Parts {
    /// # Safety
    /// The matrix has columns `64 * index..`, its `Live` is alive and not moved, and nobody else uses this block.
    pub unsafe fn block<'a>(&self, index: usize) -> Block<'a> {
        // SAFETY: `resize` made room for this many words in each block.
        unsafe {
            let part = |start: *mut u64, len| std::slice::from_raw_parts_mut(start.add(index * len), len);
            Block {
                elements: part(self.elements, self.rows),
                sixteens: part(self.sixteens, self.rows.div_ceil(LANES)),
                columns: part(self.columns, WORD * self.rows.div_ceil(WORD)),
                counts: &mut *self.counts.add(index),
            }
        }
    }
}

impl Block<'_> {
    /// From the elements to everything else.
    pub(crate) fn finish(&mut self) {
        for (sixteen, rows) in self.sixteens.iter_mut().zip(self.elements.chunks(LANES)) {
            *sixteen = rows.iter().fold(0, |all, row| all | row);
        }
        let words = self.elements.len().div_ceil(WORD);
        for (word, rows) in self.elements.chunks(WORD).enumerate() {
            let mut square = [0; WORD];
            square[..rows.len()].copy_from_slice(rows);
            transpose(&mut square);
            for (column, bits) in square.iter().enumerate() {
                self.columns[column * words + word] = *bits;
            }
        }
        *self.counts = Counts { elements: ones(self.elements), sixteens: ones(self.sixteens) };
    }
}

fn ones(words: &[u64]) -> usize {
    words.iter().map(|word| word.count_ones() as usize).sum()
}

/// Turns a square of 64 x 64 bits: bit c of word r becomes bit r of word c. Blocks off the diagonal change places,
/// 32 x 32 first, single bits last (Warren, Hacker's Delight, 7-3).
fn transpose(square: &mut [u64; WORD]) {
    let (mut half, mut mask) = (WORD / 2, u64::MAX >> (WORD / 2));
    while half > 0 {
        for pair in square.chunks_exact_mut(2 * half) {
            let (upper, lower) = pair.split_at_mut(half);
            for (u, l) in upper.iter_mut().zip(lower) {
                let swap = (*u >> half ^ *l) & mask;
                *u ^= swap << half;
                *l ^= swap;
            }
        }
        half /= 2;
        mask ^= mask << half;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_of_bits_turned() {
        let mut random = crate::random::Stream::new(1, 0);
        let square: [u64; WORD] = std::array::from_fn(|_| random.bits());
        let mut turned = square;
        transpose(&mut turned);
        for (r, row) in square.iter().enumerate() {
            for (c, column) in turned.iter().enumerate() {
                assert_eq!(row >> c & 1, column >> r & 1);
            }
        }
    }
}
