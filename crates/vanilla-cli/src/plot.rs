//! `vanilla plot`: the curves of a run, in the terminal and as files again.

use crate::Global;
use crate::run_folder;
use crate::ui::{failed, print, usage};
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;
use vanilla::{History, Terminal};

#[derive(Args)]
#[command(after_help = "Example: vanilla plot runs/mnist")]
pub struct Plot {
    /// The folder of a run; its history.png and history.svg are written anew
    run: PathBuf,
}

impl Plot {
    pub fn run(&self, global: &Global) -> Result<()> {
        let path = self.run.join("history.json");
        let text = std::fs::read(&path).map_err(|error| {
            usage(format!("{}: {error}; RUN is a folder that `vanilla train` made", path.display()))
        })?;
        let value =
            serde_json::from_slice(&text).map_err(|error| usage(format!("{}: {error}", path.display())))?;
        let history = History::from_json(&value).with_context(|| path.display().to_string())?;
        let figure = history.figure();
        if !global.quiet {
            let terminal = Terminal::of_stdout();
            print(&figure.to_terminal(run_folder::columns(&terminal), terminal.color))?;
        }
        for (name, bytes) in run_folder::figure_files(&figure)? {
            vanilla::write_file(&self.run.join(name), &bytes).map_err(failed)?;
        }
        Ok(())
    }
}
