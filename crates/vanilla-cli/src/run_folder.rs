//! The folder of a run: taken before the work starts, filled when it is done.

use crate::clock;
use crate::ui::{failed, usage};
use anyhow::Result;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use vanilla::checkpoint::Store;
use vanilla::plot::curves::Figure;
use vanilla::storage::lock::{LockError, RunLock};
use vanilla::storage::make_folder;
use vanilla::{Model, Terminal};

/// Every file that a run may write.
const OWN: [&str; 8] = [
    "config.toml",
    "model.keras",
    "history.csv",
    "history.json",
    "history.png",
    "history.svg",
    "samples.png",
    "metrics.json",
];

/// What is inside `checkpoint/` is the library's.
const CHECKPOINTS: &str = "checkpoint";

/// A folder that can be written, and that nobody else writes. Unless it is filled, dropping it removes the folders
/// that it made and that stayed empty.
pub struct RunFolder {
    path: PathBuf,
    made: Vec<PathBuf>,
    lock: Option<RunLock>,
}

/// What is to become of a run that is in the folder already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    Refused,
    Replaced,
    Resumed,
}

impl RunFolder {
    /// Makes `out`, or a new `runs/NAME-TIMESTAMP`, and tries to write in it; an earlier run is resumed in `out`, or
    /// in the newest `runs/NAME-TIMESTAMP`.
    pub fn take(out: Option<&Path>, name: &str, earlier: Earlier) -> Result<Self> {
        let path = match (out, earlier) {
            (Some(out), _) => out.to_owned(),
            (None, Earlier::Resumed) => newest(name).unwrap_or_else(|| unused(name)),
            (None, _) => unused(name),
        };
        let place = path.display();
        let unwritable = |error: &dyn Display| {
            usage(format!("--out {place}: cannot be written ({error}): choose another folder"))
        };
        let made = make_folder(&path).map_err(|error| unwritable(&error))?;
        let mut folder = Self { path: path.clone(), made, lock: None };
        folder.lock = Some(RunLock::acquire(&path).map_err(|error| match error {
            LockError::Io { source, .. } => unwritable(&source),
            held => usage(held.to_string()),
        })?);
        // Only whoever has the lock knows that nobody is about to put a run there.
        match run_in(&path).filter(|_| earlier == Earlier::Refused) {
            Some(file) => Err(usage(format!(
                "{place}: holds a run already ({file}): go on with it with --resume, replace it with --force, or \
                 choose another --out"
            ))),
            None => Ok(folder),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the checkpoints are.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join(CHECKPOINTS)
    }

    /// Whether a run can be gone on with.
    pub fn holds_checkpoints(&self) -> bool {
        begun(&self.path)
    }

    /// Writes the model and these files, together; files of an earlier run that this one does not have go away. The
    /// last one says that the run is whole.
    pub fn fill(&mut self, model: &Model, files: Vec<(&str, Vec<u8>)>) -> Result<()> {
        self.made.clear();
        let model = model.to_keras()?;
        let all =
            std::iter::once(("model.keras", &model[..])).chain(files.iter().map(|(name, b)| (*name, &b[..])));
        let all: Vec<_> = all.map(|(name, bytes)| (self.path.join(name), bytes)).collect();
        vanilla::write_files(&all).map_err(failed)?;
        for name in OWN {
            if name != "model.keras" && files.iter().all(|(file, _)| *file != name) {
                // It may never have been there.
                let _ = std::fs::remove_file(self.path.join(name));
            }
        }
        Ok(())
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // Its file would keep the folder from being empty.
        self.lock = None;
        // Deepest first; a folder that somebody else filled meanwhile stays.
        for folder in &self.made {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// A file that says that there is a run, finished or not.
fn run_in(path: &Path) -> Option<&'static str> {
    let finished = ["config.toml", "model.keras"].into_iter().find(|file| path.join(file).exists());
    finished.or_else(|| begun(path).then_some(CHECKPOINTS))
}

fn begun(path: &Path) -> bool {
    Store::new(path.join(CHECKPOINTS)).steps().is_ok_and(|steps| !steps.is_empty())
}

/// The last `runs/NAME-TIMESTAMP` or `runs/NAME-TIMESTAMP-NUMBER`.
fn newest(name: &str) -> Option<PathBuf> {
    let prefix = format!("{}-", safe(name));
    let age = |path: &PathBuf| -> Option<(String, u64)> {
        let rest = path.file_name()?.to_str()?.strip_prefix(&prefix)?.to_owned();
        let (timestamp, number) = rest.split_at_checked(clock::LENGTH)?;
        let number = if number.is_empty() { 1 } else { number.strip_prefix('-')?.parse().ok()? };
        let digits = timestamp
            .bytes()
            .enumerate()
            .all(|(i, byte)| if i == 8 { byte == b'-' } else { byte.is_ascii_digit() });
        digits.then(|| (timestamp.to_owned(), number))
    };
    let runs = std::fs::read_dir("runs").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    runs.filter_map(|path| Some((age(&path)?, path))).max().map(|(_, path)| path)
}

/// `runs/NAME-TIMESTAMP`, numbered where that exists.
fn unused(name: &str) -> PathBuf {
    let name = format!("{}-{}", safe(name), clock::timestamp());
    let first = Path::new("runs").join(&name);
    let numbered = |i: usize| Path::new("runs").join(format!("{name}-{i}"));
    std::iter::once(first).chain((2..).map(numbered)).find(|path| !path.exists()).expect("numbers do not end")
}

/// A name without what paths are made of.
fn safe(name: &str) -> String {
    let safe = |letter: char| if letter.is_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    name.chars().map(safe).collect()
}

/// The curves as files.
pub fn figure_files(figure: &Figure) -> Result<[(&'static str, Vec<u8>); 2]> {
    Ok([("history.png", figure.to_png()?), ("history.svg", figure.to_svg().into_bytes())])
}

/// The width to draw in; 80 where nobody knows.
pub fn columns(terminal: &Terminal) -> usize {
    if terminal.columns == 0 { 80 } else { terminal.columns }
}
