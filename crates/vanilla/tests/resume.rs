//! A training that is stopped anywhere and taken up again ends with the bits of one that was never stopped.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;
use vanilla::callbacks::{
    CSVLogger, EarlyStopping, LearningRateScheduler, ModelCheckpoint, ReduceLROnPlateau, SwapEMAWeights,
    TensorBoard,
};
use vanilla::prelude::*;
use vanilla::storage::lock::RunLock;
use vanilla::{Boundary, History};

/// What a training is made of here.
#[derive(Clone, Copy, Debug)]
struct Case {
    optimizer: &'static str,
    dropout: bool,
    short_batch: bool,
    validation: bool,
    shuffle: bool,
    rollback: bool,
}

const OPTIMIZERS: [&str; 5] = ["adam", "rmsprop", "sgd", "momentum", "nesterov"];

impl Case {
    /// Every optimizer with four combinations of the rest.
    fn all() -> Vec<Self> {
        let case = |i: usize, j: usize| Self {
            optimizer: OPTIMIZERS[i],
            dropout: j & 1 == 1,
            short_batch: j & 2 == 2,
            validation: (j & 1) ^ (j >> 1) == 1,
            shuffle: (i + j) & 1 == 0,
            rollback: (i / 2 + (j >> 1)) & 1 == 0,
        };
        (0..5).flat_map(|i| (0..4).map(move |j| case(i, j))).collect()
    }

    fn model(&self) -> Model {
        let mut layers = layers![Dense::new(6).activation("tanh").input_dim(3)];
        if self.dropout {
            layers.push(Dropout::new(0.3).into());
        }
        layers.push(Dense::new(3).activation("softmax").into());
        let mut model = Sequential::new(layers).unwrap().with_seed(11).unwrap();
        let (loss, metrics) = ("sparse_categorical_crossentropy", ["acc"]);
        match self.optimizer {
            "momentum" => model.compile(loss, SGD::new(0.1).momentum(0.9), metrics).unwrap(),
            "nesterov" => model.compile(loss, SGD::new(0.1).momentum(0.9).nesterov(true), metrics).unwrap(),
            name => model.compile(loss, name, metrics).unwrap(),
        }
        model
    }

    fn options(&self) -> Fit {
        let options = Fit::new().epochs(2).batch_size(4).verbose(0).shuffle(self.shuffle);
        let options = if self.rollback { options.on_nan(OnNan::Rollback) } else { options };
        if self.validation { options.validation_split(1.0 / 4.0) } else { options }
    }

    /// 3 batches an epoch, of 4 rows but for the short one, after what the validation takes.
    fn data(&self) -> (Tensor, Tensor) {
        let rows = if self.short_batch { 11 } else { 12 };
        data(if self.validation { (rows * 4usize).div_ceil(3) } else { rows })
    }

    fn run(&self, model: &mut Model, options: Fit) -> Result<History> {
        let (x, y) = self.data();
        model.fit(&x, &y, options)
    }
}

fn data(rows: usize) -> (Tensor, Tensor) {
    let x: Vec<f32> = (0..rows * 3).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
    let y: Vec<i64> = (0..rows).map(|row| (row * 7 % 3) as i64).collect();
    (Tensor::new(x, [rows, 3]).unwrap(), Tensor::new(y, [rows]).unwrap())
}

type Outcome = (Vec<u8>, Vec<(String, Vec<u64>)>, Vec<usize>);

/// Weights, slots and step count (the file holds them all), and every number of the history.
fn outcome(model: &Model, history: &History) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.keras");
    model.save(&path).unwrap();
    let bits = |(key, values): &(String, Vec<f64>)| (key.clone(), values.iter().map(|x| x.to_bits()).collect());
    (std::fs::read(path).unwrap(), history.history.iter().map(bits).collect(), history.epoch.clone())
}

fn checkpoints(folder: &Path) -> Checkpoints {
    Checkpoints::new(folder.join("checkpoint"))
}

/// Stops there, not before.
fn until(options: Fit, epochs: usize, batches: usize) -> Fit {
    options.stop_when(move |done| done == Boundary { epochs, batches })
}

