//! Downloads with a bar, for `vanilla datasets download` and for `--download`.

use anyhow::Result;
use std::path::PathBuf;
use vanilla::datasets::{Dataset, Known};

/// Opens a data set; downloads it first where `allowed`, it is a known one, and nowhere on this machine.
pub fn open_or(spec: &str, allowed: bool, quiet: bool, open: impl Fn() -> Result<Dataset>) -> Result<Dataset> {
    let found = open();
    match vanilla::datasets::known(spec) {
        Ok(known) if allowed && found.is_err() => {
            download(known, quiet)?;
            open()
        }
        _ => found,
    }
}

/// Downloads a data set; gives its folder.
#[cfg(feature = "download")]
pub fn download(known: &Known, quiet: bool) -> Result<PathBuf> {
    let mut bar = Bar::default();
    let folder = vanilla::datasets::download::Downloader::new().download(known, &mut |event| {
        if !quiet {
            bar.tell(event);
        }
    })?;
    Ok(folder)
}

/// Without the feature there is nothing to download with.
#[cfg(not(feature = "download"))]
pub fn download(known: &Known, _: bool) -> Result<PathBuf> {
    let urls: Vec<String> = known.downloads.iter().filter_map(|remote| remote.urls().next()).collect();
    let folder = known.cache_folder()?;
    Err(crate::ui::usage(format!(
        "{}: this program was built without downloads (its feature `download`): put {} into {}",
        known.name,
        urls.join(" "),
        folder.display()
    )))
}

/// What Keras shows while it downloads: the address, and a bar of bytes.
#[cfg(feature = "download")]
#[derive(Default)]
struct Bar {
    bar: Option<vanilla::progress::Progbar<std::io::Stderr>>,
    start: Option<std::time::Instant>,
    /// Whether the cursor stands behind an unfinished bar.
    in_line: bool,
}

#[cfg(feature = "download")]
impl Bar {
    fn tell(&mut self, event: vanilla::datasets::download::Event) {
        use crate::ui::note;
        use vanilla::datasets::download::Event;
        use vanilla::progress::{Progbar, Style};
        let now = self.start.get_or_insert_with(std::time::Instant::now).elapsed();
        match event {
            Event::Waiting(folder) => {
                note(&format!("Another process downloads into {}; waiting", folder.display()))
            }
            Event::Begin { url, done, total } => {
                let from = if done > 0 { format!(", from byte {done} on") } else { String::new() };
                note(&format!("Downloading data from {url}{from}"));
                let terminal = vanilla::Terminal::of_stderr();
                let style = if terminal.redraw { Style::Terminal } else { Style::Lines };
                let mut bar = Progbar::new(std::io::stderr(), Some(total as usize), 1, style, terminal.color);
                bar.columns(terminal.columns).start(now);
                (self.bar, self.in_line) = (Some(bar), false);
            }
            Event::Bytes { done, .. } => {
                if let Some(bar) = &mut self.bar {
                    // Where nobody listens, nothing is lost.
                    let _ = bar.update(done as usize, &[], now);
                    self.in_line = vanilla::Terminal::of_stderr().redraw;
                }
            }
            Event::Failed { url, problem } => {
                if std::mem::take(&mut self.in_line) {
                    note("");
                }
                note(&format!("warning: {url}: {problem}"));
                self.bar = None;
            }
            Event::Done(_) => {
                if let Some(mut bar) = self.bar.take() {
                    let _ = bar.finish(&[], now);
                }
            }
            _ => {}
        }
    }
}
