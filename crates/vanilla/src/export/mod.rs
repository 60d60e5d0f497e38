//! Trained models in other languages.
//!
//! [`Program`] is what a model computes, in a dozen kinds of step; each language is a printer of it. A file ends in
//! `.onnx` for ONNX, in `.rs` for Rust, in `.h` for C and C++. See [`Model::export`].

mod body;
mod c;
mod head;
mod layout;
mod names;
mod numbers;
pub(crate) mod onnx;
mod parts;
mod program;
mod rust;

pub use program::{Front, Input, Output, Program, Step, Weights, Work};

use crate::error::{Error, Result};
use crate::model::Model;
use std::path::Path;

impl Model {
    /// Writes what the model computes in another language, which the ending of the name decides: `.onnx` is an ONNX model
    /// ([`Model::to_onnx`]), `.rs` a Rust module ([`Model::to_rust`]), `.h` a C header ([`Model::to_c`]).
    ///
    /// ```
    /// use vanilla::prelude::*;
    /// let folder = tempfile::tempdir()?;
    /// let model = Sequential::new(layers![
    ///     Dense::new(8).activation("relu").input_dim(4),
    ///     Dense::new(3).activation("softmax"),
    /// ])?
    /// .with_name("iris");
    /// model.export(folder.path().join("iris.h"))?;
    /// let header = std::fs::read_to_string(folder.path().join("iris.h"))?;
    /// assert!(header.contains("static inline void iris_predict(const float *x, float *y)"));
    /// assert!(model.to_rust()?.contains("pub fn predict(x: &[f32; INPUTS]) -> [f32; OUTPUTS]"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the model is not built, a layer cannot be said in that language, the ending is another one, or the file
    /// cannot be written.
    pub fn export(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        let bytes = match ending.as_deref() {
            Some("onnx") => self.to_onnx()?,
            Some("rs") => self.to_rust()?.into_bytes(),
            Some("h") => self.to_c()?.into_bytes(),
            _ => {
                let problem = "cannot be exported: expected a name that ends in .onnx, .rs (Rust) or .h (C)";
                return Err(Error::file(path, problem));
            }
        };
        crate::write_file(path, &bytes)
    }

    /// The model as a Rust module (edition 2021 or later) that needs no crate: its weights as constants and a function
    /// `predict`, from an array of floats to an array of floats; with several inputs or outputs it takes several arrays,
    /// or returns a tuple. It allocates nothing and does not panic.
    ///
    /// # Errors
    /// When the model is not built, or a layer cannot be exported; the message names it.
    pub fn to_rust(&self) -> Result<String> {
        Ok(rust::print(&self.program()?.of_numbers()?))
    }

    /// The model as a C99 header, which C++ reads, too: its weights as constants and a function `NAME_predict`, NAME
    /// being the model's, from arrays of floats to arrays of floats. It needs `math.h`, and allocates nothing.
    ///
    /// # Errors
    /// When the model is not built, or a layer cannot be exported; the message names it.
    pub fn to_c(&self) -> Result<String> {
        Ok(c::print(&self.program()?.of_numbers()?))
    }
}
