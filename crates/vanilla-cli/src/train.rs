//! `vanilla train`: an experiment from its data to the folder of its run.

use crate::data::Samples;
use crate::experiment::Experiment;
use crate::job::Job;
use crate::keep::{Keep, kept};
use crate::measure::{self, Run, Test};
use crate::run_folder::{self, Earlier, RunFolder};
use crate::signals::Signals;
use crate::table::{self, Columns};
use crate::ui::{count, note, print, print_line, usage};
use crate::{Global, model};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use toml::Value;
use vanilla::datasets::Dataset;
use vanilla::plot::digits;
use vanilla::{History, Layout, Model, Terminal};

#[derive(Args)]
#[command(after_help = "Examples: vanilla train mnist\n          \
                        vanilla train mnist --epochs 5 --out runs/short\n          \
                        vanilla train mnist --epochs 50 --out runs/short --resume\n          \
                        vanilla train iris.csv --target species\n          \
                        vanilla train mnist --print-config > mine.toml; vanilla train mine.toml")]
pub struct Train {
    /// `mnist` (the tutorial, whole), another data set's name, FILE.toml (any experiment), or TABLE.csv with --target
    #[arg(value_name = "EXPERIMENT")]
    experiment: PathBuf,
    /// How often every row is seen
    #[arg(long, value_name = "N", value_parser = count(u64::from(u32::MAX)))]
    epochs: Option<usize>,
    /// Rows of a step
    #[arg(long, value_name = "N", value_parser = count(u64::from(u32::MAX)))]
    batch_size: Option<usize>,
    /// The optimizer's learning rate
    #[arg(long, value_name = "X", value_parser = learning_rate)]
    learning_rate: Option<f64>,
    /// Decides the first weights, the shuffling and dropout [default: the experiment's, else 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Folder for the files of the run [default: runs/NAME-TIMESTAMP; with --resume the newest of these]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Reads the data from here: a folder of IDX files or an .npz
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Downloads the data set where it is nowhere on this machine
    #[arg(long)]
    download: bool,
    /// The column of a table to predict, by name or number (0 the first, -1 the last)
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    target: Option<String>,
    /// Missing values of a table: refuse (the default), drop their rows, or fill with mean, median, most_frequent or a value
    #[arg(long, value_name = "HOW", requires = "target")]
    missing: Option<String>,
    /// What the target is: classification or regression [default: as its values suggest]
    #[arg(long, value_name = "TASK", requires = "target", value_parser = task)]
    task: Option<String>,
    /// The share of a table's rows that is held out, by chance [default: 0.2]; of other data the last rows
    #[arg(long, value_name = "X", value_parser = share)]
    validation_split: Option<f64>,
    /// Prints the experiment as TOML and does nothing else
    #[arg(long)]
    print_config: bool,
    /// The content of metrics.json on stdout, and nothing else
    #[arg(long)]
    json: bool,
    /// 0 no progress, 1 a bar (on a terminal; a line an epoch elsewhere), 2 a line an epoch
    #[arg(long, value_name = "0|1|2", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    verbose: u8,
    #[command(flatten)]
    keep: Keep,
}

fn learning_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate >= 0.0);
    rate.ok_or_else(|| "expected a number, at least 0, such as 0.001".to_owned())
}

fn task(text: &str) -> Result<String, String> {
    text.parse::<vanilla::datasets::Task>().map(|_| text.to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..1.0).contains(share));
    share.ok_or_else(|| "expected a share from 0 to below 1, such as 0.2".to_owned())
}

impl Train {
    pub fn run(&self, global: &Global) -> Result<()> {
        let experiment = self.resolve()?;
        // What is wrong with the description is told before anything is made or loaded.
        let mut model = model::with_threads(experiment.model().map_err(|error| self.in_file(error))?, global);
        if self.print_config {
            return print(&experiment.to_toml());
        }
        // So are environment variables that make no sense.
        model.threads(experiment.batch_size)?;
        let signals = Signals::watch()?;
        let earlier = match (self.keep.resumes(), self.keep.force) {
            (true, _) => Earlier::Resumed,
            (_, true) => Earlier::Replaced,
            _ => Earlier::Refused,
        };
        let mut folder = RunFolder::take(self.out.as_deref(), &experiment.name, earlier)?;
        if earlier == Earlier::Resumed && self.is_done(&folder, &experiment)? {
            return Ok(());
        }
        let (dataset, prepared) = experiment.load_or_download(&mut model, self.download, global.quiet)?;
        if let Some(prepared) = prepared.as_ref().filter(|_| !global.quiet) {
            table::tell(prepared);
        }
        let job = Job::new(&experiment, &dataset, &mut model)?;

        let pictures = !self.json && !global.quiet;
        let terminal = Terminal::of_stdout();
        let samples = Samples::of(&dataset);
        let digits = samples.digits();
        if pictures && !digits.is_empty() {
            print_line(&digits::grid_terminal(&digits, 2, terminal.color))?;
        }
        if pictures {
            print(&model.summary().render(Layout::Keras3, terminal.columns, terminal.color))?;
        }

        let options = job.options.clone().verbose(if global.quiet { 0 } else { self.verbose });
        let options = self.keep.options(options, &folder.checkpoints(), &signals);
        let history = model.fit(&job.x, &job.y, options).map_err(|error| self.keep.stopped(error, &signals))?;

        let figure = history.figure();
        if pictures {
            print(&figure.to_terminal(run_folder::columns(&terminal), terminal.color))?;
        }
        let tested = match &job.test {
            Some((part, x, y)) => Test::run(&model, &dataset, part, x, y)?,
            None => Test::default(),
        };
        let batch_size = experiment.batch_size.min(job.rows.max(1));
        let test_rows = job.test.as_ref().map_or(0, |(part, ..)| part.rows());
        let table = experiment.columns.is_some();
        let run = Run { rows: job.rows, batch_size, seed: experiment.seed, table, test_rows };
        let metrics = measure::metrics(&model, &history, &tested, &run)?;

        let mut files = vec![
            ("history.csv", history.to_csv().into_bytes()),
            ("history.json", format!("{}\n", history.to_json()).into_bytes()),
            ("metrics.json", format!("{metrics:#}\n").into_bytes()),
        ];
        files.extend(run_folder::figure_files(&figure)?);
        if !digits.is_empty() {
            files.push(("samples.png", digits::grid_png(&digits, 2)?));
        }
        // The last one, for it says that the run is whole: a process that is killed before it is resumed.
        let config = experiment.to_toml() + &provenance(&dataset, &model, &history)?;
        files.push(("config.toml", config.into_bytes()));
        folder.fill(&model, files)?;
        if !global.quiet {
            note(&format!("The run is in {}", folder.path().display()));
        }
        print_line(&if self.json { metrics.to_string() } else { measure::closing(&metrics, &history) })?;
        kept(&history)
    }

