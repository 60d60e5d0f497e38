//! What the commands share towards people: stdout, stderr, errors and their exit codes.

use clap::builder::TypedValueParser;
use std::fmt;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// An error of the command line itself.
#[derive(Debug)]
pub enum Fault {
    /// Wrong usage or bad input: exit code 2.
    Usage(String),
    /// The work failed: exit code 1.
    Failed(String),
    /// A signal ended the work, with this exit code.
    Stopped(u8, String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Failed(message) | Self::Stopped(_, message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Fault {}

/// Wrong usage or bad input.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    Fault::Usage(message.into()).into()
}

/// The work failed.
pub fn failed(message: impl fmt::Display) -> anyhow::Error {
    Fault::Failed(message.to_string()).into()
}

/// One line: the places, then the error. The library's messages end with their cause already.
pub fn message(error: &anyhow::Error) -> String {
    let mut parts = Vec::new();
    for cause in error.chain() {
        parts.push(cause.to_string());
        if cause.is::<vanilla::Error>() {
            break;
        }
    }
    parts.join(": ").replace('\n', " ")
}

/// 2 where the input or its use is at fault, that of the signal where one came, 1 otherwise.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<vanilla::Error>() {
            return if error.is_bad_input() { 2 } else { 1 };
        }
        match cause.downcast_ref::<Fault>() {
            Some(Fault::Usage(_)) => return 2,
            Some(Fault::Failed(_)) => return 1,
            Some(Fault::Stopped(code, _)) => return *code,
            None => {}
        }
    }
    1
}

/// Writes to stdout as it is. A reader that has gone (`| head -1`) has seen enough; that is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(failed(format!("stdout: {error}"))),
        _ => Ok(()),
    }
}

/// One line to stdout.
pub fn print_line(text: &str) -> anyhow::Result<()> {
    print(&format!("{text}\n"))
}

/// One line to stderr. Where nobody listens, nothing is lost.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// An error where a file cannot be written that `option` names: told before the work and not after it.
pub fn refuse_unwritable(option: &str, path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let probe = folder.join(format!(".vanilla-probe-{}", std::process::id()));
    let written = if path.is_dir() {
        Err(std::io::Error::other("it is a folder"))
    } else {
        std::fs::write(&probe, b"probe").and_then(|()| std::fs::remove_file(&probe))
    };
    written.map_err(|error| {
        let way_out = match error.kind() {
            ErrorKind::NotFound => "make its folder first",
            _ => "choose another place",
        };
        usage(format!("{option} {}: cannot be written ({error}): {way_out}", path.display()))
    })
}

/// A number from 1 to `most`.
pub fn count(most: u64) -> impl TypedValueParser<Value = usize> {
    clap::value_parser!(u64).range(1..=most).map(|n| n as usize)
}
