//! [`Checkpoint`]: everything that a run needs to go on, in one self-contained file.
//!
//! ```text
//! file = safetensors, its header begins with {"__metadata__":{"content_sha256":"H","format_version":"1","step":"N"
//! H    = SHA-256 of the whole file with 64 times `0` in the place of H, in lower-case hex
//! ```
//!
//! Any safetensors reader opens it. H covers every byte, the header and its own place included, so a changed,
//! missing or added byte is found before anything in the file is believed. Texts and tensors belong to the caller;
//! by convention tensors are named `model/…` and `opt/…`.
//!
//! [`Store`] keeps the checkpoints of a run in a folder, [`BackgroundSaver`] writes them while training goes on.

mod background;
mod store;

pub use background::{BackgroundSaver, Saved};
pub use store::{Found, Skipped, Store};

use crate::storage::StorageError;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use vanilla_formats::FormatError;
use vanilla_formats::safetensors::{self, File};
pub use vanilla_formats::safetensors::{Tensor as Entry, Values};

/// Raised when a reader of this version could misunderstand the file.
const FORMAT_VERSION: &str = "1";
/// What the header begins with; the hash follows at byte 8 + this length.
const PREFIX: &[u8] = b"{\"__metadata__\":{\"content_sha256\":\"";
const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Texts that the file has for itself.
const RESERVED: [&str; 4] = ["content_sha256", "format_version", "step", "score"];

/// Why a checkpoint could not be saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The disk.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The file is not what was written.
    #[error("{}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A weight or a moment is no number; a good checkpoint is not replaced by it.
    #[error("{}: not saved: element {index} of {name} is {value}; the earlier checkpoint stays", path.display())]
    NotFinite {
        /// The file that was not written.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its element, counted from 0 in row-major order.
        index: usize,
        /// What it is.
        value: f64,
    },
    /// What was to be saved has no place in the format.
    #[error("{}: not saved: {source}", path.display())]
    Format {
        /// The file that was not written.
        path: PathBuf,
        /// What the format says.
        source: Box<FormatError>,
    },
    /// The thread that writes ended early.
    #[error("checkpoints: the thread that writes them has ended: this is a defect, please report it")]
    NoThread,
}

impl CheckpointError {
    pub(crate) fn damaged(path: &Path, problem: impl ToString) -> Self {
        Self::Damaged { path: path.to_owned(), problem: problem.to_string() }
    }
}

/// Named tensors and texts of one moment of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Arrays, in any order; floats are finite. Nothing is rounded.
    pub tensors: Vec<Entry>,
    /// Names and texts; the names `content_sha256`, `format_version`, `step` and `score` are taken.
    pub metadata: Vec<(String, String)>,
    /// How good it is, less is better; the best one is kept beside the last ones.
    pub score: Option<f64>,
}

impl Checkpoint {
    /// Adds an array of f32.
    pub fn push(&mut self, name: impl Into<String>, shape: impl Into<Vec<usize>>, values: Vec<f32>) {
        self.tensors.push(Entry { name: name.into(), shape: shape.into(), values: Values::F32(values) });
    }

    /// Adds a text.
    pub fn put(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.metadata.push((name.into(), text.into()));
    }

    /// The text of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.metadata.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    /// The array of this name.
    pub fn tensor(&self, name: &str) -> Option<&Entry> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// The f32 of the array of this name, if it has exactly this shape; the error says what is there instead.
    ///
    /// # Errors
    /// When there is none, or it has another shape or type.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<&[f32], String> {
        let tensor = self.tensor(name).ok_or_else(|| format!("no tensor '{name}'"))?;
        match &tensor.values {
            Values::F32(values) if tensor.shape == shape => Ok(values),
            values => Err(format!(
                "tensor '{name}' is {} of shape {:?}, expected F32 of shape {shape:?}",
                values.dtype(),
                tensor.shape
            )),
        }
    }

    /// The file of this step. `path` is only for messages.
    ///
    /// # Errors
    /// When a float is not finite, or a name or size has no place in the format.
    pub fn to_bytes(&self, step: u64, path: &Path) -> Result<Vec<u8>, CheckpointError> {
        for tensor in &self.tensors {
            if let Some((index, value)) = tensor.values.first_non_finite() {
                let name = tensor.name.clone();
                return Err(CheckpointError::NotFinite { path: path.to_owned(), name, index, value });
            }
        }
        let score = self.score.filter(|score| !score.is_nan()).map(|score| format!("{score:?}"));
        let step = step.to_string();
        let mut metadata = vec![(RESERVED[0], NO_HASH), (RESERVED[1], FORMAT_VERSION), (RESERVED[2], &*step)];
        metadata.extend(score.iter().map(|score| (RESERVED[3], score.as_str())));
        metadata.extend(self.metadata.iter().map(|(name, text)| (name.as_str(), text.as_str())));
        let mut bytes = safetensors::write(&metadata, &self.tensors)
            .map_err(|source| CheckpointError::Format { path: path.to_owned(), source: Box::new(source) })?;
        let hash = crate::datasets::hex(&Sha256::digest(&bytes));
        bytes[hash_range()].copy_from_slice(hash.as_bytes());
        Ok(bytes)
    }

    /// The step and the checkpoint in these bytes, every one of which is checked. `path` is only for messages.
    ///
    /// # Errors
    /// When they are not exactly what [`Checkpoint::to_bytes`] gave, or a float is not finite.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<(u64, Self), CheckpointError> {
        let damaged = |problem: &dyn ToString| CheckpointError::damaged(path, problem.to_string());
        let found = match bytes.get(hash_range()) {
            Some(found) if bytes[8..].starts_with(PREFIX) => found,
            _ => {
                safetensors::read(bytes).map_err(|error| damaged(&error))?;
                return Err(damaged(&"a safetensors file without content_sha256: not a checkpoint of Vanilla"));
            }
        };
        let mut hash = Sha256::new();
        hash.update(&bytes[..hash_range().start]);
        hash.update(NO_HASH);
        hash.update(&bytes[hash_range().end..]);
        if crate::datasets::hex(&hash.finalize()).as_bytes() != found {
            // Where the format is broken too, that says more: a truncated file for example.
            safetensors::read(bytes).map_err(|error| damaged(&error))?;
            return Err(damaged(&"damaged: its content does not have the SHA-256 that it states"));
        }
        let File { metadata, tensors } = safetensors::read(bytes).map_err(|error| damaged(&error))?;
        let mut checkpoint = Self { tensors, metadata: Vec::new(), score: None };
        let mut step = None;
        for (name, text) in metadata {
            match &*name {
                "content_sha256" => {}
                "format_version" if text == FORMAT_VERSION => {}
                "format_version" => {
                    let problem = format!("format version {text}, expected {FORMAT_VERSION}: use a newer Vanilla");
                    return Err(damaged(&problem));
                }
                "step" => step = text.parse().ok(),
                "score" => checkpoint.score = text.parse().ok(),
                _ => checkpoint.metadata.push((name, text)),
            }
        }
        for tensor in &checkpoint.tensors {
            if let Some((index, value)) = tensor.values.first_non_finite() {
                return Err(damaged(&format!("element {index} of {} is {value}, not a number", tensor.name)));
            }
        }
        // What has the right hash and no step was not written here.
        let step = step.ok_or_else(|| damaged(&"no step: not a checkpoint of Vanilla"))?;
        Ok((step, checkpoint))
    }
}

fn hash_range() -> std::ops::Range<usize> {
    let start = 8 + PREFIX.len();
    start..start + NO_HASH.len()
}
