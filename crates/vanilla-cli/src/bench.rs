//! `vanilla bench`: what this machine can do, and what the tutorial's step makes of it.

use crate::experiment::Experiment;
use crate::job::Job;
use crate::ui::{print, print_line};
use crate::{Global, model};
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::path::Path;
use vanilla::Machine;

#[derive(Args)]
#[command(after_help = "Example: vanilla bench\n\
                        Takes about five seconds; let nothing else run meanwhile.")]
pub struct Bench {
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub fn run(&self, global: &Global) -> Result<()> {
        let machine = Machine::measure(global.threads)?;
        let experiment = Experiment::open(Path::new("mnist"))?;
        let mut model = model::with_threads(experiment.model()?, global);
        let (dataset, _) = experiment.load(&mut model)?;
        let job = Job::new(&experiment, &dataset, &mut model)?;
        let times =
            model.plan_with_times(experiment.batch_size, false, Some((&(&job.x).into(), &(&job.y).into())))?;
        let share = times.share_of_peak(&machine);
        if self.json {
            let mut value = machine.to_json();
            value["tutorial_step"] = json!({
                "rows": times.rows, "best_seconds": times.best_seconds(), "median_seconds": times.median_seconds(),
                "flops": times.flops(), "share_of_peak": share,
            });
            return print_line(&value.to_string());
        }
        let speed = times.flops() / 1e9;
        print(&format!(
            "{machine}tutorial   {speed:.1} GFLOP/s, {:.0} % of the peak (zeros counted, though passed over)\n\n{times}",
            100.0 * share
        ))
    }
}
