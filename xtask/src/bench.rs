//! `cargo xtask bench`: the whole run, from setting up to the table in `docs/benchmarks.md`.

use crate::cells::{self, Cell, Peers};
use crate::engine::{ENGINES, Engine, Epoch, Kind};
use crate::record::{self, Row};
use crate::setup::{Machine, Places};
use crate::summary::Summary;
use crate::{chart, data, table, tutorial};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Without options: everything, under 45 minutes, into the record and into `docs/benchmarks.md`.
#[derive(Args)]
pub struct Options {
    /// Only this cell of bench/cells.toml, or `process`; may be given more than once. Recorded in target/bench
    #[arg(long, value_name = "NAME")]
    cell: Vec<String>,
    /// Only this engine; may be given more than once
    #[arg(long, value_name = "NAME")]
    engine: Vec<String>,
    /// Rounds of cells that are measured against all peers
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Epochs a round
    #[arg(long, default_value_t = 5)]
    epochs: usize,
    /// Install and build, measure nothing
    #[arg(long)]
    setup_only: bool,
    /// Take the engines as they are
    #[arg(long)]
    no_setup: bool,
    /// With --cell: into the record of this machine all the same, so that a run can be made in pieces
    #[arg(long)]
    record: bool,
    /// Measure nothing: write docs/benchmarks.md from the newest record of this machine
    #[arg(long)]
    render: bool,
}

/// Seconds that a contender may take for one round of a cell, and what others may take for their only one: then a
/// round has fewer epochs. X takes contenders 30 s a round; with these limits the full run stays under 45 minutes.
const ROUND_SECONDS: f64 = 35.0;
const OTHERS_SECONDS: f64 = 15.0;

/// How many of the quickest peers come back after the first round.
const COME_BACK: usize = 3;

/// Rounds and epochs of cells that are measured against the best peers only.
const BEST_EPOCHS: usize = 3;

pub fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    let places = Places::find()?;
    let cells = cells::read(&places.root.join("bench/cells.toml"))?;
    if let Some(unknown) =
        options.cell.iter().find(|name| *name != tutorial::CELL && !cells.iter().any(|cell| cell.name == **name))
    {
        let names: Vec<&str> = cells.iter().map(|cell| &*cell.name).collect();
        bail!("--cell {unknown}: expected one of {}, {}", names.join(", "), tutorial::CELL);
    }
    if let Some(unknown) = options.engine.iter().find(|name| !ENGINES.iter().any(|kind| kind.name == **name)) {
        let names: Vec<&str> = ENGINES.iter().map(|kind| kind.name).collect();
        bail!("--engine {unknown}: expected one of {}", names.join(", "));
    }
    if options.render {
        return render(&places, &cells);
    }
    if !options.no_setup {
        places.set_up()?;
    }
    if options.setup_only {
        return Ok(());
    }

    let now = date("+%Y-%m-%dT%H:%M:%S")?;
    let whole = options.cell.is_empty() && options.engine.is_empty();
    let folder = if whole || options.record { &places.record } else { &places.work };
    let mut bench = Bench {
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        record: folder.join(format!("{}.csv", &now[..10])),
        run: now,
        rows: Vec::new(),
        places,
    };
    let wanted = |name: &str| options.cell.is_empty() || options.cell.iter().any(|cell| cell == name);
    for cell in cells.iter().filter(|cell| wanted(&cell.name)) {
        eprintln!("bench: {} {} ({:.0} s so far)", cell.name, cell.shape(), start.elapsed().as_secs_f64());
        bench.cell(cell, options)?;
    }
    if wanted(tutorial::CELL) && (options.engine.is_empty() || options.engine.iter().any(|name| name == "vanilla"))
    {
        eprintln!("bench: the tutorial as a process ({:.0} s so far)", start.elapsed().as_secs_f64());
        tutorial::measure(&mut bench)?;
    }
    print!("{}", table::report(&cells, &bench.rows));
    eprintln!("bench: {:.0} s; every epoch is in {}", start.elapsed().as_secs_f64(), bench.record.display());
    if whole { render(&bench.places, &cells) } else { Ok(()) }
}

/// Writes table and chart from the newest record of this machine.
fn render(places: &Places, cells: &[Cell]) -> Result<()> {
    let path = record::newest(&places.record)?;
    let rows = record::latest(&record::read(&path)?);
    let svg = chart::svg(cells, &rows);
    data::file(&places.root.join("docs/images"), "bench.svg", svg.as_bytes())?;
    let document = places.root.join("docs/benchmarks.md");
    let place = || format!("{}: cannot be read", document.display());
    let text = std::fs::read_to_string(&document).with_context(place)?;
    let shown = path.strip_prefix(&places.root).unwrap_or(&path).display().to_string();
    let part = table::document(cells, &rows, &Machine::read().name, &shown);
    let text = table::replace(&text, &part).with_context(|| document.display().to_string())?;
    data::file(&places.root.join("docs"), "benchmarks.md", text.as_bytes())?;
    eprintln!("bench: {} and docs/images/bench.svg are from {shown}", document.display());
    Ok(())
}

