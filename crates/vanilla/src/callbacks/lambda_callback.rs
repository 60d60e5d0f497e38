//! `LambdaCallback`: functions as a callback.
//!
//! **Config** none: functions have no place in a file, so the word is refused there
//! **Reference** `keras.callbacks.LambdaCallback`, with its six functions. Each gets the training besides, which
//! Keras hands over as `self.model`. What the functions do may decide the bits of a training, and nobody can tell
//! whether they are still the same ones when it is taken up again.

use super::{Callback, Training};
use crate::config::Config;
use crate::error::Result;
use crate::history::Logs;
use std::fmt;

type OnEpoch = Box<dyn FnMut(usize, &mut Logs, &mut Training<'_>) -> Result<()> + Send>;
type OnTrain = Box<dyn FnMut(&mut Training<'_>) -> Result<()> + Send>;
type OnBatchBegin = Box<dyn FnMut(usize, &mut Training<'_>) -> Result<()> + Send>;
type OnBatchEnd = Box<dyn FnMut(usize, &Logs, &mut Training<'_>) -> Result<()> + Send>;

/// Functions as a callback.
///
/// ```
/// use vanilla::callbacks::LambdaCallback;
/// use vanilla::prelude::*;
/// let mut model = Sequential::new(layers![Dense::new(1).input_dim(1)])?;
/// model.compile("mse", "sgd", ["mae"])?;
/// let enough = LambdaCallback::new().on_epoch_end(|_, logs, training| {
///     if logs["loss"] < 0.01 {
///         training.stop_training();
///     }
///     Ok(())
/// });
/// let (x, y) = (Tensor::new(vec![0.0f32, 1.0], [2, 1])?, Tensor::new(vec![1.0f32, 2.0], [2, 1])?);
/// let history = model.fit(&x, &y, Fit::new().epochs(1000).verbose(0).callback(enough))?;
/// assert!(history.epoch.len() < 1000);
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Default)]
pub struct LambdaCallback {
    on_epoch_begin: Option<OnEpoch>,
    on_epoch_end: Option<OnEpoch>,
    on_train_begin: Option<OnTrain>,
    on_train_end: Option<OnTrain>,
    on_train_batch_begin: Option<OnBatchBegin>,
    on_train_batch_end: Option<OnBatchEnd>,
}

impl LambdaCallback {
    pub(super) const CLASS: &'static str = "LambdaCallback";

    /// Does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// See [`Callback::on_epoch_begin`].
    pub fn on_epoch_begin(
        mut self,
        call: impl FnMut(usize, &mut Logs, &mut Training<'_>) -> Result<()> + Send + 'static,
    ) -> Self {
        self.on_epoch_begin = Some(Box::new(call));
        self
    }

    /// See [`Callback::on_epoch_end`].
    pub fn on_epoch_end(
        mut self,
        call: impl FnMut(usize, &mut Logs, &mut Training<'_>) -> Result<()> + Send + 'static,
    ) -> Self {
        self.on_epoch_end = Some(Box::new(call));
        self
    }

    /// See [`Callback::on_train_begin`].
    pub fn on_train_begin(mut self, call: impl FnMut(&mut Training<'_>) -> Result<()> + Send + 'static) -> Self {
        self.on_train_begin = Some(Box::new(call));
        self
    }

    /// See [`Callback::on_train_end`].
    pub fn on_train_end(mut self, call: impl FnMut(&mut Training<'_>) -> Result<()> + Send + 'static) -> Self {
        self.on_train_end = Some(Box::new(call));
        self
    }

    /// See [`Callback::on_train_batch_begin`].
    pub fn on_train_batch_begin(
        mut self,
        call: impl FnMut(usize, &mut Training<'_>) -> Result<()> + Send + 'static,
    ) -> Self {
        self.on_train_batch_begin = Some(Box::new(call));
        self
    }

    /// See [`Callback::on_train_batch_end`].
    pub fn on_train_batch_end(
        mut self,
        call: impl FnMut(usize, &Logs, &mut Training<'_>) -> Result<()> + Send + 'static,
    ) -> Self {
        self.on_train_batch_end = Some(Box::new(call));
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Err(config.error("it is made of functions, which a file cannot hold: register a callback of your own"))
    }
}

impl fmt::Debug for LambdaCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::CLASS)
    }
}

impl Callback for LambdaCallback {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn wants_batches(&self) -> bool {
        self.on_train_batch_begin.is_some() || self.on_train_batch_end.is_some()
    }

    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        self.on_train_begin.as_mut().map_or(Ok(()), |call| call(training))
    }

    fn on_train_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        self.on_train_end.as_mut().map_or(Ok(()), |call| call(training))
    }

    fn on_epoch_begin(&mut self, epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        self.on_epoch_begin.as_mut().map_or(Ok(()), |call| call(epoch, logs, training))
    }

    fn on_epoch_end(&mut self, epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        self.on_epoch_end.as_mut().map_or(Ok(()), |call| call(epoch, logs, training))
    }

    fn on_train_batch_begin(&mut self, batch: usize, training: &mut Training<'_>) -> Result<()> {
        self.on_train_batch_begin.as_mut().map_or(Ok(()), |call| call(batch, training))
    }

    fn on_train_batch_end(&mut self, batch: usize, logs: &Logs, training: &mut Training<'_>) -> Result<()> {
        self.on_train_batch_end.as_mut().map_or(Ok(()), |call| call(batch, logs, training))
    }
}
