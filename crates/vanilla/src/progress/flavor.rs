//! [`Flavor`]: whose bar it is, and what stands in it before the metrics.

use super::{BAR, BOLD, GREEN, GREY, format_eta, format_per_step};

/// Cells of Keras 2's bar.
const BAR_2: usize = 30;

/// Whose progress is imitated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavor {
    /// Keras 3: `938/938 ━━━━━━━━━━━━━━━━━━━━ 5s 5ms/step - acc: 0.9178`. Counts batches.
    #[default]
    Keras3,
    /// tf.keras from 2.2 on, and the package tf_keras: `938/938 [====>.....] - ETA: 3s - loss: 3.1053`. Counts
    /// batches.
    TfKeras,
    /// Keras 2.2 and 2.3: `60000/60000 [====>.....] - ETA: 3s - loss: 3.1053`. Counts samples, which are the steps
    /// that the bar is told then; evaluation and prediction show no metrics, and write nothing with `verbose` = 2.
    /// (Without a total Keras 2 never ends its line; here the line ends with the epoch.)
    Keras2,
}

/// Where an epoch stands.
pub(super) struct Moment {
    pub step: usize,
    pub total: Option<usize>,
    pub elapsed: f64,
    pub per_step: f64,
    pub last: bool,
}

impl Flavor {
    /// The line over a training, if there is one: `Train on 60000 samples, validate on 10000 samples`.
    pub fn training_header(self, samples: usize, validation_samples: Option<usize>) -> Option<String> {
        let validation = validation_samples.filter(|_| self == Self::Keras2)?;
        Some(format!("Train on {samples} samples, validate on {validation} samples"))
    }

    /// The line over an epoch's bar, `Epoch 1/50` (`epoch` counted from 1); none if there is only one epoch, but
    /// in Keras 2.
    pub fn epoch_header(self, epoch: usize, epochs: usize) -> Option<String> {
        (epochs > 1 || self == Self::Keras2).then(|| format!("Epoch {epoch}/{epochs}"))
    }

    /// The bar's line up to the metrics, in pieces with their colours.
    pub(super) fn head(self, at: &Moment) -> Vec<(String, &'static str)> {
        let Moment { step, elapsed, per_step, last, .. } = *at;
        let total = at.total.filter(|total| *total > 0);
        let count = match total {
            Some(total) => format!("{step:>digits$}/{total}", digits = total.to_string().len()),
            None => format!("{step:>7}/Unknown"),
        };
        let share = total.map_or(0.0, |total| step as f64 / total as f64).min(1.0);
        let eta = total.filter(|_| !last).map(|total| format_eta(per_step * total.saturating_sub(step) as f64));
        if self == Self::Keras3 {
            let done = (BAR as f64 * share) as usize;
            let mut pieces = vec![(count, if total.is_some() { BOLD } else { "" })];
            if total.is_some() {
                pieces.push((" ".into(), ""));
                if done > 0 {
                    pieces.push(("━".repeat(done), GREEN));
                }
                pieces.push(("━".repeat(BAR - done), GREY));
            }
            pieces.push((" ".into(), ""));
            pieces.push((eta.unwrap_or_else(|| format!("{elapsed:.0}s")), BOLD));
            pieces.push((format!(" {}", self.per_step(per_step)), ""));
            return pieces;
        }
        let mut text = count;
        if let Some(total) = total {
            let done = (BAR_2 as f64 * share) as usize;
            let tip = match done {
                0 => "",
                _ if step < total => ">",
                _ => "=",
            };
            text += &format!(" [{}{tip}{}]", "=".repeat(done.saturating_sub(1)), ".".repeat(BAR_2 - done));
        }
        text += &match eta {
            Some(eta) => format!(" - ETA: {eta}"),
            None => format!(" - {elapsed:.0}s {}", self.per_step(per_step)),
        };
        vec![(text, "")]
    }

    /// An epoch's only line, without a bar.
    pub(super) fn line(self, total: usize, elapsed: f64, per_step: f64, metrics: &str) -> String {
        let steps = self.per_step(per_step);
        match self {
            Self::Keras3 => format!("{total}/{total} - {elapsed:.0}s - {steps}{metrics}\n"),
            Self::TfKeras => {
                let epoch = format_per_step(elapsed).replace("/step", "/epoch");
                format!("{total}/{total} - {elapsed:.0}s{metrics} - {epoch} - {steps}\n")
            }
            Self::Keras2 => format!(" - {elapsed:.0}s{metrics}\n"),
        }
    }

    /// Whether the first step, which warms up, counts only until there is a second.
    pub(super) fn leaves_out_the_first_step(self) -> bool {
        self != Self::Keras2
    }

    /// Whether the bar is told of samples, where their number is known, and not of steps.
    pub(crate) fn counts_samples(self) -> bool {
        self == Self::Keras2
    }

    /// Whether evaluation and prediction show a bar without metrics, and no line.
    pub(crate) fn tells_of_training_only(self) -> bool {
        self == Self::Keras2
    }

    /// Whether a bar that is full waits for the end of the epoch.
    pub(super) fn waits_for_the_end(self) -> bool {
        self == Self::Keras2
    }

    fn per_step(self, seconds: f64) -> String {
        match self {
            Self::Keras2 if seconds == 0.0 => "0us/step".into(),
            _ => format_per_step(seconds),
        }
    }
}
