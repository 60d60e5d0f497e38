//! [`Panels`]: the one matrix type. Weights, activations, gradients and moments all live in it.

/// Columns of a panel: 16 floats, one cache line.
pub const LANES: usize = 16;

/// One row of one panel.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LANES]);

const ZERO: Line = Line([0.0; LANES]);

/// A `rows x cols` matrix stored as panels of 16 columns: `[panel][row][lane]`.
///
/// Element `(row, col)` lies at `((col / 16) * rows + row) * 16 + col % 16`. A panel is contiguous, so is a run of
/// rows inside it, and every line starts on a cache line of its own: whoever owns panels or rows of a panel shares
/// no line with anybody. Lanes past `cols` in the last panel are padding: they are zero when the matrix is made,
/// and no kernel lets them reach a real element.
#[derive(Clone, Default)]
pub struct Panels {
    lines: Vec<Line>,
    rows: usize,
    cols: usize,
}

impl Panels {
    /// A zero matrix of `rows x cols`.
    ///
    /// # Panics
    /// If `rows * cols`, padded to whole panels, does not fit in memory's address range.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        let lines = cols.div_ceil(LANES).checked_mul(rows).expect("matrix size overflows");
        Self { lines: vec![ZERO; lines], rows, cols }
    }

    /// The matrix with these row-major elements.
    ///
    /// # Panics
    /// If `elements.len() != rows * cols`.
    pub fn from_row_major(elements: &[f32], rows: usize, cols: usize) -> Self {
        let mut panels = Self::zeros(rows, cols);
        panels.copy_from_row_major(elements);
        panels
    }

    /// Overwrites all elements from a row-major slice.
    ///
    /// # Panics
    /// If `elements.len() != rows * cols`.
    pub fn copy_from_row_major(&mut self, elements: &[f32]) {
        assert_eq!(elements.len(), self.rows * self.cols, "row-major length");
        for panel in 0..self.panels() {
            let (start, width) = self.panel_columns(panel);
            for row in 0..self.rows {
                let from = row * self.cols + start;
                self.lines[panel * self.rows + row].0[..width].copy_from_slice(&elements[from..from + width]);
            }
        }
    }

    /// The elements in row-major order, without padding.
    pub fn to_row_major(&self) -> Vec<f32> {
        let mut elements = vec![0.0; self.rows * self.cols];
        self.copy_to_row_major(&mut elements);
        elements
    }

    /// Writes the elements in row-major order, without padding, to `out`.
    ///
    /// # Panics
    /// If `out.len() != rows * cols`.
    pub fn copy_to_row_major(&self, out: &mut [f32]) {
        assert_eq!(out.len(), self.rows * self.cols, "row-major length");
        for panel in 0..self.panels() {
            let (start, width) = self.panel_columns(panel);
            for row in 0..self.rows {
                let to = row * self.cols + start;
                out[to..to + width].copy_from_slice(&self.lines[panel * self.rows + row].0[..width]);
            }
        }
    }

    /// Changes the shape; where it differs, all elements become zero. Allocates only when the matrix grows past every
    /// earlier size.
    pub fn resize(&mut self, rows: usize, cols: usize) {
        if (rows, cols) != (self.rows, self.cols) {
            (self.rows, self.cols) = (rows, cols);
            self.lines.clear();
            self.lines.resize(cols.div_ceil(LANES) * rows, ZERO);
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns, without padding.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of panels: `cols / 16`, rounded up.
    pub fn panels(&self) -> usize {
        self.cols.div_ceil(LANES)
    }

    /// First column and number of real columns of a panel.
    pub(crate) fn panel_columns(&self, panel: usize) -> (usize, usize) {
        let start = panel * LANES;
        (start, LANES.min(self.cols - start))
    }

    /// All floats in storage order, padding included.
    pub fn flat(&self) -> &[f32] {
        // SAFETY: `Line` is `repr(C)` around 16 floats without other content, so n lines are 16 n floats.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * LANES) }
    }

    /// All floats in storage order, padding included.
    pub fn flat_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `flat`; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.lines.len() * LANES) }
    }

    /// Position in [`Panels::flat`] of the element `(row, col)`.
    ///
    /// # Panics
    /// If the element is out of range.
    pub fn index(&self, row: usize, col: usize) -> usize {
        assert!(row < self.rows && col < self.cols, "({row}, {col}) in {} x {}", self.rows, self.cols);
        ((col / LANES) * self.rows + row) * LANES + col % LANES
    }

    /// The element `(row, col)`.
    ///
    /// # Panics
    /// If the element is out of range.
    pub fn get(&self, row: usize, col: usize) -> f32 {
        self.flat()[self.index(row, col)]
    }

    /// One row, where all of it lies in one panel: for 1 to 16 columns.
    ///
    /// # Panics
    /// If the row is out of range.
    pub fn row(&self, row: usize) -> Option<&[f32]> {
        assert!(row < self.rows);
        (1..=LANES).contains(&self.cols).then(|| &self.lines[row].0[..self.cols])
    }

    /// As [`Panels::row`].
    ///
    /// # Panics
    /// If the row is out of range.
    pub fn row_mut(&mut self, row: usize) -> Option<&mut [f32]> {
        assert!(row < self.rows);
        (1..=LANES).contains(&self.cols).then(|| &mut self.lines[row].0[..self.cols])
    }

    /// Copies one row into `out`.
    ///
    /// # Panics
    /// If `out.len() != cols` or the row is out of range.
    pub fn read_row(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.rows && out.len() == self.cols);
        for (panel, part) in out.chunks_mut(LANES).enumerate() {
            part.copy_from_slice(&self.lines[panel * self.rows + row].0[..part.len()]);
        }
    }

    /// Overwrites one row.
    ///
    /// # Panics
    /// If `elements.len() != cols` or the row is out of range.
    pub fn write_row(&mut self, row: usize, elements: &[f32]) {
        assert!(row < self.rows && elements.len() == self.cols);
        for (panel, part) in elements.chunks(LANES).enumerate() {
            self.lines[panel * self.rows + row].0[..part.len()].copy_from_slice(part);
        }
    }
}

impl std::fmt::Debug for Panels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Panels({} x {})", self.rows, self.cols)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_major_round_trip_and_addressing() {
        for (rows, cols) in [(0, 5), (3, 0), (1, 1), (3, 16), (5, 17), (2, 40)] {
            let elements: Vec<f32> = (0..rows * cols).map(|i| i as f32).collect();
            let panels = Panels::from_row_major(&elements, rows, cols);
            assert_eq!(panels.to_row_major(), elements);
            for row in 0..rows {
                for col in 0..cols {
                    assert_eq!(panels.get(row, col), elements[row * cols + col]);
                }
            }
        }
    }

    #[test]
    fn padding_is_zero_after_a_change_of_shape() {
        let mut panels = Panels::from_row_major(&[1.0; 6 * 17], 6, 17);
        panels.resize(4, 17);
        for row in 0..4 {
            let line = &panels.flat()[(4 + row) * LANES..(4 + row + 1) * LANES];
            assert!(line[1..].iter().all(|&x| x == 0.0));
        }
    }
}
