//! The contract of a word as tests, for words of your own: [`LayerCheck`], [`check_activation`],
//! [`check_initializer`], [`check_loss`], [`check_metric`], [`check_optimizer`], [`check_schedule`],
//! [`check_callback`].
//!
//! ```
//! use vanilla::activations::Tanh;
//! use vanilla::initializers::Initializer;
//! use vanilla::prelude::*;
//! use vanilla::testing::{LayerCheck, check_activation, check_initializer, check_loss, check_optimizer};
//!
//! LayerCheck::new(Dense::new(3).activation("tanh")).inputs([[4]]).run()?;
//! LayerCheck::new(Concatenate::new()).inputs([vec![2, 3], vec![2, 1]]).run()?;
//! check_activation(Tanh)?;
//! check_initializer(Initializer::GLOROT_UNIFORM, &Registry::new())?;
//! check_loss(Huber::new(0.5), &Registry::new())?;
//! check_optimizer("adam", &Registry::new())?;
//! # Ok::<(), vanilla::Error>(())
//! ```
//!
//! Keras's words pass the same suite: `tests/contract.rs`.

mod bench;
mod layer;
mod training;
mod words;

pub use layer::LayerCheck;
pub use training::{check_callback, check_loss, check_metric, check_optimizer, check_schedule};
pub use words::{check_activation, check_initializer};

use crate::error::Error;
use crate::model::Model;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use vanilla_plan::{Network, Params};

/// What a word does otherwise than its contract says, a line each.
#[derive(Clone, PartialEq, Eq)]
pub struct Problems {
    word: String,
    lines: Vec<String>,
}

impl Problems {
    fn of(word: impl Into<String>) -> Self {
        Self { word: word.into(), lines: Vec::new() }
    }

    /// There is no such word.
    fn no_word(kind: &str, error: &Error) -> Self {
        Self { word: kind.to_owned(), lines: vec![error.to_string()] }
    }

    /// The lines.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    fn push(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// What `f` gives, or nothing and a line if it panics.
    fn calm<T>(&mut self, what: &str, f: impl FnOnce() -> T) -> Option<T> {
        let result = catch_unwind(AssertUnwindSafe(f));
        result.map_err(|_| self.push(format!("{what} panics, expected a value or an error"))).ok()
    }

    /// A line if the message is not one line.
    fn one_line(&mut self, what: &str, error: &Error) {
        let text = error.to_string();
        if text.is_empty() || text.contains('\n') {
            self.push(format!("{what}: the error is {text:?}, expected one line"));
        }
    }

    fn end(self) -> Result<(), Self> {
        if self.lines.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.lines.iter().map(|line| format!("{}: {line}", self.word)).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// As it is displayed, so that `unwrap` shows lines.
impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

impl std::error::Error for Problems {}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        Self::config(problems.word, problems.lines.join("; "))
    }
}

/// Whether a number is as near as that; NaN is not.
fn near(got: f32, want: f64, tolerance: f64) -> bool {
    (f64::from(got) - want).abs() <= tolerance
}

/// Whether a derivative is what the values beside it say. `left` and `right` are the slopes on both sides: at a
/// kink anything between them will do.
fn slope_agrees(got: f64, left: f64, right: f64, tolerance: f64) -> bool {
    got >= left.min(right) - tolerance && got <= left.max(right) + tolerance
}

impl Model {
    /// The network that plans are made of, once the input shape is known.
    #[doc(hidden)]
    pub fn network(&self) -> Option<&Network> {
        self.built.as_ref().map(|built| &built.network)
    }

    /// Its weights.
    #[doc(hidden)]
    pub fn params(&self) -> Option<&Params> {
        self.built.as_ref().map(|built| &built.params)
    }
}