#[test]
fn the_cases_cover_every_pair() {
    let of = |case: &Case| {
        let flags = [case.dropout, case.short_batch, case.validation, case.shuffle, case.rollback];
        flags.map(|flag| flag.to_string()).into_iter().chain([case.optimizer.to_owned()]).collect::<Vec<_>>()
    };
    let cases: Vec<Vec<String>> = Case::all().iter().map(of).collect();
    for a in 0..6 {
        for b in 0..a {
            let pairs: HashSet<_> = cases.iter().map(|case| (&case[a], &case[b])).collect();
            assert_eq!(pairs.len(), if a == 5 { 10 } else { 4 }, "{a} {b}: {pairs:?}");
        }
    }
}

/// Stopped at every boundary of two epochs, by what amounts to another process: a new model, the same options.
/// bug class 9 (the optimizer's state is not restored), 14 (means over a short last batch).
#[test]
fn stopped_at_every_boundary() {
    for case in Case::all() {
        let mut model = case.model();
        let history = case.run(&mut model, case.options()).unwrap();
        let whole = outcome(&model, &history);
        let mut boundaries = 0;
        for (epochs, batches) in (0..2).flat_map(|epoch| (0..=3).map(move |batch| (epoch, batch))) {
            let folder = tempfile::tempdir().unwrap();
            let options = until(case.options(), epochs, batches).checkpoints(checkpoints(folder.path()));
            let error = case.run(&mut case.model(), options).unwrap_err();
            let Error::Stopped { epochs: e, batches: b, saved: true, .. } = error else { panic!("{error}") };
            assert_eq!((e, b), (epochs, batches));

            let mut model = case.model();
            let options = case.options().checkpoints(checkpoints(folder.path()).resume(true));
            let history = case.run(&mut model, options).unwrap();
            assert!(
                outcome(&model, &history) == whole,
                "{case:?}, stopped after {epochs} epochs, {batches} batches"
            );
            assert_eq!(model.iterations(), 6);
            boundaries += 1;
        }
        assert_eq!(boundaries, 8);
    }
}

/// Some optimizers keep slots that have not the shape of their weights.
#[test]
fn stopped_with_every_optimizer() {
    for optimizer in vanilla::optimizers::names() {
        let case = Case { optimizer, ..Case::all()[3] };
        let mut model = case.model();
        let history = case.run(&mut model, case.options()).unwrap();
        let whole = outcome(&model, &history);
        let folder = tempfile::tempdir().unwrap();
        let options = until(case.options(), 1, 1).checkpoints(checkpoints(folder.path()));
        let error = case.run(&mut case.model(), options).unwrap_err();
        assert!(matches!(error, Error::Stopped { saved: true, .. }), "{optimizer}: {error}");
        let (mut model, options) = (case.model(), case.options());
        let history = case.run(&mut model, options.checkpoints(checkpoints(folder.path()).resume(true))).unwrap();
        assert!(outcome(&model, &history) == whole, "{optimizer}");
    }
}

/// Files of a folder, with what is in them.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries
        .filter(|entry| entry.path().is_file())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap()));
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

