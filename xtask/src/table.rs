//! The tables of `docs/benchmarks.md`, from record rows alone.

use crate::cells::{Cell, Peers};
use crate::engine::{ENGINES, title};
use crate::load::DISTURBED;
use crate::record::Row;
use crate::summary::{Figures, Summary, best, median};
use crate::tutorial::{EPOCHS, PEAK, PREDICT, START};
use anyhow::{Result, bail};
use std::fmt::Write as _;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// The text with everything between the two markers replaced.
pub fn replace(text: &str, part: &str) -> Result<String> {
    let (Some(begin), Some(end)) = (text.find(BEGIN), text.find(END)) else {
        bail!("expected the markers {BEGIN} and {END}");
    };
    if end < begin {
        bail!("{END} stands before {BEGIN}");
    }
    Ok(format!("{}\n\n{}\n{}", &text[..begin + BEGIN.len()], part.trim_end(), &text[end..]))
}

/// What stands between the markers.
pub fn document(cells: &[Cell], rows: &[Row], machine: &str, record: &str) -> String {
    let threads = rows.iter().map(|row| row.threads).max().unwrap_or(0);
    let days: Vec<&str> = rows.iter().filter_map(|row| row.run.get(..10)).collect();
    let day = days.iter().max().unwrap_or(&"?");
    let mut text = String::new();
    let _ = writeln!(text, "Recorded on {day} on {machine}, {threads} threads for everybody.");
    let _ = writeln!(text, "Every epoch is a line in [`{record}`](../{record}).\n");
    text += "![Seconds an epoch, one panel a network](images/bench.svg)\n\n";
    text + &report(cells, rows)
}

/// All tables that the rows are enough for.
pub fn report(cells: &[Cell], rows: &[Row]) -> String {
    let measured: Vec<(&Cell, Summary)> = cells
        .iter()
        .map(|cell| (cell, rows.iter().filter(|row| row.cell == cell.name).cloned().collect::<Vec<_>>()))
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(cell, rows)| (cell, Summary::new(cell, &rows)))
        .collect();
    let (all, some): (Vec<_>, Vec<_>) = measured.iter().partition(|(cell, _)| cell.peers == Peers::All);
    let mut text = String::new();
    if !all.is_empty() {
        main_table(&mut text, &all);
    }
    if !some.is_empty() {
        variants(&mut text, &some);
    }
    process(&mut text, rows);
    remarks(&mut text, &measured);
    text
}

/// `1.43`, `0.0271`, `27.1`: three digits or so.
pub fn seconds(value: f64) -> String {
    let digits = if value < 0.1 {
        4
    } else if value < 1.0 {
        3
    } else if value < 10.0 {
        2
    } else {
        1
    };
    format!("{value:.digits$}")
}

fn main_table(text: &mut String, cells: &[&(&Cell, Summary)]) {
    text.push_str("Seconds an epoch, best and median:\n\n");
    let _ = write!(text, "| |");
    for (cell, _) in cells {
        let shape = cell.layers.iter().map(usize::to_string).collect::<Vec<_>>().join("-");
        let _ = write!(text, " {}: {shape}, batch {}, {} rows |", cell.name, cell.batch, cell.rows);
    }
    let _ = writeln!(text, "\n|{}", " --- |".repeat(cells.len() + 1));
    for kind in ENGINES {
        let found: Vec<Option<&Figures>> = cells.iter().map(|(_, summary)| summary.engine(kind.name)).collect();
        if found.iter().all(Option::is_none) {
            continue;
        }
        let version = found.iter().flatten().map(|figures| &*figures.version).find(|version| !version.is_empty());
        let _ = write!(text, "| {} {} |", kind.title, version.unwrap_or_default());
        for figures in found {
            let _ = write!(text, " {} |", figures.map_or("not asked".to_owned(), figure));
        }
        text.push('\n');
    }
    let _ = write!(text, "| **ours against the best peer** |");
    for (cell, summary) in cells {
        let ratio = summary.best_ratio().map(|(peer, best, median)| (title(peer), best, median));
        let _ = write!(text, " {} |", against(ratio, cell.at_least));
    }
    let _ = write!(text, "\n| **ours against Keras on TensorFlow** |");
    for (cell, summary) in cells {
        let ratio = summary.ratio("keras-tf").map(|(best, median)| ("", best, median));
        let _ = write!(text, " {} |", against(ratio, cell.at_least_keras));
    }
    text.push_str("\n\nRatios are of the best epochs, in brackets of the medians; then what is aimed at.\n\n");
}

