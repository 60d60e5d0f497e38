//! A figure as SVG: frames, ticks, curves, legend.

use crate::axis::{self, Axis, Tick};
use crate::curves::{Figure, Marker, Panel, Series};
use crate::font;
use crate::legend::{self, Rect};
use std::fmt::Write;

/// Okabe and Ito's colours, which stay apart for all common kinds of colour blindness (Color Universal Design, 2008).
pub(crate) const COLORS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

const WIDTH: f64 = 560.0;
/// Heights within a panel, from its top: title, plot, the rest being tick labels and the x label.
const TITLE: f64 = 36.0;
const PLOT: f64 = 196.0;
const PANEL: f64 = 282.0;
const RIGHT: f64 = 18.0;
/// Left of the tick labels: edge, y label, gap.
const Y_LABEL: f64 = 34.0;
const TICK: f64 = 4.0;

const TITLE_SIZE: f64 = 14.0;
const LABEL_SIZE: f64 = 12.0;
const TICK_SIZE: f64 = 11.0;
/// Radius of a marker.
const RADIUS: f64 = 3.0;
/// Where epochs are nearer than this, markers would touch, and only some get one.
const TIGHTEST: f64 = 2.0 * RADIUS;
/// Distance between the markers that are left then; the line goes through all points.
const THINNED: f64 = 24.0;

/// The whole figure.
pub(crate) fn figure(figure: &Figure) -> String {
    let panels = &figure.panels;
    let height = PANEL * panels.len().max(1) as f64;
    let titles: Vec<_> = panels.iter().map(|panel| escape(&panel.title)).collect();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
         aria-label=\"{}\" font-family=\"{}\" font-size=\"{TICK_SIZE}\" fill=\"#222\">\n\
         <rect width=\"{w}\" height=\"{h}\" fill=\"#fff\"/>\n",
        titles.join("; "),
        font::FAMILY,
        w = WIDTH,
        h = height,
    );
    let axes: Vec<_> = panels.iter().map(|panel| Axis::values(panel, 0.05, 7)).collect();
    let labels = axes.iter().flat_map(|axis| &axis.ticks).map(|tick| font::width(&minus(&tick.label), TICK_SIZE));
    // One left margin for all, so that the frames stand exactly above each other.
    let left = (Y_LABEL + labels.fold(0.0, f64::max) + TICK + 3.0).ceil();
    for (i, (panel, y_axis)) in panels.iter().zip(axes).enumerate() {
        let plot =
            Rect { x: left + 0.5, y: PANEL * i as f64 + TITLE + 0.5, width: WIDTH - RIGHT - left, height: PLOT };
        let x_axis = Axis::along(panel, 0.025, 10);
        Drawing { out: &mut out, plot, x_axis, y_axis }.panel(panel);
    }
    out.push_str("</svg>\n");
    out
}

/// One panel on its way into `out`.
struct Drawing<'a> {
    out: &'a mut String,
    plot: Rect,
    x_axis: Axis,
    y_axis: Axis,
}