/// The local date and time; the standard library knows only the time since 1970.
fn date(format: &str) -> Result<String> {
    let output = Command::new("date").arg(format).output().context("cannot start `date`")?;
    Ok(String::from_utf8(output.stdout).context("`date` answered no text")?.trim().to_owned())
}

/// One run of the program.
pub struct Bench {
    pub places: Places,
    pub threads: usize,
    run: String,
    record: PathBuf,
    /// Everything measured so far.
    rows: Vec<Row>,
}

impl Bench {
    /// Adds a row to the record, at once: a run that is broken off keeps what it has.
    pub fn note(&mut self, row: Row) -> Result<()> {
        record::append(&self.record, std::slice::from_ref(&row))?;
        self.rows.push(row);
        Ok(())
    }

    /// A row of this run without figures.
    pub fn row(&self, cell: &str, engine: &str) -> Row {
        Row {
            run: self.run.clone(),
            cell: cell.to_owned(),
            engine: engine.to_owned(),
            version: String::new(),
            threads: self.threads,
            round: 0,
            epoch: 0,
            seconds: f64::NAN,
            loss: f64::NAN,
            others: f64::NAN,
            note: String::new(),
        }
    }

    /// Starts an engine, or notes why it is missing.
    pub fn start(
        &mut self,
        cell: &str,
        name: &str,
        command: Command,
        definition: &Path,
    ) -> Result<Option<Engine>> {
        let logs = self.places.work.join("log");
        let log = logs.join(format!("{cell}-{name}.txt"));
        std::fs::create_dir_all(&logs).with_context(|| format!("{}: cannot be made", logs.display()))?;
        match Engine::start(name, command, definition, self.threads, &log) {
            Ok(engine) => Ok(Some(engine)),
            Err(error) => {
                let last = std::fs::read_to_string(&log).unwrap_or_default();
                let last = last.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
                self.missing(cell, name, &format!("{error:#}; {last}"))?;
                Ok(None)
            }
        }
    }

    fn missing(&mut self, cell: &str, name: &str, reason: &str) -> Result<()> {
        eprintln!("bench: {cell}: {name} is missing: {reason}");
        // The record is for everybody: no folders of this machine in it.
        let reason = reason.replace(&self.places.work.display().to_string(), "target/bench");
        let reason = reason.replace(&self.places.root.display().to_string(), ".");
        self.note(Row { note: format!("missing: {reason}"), ..self.row(cell, name) })
    }

    /// One cell: everybody starts and warms up, then the rounds.
    fn cell(&mut self, cell: &Cell, options: &Options) -> Result<()> {
        let folder = self.places.work.join("data");
        let definition = folder.join(data::write(&folder, cell, self.threads)?);
        let best_peers = self.best_peers();
        let takes_part = |kind: &&Kind| {
            let asked = options.engine.is_empty() || options.engine.iter().any(|name| name == kind.name);
            let rival = cell.peers == Peers::All || kind.name == "vanilla" || best_peers.contains(&kind.name);
            asked && (rival || !options.engine.is_empty())
        };
        let mut running = Vec::new();
        for kind in ENGINES.iter().filter(takes_part) {
            let command = self.places.command(kind);
            if let Some(engine) = self.start(&cell.name, kind.name, command, &definition)? {
                let mut entry = Entry { kind, engine, epochs: 0, best: f64::INFINITY, last: 0.0 };
                if self.train(cell, &mut entry, 0, 1)? {
                    running.push(entry);
                }
            }
        }
        let (rounds, epochs) =
            if cell.peers == Peers::All { (options.rounds, options.epochs) } else { (1, BEST_EPOCHS) };
        for round in 1..=rounds {
            let back = comers_back(&running.iter().map(|e| (e.kind.name, e.best)).collect::<Vec<_>>());
            let mut still = Vec::new();
            for mut entry in running {
                if round > 1 && !back.contains(&entry.kind.name) {
                    continue;
                }
                let limit = if round > 1 || entry.kind.contender { ROUND_SECONDS } else { OTHERS_SECONDS };
                if self.round(cell, &mut entry, round, epochs, limit)? {
                    still.push(entry);
                }
            }
            // Forth and back, so that nobody always runs behind the same neighbour.
            still.reverse();
            running = still;
        }
        Ok(())
    }

