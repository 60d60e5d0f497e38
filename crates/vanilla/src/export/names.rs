//! Names and texts of a model in source code: nothing of them is ever code.

use std::collections::HashSet;

/// Names that are taken.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// This name, or with a number behind it where it is taken.
    pub fn unique(&mut self, wish: String) -> String {
        let mut name = wish.clone();
        let mut number = 1;
        while !self.0.insert(name.clone()) {
            number += 1;
            name = format!("{wish}_{number}");
        }
        name
    }
}

/// The letters and digits of a text, in lower case, with `_` for runs of anything else; `fallback` if nothing is left.
/// It begins with a letter and does not end with `_`.
pub(super) fn identifier(text: &str, fallback: &str) -> String {
    let mut name = String::new();
    for letter in text.chars().take(64) {
        match letter {
            'a'..='z' | '0'..='9' => name.push(letter),
            'A'..='Z' => name.push(letter.to_ascii_lowercase()),
            _ if name.ends_with('_') || name.is_empty() => {}
            _ => name.push('_'),
        }
    }
    let name = name.trim_end_matches('_');
    match name.chars().next() {
        None => fallback.to_owned(),
        Some('0'..='9') => format!("{fallback}_{name}"),
        Some(_) => name.to_owned(),
    }
}

/// A text that ends no comment and begins none, in one line: letters, digits, and a few signs; `_` for the rest.
pub(super) fn plain(text: &str) -> String {
    let fine = |c: char| c.is_ascii_alphanumeric() || " _-.,:()/".contains(c);
    text.chars().take(120).map(|c| if fine(c) { c } else { '_' }).collect()
}

/// A text as a string literal, which C and Rust read alike; what is not printable ASCII becomes `?`.
pub(super) fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for letter in text.chars().take(240) {
        match letter {
            '"' | '\\' => literal.extend(['\\', letter]),
            ' '..='~' => literal.push(letter),
            _ => literal.push('?'),
        }
    }
    // Two of these and a sign are another sign in C99.
    literal.replace("??", "?_") + "\""
}

/// `(28, 28)`.
pub(super) fn shape(sample: &[usize]) -> String {
    let axes: Vec<String> = sample.iter().map(usize::to_string).collect();
    format!("({})", axes.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_identifiers() {
        for (text, name) in [
            ("dense_1", "dense_1"),
            ("Dense 1/kernel", "dense_1_kernel"),
            ("3 layers", "m_3_layers"),
            ("*/ int main() {", "int_main"),
            ("网络", "m"),
            ("__x__", "x"),
        ] {
            assert_eq!(identifier(text, "m"), name);
        }
        let mut names = Names::default();
        let taken = ["a", "a", "a_2", "a"].map(|name| names.unique(name.to_owned()));
        assert_eq!(taken, ["a", "a_2", "a_2_2", "a_3"]);
    }

    #[test]
    fn texts_do_not_get_out() {
        assert_eq!(plain("*/ evil(); /*\n//\u{202e}\\"), "_/ evil()_ /__//__");
        assert_eq!(quoted("a\"b\\n\n??/é"), "\"a\\\"b\\\\n?_?/?\"");
    }
}