impl Drawing<'_> {
    fn panel(&mut self, panel: &Panel) {
        self.frame(panel);
        // Everything that the legend should not hide.
        let mut ink = Vec::new();
        let mut extremes = 0;
        for (i, series) in panel.series.iter().enumerate() {
            let color = COLORS[i % COLORS.len()];
            self.curve(series, color, &mut ink);
            for above in [true, false] {
                extremes += usize::from(self.extreme(series, color, above, extremes, &mut ink));
            }
        }
        if ink.is_empty() {
            let Rect { x, y, width, height } = self.plot;
            self.text((x + width / 2.0, y + height / 2.0 + 4.0), LABEL_SIZE, "middle", "#999", "no data");
        }
        self.legend(&panel.series, &ink);
    }

    /// Grid, frame, ticks, title and labels.
    fn frame(&mut self, panel: &Panel) {
        let Rect { x, y, width, height } = self.plot;
        let (right, bottom, middle) = (x + width, y + height, x + width / 2.0);
        let (x_ticks, y_ticks) = (self.x_axis.ticks.clone(), self.y_axis.ticks.clone());
        // Half a unit off the whole numbers a line of width 1 fills its pixels exactly.
        let crisp = |v: f64| v.floor() + 0.5;
        let rows: Vec<_> = y_ticks.iter().map(|tick| crisp(self.y(tick.value))).collect();
        let columns: Vec<_> = x_ticks.iter().map(|tick| crisp(self.x(tick.value))).collect();

        let mut grid = String::new();
        rows.iter().for_each(|&row| push(&mut grid, format_args!("M{} {}H{}", n(x), n(row), n(right))));
        self.path(&grid, "#e4e4e4", 1.0, "");
        let mut lines = format!("M{} {}H{}V{}H{}Z", n(x), n(y), n(right), n(bottom), n(x));
        rows.iter().for_each(|&row| push(&mut lines, format_args!("M{} {}h-{TICK}", n(x), n(row))));
        columns.iter().for_each(|&column| push(&mut lines, format_args!("M{} {}v{TICK}", n(column), n(bottom))));
        self.path(&lines, "#333", 1.0, "");

        self.text(
            (middle, y - 12.5),
            TITLE_SIZE,
            "middle",
            "",
            &font::fit(&panel.title, TITLE_SIZE, WIDTH - 20.0),
        );
        for (Tick { label, .. }, row) in y_ticks.iter().zip(rows) {
            self.text((x - TICK - 3.0, row + 4.0), TICK_SIZE, "end", "", &minus(label));
        }
        for (Tick { label, .. }, column) in x_ticks.iter().zip(columns) {
            self.text((column, bottom + TICK + 12.0), TICK_SIZE, "middle", "", label);
        }
        self.text(
            (middle, bottom + 33.0),
            LABEL_SIZE,
            "middle",
            "",
            &font::fit(&panel.x_label, LABEL_SIZE, width),
        );
        let (at, label) = (y + height / 2.0, font::fit(&panel.y_label, LABEL_SIZE, PANEL - 20.0));
        push(
            self.out,
            format_args!(
                "<text transform=\"translate(20 {}) rotate(-90)\" font-size=\"{LABEL_SIZE}\" \
                 text-anchor=\"middle\">{}</text>\n",
                n(at),
                escape(&label)
            ),
        );
    }

    /// Line and markers of one series; where they went is added to `ink`.
    fn curve(&mut self, series: &Series, color: &str, ink: &mut Vec<(f64, f64)>) {
        let (top, bottom) = (self.plot.y, self.plot.y + self.plot.height);
        let at =
            |i: usize| series.values.get(i).filter(|v| axis::drawable(**v)).map(|&v| (self.x_of(i), self.y(v)));
        let mut line = String::new();
        let mut pen = None;
        for i in 1..series.values.len() {
            let (Some(a), Some(b)) = (at(i - 1), at(i)) else {
                continue;
            };
            let Some([from, to]) = axis::clip(a, b, top, bottom) else {
                continue;
            };
            if pen != Some(from) {
                push(&mut line, format_args!("M{} {}", n(from.0), n(from.1)));
            }
            push(&mut line, format_args!("L{} {}", n(to.0), n(to.1)));
            pen = Some(to);
            // Steps of about a marker's width leave no gap through which a legend could slip.
            let steps = ((to.0 - from.0).hypot(to.1 - from.1) / (2.0 * RADIUS)).ceil().max(1.0) as usize;
            let along = |k: usize| k as f64 / steps as f64;
            ink.extend(
                (0..steps).map(along).map(|t| (from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1))),
            );
        }
        let x_step = self.plot.width / (self.x_axis.hi - self.x_axis.lo);
        let every = if x_step >= TIGHTEST { 1 } else { (THINNED / x_step).round() as usize };
        let mut marks = String::new();
        for (i, &value) in series.values.iter().enumerate() {
            let alone = (i == 0 || at(i - 1).is_none()) && at(i + 1).is_none();
            let Some(point) = at(i).filter(|_| self.y_axis.contains(value) && (i % every == 0 || alone)) else {
                continue;
            };
            marks.push_str(&mark(series.marker, point));
            ink.push(point);
        }
        self.path(&line, color, 1.0, " stroke-opacity=\"0.55\" stroke-linejoin=\"round\"");
        self.path(&marks, color, 1.4, "");
    }

    /// A triangle at the upper or lower edge with the value of the series' most extreme point beyond it, in the row
    /// that the `earlier` ones left free. Says whether there is such a point.
    fn extreme(
        &mut self,
        series: &Series,
        color: &str,
        above: bool,
        earlier: usize,
        ink: &mut Vec<(f64, f64)>,
    ) -> bool {
        let Some((i, value)) = farthest(&series.values, &self.y_axis, above) else {
            return false;
        };
        let offset = 10.0 + 15.0 * earlier as f64;
        let (x, y) =
            (self.x_of(i), if above { self.plot.y + offset } else { self.plot.y + self.plot.height - offset });
        let tip = if above { -4.5 } else { 4.5 };
        push(
            self.out,
            format_args!("<path d=\"M{} {}l4 {}h-8z\" fill=\"{color}\"/>\n", n(x), n(y + tip), n(-2.0 * tip)),
        );
        let label = minus(&axis::short(value));
        let width = font::width(&label, TICK_SIZE);
        let flip = x + 8.0 + width > self.plot.x + self.plot.width;
        let (start, anchor) = if flip { (x - 8.0, "end") } else { (x + 8.0, "start") };
        self.text((start, y + 4.0), TICK_SIZE, anchor, color, &label);
        let (from, to) = if flip { (start - width, x) } else { (x, start + width) };
        ink.extend([0.0, 0.5, 1.0].map(|t| (from + t * (to - from), y)));
        true
    }

    fn legend(&mut self, series: &[Series], ink: &[(f64, f64)]) {
        const ROW: f64 = 17.0;
        const HANDLE: f64 = 34.0;
        let named = series.iter().enumerate().filter(|(_, series)| !series.label.is_empty());
        let room = self.plot.width / 2.0;
        let entries: Vec<_> =
            named.map(|(i, series)| (i, series, font::fit(&series.label, TICK_SIZE, room))).collect();
        if entries.is_empty() {
            return;
        }
        let widest = entries.iter().map(|(.., label)| font::width(label, TICK_SIZE)).fold(0.0, f64::max);
        let (width, height) = ((HANDLE + widest + 9.0).ceil(), ROW * entries.len() as f64 + 7.0);
        let at = legend::place(self.plot, width, height, ink);
        let (x, y) = (at.x.floor() + 0.5, at.y.floor() + 0.5);
        push(
            self.out,
            format_args!(
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"3\" fill=\"#fff\" fill-opacity=\"0.85\" \
                 stroke=\"#ccc\"/>\n",
                n(x),
                n(y),
                n(at.width),
                n(at.height)
            ),
        );
        for (row, (i, series, label)) in entries.into_iter().enumerate() {
            let color = COLORS[i % COLORS.len()];
            let middle = y + 3.5 + ROW * (row as f64 + 0.5);
            self.path(&format!("M{} {}h20", n(x + 7.0), n(middle)), color, 1.0, " stroke-opacity=\"0.55\"");
            self.path(&mark(series.marker, (x + 17.0, middle)), color, 1.4, "");
            self.text((x + HANDLE, middle + 4.0), TICK_SIZE, "start", "", &label);
        }
    }

    fn x(&self, value: f64) -> f64 {
        self.plot.x + self.plot.width * self.x_axis.fraction(value)
    }

    /// Where the value at `index` stands.
    fn x_of(&self, index: usize) -> f64 {
        self.x((index + 1) as f64)
    }

    fn y(&self, value: f64) -> f64 {
        self.plot.y + self.plot.height * (1.0 - self.y_axis.fraction(value))
    }

    fn path(&mut self, path: &str, color: &str, width: f64, more: &str) {
        if !path.is_empty() {
            let line = format_args!(
                "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{}\"{more}/>\n",
                n(width)
            );
            push(self.out, line);
        }
    }

    fn text(&mut self, at: (f64, f64), size: f64, anchor: &str, color: &str, text: &str) {
        self.out.push_str(&self::text(at, size, anchor, color, text));
    }
}

