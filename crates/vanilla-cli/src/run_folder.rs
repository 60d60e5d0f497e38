//! The folder of a run: taken before the work starts, filled when it is done.

use crate::clock;
use crate::ui::{failed, usage};
use anyhow::Result;
use std::path::{Path, PathBuf};
use vanilla::Terminal;
use vanilla::plot::curves::Figure;

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

/// A folder that can be written. Unless it is filled, dropping it removes the folders that it made.
pub struct RunFolder {
    path: PathBuf,
    made: Vec<PathBuf>,
}

impl RunFolder {
    /// Makes `out`, or a new `runs/NAME-TIMESTAMP`, and tries to write in it. A folder that holds a run already is
    /// refused unless `force`.
    pub fn take(out: Option<&Path>, name: &str, force: bool) -> Result<Self> {
        let path = out.map_or_else(|| unused(name), Path::to_owned);
        if !force && let Some(file) = ["config.toml", "model.keras"].iter().find(|file| path.join(file).exists()) {
            return Err(usage(format!(
                "{}: holds a run already ({file}): choose another --out, or replace it with --force",
                path.display()
            )));
        }
        let missing = path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let made: Vec<PathBuf> = missing.map(Path::to_owned).collect();
        let unwritable = |error: std::io::Error| {
            usage(format!("--out {}: cannot be written ({error}): choose another folder", path.display()))
        };
        let made = std::fs::create_dir_all(&path).map(|()| made).map_err(unwritable)?;
        let folder = Self { path: path.clone(), made };
        let probe = path.join(format!(".vanilla-probe-{}", std::process::id()));
        std::fs::write(&probe, b"probe").map_err(unwritable)?;
        std::fs::remove_file(&probe).map_err(unwritable)?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the model and these files; files of an earlier run that this one does not have go away.
    pub fn fill(mut self, model: &vanilla::Sequential, files: Vec<(&str, Vec<u8>)>) -> Result<()> {
        self.made.clear();
        model.save(self.path.join("model.keras")).map_err(failed)?;
        for (name, bytes) in &files {
            vanilla::write_file(&self.path.join(name), bytes).map_err(failed)?;
        }
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
        // Deepest first; a folder that somebody else filled meanwhile stays.
        for folder in &self.made {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// `runs/NAME-TIMESTAMP`, numbered where that exists.
fn unused(name: &str) -> PathBuf {
    let safe = |letter: char| if letter.is_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    let name = format!("{}-{}", name.chars().map(safe).collect::<String>(), clock::timestamp());
    let first = Path::new("runs").join(&name);
    let numbered = |i: usize| Path::new("runs").join(format!("{name}-{i}"));
    std::iter::once(first).chain((2..).map(numbered)).find(|path| !path.exists()).expect("numbers do not end")
}

/// The curves as files.
pub fn figure_files(figure: &Figure) -> Result<[(&'static str, Vec<u8>); 2]> {
    Ok([("history.png", figure.to_png()?), ("history.svg", figure.to_svg().into_bytes())])
}

/// The width to draw in; 80 where nobody knows.
pub fn columns(terminal: &Terminal) -> usize {
    if terminal.columns == 0 { 80 } else { terminal.columns }
}
