//! A loss that is not finite: told with its place and likely cause, and what `on_nan` makes of it.

use std::path::Path;
use vanilla::prelude::*;
use vanilla::{Boundary, History};

/// A line through points that reach far: plain descent diverges above a learning rate of about 0.05.
fn line() -> (Tensor, Tensor) {
    let x: Vec<f32> = (0..128).map(|i| (i % 16) as f32 / 2.0).collect();
    let y = x.iter().map(|x| 2.0 * x - 1.0).collect::<Vec<_>>();
    (Tensor::new(x, [128, 1]).unwrap(), Tensor::new(y, [128]).unwrap())
}

fn model(rate: f32) -> Model {
    let mut model = Sequential::new(layers![Dense::new(1).input_dim(1)]).unwrap();
    model.compile("mse", SGD::new(rate), ["mae"]).unwrap();
    model
}

fn options(on_nan: OnNan) -> Fit {
    Fit::new().epochs(4).batch_size(1).verbose(0).on_nan(on_nan)
}

fn finite(model: &Model) -> bool {
    model.get_weights().iter().flat_map(Tensor::to_f32).all(f32::is_finite)
}

/// The training without a bad row, in which one row's loss overflows.
fn with_a_bad_row(on_nan: OnNan) -> (Result<History>, Model) {
    let (x, y) = line();
    let mut targets = y.to_f32();
    targets[37] = 1e30;
    let mut model = model(0.001);
    let history = model.fit(&x, Tensor::new(targets, [128]).unwrap(), options(on_nan));
    (history, model)
}

#[test]
fn stop_names_the_place_and_the_likely_cause() {
    let (x, y) = line();
    let text = |model: &mut Model, x: &Tensor, y: &Tensor| {
        let error = model.fit(x, y, options(OnNan::Stop)).unwrap_err();
        assert!(matches!(error, Error::Diverged { .. }) && !error.is_bad_input(), "{error}");
        assert!(finite(model), "{error}");
        error.to_string()
    };
    let diverged = text(&mut model(1.0), &x, &y);
    assert!(diverged.starts_with("training diverged: the loss is ") && diverged.contains(" in epoch 1, batch "));
    assert!(diverged.ends_with("; the learning rate 1 is the likely cause: try 0.01"), "{diverged}");
    let raw = text(&mut model(0.01), &(x.clone() * 1e4), &y);
    assert!(raw.contains("scale them to 0..1 (a Rescaling layer does it)"), "{raw}");
    let (bad, _) = with_a_bad_row(OnNan::Stop);
    let bad = bad.unwrap_err().to_string();
    assert!(bad.contains("the loss is inf in epoch 1, batch "), "{bad}");
    assert!(
        bad.ends_with("; targets reach 1000000000000000000000000000000: scale them, or lower the learning rate"),
        "{bad}"
    );
}

/// bug class 11: the last good checkpoint is still there, and is gone on from with a smaller learning rate.
#[test]
fn stop_keeps_the_last_good_checkpoint() {
    let (x, y) = line();
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("checkpoint");
    let mut good = model(0.001);
    good.fit(&x, &y, options(OnNan::Stop).epochs(1).checkpoints(Checkpoints::new(&inside))).unwrap();
    let hash = good.weights_sha256();
    let on = |rate: f32| {
        let mut model = model(rate);
        let checkpoints = Checkpoints::new(&inside).resume(true).accept_changes(true);
        let result = model.fit(&x, &y, options(OnNan::Stop).checkpoints(checkpoints));
        (result, model)
    };
    let files = || std::fs::read_dir(&inside).unwrap().map(|file| file.unwrap().path()).collect::<Vec<_>>();
    let before: Vec<_> = files().iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(matches!(on(10.0).0, Err(Error::Diverged { .. })));
    let after: Vec<_> = files().iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(before == after, "a diverged training touched the checkpoints");
    let (history, model) = on(0.002);
    assert_eq!(history.unwrap().epoch, [0, 1, 2, 3]);
    assert!(model.weights_sha256() != hash && finite(&model));
}

