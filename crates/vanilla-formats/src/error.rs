//! The one error type of the crate: format, place, expected, found, and a way out where there is one.

use core::fmt;

/// What every reader and writer of this crate returns.
pub type Result<T> = core::result::Result<T, FormatError>;

/// Why bytes could not be read, or arrays not be written. Prints as one line without the file's name,
/// which the caller knows; text that comes from a file is escaped and shortened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The first bytes belong to another format, or to none.
    #[error("not {expected}: found {found}{}", Hint(hint))]
    NotThisFormat {
        /// The format that was asked for, with its article: "an IDX file".
        expected: &'static str,
        /// What the bytes look like.
        found: String,
        /// A way out, or empty.
        hint: &'static str,
    },
    /// The bytes end too early.
    #[error("{format}, {place}: truncated: expected {expected} bytes, found {found}{}", Hint(hint))]
    Truncated {
        /// The format that was being read.
        format: &'static str,
        /// The part that is incomplete.
        place: String,
        /// How many bytes the part needs.
        expected: u64,
        /// How many bytes are there.
        found: u64,
        /// A way out, or empty.
        hint: &'static str,
    },
    /// The bytes contradict the format, or themselves.
    #[error("{format}, {place}: expected {expected}, found {found}{}", Hint(hint))]
    Malformed {
        /// The format that was being read or written.
        format: &'static str,
        /// The field, member or object, with its byte offset where that helps.
        place: String,
        /// What the format asks for there.
        expected: String,
        /// What is there.
        found: String,
        /// A way out, or empty.
        hint: &'static str,
    },
    /// The bytes are a legal use of the format that this crate refuses to read.
    #[error("{format}, {place}: unsupported: {feature}{}", Hint(hint))]
    Unsupported {
        /// The format that was being read or written.
        format: &'static str,
        /// The field, member or object.
        place: String,
        /// The feature that is not supported.
        feature: String,
        /// A way out, or empty.
        hint: &'static str,
    },
    /// A number in the bytes is above a limit of this crate, or memory ran out.
    #[error("{format}, {place}: limit: expected at most {limit}, found {found}{}", Hint(hint))]
    Limit {
        /// The format that was being read or written.
        format: &'static str,
        /// The field, member or object.
        place: String,
        /// The largest value that is accepted.
        limit: u64,
        /// What was asked for.
        found: String,
        /// A way out, or empty.
        hint: &'static str,
    },
    /// A name that was asked for is not there.
    #[error("{format}: no {wanted}: {present}{}", Hint(hint))]
    Missing {
        /// The format that was read.
        format: &'static str,
        /// What was asked for, with its kind: "array `x_train`".
        wanted: String,
        /// What is there instead.
        present: String,
        /// A way out, or empty.
        hint: &'static str,
    },
}

/// Why a file that is read block by block could not be: the file, or what is in it.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The file could not be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is not of this format. Bytes, rows and elements are counted from the begin of a block.
    #[error(transparent)]
    Format(#[from] FormatError),
}

impl FormatError {
    /// The same error with a way out, for callers that know more than the reader did.
    pub fn with_hint(mut self, way_out: &'static str) -> Self {
        match &mut self {
            Self::NotThisFormat { hint, .. }
            | Self::Truncated { hint, .. }
            | Self::Malformed { hint, .. }
            | Self::Unsupported { hint, .. }
            | Self::Limit { hint, .. }
            | Self::Missing { hint, .. } => *hint = way_out,
        }
        self
    }

    /// The same error with `outer` before its place, for a file inside a file.
    pub(crate) fn inside(mut self, outer: &str) -> Self {
        match &mut self {
            Self::Truncated { place, .. }
            | Self::Malformed { place, .. }
            | Self::Unsupported { place, .. }
            | Self::Limit { place, .. } => *place = format!("{outer}, {place}"),
            Self::NotThisFormat { found, .. } => *found = format!("{found} in {outer}"),
            Self::Missing { wanted, .. } => *wanted = format!("{wanted} in {outer}"),
        }
        self
    }
}

/// Prints a way out behind the message.
struct Hint<'a>(&'a str);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0) }
    }
}

/// Short makers of errors for one format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errors(pub(crate) &'static str);

impl Errors {
    pub(crate) fn truncated(self, place: impl Into<String>, expected: u64, found: u64) -> FormatError {
        FormatError::Truncated { format: self.0, place: place.into(), expected, found, hint: "" }
    }

    pub(crate) fn malformed(
        self,
        place: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> FormatError {
        FormatError::Malformed {
            format: self.0,
            place: place.into(),
            expected: expected.into(),
            found: found.into(),
            hint: "",
        }
    }

    pub(crate) fn unsupported(self, place: impl Into<String>, feature: impl Into<String>) -> FormatError {
        FormatError::Unsupported { format: self.0, place: place.into(), feature: feature.into(), hint: "" }
    }

    pub(crate) fn limit(self, place: impl Into<String>, limit: u64, found: impl Into<String>) -> FormatError {
        FormatError::Limit { format: self.0, place: place.into(), limit, found: found.into(), hint: "" }
    }
}

/// Text from a file as it may be printed: quoted, control and direction characters escaped, at most 100 characters.
pub(crate) fn show(text: &str) -> String {
    const SHOWN: usize = 100;
    let mut out = String::from("`");
    let mut chars = text.chars();
    for c in chars.by_ref().take(SHOWN) {
        match c {
            '\'' | '"' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    if chars.next().is_some() {
        out.push('…');
    }
    out.push('`');
    out
}

/// A list of names from a file as it may be printed: at most 12 of them.
pub(crate) fn show_names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let mut out = names.iter().take(SHOWN).map(|name| show(name)).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        out.push_str(&format!(", … ({} in all)", names.len()));
    }
    out
}