    /// A round of `epochs` epochs, fewer if they would take longer than `limit` seconds, but at least two.
    fn round(&mut self, cell: &Cell, entry: &mut Entry, round: usize, epochs: usize, limit: f64) -> Result<bool> {
        let mut left = epochs;
        // The warm-up may have been slow because of compilation: a single epoch tells.
        if entry.last * epochs as f64 > limit {
            if !self.train(cell, entry, round, 1)? {
                return Ok(false);
            }
            left = fitting(epochs, entry.last, limit) - 1;
        }
        if left == 0 { Ok(true) } else { self.train(cell, entry, round, left) }
    }

    /// Trains and notes; false if the engine has failed and is missing from now on.
    fn train(&mut self, cell: &Cell, entry: &mut Entry, round: usize, epochs: usize) -> Result<bool> {
        let name = entry.kind.name;
        let answers = match entry.engine.train(epochs) {
            Ok(answers) => answers,
            Err(error) => {
                self.missing(&cell.name, name, &format!("{error:#}"))?;
                return Ok(false);
            }
        };
        for answer in answers {
            entry.epochs += 1;
            entry.last = answer.seconds;
            if round > 0 {
                entry.best = entry.best.min(answer.seconds);
            }
            let row = self.row(&cell.name, name);
            let (version, note) = (entry.engine.version.clone(), entry.engine.note.clone());
            let Epoch { seconds, loss, others } = answer;
            self.note(Row { version, note, round, epoch: entry.epochs, seconds, loss, others, ..row })?;
        }
        eprintln!(
            "bench: {:13} {name:14} round {round}  {:9.4} s  loss {:.4}",
            cell.name,
            entry.last,
            self.loss()
        );
        Ok(true)
    }

    fn loss(&self) -> f64 {
        self.rows.last().map_or(f64::NAN, |row| row.loss)
    }

    /// The three quickest peers on T: of this run, else of the record, else those that usually are.
    fn best_peers(&self) -> Vec<&'static str> {
        let recorded = || record::newest(&self.places.record).and_then(|path| record::read(&path));
        let cells = cells::read(&self.places.root.join("bench/cells.toml")).unwrap_or_default();
        let Some(cell) = cells.iter().find(|cell| cell.name == "T") else { return Vec::new() };
        let of_t = |rows: Vec<Row>| rows.into_iter().filter(|row| row.cell == "T").collect::<Vec<_>>();
        let mut rows = of_t(self.rows.clone());
        if rows.is_empty() {
            rows = of_t(record::latest(&recorded().unwrap_or_default()));
        }
        let summary = Summary::new(cell, &rows);
        let quickest: Vec<&str> = summary.peers().iter().map(|figures| &*figures.engine).take(COME_BACK).collect();
        let named = |names: &[&str]| -> Vec<&'static str> {
            ENGINES.iter().map(|kind| kind.name).filter(|name| names.contains(name)).collect()
        };
        if quickest.len() == COME_BACK { named(&quickest) } else { named(&["jax", "torch", "torch-compile"]) }
    }
}

struct Entry {
    kind: &'static Kind,
    engine: Engine,
    epochs: usize,
    best: f64,
    last: f64,
}

/// Of (name, best epoch): who runs in the second and third round.
fn comers_back<'a>(engines: &[(&'a str, f64)]) -> Vec<&'a str> {
    let mut peers: Vec<_> = engines.iter().filter(|(name, _)| *name != "vanilla").collect();
    peers.sort_by(|a, b| a.1.total_cmp(&b.1));
    let quickest = peers.into_iter().take(COME_BACK).map(|(name, _)| *name);
    quickest.chain(["vanilla", "keras-tf"]).collect()
}

/// How many epochs of `seconds` fit into `limit`: at least two, at most `epochs`.
fn fitting(epochs: usize, seconds: f64, limit: f64) -> usize {
    ((limit / seconds) as usize).clamp(2.min(epochs), epochs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_engine_gets_fewer_epochs() {
        assert_eq!(fitting(5, 1.0, 35.0), 5);
        assert_eq!(fitting(5, 10.0, 35.0), 3);
        assert_eq!(fitting(5, 100.0, 35.0), 2);
        assert_eq!(fitting(1, 100.0, 35.0), 1);
    }

    #[test]
    fn the_three_quickest_and_keras_come_back() {
        let engines = [("vanilla", 9.0), ("keras-tf", 8.0), ("a", 3.0), ("b", 1.0), ("c", 2.0), ("d", 4.0)];
        assert_eq!(comers_back(&engines), ["b", "c", "a", "vanilla", "keras-tf"]);
    }
}
