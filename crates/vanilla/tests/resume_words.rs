//! Everything that keeps a state of its own, or draws by chance, is stopped at every boundary and taken up again with the
//! same bits; `resume.rs` does that with the trainings themselves.

use vanilla::layers::AnyLayer;
use vanilla::optimizers::OptimizerArg;
use vanilla::prelude::*;
use vanilla::{Boundary, History};

const ROWS: usize = 11;

/// Each process makes its own.
type Make<T> = fn() -> T;

fn x() -> Tensor {
    let x: Vec<f32> = (0..ROWS * 3).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
    Tensor::new(x, [ROWS, 3]).unwrap()
}

fn classes() -> Tensor {
    Tensor::new((0..ROWS).map(|row| (row * 7 % 3) as i64).collect::<Vec<_>>(), [ROWS]).unwrap()
}

/// A classifier with these layers inside.
fn model(hidden: Vec<AnyLayer>, optimizer: impl Into<OptimizerArg>) -> Model {
    let mut all = layers![Dense::new(6).activation("tanh").input_dim(3)];
    all.extend(hidden);
    all.push(Dense::new(3).activation("softmax").into());
    let mut model = Sequential::new(all).unwrap().with_seed(11).unwrap();
    model.compile("sparse_categorical_crossentropy", optimizer, ["acc"]).unwrap();
    model
}

/// The model's file, with the optimizer's state, and every number of the history.
fn outcome(model: &Model, history: &History) -> (Vec<u8>, Vec<(String, Vec<u64>)>) {
    let bits = |(key, values): &(String, Vec<f64>)| (key.clone(), values.iter().map(|x| x.to_bits()).collect());
    (model.to_keras().unwrap(), history.history.iter().map(bits).collect())
}

/// Two epochs of three batches, the last one short. Another process is a new model with the same options.
fn survives(what: &str, y: &Tensor, model: impl Fn() -> Model) {
    let (x, options) = (x(), || Fit::new().epochs(2).batch_size(4).verbose(0));
    let mut uninterrupted = model();
    let history = uninterrupted.fit(&x, y, options()).unwrap();
    let whole = outcome(&uninterrupted, &history);
    for (epochs, batches) in (0..2).flat_map(|epoch| (0..=3).map(move |batch| (epoch, batch))) {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = || Checkpoints::new(folder.path().join("checkpoint"));
        let until = options().stop_when(move |done| done == Boundary { epochs, batches });
        let error = model().fit(&x, y, until.checkpoints(checkpoints())).unwrap_err();
        assert!(matches!(error, Error::Stopped { saved: true, .. }), "{what}: {error}");
        let mut resumed = model();
        let history = resumed.fit(&x, y, options().checkpoints(checkpoints().resume(true))).unwrap();
        assert!(outcome(&resumed, &history) == whole, "{what}, stopped after {epochs} epochs, {batches} batches");
    }
}

#[test]
fn what_goes_around_the_rule_of_an_optimizer() {
    let all: [(&str, Make<OptimizerArg>); 7] = [
        ("schedule", || Adam::default().learning_rate(ExponentialDecay::new(0.1, 2, 0.5)).into()),
        ("weight decay", || AdamW::new(0.05).weight_decay(0.1).into()),
        ("clipnorm", || Adam::new(0.05).clipnorm(0.01).into()),
        ("global_clipnorm", || Adam::new(0.05).global_clipnorm(0.01).into()),
        ("accumulation", || Adam::new(0.05).gradient_accumulation_steps(2).into()),
        ("average", || SGD::new(0.05).momentum(0.9).ema(0.9).ema_overwrite_frequency(4).into()),
        ("all of it", || {
            let adam = Adam::default()
                .learning_rate(CosineDecay::new(0.1, 4))
                .amsgrad(true)
                .weight_decay(0.1)
                .clipvalue(0.01);
            adam.ema(0.9).gradient_accumulation_steps(3).into()
        }),
    ];
    for (what, optimizer) in all {
        survives(what, &classes(), || model(vec![], optimizer()));
    }
}

#[test]
fn layers_with_a_state_and_by_chance() {
    let all: [(&str, Make<Vec<AnyLayer>>); 8] = [
        ("batch normalisation", || layers![BatchNormalization::new().momentum(0.7)]),
        ("spectral normalisation", || layers![SpectralNormalization::new(Dense::new(4))]),
        ("noise", || layers![GaussianNoise::new(0.5), GaussianDropout::new(0.3), AlphaDropout::new(0.3)]),
        ("dropout", || layers![Dropout::new(0.5), Dense::new(4), Dropout::new(0.2)]),
        ("regularizers", || {
            layers![Dense::new(4).kernel_regularizer(L1L2::new(0.1, 0.2)).activity_regularizer(L2::new(0.1))]
        }),
        ("constraint", || layers![Dense::new(4).kernel_constraint(MaxNorm::new(0.3))]),
        ("frozen", || layers![Dense::new(4).trainable(false), BatchNormalization::new().trainable(false)]),
        ("a model inside", || {
            let inner = layers![Dense::new(4).input_dim(6), BatchNormalization::new(), Dropout::new(0.5)];
            layers![Sequential::new(inner).unwrap().as_layer()]
        }),
    ];
    for (what, hidden) in all {
        survives(what, &classes(), || model(hidden(), "adam"));
    }
}

/// Their sums stand between two batches.
#[test]
fn every_metric() {
    let y = to_categorical(&classes(), 3).unwrap();
    let with = |metric: &str| {
        let mut model = model(vec![], "sgd");
        model.compile("categorical_crossentropy", "adam", [metric]).map(|()| model)
    };
    let names: Vec<&str> = metrics::names().into_iter().filter(|name| with(name).is_ok()).collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        survives(name, &y, || with(name).unwrap());
    }
}
