//! Keras's words for dense networks, in Rust: describe, compile, fit, and see it learn.
//!
//! ```no_run
//! use vanilla::prelude::*;
//!
//! let ((x_train, y_train), (x_test, y_test)) = mnist::load_data()?;
//! let (x_train, x_test) = (x_train.reshape([60_000, 784])?, x_test.reshape([10_000, 784])?);
//! let (y_train, y_test) = (to_categorical(&y_train, 10)?, to_categorical(&y_test, 10)?);
//!
//! let mut model = Sequential::new(layers![
//!     Dense::new(1000).activation("relu").input_dim(784),
//!     Dense::new(10).activation("softmax"),
//! ])?;
//! model.compile("categorical_crossentropy", "adam", ["acc"])?;
//! let history = model.fit(
//!     &x_train,
//!     &y_train,
//!     Fit::new().epochs(5).batch_size(64).validation_data(&x_test, &y_test),
//! )?;
//! println!("{:?}", &history["val_acc"]);
//! # Ok::<(), vanilla::Error>(())
//! ```
//!
//! Names, defaults and numbers are Keras 3's; `.keras` files go both ways. Who wants to know how it is made reads
//! `ARCHITECTURE.md` in the repository.

pub mod activations;
mod arrays;
mod build;
pub mod callbacks;
pub mod checkpoint;
mod compile;
pub mod config;
pub mod constraints;
mod data;
pub mod datasets;
mod error;
pub mod export;
mod feed;
mod fit;
mod gradients;
mod graph;
mod history;
mod identity;
mod inference;
mod info;
pub mod initializers;
mod inspect;
mod json;
mod json_text;
mod keeper;
pub mod layers;
pub mod losses;
mod lr_find;
mod machine;
mod memory;
mod meter;
pub mod metrics;
mod model;
mod on_batch;
mod onnx_import;
pub mod optimizers;
mod options;
mod picture;
mod plan_times;
mod plot_model;
pub mod preprocessing;
pub mod progress;
pub mod registry;
pub mod regularizers;
mod report;
mod run;
mod run_state;
mod runtime;
mod saving;
pub mod schedules;
mod show;
mod snapshot;
pub mod storage;
mod stream;
mod summarize;
mod summary;
mod tensor;
pub mod testing;
pub mod utils;
mod weights;

pub use arrays::Arrays;
pub use compile::{Compile, Losses};
pub use data::to_categorical;
pub use error::{Error, Result};
pub use graph::{Call, InputLayer, InputLayer as Input, KerasTensor, Shared, Tensors};
pub use history::{History, Logs};
pub use inference::{Evaluate, Predict};
pub use info::ModelInfo;
pub use inspect::{Inspection, TensorReport, inspect};
pub use lr_find::{LrCurve, LrFind};
pub use machine::Machine;
pub use memory::{MemoryNeed, available as available_memory};
pub use model::{Model, Sequential};
pub use options::{Boundary, Checkpoints, Every, Fit, OnNan, ValidationFreq};
pub use picture::to_mnist;
pub use plan_times::{PlanTimes, StepTime};
pub use plot_model::{PlotModel, plot_model};
pub use registry::Registry;
pub use report::Terminal;
pub use saving::{write_file, write_files};
pub use show::show;
pub use stream::{Stream, StreamBatch};
pub use summarize::SummaryOptions;
pub use summary::{Layout, Summary, SummaryRow, UnknownLayout};
pub use tensor::{DType, Tensor};
pub use utils::{compute_class_weight, normalize, train_test_split};
pub use vanilla_formats as formats;
pub use vanilla_plan as plan;
pub use vanilla_plot as plot;
pub use weights::LayerView;

/// Everything that a program needs, to be imported at once.
pub mod prelude {
    pub use crate::callbacks::words::*;
    pub use crate::constraints::words::*;
    pub use crate::datasets::{boston_housing, california_housing, cifar10, fashion_mnist, mnist};
    pub use crate::initializers::Initializer;
    pub use crate::layers;
    pub use crate::layers::words::*;
    pub use crate::losses::words::*;
    pub use crate::losses::{Reduce, Reduction};
    pub use crate::metrics;
    pub use crate::metrics::{
        AUC, BinaryAccuracy, CategoricalAccuracy, ConfusionMatrix, F1Score, Name, Precision, Recall,
        SparseCategoricalAccuracy, TopKCategoricalAccuracy,
    };
    pub use crate::optimizers::words::*;
    pub use crate::preprocessing::Preprocessor;
    pub use crate::preprocessing::words::*;
    pub use crate::regularizers::words::*;
    pub use crate::schedules::words::*;
    pub use crate::tensor::{F32, I64, STR, U8};
    pub use crate::utils::{compute_class_weight, normalize, train_test_split};
    pub use crate::{
        Call, Checkpoints, Compile, Error, Every, Fit, History, Input, InputLayer, Losses, Model, OnNan, Registry,
        Result, Sequential, Shared, Tensor, to_categorical,
    };
}

/// The code in the README compiles and runs. (The tutorial's is `examples/tutorial.rs`; see `tests/documents.rs`.)
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/runs.md")]
struct Runs;

/// (The Chinese guide shows the same code; see `tests/documents.rs`.)
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide.md")]
struct Guide;
