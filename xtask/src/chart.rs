//! The chart of `docs/benchmarks.md`: a panel for each network, a bar for each engine, a logarithmic axis.

use crate::cells::{Cell, Peers};
use crate::engine::ENGINES;
use crate::record::Row;
use crate::summary::Summary;
use crate::table::seconds;
use std::fmt::Write as _;

const WIDTH: f64 = 820.0;
/// Where bars begin and end; names stand before, seconds behind.
const LEFT: f64 = 130.0;
const RIGHT: f64 = 640.0;
const BAR: f64 = 15.0;
const STEP: f64 = 19.0;
const HEAD: f64 = 30.0;

/// Best epochs. A bar ends at the seconds on a logarithmic axis that spans a panel, since small networks take
/// milliseconds and the slowest peer thirty times as long as the quickest.
pub fn svg(cells: &[Cell], rows: &[Row]) -> String {
    let mut body = String::new();
    let mut top = 8.0;
    for cell in cells.iter().filter(|cell| cell.peers == Peers::All) {
        let rows: Vec<Row> = rows.iter().filter(|row| row.cell == cell.name).cloned().collect();
        let summary = Summary::new(cell, &rows);
        let mut engines: Vec<_> = summary.engines.iter().filter(|figures| figures.epochs > 0).collect();
        if engines.is_empty() {
            continue;
        }
        engines.sort_by(|a, b| a.best.total_cmp(&b.best));
        // The quickest bar keeps a stump, so that a ratio of 1 can be seen.
        let low = engines[0].best / 1.6;
        let high = engines[engines.len() - 1].best;
        let title = format!("{}: {}, batch {}, {} rows", cell.name, cell.shape(), cell.batch, cell.rows);
        let _ = writeln!(body, r#"<text class="t" x="{LEFT}" y="{:.0}">{title}</text>"#, top + 16.0);
        top += HEAD;
        for figures in engines {
            let length = (RIGHT - LEFT) * (figures.best / low).ln() / (high / low).ln();
            let ours = figures.engine == "vanilla";
            let class = if ours { "o" } else { "b" };
            let text = top + 12.0;
            let end = LEFT + length + 6.0;
            let name = ENGINES.iter().find(|kind| kind.name == figures.engine).map_or("?", |kind| kind.name);
            let _ = writeln!(body, r#"<text class="n" x="{:.0}" y="{text:.0}">{name}</text>"#, LEFT - 8.0);
            let _ = writeln!(
                body,
                r#"<rect class="{class}" x="{LEFT}" y="{top:.0}" width="{length:.1}" height="{BAR}"/>"#
            );
            let times = summary.ratio(&figures.engine).filter(|_| !ours);
            let times = times.map_or(String::new(), |(best, _)| format!(", {best:.1} times ours"));
            let label = format!("{} s{times}", seconds(figures.best));
            let _ = writeln!(body, r#"<text class="v" x="{end:.0}" y="{text:.0}">{label}</text>"#);
            top += STEP;
        }
        top += 10.0;
    }
    let style = "text{font:12px 'DejaVu Sans',sans-serif;fill:#333}.t{font-weight:bold}.n{text-anchor:end}\
                 .b{fill:#b8c4d0}.o{fill:#d95f02}";
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\">\n<style>{style}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n{body}\
         <text class=\"v\" x=\"{LEFT}\" y=\"{foot}\">best epoch in seconds; bars are logarithmic, each panel has \
         its own axis</text>\n</svg>\n",
        height = top + 24.0,
        foot = top + 10.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::tests::{cell, rows};

    #[test]
    fn a_bar_for_each_engine_that_was_measured() {
        let svg = svg(&[cell()], &rows());
        assert_eq!(svg.matches("<rect class=").count(), 4);
        assert_eq!(svg.matches("<rect class=\"o\"").count(), 1);
        assert!(
            svg.contains("1.50 s, 3.0 times ours") && !svg.contains("candle") && !svg.contains("NaN"),
            "{svg}"
        );
    }
}
