//! Keras's progress bar, as text written to any `Write`. The clock is an argument: time since any origin, the same
//! in all calls.
//!
//! With [`Style::Terminal`] the visible text and the colours equal those of Keras 3.15's `ProgbarLogger` (recorded
//! bytes: `tests/golden/texts/progress.txt`), with another [`Flavor`] those of tf.keras 2 and of Keras 2.2
//! (`progress_tf_keras.txt`, `progress_keras2.txt`); instead of Keras's backspaces before each `\r`, which draw
//! nothing, only the `\r` is written. [`Style::Lines`] writes the line that Keras writes with `verbose=2`, once an
//! epoch, with `verbose` 1 as well.
//!
//! Different on purpose: with `verbose=2` every Keras prints every negative value in scientific notation, because
//! it compares without `abs`; here a value looks the same in both modes. More steps than announced do not lengthen
//! the bar. With [`Progbar::columns`] an unfinished line never wraps: metrics that do not fit are left out until
//! the last line of the epoch. Control characters in names are printed as `U+FFFD`.

mod flavor;

pub use flavor::Flavor;

use flavor::Moment;
use std::io::{self, Write};
use std::time::Duration;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A bar, redrawn in place.
    Terminal,
    /// One plain line an epoch, for files and pipes.
    Lines,
}

/// Cells of the bar.
const BAR: usize = 20;
/// The least time between two drawings in an epoch.
const INTERVAL: Duration = Duration::from_millis(50);
const BOLD: &str = "\x1b[1m";
const GREEN: &str = "\x1b[32m";
const GREY: &str = "\x1b[37m";

/// The progress of one epoch after another, or of one evaluation.
#[derive(Debug)]
pub struct Progbar<W: Write> {
    out: W,
    total: Option<usize>,
    verbose: u8,
    style: Style,
    flavor: Flavor,
    color: bool,
    columns: usize,
    start: Duration,
    after_first_step: Option<Duration>,
    last_drawn: Option<Duration>,
    /// Cells of the line on the terminal.
    drawn: usize,
    seen: usize,
}

impl<W: Write> Progbar<W> {
    /// `total`: the steps of an epoch, if they are known; otherwise the first epoch counts them. `verbose`: 0
    /// writes nothing, 1 a bar (or a line, by `style`), 2 a line an epoch. `color`: bold counts and times, a green
    /// and grey bar.
    pub fn new(out: W, total: Option<usize>, verbose: u8, style: Style, color: bool) -> Self {
        Self {
            out,
            total,
            verbose,
            style,
            flavor: Flavor::default(),
            color,
            columns: 0,
            start: Duration::ZERO,
            after_first_step: None,
            last_drawn: None,
            drawn: 0,
            seen: 0,
        }
    }

    /// Whose bar it is; Keras 3's by default.
    pub fn flavor(&mut self, flavor: Flavor) -> &mut Self {
        self.flavor = flavor;
        self
    }

    /// The width of the terminal; 0, the default, stands for unlimited. May change at any time.
    pub fn columns(&mut self, columns: usize) -> &mut Self {
        self.columns = columns;
        self
    }

    /// Begins an epoch. Writes nothing; see [`epoch_header`].
    pub fn start(&mut self, now: Duration) {
        self.start = now;
        self.after_first_step = None;
        self.last_drawn = None;
        self.drawn = 0;
        self.seen = 0;
    }

    /// Takes note of a step that is not to be drawn: where nobody knows how many there are, the last one says it.
    pub fn count(&mut self, step: usize) {
        self.seen = step;
    }

    /// To be called after each step, `step` counted from 1. Draws at most every 0.05 s; `values` are shown as they
    /// are.
    pub fn update(&mut self, step: usize, values: &[(String, f64)], now: Duration) -> io::Result<()> {
        self.seen = step;
        if self.verbose != 1 {
            return Ok(()); // as in Keras, a line's time per step then includes the first step
        }
        let per_step = self.seconds_per_step(step, now);
        let full = self.flavor.waits_for_the_end() && self.total.is_some_and(|total| step >= total);
        let early = full || self.last_drawn.is_some_and(|last| now.saturating_sub(last) < INTERVAL);
        if self.style == Style::Lines || early {
            return Ok(());
        }
        self.last_drawn = Some(now);
        self.draw(step, values, per_step, now, false)
    }

