//! `vanilla reproduce`: trains a run again from its `config.toml`, and compares the weights.

use crate::experiment::Experiment;
use crate::job::Job;
use crate::signals::Signals;
use crate::ui::{Fault, failed, note, print_line, usage};
use crate::{Global, model};
use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use toml::Table;

#[derive(Args)]
#[command(after_help = "Example: vanilla reproduce runs/mnist-20260101-120000\n\
                        Nothing is written. Exit code 0: the same weights, bit for bit; 1: others.")]
pub struct Reproduce {
    /// The folder of a finished run
    run: PathBuf,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
    /// 0 no progress, 1 a bar (on a terminal; a line an epoch elsewhere), 2 a line an epoch
    #[arg(long, value_name = "0|1|2", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    verbose: u8,
}

impl Reproduce {
    pub fn run(&self, global: &Global) -> Result<()> {
        let config = self.run.join("config.toml");
        let (metrics, provenance) = (metrics(&self.run.join("metrics.json"))?, provenance(&config)?);
        let Some(recorded) = metrics["weights_sha256"].as_str() else {
            return Err(usage(format!("{}: no weights_sha256 in metrics.json", self.run.display())));
        };
        let stated = |key: &str| provenance.get(key).and_then(toml::Value::as_str);
        if let Some(changes) = provenance.get("changed_on_the_way") {
            let problem = "was changed on the way (--resume-changed) and is not what config.toml describes";
            return Err(usage(format!("{}: the run {problem}: {changes}", self.run.display())));
        }
        let mut experiment = Experiment::open(&config)?;
        experiment.write_nothing()?;
        let mut model =
            model::with_threads(experiment.model().with_context(|| config.display().to_string())?, global);
        let signals = Signals::watch()?;
        let (dataset, _) = experiment.load(&mut model)?;
        if let Some(sha256) = stated("data_sha256").filter(|sha256| *sha256 != dataset.sha256) {
            return Err(usage(format!(
                "{}: the data have the SHA-256 {}, those of the run had {sha256}: put the same data there",
                experiment.source, dataset.sha256
            )));
        }
        let job = Job::new(&experiment, &dataset, &mut model)?;
        let options = job.options.clone().verbose(if global.quiet { 0 } else { self.verbose });
        let history = model.fit(&job.x, &job.y, signals.stop(options)).map_err(|error| match error {
            vanilla::Error::Stopped { .. } => {
                Fault::Stopped(signals.exit_code(), "stopped; nothing was written".into()).into()
            }
            error => anyhow::Error::from(error),
        })?;
        let (found, same) = (model.weights_sha256(), model.weights_sha256() == recorded);
        // Whoever finds other weights wants to know what else is other than it was.
        let (before, now) = (stated("arithmetic").unwrap_or("unknown"), model.arithmetic()?);
        let (version, mine) = (stated("vanilla").unwrap_or("unknown"), env!("CARGO_PKG_VERSION"));
        if self.json {
            let report = json!({
                "reproduced": same, "weights_sha256": found, "recorded": recorded, "epochs": history.epoch.len(),
                "arithmetic": now, "recorded_arithmetic": before, "version": mine, "recorded_version": version,
            });
            print_line(&report.to_string())?;
        } else if same {
            print_line(&format!("Reproduced: {found}"))?;
        }
        if same {
            return Ok(());
        }
        let mut hints = Vec::new();
        if before != now {
            // Portable math is no instruction set, and how AVX-512 divides is the processor's own.
            let can_be_set = ["scalar", "avx2", "avx512"].contains(&before) && !now.starts_with(before);
            let way_out = if can_be_set { format!(": set VANILLA_CPU={before}") } else { String::new() };
            hints.push(format!("it was trained with {before}, this is {now}{way_out}"));
        }
        if version != mine {
            hints.push(format!("it was trained by version {version}, this is {mine}"));
        }
        if hints.is_empty() {
            hints.push("the same data, the same version: this is a defect, please report it".to_owned());
        }
        note(&format!("recorded:  {recorded}\nthis time: {found}"));
        Err(failed(format!("{}: not reproduced: {}", self.run.display(), hints.join("; "))))
    }
}

fn metrics(path: &Path) -> Result<Value> {
    let text = read(path)?;
    serde_json::from_str(&text).map_err(|error| usage(format!("{}: {error}", path.display())))
}

fn provenance(path: &Path) -> Result<Table> {
    let text = read(path)?;
    let config: Table = text
        .parse()
        .map_err(|error: toml::de::Error| usage(format!("{}: {}", path.display(), error.message())))?;
    match config.get("provenance") {
        Some(toml::Value::Table(provenance)) => Ok(provenance.clone()),
        _ => Err(usage(format!("{}: no [provenance]: this is no config.toml of a run", path.display()))),
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        usage(format!("{}: {error}; RUN is a folder that `vanilla train` filled", path.display()))
    })
}