/// Callbacks go on with the state that they had: the same epochs, rates, weights and files. The best weights of
/// `EarlyStopping` come from the checkpoint, the lines of `CSVLogger` that were written after it are written again.
#[test]
fn callbacks_stopped_at_every_boundary() {
    let case = Case { validation: true, short_batch: true, ..Case::all()[1] };
    let options = |folder: &Path| {
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let reducing = ReduceLROnPlateau::new().factor(0.5).patience(1).min_delta(0.02).cooldown(1);
        let best = ModelCheckpoint::new(path("best-{epoch:02d}.keras")).save_best_only(true);
        let often = ModelCheckpoint::new(path("{epoch}-{batch}.weights.h5")).save_weights_only(true).save_freq(2);
        case.options()
            .epochs(6)
            .callback(LearningRateScheduler::new(|epoch, rate| if epoch == 1 { rate * 4.0 } else { rate }))
            .callback(reducing)
            .callback(EarlyStopping::new().monitor("loss").mode("max").patience(3).restore_best_weights(true))
            .callback(best)
            .callback(often)
            .callback(CSVLogger::new(path("log.csv")))
            .callback(SwapEMAWeights::new().swap_on_epoch(true))
            .callback(TensorBoard::new(path("logs")).histogram_freq(2).update_freq(2).write_grads(true))
    };
    // Names and times differ, but there is one file of events each, and it is as long.
    let events = |folder: &Path| {
        ["train", "validation"].map(|part| {
            let files = contents(&folder.join("logs").join(part));
            files.iter().map(|(_, bytes)| bytes.len()).collect::<Vec<_>>()
        })
    };
    let model = || {
        let mut model = case.model();
        let optimizer = Adam::new(0.05).ema(0.8);
        model.compile("sparse_categorical_crossentropy", optimizer, ["acc"]).unwrap();
        model
    };
    let files = tempfile::tempdir().unwrap();
    let mut trained = model();
    let history = case.run(&mut trained, options(files.path())).unwrap();
    assert!((3..6).contains(&history.epoch.len()), "{:?}", history.epoch);
    let rates = &history["learning_rate"];
    assert!(rates.windows(2).any(|pair| pair[1] < pair[0]) && rates[1] > rates[0], "{rates:?}");
    let whole = (outcome(&trained, &history), contents(files.path()), events(files.path()));
    assert!(whole.2[0].len() == 1 && whole.2[0][0] > 10_000, "{:?}", whole.2);
    assert!(whole.1.len() > 4, "{:?}", whole.1);

    let last = history.epoch.len();
    for (epochs, batches) in (0..last).flat_map(|epoch| (0..=3).map(move |batch| (epoch, batch))) {
        let (folder, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let stopped = until(options(files.path()), epochs, batches);
        let error = case.run(&mut model(), stopped.checkpoints(checkpoints(folder.path()))).unwrap_err();
        assert!(matches!(error, Error::Stopped { saved: true, .. }), "{error}");
        // As if it had gone on for a while, and that had been lost.
        let log = files.path().join("log.csv");
        let lost = std::fs::read_to_string(&log).unwrap() + "5,1.0\r\n";
        std::fs::write(&log, lost).unwrap();
        for again in 0..2 {
            let mut resumed = model();
            let options = options(files.path()).checkpoints(checkpoints(folder.path()).resume(true));
            let history = case.run(&mut resumed, options).unwrap();
            let found = (outcome(&resumed, &history), contents(files.path()), events(files.path()));
            assert!(found == whole, "stopped after {epochs} epochs, {batches} batches, resumed {again}");
        }
    }
}

#[test]
fn stopped_twice_and_in_one_process() {
    let case = Case::all()[3];
    let mut model = case.model();
    let history = case.run(&mut model, case.options()).unwrap();
    let whole = outcome(&model, &history);
    for same_model in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut model = case.model();
        for (epochs, batches) in [(0, 2), (0, 3), (1, 0), (1, 2)] {
            let options =
                until(case.options(), epochs, batches).checkpoints(checkpoints(folder.path()).resume(true));
            let error = case.run(&mut model, options).unwrap_err();
            assert!(matches!(error, Error::Stopped { saved: true, .. }), "{error}");
            if !same_model {
                model = case.model();
            }
        }
        let history = case.run(&mut model, case.options().checkpoints(checkpoints(folder.path()).resume(true)));
        assert!(outcome(&model, &history.unwrap()) == whole, "same model: {same_model}");
        // Numbered by batches, as if there had been no stop; the one before the last is still there.
        for number in [5, 6] {
            let file = folder.path().join(format!("checkpoint/checkpoint-{number:012}.safetensors"));
            assert!(file.exists(), "{}", file.display());
        }
    }
}

