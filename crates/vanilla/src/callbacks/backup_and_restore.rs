//! `BackupAndRestore`: refused. [`Fit::checkpoints`](crate::Fit::checkpoints) does what it does, and more.
//!
//! **Config** none
//! **Reference** `keras.callbacks.BackupAndRestore`, which keeps weights, optimizer and the number of the epoch,
//! but neither the state of other callbacks nor the place in the epoch, so that a resumed training is another one.
//! A checkpoint holds all of it, and the resumed training has the bits of one that was not interrupted.

use super::Callback;
use crate::config::Config;
use crate::error::Result;

/// Keras's word for what [`Fit::checkpoints`](crate::Fit::checkpoints) does; there is none of it.
#[derive(Clone, Copy, Debug)]
pub enum BackupAndRestore {}

impl BackupAndRestore {
    pub(super) const CLASS: &'static str = "BackupAndRestore";

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Err(config.error(
            "it is not needed: checkpoints of the training (Fit::checkpoints; on the command line always, and \
             --resume) hold its whole state, that of callbacks too",
        ))
    }
}

impl Callback for BackupAndRestore {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
}
