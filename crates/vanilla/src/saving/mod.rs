//! Models as files: one door for every format, by the ending when they are written and by their first bytes when
//! they are read.
//!
//! | ending | holds | file |
//! | --- | --- | --- |
//! | `.keras` | description, weights, optimizer: Keras 3 | `archive.rs` |
//! | `.h5` | the same, as Keras wrote it before: Keras 2 and 3 | `legacy.rs`, `keras2.rs` |
//! | `.safetensors` | the same, for whatever reads safetensors | `flat.rs` |
//! | `.weights.h5` | weights and optimizer | `tree.rs` |
//! | `.weights.npz`, `.safetensors` | weights and optimizer, or weights of another program | `flat.rs` |
//!
//! A file is data: class names are looked up in the registries of this crate, nothing else is resolved, and every
//! shape is known from the description before a number is read.

mod archive;
mod flat;
mod keras2;
mod legacy;
mod numbers;
mod tree;

use crate::error::{Error, Result};
use crate::model::Model;
use crate::registry::Registry;
use crate::storage::{Disk, write_atomically, write_together};
use serde_json::Value;
use std::path::Path;
use vanilla_formats::{FormatError, hdf5};

/// The version of Keras whose files these are.
const KERAS_VERSION: &str = "3.15.1";

/// Larger files than this are refused unread.
const MAX_FILE: u64 = 2 << 30;

/// What a file is, by its first bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Zip,
    Hdf5,
    Safetensors,
}

impl Kind {
    /// None where the bytes are those of none.
    fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
            Some(Self::Zip)
        } else if bytes.starts_with(b"\x89HDF\r\n\x1a\n") {
            Some(Self::Hdf5)
        } else if bytes.get(8) == Some(&b'{') && bytes.first() != Some(&b'{') {
            Some(Self::Safetensors)
        } else {
            None
        }
    }

    /// What a name ends in that promises this; `.keras` where it promises nothing.
    fn promised(path: &Path) -> Self {
        match ending(path) {
            ".h5" | ".hdf5" | ".weights.h5" => Self::Hdf5,
            ".safetensors" => Self::Safetensors,
            _ => Self::Zip,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Zip => "a zip archive, as .keras files are",
            Self::Hdf5 => "an HDF5 file, as .h5 files are",
            Self::Safetensors => "a safetensors file",
        }
    }
}

const ENDINGS: [&str; 7] = [".weights.h5", ".weights.npz", ".keras", ".h5", ".hdf5", ".safetensors", ".npz"];

/// The ending that says what is in the file, in any case; empty for any other.
fn ending(path: &Path) -> &'static str {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    ENDINGS.into_iter().find(|ending| name.ends_with(ending)).unwrap_or_default()
}

/// An error about the whole file: what it holds has no name in the model.
fn unreadable(error: FormatError) -> Error {
    // Its text names format and place.
    Error::Format(Box::new(error))
}

