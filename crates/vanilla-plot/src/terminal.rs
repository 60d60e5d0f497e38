//! Pictures of characters: curves in braille dots, digits in half blocks.

use crate::axis::{self, Axis};
use crate::curves::{Figure, Marker, Panel, Series};
use crate::digits::Digit;
use crate::svg::farthest;
use std::fmt::Write;

/// Okabe and Ito's colours, as near as the 256 colours come, readable on black and on white.
const COLORS: [u8; 6] = [32, 166, 36, 175, 178, 74];

/// Columns that a figure may use.
const NARROWEST: usize = 40;
const WIDEST: usize = 240;

/// Letters `x` and `o` of one series stand about this many columns apart.
const MARKER_STEP: usize = 12;

/// Between digits side by side, columns.
const DIGIT_GAP: usize = 3;

/// The curves of `figure` in at most `columns` columns; see [`Figure::to_terminal`].
pub fn figure(figure: &Figure, columns: usize, color: bool) -> String {
    let columns = columns.clamp(NARROWEST, WIDEST);
    // Rows are twice as high as columns are wide, so this is a shape of about 10 : 3.
    let rows = (columns * 3 / 20).clamp(8, 20);
    let axes: Vec<_> = figure.panels.iter().map(|panel| Axis::values(panel, 0.03, (rows / 2).min(8))).collect();
    let labels = axes.iter().flat_map(|axis| &axis.ticks).map(|tick| tick.label.len());
    // One margin for all, so that the panels' axes stand above each other.
    let left = labels.max().unwrap_or(0).max(4) + 1;
    let mut out = String::new();
    for (i, (panel, y_axis)) in figure.panels.iter().zip(&axes).enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let canvas = Canvas::new(panel, y_axis, columns - left - 1, rows);
        write_panel(&mut out, panel, &canvas, left, color);
    }
    out
}

/// The digits in half blocks, `columns` of them in a row; see [`crate::digits::grid_terminal`].
pub fn digits(digits: &[Digit], columns: usize, color: bool) -> String {
    let mut out = String::new();
    for (i, row) in digits.chunks(columns.max(1)).enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let cells: Vec<_> = row.iter().map(|digit| digit.width.max(display_width(&digit.caption))).collect();
        if row.iter().any(|digit| !digit.caption.is_empty()) {
            let mut line = String::new();
            for (digit, &cell) in row.iter().zip(&cells) {
                let caption = printable(&digit.caption);
                pad(&mut line, (cell - display_width(&caption)) / 2);
                line.push_str(&caption);
                pad(&mut line, cell - display_width(&caption) - (cell - display_width(&caption)) / 2 + DIGIT_GAP);
            }
            push_line(&mut out, &line);
        }
        let tallest = row.iter().map(|digit| digit.height).max().unwrap_or(0);
        for y in (0..tallest).step_by(2) {
            let mut line = String::new();
            for (digit, &cell) in row.iter().zip(&cells) {
                let before = (cell - digit.width) / 2;
                pad(&mut line, before);
                if color {
                    colored_row(&mut line, digit, y)
                } else {
                    plain_row(&mut line, digit, y)
                }
                pad(&mut line, cell - digit.width - before + DIGIT_GAP);
            }
            push_line(&mut out, &line);
        }
    }
    out
}

