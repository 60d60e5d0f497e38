//! `bench/record/MACHINE/DATE.csv`: every epoch of every engine, one line each. Tables are made from it alone.

use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const HEAD: &str = "run,cell,engine,version,threads,round,epoch,seconds,loss,others,note";

/// One epoch, or the reason why there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// When the program that measured was started: rows of one run may be compared, others not.
    pub run: String,
    pub cell: String,
    pub engine: String,
    pub version: String,
    pub threads: usize,
    /// 0 is the warm-up.
    pub round: usize,
    /// Counts from the first epoch after the start, the warm-up included.
    pub epoch: usize,
    /// NaN where the engine is missing.
    pub seconds: f64,
    pub loss: f64,
    /// What other processes took of one core meanwhile; NaN if nobody knows.
    pub others: f64,
    pub note: String,
}

impl Row {
    fn line(&self) -> String {
        let number = |value: f64, digits| if value.is_nan() { String::new() } else { format!("{value:.digits$}") };
        let text = |text: &str| text.replace([',', '\n', '\r', '"'], ";");
        let mut line = String::new();
        let (run, cell, engine) = (text(&self.run), text(&self.cell), text(&self.engine));
        let (seconds, loss, others) = (number(self.seconds, 7), number(self.loss, 5), number(self.others, 2));
        let _ = write!(line, "{run},{cell},{engine},{},{},", text(&self.version), self.threads);
        let _ = writeln!(line, "{},{},{seconds},{loss},{others},{}", self.round, self.epoch, text(&self.note));
        line
    }

    fn read(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(',').collect();
        let [run, cell, engine, version, threads, round, epoch, seconds, loss, others, note] = fields[..] else {
            return None;
        };
        let number = |text: &str| if text.is_empty() { Some(f64::NAN) } else { text.parse().ok() };
        Some(Self {
            run: run.to_owned(),
            cell: cell.to_owned(),
            engine: engine.to_owned(),
            version: version.to_owned(),
            threads: threads.parse().ok()?,
            round: round.parse().ok()?,
            epoch: epoch.parse().ok()?,
            seconds: number(seconds)?,
            loss: number(loss)?,
            others: number(others)?,
            note: note.to_owned(),
        })
    }
}

/// Adds rows to a file, which starts with the names of the columns.
pub fn append(path: &Path, rows: &[Row]) -> Result<()> {
    let place = || format!("{}: cannot be written", path.display());
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).with_context(place)?;
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).with_context(place)?;
    let mut text =
        if file.metadata().with_context(place)?.len() == 0 { format!("{HEAD}\n") } else { String::new() };
    rows.iter().for_each(|row| text += &row.line());
    file.write_all(text.as_bytes()).with_context(place)
}

/// All rows of a file.
pub fn read(path: &Path) -> Result<Vec<Row>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if number == 0 {
            if line != HEAD {
                bail!("{}: starts with {line:?}, expected {HEAD:?}", path.display());
            }
            continue;
        }
        let place = || format!("{}, line {}: {line:?}, expected 11 fields", path.display(), number + 1);
        rows.push(Row::read(line).with_context(place)?);
    }
    Ok(rows)
}

/// The rows of each cell from the last run that measured it, in the order of the file.
pub fn latest(rows: &[Row]) -> Vec<Row> {
    let last = |cell: &str| rows.iter().filter(|row| row.cell == cell).map(|row| &row.run).max();
    rows.iter().filter(|row| Some(&row.run) == last(&row.cell)).cloned().collect()
}

/// The newest file of a machine's folder, by its name.
pub fn newest(folder: &Path) -> Result<PathBuf> {
    let files = std::fs::read_dir(folder).with_context(|| format!("{}: no records yet", folder.display()))?;
    // Files of another form (`DATE-tutorial.csv`) are older and are left alone.
    let dated = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.len() == "2026-01-01.csv".len() && name.ends_with(".csv")
    };
    let newest = files.filter_map(|entry| Some(entry.ok()?.path())).filter(dated).max();
    newest.with_context(|| format!("{}: no DATE.csv; `cargo xtask bench` makes one", folder.display()))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A row of cell T.
    pub fn row(engine: &str, round: usize, epoch: usize, seconds: f64, loss: f64) -> Row {
        Row {
            run: "2026-01-01T00:00:00".to_owned(),
            cell: "T".to_owned(),
            engine: engine.to_owned(),
            version: "1".to_owned(),
            threads: 2,
            round,
            epoch,
            seconds,
            loss,
            others: 0.0,
            note: String::new(),
        }
    }

    #[test]
    fn rows_survive_the_file() {
        let path = std::env::temp_dir().join(format!("vanilla-xtask-{}-record.csv", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut rows = vec![row("jax", 1, 2, 1.5, 0.25), row("burn", 0, 0, 3.5, 0.125)];
        rows[1].note = "missing: a, \"b\"\nc".to_owned();
        append(&path, &rows[..1]).unwrap();
        append(&path, &rows[1..]).unwrap();
        rows[1].note = "missing: a; ;b;;c".to_owned();
        assert_eq!(read(&path).unwrap(), rows);
        std::fs::write(&path, format!("{HEAD}\n1,2\n")).unwrap();
        assert!(format!("{:#}", read(&path).unwrap_err()).contains("line 2"));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_cell_is_taken_from_its_last_run() {
        let mut rows = vec![row("jax", 1, 1, 1.0, 1.0), row("jax", 1, 1, 2.0, 1.0), row("jax", 1, 1, 3.0, 1.0)];
        rows[1].run = "2026-01-01T00:00:01".to_owned();
        rows[2].cell = "S".to_owned();
        assert_eq!(latest(&rows), rows[1..]);
    }
}
