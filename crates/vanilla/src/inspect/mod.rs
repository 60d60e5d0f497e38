//! What a file is: kind, layers, shapes, counts, ranges of values, hash, and what is unusual about it.
//!
//! [`inspect`] reads any file that Vanilla can read, and is made for the moment when something does not work: what a
//! model's file holds is told even where the model cannot be loaded, with the reason among what is unusual.

mod kinds;
mod tensors;

pub use tensors::TensorReport;

use crate::datasets::hex;
use crate::error::Result;
use crate::saving::read_file;
use crate::summary::{Layout, Summary};
use serde_json::{Value, json};
use sha2::Digest;
use std::fmt::Write as _;
use std::path::Path;

/// What [`inspect`] found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Inspection {
    /// The file.
    pub file: String,
    /// What it is: "a Keras 3 model (.keras)".
    pub kind: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// What else there is to say: names and texts.
    pub about: Vec<(String, String)>,
    /// The layers, if it is a model.
    pub summary: Option<Summary>,
    /// Every array in it.
    pub tensors: Vec<TensorReport>,
    /// What one would not expect.
    pub unusual: Vec<String>,
}

/// Reads a file and says what it is.
///
/// # Errors
/// When it cannot be read, is larger than 2 GiB, is of no known kind, or is damaged.
pub fn inspect(path: impl AsRef<Path>) -> Result<Inspection> {
    let path = path.as_ref();
    let bytes = read_file(path)?;
    let mut found = Inspection {
        file: path.display().to_string(),
        bytes: bytes.len() as u64,
        sha256: hex(&sha2::Sha256::digest(&bytes)),
        ..Inspection::default()
    };
    kinds::look(path, &bytes, &mut found)?;
    Ok(found)
}

impl Inspection {
    fn about(&mut self, name: &str, text: impl ToString) {
        self.about.push((name.to_owned(), text.to_string()));
    }

    /// One JSON object.
    pub fn to_json(&self) -> Value {
        let layers = self.summary.as_ref().map(|summary| {
            let layer = |row: &crate::summary::SummaryRow| {
                json!({ "name": row.name, "class": row.class, "output_shape": row.output_shape, "params": row.params })
            };
            summary.rows.iter().map(layer).collect::<Vec<_>>()
        });
        json!({
            "file": self.file, "kind": self.kind, "bytes": self.bytes, "sha256": self.sha256,
            "about": self.about.iter().map(|(name, text)| (name.clone(), text.clone().into())).collect::<serde_json::Map<_, _>>(),
            "layers": layers,
            "tensors": self.tensors.iter().map(TensorReport::to_json).collect::<Vec<_>>(),
            "unusual": self.unusual,
        })
    }

    /// As people read it, for a terminal of this width.
    pub fn render(&self, layout: Layout, terminal_columns: usize, color: bool) -> String {
        let mut text = format!("{}: {}, {} bytes\n", clean(&self.file), self.kind, self.bytes);
        let mut lines = vec![("sha256", self.sha256.clone())];
        lines.extend(self.about.iter().map(|(name, text)| (name.as_str(), clean(text))));
        let widest = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in lines {
            let _ = writeln!(text, "  {:widest$}  {value}", clean(name));
        }
        if let Some(summary) = &self.summary {
            text.push_str(&summary.render(layout, terminal_columns, color));
        }
        if !self.tensors.is_empty() {
            text.push_str(&self.table());
        }
        match &self.unusual[..] {
            [] => text.push_str("Nothing unusual.\n"),
            all => {
                text.push_str("Unusual:\n");
                all.iter().for_each(|line| {
                    let _ = writeln!(text, "  - {}", clean(line));
                });
            }
        }
        text
    }

    /// The arrays, one a line, in columns.
    fn table(&self) -> String {
        let head = ["array", "type", "shape", "min", "max", "mean", "std", "zeros"].map(str::to_owned);
        let row = |tensor: &TensorReport| {
            let (least, largest) = tensor
                .range
                .map_or((String::from("-"), String::from("-")), |(least, largest)| (short(least), short(largest)));
            let shape = tensor.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
            let zeros = match tensor.len() {
                0 => "-".to_owned(),
                all => format!("{:.0}%", 100.0 * tensor.zeros as f64 / all as f64),
            };
            [
                clean(&tensor.name),
                tensor.dtype.to_owned(),
                format!("({shape})"),
                least,
                largest,
                short(tensor.mean),
                short(tensor.deviation),
                zeros,
            ]
        };
        let rows: Vec<[String; 8]> = std::iter::once(head).chain(self.tensors.iter().map(row)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 8] = std::array::from_fn(width);
        let mut text = String::new();
        for (line, tensor) in rows.iter().zip(std::iter::once(None).chain(self.tensors.iter().map(Some))) {
            let mut out = String::from(" ");
            for (column, cell) in line.iter().enumerate() {
                // Names and types to the left, numbers to the right.
                let width = widths[column];
                let _ = if column < 3 { write!(out, " {cell:<width$}") } else { write!(out, " {cell:>width$}") };
            }
            let counts = tensor.map_or(String::new(), |tensor| {
                let one = |(value, count): &(i64, u64)| format!("{value}: {count}");
                tensor.counts.iter().map(one).collect::<Vec<_>>().join(", ")
            });
            let _ = writeln!(text, "{}", out.trim_end());
            if !counts.is_empty() {
                let _ = writeln!(text, "    {counts}");
            }
        }
        text
    }
}

/// Four significant digits.
fn short(x: f64) -> String {
    match x.abs() {
        0.0 => "0".to_owned(),
        size if x.fract() == 0.0 && size < 1e6 => format!("{x:.0}"),
        size if (1e-3..1e6).contains(&size) => {
            let digits = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
            let text = format!("{x:.digits$}");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
        }
        _ => format!("{x:.3e}"),
    }
}

/// Text that may come from a stranger's file, unable to steer the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
