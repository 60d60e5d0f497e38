//! [`Model::fit_stream`]: training on data that are made while it goes on, and may be larger than the memory.
//!
//! A thread of its own asks the source for batches and keeps [`AHEAD`] of them ready. It ends with the training,
//! however that ends.

use crate::arrays::Arrays;
use crate::data::{Prepared, Weights};
use crate::error::{Error, Result};
use crate::feed::Feed;
use crate::fit::Validator;
use crate::history::History;
use crate::meter::Meter;
use crate::model::{Model, NOT_BUILT, NOT_COMPILED};
use crate::options::{Fit, OnNan};
use crate::report::{Report, Terminal, Work};
use crate::run::Run;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use vanilla_plan::Batch;

/// Batches that wait for the training.
const AHEAD: usize = 2;

/// A batch of a [`Stream`]: inputs, targets, and what each sample counts if not 1.
#[derive(Clone, Debug)]
pub struct StreamBatch {
    x: Arrays,
    y: Arrays,
    sample_weight: Option<Arrays>,
}

impl<X: Into<Arrays>, Y: Into<Arrays>> From<(X, Y)> for StreamBatch {
    fn from((x, y): (X, Y)) -> Self {
        Self { x: x.into(), y: y.into(), sample_weight: None }
    }
}

impl<X: Into<Arrays>, Y: Into<Arrays>, W: Into<Arrays>> From<(X, Y, W)> for StreamBatch {
    fn from((x, y, weights): (X, Y, W)) -> Self {
        Self { x: x.into(), y: y.into(), sample_weight: Some(weights.into()) }
    }
}

/// Where the batches of [`Model::fit_stream`] come from. A function from the number of the epoch to an iterator is
/// one.
pub trait Stream: Send {
    /// The batches of an epoch. An error ends the training with its message.
    type Batches: Iterator<Item = Result<StreamBatch>>;

    /// The batches of this epoch, counted from 0.
    fn epoch(&mut self, epoch: usize) -> Self::Batches;
}

impl<F, I, B> Stream for F
where
    F: FnMut(usize) -> I + Send,
    I: Iterator<Item = Result<B>>,
    B: Into<StreamBatch>,
{
    type Batches = std::iter::Map<I, fn(Result<B>) -> Result<StreamBatch>>;

    fn epoch(&mut self, epoch: usize) -> Self::Batches {
        self(epoch).map(|batch| batch.map(Into::into))
    }
}

impl Model {
    /// Trains on the batches of a source, in the order in which it gives them: for data that do not fit into
    /// memory, or are made on the way. The weights are those that [`Model::fit`] gives on the same batches.
    ///
    /// ```
    /// use vanilla::prelude::*;
    /// let mut model = Sequential::new(layers![Dense::new(1).input_dim(2)])?;
    /// model.compile("mse", "sgd", ["mae"])?;
    /// // Three batches an epoch; a program would read them from files here.
    /// let source = |epoch: usize| {
    ///     (0..3).map(move |batch| {
    ///         let x: Vec<f32> = (0..8).map(|i| ((epoch * 24 + batch * 8 + i) % 7) as f32).collect();
    ///         let y: Vec<f32> = x.chunks(2).map(|x| x[0] - x[1]).collect();
    ///         Ok((Tensor::new(x, [4, 2])?, Tensor::new(y, [4, 1])?))
    ///     })
    /// };
    /// let history = model.fit_stream(source, Fit::new().epochs(2).verbose(0))?;
    /// assert_eq!((history.epoch.len(), model.iterations()), (2, 6));
    /// # Ok::<(), vanilla::Error>(())
    /// ```
    ///
    /// With [`Fit::steps_per_epoch`] an epoch takes this many batches of what the source gives for it; without,
    /// all of them. A callback finds 0 as the number of batches in the first epoch then.
    ///
    /// # Errors
    /// As [`Model::fit`]; those of the source; where the source panics or an epoch has fewer batches than it
    /// should. What only data in memory can have is refused: `checkpoints`, `validation_split`, `shuffle`,
    /// `class_weight`, `sample_weight`, `batch_size`, and going back on a loss that is not finite.
    pub fn fit_stream(&mut self, source: impl Stream, options: Fit) -> Result<History> {
        self.fit_stream_with_output(source, options, Box::new(std::io::stderr()), Terminal::of_stderr())
    }

