//! `vanilla datasets`: what is known, and where each would come from.

use crate::ui::{print, print_line};
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write;
use vanilla::datasets::{KNOWN, Known};

#[derive(Args)]
#[command(after_help = "Example: vanilla datasets")]
pub struct Datasets {
    /// One JSON array on stdout
    #[arg(long)]
    json: bool,
}

impl Datasets {
    pub fn run(&self) -> Result<()> {
        if self.json {
            return print_line(&Value::Array(KNOWN.iter().map(as_json).collect()).to_string());
        }
        print(&KNOWN.iter().map(as_text).collect::<Vec<_>>().join("\n"))
    }
}

fn as_json(known: &Known) -> Value {
    let place = |(place, there): (String, bool)| json!({ "place": place, "found": there });
    let file = |(name, sha256): &(&str, &str)| json!({ "name": name, "sha256": sha256 });
    json!({
        "name": known.name,
        "about": known.about,
        "image": known.image,
        "train_rows": known.rows[0],
        "test_rows": known.rows[1],
        "classes": known.classes,
        "locations": known.locations().into_iter().map(place).collect::<Vec<_>>(),
        "files": known.files.iter().map(file).collect::<Vec<_>>(),
    })
}

fn as_text(known: &Known) -> String {
    let mut text = format!("{}   {}\n", known.name, known.about);
    // The first place that has it is the one that is taken.
    let mut taken = false;
    for (place, there) in known.locations() {
        let state = match (there, taken) {
            (false, _) => "not there",
            (true, false) => "used",
            (true, true) => "there",
        };
        taken |= there;
        let _ = writeln!(text, "  {state:<10} {place}");
    }
    for (name, sha256) in known.files {
        let _ = writeln!(text, "  {name:<24} sha256 {sha256}");
    }
    text
}