/// Columns that `text` takes in a terminal: two for each Chinese, Japanese or Korean character and emoji.
pub fn display_width(text: &str) -> usize {
    let wide = |c: char| {
        matches!(u32::from(c),
            0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f
            | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd)
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

/// The dots and letters of one plot.
struct Canvas {
    x_axis: Axis,
    y_axis: Axis,
    columns: usize,
    rows: usize,
    /// For each series one byte of braille dots for each cell.
    dots: Vec<Vec<u8>>,
    /// Letters above the dots, with their series.
    letters: Vec<Option<(char, usize)>>,
}

impl Canvas {
    fn new(panel: &Panel, y_axis: &Axis, columns: usize, rows: usize) -> Canvas {
        let epochs = axis::epochs(panel);
        // The widest labels still stand two columns apart.
        let most = (columns / (epochs.to_string().len() + 2)).min(10);
        let cells = columns * rows;
        let mut canvas = Canvas {
            x_axis: Axis::along(panel, 0.01, most),
            y_axis: y_axis.clone(),
            columns,
            rows,
            dots: vec![vec![0; cells]; panel.series.len()],
            letters: vec![None; cells],
        };
        let mut extremes = 0;
        for (i, series) in panel.series.iter().enumerate() {
            for above in [true, false] {
                extremes += usize::from(canvas.extreme(i, series, above, extremes));
            }
        }
        for (i, series) in panel.series.iter().enumerate() {
            canvas.curve(i, series);
            canvas.mark(i, panel.series.len(), series);
        }
        if !panel.series.iter().any(|series| series.values.iter().any(|&value| axis::drawable(value))) {
            canvas.write(rows / 2, columns / 2 - 3, "no data", 0);
        }
        canvas
    }

    /// Position of a point in dots from the upper left: two to a column, four to a row.
    fn point(&self, index: usize, value: f64) -> (f64, f64) {
        let x = self.x_axis.fraction((index + 1) as f64) * (2 * self.columns - 1) as f64;
        let y = (1.0 - self.y_axis.fraction(value)) * (4 * self.rows - 1) as f64;
        (x, y)
    }

    fn curve(&mut self, number: usize, series: &Series) {
        let bottom = (4 * self.rows - 1) as f64;
        let mut last = None;
        for (i, &value) in series.values.iter().enumerate() {
            let point = axis::drawable(value).then(|| self.point(i, value));
            if let (Some(a), Some(b)) = (last.or(point), point)
                && let Some([from, to]) = axis::clip(a, b, 0.0, bottom)
            {
                let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().max(1.0);
                for k in 0..=steps as usize {
                    let t = k as f64 / steps;
                    self.dot(number, from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1));
                }
            }
            last = point;
        }
    }

    fn dot(&mut self, number: usize, x: f64, y: f64) {
        /// Bits of the dots of U+2800, by row and column.
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let (x, y) = (x.round() as usize, y.round() as usize);
        self.dots[number][y / 4 * self.columns + x / 2] |= BITS[y % 4][x % 2];
    }

    /// Puts the series' letter on some of its points, in turn with the other series.
    fn mark(&mut self, number: usize, of: usize, series: &Series) {
        let letter = letter(series.marker);
        let every_point = (self.columns as f64 / (self.x_axis.hi - self.x_axis.lo)) >= 4.0;
        let mut next = if every_point { 0 } else { number * MARKER_STEP / of };
        for (i, &value) in series.values.iter().enumerate() {
            if !axis::drawable(value) || !self.y_axis.contains(value) {
                continue;
            }
            let (x, y) = self.point(i, value);
            let (column, row) = (x.round() as usize / 2, y.round() as usize / 4);
            let cell = &mut self.letters[row * self.columns + column];
            if column >= next && cell.is_none() {
                *cell = Some((letter, number));
                next = if every_point { 0 } else { column + MARKER_STEP };
            }
        }
    }

    /// A triangle at the edge with the value of the series' most extreme point beyond it.
    fn extreme(&mut self, number: usize, series: &Series, above: bool, earlier: usize) -> bool {
        let Some((i, value)) = farthest(&series.values, &self.y_axis, above) else {
            return false;
        };
        let row = if above { earlier.min(self.rows - 1) } else { self.rows - 1 - earlier.min(self.rows - 1) };
        let column = self.point(i, value).0.round() as usize / 2;
        let (sign, number_text) = (if above { '▲' } else { '▼' }, axis::short(value));
        let after = format!("{sign} {number_text}");
        let length = display_width(&after);
        if column + length <= self.columns {
            self.write(row, column, &after, number);
        } else {
            self.write(row, column + 1 - length, &format!("{number_text} {sign}"), number);
        }
        true
    }

    fn write(&mut self, row: usize, column: usize, text: &str, number: usize) {
        for (i, c) in text.chars().enumerate().filter(|(i, _)| column + i < self.columns) {
            self.letters[row * self.columns + column + i] = Some((c, number));
        }
    }

    /// What stands in a cell, and the series whose colour it has: that with the most dots.
    fn cell(&self, row: usize, column: usize) -> (char, Option<usize>) {
        let at = row * self.columns + column;
        if let Some((letter, number)) = self.letters[at] {
            return (letter, Some(number));
        }
        let all = self.dots.iter().fold(0, |all, dots| all | dots[at]);
        let owner = (0..self.dots.len()).max_by_key(|&number| self.dots[number][at].count_ones());
        match char::from_u32(0x2800 + u32::from(all)) {
            Some(braille) if all != 0 => (braille, owner),
            _ => (' ', None),
        }
    }
}

/// Title, legend, plot, tick labels and x label, in lines of `left + 1 + canvas.columns` columns at most.
fn write_panel(out: &mut String, panel: &Panel, canvas: &Canvas, left: usize, color: bool) {
    let middle = left + 1 + canvas.columns / 2;
    centered(out, &printable(&panel.title), middle);
    legend(out, panel, canvas.columns, left, color);
    let row_of = |value: f64| (canvas.point(0, value).1.round() as usize) / 4;
    for row in 0..canvas.rows {
        let tick = canvas.y_axis.ticks.iter().find(|tick| row_of(tick.value) == row);
        let label = tick.map_or("", |tick| &tick.label);
        let mut line = format!("{label:>width$} {}", if tick.is_some() { '┤' } else { '│' }, width = left - 1);
        let mut ink = Ink { color, current: None };
        for column in 0..canvas.columns {
            let (c, owner) = canvas.cell(row, column);
            // A space needs no colour, so the colour before it may go on.
            if c != ' ' {
                ink.dip(&mut line, owner);
            }
            line.push(c);
        }
        let kept = line.trim_end().len();
        line.truncate(kept);
        ink.dip(&mut line, None);
        push_line(out, &line);
    }
    let mut rule = vec!['─'; canvas.columns];
    let mut labels = String::new();
    for tick in &canvas.x_axis.ticks {
        let column = canvas.point(tick.value as usize - 1, 0.0).0.round() as usize / 2;
        rule[column.min(canvas.columns - 1)] = '┬';
        let end = left + 1 + canvas.columns;
        let start = (left + 1 + column).saturating_sub((tick.label.len() - 1) / 2).min(end - tick.label.len());
        let gap = start.saturating_sub(labels.len());
        pad(&mut labels, gap);
        labels.push_str(&tick.label);
    }
    push_line(out, &format!("{:left$}└{}", "", rule.into_iter().collect::<String>()));
    push_line(out, &labels);
    centered(out, &printable(&panel.x_label), middle);
}

/// The y label at the left and the legend at the right, on a line of their own each where they do not fit on one.
fn legend(out: &mut String, panel: &Panel, columns: usize, left: usize, color: bool) {
    let total = left + 1 + columns;
    let y_label = printable(&panel.y_label);
    let mut line = y_label.clone();
    let mut used = display_width(&line);
    let named: Vec<_> = panel.series.iter().enumerate().filter(|(_, series)| !series.label.is_empty()).collect();
    let widths = named.iter().map(|(_, series)| display_width(&printable(&series.label)) + 2);
    let together = widths.sum::<usize>() + 3 * named.len().saturating_sub(1);
    if used + 3 + together <= total {
        pad(&mut line, total - used - together);
        used = total - together;
    } else {
        push_line(out, &line);
        line = " ".repeat(left + 1);
        used = left + 1;
    }
    let start = used;
    for (i, series) in named {
        let label = printable(&series.label);
        let width = display_width(&label) + 2;
        if used > start {
            if used + 3 + width > total {
                push_line(out, &line);
                line = " ".repeat(left + 1);
                used = left + 1;
            } else {
                pad(&mut line, 3);
                used += 3;
            }
        }
        let mut ink = Ink { color, current: None };
        ink.dip(&mut line, Some(i));
        line.push(letter(series.marker));
        ink.dip(&mut line, None);
        line.push(' ');
        line.push_str(&label);
        used += width;
    }
    push_line(out, &line);
}

/// The colour that the terminal is in.
struct Ink {
    color: bool,
    current: Option<usize>,
}

impl Ink {
    /// Changes to the colour of a series, or back to plain.
    fn dip(&mut self, line: &mut String, series: Option<usize>) {
        if !self.color || series == self.current {
            return;
        }
        self.current = series;
        match series {
            Some(number) => push(line, format_args!("\x1b[38;5;{}m", COLORS[number % COLORS.len()])),
            None => line.push_str("\x1b[0m"),
        }
    }
}

fn letter(marker: Marker) -> char {
    match marker {
        Marker::Cross => 'x',
        Marker::Circle => 'o',
    }
}

/// Two rows of pixels in 24-bit gray: the upper as foreground, the lower as background.
fn colored_row(line: &mut String, digit: &Digit, y: usize) {
    let mut current = None;
    for x in 0..digit.width {
        let pair = (pixel(digit, x, y).unwrap_or(0), pixel(digit, x, y + 1));
        if current != Some(pair) {
            let (upper, lower) = pair;
            push(line, format_args!("\x1b[38;2;{upper};{upper};{upper}"));
            match lower {
                Some(lower) => push(line, format_args!(";48;2;{lower};{lower};{lower}m")),
                None => line.push_str(";49m"),
            }
            current = Some(pair);
        }
        line.push('▀');
    }
    line.push_str("\x1b[0m");
}

/// Two rows of pixels as the block or shade nearest to each pair.
fn plain_row(line: &mut String, digit: &Digit, y: usize) {
    /// Characters with the brightness of their upper and lower half.
    const SHAPES: [(char, i32, i32); 7] = [
        (' ', 0, 0),
        ('░', 64, 64),
        ('▒', 128, 128),
        ('▓', 191, 191),
        ('█', 255, 255),
        ('▀', 255, 0),
        ('▄', 0, 255),
    ];
    for x in 0..digit.width {
        let upper = i32::from(pixel(digit, x, y).unwrap_or(0));
        let lower = i32::from(pixel(digit, x, y + 1).unwrap_or(0));
        let distance = |&&(_, up, low): &&(char, i32, i32)| (up - upper).pow(2) + (low - lower).pow(2);
        line.push(SHAPES.iter().min_by_key(distance).map_or(' ', |shape| shape.0));
    }
}

/// The pixel at column `x` and row `y`; `None` below the digit, black where its pixels are missing.
fn pixel(digit: &Digit, x: usize, y: usize) -> Option<u8> {
    (y < digit.height).then(|| digit.pixels.get(y * digit.width + x).copied().unwrap_or(0))
}

/// `text` without control characters, which could drive the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn centered(out: &mut String, text: &str, middle: usize) {
    let mut line = String::new();
    pad(&mut line, middle.saturating_sub(display_width(text) / 2));
    line.push_str(text);
    push_line(out, &line);
}

fn pad(line: &mut String, columns: usize) {
    line.extend(std::iter::repeat_n(' ', columns));
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

fn push(out: &mut String, text: std::fmt::Arguments) {
    out.write_fmt(text).expect("writing to a String cannot fail");
}