#[test]
fn saving_all_the_time_changes_nothing() {
    let case = Case::all()[1];
    let mut model = case.model();
    let history = case.run(&mut model, case.options().epochs(40)).unwrap();
    let whole = outcome(&model, &history);
    for every in [Every::Auto, Every::Time(Duration::ZERO), Every::Epoch] {
        let folder = tempfile::tempdir().unwrap();
        let mut model = case.model();
        let options = case.options().epochs(40).checkpoints(checkpoints(folder.path()).every(every));
        let history = case.run(&mut model, options).unwrap();
        assert!(outcome(&model, &history) == whole, "{every:?}");
        let files = std::fs::read_dir(folder.path().join("checkpoint")).unwrap().count();
        // The last ones and the best one; no lock, no temporary file.
        assert!(if every == Every::Auto { files == 1 } else { (2..=3).contains(&files) }, "{every:?}: {files}");
    }
}

#[test]
fn more_epochs_extend_a_training_and_a_finished_one_says_so() {
    let case = Case::all()[2];
    let folder = tempfile::tempdir().unwrap();
    let run = |epochs: usize| {
        let mut model = case.model();
        let options = case.options().epochs(epochs).checkpoints(checkpoints(folder.path()).resume(true));
        case.run(&mut model, options).map(|history| (outcome(&model, &history), history))
    };
    let mut model = case.model();
    let history = case.run(&mut model, case.options().epochs(4)).unwrap();
    let whole = outcome(&model, &history);
    run(2).unwrap();
    let (extended, history) = run(4).unwrap();
    assert!(extended == whole);
    assert_eq!((history.epochs, history.was_finished), (4, false));
    let before = std::fs::read_dir(folder.path().join("checkpoint")).unwrap().count();
    let (again, history) = run(4).unwrap();
    assert!(again == whole && history.was_finished);
    assert_eq!(history.epoch_seconds.len(), 4);
    assert_eq!(std::fs::read_dir(folder.path().join("checkpoint")).unwrap().count(), before);
    let error = run(3).unwrap_err().to_string();
    assert!(error.ends_with("the checkpoint is after 4 epochs, and 3 epochs are wanted: ask for more"), "{error}");
}

