//! `vanilla fit`: continues, or starts, to train a saved model on arrays.

use crate::keep::{Keep, kept};
use crate::signals::Signals;
use crate::ui::{count, failed, note, print_line, refuse_unwritable, usage};
use crate::{Global, data, model};
use anyhow::{Context, Result};
use clap::{ArgAction, Args};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use vanilla::datasets::{Dataset, Part};
use vanilla::{Arrays, Error, Fit as Options, Model, Tensor};

#[derive(Args)]
#[command(
    after_help = "Examples: vanilla fit model.keras --data train.npz --out trained.keras --epochs 5\n          \
                        vanilla fit model.keras --data train.npz --out trained.keras --epochs 5 --resume\n\
                        Defaults are Keras's. Checkpoints lie in MODEL2.ckpt/ beside the model."
)]
pub struct Fit {
    /// A compiled model: .keras, .h5 or .safetensors
    model: PathBuf,
    /// .npz with x and y (or x_train and y_train), a table (.csv), or a data set's name (its training part is taken)
    #[arg(long, value_name = "D")]
    data: String,
    /// The column of a table with the targets [default: the one that the model was trained on]
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    target: Option<String>,
    /// Where the trained model goes, a name that ends in .keras
    #[arg(long, value_name = "MODEL2")]
    out: PathBuf,
    /// Data to evaluate on after each epoch (of a pair, the test part)
    #[arg(long, value_name = "D")]
    validation_data: Option<String>,
    /// How often every row is seen
    #[arg(long, value_name = "N", default_value = "1", value_parser = count(u64::from(u32::MAX)))]
    epochs: usize,
    /// Rows of a step
    #[arg(long, value_name = "N", default_value = "32", value_parser = count(u64::from(u32::MAX)))]
    batch_size: usize,
    /// Whether each epoch sees the rows in a new order
    #[arg(long, value_name = "true|false", default_value_t = true, action = ArgAction::Set)]
    shuffle: bool,
    /// Decides the shuffling and dropout
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: u64,
    /// Writes Keras's history here
    #[arg(long, value_name = "FILE.json")]
    history: Option<PathBuf>,
    /// The last epoch's values as one JSON object on stdout
    #[arg(long)]
    json: bool,
    /// 0 no progress, 1 a bar (on a terminal; a line an epoch elsewhere), 2 a line an epoch
    #[arg(long, value_name = "0|1|2", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    verbose: u8,
    #[command(flatten)]
    keep: Keep,
}

impl Fit {
    pub fn run(&self, global: &Global) -> Result<()> {
        if self.out.extension().is_none_or(|ending| ending != "keras") {
            return Err(usage(format!("--out {}: expected a name that ends in .keras", self.out.display())));
        }
        let mut model = model::open(&self.model, global)?.with_portable_math(self.keep.portable_math);
        model.set_seed(self.seed);
        if !model.is_compiled() {
            let problem = "the model has no loss and no optimizer: compile it in Keras, with Keras's own words, or with the \
                           library, and save it again";
            return Err(usage(format!("{}: {problem}", self.model.display())));
        }
        model.threads(self.batch_size)?;
        for (option, path) in [("--out", Some(&self.out)), ("--history", self.history.as_ref())] {
            path.map_or(Ok(()), |path| refuse_unwritable(option, path))?;
        }
        let signals = Signals::watch()?;
        let dataset = data::open_for(&self.data, &model, self.target.as_deref())?;
        data::build(&mut model, &dataset.train.x)?;
        data::name(&dataset, &mut model)?;
        let (x, y) = with_targets(&dataset, &dataset.train, &model, &self.data)?;
        let mut options = Options::new()
            .epochs(self.epochs)
            .batch_size(self.batch_size)
            .shuffle(self.shuffle)
            .verbose(if global.quiet { 0 } else { self.verbose })
            .on_nan(self.keep.on_nan.unwrap_or_default());
        if let Some(weights) = &dataset.train.sample_weight {
            options = options.sample_weight(weights);
        }
        if let Some(source) = &self.validation_data {
            let dataset = data::open_for(source, &model, self.target.as_deref())?;
            let part = dataset.test.as_ref().unwrap_or(&dataset.train);
            let (x, y) = with_targets(&dataset, part, &model, source)?;
            options = match &part.sample_weight {
                Some(weights) => options.weighted_validation_data(&x, &y, weights),
                None => options.validation_data(&x, &y),
            };
        }
        let options = self.keep.options(options, &self.checkpoints(), &signals);
        let history =
            model.fit(&x, &y, options).map_err(|error| self.in_file(self.keep.stopped(error, &signals)))?;

        model.save(&self.out).map_err(failed)?;
        if let Some(path) = &self.history {
            vanilla::write_file(path, format!("{}\n", history.to_json()).as_bytes()).map_err(failed)?;
        }
        if !global.quiet {
            note(&format!("The model is in {}", self.out.display()));
        }
        let last = history.history.iter().filter_map(|(key, values)| Some((key, *values.last()?)));
        print_line(&if self.json {
            Value::Object(last.map(|(key, value)| (key.clone(), json!(value))).collect::<Map<_, _>>()).to_string()
        } else {
            last.map(|(key, value)| format!("{key}: {value:.4}")).collect::<Vec<_>>().join(" - ")
        })?;
        kept(&history)
    }

    /// An error about arrays, with the file that they came from.
    fn in_file(&self, error: anyhow::Error) -> anyhow::Error {
        let of_validation =
            matches!(error.downcast_ref(), Some(Error::Data { place, .. }) if place == "validation_data");
        match &self.validation_data {
            Some(validation) if of_validation => data::of_file(error, validation),
            _ => data::of_file(error, &self.data),
        }
    }

    /// `MODEL2.ckpt`.
    fn checkpoints(&self) -> PathBuf {
        let mut name = self.out.clone().into_os_string();
        name.push(".ckpt");
        name.into()
    }
}

/// A part of a data set as the model takes it; `source` is its name for people.
fn with_targets(dataset: &Dataset, part: &Part, model: &Model, source: &str) -> Result<(Arrays, Tensor)> {
    let x = data::inputs(dataset, part, model)?;
    let y = data::targets(dataset, part, model).with_context(|| source.to_owned())?;
    let problem = "has x but no targets: training needs an .npz with x and y";
    Ok((x, y.ok_or_else(|| usage(format!("{source}: {problem}")))?))
}
