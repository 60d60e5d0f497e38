//! `vanilla evaluate`: the loss and the metrics of a model on data.

use crate::ui::{note, print_line, usage};
use crate::{Global, data, model};
use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use vanilla::losses::suggest;
use vanilla::{Arrays, Evaluate as Options, Model, Tensor};

#[derive(Args)]
#[command(after_help = "Examples: vanilla evaluate runs/mnist/model.keras --data mnist\n          \
                        vanilla evaluate model.keras --data table.csv")]
pub struct Evaluate {
    /// .keras, .h5, .safetensors or .onnx; where it names no loss, outputs and targets decide
    model: PathBuf,
    /// A data set's name (its test part is taken), an .npz with x and y, or a table (.csv)
    #[arg(long, value_name = "D")]
    data: String,
    /// The column of a table with the targets [default: the one that the model was trained on]
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    target: Option<String>,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    pub fn run(&self, global: &Global) -> Result<()> {
        let mut model = model::open(&self.model, global)?;
        let dataset = data::open_for(&self.data, &model, self.target.as_deref())?;
        let part = dataset.test.as_ref().unwrap_or(&dataset.train);
        data::build(&mut model, &part.x)?;
        let x = data::inputs(&dataset, part, &model)?;
        let Some(y) = data::targets(&dataset, part, &model)? else {
            let problem = "has x but no targets: evaluate needs an .npz with x and y (predict needs x alone)";
            return Err(usage(format!("{}: {problem}", self.data)));
        };
        if !model.is_compiled() && model.output_names().len() == 1 {
            self.compile(&mut model, &x, &y, global)?;
        }
        let mut options = Options::new();
        if let Some(weights) = &part.sample_weight {
            options = options.sample_weight(weights);
        }
        let logs =
            model.evaluate_with(&x, &y, options).map_err(|error| data::of_file(error.into(), &self.data))?;
        if self.json {
            let values: Map<String, Value> =
                logs.0.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
            return print_line(&Value::Object(values).to_string());
        }
        let values: Vec<_> = logs.0.iter().map(|(key, value)| format!("{key}: {value:.4}")).collect();
        print_line(&values.join(" - "))
    }
    /// Compiles a model that came without a loss, as ONNX files do, and says with what.
    fn compile(&self, model: &mut Model, x: &Arrays, y: &Tensor, global: &Global) -> Result<()> {
        let suggestion = suggest(&model.predict(x)?, y)?;
        if !global.quiet {
            let (name, path) = (suggestion.name, self.model.display());
            note(&format!("note: {path}: holds no loss; {name} is taken, as {}", suggestion.reason));
        }
        Ok(model.compile(suggestion.loss, "sgd", [suggestion.metric])?)
    }
}
