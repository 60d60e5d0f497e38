//! JSON out of files: text to values, as many as a description may have.
//!
//! ```text
//! values <= 1 + number of `,` `[` `{` outside of texts        what is counted, before anything is made of the text
//! ```
//!
//! A value takes up to 300 bytes of memory and two of text, so a text that fits could still hold more than the memory
//! does. Depth is bounded by `serde_json` (128). Source of the grammar: RFC 8259.

use serde_json::Value;

/// Descriptions of twenty thousand layers have so many.
pub(crate) const MAX_VALUES: usize = 1 << 20;

/// The value of a text.
///
/// # Errors
/// What is wrong with the text, and where; or that it holds too many values.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let values = count(text.as_bytes());
    if values > MAX_VALUES {
        return Err(format!("about {values} values, more than the {MAX_VALUES} that are read"));
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// At least how many values there are, where the text is JSON.
fn count(text: &[u8]) -> usize {
    let (mut values, mut at) = (1, 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b',' | b'[' | b'{' => values += 1,
            b'"' => {
                at += 1;
                while let Some(byte) = text.get(at).filter(|byte| **byte != b'"') {
                    at += if *byte == b'\\' { 2 } else { 1 };
                }
            }
            _ => {}
        }
        at += 1;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_outside_of_texts() {
        for (text, values) in [
            ("1", 1),
            ("[]", 2),
            ("[1,2]", 3),
            (r#"{"a":"[[,,\",{"}"#, 2),
            (r#"{"a\\":[1],"b":2}"#, 4),
            ("\"", 1),
            ("", 1),
        ] {
            assert_eq!(count(text.as_bytes()), values, "{text}");
        }
    }

    #[test]
    fn more_values_than_any_description_has_are_refused_unread() {
        let list = |count: usize| format!("[{}0]", "0,".repeat(count));
        assert_eq!(parse(&list(9)).unwrap().as_array().unwrap().len(), 10);
        let error = parse(&list(1 << 20)).unwrap_err();
        assert_eq!(error, "about 1048578 values, more than the 1048576 that are read");
        assert!(parse(&"[".repeat(1000)).unwrap_err().starts_with("recursion limit exceeded at line 1"));
    }
}
