//! Data sets: known ones by name (`known.rs`; the list of them is `sets.rs`), anybody's by path (`files.rs`),
//! tables (`table.rs`).

#[cfg(feature = "download")]
pub mod download;
mod files;
mod housing;
mod images;
mod known;
mod load_data;
mod pictures;
mod prepare;
mod schema;
mod sets;
mod stream;
mod table;
mod table_model;

#[cfg(feature = "download")]
pub use download::download;
pub use files::{inputs_for, open, open_for};
pub use known::{KNOWN, Known, KnownFile, Remote, Samples, find, known};
pub use load_data::{Loaded, boston_housing, california_housing, cifar10, fashion_mnist, mnist};
pub use pictures::picture;
pub use prepare::{MOST_CLASSES, Missing, Prepare, Prepared, Task};
pub use schema::Schema;
pub use stream::{ArrayBatches, ArrayStream, CsvBatches, CsvStream, stream, stream_arrays};
pub use table::Table;
pub use table_model::MOST_TEXTS;

use crate::arrays::Arrays;
use crate::tensor::Tensor;

/// Rows with or without their targets.
#[derive(Clone, Debug)]
pub struct Part {
    /// One sample a row; for a model with several inputs a tensor for each of them.
    pub x: Arrays,
    /// One target a row.
    pub y: Option<Tensor>,
    /// What each row counts, if not 1.
    pub sample_weight: Option<Tensor>,
}

impl Part {
    /// Samples with or without their targets.
    pub fn new(x: impl Into<Arrays>, y: Option<Tensor>) -> Self {
        Self { x: x.into(), y, sample_weight: None }
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

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