fn figure(figures: &Figures) -> String {
    if figures.epochs == 0 {
        return "missing".to_owned();
    }
    let mark = if figures.alike { "" } else { " (learns otherwise)" };
    format!("{} / {}{mark}", seconds(figures.best), seconds(figures.median))
}

fn against(ratio: Option<(&str, f64, f64)>, bar: Option<f64>) -> String {
    let Some((name, best, median)) = ratio else { return "?".to_owned() };
    let name = if name.is_empty() { String::new() } else { format!(" {name};") };
    let bar = bar.map_or(String::new(), |bar| {
        let verdict = if best >= bar { "met" } else { "**not met**" };
        format!(", at least {bar}: {verdict}")
    });
    format!("{best:.2} ({median:.2}){name}{bar}").replace(";,", ",").trim_end_matches(';').to_owned()
}

fn variants(text: &mut String, cells: &[&(&Cell, Summary)]) {
    text.push_str("Other shapes, curves and optimizers, one round of three epochs, best epoch in seconds:\n\n");
    text.push_str("| | shape, batch, rows | Vanilla | peers | ours against the best |\n");
    text.push_str("| --- | --- | --- | --- | --- |\n");
    for (cell, summary) in cells {
        let ours = summary.engine("vanilla").map_or("not asked".to_owned(), best_figure);
        let peers: Vec<String> = summary
            .engines
            .iter()
            .filter(|figures| figures.engine != "vanilla")
            .map(|figures| format!("{} {}", figures.engine, best_figure(figures)))
            .collect();
        let ratio = summary.best_ratio().map_or("?".to_owned(), |(_, best, _)| format!("{best:.2}"));
        let shape = format!("{}, {}, {}", cell.shape(), cell.batch, cell.rows);
        let _ = writeln!(text, "| {} | {shape} | {ours} | {} | {ratio} |", cell.title, peers.join(", "));
    }
    text.push('\n');
}

fn best_figure(figures: &Figures) -> String {
    match figures.epochs {
        0 => "missing".to_owned(),
        _ if figures.alike => seconds(figures.best),
        _ => format!("{} (learns otherwise)", seconds(figures.best)),
    }
}

/// What is aimed at: the bars of the tutorial as a process.
const PEAK_MB: f64 = 200.0;
const START_SECONDS: f64 = 0.5;
const DRIFT: f64 = 1.10;
const ROW_MICROSECONDS: f64 = 60.0;

fn process(text: &mut String, rows: &[Row]) {
    let of = |cell: &str, engine: &str| -> Vec<f64> {
        let rows = rows.iter().filter(|row| row.cell == cell && row.engine == engine && row.round > 0);
        rows.map(|row| row.seconds).filter(|seconds| seconds.is_finite()).collect()
    };
    let mut lines: Vec<(&str, String, String, bool)> = Vec::new();
    let epochs = of(EPOCHS, "vanilla");
    let peak =
        rows.iter().filter(|row| row.cell == EPOCHS).find_map(|row| row.note.strip_prefix(PEAK)?.parse().ok());
    if let Some(bytes) = peak {
        let mb: f64 = bytes;
        let mb = mb / 1e6;
        lines.push((
            "peak memory of the process",
            format!("{mb:.0} MB"),
            format!("at most {PEAK_MB} MB"),
            mb <= PEAK_MB,
        ));
    }
    if epochs.len() == 10 {
        let drift = median(&epochs[7..10]) / median(&epochs[1..4]);
        let what = "median of epochs 8 to 10 / of 2 to 4";
        lines.push((what, format!("{drift:.2}"), format!("at most {DRIFT:.2}"), drift <= DRIFT));
    }
    let start = median(&of(START, "vanilla"));
    if start.is_finite() {
        let met = start <= START_SECONDS;
        lines.push((
            "start to first training step",
            format!("{start:.2} s"),
            format!("at most {START_SECONDS} s"),
            met,
        ));
    }
    for (cell, count) in PREDICT {
        let (ours, theirs) = (best(&of(cell, "vanilla")), best(&of(cell, "onnxruntime")));
        if !ours.is_finite() {
            continue;
        }
        let onnx = if theirs.is_finite() {
            format!("ONNX Runtime {}", micro(theirs))
        } else {
            "ONNX Runtime missing".into()
        };
        let value = format!("{} ({onnx})", micro(ours));
        if count == 1 {
            let met = ours * 1e6 <= ROW_MICROSECONDS;
            lines.push(("one row predicted", value, format!("at most {ROW_MICROSECONDS} us"), met));
        } else {
            let met = ours <= theirs;
            lines.push(("10,000 rows predicted", value, "as fast as ONNX Runtime".to_owned(), met));
        }
    }
    if lines.is_empty() {
        return;
    }
    text.push_str("The tutorial as a process, ten epochs, and prediction with what it trained:\n\n");
    text.push_str("| | Vanilla | aimed at | |\n| --- | --- | --- | --- |\n");
    for (what, value, bar, met) in lines {
        let verdict = if met { "met" } else { "**not met**" };
        let _ = writeln!(text, "| {what} | {value} | {bar} | {verdict} |");
    }
    text.push('\n');
}