    /// [`Model::fit_stream`] with its progress written elsewhere.
    ///
    /// # Errors
    /// As [`Model::fit_stream`].
    pub fn fit_stream_with_output(
        &mut self,
        mut source: impl Stream,
        options: Fit,
        out: Box<dyn Write>,
        terminal: Terminal,
    ) -> Result<History> {
        refuse_what_needs_tables(&options)?;
        let epochs = options.initial_epoch..options.epochs;
        let steps = options.steps_per_epoch;
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(AHEAD);
            let read =
                move || epochs.into_iter().try_for_each(|epoch| read_epoch(&mut source, epoch, steps, &sender));
            std::thread::Builder::new()
                .name("vanilla-stream".into())
                .spawn_scoped(scope, read)
                .map_err(|error| Error::data("fit_stream", format!("no thread to read ahead: {error}")))?;
            // The receiver goes with this call, and then the thread ends too.
            self.train_from(
                Streamed { receiver, steps, batch: None, got: 0, before: 0, peeked: None },
                options,
                out,
                terminal,
            )
        })
    }

    fn train_from(
        &mut self,
        mut stream: Streamed,
        mut options: Fit,
        out: Box<dyn Write>,
        terminal: Terminal,
    ) -> Result<History> {
        // What comes first may say which shapes there are.
        let first =
            if options.initial_epoch < options.epochs { stream.peek(options.initial_epoch)? } else { None };
        let rows = match first {
            Some(first) => {
                self.build_for(&first.x)?;
                first.x.0.first().map_or(1, |x| x.rows().max(1))
            }
            None => 1,
        };
        options.batch_size = Some(rows);
        let validation = options.validation_data.take().map(|(x, y, sample)| {
            let (built, compiled) = (self.built.as_ref().ok_or(NOT_BUILT)?, self.compiled.as_ref());
            let weights = Weights { sample: sample.as_ref(), class: None };
            Prepared::new("validation_data", built, compiled.ok_or(NOT_COMPILED)?, &x, &y, weights)
        });
        let validation = validation.transpose()?;
        self.kernels(rows, true)?;
        let mut meter = Meter::new(self)?;
        self.attach_optimizer();
        let work = Work { steps: stream.steps, samples: None };
        let report = Report::new(out, terminal, options.verbose, options.flavor, work);
        let run = Run::begin(self, &mut meter, &options, stream.steps, None, report)?;
        let validator = match validation {
            Some(data) => Some(Validator::new(self, data, &options, rows)?),
            None => None,
        };
        self.train(run, meter, &mut stream, rows, validator)
    }
}

/// Keys of [`Fit`] that mean nothing here.
fn refuse_what_needs_tables(options: &Fit) -> Result<()> {
    for (asked, key, way_out) in [
        (options.checkpoints.is_some(), "checkpoints", "save with the callback ModelCheckpoint"),
        (options.validation_split != 0.0, "validation_split", "give validation_data"),
        (options.shuffle == Some(true), "shuffle", "let the source give the batches in the order that is wanted"),
        (options.class_weight.is_some(), "class_weight", "let the source give a weight for each sample"),
        (options.sample_weight.is_some(), "sample_weight", "let the source give it with each batch"),
        (options.batch_size.is_some(), "batch_size", "let the source give batches of this many rows"),
        (options.on_nan == OnNan::Rollback, "on_nan rollback", "choose skip or stop"),
    ] {
        if asked {
            let problem = format!("{key} is not possible with a stream, which is read once: {way_out}");
            return Err(Error::data("fit_stream", problem));
        }
    }
    if options.steps_per_epoch == Some(0) {
        return Err(Error::data("fit_stream", "steps_per_epoch = 0, expected at least 1 step an epoch"));
    }
    Ok(())
}

