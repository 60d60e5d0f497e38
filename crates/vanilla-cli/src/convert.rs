//! `vanilla convert`: a model from one format to another, by the endings of the names.

use crate::ui::{note, usage};
use crate::{Global, model};
use anyhow::Result;
use clap::Args;
use std::path::{Path, PathBuf};
use vanilla::Model;

#[derive(Args)]
#[command(after_help = "Examples: vanilla convert model.keras model.onnx\n          \
                        vanilla convert old.h5 new.keras\n          \
                        vanilla convert trained.weights.h5 trained.keras --model model.keras\n          \
                        vanilla convert model.keras model.rs")]
pub struct Convert {
    /// What is read: .keras .h5 .safetensors .onnx, or with --model .weights.h5 .weights.npz and bare .safetensors
    src: PathBuf,
    /// What is written: .keras .h5 .safetensors .weights.h5 .weights.npz .onnx, or as source text .rs .h
    dst: PathBuf,
    /// The model whose weights SRC holds
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
}

/// What a file of this name holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Holds {
    /// A model that training goes on from.
    Model,
    /// Weights that belong to a model in another file.
    Weights,
    /// A model that predicts.
    Inference,
    /// A program that predicts.
    Source,
}

const ENDINGS: &str = ".keras, .h5, .safetensors, .weights.h5, .weights.npz, .onnx, .rs or .h";

impl Holds {
    fn of(path: &Path) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        match () {
            () if ends(&[".weights.h5", ".weights.npz"]) => Ok(Self::Weights),
            () if ends(&[".keras", ".h5", ".safetensors"]) => Ok(Self::Model),
            () if ends(&[".onnx"]) => Ok(Self::Inference),
            () if ends(&[".rs", ".h"]) => Ok(Self::Source),
            () => Err(usage(format!("{}: expected a name that ends in {ENDINGS}", path.display()))),
        }
    }
}

impl Convert {
    pub fn run(&self, global: &Global) -> Result<()> {
        let (from, to) = (Holds::of(&self.src)?, Holds::of(&self.dst)?);
        let model = self.read(from, global)?;
        let dst = &self.dst;
        match to {
            Holds::Model => model.save(dst),
            Holds::Weights => model.save_weights(dst),
            Holds::Inference | Holds::Source => model.export(dst),
        }?;
        if !global.quiet {
            if model.is_compiled() && matches!(to, Holds::Inference | Holds::Source) {
                note(
                    "note: such a file predicts; optimizer and loss stay behind, so training cannot go on from it",
                );
            }
            let (layers, params) = (model.layer_names().len(), model.count_params());
            note(&format!("{}: {layers} layers, {params} parameters", dst.display()));
        }
        Ok(())
    }

    fn read(&self, from: Holds, global: &Global) -> Result<Model> {
        let place = self.src.display();
        match (from, &self.model) {
            (Holds::Source, _) => {
                let problem =
                    ".rs and .h files are written and not read: convert from the model that it was made of";
                Err(usage(format!("{place}: {problem}")))
            }
            (Holds::Weights, None) => {
                Err(usage(format!("{place}: holds weights alone: name their model with --model MODEL")))
            }
            (_, None) => model::open(&self.src, global),
            (Holds::Inference, Some(_)) => Err(usage(format!("{place}: is a whole model: leave --model out"))),
            (_, Some(model)) => {
                let mut model = model::open(model, global)?;
                model.load_weights(&self.src)?;
                Ok(model)
            }
        }
    }
}
