//! The tutorial as a process, and prediction with what it trained: memory, start, slowing down, time of a row.

use crate::bench::Bench;
use crate::data;
use crate::engine::{Engine, Kind, Program};
use crate::record::Row;
use crate::summary::{best, median};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What `--cell` calls all of this.
pub const CELL: &str = "process";
/// Ten epochs of `vanilla train mnist`; the note of the first has the peak of memory.
pub const EPOCHS: &str = "process-epochs";
/// Seconds from the start of the process to the end of the first training step.
pub const START: &str = "process-start";
/// Predictions: a cell for each number of rows, whose rows are medians of many calls.
pub const PREDICT: [(&str, usize); 2] = [("predict-1", 1), ("predict-10000", 10_000)];
/// What stands before the bytes in the note.
pub const PEAK: &str = "peak_memory_bytes=";

const ROUNDS: usize = 3;
const ONNX: Kind = Kind {
    name: "onnxruntime",
    title: "ONNX Runtime",
    program: Program::Python("onnx_predict.py"),
    environment: &[],
    contender: true,
};
const VANILLA: Kind = Kind {
    name: "vanilla",
    title: "**Vanilla**",
    program: Program::Ours("vanilla-engine"),
    environment: &[],
    contender: true,
};

pub fn measure(bench: &mut Bench) -> Result<()> {
    let runs = bench.places.work.join("runs");
    if runs.exists() {
        std::fs::remove_dir_all(&runs).with_context(|| format!("{}: cannot be removed", runs.display()))?;
    }
    let program = bench.places.ours("vanilla");
    let threads = bench.threads.to_string();
    let train = |epochs: usize, out: &str| -> Vec<String> {
        let words = ["train", "mnist", "--threads", &threads, "--epochs", &epochs.to_string(), "--out"];
        words.iter().map(|word| (*word).to_owned()).chain([runs.join(out).display().to_string()]).collect()
    };

    let output = Command::new(&program)
        .args(train(10, "whole"))
        .args(["--json", "--quiet"])
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let metrics: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("vanilla train mnist: {}", String::from_utf8_lossy(&output.stderr)))?;
    let seconds = metrics["epoch_seconds"].as_array().context("vanilla train mnist --json: no epoch_seconds")?;
    for (i, seconds) in seconds.iter().enumerate() {
        let row = bench.row(EPOCHS, "vanilla");
        let note = if i == 0 { format!("{PEAK}{}", metrics["peak_memory_bytes"]) } else { String::new() };
        let seconds = seconds.as_f64().unwrap_or(f64::NAN);
        bench.note(Row { round: 1, epoch: i + 1, seconds, note, ..row })?;
    }

    for i in 0..5 {
        let row = bench.row(START, "vanilla");
        let words = train(1, &format!("start-{i}"));
        match first_step(&program.display().to_string(), &words) {
            Ok(seconds) => bench.note(Row { round: 1, epoch: i + 1, seconds, ..row })?,
            Err(error) => bench.note(Row { note: format!("missing: {error:#}"), ..row })?,
        }
    }

    for (cell, rows) in PREDICT {
        predictions(bench, cell, rows, &runs.join("whole/model.keras").display().to_string())?;
    }
    Ok(())
}

/// Seconds until the bar shows the first step. Only a terminal gets a bar, so `script` lends one.
fn first_step(program: &str, words: &[String]) -> Result<f64> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect();
    let start = Instant::now();
    let mut child = Command::new("script")
        .args(["-q", "-e", "-c", &format!("'{program}' {}", quoted.join(" ")), "/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start `script`, which lends a terminal")?;
    let mut stdout = child.stdout.take().context("`script` without stdout")?;
    let (mut seen, mut buffer, mut seconds) = (Vec::new(), [0; 4096], None);
    loop {
        let count = stdout.read(&mut buffer).context("the output of `script`")?;
        if count == 0 {
            break;
        }
        seen.extend_from_slice(&buffer[..count]);
        if seconds.is_none() && plain(&seen).contains("1/938") {
            seconds = Some(start.elapsed().as_secs_f64());
        }
    }
    let status = child.wait().context("`script`")?;
    if !status.success() {
        bail!("vanilla train mnist in `script`: {status}");
    }
    seconds.context("vanilla train mnist showed no step 1/938")
}

/// Text without the escapes that colour it: ESC, `[`, up to a letter.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain += part.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, rest)| rest);
    }
    plain
}

/// Both predict the same rows with the same weights, in turns.
fn predictions(bench: &mut Bench, cell: &str, rows: usize, model: &str) -> Result<()> {
    let folder = bench.places.work.join("data");
    data::write_test_rows(&folder, cell, rows)?;
    let definition = json!({
        "name": cell, "task": "predict", "layers": [784, 1000, 10], "rows": rows, "threads": bench.threads,
        "x": format!("{cell}-x.npy"), "y": format!("{cell}-y.npy"), "model": model,
    });
    let name = format!("{cell}.json");
    data::file(&folder, &name, definition.to_string().as_bytes())?;
    let mut running: Vec<(Kind, Engine)> = Vec::new();
    for kind in [VANILLA, ONNX] {
        let command = bench.places.command(&kind);
        if let Some(engine) = bench.start(cell, kind.name, command, &folder.join(&name))? {
            running.push((kind, engine));
        }
    }
    let calls = if rows == 1 { 5000 } else { 20 };
    for round in 0..=ROUNDS {
        for (kind, engine) in &mut running {
            let answers = engine.train(calls)?;
            let seconds: Vec<f64> = answers.iter().map(|answer| answer.seconds).collect();
            ensure!(!answers.is_empty(), "{}: no answers", kind.name);
            let note = format!("median of {calls} calls; best {:.7}; {}", best(&seconds), engine.note);
            let version = engine.version.clone();
            let (loss, others) = (answers[0].loss, answers[0].others);
            let row = bench.row(cell, kind.name);
            let seconds = median(&seconds);
            eprintln!("bench: {cell:13} {:14} round {round}  {:9.1} us", kind.name, seconds * 1e6);
            bench.note(Row { version, round, epoch: round + 1, seconds, loss, others, note, ..row })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_no_text() {
        assert_eq!(plain(b"\x1b[1m  1/938\x1b[0m \x1b[32mx"), "  1/938 x");
    }
}