/// What the thread hands over: a batch, an error after which nothing comes, or the end of an epoch.
type Message = Result<Option<StreamBatch>>;

/// Reads an epoch; nothing where nobody listens any more.
fn read_epoch(
    source: &mut impl Stream,
    epoch: usize,
    steps: Option<usize>,
    sender: &SyncSender<Message>,
) -> Option<()> {
    let hand_over = |message: Message| {
        let ends = message.is_err();
        sender.send(message).ok().filter(|()| !ends)
    };
    // The iterator is not used after it has panicked, and neither is the source.
    let read = catch_unwind(AssertUnwindSafe(|| {
        let mut batches = source.epoch(epoch).take(steps.unwrap_or(usize::MAX));
        batches.try_for_each(|batch| hand_over(batch.map(Some)))
    }));
    match read {
        Ok(done) => {
            done?;
            hand_over(Ok(None))
        }
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            hand_over(Err(Error::data(
                "fit_stream",
                format!("the source panicked in epoch {}: {text}", epoch + 1),
            )))
        }
    }
}

/// Batches as they come from the thread.
struct Streamed {
    receiver: Receiver<Message>,
    /// Batches of an epoch, if that is to be so.
    steps: Option<usize>,
    /// The batch that is worked on, with the numbers of its rows.
    batch: Option<(Prepared, Vec<usize>)>,
    /// Batches of the epoch that were handed out.
    got: usize,
    /// Rows of the epoch before those of the batch.
    before: usize,
    /// What came before it was asked for.
    peeked: Option<Message>,
}

impl Streamed {
    fn receive(&mut self) -> Message {
        self.peeked.take().unwrap_or_else(|| {
            let gone = |_| Err(Error::data("fit_stream", "the source ended before the training"));
            self.receiver.recv().unwrap_or_else(gone)
        })
    }

    /// The first batch, which stays.
    fn peek(&mut self, epoch: usize) -> Result<Option<&StreamBatch>> {
        match self.receive()? {
            Some(batch) => Ok(self.peeked.insert(Ok(Some(batch))).as_ref().ok().and_then(Option::as_ref)),
            None => Err(self.too_few(epoch)),
        }
    }

    fn too_few(&self, epoch: usize) -> Error {
        let (epoch, got) = (epoch + 1, self.got);
        Error::data(
            "fit_stream",
            match self.steps {
                Some(steps) => format!(
                    "the source gave {got} batches for epoch {epoch}, expected {steps} (steps_per_epoch): ask for fewer, or \
                 let it give more"
                ),
                None => format!("the source gave no batch for epoch {epoch}, expected at least one"),
            },
        )
    }
}

impl Feed for Streamed {
    fn turn_to(&mut self, model: &Model, epoch: usize, number: usize) -> Result<bool> {
        if number == 0 {
            (self.got, self.before) = (0, 0);
        }
        let Some(next) = self.receive()? else {
            let too_few = self.got == 0 || self.steps.is_some_and(|steps| self.got < steps);
            return if too_few { Err(self.too_few(epoch)) } else { Ok(false) };
        };
        let place = format!("fit_stream: epoch {}, batch {}", epoch + 1, number + 1);
        let (built, compiled) =
            (model.built.as_ref().ok_or(NOT_BUILT)?, model.compiled.as_ref().ok_or(NOT_COMPILED)?);
        let weights = Weights { sample: next.sample_weight.as_ref(), class: None };
        let data = Prepared::new(&place, built, compiled, &next.x, &next.y, weights)?;
        // The same masks as in a table of the whole epoch.
        if let (true, Some((_, rows))) = (number > 0, &self.batch) {
            self.before += rows.len();
        }
        let rows = (0..data.rows).collect();
        self.batch = Some((data, rows));
        self.got += 1;
        Ok(true)
    }

    fn first_sample(&self) -> usize {
        self.before
    }

    fn with<R>(&self, work: impl FnOnce(&Prepared, Batch<'_>) -> R) -> R {
        let (data, rows) = self.batch.as_ref().expect("a batch was turned to");
        work(data, data.view().batch(rows, &[]))
    }
}