    /// Ends the epoch: the last line, with all `values` (those of the validation too), and its `\n`.
    pub fn finish(&mut self, values: &[(String, f64)], now: Duration) -> io::Result<()> {
        let total = *self.total.get_or_insert(self.seen);
        let per_step = self.seconds_per_step(total, now);
        match (self.verbose, self.style) {
            (0, _) => Ok(()),
            (1, Style::Terminal) => self.draw(total, values, per_step, now, true),
            _ if total == 0 => Ok(()),
            _ => {
                let elapsed = now.saturating_sub(self.start).as_secs_f64();
                let metrics: String = values.iter().map(metric).collect();
                let line = self.flavor.line(total, elapsed, per_step, &metrics);
                self.out.write_all(line.as_bytes())?;
                self.out.flush()
            }
        }
    }

    /// Writes this text as it is, for what stands between bars.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// What the text was written to.
    #[cfg(test)]
    pub fn get_ref(&self) -> &W {
        &self.out
    }

    fn seconds_per_step(&mut self, step: usize, now: Duration) -> f64 {
        let since = |then: Duration| now.saturating_sub(then).as_secs_f64();
        let seconds = match self.after_first_step {
            _ if step == 0 => 0.0,
            Some(first) if step > 1 && self.flavor.leaves_out_the_first_step() => since(first) / (step - 1) as f64,
            _ => since(self.start) / step as f64,
        };
        if step == 1 {
            self.after_first_step = Some(now);
        }
        seconds
    }

    fn draw(
        &mut self,
        step: usize,
        values: &[(String, f64)],
        per_step: f64,
        now: Duration,
        last: bool,
    ) -> io::Result<()> {
        let elapsed = now.saturating_sub(self.start).as_secs_f64();
        let limit = if last || self.columns == 0 { usize::MAX } else { self.columns - 1 };
        let mut line = Line { text: "\r".into(), cells: 0, limit, color: self.color };
        let at = Moment { step, total: self.total, elapsed, per_step, last };
        for (text, ink) in self.flavor.head(&at) {
            line.push(&text, ink);
        }
        for value in values {
            let text = metric(value);
            if line.cells + cells(&text) > limit {
                break;
            }
            line.push(&text, "");
        }
        line.text += &" ".repeat(self.drawn.saturating_sub(line.cells));
        if last {
            line.text.push('\n');
        }
        self.drawn = line.cells;
        self.out.write_all(line.text.as_bytes())?;
        self.out.flush()
    }
}

/// A line that stops at `limit` cells.
struct Line {
    text: String,
    cells: usize,
    limit: usize,
    color: bool,
}

impl Line {
    fn push(&mut self, text: &str, ink: &str) {
        if self.cells >= self.limit {
            return;
        }
        let mut cut = String::new();
        for c in text.chars() {
            let width = cell(c);
            if self.cells + width > self.limit {
                break;
            }
            self.cells += width;
            cut.push(c);
        }
        if self.color && !ink.is_empty() {
            self.text += &format!("{ink}{cut}\x1b[0m");
        } else {
            self.text += &cut;
        }
    }
}

/// Cells of a character, rounded up: scripts above the alphabets count 2, so that a name in them never wraps a
/// line.
fn cell(c: char) -> usize {
    match c as u32 {
        0x1100..=0x1fff | 0x2e80.. => 2,
        _ => 1,
    }
}

fn cells(text: &str) -> usize {
    text.chars().map(cell).sum()
}

fn metric((name, value): &(String, f64)) -> String {
    let name = name.replace(char::is_control, "\u{fffd}");
    format!(" - {name}: {}", format_value(*value))
}

