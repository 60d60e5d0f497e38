//! `vanilla inspect`: what a file is.

use crate::Global;
use crate::ui::{print, print_line};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use vanilla::{Layout, Terminal};

#[derive(Args)]
#[command(after_help = "Examples: vanilla inspect model.keras\n          \
                        vanilla inspect data.npz --json")]
pub struct Inspect {
    /// Any file that Vanilla reads
    file: PathBuf,
    /// Everything as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub fn run(&self, _: &Global) -> Result<()> {
        let found = vanilla::inspect(&self.file)?;
        if self.json {
            return print_line(&found.to_json().to_string());
        }
        let terminal = Terminal::of_stdout();
        print(&found.render(Layout::Keras3, terminal.columns, terminal.color))
    }
}