impl Model {
    /// Writes the model, the optimizer with its state and what [`Model::info`] says, by the ending of the name:
    /// `.keras`, `.h5` (Keras's format before that) or `.safetensors`. The file appears whole or not at all.
    ///
    /// # Errors
    /// When the name ends otherwise, the input shape is not known, or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = match ending(path) {
            ".keras" => self.to_keras()?,
            ".h5" | ".hdf5" => self.to_h5()?,
            ".safetensors" => self.to_safetensors()?,
            ".weights.h5" | ".weights.npz" => {
                return Err(Error::file(path, "that is a name for weights alone: save_weights writes them"));
            }
            _ => return Err(Error::file(path, "expected a name that ends in .keras, .h5 or .safetensors")),
        };
        write_file(path, &bytes)
    }

    /// Writes weights and the optimizer's state by the ending of the name: `.weights.h5`, which Keras's
    /// `load_weights` reads, `.weights.npz` or `.safetensors`. The file appears whole or not at all.
    ///
    /// # Errors
    /// When the name ends otherwise, the input shape is not known, or the file cannot be written.
    pub fn save_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let unfit = |error: FormatError| Error::data("model", error.to_string());
        let bytes = match ending(path) {
            ".weights.h5" => hdf5::write(&self.weights_tree()?).map_err(unfit)?,
            ".weights.npz" => self.weights_to_npz()?,
            ".safetensors" => self.weights_to_safetensors()?,
            _ => {
                let problem = "expected a name that ends in .weights.h5, .weights.npz or .safetensors";
                return Err(Error::file(path, problem));
            }
        };
        write_file(path, &bytes)
    }

    /// Reads weights, and the optimizer's state where the model is compiled (weights alone: before compile), from a
    /// file of the same layers: `.weights.h5` or a whole model of Keras 2, Keras 3 or Vanilla, or arrays of any other
    /// program as npz or safetensors. Those are found by name (`dense/kernel`) where all names are known; where all
    /// are numbers (`arr_0`, `1`), they are the order of [`Model::get_weights`]. Where something does not fit, the
    /// model stays as it was, and where the file has no state, the optimizer's, as in Keras.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or holds other layers, shapes or an optimizer of another kind.
    pub fn load_weights(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if ending(path).is_empty() {
            let problem = "expected a name that ends in .weights.h5, .weights.npz, .safetensors, .h5 or .keras";
            return Err(Error::file(path, problem));
        }
        let bytes = read_file(path)?;
        self.remarks = lie(path, &bytes);
        let read = match Kind::of(&bytes).unwrap_or(Kind::promised(path)) {
            Kind::Zip => self.weights_from_zip(&bytes, ending(path)),
            Kind::Hdf5 => self.weights_from_hdf5(&bytes),
            Kind::Safetensors => self.weights_from_safetensors(&bytes),
        };
        read.map_err(|error| {
            let hint = "; where the file is of another optimizer, load it before compile";
            let hint = if error.to_string().contains("optimizer/") { hint } else { "" };
            Error::file(path, format!("{error}{hint}"))
        })
    }

    /// Reads a whole model with its optimizer's state: `.keras` and `.h5` of Vanilla, Keras 3 and Keras 2, and
    /// `.safetensors` of Vanilla; or a network that predicts, `.onnx` ([`Model::from_onnx`]). The first bytes decide what
    /// it is, for ONNX, which has none of its own, the ending; [`Model::remarks`] tells where the name says
    /// otherwise, and what of the file could not be used: a model that was compiled with something that Vanilla does
    /// not have predicts, and is not compiled.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or describes layers that Vanilla does not have; the message names the
    /// place.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_with(path, &Registry::default())
    }

    /// As [`Model::load`], with words of one's own.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_with(path: impl AsRef<Path>, registry: &Registry) -> Result<Self> {
        let path = path.as_ref();
        Self::of_file(path, &read_file(path)?, registry)
    }

    /// The model in the bytes of this file.
    pub(crate) fn of_file(path: &Path, bytes: &[u8], registry: &Registry) -> Result<Self> {
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx")) && Kind::of(bytes).is_none()
        {
            return Self::from_onnx(bytes).map_err(|error| Error::file(path, error));
        }
        let kind = Kind::of(bytes).unwrap_or(Kind::promised(path));
        let mut model = Self::of_kind(kind, bytes, registry).map_err(|error| Error::file(path, error))?;
        model.remarks.splice(0..0, lie(path, bytes));
        Ok(model)
    }

    /// As [`Model::load_with`], from the bytes of a file.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes(bytes: &[u8], registry: &Registry) -> Result<Self> {
        Self::of_kind(Kind::of(bytes).unwrap_or(Kind::Zip), bytes, registry)
    }

    fn of_kind(kind: Kind, bytes: &[u8], registry: &Registry) -> Result<Self> {
        match kind {
            Kind::Zip => Self::from_keras(bytes, registry),
            Kind::Hdf5 => Self::from_h5(bytes, registry),
            Kind::Safetensors => Self::from_safetensors(bytes, registry),
        }
    }

    /// Compiles the model as its file says. Where that takes what is not here, such as a Python function, it stays
    /// uncompiled, with a remark: its weights are as good without.
    fn compile_as_saved(&mut self, mut compile: Value, old: bool, registry: &Registry) -> Result<()> {
        if !compile.is_object() {
            let problem =
                format!("{compile}, expected a table such as {{\"loss\": \"mse\", \"optimizer\": \"adam\"}}");
            return Err(Error::config("compile", problem));
        }
        let mut remarks = Vec::new();
        let as_now = if old { keras2::compile(&mut compile, &self.output_names(), &mut remarks) } else { Ok(()) };
        match as_now.and_then(|()| self.compile_from_json_with(&compile, registry)) {
            Ok(()) => self.remarks.append(&mut remarks),
            Err(why) => self.remarks.push(format!("not compiled: {why}: it predicts; compile it to train")),
        }
        Ok(())
    }

    /// What was noticed while the model was loaded, a sentence each: that the name of the file says something else,
    /// that the model is not compiled as it was or its optimizer begins anew, and why.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// SHA-256 of all weights in the order of [`Model::get_weights`], row-major little-endian f32, in hex.
    pub fn weights_sha256(&self) -> String {
        use sha2::Digest;
        let mut hash = sha2::Sha256::new();
        for tensor in self.get_weights() {
            for x in tensor.to_f32() {
                hash.update(x.to_le_bytes());
            }
        }
        crate::datasets::hex(&hash.finalize())
    }
}

/// What a name that promises something else is worth saying.
fn lie(path: &Path, bytes: &[u8]) -> Vec<String> {
    match Kind::of(bytes) {
        Some(kind) if kind != Kind::promised(path) && !ending(path).is_empty() => {
            vec![format!("the name ends in {}, and the file is {}", ending(path), kind.name())]
        }
        _ => Vec::new(),
    }
}

/// A whole file, refused above 2 GiB.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    let io = |error| Error::io(path, error);
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > MAX_FILE {
        return Err(Error::file(path, format!("{size} bytes, more than the {MAX_FILE} that are read")));
    }
    std::fs::read(path).map_err(io)
}

/// Writes a file that appears whole or not at all: beside it, synced, renamed
/// ([`write_atomically`](crate::storage::write_atomically)).
///
/// # Errors
/// When the folder or the file cannot be written; an earlier file of this name is then as it was.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(write_atomically(&Disk, path, bytes)?)
}

/// Writes files that belong together, so that whoever finds the last one finds the others of the same set
/// ([`write_together`](crate::storage::write_together)).
///
/// # Errors
/// When one cannot be written. What lacks room or rights is found before anything is replaced.
pub fn write_files(files: &[(std::path::PathBuf, &[u8])]) -> Result<()> {
    Ok(write_together(&Disk, files)?)
}
