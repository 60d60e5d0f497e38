//! `vanilla train`: an experiment from its data to the folder of its run.

use crate::data::{self, Samples};
use crate::experiment::{Experiment, Validation};
use crate::measure::{self, Run, Test};
use crate::run_folder::{self, RunFolder};
use crate::ui::{count, note, print, print_line, usage};
use crate::{Global, model};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::time::Instant;
use toml::Value;
use vanilla::datasets::Dataset;
use vanilla::plot::digits;
use vanilla::{Fit, Layout, Terminal};

#[derive(Args)]
#[command(after_help = "Examples: vanilla train mnist\n          \
                        vanilla train mnist --epochs 5 --out runs/short\n          \
                        vanilla train mnist --print-config > mine.toml; vanilla train mine.toml")]
pub struct Train {
    /// `mnist` (the tutorial, whole) or FILE.toml (any experiment)
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
    /// Folder for the files of the run [default: runs/NAME-TIMESTAMP]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Reads the data from here: a folder of IDX files or an .npz
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Prints the experiment as TOML and does nothing else
    #[arg(long)]
    print_config: bool,
    /// Replaces the run that --out holds
    #[arg(long)]
    force: bool,
    /// The content of metrics.json on stdout, and nothing else
    #[arg(long)]
    json: bool,
    /// 0 no progress, 1 a bar (on a terminal; a line an epoch elsewhere), 2 a line an epoch
    #[arg(long, value_name = "0|1|2", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    verbose: u8,
}

fn learning_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate >= 0.0);
    rate.ok_or_else(|| "expected a number, at least 0, such as 0.001".to_owned())
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
        let folder = RunFolder::take(self.out.as_deref(), &experiment.name, self.force)?;
        let dataset = experiment.dataset()?;
        data::build(&mut model, &dataset.train.x)?;

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

        let x = data::inputs(&dataset, &dataset.train, &model)?;
        let Some(y) = data::targets(&dataset, &dataset.train, &model)? else {
            let problem = "has x but no targets: training needs an .npz with x and y";
            return Err(usage(format!("{}: {problem}", experiment.source)));
        };
        let test = match &dataset.test {
            Some(part) => {
                let x = data::inputs(&dataset, part, &model)?;
                data::targets(&dataset, part, &model)?.map(|y| (part, x, y))
            }
            None => None,
        };
        let verbose = if global.quiet { 0 } else { self.verbose };
        let mut options = Fit::new().epochs(experiment.epochs).batch_size(experiment.batch_size).verbose(verbose);
        let mut rows = x.rows();
        match (experiment.validation, &test) {
            (Validation::None, _) => {}
            (Validation::Test, Some((_, x, y))) => options = options.validation_data(x, y),
            (Validation::Test, None) => {
                return Err(usage(format!(
                    "[fit] validation = \"test\", but {} has no x_test and y_test: give a fraction, such as 0.2",
                    experiment.source
                )));
            }
            (Validation::Fraction(share), _) => {
                options = options.validation_split(share);
                // As fit splits.
                rows = (rows as f64 * (1.0 - share)).floor() as usize;
            }
        }
        let start = Instant::now();
        let history = model.fit(&x, &y, options)?;
        let seconds = start.elapsed().as_secs_f64();

        let figure = history.figure();
        if pictures {
            print(&figure.to_terminal(run_folder::columns(&terminal), terminal.color))?;
        }
        let tested = match &test {
            Some((part, x, y)) => Test::run(&model, &dataset, part, x, y)?,
            None => Test::default(),
        };
        let run = Run { seconds, rows, batch_size: experiment.batch_size.min(rows.max(1)), seed: experiment.seed };
        let metrics = measure::metrics(&model, &history, tested, &run)?;

        let mut files = vec![
            ("history.csv", history.to_csv().into_bytes()),
            ("history.json", format!("{}\n", history.to_json()).into_bytes()),
            ("metrics.json", format!("{metrics:#}\n").into_bytes()),
            ("config.toml", (experiment.to_toml() + &provenance(&dataset)).into_bytes()),
        ];
        files.extend(run_folder::figure_files(&figure)?);
        if !digits.is_empty() {
            files.push(("samples.png", digits::grid_png(&digits, 2)?));
        }
        let path = folder.path().to_owned();
        folder.fill(&model, files)?;
        if !global.quiet {
            note(&format!("The run is in {}", path.display()));
        }
        if self.json {
            return print_line(&metrics.to_string());
        }
        let last = |key: &str| history.get(key).and_then(|values| values.last().copied());
        print_line(&match (tested.accuracy, tested.loss, last("val_loss"), last("loss")) {
            (Some(accuracy), ..) => format!("Test accuracy: {:.4}%", 100.0 * accuracy),
            (_, Some(loss), ..) => format!("Test loss: {loss:.6}"),
            (_, _, Some(loss), _) => format!("Validation loss: {loss:.6}"),
            (.., loss) => format!("Training loss: {:.6}", loss.unwrap_or(f64::NAN)),
        })
    }

    /// The experiment with the options in their places.
    fn resolve(&self) -> Result<Experiment> {
        let mut experiment = Experiment::open(&self.experiment)?;
        experiment.epochs = self.epochs.unwrap_or(experiment.epochs);
        experiment.batch_size = self.batch_size.unwrap_or(experiment.batch_size);
        experiment.seed = self.seed.unwrap_or(experiment.seed);
        if let Some(rate) = self.learning_rate {
            experiment.set_learning_rate(rate);
        }
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

/// Where a run came from; not read again.
fn provenance(dataset: &Dataset) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    format!(
        "\n[provenance]\nvanilla = {}\nplatform = {}\ndata_from = {}\ndata_sha256 = {}\n",
        quoted(env!("CARGO_PKG_VERSION")),
        quoted(&format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)),
        quoted(&dataset.source),
        quoted(&dataset.sha256),
    )
}
