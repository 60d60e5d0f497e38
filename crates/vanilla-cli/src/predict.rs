//! `vanilla predict`: outputs for arrays, or the recognised class of pictures.

use crate::ui::{failed, print, print_line, refuse_unwritable, usage};
use crate::{Global, data, model};
use anyhow::{Context, Result};
use clap::{ArgGroup, Args};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use vanilla::formats::csv::field;
use vanilla::formats::{Array, npy, npz, picture};
use vanilla::{DType, Model, Tensor};

#[derive(Args)]
#[command(group(ArgGroup::new("input").required(true).args(["images", "data"])))]
#[command(
    override_usage = "vanilla predict [OPTIONS] <MODEL> <IMAGE.png>...\n       vanilla predict [OPTIONS] <MODEL> --data <D>"
)]
#[command(after_help = "Examples: vanilla predict runs/mnist/model.keras seven.png\n          \
                        vanilla predict runs/mnist/model.keras --data x.npy --out predictions.npy")]
pub struct Predict {
    /// .keras, .h5, .safetensors or .onnx
    model: PathBuf,
    /// Pictures (PNG, JPEG): of one digit each, or of the size that the model was trained on
    #[arg(value_name = "IMAGE.png")]
    images: Vec<PathBuf>,
    /// Arrays: .npy, .npz, IDX, a table (.csv), or a data set's name (its test part is taken)
    #[arg(long, value_name = "D")]
    data: Option<String>,
    /// Writes the predictions to a file that ends in .npy, .npz or .csv instead of stdout
    #[arg(long, value_name = "P.npy", conflicts_with = "images")]
    out: Option<PathBuf>,
    /// One JSON array on stdout
    #[arg(long, conflicts_with = "out")]
    json: bool,
}

impl Predict {
    pub fn run(&self, global: &Global) -> Result<()> {
        let model = model::open(&self.model, global)?;
        match &self.data {
            Some(source) => self.arrays(model, source),
            None => self.pictures(&model),
        }
    }

    fn arrays(&self, mut model: Model, source: &str) -> Result<()> {
        let ending_of = |out: &PathBuf| out.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let ending = self.out.as_ref().map(ending_of);
        if let (Some(ending), Some(out)) = (&ending, &self.out) {
            if !["npy", "npz", "csv"].contains(&ending.as_str()) {
                let problem = "expected a name that ends in .npy, .npz or .csv";
                return Err(usage(format!("--out {}: {problem}", out.display())));
            }
            refuse_unwritable("--out", out)?;
        }
        let dataset = data::warned(vanilla::datasets::inputs_for(source, &model)?);
        let part = dataset.test.as_ref().unwrap_or(&dataset.train);
        data::build(&mut model, &part.x)?;
        let x = data::inputs(&dataset, part, &model)?;
        if model.output_names().len() > 1 {
            return self.several(&model.output_names(), &model.predict_all(&x)?, ending.as_deref());
        }
        let predictions = model.predict(&x)?;
        let names = Names::of(&model, &predictions);
        if self.json {
            let values = predictions.to_f32();
            if let Some(Names::Classes(names)) = &names {
                let answers = answers(&predictions, names.len());
                let named: Vec<_> = answers.iter().map(|row| Named::new(names, row)).collect();
                return print_line(&serde_json::to_string(&named)?);
            }
            let rows: Vec<&[f32]> = values.chunks(predictions.width().max(1)).collect();
            return print_line(&serde_json::to_string(&rows)?);
        }
        let csv = || match &names {
            Some(names) => names.csv(&predictions),
            None => csv(&predictions),
        };
        let (Some(out), Some(ending)) = (&self.out, ending) else { return print(&csv()) };
        let bytes = match ending.as_str() {
            "csv" => csv().into_bytes(),
            "npy" => npy::write(&Array::from(&predictions)),
            _ => npz::write(&[("predictions", &Array::from(&predictions))]).map_err(failed)?,
        };
        vanilla::write_file(out, &bytes).map_err(failed)
    }