    /// Whether the folder holds this very run, and nothing is left to do but to say what it came to.
    fn is_done(&self, folder: &RunFolder, experiment: &Experiment) -> Result<bool> {
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name));
        let (Ok(config), Ok(metrics), Ok(history)) =
            (read("config.toml"), read("metrics.json"), read("history.json"))
        else {
            return Ok(false);
        };
        if !config.starts_with(&experiment.to_toml()) {
            if folder.holds_checkpoints() {
                // Longer than before, or something else: the library compares.
                return Ok(false);
            }
            return Err(usage(format!(
                "{}: holds a finished run of another experiment, and no checkpoint to go on from: choose another \
                 --out, or replace it with --force",
                folder.path().display()
            )));
        }
        let place = |name: &str, error: &dyn std::fmt::Display| {
            usage(format!("{}: {error}: start afresh with --force", folder.path().join(name).display()))
        };
        let metrics = serde_json::from_str(&metrics).map_err(|error| place("metrics.json", &error))?;
        let history = serde_json::from_str(&history).map_err(|error| place("history.json", &error))?;
        let history = History::from_json(&history).map_err(|error| place("history.json", &error))?;
        note(&format!("The run in {} is finished", folder.path().display()));
        let text =
            if self.json { serde_json::Value::to_string(&metrics) } else { measure::closing(&metrics, &history) };
        print_line(&text)?;
        Ok(true)
    }

    /// The experiment with the options in their places.
    fn resolve(&self) -> Result<Experiment> {
        let is_table = vanilla::datasets::Table::is_one(&self.experiment);
        let mut experiment = match &self.target {
            Some(target) if is_table => {
                let mut columns = Columns::new(target);
                columns.missing = self.missing.clone().unwrap_or(columns.missing);
                columns.task = self.task.clone();
                columns.test_split = self.validation_split.unwrap_or(columns.test_split);
                Experiment::of_table(&self.experiment, &columns)?
            }
            None if is_table => {
                let problem = "a table: name the column to predict with --target COLUMN";
                return Err(usage(format!("{}: {problem}", self.experiment.display())));
            }
            Some(_) => {
                let problem = "--target is for tables (TABLE.csv); in a TOML file say target = \"…\" in [data]";
                return Err(usage(format!("{}: {problem}", self.experiment.display())));
            }
            None => Experiment::open(&self.experiment)?,
        };
        if let (Some(share), false) = (self.validation_split, is_table) {
            experiment.hold_out(share);
        }
        experiment.epochs = self.epochs.unwrap_or(experiment.epochs);
        experiment.batch_size = self.batch_size.unwrap_or(experiment.batch_size);
        experiment.seed = self.seed.unwrap_or(experiment.seed);
        if let Some(rate) = self.learning_rate {
            experiment.set_learning_rate(rate);
        }
        experiment.on_nan = self.keep.on_nan.unwrap_or(experiment.on_nan);
        experiment.portable_math |= self.keep.portable_math;
        if let Some(path) = &self.data {
            experiment.read_from(path);
        }
        Ok(experiment)
    }

    /// An error about the description, with the file that it is in.
    fn in_file(&self, error: anyhow::Error) -> anyhow::Error {
        error.context(self.experiment.display().to_string())
    }
}

/// Where a run came from. Only `reproduce` reads it.
fn provenance(dataset: &Dataset, model: &Model, history: &History) -> Result<String> {
    let quoted = |text: &str| Value::from(text).to_string();
    let mut text = format!(
        "\n[provenance]\nvanilla = {}\nplatform = {}\narithmetic = {}\ndata_from = {}\ndata_sha256 = {}\n",
        quoted(env!("CARGO_PKG_VERSION")),
        quoted(&format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)),
        quoted(model.arithmetic()?),
        quoted(&dataset.source),
        quoted(&dataset.sha256),
    );
    if !history.changes.is_empty() {
        // Not the training that the lines above describe.
        text += &format!("changed_on_the_way = {}\n", Value::from(history.changes.clone()));
    }
    Ok(text)
}
