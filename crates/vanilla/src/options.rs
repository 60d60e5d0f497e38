//! [`Fit`]: how to train. Keras's arguments of `fit` with Keras's defaults, and what is kept of a run.

use crate::arrays::Arrays;
use crate::callbacks::{Callback, Callbacks};
use crate::progress::Flavor;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How to train: Keras's arguments of `fit`, with Keras's defaults.
///
/// ```
/// use vanilla::prelude::*;
/// let options = Fit::new().epochs(50).batch_size(64);
/// ```
#[derive(Clone, Debug)]
pub struct Fit {
    pub(crate) epochs: usize,
    pub(crate) initial_epoch: usize,
    /// None: 32, or what `steps_per_epoch` makes of the rows.
    pub(crate) batch_size: Option<usize>,
    pub(crate) steps_per_epoch: Option<usize>,
    pub(crate) verbose: u8,
    pub(crate) flavor: Flavor,
    /// None: as if it were true.
    pub(crate) shuffle: Option<bool>,
    pub(crate) sample_weight: Option<Arrays>,
    pub(crate) class_weight: Option<BTreeMap<i64, f64>>,
    pub(crate) validation_data: Option<(Arrays, Arrays, Option<Arrays>)>,
    pub(crate) validation_split: f64,
    pub(crate) validation_freq: ValidationFreq,
    pub(crate) validation_batch_size: Option<usize>,
    pub(crate) validation_steps: Option<usize>,
    pub(crate) on_nan: OnNan,
    pub(crate) stop_when: Option<StopWhen>,
    pub(crate) checkpoints: Option<Checkpoints>,
    pub(crate) callbacks: Callbacks,
}

impl Default for Fit {
    fn default() -> Self {
        Self::new()
    }
}

impl Fit {
    /// One epoch, batches of 32, shuffled, with a progress bar, without validation and without checkpoints.
    pub fn new() -> Self {
        Self {
            epochs: 1,
            initial_epoch: 0,
            batch_size: None,
            steps_per_epoch: None,
            verbose: 1,
            flavor: Flavor::Keras3,
            shuffle: None,
            sample_weight: None,
            class_weight: None,
            validation_data: None,
            validation_split: 0.0,
            validation_freq: ValidationFreq::Every(1),
            validation_batch_size: None,
            validation_steps: None,
            on_nan: OnNan::Stop,
            stop_when: None,
            checkpoints: None,
            callbacks: Callbacks::default(),
        }
    }

    /// The epoch to stop after: how often every row is seen, where the training begins with the first.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Rows of a step.
    pub fn batch_size(mut self, rows: usize) -> Self {
        self.batch_size = Some(rows);
        self
    }

    /// The number of the first epoch, counted from 0: a training that goes on where another one stopped.
    pub fn initial_epoch(mut self, epoch: usize) -> Self {
        self.initial_epoch = epoch;
        self
    }

    /// Batches of an epoch, where it is not to end with the data: the next epoch goes on from there, and begins the
    /// data again when they end. Without a `batch_size`, the data are cut into this many batches.
    pub fn steps_per_epoch(mut self, steps: usize) -> Self {
        self.steps_per_epoch = Some(steps);
        self
    }

    /// What each sample counts in the loss and in weighted metrics: one number a row; for several outputs one tensor,
    /// or one for each.
    pub fn sample_weight(mut self, weights: impl Into<Arrays>) -> Self {
        self.sample_weight = Some(weights.into());
        self
    }

    /// What the samples of each class count: `[(0, 1.0), (1, 5.0)]`. Classes that are not named count 1. Validation is
    /// not weighted.
    pub fn class_weight(mut self, weights: impl IntoIterator<Item = (i64, f64)>) -> Self {
        self.class_weight = Some(weights.into_iter().collect());
        self
    }

    /// 0 silent, 1 a bar (on a terminal; a line an epoch elsewhere), 2 a line an epoch. All of it goes to stderr, and
    /// so do warnings, which are never silent.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }

    /// Whose progress the lines imitate; Keras 3's unless set.
    pub fn flavor(mut self, flavor: Flavor) -> Self {
        self.flavor = flavor;
        self
    }

