//! Gray digits in a grid: 0 is black, 255 white, pixels row by row.

use crate::{PlotError, font, raster, svg, terminal};

/// One picture with what is said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digit<'a> {
    /// `width * height` bytes, row by row from the top.
    pub pixels: &'a [u8],
    /// Columns of pixels.
    pub width: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Stands above the picture; may be empty.
    pub caption: String,
}

/// Longest side of an enlarged digit, pixels: 28 x 28 grow tenfold.
const SIDE: usize = 280;
const GAP: usize = 36;
const MARGIN: usize = 32;
const CAPTION: usize = 34;
const CAPTION_SIZE: f64 = 22.0;

/// A gray PNG of `digits`, `columns` of them in a row, each enlarged with nearest neighbour to about 280 pixels.
///
/// # Errors
///
/// [`PlotError::NoDigits`], [`PlotError::Pixels`] for a digit whose pixels do not fill its rectangle, and
/// [`PlotError::TooLarge`].
pub fn grid_png(digits: &[Digit], columns: usize) -> Result<Vec<u8>, PlotError> {
    check(digits)?;
    let columns = columns.clamp(1, digits.len());
    let rows = digits.len().div_ceil(columns);
    let scale = |digit: &Digit| (SIDE / digit.width.max(digit.height)).max(1);
    let widest = digits.iter().map(|digit| digit.width * scale(digit)).max().unwrap_or(SIDE);
    let tallest = digits.iter().map(|digit| digit.height * scale(digit)).max().unwrap_or(SIDE);
    let caption = if digits.iter().all(|digit| digit.caption.is_empty()) { 0 } else { CAPTION };
    // A caption may reach into the gaps at both sides, but not to its neighbour.
    let room = (widest + GAP / 2) as f64;
    let side = |cells: usize, cell: usize, gap: usize| {
        cells.saturating_mul(cell.saturating_add(gap)).saturating_add(2 * MARGIN - gap)
    };
    let (width, height) = (side(columns, widest, GAP), side(rows, caption + tallest, GAP * 2 / 3));
    raster::check_size(width, height)?;

    let corner = |i: usize| {
        let (row, column) = (i / columns, i % columns);
        (MARGIN + column * (widest + GAP), MARGIN + row * (caption + tallest + GAP * 2 / 3))
    };
    let mut drawing = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"{}\">",
        font::FAMILY
    );
    for (i, digit) in digits.iter().enumerate() {
        let (x, y) = corner(i);
        let at = (x as f64 + widest as f64 / 2.0, (y + caption) as f64 - 12.0);
        let line = font::fit(&digit.caption, CAPTION_SIZE, room);
        drawing.push_str(&svg::text(at, CAPTION_SIZE, "middle", "#222", &line));
        // A frame of 2 pixels around the digit, which may be white at its edge.
        let (wide, high) = (digit.width * scale(digit), digit.height * scale(digit));
        let (left, top) = (x + (widest - wide) / 2 - 1, y + caption - 1);
        drawing.push_str(&format!(
            "<rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#222\" stroke-width=\"2\"/>",
            wide + 2,
            high + 2
        ));
    }
    drawing.push_str("</svg>");

    let mut canvas = raster::gray(&drawing)?;
    for (i, digit) in digits.iter().enumerate() {
        let (x, y) = corner(i);
        let scale = scale(digit);
        let left = x + (widest - digit.width * scale) / 2;
        for (row, pixels) in digit.pixels.chunks_exact(digit.width).enumerate() {
            for line in 0..scale {
                let start = (y + caption + row * scale + line) * width + left;
                let target = canvas[start..start + digit.width * scale].chunks_exact_mut(scale);
                target.zip(pixels).for_each(|(dots, &pixel)| dots.fill(pixel));
            }
        }
    }
    raster::encode(&canvas, width as u32, height as u32, png::ColorType::Grayscale, 2)
}

/// The digits as lines of text, `columns` of them side by side, each under its caption.
///
/// One character shows two pixels, one above the other. With `color`, the pixels have their 24-bit gray. Without, for
/// a pipe or under `NO_COLOR`, white pixels are ink, drawn by the block or shade that comes nearest to the pair; light
/// digits on black read well whether the terminal is dark or light. Missing pixels are black. Every line ends with a
/// line feed.
pub fn grid_terminal(digits: &[Digit], columns: usize, color: bool) -> String {
    terminal::digits(digits, columns, color)
}

fn check(digits: &[Digit]) -> Result<(), PlotError> {
    if digits.is_empty() {
        return Err(PlotError::NoDigits);
    }
    for (index, digit) in digits.iter().enumerate() {
        let &Digit { pixels, width, height, .. } = digit;
        if pixels.is_empty() || width.checked_mul(height) != Some(pixels.len()) {
            let caption = digit.caption.clone();
            return Err(PlotError::Pixels { index, caption, received: pixels.len(), width, height });
        }
    }
    Ok(())
}
