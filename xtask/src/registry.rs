//! The registries of words, `registry! { ... }` in the `mod.rs` of each kind, read as text.
//!
//! ```text
//! registry := "registry!" "{" (entry ";")* "}"
//! entry    := module type? (string | "[" string ("," string)* "]")*
//! ```
//!
//! Comments and line breaks may stand anywhere, and what is in braces is passed over. The kinds differ in what
//! follows the module, so nothing else is required of an entry.

use anyhow::{Context, Result, bail};
use std::ops::Range;

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file, without `.rs`.
    pub module: String,
    /// The type, where the entry names one.
    pub word: Option<String>,
    /// All strings: class name and names.
    pub names: Vec<String>,
    /// Where it stands in the text, without its `;`.
    pub place: Range<usize>,
}

/// The entries in their order, and the place of the closing brace.
pub fn entries(text: &str) -> Result<(Vec<Entry>, usize)> {
    let start = start(text).context("no `registry! {` at the beginning of a line")?;
    let mut entries = Vec::new();
    let mut entry: Option<Entry> = None;
    let mut braces = 0;
    for (token, place) in (Tokens { text, at: start }) {
        match token {
            "{" => braces += 1,
            "}" if braces > 0 => braces -= 1,
            _ if braces > 0 => {}
            "}" => {
                entries.extend(entry);
                return Ok((entries, place.start));
            }
            ";" => entries.extend(entry.take()),
            _ => {
                let Some(entry) = &mut entry else {
                    if !token.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
                        bail!("registry: received {token}, expected the module of a word, such as `dense`");
                    }
                    entry = Some(Entry { module: token.to_owned(), word: None, names: Vec::new(), place });
                    continue;
                };
                entry.place.end = place.end;
                if let Some(name) = token.strip_prefix('"') {
                    entry.names.push(name.trim_end_matches('"').to_owned());
                } else if token.starts_with(|c: char| c.is_ascii_uppercase()) && entry.word.is_none() {
                    entry.word = Some(token.to_owned());
                }
            }
        }
    }
    bail!("registry: received the end of the file, expected `}}`")
}

/// Just behind the opening brace. Lines that only speak of the registry do not begin with it.
fn start(text: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("registry!") {
            return Some(at + line.find('{')? + 1);
        }
        at += line.len();
    }
    None
}

/// Words, strings with their quotes, and single signs.
pub struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (&'a str, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = &self.text[self.at..];
            let first = rest.chars().next()?;
            let length = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if first.is_whitespace() {
                first.len_utf8()
            } else {
                let length = match first {
                    '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
                    _ if is_part(first) => rest.find(|c| !is_part(c)).unwrap_or(rest.len()),
                    _ => first.len_utf8(),
                };
                let place = self.at..self.at + length;
                self.at = place.end;
                return Some((&self.text[place.clone()], place));
            };
            self.at += length;
        }
    }
}

/// Whether a character is part of a word.
fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_look_of_a_registry_is_read() {
        let text = "macro_rules! registry {\n    ($a:ident) => {};\n}\n/// See registry! { .. }\nregistry! {\n    \
                    // Words; sorted.\n    dense Dense;\n    l1_l2 L1L2 [\"L1L2\", \"l1l2\"]; // both\n    \
                    sparse Sparse \"Sparse\"\n        [\"sparse\"];\n    adam Adam \"Adam\" \"adam\";\n    \
                    families [Glorot, He] { scale = 1; };\n    last\n}\nfn after() {}\n";
        let (entries, end) = entries(text).unwrap();
        let read: Vec<_> = entries
            .iter()
            .map(|entry| (&*entry.module, entry.word.as_deref().unwrap_or("-"), entry.names.join(" ")))
            .collect();
        let expected = [
            ("dense", "Dense", ""),
            ("l1_l2", "L1L2", "L1L2 l1l2"),
            ("sparse", "Sparse", "Sparse sparse"),
            ("adam", "Adam", "Adam adam"),
            ("families", "Glorot", ""),
            ("last", "-", ""),
        ];
        let expected: Vec<_> = expected.into_iter().map(|(a, b, c)| (a, b, c.to_owned())).collect();
        assert_eq!(read, expected);
        assert_eq!(&text[entries[1].place.clone()], "l1_l2 L1L2 [\"L1L2\", \"l1l2\"]");
        assert!(text[end..].starts_with("}\nfn after"));
    }

    #[test]
    fn what_is_no_registry_is_an_error() {
        for (text, message) in [
            ("fn main() {}", "no `registry! {`"),
            ("registry! {\n    dense Dense;", "expected `}`"),
            ("registry! {\n    \"dense\";\n}", "expected the module of a word"),
        ] {
            let error = entries(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
