//! `vanilla show`: digits of a data set, in the terminal and as a PNG.

use crate::ui::{failed, print, usage};
use crate::{Global, data, downloads};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use vanilla::Terminal;
use vanilla::plot::digits;

#[derive(Args)]
#[command(after_help = "Example: vanilla show mnist --out digits.png")]
pub struct Show {
    /// A data set's name, a folder of IDX files, .npz, .npy or IDX
    #[arg(value_name = "DATASET")]
    source: String,
    /// Downloads the data set where it is nowhere on this machine
    #[arg(long)]
    download: bool,
    /// Also writes the picture to this file
    #[arg(long, value_name = "F.png")]
    out: Option<PathBuf>,
}

impl Show {
    pub fn run(&self, global: &Global) -> Result<()> {
        if let Some(out) = self.out.as_ref().filter(|out| out.extension().is_none_or(|ending| ending != "png")) {
            return Err(usage(format!("--out {}: expected a name that ends in .png", out.display())));
        }
        let open = || data::open(&self.source);
        let dataset = downloads::open_or(&self.source, self.download, global.quiet, open)?;
        let samples = data::Samples::of(&dataset);
        let digits = samples.digits();
        if digits.is_empty() {
            let Some(x) = dataset.train.x.single() else {
                return Err(usage(format!("{}: a table of columns, expected images", self.source)));
            };
            let (shape, dtype) = (x.shape(), x.dtype());
            return Err(usage(format!(
                "{}: x has the shape {shape:?} and the type {dtype}, expected images of bytes, (N, height, width)",
                self.source
            )));
        }
        if !global.quiet {
            print(&digits::grid_terminal(&digits, 2, Terminal::of_stdout().color))?;
        }
        if let Some(out) = &self.out {
            vanilla::write_file(out, &digits::grid_png(&digits, 2)?).map_err(failed)?;
        }
        Ok(())
    }
}