    /// All outputs of a model that has several, by their names.
    fn several(&self, names: &[String], predictions: &[Tensor], ending: Option<&str>) -> Result<()> {
        let outputs = names.iter().map(String::as_str).zip(predictions);
        if self.json {
            let rows = |tensor: &Tensor| -> Value {
                tensor.to_f32().chunks(tensor.width().max(1)).map(|row| json!(row)).collect()
            };
            let values: Map<String, Value> = outputs.map(|(name, y)| (name.to_owned(), rows(y))).collect();
            return print_line(&Value::Object(values).to_string());
        }
        let (Some(out), Some(ending)) = (&self.out, ending) else { return print(&table(outputs)) };
        let bytes = match ending {
            "csv" => table(outputs).into_bytes(),
            "npz" => {
                let arrays: Vec<_> = outputs.map(|(name, y)| (name, Array::from(y))).collect();
                let arrays: Vec<_> = arrays.iter().map(|(name, array)| (*name, array)).collect();
                npz::write(&arrays).map_err(failed)?
            }
            _ => {
                let problem = format!("the model has the outputs {}, and .npy holds one array", names.join(", "));
                return Err(usage(format!("--out {}: {problem}: take .npz or .csv", out.display())));
            }
        };
        vanilla::write_file(out, &bytes).map_err(failed)
    }

    fn pictures(&self, model: &Model) -> Result<()> {
        let input = model.input_shape().unwrap_or_default();
        let as_they_are = model.info().note(data::PICTURES).is_some() || matches!(input, [_, _, 3]);
        if as_they_are && input.len() < 2 {
            let problem =
                "the model takes pictures as rows of pixels, whose width it does not know: use --data FOLDER";
            return Err(usage(format!("{}: {problem}", self.model.display())));
        }
        if !as_they_are && !matches!(input, [784] | [28, 28] | [28, 28, 1]) {
            return Err(usage(format!(
                "{}: the model's input is {input:?}; pictures can be given to models of MNIST digits, 784 or 28 x 28 \
                 inputs; use --data for others",
                self.model.display()
            )));
        }
        if model.outputs().is_none_or(|outputs| outputs < 2) {
            let problem = "the model has 1 output, expected one for each class";
            return Err(usage(format!("{}: {problem}", self.model.display())));
        }
        let mut pixels = Vec::new();
        for file in &self.images {
            if as_they_are {
                pixels.extend_from_slice(vanilla::datasets::picture(file, input)?.as_u8().unwrap_or_default());
            } else {
                pixels.extend(digit(file).with_context(|| file.display().to_string())?);
            }
        }
        let shape = [&[self.images.len()][..], input].concat();
        let predictions = model.predict(Tensor::new(pixels, shape)?.astype(DType::F32))?.to_f32();
        let rows = predictions.chunks_exact(predictions.len() / self.images.len());
        let recognised: Vec<_> = self
            .images
            .iter()
            .zip(rows)
            .map(|(file, row)| Recognised::new(file, row, model.class_names()))
            .collect();
        if self.json {
            return print_line(&serde_json::to_string(&recognised)?);
        }
        let line = |one: &Recognised| {
            let file = if self.images.len() > 1 { format!("{}: ", one.file) } else { String::new() };
            format!("{file}{}\n", one.line())
        };
        print(&recognised.iter().map(line).collect::<String>())
    }
}

/// The pixels of a picture as MNIST would have them.
fn digit(file: &Path) -> Result<[u8; 784]> {
    let bytes = std::fs::read(file).map_err(|error| usage(error.to_string()))?;
    let picture = picture::read(&bytes).map_err(|error| usage(error.to_string()))?;
    let (width, height) = (picture.width as usize, picture.height as usize);
    vanilla::to_mnist(&picture.into_gray(), width, height).map_err(usage)
}

/// One row a line, Rust's shortest floats.
fn csv(predictions: &Tensor) -> String {
    let mut text = String::new();
    for row in predictions.to_f32().chunks(predictions.width().max(1)) {
        let values: Vec<String> = row.iter().map(|value| format!("{value:?}")).collect();
        text.push_str(&values.join(","));
        text.push('\n');
    }
    text
}

