//! Training from a source of batches: the bits of `fit`, and every way in which it may end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Weak};
use vanilla::callbacks::{EarlyStopping, LambdaCallback, TerminateOnNaN};
use vanilla::prelude::*;
use vanilla::{Arrays, Boundary, Terminal};

const ROWS: usize = 22;
const BATCH: usize = 6;

fn data() -> (Tensor, Tensor, Tensor) {
    let x: Vec<f32> = (0..ROWS * 3).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
    let y: Vec<i64> = (0..ROWS).map(|row| (row * 7 % 3) as i64).collect();
    let w: Vec<f32> = (0..ROWS).map(|row| 0.5 + (row % 3) as f32).collect();
    (Tensor::new(x, [ROWS, 3]).unwrap(), Tensor::new(y, [ROWS]).unwrap(), Tensor::new(w, [ROWS]).unwrap())
}

fn rows(tensor: &Tensor, from: usize, to: usize) -> Tensor {
    let width = tensor.width();
    let shape = [&[to - from], &tensor.shape()[1..]].concat();
    match tensor.dtype() {
        F32 => Tensor::new(tensor.to_f32()[from * width..to * width].to_vec(), shape).unwrap(),
        _ => {
            let values: Vec<i64> = tensor.to_f32()[from..to].iter().map(|value| *value as i64).collect();
            Tensor::new(values, shape).unwrap()
        }
    }
}

type Weighted = Result<(Arrays, Arrays, Arrays)>;

/// The batches of `fit` without shuffling.
fn batches(_epoch: usize) -> impl Iterator<Item = Weighted> {
    let (x, y, w) = data();
    (0..ROWS).step_by(BATCH).map(move |from| {
        let to = (from + BATCH).min(ROWS);
        Ok((rows(&x, from, to).into(), rows(&y, from, to).into(), rows(&w, from, to).into()))
    })
}

fn model() -> Model {
    let layers =
        layers![Dense::new(40).activation("tanh"), Dropout::new(0.3), Dense::new(3).activation("softmax")];
    let mut model = Sequential::new(layers).unwrap().with_seed(5).unwrap();
    model.compile("sparse_categorical_crossentropy", "adam", ["acc"]).unwrap();
    model
}

/// Callbacks, validation and weights included; the model is built by the first batch.
#[test]
fn the_bits_of_fit() {
    let (x, y, w) = data();
    let options = || {
        let stopping = EarlyStopping::new().monitor("loss").mode("max").patience(2).restore_best_weights(true);
        Fit::new().epochs(5).verbose(0).validation_data(&x, &y).callback(stopping)
    };
    let mut fitted = model();
    let want = fitted.fit(&x, &y, options().batch_size(BATCH).shuffle(false).sample_weight(&w)).unwrap();
    assert!((2..5).contains(&want.epoch.len()));
    for threads in [1, 2, 5] {
        let mut streamed = model().with_threads(threads);
        let found = streamed.fit_stream(batches, options().shuffle(false)).unwrap();
        assert_eq!((found.history, found.epoch, found.steps), (want.history.clone(), want.epoch.clone(), 4));
        assert!(streamed.to_keras().unwrap() == fitted.to_keras().unwrap(), "{threads} threads");
    }
}

/// Later batches may be larger than the first one, and epochs differ in length.
/// Arrays in files of numpy's, read in blocks; what is wrong with them is said with the file's name.
#[test]
fn files_of_arrays() {
    use vanilla::datasets::stream_arrays;
    use vanilla::formats::{Array, Data, npy};
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, shape: &[usize], data: Data| {
        let path = folder.path().join(name);
        std::fs::write(&path, npy::write(&Array::new(shape.to_vec(), data).unwrap())).unwrap();
        path
    };
    let (x, y, _) = data();
    let x_file = write("x.npy", &[ROWS, 3], Data::F32(x.to_f32()));
    let y_file = write("y.npy", &[ROWS], Data::I64(y.to_i64()));
    let mut fitted = model();
    fitted.fit(&x, &y, Fit::new().epochs(3).batch_size(BATCH).shuffle(false).verbose(0)).unwrap();
    let mut streamed = model();
    let stream = stream_arrays(&x_file, &y_file, BATCH).unwrap();
    streamed.fit_stream(stream.clone(), Fit::new().epochs(3).verbose(0)).unwrap();
    assert_eq!(streamed.weights_sha256(), fitted.weights_sha256());

    let text = |x: &std::path::Path, y: &std::path::Path| stream_arrays(x, y, BATCH).unwrap_err().to_string();
    let short = write("short.npy", &[ROWS - 1], Data::I64(vec![0; ROWS - 1]));
    assert_eq!(
        text(&x_file, &short),
        format!("{}: 21 rows, expected 22, as many as {} has", short.display(), x_file.display())
    );
    let bytes = std::fs::read(&x_file).unwrap();
    std::fs::write(&x_file, &bytes[..bytes.len() - 1]).unwrap();
    let cut =
        format!("{}: npy, data of shape [22, 3]: truncated: expected 264 bytes, found 263", x_file.display());
    assert_eq!(text(&x_file, &y_file), cut);
    // Also between two epochs.
    let error = streamed.fit_stream(stream, Fit::new().verbose(0)).unwrap_err().to_string();
    assert_eq!(error, cut);
}