#[test]
fn what_has_changed_is_refused_with_both_values() {
    let case = Case { dropout: true, ..Case::all()[0] };
    let folder = tempfile::tempdir().unwrap();
    let options = until(case.options(), 1, 1).checkpoints(checkpoints(folder.path()));
    case.run(&mut case.model(), options).unwrap_err();
    let resumed = |model: Model, options: Fit, data: (Tensor, Tensor), accept: bool| {
        let mut model = model;
        let checkpoints = checkpoints(folder.path()).resume(true).accept_changes(accept);
        let files = |folder: &Path| {
            let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let before = files(&folder.path().join("checkpoint"));
        let before_model = model.weights_sha256();
        let error = model.fit(&data.0, &data.1, options.checkpoints(checkpoints)).map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::Resume { .. }) && error.is_bad_input(), "{error}");
        assert_eq!(files(&folder.path().join("checkpoint")), before);
        assert_eq!(model.weights_sha256(), before_model, "refused, and changed all the same");
        let text = error.to_string();
        assert!(!text.contains('\n'), "{text}");
        text
    };
    let with = |loss: &str, optimizer: SGD, units: usize, rate: f64| {
        let layers = layers![
            Dense::new(units).activation("tanh").input_dim(3),
            Dropout::new(rate),
            Dense::new(3).activation("softmax")
        ];
        let mut model = Sequential::new(layers).unwrap().with_seed(11).unwrap();
        model.compile(loss, optimizer, ["acc"]).unwrap();
        model
    };
    let sparse = "sparse_categorical_crossentropy";
    let mut adam = case.model();
    adam.compile(sparse, Adam::new(0.5), ["acc"]).unwrap();
    let mut other_metrics = case.model();
    other_metrics.compile(sparse, "adam", ["acc", "sparse_categorical_accuracy"]).unwrap();
    let (x, y) = case.data();
    let other_y = Tensor::new(y.to_i64().iter().map(|y| (y + 1) % 3).collect::<Vec<_>>(), [x.rows()]).unwrap();
    let longer = {
        let (a, b) = data(x.rows() + 4);
        (a, b)
    };
    for (model, options, data, want) in [
        (case.model(), case.options().batch_size(5), case.data(), "(batch_size: 4 in the checkpoint, 5 now)"),
        (
            case.model(),
            case.options().shuffle(!case.shuffle),
            case.data(),
            "(shuffle: true in the checkpoint, false now)",
        ),
        (case.model().with_seed(12).unwrap(), case.options(), case.data(), "(seed: 11 in the checkpoint, 12 now)"),
        (adam, case.options(), case.data(), "(learning_rate: 0.001 in the checkpoint, 0.5 now)"),
        (other_metrics, case.options(), case.data(), "(metrics: [\"acc\"] in the checkpoint, [\"acc\",\"sparse"),
        (case.model(), case.options(), (x * 2.0, y.clone()), "(data: "),
        (case.model(), case.options(), (case.data().0, other_y), "(data: "),
        (case.model(), case.options(), longer, "(rows: 12 in the checkpoint, 16 now; data: "),
        (
            case.model(),
            case.options().on_nan(OnNan::Skip),
            case.data(),
            "(on_nan: rollback in the checkpoint, skip now)",
        ),
        (
            with(sparse, SGD::new(0.001), 6, 0.3),
            case.options(),
            case.data(),
            "(optimizer: Adam in the checkpoint, SGD now; optimizer beta_1: 0.9 in the checkpoint, not there now; ",
        ),
        (
            with(sparse, SGD::new(0.001), 7, 0.4),
            case.options(),
            case.data(),
            "(layer 'dense' units: 6 in the checkpoint, 7 now; layer 'dropout' rate: 0.3 in the checkpoint, 0.4 now; ",
        ),
    ] {
        let text = resumed(model, options, data, false);
        assert!(text.contains(&format!("checkpoint: holds a checkpoint of another training {want}")), "{text}");
        let end = "train as before, go on with what is new (--resume-changed, in a program accept_changes), or choose \
                   another folder";
        assert!(text.ends_with(end), "{text}");
    }
    // What does not fit is not taken over either.
    let text = resumed(with(sparse, SGD::new(0.001), 6, 0.3), case.options(), case.data(), true);
    assert!(
        text.contains("does not fit the model (it has 12 arrays, and the model with its optimizer 4)"),
        "{text}"
    );
    let mut wide = Sequential::new(layers![
        Dense::new(7).activation("tanh").input_dim(3),
        Dropout::new(0.3),
        Dense::new(3).activation("softmax")
    ])
    .unwrap();
    wide.compile(sparse, "adam", ["acc"]).unwrap();
    let text = resumed(wide, case.options(), case.data(), true);
    assert!(
        text.contains("tensor 'model/dense/kernel' is F32 of shape [3, 6], expected F32 of shape [3, 7]"),
        "{text}"
    );
}

#[test]
fn changes_are_taken_over_on_request_and_remembered() {
    let case = Case { dropout: true, rollback: false, ..Case::all()[0] };
    let folder = tempfile::tempdir().unwrap();
    let options = until(case.options(), 1, 1).checkpoints(checkpoints(folder.path()));
    case.run(&mut case.model(), options).unwrap_err();
    let changed = || {
        let mut model = case.model();
        model.set_learning_rate(0.5).unwrap();
        model
    };
    let options = |accept: bool| {
        let checkpoints = checkpoints(folder.path()).resume(true).accept_changes(accept);
        case.options().epochs(3).batch_size(6).checkpoints(checkpoints)
    };
    let mut model = changed();
    case.run(&mut model, until(options(true), 2, 1)).unwrap_err();
    // Four steps of 4 rows, the epoch again and one more with 6.
    assert_eq!((model.iterations(), model.learning_rate().unwrap()), (4 + 2 + 1, 0.5));
    // From here on the new values are the training's own.
    let history = case.run(&mut changed(), options(false)).unwrap();
    assert_eq!(history.epoch, [0, 1, 2]);
    let want = ["learning_rate: 0.001 in the checkpoint, 0.5 now", "batch_size: 4 in the checkpoint, 6 now"];
    assert_eq!(history.changes, want);
}

