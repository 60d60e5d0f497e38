//! Every format under attack, with memory and time watched.
//!
//! ```text
//! FORMATS        one line a format: name, reader, seeds, how its bytes hang together, how much memory it may take
//! mutate         a good file and a number to a changed file
//! containers     changes inside of archives and trees; checksums and lengths are mended, so that they get there
//! watch          runs a reader: no panic, one printable line as error, peak memory, a deadline
//! tests/         mutations as plain tests, replay of fuzz/corpus and fuzz/regressions, amplification, whole models
//! fuzz/          the same formats as libFuzzer targets, in the repository's root
//! ```
//!
//! A format is added by an entry in [`FORMATS`] and, for the fuzzer, a file in `fuzz/fuzz_targets`.

pub mod containers;
mod formats;
pub mod mutate;
pub mod seeds;
pub mod watch;

pub use formats::{FORMATS, Format, format};
pub use watch::check;

/// What a fuzz target does with bytes.
///
/// # Panics
/// When [`check`] finds something wrong with the format's reader, which is how a fuzzer learns of it.
pub fn fuzz(name: &str, bytes: &[u8]) {
    let format = format(name).expect("a format of this name");
    if let Err(problem) = check(format, bytes) {
        panic!("{name}: {problem}");
    }
}
