//! `ProgbarLogger`: the progress bar, which is part of every `fit`.
//!
//! **Config** none
//! **Reference** `keras.callbacks.ProgbarLogger`. Keras adds one to every `fit` with `verbose`; so does Vanilla,
//! and the word itself does nothing: [`Fit::verbose`](crate::Fit::verbose) says what is shown.

use super::Callback;
use crate::config::Config;
use crate::error::Result;

/// The progress bar, which is part of every `fit`: this changes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProgbarLogger;

impl ProgbarLogger {
    pub(super) const CLASS: &'static str = "ProgbarLogger";

    /// Does nothing.
    pub fn new() -> Self {
        Self
    }

    pub(super) fn from_config(_config: &mut Config) -> Result<Self> {
        Ok(Self)
    }
}

impl Callback for ProgbarLogger {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn decides(&self) -> bool {
        false
    }
}
