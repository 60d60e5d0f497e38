//! [`Feed`]: where the batches of a training come from. [`Table`] is the usual one: all rows in memory.

use crate::data::{Prepared, View};
use crate::error::Result;
use crate::model::Model;
use crate::options::Fit;
use crate::run::Run;
use vanilla_plan::Batch;

/// Batches, epoch for epoch.
pub(crate) trait Feed {
    /// Makes the batch of this number ready; both count from 0. False: the epoch has no such batch, and the one
    /// before it stays.
    ///
    /// # Errors
    /// When the batch cannot be had.
    fn turn_to(&mut self, model: &Model, epoch: usize, number: usize) -> Result<bool>;

    /// The number that the first row of the data has in its epoch.
    fn first_sample(&self) -> usize {
        0
    }

    /// Does something with the batch that is ready, and the data that it is of.
    fn with<R>(&self, work: impl FnOnce(&Prepared, Batch<'_>) -> R) -> R;
}

/// The rows of tables in an order. Where an epoch has as many steps as the data have batches, each has an order of
/// its own; else the batches of one order go on from epoch to epoch.
pub(crate) struct Table<'a> {
    data: &'a Prepared,
    view: View<'a>,
    rows: Vec<usize>,
    /// Which order this is: one for each time through the data.
    pass: Option<usize>,
    /// Where the batch begins in the order.
    start: usize,
    batch_size: usize,
    steps: usize,
    initial_epoch: usize,
    /// Epochs that the model had been trained for when this training began.
    before: u64,
    shuffle: bool,
}

impl<'a> Table<'a> {
    pub fn new(model: &Model, run: &Run, options: &Fit, data: &'a Prepared) -> Self {
        Self {
            view: data.view(),
            rows: Vec::new(),
            pass: None,
            start: 0,
            batch_size: options.batch_rows(data.rows),
            steps: options.steps(data.rows),
            initial_epoch: options.initial_epoch,
            before: model.epochs_done - (run.state.epoch - options.initial_epoch) as u64,
            shuffle: options.shuffles(),
            data,
        }
    }

    /// Which time through the data a batch belongs to, and its place there.
    fn place(&self, epoch: usize, number: usize) -> (usize, usize) {
        let number = (epoch - self.initial_epoch) * self.steps + number;
        let batches = self.data.rows.div_ceil(self.batch_size);
        (number / batches, number % batches)
    }
}

impl Feed for Table<'_> {
    fn turn_to(&mut self, model: &Model, epoch: usize, number: usize) -> Result<bool> {
        if number >= self.steps {
            return Ok(false);
        }
        let (pass, place) = self.place(epoch, number);
        if self.pass != Some(pass) {
            self.rows = model.order(self.before + pass as u64, self.data.rows, self.shuffle);
            self.pass = Some(pass);
        }
        self.start = place * self.batch_size;
        Ok(true)
    }

    fn with<R>(&self, work: impl FnOnce(&Prepared, Batch<'_>) -> R) -> R {
        let middle = (self.start + self.batch_size).min(self.rows.len());
        let end = (middle + self.batch_size).min(self.rows.len());
        work(self.data, self.view.batch(&self.rows[self.start..middle], &self.rows[middle..end]))
    }
}
