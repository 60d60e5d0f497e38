//! Signals: the first SIGINT or SIGTERM asks the training to stop after its batch, a second one ends the process at once.

use crate::ui::failed;
use anyhow::Result;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use vanilla::{Boundary, Fit};

/// What was received since [`Signals::watch`].
#[derive(Clone)]
pub struct Signals {
    number: Arc<AtomicUsize>,
}

impl Signals {
    /// From here on a first signal is only noted. Leaving at the second one is harmless at any moment: files appear
    /// whole or not at all.
    pub fn watch() -> Result<Self> {
        let number = Arc::new(AtomicUsize::new(0));
        let again = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: whoever comes first finds `again` false and makes it true.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again)).map_err(failed)?;
            flag::register(signal, Arc::clone(&again)).map_err(failed)?;
            flag::register_usize(signal, Arc::clone(&number), signal as usize).map_err(failed)?;
        }
        // A file that may not grow further is then an error of the file, like a full disk, and no end of the process.
        #[cfg(unix)]
        flag::register(signal_hook::consts::SIGXFSZ, Arc::default()).map_err(failed)?;
        Ok(Self { number })
    }

    /// Training that stops when a signal has come.
    pub fn stop(&self, options: Fit) -> Fit {
        let number = Arc::clone(&self.number);
        options.stop_when(move |_: Boundary| number.load(Ordering::Relaxed) != 0)
    }

    /// The exit code that tells of the signal: 130 or 143.
    pub fn exit_code(&self) -> u8 {
        128 + self.number.load(Ordering::Relaxed) as u8
    }
}
