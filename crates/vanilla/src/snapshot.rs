//! A training as a [`Checkpoint`] and back: weights and slots as tensors, everything else as texts.
//!
//! | in the file | is |
//! | --- | --- |
//! | tensor `model/LAYER/NAME` | a variable, row-major, in Keras's shape |
//! | tensor `opt/LAYER/NAME/I` | slot I of the optimizer for it, in the same shape, or flat where it has another size |
//! | text `state` | [`RunState`] |
//! | text `identity` | [`Identity`] |
//! | text `config` | the model as in a `.keras` file |
//! | text `version` | the version of Vanilla |
//! | tensor `callback/NAME/I` | tensor I of a callback's state |
//! | the same tensors behind `epoch_start/`, text `epoch_start` | where a rollback leads; only where one may come |

use crate::build::{Built, BuiltVariable};
use crate::checkpoint::{Checkpoint, Entry, Values};
use crate::error::Result;
use crate::identity::Identity;
use crate::model::{Model, NOT_BUILT};
use crate::run_state::RunState;
use crate::tensor::Tensor;
use std::path::Path;
use vanilla_plan::Params;
use vanilla_plan::kernels::Panels;

/// Weights, slots and everything else that the rest of a training depends on, at one place between two batches.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub state: RunState,
    pub params: Params,
}

const EPOCH_START: &str = "epoch_start";
const CALLBACK: &str = "callback/";

/// The tensors that callbacks keep, by their names.
pub(crate) fn callback_tensors(checkpoint: &Checkpoint) -> Vec<(String, Tensor)> {
    let own = checkpoint.tensors.iter().filter_map(|entry| {
        let name = entry.name.strip_prefix(CALLBACK)?.to_owned();
        let Values::F32(values) = &entry.values else { return None };
        Some((name, Tensor::new(values.clone(), entry.shape.clone()).ok()?))
    });
    own.collect()
}

/// The file's content for a model in this state. `spare` is an earlier one, whose memory is used again.
pub(crate) fn encode(
    model: &Model,
    state: &RunState,
    identity: &Identity,
    epoch_start: Option<&Snapshot>,
    callbacks: &[(String, Tensor)],
    spare: Checkpoint,
) -> Result<Checkpoint> {
    let built = model.built.as_ref().ok_or(NOT_BUILT)?;
    let mut memory = spare.tensors.into_iter().map(|entry| entry.values).collect::<Vec<_>>().into_iter();
    let mut checkpoint = Checkpoint { score: score(state), ..Checkpoint::default() };
    let mut put = |prefix: &str, params: &Params| {
        for (panels, (name, shape)) in matrices(params).zip(names(built, prefix)) {
            let mut values = match memory.next() {
                Some(Values::F32(values)) => values,
                _ => Vec::new(),
            };
            copy_row_major(panels, &mut values);
            checkpoint.tensors.push(Entry { name, shape, values: Values::F32(values) });
        }
    };
    put("", &built.params);
    if let Some(start) = epoch_start {
        put(&format!("{EPOCH_START}/"), &start.params);
    }
    for (name, tensor) in callbacks {
        let values = Values::F32(tensor.to_f32());
        checkpoint.tensors.push(Entry {
            name: format!("{CALLBACK}{name}"),
            shape: tensor.shape().to_vec(),
            values,
        });
    }
    checkpoint.put("version", env!("CARGO_PKG_VERSION"));
    checkpoint.put("config", model.to_json()?.to_string());
    checkpoint.put("identity", identity.to_json().to_string());
    checkpoint.put("state", state.to_json().to_string());
    if let Some(start) = epoch_start {
        checkpoint.put(EPOCH_START, start.state.to_json().to_string());
    }
    Ok(checkpoint)
}

/// The state and the identity in a checkpoint, whatever model it is of. `path` is for messages.
pub(crate) fn texts(checkpoint: &Checkpoint, path: &Path) -> Result<(RunState, Identity)> {
    let state = text_of_state(checkpoint, "state", path)?;
    let identity = json(checkpoint, "identity", path)?;
    let identity = Identity::from_json(&identity).ok_or_else(|| wrong(path, "identity", "no table"))?;
    Ok((state, identity))
}

/// The variables in a checkpoint, if they are those of this model; else what does not fit.
pub(crate) fn params(
    checkpoint: &Checkpoint,
    state: &RunState,
    model: &Model,
) -> std::result::Result<Params, String> {
    let built = model.built.as_ref().ok_or("the model is not built")?;
    read_params(checkpoint, state, built, "")
}