/// `0.9178` above 1e-3 in size, `1.0000e-04` up to it, in Python's digits.
pub fn format_value(v: f64) -> String {
    if v.is_nan() {
        return "nan".into();
    }
    if v.abs() > 1e-3 {
        return format!("{v:.4}");
    }
    let text = format!("{v:.4e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// `5ms/step`; whole seconds from 1 s on and for 0, microseconds below 1 ms.
pub fn format_per_step(seconds: f64) -> String {
    if seconds >= 1.0 || seconds == 0.0 {
        format!("{seconds:.0}s/step")
    } else if seconds >= 1e-3 {
        format!("{:.0}ms/step", seconds * 1e3)
    } else {
        format!("{:.0}us/step", seconds * 1e6)
    }
}

/// The remaining time: `60s`, `1:01`, `1:00:01`, cut to whole seconds.
pub fn format_eta(seconds: f64) -> String {
    let whole = seconds as u64;
    let (hours, minutes) = (whole / 3600, whole / 60 % 60);
    if seconds > 3600.0 {
        format!("{hours}:{minutes:02}:{:02}", whole % 60)
    } else if seconds > 60.0 {
        format!("{}:{:02}", whole / 60, whole % 60)
    } else {
        format!("{whole}s")
    }
}

/// The line over an epoch's bar in Keras 3: [`Flavor::epoch_header`].
pub fn epoch_header(epoch: usize, epochs: usize) -> Option<String> {
    Flavor::Keras3.epoch_header(epoch, epochs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str = include_str!("../tests/golden/texts/progress.txt");

    /// A recording in bytes: without backspaces, and without colours unless `color`.
    fn bytes(recorded: &str, color: bool) -> String {
        let mut out = String::new();
        let mut rest = recorded;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '␍' => out.push('\r'),
                '␈' => rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()),
                '␛' if color => out.push('\x1b'),
                '␛' => rest = rest.split_once('m').unwrap().1,
                c => out.push(c),
            }
        }
        out
    }

    /// Replays every recorded call.
    fn replay(recorded: &str, flavor: Flavor, color: bool) -> usize {
        let mut bar = Progbar::new(Vec::new(), None, 0, Style::Terminal, false);
        let (mut epoch, mut epochs, mut calls, mut verbose) = (0, 0, 0, 0);
        for block in format!("\n{recorded}").split("\n@").skip(1) {
            let (first, expected) = block.split_once('\n').unwrap_or((block, ""));
            let fields: Vec<&str> = first.split(' ').collect();
            let now = |i: usize| Duration::from_secs_f64(fields[i].parse().unwrap());
            let values = |from: usize| -> Vec<(String, f64)> {
                let pair = |f: &&str| f.split_once('=').map(|(k, v)| (k.to_string(), v.parse().unwrap())).unwrap();
                fields[from..].iter().map(pair).collect()
            };
            let before = bar.get_ref().len();
            let mut header = String::new();
            match fields[0] {
                "bar" => {
                    (verbose, epoch, epochs) = (fields[2].parse().unwrap(), 0, fields[3].parse().unwrap());
                    bar = Progbar::new(Vec::new(), fields[1].parse().ok(), verbose, Style::Terminal, color);
                    bar.flavor(flavor);
                    continue;
                }
                "start" => {
                    bar.start(now(1));
                    epoch += 1;
                    header =
                        flavor.epoch_header(epoch, epochs).filter(|_| verbose > 0).map_or(header, |h| h + "\n");
                }
                "update" => bar.update(fields[1].parse().unwrap(), &values(3), now(2)).unwrap(),
                "finish" => bar.finish(&values(2), now(1)).unwrap(),
                _ => panic!("{block}"),
            }
            let ours = header + std::str::from_utf8(&bar.get_ref()[before..]).unwrap();
            assert_eq!(ours, bytes(expected, color), "{first}");
            calls += 1;
        }
        calls
    }

    #[test]
    fn equals_keras_to_the_byte() {
        assert!(replay(RECORDED, Flavor::Keras3, true) > 300);
        assert!(replay(RECORDED, Flavor::Keras3, false) > 300);
    }

    #[test]
    fn equals_keras_in_evaluate_and_predict() {
        let recorded = include_str!("../tests/golden/texts/evaluate.txt");
        assert!(replay(recorded, Flavor::Keras3, true) > 100);
        assert!(replay(recorded, Flavor::Keras3, false) > 100);
    }

    #[test]
    fn equals_keras_2_to_the_byte() {
        let (tf_keras, keras2) = (
            include_str!("../tests/golden/texts/progress_tf_keras.txt"),
            include_str!("../tests/golden/texts/progress_keras2.txt"),
        );
        // Keras 2 has no colours, wanted or not.
        for color in [true, false] {
            assert!(replay(tf_keras, Flavor::TfKeras, color) > 150);
            assert!(replay(keras2, Flavor::Keras2, color) > 150);
        }
    }

    #[test]
    fn keras_2_announces_a_training() {
        let header = Flavor::Keras2.training_header(60_000, Some(10_000));
        assert_eq!(header.as_deref(), Some("Train on 60000 samples, validate on 10000 samples"));
        assert_eq!(Flavor::Keras2.training_header(60_000, None), None);
        assert_eq!(Flavor::TfKeras.training_header(60_000, Some(10_000)), None);
        assert_eq!(Flavor::Keras2.epoch_header(1, 1).as_deref(), Some("Epoch 1/1"));
    }

    /// The visible last lines of a training, an evaluation and a prediction, as they are told of.
    #[test]
    fn last_lines_of_every_flavor() {
        let line = |flavor: Flavor, total: usize, verbose: u8, seconds_long: f64, values: &[(&str, f64)]| {
            let mut bar = Progbar::new(Vec::new(), Some(total), verbose, Style::Terminal, false);
            bar.flavor(flavor).start(Duration::ZERO);
            bar.finish(&named(values), seconds(seconds_long)).unwrap();
            String::from_utf8(bar.get_ref().clone()).unwrap()
        };
        let two = [("loss", 3.1053), ("acc", 0.9178)];
        let full = "==============================";
        for (got, want) in [
            (
                line(Flavor::Keras3, 938, 1, 5.0, &two),
                "\r938/938 ━━━━━━━━━━━━━━━━━━━━ 5s 5ms/step - loss: 3.1053 - acc: 0.9178\n".to_owned(),
            ),
            (
                line(Flavor::Keras3, 938, 2, 5.0, &two),
                "938/938 - 5s - 5ms/step - loss: 3.1053 - acc: 0.9178\n".into(),
            ),
            (line(Flavor::Keras3, 32, 2, 0.1, &[]), "32/32 - 0s - 3ms/step\n".into()),
            (
                line(Flavor::TfKeras, 938, 1, 5.0, &two),
                format!("\r938/938 [{full}] - 5s 5ms/step - loss: 3.1053 - acc: 0.9178\n"),
            ),
            (
                line(Flavor::TfKeras, 938, 2, 5.0, &two),
                "938/938 - 5s - loss: 3.1053 - acc: 0.9178 - 5s/epoch - 5ms/step\n".into(),
            ),
            (line(Flavor::TfKeras, 32, 2, 0.1, &[]), "32/32 - 0s - 100ms/epoch - 3ms/step\n".into()),
            (
                line(Flavor::Keras2, 60_000, 1, 5.0, &two),
                format!("\r60000/60000 [{full}] - 5s 83us/step - loss: 3.1053 - acc: 0.9178\n"),
            ),
            (line(Flavor::Keras2, 60_000, 2, 5.0, &two), " - 5s - loss: 3.1053 - acc: 0.9178\n".into()),
            (line(Flavor::Keras2, 10_000, 1, 0.39, &[]), format!("\r10000/10000 [{full}] - 0s 39us/step\n")),
        ] {
            assert_eq!(got, want);
        }
    }

    fn named(values: &[(&str, f64)]) -> Vec<(String, f64)> {
        values.iter().map(|&(name, value)| (name.into(), value)).collect()
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Everything that one epoch writes.
    fn epoch(total: Option<usize>, steps: usize, verbose: u8, style: Style, columns: usize) -> String {
        let mut bar = Progbar::new(Vec::new(), total, verbose, style, false);
        bar.columns(columns).start(seconds(7.0));
        let values = named(&[("acc", 0.9178), ("loss", 3.1053), ("val_acc", 0.9355), ("val_loss", -0.5178)]);
        for step in 1..=steps {
            bar.update(step, &values[..2], seconds(7.0 + step as f64 / 4.0)).unwrap();
        }
        bar.finish(&values, seconds(7.25 + steps as f64 / 4.0)).unwrap();
        String::from_utf8(bar.get_ref().clone()).unwrap()
    }

    #[test]
    fn lines_are_plain() {
        let metrics = "acc: 0.9178 - loss: 3.1053 - val_acc: 0.9355 - val_loss: -0.5178";
        let line = |time: &str| format!("20/20 - 5s - {time}/step - {metrics}\n");
        assert_eq!(epoch(Some(20), 20, 1, Style::Lines, 0), line("263ms"));
        assert_eq!(epoch(Some(20), 20, 2, Style::Lines, 20), line("262ms"));
        assert_eq!(epoch(Some(20), 20, 2, Style::Terminal, 0), line("262ms"));
        assert_eq!(epoch(None, 20, 1, Style::Lines, 0), line("263ms"));
        assert_eq!(epoch(Some(20), 20, 0, Style::Lines, 0), "");
        assert_eq!(epoch(Some(20), 20, 0, Style::Terminal, 0), "");
    }

    #[test]
    fn epochs_without_steps() {
        assert_eq!(epoch(Some(0), 0, 1, Style::Lines, 0), "");
        assert_eq!(epoch(None, 0, 2, Style::Lines, 0), "");
        assert!(
            epoch(None, 0, 1, Style::Terminal, 0).starts_with("\r      0/Unknown 0s 0s/step - acc: 0.9178 - ")
        );
        assert!(
            epoch(Some(3), 0, 1, Style::Terminal, 0).starts_with("\r3/3 ━━━━━━━━━━━━━━━━━━━━ 0s 83ms/step - acc")
        );
    }

    #[test]
    fn the_second_epoch_knows_the_steps_of_the_first() {
        let mut bar = Progbar::new(Vec::new(), None, 2, Style::Lines, false);
        for steps in [5, 3] {
            bar.start(Duration::ZERO);
            (1..=steps).for_each(|i| bar.update(i, &[], seconds(1.0)).unwrap());
            bar.finish(&[], seconds(10.0)).unwrap();
        }
        assert_eq!(bar.get_ref(), b"5/5 - 10s - 2s/step\n5/5 - 10s - 2s/step\n");
    }

    #[test]
    fn narrow_terminals_do_not_wrap_before_the_end() {
        for columns in 1..100 {
            let text = epoch(Some(20), 20, 1, Style::Terminal, columns);
            let lines: Vec<&str> = text.split('\r').skip(1).collect();
            let (last, drawn) = lines.split_last().unwrap();
            assert!(drawn.iter().all(|l| l.chars().count() < columns), "{columns}: {text}");
            assert!(
                last.starts_with(
                    "20/20 ━━━━━━━━━━━━━━━━━━━━ 5s 263ms/step - acc: 0.9178 - loss: 3.1053 - val_acc: "
                )
            );
        }
        assert!(epoch(Some(20), 20, 1, Style::Terminal, 20).starts_with("\r 1/20 ━━━━━━━━━━━━━\r"));
        assert!(
            epoch(Some(20), 20, 1, Style::Terminal, 60)
                .starts_with("\r 1/20 ━━━━━━━━━━━━━━━━━━━━ 4s 250ms/step - acc: 0.9178\r")
        );
    }

    #[test]
    fn strange_calls_do_no_harm() {
        let mut bar = Progbar::new(Vec::new(), Some(2), 1, Style::Terminal, true);
        bar.columns(30).update(9, &named(&[("隠れ層", f64::NAN)]), seconds(5.0)).unwrap();
        bar.start(seconds(9.0));
        bar.update(0, &[], seconds(3.0)).unwrap();
        bar.update(3, &[], seconds(1.0)).unwrap();
        bar.finish(&named(&[("a\x1b[2J", 2.0)]), seconds(2.0)).unwrap();
        let text = String::from_utf8_lossy(bar.get_ref());
        assert!(text.ends_with("0s/step - a\u{fffd}[2J: 2.0000\n"), "{text}");
    }

    #[test]
    fn formats() {
        let values = [
            (0.9178, "0.9178"),
            (1e-3, "1.0000e-03"),
            (1e-4, "1.0000e-04"),
            (-0.5, "-0.5000"),
            (0.0, "0.0000e+00"),
        ];
        for (value, text) in
            values.into_iter().chain([(f64::NAN, "nan"), (f64::NEG_INFINITY, "-inf"), (1e-100, "1.0000e-100")])
        {
            assert_eq!(format_value(value), text);
        }
        for (time, text) in
            [(0.0, "0s"), (0.9999, "1000ms"), (2.5, "2s"), (0.005, "5ms"), (0.0000834, "83us"), (9e-10, "0us")]
        {
            assert_eq!(format_per_step(time), format!("{text}/step"));
        }
        let times = [
            (0.9, "0s"),
            (60.0, "60s"),
            (60.5, "1:00"),
            (61.0, "1:01"),
            (3600.0, "60:00"),
            (3600.5, "1:00:00"),
            (90061.0, "25:01:01"),
        ];
        for (time, text) in times {
            assert_eq!(format_eta(time), text);
        }
        assert_eq!(epoch_header(1, 50).as_deref(), Some("Epoch 1/50"));
        assert_eq!(epoch_header(1, 1), None);
    }
}