/// Several outputs beside one another, under their names; elements of a wide one are numbered.
fn table<'a>(outputs: impl Iterator<Item = (&'a str, &'a Tensor)>) -> String {
    let outputs: Vec<_> = outputs.collect();
    let mut header = Vec::new();
    for (name, y) in &outputs {
        match y.width() {
            1 => header.push(field(name).into_owned()),
            width => header.extend((0..width).map(|at| field(&format!("{name} {at}")).into_owned())),
        }
    }
    let mut lines = vec![String::new(); outputs.first().map_or(0, |(_, y)| y.rows())];
    for (_, y) in &outputs {
        for (line, row) in lines.iter_mut().zip(csv(y).lines()) {
            line.push_str(if line.is_empty() { "" } else { "," });
            line.push_str(row);
        }
    }
    format!("{}\n{}\n", header.join(","), lines.join("\n"))
}

/// What a model's answers are called.
enum Names {
    /// The names of its classes.
    Classes(Vec<String>),
    /// The column that it predicts, a number.
    Target(String),
}

impl Names {
    /// The names that travel with the model, if they fit its answers.
    fn of(model: &Model, predictions: &Tensor) -> Option<Self> {
        let (names, width) = (model.class_names(), predictions.width());
        let flat = predictions.shape().len() == 2;
        if flat && !names.is_empty() && (names.len() == width || names.len() == 2 && width == 1) {
            return Some(Self::Classes(names.to_vec()));
        }
        let target = vanilla::datasets::Schema::of(model).ok().flatten()?.target?;
        (flat && width == 1).then_some(Self::Target(target))
    }

    /// A header, and an answer a line: the class, its probability and those of all; or the number.
    fn csv(&self, predictions: &Tensor) -> String {
        let names = match self {
            Self::Target(target) => return format!("{}\n{}", field(target), csv(predictions)),
            Self::Classes(names) => names,
        };
        let columns = names.iter().map(|name| field(&format!("probability of {name}")).into_owned());
        let mut text = format!("class,probability,{}\n", columns.collect::<Vec<_>>().join(","));
        for row in answers(predictions, names.len()) {
            let class = ranking(&row)[0];
            let values: Vec<String> = row.iter().map(|value| format!("{value:?}")).collect();
            text.push_str(&format!("{},{:?},{}\n", field(&names[class]), row[class], values.join(",")));
        }
        text
    }
}

/// A probability for each class, row by row; a single output is that of the second class.
fn answers(predictions: &Tensor, classes: usize) -> Vec<Vec<f32>> {
    let values = predictions.to_f32();
    let rows = values.chunks(predictions.width().max(1));
    rows.map(|row| if row.len() < classes { vec![1.0 - row[0], row[0]] } else { row.to_vec() }).collect()
}

/// An answer with its name.
#[derive(Serialize)]
struct Named<'a> {
    class: usize,
    name: &'a str,
    probability: f32,
    probabilities: &'a [f32],
}

impl<'a> Named<'a> {
    fn new(names: &'a [String], probabilities: &'a [f32]) -> Self {
        let class = ranking(probabilities)[0];
        Self { class, name: &names[class], probability: probabilities[class], probabilities }
    }
}

/// What a model sees in a picture.
#[derive(Serialize)]
struct Recognised {
    file: String,
    class: usize,
    name: String,
    probability: f32,
    probabilities: Vec<f32>,
    #[serde(skip)]
    names: Vec<String>,
}

impl Recognised {
    fn new(file: &Path, probabilities: &[f32], names: &[String]) -> Self {
        let class = ranking(probabilities)[0];
        let names = (0..probabilities.len()).map(|class| names.get(class).map_or(class.to_string(), Clone::clone));
        let names: Vec<String> = names.collect();
        Self {
            file: file.display().to_string(),
            class,
            name: names[class].clone(),
            probability: probabilities[class],
            probabilities: probabilities.to_vec(),
            names,
        }
    }

    /// `7 0.9981   (2 0.0012, 9 0.0004)`
    fn line(&self) -> String {
        let shown = |class: &usize| format!("{} {:.4}", self.names[*class], self.probabilities[*class]);
        let next: Vec<String> = ranking(&self.probabilities).iter().skip(1).take(2).map(shown).collect();
        format!("{}   ({})", shown(&self.class), next.join(", "))
    }
}

/// Classes, the likeliest first; of equals the one with the smaller number.
fn ranking(probabilities: &[f32]) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..probabilities.len()).collect();
    classes.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
    classes
}
