//! Bytes to named arrays and back: IDX, npy, npz, HDF5, Keras archives, safetensors, ONNX, tar, PNG, JPEG,
//! CSV, Parquet, Arrow. Knows no model.
//!
//! One format per module; each module's header gives its grammar. The promises, for every reader:
//!
//! 1. Any bytes give `Ok` or one typed [`FormatError`]: no panic, no endless loop.
//! 2. A size is believed only after the bytes behind it were counted, and memory is taken after that.
//! 3. Nothing is opened, written or executed: names in a file are labels, never paths.
//! 4. What is not known is an error that names the place. There is no best effort.
//!
//! The name of the file is not known here; the caller puts it before the message.

mod archive;
mod array;
#[cfg(feature = "arrow")]
pub mod arrow;
pub mod columnar;
pub mod csv;
mod error;
pub mod gzip;
pub mod hdf5;
pub mod idx;
#[cfg(feature = "jpeg")]
mod jpeg;
pub mod keras_zip;
pub mod npy;
pub mod npz;
pub mod onnx;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod picture;
pub mod png;
mod protobuf;
pub mod safetensors;
mod scalar;
mod sniff;
pub mod table;
pub mod tar;
pub mod tfevents;

pub use array::{Array, Data};
pub use error::{BlockError, FormatError, Result};
pub use sniff::describe;
