//! Data sets: known ones by name (`known.rs`), anybody's by path (`files.rs`), tables (`table.rs`).

mod files;
mod known;
mod prepare;
mod schema;
mod table;
mod table_model;

pub use files::{inputs_for, open, open_for};
pub use known::{KNOWN, Known, find};
pub use prepare::{MOST_CLASSES, Missing, Prepare, Prepared, Task};
pub use schema::Schema;
pub use table::Table;
pub use table_model::MOST_TEXTS;

use crate::arrays::Arrays;
use crate::error::Result;
use crate::tensor::Tensor;

/// Rows with or without their targets.
#[derive(Clone, Debug)]
pub struct Part {
    /// One sample a row; for a model with several inputs a tensor for each of them.
    pub x: Arrays,
    /// One target a row.
    pub y: Option<Tensor>,
}

impl Part {
    /// Samples with or without their targets.
    pub fn new(x: impl Into<Arrays>, y: Option<Tensor>) -> Self {
        Self { x: x.into(), y }
    }

    /// Number of samples.
    pub fn rows(&self) -> usize {
        self.x.rows()
    }
}

/// A data set that was found.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Its name, or its file's.
    pub name: String,
    /// Where it came from, for people.
    pub source: String,
    /// Copies that were passed over, and why.
    pub warnings: Vec<String>,
    /// What to train on.
    pub train: Part,
    /// What to test on.
    pub test: Option<Part>,
    /// A known data set: its labels are class numbers, to be encoded as a loss wants them.
    pub known: bool,
    /// SHA-256 over everything in it.
    pub sha256: String,
    /// Names of the columns of each input, where they have any.
    pub feature_names: Vec<Vec<String>>,
    /// Names of the classes that labels number, where they have any.
    pub class_names: Vec<String>,
}

impl Dataset {
    /// A data set of this content, without a test part, names or warnings.
    pub fn new(
        name: impl Into<String>,
        source: impl Into<String>,
        sha256: impl Into<String>,
        train: Part,
    ) -> Self {
        Self {
            name: name.into(),
            source: source.into(),
            warnings: Vec::new(),
            train,
            test: None,
            known: false,
            sha256: sha256.into(),
            feature_names: Vec::new(),
            class_names: Vec::new(),
        }
    }

    /// Number of samples, those of the test part among them.
    pub fn rows(&self) -> usize {
        self.train.rows() + self.test.as_ref().map_or(0, Part::rows)
    }
}

/// Handwritten digits.
pub mod mnist {
    use super::{Result, Tensor};

    /// `((x_train, y_train), (x_test, y_test))`: 60,000 and 10,000 images of 28 x 28 bytes, 0 = paper to 255 = ink, and
    /// their labels, 0 to 9, as bytes. Keras's `mnist.load_data()`.
    ///
    /// # Errors
    /// When MNIST is neither inside the program (the feature `mnist`, on by default) nor anywhere on this machine; the
    /// message names every place that was tried.
    pub fn load_data() -> Result<((Tensor, Tensor), (Tensor, Tensor))> {
        let found = super::find("mnist", None)?;
        found.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        let part = |part: super::Part| part.x.single().cloned().zip(part.y);
        let parts = part(found.train).zip(found.test.and_then(part));
        Ok(parts.expect("a known data set has labels and a test part"))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