    /// Whether each epoch sees the rows in a new order.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = Some(shuffle);
        self
    }

    /// Evaluates on these after each epoch; the history gets `val_` values.
    pub fn validation_data(mut self, x: impl Into<Arrays>, y: impl Into<Arrays>) -> Self {
        self.validation_data = Some((x.into(), y.into(), None));
        self
    }

    /// As [`Fit::validation_data`], with what each sample counts.
    pub fn weighted_validation_data(
        mut self,
        x: impl Into<Arrays>,
        y: impl Into<Arrays>,
        sample_weight: impl Into<Arrays>,
    ) -> Self {
        self.validation_data = Some((x.into(), y.into(), Some(sample_weight.into())));
        self
    }

    /// Validates after every n-th epoch, or after the epochs of a list, counted from 1.
    pub fn validation_freq(mut self, freq: impl Into<ValidationFreq>) -> Self {
        self.validation_freq = freq.into();
        self
    }

    /// Rows of a step of the validation; those of the training unless set. Results do not depend on it.
    pub fn validation_batch_size(mut self, rows: usize) -> Self {
        self.validation_batch_size = Some(rows);
        self
    }

    /// Validates on this many batches only, the first ones.
    pub fn validation_steps(mut self, steps: usize) -> Self {
        self.validation_steps = Some(steps);
        self
    }

    /// Keeps this share of the rows, the last ones, for validation. `validation_data` goes first.
    pub fn validation_split(mut self, share: f64) -> Self {
        self.validation_split = share;
        self
    }

    /// Watches the training; see [`callbacks`](crate::callbacks). Callbacks are called in the order in which they came.
    pub fn callback(self, callback: impl Callback + 'static) -> Self {
        self.shared_callback(Arc::new(Mutex::new(callback)))
    }

    /// As [`Fit::callback`], with a callback that somebody looks at afterwards.
    pub fn shared_callback(mut self, callback: Arc<Mutex<dyn Callback>>) -> Self {
        self.callbacks.0.push(callback);
        self
    }

    /// What to do about a loss that is not finite; [`OnNan::Stop`] unless set.
    pub fn on_nan(mut self, on_nan: OnNan) -> Self {
        self.on_nan = on_nan;
        self
    }

    /// Asked between any two batches: with `true` the training saves its state (where it has [`Checkpoints`]) and ends
    /// with [`Error::Stopped`](crate::Error::Stopped). For signals and for time limits.
    pub fn stop_when(mut self, stop: impl Fn(Boundary) -> bool + Send + Sync + 'static) -> Self {
        self.stop_when = Some(StopWhen(Arc::new(stop)));
        self
    }

    /// Saves the whole state of the training now and then, so that it can be taken up again with the bits that it
    /// would have had.
    ///
    /// ```
    /// use vanilla::prelude::*;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let folder = folder.path().join("checkpoint");
    /// let x = Tensor::new(vec![0.0f32, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [4, 2])?;
    /// let y = Tensor::new(vec![0.0f32, 1.0, 1.0, 0.0], [4])?;
    /// let train = |options: Fit| {
    ///     let layers = layers![Dense::new(8).activation("tanh").input_dim(2), Dense::new(1)];
    ///     let mut model = Sequential::new(layers)?;
    ///     model.compile("mse", "adam", ["mae"])?;
    ///     model.fit(&x, &y, options.batch_size(2).verbose(0))?;
    ///     Ok::<_, vanilla::Error>(model.weights_sha256())
    /// };
    /// // Stopped in the middle of the third of five epochs, and taken up again, perhaps by another process.
    /// let stopped = train(
    ///     Fit::new()
    ///         .epochs(5)
    ///         .checkpoints(Checkpoints::new(&folder))
    ///         .stop_when(|done| done.epochs == 2 && done.batches == 1),
    /// );
    /// assert!(matches!(stopped, Err(Error::Stopped { .. })));
    /// let resumed = train(Fit::new().epochs(5).checkpoints(Checkpoints::new(&folder).resume(true)))?;
    /// assert_eq!(resumed, train(Fit::new().epochs(5))?);
    /// # Ok::<(), vanilla::Error>(())
    /// ```
    pub fn checkpoints(mut self, checkpoints: Checkpoints) -> Self {
        self.checkpoints = Some(checkpoints);
        self
    }
}

impl Fit {
    /// Rows of a step in a training on this many rows.
    pub(crate) fn batch_rows(&self, rows: usize) -> usize {
        let cut = || self.steps_per_epoch.map_or(32, |steps| rows.div_ceil(steps.max(1)));
        self.batch_size.unwrap_or_else(cut).min(rows)
    }

    /// Steps of an epoch on this many rows.
    pub(crate) fn steps(&self, rows: usize) -> usize {
        self.steps_per_epoch.unwrap_or_else(|| rows.div_ceil(self.batch_rows(rows).max(1)))
    }

    /// Whether each epoch sees the rows in a new order.
    pub(crate) fn shuffles(&self) -> bool {
        self.shuffle.unwrap_or(true)
    }

    /// Rows of a step of the validation.
    pub(crate) fn validation_rows(&self, train: usize, validation: usize) -> usize {
        self.validation_batch_size.unwrap_or_else(|| self.batch_rows(train)).min(validation)
    }
}

/// After which epochs a training validates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidationFreq {
    /// After every n-th.
    Every(usize),
    /// After these, counted from 1.
    After(Vec<usize>),
}

