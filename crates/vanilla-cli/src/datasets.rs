//! `vanilla datasets`: what is known, and where each would come from; `vanilla datasets download`: into the cache.

use crate::ui::{print, print_line};
use crate::{Global, downloads};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::fmt::Write;
use vanilla::datasets::{KNOWN, Known, KnownFile, Remote, Samples};

#[derive(Args)]
#[command(after_help = "Examples: vanilla datasets\n          \
                        vanilla datasets download fashion-mnist\n\
                        Nothing is downloaded but by `datasets download` and `--download`. VANILLA_MIRROR=http://HOST/PATH is asked\n\
                        for PATH/SET/FILE in the place of the public mirrors; HTTPS_PROXY and NO_PROXY are honoured.")]
pub struct Datasets {
    /// One JSON array on stdout
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// Download data sets into the cache folder, whole or not at all
    #[command(after_help = "Example: vanilla datasets download fashion-mnist cifar10")]
    Download {
        /// Names of data sets
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}

impl Datasets {
    pub fn run(&self, global: &Global) -> Result<()> {
        if let Some(Action::Download { names }) = &self.action {
            // A wrong name is told before anything is fetched.
            let sets = names.iter().map(|name| vanilla::datasets::known(name)).collect::<Result<Vec<_>, _>>()?;
            for known in sets {
                let folder = downloads::download(known, global.quiet)?;
                print_line(&format!("{} is in {}", known.name, folder.display()))?;
            }
            return Ok(());
        }
        if self.json {
            return print_line(&Value::Array(KNOWN.iter().map(as_json).collect()).to_string());
        }
        print(&KNOWN.iter().map(as_text).collect::<Vec<_>>().join("\n"))
    }
}

fn as_json(known: &Known) -> Value {
    let place = |(place, there): (String, bool)| json!({ "place": place, "found": there });
    let file = |file: &KnownFile| json!({ "name": file.name, "bytes": file.bytes, "sha256": file.sha256 });
    let remote = |remote: &Remote| {
        let urls: Vec<String> = remote.urls().collect();
        json!({ "name": remote.name, "bytes": remote.bytes, "sha256": remote.sha256, "urls": urls })
    };
    let mut value = json!({
        "name": known.name,
        "about": known.about,
        "sample_shape": known.sample_shape(),
        "train_rows": known.rows[0],
        "test_rows": known.rows[1],
        "locations": known.locations().into_iter().map(place).collect::<Vec<_>>(),
        "files": known.files.iter().map(file).collect::<Vec<_>>(),
        "downloads": known.downloads.iter().map(remote).collect::<Vec<_>>(),
        "licence": known.licence,
        "homepage": known.homepage,
    });
    match known.samples {
        Samples::Images { class_names, .. } => {
            value["classes"] = class_names.len().into();
            value["class_names"] = class_names.into();
        }
        Samples::Table { columns, target, .. } => {
            value["columns"] = columns.into();
            value["target"] = target.into();
        }
        _ => {}
    }
    value
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
    for file in known.files {
        let _ = writeln!(text, "  {:<24} {:>12} bytes   sha256 {}", file.name, thousands(file.bytes), file.sha256);
    }
    for (i, url) in known.downloads[0].urls().enumerate() {
        let what = if i == 0 { format!("{:.1} MB", known.download_bytes() as f64 / 1e6) } else { String::new() };
        let url = url.strip_suffix(known.downloads[0].name).unwrap_or(&url);
        let _ = writeln!(text, "  {:<10} {what:<10} {url}", if i == 0 { "download" } else { "" });
    }
    let _ = writeln!(text, "  {:<10} {}", "licence", known.licence);
    let _ = writeln!(text, "  {:<10} {}", "about", known.homepage);
    text
}

/// `60,008`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
