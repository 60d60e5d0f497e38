//! Keras's modules `keras.datasets.*`, each with its `load_data`.
//!
//! Different from Keras: floats are f32 (Keras gives the f64 of `boston_housing`), nothing is downloaded
//! ([`download`](super::download) does), and no pickle is ever opened.

use super::known::Known;
use super::{Dataset, Part, sets};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// `((x_train, y_train), (x_test, y_test))`.
pub type Loaded = ((Tensor, Tensor), (Tensor, Tensor));

/// Warnings go to stderr: who calls this has no other place for them.
fn load(found: Dataset) -> Loaded {
    found.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    let part = |part: Part| part.x.single().cloned().zip(part.y);
    let parts = part(found.train).zip(found.test.and_then(part));
    parts.expect("a known data set has targets and a test part")
}

fn table(known: &Known, test_split: f64, seed: u32) -> Result<Loaded> {
    if !(0.0..1.0).contains(&test_split) {
        let problem = format!("test_split = {test_split}, expected at least 0 and below 1, such as 0.2");
        return Err(Error::data(known.name, problem));
    }
    let mut found = known.find_here()?;
    let (x, y) = found.whole.take().expect("a table keeps its rows");
    let (train, test) = super::housing::split(&x, &y, test_split, seed)?;
    Ok(load(Dataset { train, test: Some(test), ..found.dataset }))
}

/// Handwritten digits.
pub mod mnist {
    use super::{Loaded, Result, load};

    /// `((x_train, y_train), (x_test, y_test))`: 60,000 and 10,000 images of 28 x 28 bytes, 0 = paper to 255 = ink, and
    /// their labels, 0 to 9, as bytes. Keras's `mnist.load_data()`.
    ///
    /// # Errors
    /// When MNIST is neither inside the program (the feature `mnist`, on by default) nor anywhere on this machine; the
    /// message names every place that was tried.
    pub fn load_data() -> Result<Loaded> {
        Ok(load(super::super::find("mnist", None)?))
    }
}

/// Pictures of clothes.
pub mod fashion_mnist {
    use super::{Loaded, Result, load};

    /// What the labels 0 to 9 mean.
    pub const CLASS_NAMES: &[&str] = super::sets::FASHION_MNIST.class_names();

    /// `((x_train, y_train), (x_test, y_test))`: 60,000 and 10,000 images of 28 x 28 bytes and their labels, 0 to 9, as
    /// bytes. Keras's `fashion_mnist.load_data()`.
    ///
    /// # Errors
    /// When it is nowhere on this machine; the message names every place that was tried, and how to get it.
    pub fn load_data() -> Result<Loaded> {
        Ok(load(super::super::find("fashion_mnist", None)?))
    }
}

/// Small colour pictures.
pub mod cifar10 {
    use super::{Loaded, Result, load};

    /// What the labels 0 to 9 mean.
    pub const CLASS_NAMES: &[&str] = super::sets::CIFAR10.class_names();

    /// `((x_train, y_train), (x_test, y_test))`: 50,000 and 10,000 images of 32 x 32 x 3 bytes and their labels, 0 to 9,
    /// as bytes, (N, 1). Keras's `cifar10.load_data()` where images are channels-last.
    ///
    /// # Errors
    /// When the *binary* version is nowhere on this machine (Keras's own copy consists of pickles); the message names
    /// every place that was tried, and how to get it.
    pub fn load_data() -> Result<Loaded> {
        Ok(load(super::super::find("cifar10", None)?))
    }
}

/// House prices in Boston suburbs. One of its columns, B, is about the race of the people who live there: use it to
/// compare with older results, not to predict prices.
pub mod boston_housing {
    use super::{Loaded, Result, sets, table};

    /// `((x_train, y_train), (x_test, y_test))`: 404 and 102 rows of 13 floats, and prices in 1000 $, (N,). Keras's
    /// `boston_housing.load_data()`, row for row, in f32.
    ///
    /// # Errors
    /// When it is nowhere on this machine; the message names every place that was tried, and how to get it.
    pub fn load_data() -> Result<Loaded> {
        load_data_with(0.2, 113)
    }

    /// The same with another share of test rows and another order: Keras's arguments `test_split` and `seed`.
    ///
    /// # Errors
    /// As [`load_data`]; and when `test_split` is not in [0, 1).
    pub fn load_data_with(test_split: f64, seed: u32) -> Result<Loaded> {
        table(&sets::BOSTON_HOUSING, test_split, seed)
    }
}

/// House prices in California.
pub mod california_housing {
    use super::{Error, Loaded, Result, sets, table};

    /// `((x_train, y_train), (x_test, y_test))`: 16,512 and 4,128 rows of 8 floats, and prices in $, (N,). Keras's
    /// `california_housing.load_data()`, row for row.
    ///
    /// # Errors
    /// When it is nowhere on this machine; the message names every place that was tried, and how to get it.
    pub fn load_data() -> Result<Loaded> {
        load_data_with("large", 0.2, 113)
    }

    /// The same with Keras's arguments `version` ("large", or "small" for its first 600 rows), `test_split` and `seed`.
    ///
    /// # Errors
    /// As [`load_data`]; when the version is another, or `test_split` is not in [0, 1).
    pub fn load_data_with(version: &str, test_split: f64, seed: u32) -> Result<Loaded> {
        let known = match version {
            "large" => &sets::CALIFORNIA_HOUSING,
            "small" => &sets::CALIFORNIA_HOUSING_SMALL,
            _ => return Err(Error::unknown("version of california_housing", version, ["large", "small"])),
        };
        table(known, test_split, seed)
    }
}