impl ValidationFreq {
    /// Whether it is due after this epoch, counted from 0.
    pub(crate) fn is_due(&self, epoch: usize) -> bool {
        match self {
            Self::Every(n) => (epoch + 1).is_multiple_of((*n).max(1)),
            Self::After(epochs) => epochs.contains(&(epoch + 1)),
        }
    }
}

impl From<usize> for ValidationFreq {
    fn from(n: usize) -> Self {
        Self::Every(n)
    }
}

impl<const N: usize> From<[usize; N]> for ValidationFreq {
    fn from(epochs: [usize; N]) -> Self {
        Self::After(epochs.to_vec())
    }
}

impl From<Vec<usize>> for ValidationFreq {
    fn from(epochs: Vec<usize>) -> Self {
        Self::After(epochs)
    }
}

/// Where the state of a training is saved, and when. See [`Fit::checkpoints`].
#[derive(Clone, Debug)]
pub struct Checkpoints {
    pub(crate) folder: PathBuf,
    pub(crate) every: Every,
    pub(crate) resume: bool,
    pub(crate) accept_changes: bool,
    pub(crate) replace: bool,
}

impl Checkpoints {
    /// Checkpoints in this folder, which is made where it is missing. A folder that holds the checkpoints of an earlier
    /// training is refused, unless that is taken up ([`Checkpoints::resume`]) or replaced ([`Checkpoints::replace`]).
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self {
            folder: folder.as_ref().to_owned(),
            every: Every::Auto,
            resume: false,
            accept_changes: false,
            replace: false,
        }
    }

    /// When to save besides at the end and when asked to stop; [`Every::Auto`] unless set.
    pub fn every(mut self, every: Every) -> Self {
        self.every = every;
        self
    }

    /// Goes on from the newest checkpoint that is whole, in the middle of an epoch if need be; starts afresh where
    /// there is none. More epochs than before extend the training; anything else that decides its bits has to be what
    /// it was, or is refused with the difference.
    pub fn resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    /// Resumes also where something has changed, as long as the weights and the optimizer's state fit: batch size,
    /// learning rate, data, seed, rates of dropout, … An epoch that was begun begins again, on the weights that there
    /// are. [`History::changes`](crate::History::changes) says what was taken over.
    pub fn accept_changes(mut self, accept: bool) -> Self {
        self.accept_changes = accept;
        self
    }

    /// Starts afresh where there are checkpoints of an earlier training, and removes them.
    pub fn replace(mut self, replace: bool) -> Self {
        self.replace = replace;
        self
    }
}

/// When to save the state of a training besides at the end and when asked to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Every {
    /// At the first end of a batch after a second, or after a hundred times what the last save took if that is more:
    /// saving then costs less than a hundredth of the time.
    #[default]
    Auto,
    /// At the first end of a batch after this time.
    Time(Duration),
    /// At the end of each epoch.
    Epoch,
}

/// A place between two batches of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// Epochs that are finished.
    pub epochs: usize,
    /// Batches of the next epoch that are finished.
    pub batches: usize,
}

/// What to do about a batch whose loss is not finite. Its update is never made: the weights stay those of the last good
/// step, whatever follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnNan {
    /// The training ends with [`Error::Diverged`](crate::Error::Diverged); the last checkpoint stays as it is.
    #[default]
    Stop,
    /// The batch counts neither as a step nor in the means; [`History::skipped`](crate::History::skipped) counts such
    /// batches. An epoch without any good batch ends the training as `Stop` does.
    Skip,
    /// Back to the beginning of the epoch, and on with half the learning rate. That place depends on nothing but the
    /// experiment, so such a run has the same bits each time, interrupted or not. After ten times the training ends
    /// as with `Stop`: the learning rate is a thousandth by then and was not the cause.
    Rollback,
}

/// Times that [`OnNan::Rollback`] goes back: the learning rate is 1/1024 then.
pub(crate) const MAX_ROLLBACKS: usize = 10;

impl OnNan {
    /// All of them, by name.
    pub const NAMES: [(&'static str, Self); 3] =
        [("stop", Self::Stop), ("skip", Self::Skip), ("rollback", Self::Rollback)];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, policy)| *policy == self).map_or("stop", |(name, _)| name)
    }
}

impl std::str::FromStr for OnNan {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, policy)| *policy).ok_or_else(|| "expected stop, skip or rollback".to_owned())
    }
}

type Ask = dyn Fn(Boundary) -> bool + Send + Sync;

/// See [`Fit::stop_when`].
#[derive(Clone)]
pub(crate) struct StopWhen(Arc<Ask>);

impl StopWhen {
    pub fn asks_to_stop(&self, boundary: Boundary) -> bool {
        (self.0)(boundary)
    }
}

impl fmt::Debug for StopWhen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopWhen")
    }
}