#[test]
fn folders_that_are_not_free() {
    let case = Case::all()[0];
    let folder = tempfile::tempdir().unwrap();
    let run = |checkpoints: Checkpoints| {
        let mut model = case.model();
        case.run(&mut model, case.options().checkpoints(checkpoints)).map(|history| outcome(&model, &history))
    };
    let first = run(checkpoints(folder.path())).unwrap();
    let error = run(checkpoints(folder.path())).unwrap_err();
    assert!(error.is_bad_input());
    assert!(
        error.to_string().contains("holds checkpoints of a training already: go on with it (--resume"),
        "{error}"
    );
    // Replaced: the earlier files go when the first new one is there, and not before.
    assert!(run(checkpoints(folder.path()).replace(true)).unwrap() == first);
    let inside = folder.path().join("checkpoint");
    assert_eq!(std::fs::read_dir(&inside).unwrap().count(), 1);
    let lock = RunLock::acquire(&inside).unwrap();
    let error = run(checkpoints(folder.path()).resume(true)).unwrap_err();
    assert!(matches!(error, Error::Locked(_)), "{error}");
    drop(lock);
    assert!(run(checkpoints(folder.path()).resume(true)).unwrap() == first);
    // A file in the place of the folder.
    std::fs::write(folder.path().join("file"), "mine").unwrap();
    let error = run(Checkpoints::new(folder.path().join("file"))).unwrap_err();
    assert!(error.is_bad_input() && error.to_string().contains("file: "), "{error}");
    // Nothing is left of a training that was refused or that never came to a checkpoint.
    let error = case.run(&mut case.model(), until(case.options(), 0, 0)).unwrap_err();
    assert!(matches!(error, Error::Stopped { saved: false, .. }));
    assert!(error.to_string().ends_with("not saved, because there is no folder for checkpoints"), "{error}");
}

#[test]
fn damaged_checkpoints_are_passed_over_and_only_damaged_ones_refused() {
    let case = Case::all()[5];
    let mut model = case.model();
    let history = case.run(&mut model, case.options().epochs(3)).unwrap();
    let whole = outcome(&model, &history);
    let folder = tempfile::tempdir().unwrap();
    let options = || case.options().epochs(3);
    let stopped = until(options(), 2, 2).checkpoints(checkpoints(folder.path()).every(Every::Epoch));
    case.run(&mut case.model(), stopped).unwrap_err();
    let mut files: Vec<_> =
        std::fs::read_dir(folder.path().join("checkpoint")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 2, "{files:?}");
    let spoil = |path: &Path, bit: u8| {
        let mut bytes = std::fs::read(path).unwrap();
        *bytes.last_mut().unwrap() ^= bit;
        std::fs::write(path, bytes).unwrap();
    };
    spoil(files.last().unwrap(), 1);
    let mut model = case.model();
    let history = case.run(&mut model, options().checkpoints(checkpoints(folder.path()).resume(true))).unwrap();
    assert!(outcome(&model, &history) == whole);
    for file in std::fs::read_dir(folder.path().join("checkpoint")).unwrap() {
        spoil(&file.unwrap().path(), 2);
    }
    let resumed = options().checkpoints(checkpoints(folder.path()).resume(true));
    let error = case.run(&mut case.model(), resumed).unwrap_err().to_string();
    assert!(error.contains("checkpoints is whole: start afresh (--force, in a program replace)"), "{error}");
}

/// A disk that goes away: the training goes on in memory, and says at the end that it is not kept.
#[test]
fn a_save_that_fails_does_not_stop_the_training() {
    let case = Case::all()[4];
    let mut model = case.model();
    let history = case.run(&mut model, case.options()).unwrap();
    let whole = outcome(&model, &history);
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("checkpoint");
    let options =
        case.options().checkpoints(Checkpoints::new(&inside).every(Every::Epoch)).stop_when(move |done| {
            if done == (Boundary { epochs: 0, batches: 2 }) {
                std::fs::remove_dir_all(&inside).unwrap();
            }
            false
        });
    let mut model = case.model();
    let history = case.run(&mut model, options).unwrap();
    assert!(outcome(&model, &history) == whole);
    let problem = history.unsaved.expect("the folder was gone");
    assert!(problem.contains("cannot be written"), "{problem}");
}