/// Where a rollback leads, if the checkpoint says so.
pub(crate) fn epoch_start(checkpoint: &Checkpoint, model: &Model, path: &Path) -> Result<Option<Snapshot>> {
    if checkpoint.get(EPOCH_START).is_none() {
        return Ok(None);
    }
    let state = text_of_state(checkpoint, EPOCH_START, path)?;
    let built = model.built.as_ref().ok_or(NOT_BUILT)?;
    let params = read_params(checkpoint, &state, built, &format!("{EPOCH_START}/"));
    let params = params.map_err(|problem| wrong(path, EPOCH_START, &problem))?;
    Ok(Some(Snapshot { state, params }))
}

fn read_params(
    checkpoint: &Checkpoint,
    state: &RunState,
    built: &Built,
    prefix: &str,
) -> std::result::Result<Params, String> {
    let mine = names(built, prefix).count();
    let stored = checkpoint.tensors.iter().filter(|entry| entry.name.starts_with(prefix));
    let other = |name: &str| name.starts_with(EPOCH_START) || name.starts_with(CALLBACK);
    let stored = stored.filter(|entry| !prefix.is_empty() || !other(&entry.name)).count();
    if stored != mine {
        return Err(format!("it has {stored} arrays, and the model with its optimizer {mine}"));
    }
    let mut params = built.params.clone();
    params.iterations = state.iterations;
    for (panels, (name, shape)) in matrices_mut(&mut params).zip(names(built, prefix)) {
        panels.copy_from_row_major(checkpoint.floats(&name, &shape)?);
    }
    Ok(params)
}

/// Every variable, followed by its slots.
fn matrices(params: &Params) -> impl Iterator<Item = &Panels> {
    params.variables.iter().flat_map(|variable| std::iter::once(&variable.weights).chain(&variable.slots))
}

fn matrices_mut(params: &mut Params) -> impl Iterator<Item = &mut Panels> {
    params.variables.iter_mut().flat_map(|v| std::iter::once(&mut v.weights).chain(&mut v.slots))
}

/// Name and shape of each of the matrices.
fn names(built: &Built, prefix: &str) -> impl Iterator<Item = (String, Vec<usize>)> {
    built.variables.iter().zip(&built.params.variables).flat_map(
        move |(BuiltVariable { layer, spec, .. }, variable)| {
            let place = format!("{layer}/{}", spec.name);
            let slots = variable.slots.iter().enumerate().map(|(i, slot)| {
                // Adafactor keeps a number for each row and each column.
                let (whole, elements) = (spec.shape.iter().product::<usize>(), slot.rows() * slot.cols());
                let shape = if elements == whole { spec.shape.clone() } else { vec![elements] };
                (format!("{prefix}opt/{place}/{i}"), shape)
            });
            let weights = (format!("{prefix}model/{place}"), spec.shape.clone());
            std::iter::once(weights).chain(slots).collect::<Vec<_>>()
        },
    )
}

fn copy_row_major(panels: &Panels, values: &mut Vec<f32>) {
    let (rows, cols) = (panels.rows(), panels.cols());
    values.resize(rows * cols, 0.0);
    for row in 0..rows {
        panels.read_row(row, &mut values[row * cols..(row + 1) * cols]);
    }
}

/// The loss of the last epoch, of the validation where there is one; none in the middle of an epoch, whose weights
/// nobody has judged.
fn score(state: &RunState) -> Option<f64> {
    let last = |key: &str| state.history.get(key)?.last().copied();
    if state.batch > 0 { None } else { last("val_loss").or_else(|| last("loss")) }
}

fn text_of_state(checkpoint: &Checkpoint, name: &str, path: &Path) -> Result<RunState> {
    RunState::from_json(&json(checkpoint, name, path)?).map_err(|error| wrong(path, name, &error.to_string()))
}

fn json(checkpoint: &Checkpoint, name: &str, path: &Path) -> Result<serde_json::Value> {
    let text =
        checkpoint.get(name).ok_or_else(|| wrong(path, name, "not there: is it the checkpoint of a training?"))?;
    serde_json::from_str(text).map_err(|error| wrong(path, name, &error.to_string()))
}

fn wrong(path: &Path, name: &str, problem: &str) -> crate::Error {
    crate::Error::file(path, format!("text \"{name}\": {problem}"))
}
