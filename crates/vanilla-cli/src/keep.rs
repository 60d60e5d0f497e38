//! What `train` and `fit` have in common: options about what is kept of a run, and how it ends.

use crate::signals::Signals;
use crate::ui::{Fault, failed};
use anyhow::Result;
use clap::Args;
use std::path::Path;
use std::time::Duration;
use vanilla::{Checkpoints, Error, Every, Fit, History, OnNan};

#[derive(Args)]
#[command(next_help_heading = "Options about what is kept")]
pub struct Keep {
    /// Goes on from the newest checkpoint with the bits that an uninterrupted run has; starts afresh where there is none
    #[arg(long)]
    pub resume: bool,
    /// As --resume, also where batch size, learning rate, data, ... are others now, as long as the weights fit
    #[arg(long)]
    pub resume_changed: bool,
    /// Replaces the run that is there
    #[arg(long, conflicts_with_all = ["resume", "resume_changed"])]
    pub force: bool,
    /// When to save the state besides at the end [default: after a second, or 100 times what a save takes]
    #[arg(long, value_name = "SECONDS|epoch|never", value_parser = when)]
    checkpoint_every: Option<When>,
    /// About a loss that is not finite: stop, skip the batch, or go back to the epoch's start with half the learning rate
    #[arg(long, value_name = "stop|skip|rollback")]
    pub on_nan: Option<OnNan>,
    /// The same bits on every instruction set and machine
    #[arg(long)]
    pub portable_math: bool,
}

/// Where `--checkpoint-every` is given.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    Every(Every),
    Never,
}

fn when(text: &str) -> Result<When, String> {
    match text {
        "never" => Ok(When::Never),
        "epoch" => Ok(When::Every(Every::Epoch)),
        seconds => {
            let seconds = seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            let expected = || "expected a number of seconds such as 60, or epoch, or never".to_owned();
            seconds.map(|time| When::Every(Every::Time(time))).ok_or_else(expected)
        }
    }
}

impl Keep {
    /// Whether an earlier run is to be gone on with.
    pub fn resumes(&self) -> bool {
        self.resume || self.resume_changed
    }

    /// Training that keeps its checkpoints in this folder and stops at a signal.
    pub fn options(&self, options: Fit, folder: &Path, signals: &Signals) -> Fit {
        let checkpoints = Checkpoints::new(folder)
            .resume(self.resumes())
            .accept_changes(self.resume_changed)
            .replace(self.force);
        let options = signals.stop(options);
        match self.checkpoint_every {
            Some(When::Never) => options,
            Some(When::Every(every)) => options.checkpoints(checkpoints.every(every)),
            None => options.checkpoints(checkpoints),
        }
    }

    /// What a training that was stopped by a signal ends with.
    pub fn stopped(&self, error: Error, signals: &Signals) -> anyhow::Error {
        let text = error.to_string();
        match error {
            Error::Stopped { saved, .. } if saved || self.checkpoint_every == Some(When::Never) => {
                Fault::Stopped(signals.exit_code(), text).into()
            }
            // Stopped, and the state is lost.
            Error::Stopped { .. } => failed(text),
            other => other.into(),
        }
    }
}

/// An error if the last checkpoint could not be written, although everything else could.
pub fn kept(history: &History) -> Result<()> {
    match &history.unsaved {
        Some(problem) => Err(failed(format!("the run is done, but its last checkpoint is not saved: {problem}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let every = |seconds: f64| Ok(When::Every(Every::Time(Duration::from_secs_f64(seconds))));
        assert_eq!((when("60"), when("0.5"), when("0")), (every(60.0), every(0.5), every(0.0)));
        assert_eq!((when("epoch"), when("never")), (Ok(When::Every(Every::Epoch)), Ok(When::Never)));
        for text in ["", "-1", "nan", "inf", "1e400", "often", "1s"] {
            assert!(when(text).is_err(), "{text}");
        }
    }
}
