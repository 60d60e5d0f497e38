//! [`LogFile`]: a file that grows with a training and is cut back to where the training is taken up.

use crate::error::{Error, Result};
use crate::storage::{folder_of, make_folder};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file to which a callback adds something now and then. What is added is handed to the system at once.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl LogFile {
    /// An empty file, or the end of one that is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(path: &Path, append: bool) -> Result<Self> {
        Self::at(path, if append { u64::MAX } else { 0 })
    }

    /// The file that [`LogFile::state`] was of, without what was added to it later. Where less is left of it than
    /// there was, what comes is added to that: a log is no reason not to train.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn reopen(state: &Value) -> Result<Option<Self>> {
        match (state["path"].as_str(), state["bytes"].as_u64()) {
            (Some(path), Some(bytes)) => Self::at(Path::new(path), bytes).map(Some),
            _ => Ok(None),
        }
    }

    /// The file with at most this many bytes.
    fn at(path: &Path, most: u64) -> Result<Self> {
        let io = |error| Error::io(path, error);
        make_folder(folder_of(path)).map_err(io)?;
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        if file.metadata().map_err(io)?.len() > most {
            file.set_len(most).map_err(io)?;
        }
        let bytes = file.seek(SeekFrom::End(0)).map_err(io)?;
        Ok(Self { path: path.to_owned(), file, bytes })
    }

    /// Adds this.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .and_then(|()| self.file.flush())
            .map_err(|error| Error::io(&self.path, error))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Where it is and how long.
    pub fn state(&self) -> Value {
        json!({ "path": self.path, "bytes": self.bytes })
    }
}
