//! Runs a reader on bytes and holds it to what `vanilla-formats` promises for any bytes: a value or an error of
//! one printable line, no panic, memory in proportion to the file, an end.
//!
//! Memory is what the thread asked the allocator for, at its highest, refused requests included; a grown vector
//! counts twice while it moves. Beyond that the process has a limit of its own, so that nothing that slips through
//! can harm the machine. A reader that does not come back in time ends the whole process, with the case's name: a
//! thread cannot be stopped.

use crate::Format;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

/// What any reader may take besides what is in proportion to the file: inflate's window, first sizes of tables.
pub const CONSTANT: u64 = 256 << 10;
/// The longest message of an error, in bytes: names and texts of files in it are shortened.
pub const MAX_MESSAGE: usize = 7000;
/// What the whole process may have, in bytes of address space.
const PROCESS: u64 = 16 << 30;
/// A second for each MiB, and at least this, on a machine that does other things.
const SHORTEST: Duration = Duration::from_secs(15);

/// What a format's reader makes of bytes: a value, kept until its memory was counted, or the text of an error.
pub type Outcome = Result<Box<dyn Any>, String>;

/// What a run of a reader took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Whether the bytes were accepted.
    pub accepted: bool,
    /// The most memory at one time, in bytes.
    pub peak: u64,
}

/// Runs the format's reader on these bytes.
///
/// # Errors
/// What is wrong with the reader, in one line: it panicked, took too much memory, or its error is not one printable
/// line.
pub fn check(format: &Format, bytes: &[u8]) -> Result<Taken, String> {
    let (outcome, peak) = measure(|| (format.read)(bytes))?;
    let accepted = match &outcome {
        Ok(_) => true,
        Err(text) => {
            if text.contains(char::is_control) || text.contains('\u{202e}') {
                return Err(format!("its error is not one printable line: {text:?}"));
            }
            if text.len() > MAX_MESSAGE || text.is_empty() {
                return Err(format!("its error has {} bytes: {text:.300}", text.len()));
            }
            false
        }
    };
    let allowed = format.allowed(bytes);
    if peak > allowed {
        let so = outcome.err().unwrap_or_else(|| "accepted".to_owned());
        return Err(format!("{peak} bytes of memory for a file of {}, allowed are {allowed}: {so}", bytes.len()));
    }
    drop(outcome);
    if accepted {
        catch_unwind(AssertUnwindSafe(|| (format.law)(bytes))).map_err(panicked)??;
    }
    Ok(Taken { accepted, peak })
}

/// The value of a function and the memory that it took at its highest.
///
/// # Errors
/// When it panicked: the panic's message.
pub fn measure<T>(run: impl FnOnce() -> T) -> Result<(T, u64), String> {
    let mut value = None;
    let taken = allocation_counter::measure(|| value = Some(catch_unwind(AssertUnwindSafe(run))));
    match value {
        Some(Ok(value)) => Ok((value, taken.bytes_max)),
        Some(Err(panic)) => Err(panicked(panic)),
        None => Err("did not run".to_owned()),
    }
}

fn panicked(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
    format!("panicked: {text:.300}")
}

/// One run under the watchdog.
pub struct Guard(u64);

struct Running {
    number: u64,
    until: Instant,
    case: String,
}

static RUNNING: Mutex<(u64, Vec<Running>)> = Mutex::new((0, Vec::new()));

/// Begins to watch: when the guard is not dropped in time for a file of this length, the process ends, and
/// the standard error has the case.
pub fn guard(case: impl FnOnce() -> String, length: usize) -> Guard {
    static START: Once = Once::new();
    START.call_once(|| {
        #[cfg(unix)]
        limit_process();
        std::thread::spawn(watch);
    });
    let until = Instant::now() + SHORTEST + Duration::from_secs(length as u64 >> 20);
    let mut running = RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    running.0 += 1;
    let number = running.0;
    running.1.push(Running { number, until, case: case() });
    Guard(number)
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut running = RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        running.1.retain(|one| one.number != self.0);
    }
}

fn watch() {
    use std::io::Write;
    loop {
        std::thread::sleep(Duration::from_millis(200));
        let running = RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(late) = running.1.iter().find(|one| one.until < Instant::now()) {
            // Not by a macro: the test harness would keep the text for a test that never ends.
            let _ = writeln!(std::io::stderr(), "\n{}: does not come to an end", late.case);
            std::process::exit(101);
        }
    }
}

#[cfg(unix)]
fn limit_process() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let hard = getrlimit(Resource::As).maximum;
    let current = Some(hard.map_or(PROCESS, |hard| hard.min(PROCESS)));
    // Where the system has no such limit, the other checks remain.
    let _ = setrlimit(Resource::As, Rlimit { current, maximum: hard });
}