#[test]
fn skip_leaves_the_batch_out_and_counts_it() {
    let (history, model) = with_a_bad_row(OnNan::Skip);
    let history = history.unwrap();
    // One batch of each epoch, which was no step.
    assert_eq!((history.skipped, model.iterations()), (4, 4 * 127));
    assert!(finite(&model) && history["loss"].iter().all(|loss| loss.is_finite()));
    assert!(history["loss"][3] < history["loss"][0]);
    // Where nothing is left, it ends.
    let (x, y) = line();
    let error = self::model(100.0).fit(&x, &y, options(OnNan::Skip).epochs(1000)).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains(", batch 128; every batch of the epoch was skipped; the learning rate 100 is"),
        "{text}"
    );
}

#[test]
fn rollback_halves_the_learning_rate_until_it_goes() {
    let (x, y) = line();
    let mut model = model(0.32);
    let history = model.fit(&x, &y, options(OnNan::Rollback)).unwrap();
    assert!(history.rollbacks >= 2, "{}", history.rollbacks);
    assert_eq!(model.learning_rate().unwrap(), 0.32 / f32::from(1u16 << history.rollbacks));
    assert_eq!((history.epoch.len(), model.iterations()), (4, 4 * 128));
    assert!(finite(&model) && history["loss"][3].is_finite());
    // The epochs are those of a training that had this learning rate from the start.
    let mut gentle = self::model(model.learning_rate().unwrap());
    gentle.fit(&x, &y, options(OnNan::Rollback)).unwrap();
    assert_eq!(gentle.weights_sha256(), model.weights_sha256());
    // Ten times and no more.
    let error = self::model(1e30).fit(&x, &y, options(OnNan::Rollback)).unwrap_err().to_string();
    assert!(error.contains("; 10 times back with half the learning rate did not help; "), "{error}");
}

/// Interrupted before, between and after its rollbacks, in the middle of epochs.
#[test]
fn rollbacks_survive_an_interruption() {
    let (x, y) = line();
    let fit = |options: Fit| {
        let mut model = model(0.32);
        model.fit(&x, &y, options.on_nan(OnNan::Rollback)).map(|history| (model.weights_sha256(), history))
    };
    let options = || Fit::new().epochs(3).batch_size(1).verbose(0);
    let (hash, whole) = fit(options()).unwrap();
    for stop_at in (1..500).step_by(7) {
        let folder = tempfile::tempdir().unwrap();
        let kept = |folder: &Path| Checkpoints::new(folder.join("checkpoint")).resume(true);
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let stopped = options()
            .checkpoints(kept(folder.path()))
            .stop_when(move |_: Boundary| asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == stop_at);
        if fit(stopped).is_ok() {
            break; // it was done before
        }
        let (again, history) = fit(options().checkpoints(kept(folder.path()))).unwrap();
        assert_eq!((again, history.rollbacks), (hash.clone(), whole.rollbacks), "stopped at {stop_at}");
        assert_eq!(history.history, whole.history);
    }
}

/// A loss that is finite, with a gradient that is not: the weights stay, and the layer is named.
#[test]
fn a_gradient_that_is_not_finite_names_its_layer() {
    let mut model = Sequential::new(layers![Dense::new(1).input_dim(1).name("far")]).unwrap();
    model.compile("mse", "sgd", [""; 0]).unwrap();
    let before = model.get_weights();
    let (x, y) = (Tensor::new(vec![10.0f32], [1, 1]).unwrap(), Tensor::new(vec![5e18f32], [1, 1]).unwrap());
    let error = model.fit(&x, &y, Fit::new().verbose(0)).unwrap_err().to_string();
    assert!(error.contains("is not finite in epoch 1, batch 1; it is the kernel of layer 'far'; "), "{error}");
    let weights = |tensors: &[Tensor]| tensors.iter().flat_map(|t| t.to_f32()).collect::<Vec<_>>();
    assert_eq!(weights(&model.get_weights()), weights(&before));
}
