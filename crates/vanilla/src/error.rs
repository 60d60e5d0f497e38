//! [`Error`]: what went wrong, where, what was expected, and a way out.

use std::path::{Path, PathBuf};

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong. Each message is one line that names the place, what was received, what was
/// expected, and a way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that is in no registry.
    #[error("unknown {kind} '{}'{}; known are: {}", Shown(name), did_you_mean(name, known), Shown(&listed(known)))]
    UnknownWord {
        /// What was looked for: "activation", "loss", …
        kind: &'static str,
        /// The name as given.
        name: String,
        /// All names of that kind.
        known: Vec<String>,
    },
    /// A layer, loss or optimizer was described in a way that means nothing.
    #[error("{}: {}", Shown(place), Shown(problem))]
    Config {
        /// The word, and its name in the model if it has one.
        place: String,
        /// Received, expected, way out.
        problem: String,
    },
    /// Data that does not fit the model, the loss, or itself.
    #[error("{}: {}", Shown(place), Shown(problem))]
    Data {
        /// Which argument or file.
        place: String,
        /// Received, expected, way out.
        problem: String,
    },
    /// A model was used before it was ready.
    #[error("{0}")]
    NotReady(&'static str),
    /// A file that could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file whose content is not what it should be.
    #[error("{}: {}", path.display(), Shown(problem))]
    File {
        /// The file.
        path: PathBuf,
        /// Received, expected, way out.
        problem: String,
    },
    /// The loss stopped being a number. The weights are those of the last good step.
    #[error("training diverged: {trouble} in epoch {epoch}, batch {batch}; {cause}")]
    Diverged {
        /// What was not finite, as the planner says it.
        trouble: vanilla_plan::NotFinite,
        /// Counted from 1.
        epoch: usize,
        /// Counted from 1.
        batch: usize,
        /// The likely cause, and a way out.
        cause: String,
    },
    /// A training ended because it was asked to. The model has the weights of that moment.
    #[error("stopped after {batches} batches of epoch {}; {kept}", epochs + 1)]
    Stopped {
        /// Epochs that are finished.
        epochs: usize,
        /// Batches of the next one that are finished.
        batches: usize,
        /// Whether the state was saved.
        saved: bool,
        /// Where the state is, and how to go on; or why it is lost.
        kept: String,
    },
    /// There is a checkpoint, but of something else than what is to be trained.
    #[error("{}: {problem}", folder.display())]
    Resume {
        /// The folder of the checkpoints.
        folder: PathBuf,
        /// What differs, both values, and a way out.
        problem: String,
    },
    /// More memory is needed than there is.
    #[error("{what}: needs {needed} of memory, and there are {available}: {detail}")]
    Memory {
        /// What wants it.
        what: String,
        /// How much.
        needed: String,
        /// How much there is.
        available: String,
        /// What it is needed for, and a way out.
        detail: String,
    },
    /// A file could not be written or read whole.
    #[error(transparent)]
    Storage(#[from] crate::storage::StorageError),
    /// A checkpoint could not be saved or loaded.
    #[error(transparent)]
    Checkpoint(#[from] crate::checkpoint::CheckpointError),
    /// Another process works in this folder.
    #[error(transparent)]
    Locked(#[from] crate::storage::lock::LockError),
    /// A file could not be downloaded. What arrived of it is kept, to go on from there.
    #[error(
        "{}: could not be downloaded: {problem}; look at the network (and HTTPS_PROXY), or put the file there yourself",
        path.display()
    )]
    Download {
        /// Where the file was to be.
        path: PathBuf,
        /// Every address that was tried, and what went wrong there.
        problem: String,
    },
    /// A picture could not be drawn.
    #[error("drawing: {0}")]
    Plot(#[from] vanilla_plot::PlotError),
}

impl Error {
    /// Whether the input was at fault (and not the machine or the mathematics): a command line exits with 2 then.
    pub fn is_bad_input(&self) -> bool {
        use crate::checkpoint::CheckpointError;
        use std::io::ErrorKind::{AlreadyExists, IsADirectory, NotADirectory, NotFound, PermissionDenied};
        // A name that leads nowhere is the caller's; a full or failing disk is not.
        let bad_name = |source: &std::io::Error| {
            matches!(source.kind(), NotFound | PermissionDenied | IsADirectory | NotADirectory | AlreadyExists)
        };
        match self {
            Self::Diverged { .. }
            | Self::Stopped { .. }
            | Self::Memory { .. }
            | Self::Download { .. }
            | Self::Plot(_) => false,
            Self::Io { source, .. } => bad_name(source),
            Self::Storage(error) | Self::Checkpoint(CheckpointError::Storage(error)) => bad_name(&error.source),
            // A damaged file was given by somebody; what cannot be saved was computed.
            Self::Checkpoint(error) => matches!(error, CheckpointError::Damaged { .. }),
            _ => true,
        }
    }

    /// A name that is none of the known ones.
    pub(crate) fn unknown<K: Into<String>>(
        kind: &'static str,
        name: &str,
        known: impl IntoIterator<Item = K>,
    ) -> Self {
        Self::UnknownWord { kind, name: name.to_owned(), known: known.into_iter().map(Into::into).collect() }
    }

    pub(crate) fn config(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Config { place: place.into(), problem: problem.into() }
    }

    pub(crate) fn data(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Data { place: place.into(), problem: problem.into() }
    }

    pub(crate) fn file(path: &Path, problem: impl ToString) -> Self {
        Self::File { path: path.to_owned(), problem: problem.to_string() }
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// Text that may come from a file, as it may be printed: on one line, without what moves the cursor or turns the
/// direction of writing, and without its middle where it is long.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

/// Characters at the beginning and at the end of a long text, where received value and way out stand.
const SHOWN: (usize, usize) = (2000, 1000);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write;
        let harmful = |c: char| {
            c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        let mut write = |text: &str| {
            text.chars().try_for_each(|c| match harmful(c) {
                true => write!(f, "{}", c.escape_default()),
                false => f.write_char(c),
            })
        };
        let cut = self.0.char_indices().nth(SHOWN.0).map_or(self.0.len(), |(at, _)| at);
        let rest = &self.0[cut..];
        write(&self.0[..cut])?;
        match rest.char_indices().rev().nth(SHOWN.1) {
            None => write(rest),
            Some((at, _)) => {
                write(" … ")?;
                write(&rest[at..])
            }
        }
    }
}

/// Known names. Those of a registry are few; those of a model's layers may be many.
fn listed(known: &[String]) -> String {
    const MOST: usize = 300;
    let more = if known.len() > MOST { format!(", … ({} in all)", known.len()) } else { String::new() };
    known[..known.len().min(MOST)].join(", ") + &more
}

/// `; did you mean 'relu'?`, or nothing where no known name is near.
fn did_you_mean(name: &str, known: &[String]) -> String {
    // One slip in a short word, a third of a long one.
    nearest(name, known, 1 + name.chars().count() / 3)
        .map_or(String::new(), |word| format!("; did you mean '{}'?", Shown(word)))
}

/// The known name that is most like this one, if at most this many edits lie between them.
pub(crate) fn nearest<'a>(name: &str, known: &'a [String], most: usize) -> Option<&'a str> {
    // Nobody types as much, and files may hold anything, as many names as they like too.
    if name.len() > 64 {
        return None;
    }
    let lower = name.to_lowercase();
    let apart = |word: &'a String| (distance(&lower, &word.to_lowercase()), distance(name, word), word);
    let (least, _, word) = known.iter().take(1000).filter(|word| word.len() <= 128).map(apart).min()?;
    (least <= most).then_some(word)
}

/// Edits (insertions, deletions, replacements, swaps of neighbours) between two words: the optimal string alignment
/// distance.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, want) in
            [("", "", 0), ("relu", "relu", 0), ("rleu", "relu", 1), ("sofmax", "softmax", 1), ("adam", "sgd", 4)]
        {
            assert_eq!(distance(a, b), want, "{a} {b}");
        }
    }

    #[test]
    fn texts_of_files_do_no_harm_on_a_terminal() {
        let error = |name: &str| {
            Error::config(format!("Dense '{name}'"), format!("name = {name}, expected é")).to_string()
        };
        assert_eq!(error("ä…"), "Dense 'ä…': name = ä…, expected é");
        let (escape, turned) = ("\u{1b}[2J\n", "\u{202e}txt");
        assert_eq!(error(escape), "Dense '\\u{1b}[2J\\n': name = \\u{1b}[2J\\n, expected é");
        assert_eq!(error(turned), "Dense '\\u{202e}txt': name = \\u{202e}txt, expected é");
        let long = error(&"ä".repeat(1 << 20));
        assert!(
            long.chars().count() < 6100 && long.ends_with("ä, expected é"),
            "{} characters",
            long.chars().count()
        );
        let names = (0..100_000).map(|i| format!("layer {i}"));
        let many = Error::unknown("layer of the model", "none", names).to_string();
        assert!(many.len() < 4000 && many.ends_with("(100000 in all)"), "{} bytes", many.len());
    }

    #[test]
    fn an_unknown_word_names_the_nearest_and_all_known() {
        let error = |name: &str| Error::unknown("activation", name, ["relu", "softmax"]).to_string();
        assert_eq!(error("Relu6"), "unknown activation 'Relu6'; did you mean 'relu'?; known are: relu, softmax");
        assert_eq!(error("quux"), "unknown activation 'quux'; known are: relu, softmax");
    }
}