#[test]
fn batches_of_any_size() {
    let (x, ..) = data();
    let y = x.clone();
    let source = |epoch: usize| {
        let (x, ..) = data();
        let y = x.clone();
        let cuts = if epoch == 0 { vec![0, 1, 9, ROWS] } else { vec![0, ROWS] };
        let pairs: Vec<_> = cuts.windows(2).map(|cut| (cut[0], cut[1])).collect();
        pairs.into_iter().map(move |(from, to)| Ok((rows(&x, from, to), rows(&y, from, to))))
    };
    let model = || {
        let mut model = Sequential::new(layers![Dense::new(40).activation("tanh"), Dense::new(3)]).unwrap();
        model.compile("mse", "adam", ["mae"]).unwrap();
        model
    };
    let mut streamed = model();
    let history = streamed.fit_stream(source, Fit::new().epochs(2).verbose(0)).unwrap();
    assert_eq!((streamed.iterations(), history.steps), (4, 3));
    let mut by_hand = model();
    for (from, to) in [(0, 1), (1, 9), (9, ROWS), (0, ROWS)] {
        by_hand.train_on_batch(rows(&x, from, to), rows(&y, from, to)).unwrap();
    }
    assert_eq!(streamed.weights_sha256(), by_hand.weights_sha256());
}

#[test]
fn steps_per_epoch() {
    let endless = |_: usize| std::iter::repeat_with(|| batches(0).next().unwrap());
    let mut streamed = model();
    let history = streamed.fit_stream(endless, Fit::new().epochs(3).steps_per_epoch(2).verbose(0)).unwrap();
    assert_eq!((streamed.iterations(), history.steps, history.epoch.len()), (6, 2, 3));
    let error = model().fit_stream(batches, Fit::new().steps_per_epoch(5).verbose(0)).unwrap_err().to_string();
    assert!(error.contains("the source gave 4 batches for epoch 1, expected 5 (steps_per_epoch)"), "{error}");
    let nothing = |_: usize| std::iter::empty::<Weighted>();
    let error = model().fit_stream(nothing, Fit::new().verbose(0)).unwrap_err().to_string();
    assert_eq!(error, "fit_stream: the source gave no batch for epoch 1, expected at least one");
}

/// A source that tells how far it was read, and whether it is still there.
struct Counted {
    count: Arc<AtomicUsize>,
    fails_at: usize,
}

impl vanilla::Stream for Counted {
    type Batches = Box<dyn Iterator<Item = Result<vanilla::StreamBatch>>>;

    fn epoch(&mut self, epoch: usize) -> Self::Batches {
        let (count, fails_at) = (self.count.clone(), self.fails_at);
        Box::new(batches(epoch).map(move |batch| match count.fetch_add(1, Ordering::SeqCst) {
            n if n == fails_at => Err(Error::File { path: "part-3".into(), problem: "is torn".into() }),
            n if n == fails_at + 1000 => panic!("out of paper"),
            _ => batch.map(Into::into),
        }))
    }
}

/// The outcome of a training on such a source, what was read, and whether anything of the source is left.
fn counted(fails_at: usize, start: usize, options: Fit) -> (Result<History>, usize, bool) {
    let count = Arc::new(AtomicUsize::new(start));
    let left: Weak<AtomicUsize> = Arc::downgrade(&count);
    let outcome = model().fit_stream(Counted { count: count.clone(), fails_at }, options.verbose(0));
    let read = count.load(Ordering::SeqCst) - start;
    drop(count);
    (outcome, read, left.upgrade().is_some())
}

