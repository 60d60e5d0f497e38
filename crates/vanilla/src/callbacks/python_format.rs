//! Python's `str.format` with named numbers, as far as names of files need it.
//!
//! ```text
//! template = ( text | "{{" | "}}" | "{" name [":" spec] "}" )*
//! spec     = ["0"] [width] [type]  for whole numbers, type = "d"
//!          | ["0"] [width] ["." digits] type  for floats, type = "f" | "e"
//! ```
//!
//! Source: Python's "Format Specification Mini-Language". A float without a spec is written as `repr` does.

use crate::history::python_float;

/// A number to be written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Whole(usize),
    Float(f64),
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Field { name: String, spec: Spec },
}

/// How a number is written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spec {
    zeros: bool,
    width: usize,
    digits: Option<usize>,
    kind: Option<char>,
}

/// More than any name of a file has.
const WIDEST: usize = 255;

/// The pieces of a template, or what is wrong with it.
pub(super) fn parse(template: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = template;
    while let Some(c) = rest.chars().next() {
        let behind = &rest[c.len_utf8()..];
        match c {
            '{' | '}' if behind.starts_with(c) => {
                text.push(c);
                rest = &behind[1..];
            }
            '{' => {
                let (field, after) = behind.split_once('}').ok_or("a { without its }, which is written as {{")?;
                let (name, spec) = field.split_once(':').unwrap_or((field, ""));
                if name.is_empty() || name.contains(['{', '!', '[', '.']) {
                    return Err(format!(
                        "the field {{{field}}}, expected a name such as {{epoch}} or {{val_loss:.2f}}"
                    ));
                }
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Field { name: name.to_owned(), spec: Spec::parse(spec)? });
                rest = after;
            }
            '}' => return Err("a } without its {, which is written as }}".to_owned()),
            c => {
                text.push(c);
                rest = behind;
            }
        }
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

/// The template with these numbers; the name of a field that is not among them.
pub(super) fn fill(pieces: &[Piece], find: impl Fn(&str) -> Option<Number>) -> Result<String, String> {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out += text,
            Piece::Field { name, spec } => out += &spec.write(find(name).ok_or_else(|| name.clone())?),
        }
    }
    Ok(out)
}

impl Spec {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("the format {text:?}, expected one such as 02d, .2f or .3e");
        let mut rest = text;
        let zeros = rest.starts_with('0');
        let number = |rest: &mut &str| -> Result<Option<usize>, String> {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (digits, behind) = rest.split_at(end);
            *rest = behind;
            if digits.is_empty() {
                return Ok(None);
            }
            digits.parse().ok().filter(|n| *n <= WIDEST).map(Some).ok_or_else(wrong)
        };
        let width = number(&mut rest)?.unwrap_or(0);
        let digits = match rest.strip_prefix('.') {
            Some(behind) => {
                rest = behind;
                Some(number(&mut rest)?.ok_or_else(wrong)?)
            }
            None => None,
        };
        let kind = match rest {
            "" if digits.is_none() => None,
            "d" if digits.is_none() => Some('d'),
            "f" => Some('f'),
            "e" => Some('e'),
            _ => return Err(wrong()),
        };
        Ok(Self { zeros, width, digits, kind })
    }

    fn write(&self, number: Number) -> String {
        let digits = self.digits.unwrap_or(6);
        let float = |x: f64| match self.kind {
            _ if !x.is_finite() => python_float(x),
            Some('e') => {
                let text = format!("{x:.digits$e}");
                let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
                format!("{digits}e{sign}{exponent:0>2}")
            }
            Some(_) => format!("{x:.digits$}"),
            None => python_float(x),
        };
        let text = match number {
            Number::Whole(n) if matches!(self.kind, None | Some('d')) => n.to_string(),
            Number::Whole(n) => float(n as f64),
            Number::Float(x) => float(x),
        };
        let missing = self.width.saturating_sub(text.len());
        match text.strip_prefix('-') {
            Some(size) if self.zeros => format!("-{}{size}", "0".repeat(missing)),
            _ => (if self.zeros { "0" } else { " " }).repeat(missing) + &text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> Result<String, String> {
        fill(&parse(template)?, |name| match name {
            "epoch" => Some(Number::Whole(7)),
            "loss" => Some(Number::Float(0.0625)),
            "low" => Some(Number::Float(-1e-7)),
            _ => None,
        })
    }

    /// Each as Python writes it.
    #[test]
    fn as_python() {
        for (template, want) in [
            ("w{epoch:02d}-{loss:.2f}.h5", "w07-0.06.h5"),
            ("{epoch}{epoch:4d}{epoch:.1f}", "7   77.0"),
            ("{loss} {loss:08.3f} {loss:.1e} {loss:f}", "0.0625 0000.062 6.2e-02 0.062500"),
            ("{low} {low:09.1f} {low:.0e}", "-1e-07 -000000.0 -1e-07"),
            ("{{{epoch}}}", "{7}"),
        ] {
            assert_eq!(filled(template).as_deref(), Ok(want), "{template}");
        }
    }

    #[test]
    fn what_is_no_template() {
        assert_eq!(filled("{acc}"), Err("acc".to_owned()));
        for template in ["{", "}", "{}", "{epoch!r}", "{epoch:>4}", "{loss:.3}", "{loss:999d}", "{a.b}"] {
            assert!(parse(template).is_err(), "{template}");
        }
    }
}