/// bug class 17: a model that knows its shapes only from its data is restored like any other.
#[test]
fn a_model_that_is_built_by_its_data_is_taken_up_too() {
    let (x, y) = data(10);
    let folder = tempfile::tempdir().unwrap();
    let model = || {
        let mut model = Sequential::new(layers![Dense::new(3).activation("softmax")]).unwrap();
        model.compile("sparse_categorical_crossentropy", "adam", ["acc"]).unwrap();
        model
    };
    let options = || Fit::new().epochs(3).batch_size(4).verbose(0);
    let mut whole = model();
    whole.fit(&x, &y, options()).unwrap();
    let stopped = until(options(), 1, 2).checkpoints(checkpoints(folder.path()));
    model().fit(&x, &y, stopped).unwrap_err();
    let mut resumed = model();
    resumed.fit(&x, &y, options().checkpoints(checkpoints(folder.path()).resume(true))).unwrap();
    assert_eq!(resumed.weights_sha256(), whole.weights_sha256());
}

/// A checkpoint that version 0.1 wrote, with portable math, in the second of two epochs. Made by
/// `cargo test --test resume -- --ignored write_the_golden_checkpoint`; a new version of the format adds a file.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/checkpoint-v1.safetensors");

fn golden_case() -> Case {
    Case { optimizer: "adam", dropout: true, short_batch: true, validation: true, shuffle: true, rollback: true }
}

/// Every released version of the format can be gone on from.
#[test]
fn checkpoints_of_earlier_versions() {
    let case = golden_case();
    let mut model = case.model().with_portable_math(true);
    let history = case.run(&mut model, case.options()).unwrap();
    let whole = outcome(&model, &history);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("checkpoint")).unwrap();
    let resumed = |accept: bool| {
        std::fs::copy(GOLDEN, folder.path().join("checkpoint/checkpoint-000000000004.safetensors")).unwrap();
        let mut model = case.model().with_portable_math(true);
        let options = case.options().checkpoints(checkpoints(folder.path()).resume(true).accept_changes(accept));
        case.run(&mut model, options).map(|history| (outcome(&model, &history), history))
    };
    match resumed(false) {
        Ok((resumed, _)) => assert!(resumed == whole),
        // By a later version the bits may be others; what was done is still there.
        Err(error) => {
            let differences = error.to_string();
            let differences = differences.split_once('(').unwrap().1.split_once("):").unwrap().0.to_owned();
            for difference in differences.split("; ") {
                let key = difference.split(':').next().unwrap();
                assert_eq!(key, "version of Vanilla", "{difference}");
            }
            let (_, resumed) = resumed(true).unwrap();
            assert_eq!((resumed.epoch, !resumed.changes.is_empty()), (vec![0, 1], true));
            for (key, values) in &history.history {
                assert!((resumed.history.iter().find(|(k, _)| k == key).unwrap().1[0] - values[0]).abs() < 1e-5);
            }
        }
    }
}

#[test]
#[ignore = "writes tests/golden/checkpoint-v1.safetensors"]
fn write_the_golden_checkpoint() {
    let case = golden_case();
    let folder = tempfile::tempdir().unwrap();
    let options = until(case.options(), 1, 1).checkpoints(checkpoints(folder.path()));
    case.run(&mut case.model().with_portable_math(true), options).unwrap_err();
    let file = std::fs::read_dir(folder.path().join("checkpoint")).unwrap().next().unwrap().unwrap().path();
    assert!(file.ends_with("checkpoint-000000000004.safetensors"), "{file:?}");
    std::fs::copy(file, GOLDEN).unwrap();
}