#[test]
fn however_it_ends_the_source_is_gone() {
    let never = usize::MAX - 2000;
    let (done, read, left) = counted(never, 0, Fit::new().epochs(3));
    assert!(done.is_ok() && !left);
    assert_eq!(read, 12);
    // An error of the source, with its message, and what was trained before.
    let (error, read, left) = counted(6, 0, Fit::new().epochs(3));
    assert_eq!((error.unwrap_err().to_string(), read, left), ("part-3: is torn".to_owned(), 7, false));
    // A panic.
    let (error, _, left) = counted(6, 1004, Fit::new().epochs(3));
    let error = error.unwrap_err().to_string();
    assert_eq!((&*error, left), ("fit_stream: the source panicked in epoch 1: out of paper", false));
    // Stopped by a callback, at most so far ahead: one that is worked on, two that wait, one in hand.
    let stop = LambdaCallback::new().on_train_batch_end(|batch, _, training| {
        if batch == 1 {
            training.stop_training();
        }
        Ok(())
    });
    let (done, read, left) = counted(never, 0, Fit::new().epochs(30).callback(stop));
    assert_eq!((done.unwrap().epoch, left), (vec![0], false));
    assert!(read <= 2 + 3, "{read}");
    // Asked to stop.
    let (error, read, left) =
        counted(never, 0, Fit::new().epochs(30).stop_when(|done| done == Boundary { epochs: 1, batches: 2 }));
    assert!(matches!(error, Err(Error::Stopped { epochs: 1, batches: 2, saved: false, .. })), "{error:?}");
    assert!(read <= 6 + 3 && !left, "{read}");
}

/// Data that do not fit say where they stand.
#[test]
fn data_that_do_not_fit() {
    let source = |epoch: usize| {
        let (x, y, _) = data();
        (0..2).map(move |batch| {
            let x =
                if (epoch, batch) == (1, 1) { Tensor::new(vec![0.0f32; 2 * ROWS], [ROWS, 2])? } else { x.clone() };
            Ok((x, y.clone()))
        })
    };
    let error = model().fit_stream(source, Fit::new().epochs(2).verbose(0)).unwrap_err().to_string();
    assert!(
        error.starts_with("fit_stream: epoch 2, batch 2: x has 2 columns (shape [22, 2]), expected 3"),
        "{error}"
    );
    let huge = |_: usize| {
        (0..1).map(|_| Ok((Tensor::new(vec![1e30f32; 3], [1, 3])?, Tensor::new(vec![1e30f32], [1, 1])?)))
    };
    let mut model = Sequential::new(layers![Dense::new(1).input_dim(3)]).unwrap();
    model.compile("mse", "sgd", ["mae"]).unwrap();
    let error = model.fit_stream(huge, Fit::new().verbose(0)).unwrap_err();
    assert!(matches!(error, Error::Diverged { epoch: 1, batch: 1, .. }), "{error}");
    let history = model.fit_stream(huge, Fit::new().verbose(0).callback(TerminateOnNaN::new())).unwrap();
    assert!(history["loss"][0].is_nan());
}

#[test]
fn what_is_not_possible() {
    let (x, _, w) = data();
    for (options, key) in [
        (Fit::new().checkpoints(Checkpoints::new("nowhere")), "checkpoints"),
        (Fit::new().validation_split(0.2), "validation_split"),
        (Fit::new().shuffle(true), "shuffle"),
        (Fit::new().class_weight([(0, 2.0)]), "class_weight"),
        (Fit::new().sample_weight(&w), "sample_weight"),
        (Fit::new().batch_size(4), "batch_size"),
        (Fit::new().on_nan(OnNan::Rollback), "on_nan rollback"),
    ] {
        let error = model().fit_stream(batches, options).unwrap_err().to_string();
        assert!(error.starts_with(&format!("fit_stream: {key} is not possible with a stream")), "{error}");
    }
    assert!(x.rows() == ROWS && !std::path::Path::new("nowhere").exists());
}

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// In the first epoch nobody knows how many batches there are.
#[test]
fn the_bar_learns_the_total() {
    let paper = Paper::default();
    let terminal = Terminal { redraw: true, color: false, columns: 0 };
    model().fit_stream_with_output(batches, Fit::new().epochs(2), Box::new(paper.clone()), terminal).unwrap();
    let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    let (first, second) = text.split_once("Epoch 2/2").unwrap();
    assert!(first.contains("      1/Unknown"), "{first:?}");
    assert!(second.contains("1/4") && !second.contains("Unknown"), "{second:?}");
}