/// A line of text; size and colour are left to the document where they are its own.
pub(crate) fn text(at: (f64, f64), size: f64, anchor: &str, color: &str, text: &str) -> String {
    let mut line = format!("<text x=\"{}\" y=\"{}\"", n(at.0), n(at.1));
    if size != TICK_SIZE {
        push(&mut line, format_args!(" font-size=\"{}\"", n(size)));
    }
    if anchor != "start" {
        push(&mut line, format_args!(" text-anchor=\"{anchor}\""));
    }
    if !color.is_empty() {
        push(&mut line, format_args!(" fill=\"{color}\""));
    }
    push(&mut line, format_args!(">{}</text>\n", escape(text)));
    line
}

/// The point of `values` farthest above or below the axis.
pub(crate) fn farthest(values: &[f64], axis: &Axis, above: bool) -> Option<(usize, f64)> {
    let beyond = |&(_, v): &(usize, f64)| axis::drawable(v) && if above { v > axis.hi } else { v < axis.lo };
    values.iter().copied().enumerate().filter(beyond).reduce(|far, next| {
        let farther = if above { next.1 > far.1 } else { next.1 < far.1 };
        if farther { next } else { far }
    })
}

/// Path of a marker.
fn mark(marker: Marker, (x, y): (f64, f64)) -> String {
    let r = RADIUS;
    match marker {
        Marker::Cross => format!("M{} {}l{d} {d}m0-{d}l-{d} {d}", n(x - r), n(y - r), d = n(2.0 * r)),
        Marker::Circle => {
            format!("M{} {}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0-{d} 0", n(x - r), n(y), d = n(2.0 * r))
        }
    }
}

/// A coordinate with at most two decimals.
pub(crate) fn n(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A number with the typographic minus sign; the one of an exponent stays a hyphen.
fn minus(number: &str) -> String {
    number.strip_prefix('-').map_or_else(|| number.to_owned(), |digits| format!("−{digits}"))
}

/// `text` for content and attributes of XML; what XML 1.0 forbids becomes U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

pub(crate) fn push(out: &mut String, text: std::fmt::Arguments) {
    out.write_fmt(text).expect("writing to a String cannot fail");
}
