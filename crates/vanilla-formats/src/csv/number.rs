//! What a field of a CSV file is: a number, a text, nothing, or something that only looks like a number.

use crate::table::is_rounded;

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Class {
    Missing,
    Integer(i64),
    Float {
        value: f32,
        /// It is 0 only because f32 has no smaller number.
        vanished: bool,
        /// It is a whole number that f32 does not hold.
        rounded: bool,
    },
    Odd(Odd),
    Text,
}

/// Why something that looks like a number is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Odd {
    Infinite,
    Hexadecimal,
    Separated,
    Unit,
}

impl Odd {
    /// The way out.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Infinite => "it is not finite as a 32-bit float: fill, drop or rescale such values",
            Self::Hexadecimal => "write it as a decimal number",
            Self::Separated => "write a decimal point, and nothing between thousands",
            Self::Unit => "write the number without its unit",
        }
    }
}

impl Class {
    /// The number, if it is one.
    pub fn number(self) -> Option<f32> {
        match self {
            Self::Integer(value) => Some(value as f32),
            Self::Float { value, .. } => Some(value),
            _ => None,
        }
    }
}

/// What a field without the blanks around it is.
pub(super) fn classify(text: &str) -> Class {
    let text = text.trim();
    if is_missing(text) {
        return Class::Missing;
    }
    if let Some(class) = number(text) {
        return class;
    }
    odd(text).map_or(Class::Text, Class::Odd)
}

fn is_missing(text: &str) -> bool {
    matches!(text, "" | "NA" | "N/A" | "?")
        || text.eq_ignore_ascii_case("nan")
        || text.eq_ignore_ascii_case("null")
}

/// A decimal number with a point and an exponent, if any.
fn number(text: &str) -> Option<Class> {
    let decimal = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    // Rust reads `inf` and `nan`, too; these are not numbers here.
    if !text.bytes().all(decimal) || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if let Ok(value) = text.parse::<i64>() {
        return Some(Class::Integer(value));
    }
    let value: f32 = text.parse().ok()?;
    if !value.is_finite() {
        return Some(Class::Odd(Odd::Infinite));
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let vanished = value == 0.0 && mantissa.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    // As programs write whole numbers where some are missing: `1700000001.0`.
    let whole = text.split_once('.').filter(|(_, rest)| rest.bytes().all(|byte| byte == b'0'));
    let rounded = whole.and_then(|(whole, _)| whole.parse().ok()).is_some_and(is_rounded);
    Some(Class::Float { value, vanished, rounded })
}

/// Whether it looks like a number to people.
fn odd(text: &str) -> Option<Odd> {
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    if ["inf", "infinity"].iter().any(|name| bare.eq_ignore_ascii_case(name)) {
        return Some(Odd::Infinite);
    }
    if let Some(digits) = bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X")) {
        let hexadecimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        return hexadecimal.then_some(Odd::Hexadecimal);
    }
    let without_unit =
        bare.trim_start_matches(['$', '€', '£', '¥']).trim_end_matches(['%', '$', '€', '£', '¥']).trim();
    let is_number = |text: &str| number(text).is_some() || separated(text);
    if without_unit.len() < bare.len() {
        return is_number(without_unit).then_some(Odd::Unit);
    }
    separated(bare).then_some(Odd::Separated)
}

/// `1,5`, `1,000`, `1 000.5`, `1.000.000,5`, `1_000`, `1'000`: digits with something between them.
fn separated(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if text.split_once(',').is_some_and(|(whole, rest)| digits(whole) && digits(rest)) {
        return true;
    }
    [',', '.', ' ', '_', '\'', '\u{a0}', '\u{202f}', '’'].into_iter().any(|mark| {
        let decimal = if mark == ',' { '.' } else { ',' };
        let (whole, rest) = match text.split_once(decimal) {
            Some((whole, rest)) => (whole, rest),
            None => match text.rsplit_once('.').filter(|_| mark != '.') {
                Some((whole, rest)) => (whole, rest),
                None => (text, "0"),
            },
        };
        let mut groups = whole.split(mark);
        let first = groups.next().is_some_and(|first| digits(first) && first.len() <= 3);
        let mut more = 0;
        let grouped = groups.all(|group| {
            more += 1;
            digits(group) && group.len() == 3
        });
        // One point alone makes a number.
        first && grouped && digits(rest) && more > usize::from(mark == '.' && rest == "0")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_fields() {
        for text in ["", " ", "NA", "N/A", "NaN", "nan", "NULL", "null", "?"] {
            assert_eq!(classify(text), Class::Missing, "{text}");
        }
        for (text, value) in [("0", 0), ("-7", -7), ("+7", 7), ("007", 7), (" 9223372036854775807 ", i64::MAX)] {
            assert_eq!(classify(text), Class::Integer(value), "{text}");
        }
        for (text, value) in
            [("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("-1e3", -1e3), ("9223372036854775808", 2f32.powi(63))]
        {
            assert_eq!(classify(text), Class::Float { value, vanished: false, rounded: false }, "{text}");
        }
        for (text, vanished) in [("1e-60", true), ("-0.0001E-55", true), ("0.0", false), ("0e9", false)] {
            assert_eq!(classify(text), Class::Float { value: 0.0, vanished, rounded: false }, "{text}");
        }
        let odd = [
            (Odd::Infinite, &["inf", "-Infinity", "1e999", "1e39", "-4e38"][..]),
            (Odd::Hexadecimal, &["0x10", "-0XfF"]),
            (
                Odd::Separated,
                &["1,5", "1,000", "12,345,678.9", "1 000", "1.000.000", "1.000.000,5", "1_000", "1'000.5", "-1,5"],
            ),
            (Odd::Unit, &["5%", "$5", "-$1,000.50", "3.5 €", "50 %"]),
        ];
        for (want, texts) in odd {
            texts.iter().for_each(|text| assert_eq!(classify(text), Class::Odd(want), "{text}"));
        }
        let texts = [
            "a",
            "NAN1",
            "1.2.3",
            "10.0.0.1",
            "2024-01-31",
            "12:30",
            "1-2",
            "e5",
            ".",
            "-",
            "0xzz",
            "%",
            "1,2,3",
            "5 kg",
        ];
        texts.into_iter().for_each(|text| assert_eq!(classify(text), Class::Text, "{text}"));
    }
}
