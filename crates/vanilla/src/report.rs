//! [`Terminal`] and [`Report`]: what `fit` tells while it works.

use crate::meter::Meter;
use crate::progress::{Progbar, Style, epoch_header};
use std::io::{IsTerminal, Write};
use std::time::Instant;

/// What progress is written to.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// Whether lines may be redrawn.
    pub redraw: bool,
    /// Whether colours may be used.
    pub color: bool,
    /// Width in characters; 0 if nobody knows.
    pub columns: usize,
}

impl Terminal {
    /// A file or a pipe: one plain line an epoch.
    pub const PLAIN: Self = Self { redraw: false, color: false, columns: 0 };

    /// What stderr is. `NO_COLOR` is honoured.
    pub fn of_stderr() -> Self {
        Self::of(std::io::stderr().is_terminal(), terminal_size::terminal_size_of(std::io::stderr()))
    }

    /// What stdout is. `NO_COLOR` is honoured.
    pub fn of_stdout() -> Self {
        Self::of(std::io::stdout().is_terminal(), terminal_size::terminal_size_of(std::io::stdout()))
    }

    fn of(redraw: bool, size: Option<(terminal_size::Width, terminal_size::Height)>) -> Self {
        let color = redraw && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { redraw, color, columns: size.map_or(0, |(width, _)| usize::from(width.0)) }
    }
}

/// The progress of `fit`. What cannot be written (a closed pipe) does not stop the training.
pub(crate) struct Report {
    bar: Progbar<Box<dyn Write>>,
    verbose: u8,
    redraw: bool,
    /// Whether the cursor stands behind something.
    in_line: bool,
    start: Instant,
    shown: Instant,
}

impl Report {
    pub fn new(out: Box<dyn Write>, terminal: Terminal, verbose: u8, steps: Option<usize>) -> Self {
        let style = if terminal.redraw { Style::Terminal } else { Style::Lines };
        let mut bar = Progbar::new(out, steps, verbose, style, terminal.color);
        bar.columns(terminal.columns);
        let now = Instant::now();
        Self { bar, verbose, redraw: terminal.redraw, in_line: false, start: now, shown: now }
    }

    /// `epoch` counts from 0.
    pub fn epoch(&mut self, epoch: usize, epochs: usize) {
        if self.verbose > 0 {
            if let Some(header) = epoch_header(epoch + 1, epochs) {
                // Where nothing is redrawn, an epoch is one line.
                let end = if self.redraw { "\n" } else { " - " };
                let _ = self.bar.text(&(header + end));
                self.in_line = !self.redraw;
            }
            self.bar.start(self.start.elapsed());
        }
    }

    /// The bar counts every step, and looks at most twenty times a second; asking the clock is all that the other steps cost.
    pub fn step(&mut self, step: usize, meter: &Meter) {
        self.bar.count(step);
        if self.verbose > 0 && (step == 1 || self.shown.elapsed().as_millis() >= 50) {
            self.shown = Instant::now();
            let mut logs = meter.logs();
            logs.sort_by(|(a, _), (b, _)| a.cmp(b));
            let _ = self.bar.update(step, &logs, self.start.elapsed());
            self.in_line |= self.redraw;
        }
    }

    pub fn end(&mut self, logs: &[(String, f64)]) {
        let _ = self.bar.finish(logs, self.start.elapsed());
        self.in_line = false;
    }

    /// A line of its own, unless silent.
    pub fn note(&mut self, text: &str) {
        if self.verbose > 0 {
            self.line(text);
        }
    }

    /// A line of its own, in any case.
    pub fn warn(&mut self, text: &str) {
        self.line(&format!("warning: {text}"));
    }

    fn line(&mut self, text: &str) {
        let before = if std::mem::take(&mut self.in_line) { "\n" } else { "" };
        let _ = self.bar.text(&format!("{before}{text}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is written by an epoch with a note and a warning in its middle.
    fn written(verbose: u8) -> String {
        let paper = Paper::default();
        let mut report = Report::new(Box::new(paper.clone()), Terminal::PLAIN, verbose, Some(3));
        report.note("before");
        report.epoch(0, 2);
        report.note("a note");
        report.warn("a warning");
        report.end(&[("loss".into(), 1.0)]);
        report.note("after");
        drop(report);
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        // However little time it took.
        match text.split_once("0s - ").and_then(|(before, rest)| Some((before, rest.split_once("/step")?.1))) {
            Some((before, after)) => format!("{before}0s - TIME/step{after}"),
            None => text,
        }
    }

    #[test]
    fn notes_stand_on_lines_of_their_own_and_warnings_are_never_silent() {
        assert_eq!(
            written(1),
            "before\nEpoch 1/2 - \na note\nwarning: a warning\n3/3 - 0s - TIME/step - loss: 1.0000\nafter\n"
        );
        assert_eq!(written(0), "warning: a warning\n");
    }
}
