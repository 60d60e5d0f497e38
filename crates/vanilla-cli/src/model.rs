//! Models as arguments: a file of one, and where that makes sense the description of one.

use crate::Global;
use crate::experiment::Experiment;
use crate::ui::{note, usage};
use anyhow::{Context, Result};
use std::path::Path;
use vanilla::Model;

/// A trained model.
pub fn open(path: &Path, global: &Global) -> Result<Model> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    if ending.as_deref() == Some("toml") || (!path.exists() && path == Path::new("mnist")) {
        return Err(usage(format!(
            "{}: a described model has not learned anything yet: train it, and name its model.keras",
            path.display()
        )));
    }
    let model = Model::load(path)?;
    if !global.quiet {
        model.remarks().iter().for_each(|remark| note(&format!("note: {}: {remark}", path.display())));
    }
    Ok(with_threads(model, global))
}

/// A trained model, or the model of an experiment before its training; its batch size, where it has one.
pub fn open_or_describe(spec: &Path, global: &Global) -> Result<(Model, Option<usize>)> {
    if spec.extension().is_some_and(|ending| ending == "keras") || !Experiment::is_one(spec) {
        return Ok((open(spec, global)?, None));
    }
    let experiment = Experiment::open(spec)?;
    let mut model = with_threads(experiment.model().with_context(|| spec.display().to_string())?, global);
    if experiment.columns.is_some() || model.input_shape().is_none() {
        let (dataset, _) = experiment.load(&mut model)?;
        crate::data::build(&mut model, &dataset.train.x)?;
    }
    Ok((model, Some(experiment.batch_size)))
}

/// The model on as many threads as asked for.
pub fn with_threads(model: Model, global: &Global) -> Model {
    match global.threads {
        Some(threads) => model.with_threads(threads),
        None => model,
    }
}
