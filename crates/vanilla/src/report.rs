//! [`Terminal`] and [`Report`]: what `fit` tells while it works.

use crate::progress::{Flavor, Progbar, Style};
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

/// How much there is to do: in an epoch, in an evaluation, in a prediction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// None: the first epoch counts them.
    pub steps: Option<usize>,
    /// Where the end is a number of samples, which is what Keras 2 counts.
    pub samples: Option<usize>,
}

/// The progress of `fit`, `evaluate` and `predict`. What cannot be written (a closed pipe) does not stop the work.
pub(crate) struct Report {
    bar: Progbar<Box<dyn Write>>,
    verbose: u8,
    flavor: Flavor,
    work: Work,
    /// Whether metrics are told.
    metrics: bool,
    redraw: bool,
    /// Whether the cursor stands behind something.
    in_line: bool,
    start: Instant,
    shown: Instant,
}

impl Report {
    pub fn new(out: Box<dyn Write>, terminal: Terminal, verbose: u8, flavor: Flavor, work: Work) -> Self {
        let style = if terminal.redraw { Style::Terminal } else { Style::Lines };
        let work = Work { samples: work.samples.filter(|_| flavor.counts_samples()), ..work };
        let total = work.samples.or(work.steps);
        let mut bar = Progbar::new(out, total, verbose, style, terminal.color);
        bar.flavor(flavor).columns(terminal.columns);
        let now = Instant::now();
        let redraw = terminal.redraw;
        Self { bar, verbose, flavor, work, metrics: true, redraw, in_line: false, start: now, shown: now }
    }

    /// Of `evaluate` or `predict`, which begin at once.
    pub fn of_inference(out: Box<dyn Write>, terminal: Terminal, verbose: u8, flavor: Flavor, work: Work) -> Self {
        // Keras 2 has a bar here and no line.
        let verbose =
            if flavor.tells_of_training_only() && (verbose == 2 || !terminal.redraw) { 0 } else { verbose };
        let mut report = Self::new(out, terminal, verbose, flavor, work);
        report.metrics = !flavor.tells_of_training_only();
        report.bar.start(report.start.elapsed());
        report
    }

    /// What stands over a training.
    pub fn training(&mut self, samples: usize, validation_samples: Option<usize>) {
        if let Some(header) = self.flavor.training_header(samples, validation_samples) {
            self.note(&header);
        }
    }

    /// `epoch` counts from 0.
    pub fn epoch(&mut self, epoch: usize, epochs: usize) {
        if self.verbose > 0 {
            if let Some(header) = self.flavor.epoch_header(epoch + 1, epochs) {
                // Where nothing is redrawn, an epoch is one line; Keras 2's begins with the dash.
                let end = match self.flavor {
                    _ if self.redraw => "\n",
                    Flavor::Keras2 => "",
                    _ => " - ",
                };
                let _ = self.bar.text(&(header + end));
                self.in_line = !self.redraw;
            }
            self.bar.start(self.start.elapsed());
        }
    }

    /// To be called after each step, with the samples so far. The bar counts, and looks at most twenty times a
    /// second; asking the clock is all that the other steps cost.
    pub fn step(&mut self, step: usize, samples: usize, logs: impl FnOnce() -> Vec<(String, f64)>) {
        let done = if self.work.samples.is_some() { samples } else { step };
        self.bar.count(done);
        if self.verbose > 0 && (step == 1 || self.shown.elapsed().as_millis() >= 50) {
            self.shown = Instant::now();
            let logs = self.in_order(&logs());
            let _ = self.bar.update(done, &logs, self.start.elapsed());
            self.in_line |= self.redraw;
        }
    }

    pub fn end(&mut self, logs: &[(String, f64)]) {
        let logs = self.in_order(logs);
        let _ = self.bar.finish(&logs, self.start.elapsed());
        self.in_line = false;
    }

    /// The metrics as Keras lists them: in Keras 3 by name, before it as they were compiled.
    fn in_order(&self, logs: &[(String, f64)]) -> Vec<(String, f64)> {
        let mut logs = if self.metrics { logs.to_vec() } else { Vec::new() };
        if self.flavor == Flavor::Keras3 {
            logs.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        logs
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
        let work = Work { steps: Some(3), samples: Some(70) };
        let mut report = Report::new(Box::new(paper.clone()), Terminal::PLAIN, verbose, Flavor::Keras3, work);
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