fn micro(seconds: f64) -> String {
    if seconds < 1e-3 { format!("{:.1} us", seconds * 1e6) } else { format!("{:.1} ms", seconds * 1e3) }
}

/// What a reader has to know beside the figures: who is missing, who got fewer epochs, who learned otherwise.
fn remarks(text: &mut String, cells: &[(&Cell, Summary)]) {
    let mut lines = Vec::new();
    for (cell, summary) in cells {
        let most = summary.engines.iter().map(|figures| figures.epochs).max().unwrap_or(0);
        let fewer: Vec<String> = summary
            .engines
            .iter()
            .filter(|figures| figures.epochs > 0 && figures.epochs < most)
            .map(|figures| format!("{} {}", figures.engine, figures.epochs))
            .collect();
        if !fewer.is_empty() {
            lines.push(format!("{}: {most} epochs measured; fewer of {}.", cell.name, fewer.join(", ")));
        }
        let disturbed: Vec<String> = summary
            .engines
            .iter()
            .filter(|figures| figures.disturbed > 0)
            .map(|figures| format!("{} {} of {}", figures.engine, figures.disturbed, figures.epochs))
            .collect();
        if !disturbed.is_empty() {
            let share = 100.0 * DISTURBED;
            let who = disturbed.join(", ");
            lines
                .push(format!("{}: epochs while others took more than {share:.0} % of a core: {who}.", cell.name));
        }
        for figures in &summary.engines {
            let at = format!("{}: {}", cell.name, figures.engine);
            if figures.epochs == 0 {
                lines.push(format!("{at} is {}", figures.note));
            } else if !figures.alike {
                let (loss, median) = (figures.loss, summary.median_loss);
                let within = cell.within();
                let place = summary.compared_epoch;
                lines.push(format!(
                    "{at} learns otherwise: mean loss {loss:.3} in epoch {place}, the median of all is \
                     {median:.3} (alike is within a factor of {within}); it does not count as the best peer."
                ));
            }
        }
        let losses: Vec<String> = summary
            .engines
            .iter()
            .filter(|figures| figures.loss.is_finite())
            .map(|figures| format!("{} {:.3}", figures.engine, figures.loss))
            .collect();
        lines.push(format!(
            "{}: mean loss in epoch {}: {}.",
            cell.name,
            summary.compared_epoch,
            losses.join(", ")
        ));
    }
    if !lines.is_empty() {
        text.push_str("Remarks:\n\n");
        lines.iter().for_each(|line| {
            let _ = writeln!(text, "- {line}");
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::tests::{cell, rows};

    #[test]
    fn the_part_between_the_markers_is_replaced() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        assert_eq!(replace(&text, "new\n").unwrap(), format!("a\n{BEGIN}\n\nnew\n{END}\nb\n"));
        assert!(replace("nothing", "new").unwrap_err().to_string().contains("bench:begin"));
    }

    #[test]
    fn three_digits() {
        assert_eq!([0.02714, 0.4567, 1.434, 27.14].map(seconds), ["0.0271", "0.457", "1.43", "27.1"]);
    }

    #[test]
    fn the_table_says_who_is_missing_and_who_does_not_learn() {
        let text = report(&[cell()], &rows());
        for line in [
            "| | T: 784-1000-10, batch 64, 60000 rows |",
            "| **Vanilla** 1 | 0.500 / 0.625 |",
            "| rustyml 1 | 0.100 / 0.125 (learns otherwise) |",
            "| candle 1 | missing |",
            "3.00 (3.00) JAX, one jitted scan an epoch, at least 3: met |",
            "| **ours against Keras on TensorFlow** | 8.00 (8.00), at least 10: **not met** |",
            "- T: candle is missing: no such file",
            "- T: rustyml learns otherwise: mean loss 10.800 in epoch 3, the median of all is 0.297",
        ] {
            assert!(text.contains(line), "no {line:?} in\n{text}");
        }
    }
}
