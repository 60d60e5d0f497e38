//! `vanilla summary` and `vanilla plan`: a model as a table, and its training step as algebra.

use crate::experiment::Experiment;
use crate::job::Job;
use crate::ui::{count, print};
use crate::{Global, model};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use vanilla::{Checkpoints, Fit, Layout, Model, Terminal};

/// The most rows of a step that `plan` lays out memory for.
const MOST_ROWS: u64 = 65_536;

#[derive(Args)]
#[command(after_help = "Example: vanilla summary runs/mnist/model.keras --layout keras2")]
pub struct Summarize {
    /// .keras, .h5, .safetensors or .onnx, or the model of an experiment: mnist or FILE.toml
    model: PathBuf,
    /// Which Keras the table looks like: keras3 or keras2
    #[arg(long, default_value = "keras3")]
    layout: Layout,
}

impl Summarize {
    pub fn run(&self, global: &Global) -> Result<()> {
        let (model, _) = model::open_or_describe(&self.model, global)?;
        let terminal = Terminal::of_stdout();
        print(&model.summary().render(self.layout, terminal.columns, terminal.color))
    }
}

#[derive(Args)]
#[command(
    after_help = "Examples: vanilla plan mnist --batch-size 64 --reference\n          vanilla plan mnist --time"
)]
pub struct Plan {
    /// .keras, .h5, .safetensors or .onnx, or the model of an experiment: mnist or FILE.toml
    model: PathBuf,
    /// Rows of a step [default: the experiment's, else 32]
    #[arg(long, value_name = "N", value_parser = count(MOST_ROWS))]
    batch_size: Option<usize>,
    /// The plan before any fusion
    #[arg(long)]
    reference: bool,
    /// Trains a copy for a second, and says where the time goes (an experiment on its data, a model on made-up ones)
    #[arg(long, conflicts_with = "memory")]
    time: bool,
    /// What training it takes of memory, instead of the plan (the data themselves not counted)
    #[arg(long, conflicts_with = "reference")]
    memory: bool,
}

impl Plan {
    pub fn run(&self, global: &Global) -> Result<()> {
        let (model, batch_size) = model::open_or_describe(&self.model, global)?;
        let batch_size = self.batch_size.or(batch_size).unwrap_or(32);
        if self.memory {
            let options = Fit::new().batch_size(batch_size).checkpoints(Checkpoints::new("."));
            // As many rows as a batch: the tables of all of them belong to the data.
            let need = model.memory_need(&options, batch_size)?;
            let available = vanilla::available_memory().map_or_else(String::new, |bytes| {
                format!("; this machine has {:.1} MiB", bytes as f64 / f64::from(1 << 20))
            });
            return print(&format!("{need}{available}\n"));
        }
        if self.time {
            return print(&self.timed(model, batch_size)?);
        }
        let text = model.plan(batch_size, self.reference)?;
        print(&format!("{}\n", text.trim_end()))
    }

    fn timed(&self, mut model: Model, batch_size: usize) -> Result<String> {
        if !Experiment::is_one(&self.model) {
            return Ok(model.plan_with_times(batch_size, self.reference, None)?.to_string());
        }
        let experiment = Experiment::open(&self.model)?;
        let (dataset, _) = experiment.load(&mut model)?;
        let job = Job::new(&experiment, &dataset, &mut model)?;
        let data = (&(&job.x).into(), &(&job.y).into());
        Ok(model.plan_with_times(batch_size, self.reference, Some(data))?.to_string())
    }
}
