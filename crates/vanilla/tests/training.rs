//! Training as its users see it: it learns, the same bits come out for every number of threads, wrong use is named.

use vanilla::prelude::*;

/// Two interleaved half moons, learnable only with a hidden layer.
fn moons(rows: usize) -> (Tensor, Tensor) {
    let mut x = Vec::new();
    let mut y = Vec::new();
    for i in 0..rows {
        let angle = (i / 2) as f32 / (rows / 2) as f32 * std::f32::consts::PI;
        let upper = i % 2 == 0;
        x.extend(if upper { [angle.cos(), angle.sin()] } else { [1.0 - angle.cos(), 0.5 - angle.sin()] });
        y.push(i64::from(!upper));
    }
    (Tensor::new(x, [rows, 2]).unwrap(), Tensor::new(y, [rows]).unwrap())
}

fn network(outputs: usize, last: &str) -> Model {
    let layers = layers![
        Dense::new(32).activation("relu").input_dim(2),
        Dropout::new(0.05),
        Dense::new(33).activation("tanh"),
        Dense::new(outputs).activation(last),
    ];
    Sequential::new(layers).unwrap().with_seed(1).unwrap()
}

#[test]
fn every_loss_and_optimizer_learns_the_moons() {
    let (x, y) = moons(400);
    let one_hot = to_categorical(&y, 2).unwrap();
    let floats = y.astype(F32);
    for (loss, target, outputs, last, key) in [
        ("categorical_crossentropy", &one_hot, 2, "softmax", "acc"),
        ("sparse_categorical_crossentropy", &y, 2, "softmax", "accuracy"),
        ("binary_crossentropy", &floats, 1, "sigmoid", "ACC"),
        ("mse", &one_hot, 2, "softmax", "categorical_accuracy"),
        ("mae", &floats, 1, "sigmoid", "binary_accuracy"),
    ] {
        for optimizer in ["adam", "rmsprop"] {
            let mut model = network(outputs, last);
            model.compile(loss, optimizer, [key]).unwrap();
            let history = model.fit(&x, target, Fit::new().epochs(60).verbose(0)).unwrap();
            let accuracy = model.evaluate(&x, target).unwrap()[key];
            assert!(accuracy > 0.9, "{loss} {optimizer}: {accuracy}");
            assert!(history["loss"][59] < 0.5 * history["loss"][0], "{loss} {optimizer}: {:?}", &history["loss"]);
        }
    }
    let mut model = network(1, "sigmoid");
    model.compile(BinaryCrossentropy::new(), SGD::new(0.1).momentum(0.9).nesterov(true), ["acc"]).unwrap();
    model.fit(&x, &floats, Fit::new().epochs(60).verbose(0)).unwrap();
    assert!(model.evaluate(&x, &floats).unwrap()["acc"] > 0.95);
}

/// Wide enough that several threads share every product, with dropout, shuffling and a short last batch.
#[test]
fn the_same_bits_for_every_number_of_threads() {
    let ((x, y), _) = mnist::load_data().unwrap();
    let (x, y) = (x.slice(0..500).unwrap().astype(F32) / 255.0, y.slice(0..500).unwrap());
    let run = |threads: usize, seed: u64| {
        let layers = layers![
            Flatten::new().input_shape([28, 28]),
            Dense::new(150).activation("relu"),
            Dropout::new(0.3),
            Dense::new(70).activation("sigmoid"),
            Dense::new(10).activation("softmax"),
        ];
        let mut model = Sequential::new(layers).unwrap().with_seed(seed).unwrap().with_threads(threads);
        model.compile("sparse_categorical_crossentropy", "adam", ["acc"]).unwrap();
        let options = Fit::new().epochs(2).batch_size(64).verbose(0).validation_split(0.2);
        let history = model.fit(&x, &y, options).unwrap().history;
        assert_eq!(model.threads(64).unwrap(), threads);
        (model.weights_sha256(), history, model.predict(&x).unwrap().to_f32())
    };
    let one = run(1, 0);
    for threads in [2, 3, 5, 8] {
        assert!(run(threads, 0) == one, "{threads} threads");
    }
    assert_ne!(run(1, 1).0, one.0);
}

#[test]
fn predictions_do_not_depend_on_the_batch() {
    let model = network(2, "softmax");
    let (x, _) = moons(700);
    let all = model.predict(&x).unwrap();
    assert_eq!(all.shape(), [700, 2]);
    for row in [0, 255, 256, 699] {
        assert_eq!(
            model.predict(x.slice(row..row + 1).unwrap()).unwrap().to_f32(),
            all.get(row).unwrap().to_f32()
        );
    }
    // Many threads, one model.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(model.predict(&x).unwrap(), all));
        }
    });
}

#[test]
fn evaluation_counts_every_row_once_and_training_metrics_do_too() {
    let (x, y) = moons(100);
    // Without dropout's noise: a rate of 0 moves nothing, so every epoch's mean is the evaluation's.
    let layers = layers![Dense::new(4).activation("relu").input_dim(2), Dense::new(2).activation("softmax")];
    let mut plain = Sequential::new(layers).unwrap();
    plain.compile("sparse_categorical_crossentropy", SGD::new(0.0), ["acc"]).unwrap();
    let history = plain.fit(&x, &y, Fit::new().epochs(2).batch_size(33).verbose(0)).unwrap();
    let logs = plain.evaluate(&x, &y).unwrap();
    for epoch in 0..2 {
        assert!((history["loss"][epoch] - logs["loss"]).abs() < 1e-6);
        assert!((history["acc"][epoch] - logs["acc"]).abs() < 1e-7);
    }
    let predicted = plain.predict(&x).unwrap().argmax().unwrap();
    let right = predicted.to_i64().iter().zip(y.to_i64()).filter(|(p, y)| **p == *y).count();
    assert_eq!(logs["acc"], right as f64 / 100.0);
}

#[test]
fn a_second_fit_goes_on_and_returns_a_fresh_history() {
    let (x, y) = moons(64);
    let fit = |model: &mut Model, epochs: usize| model.fit(&x, &y, Fit::new().epochs(epochs).verbose(0)).unwrap();
    let fresh = || {
        let mut model = network(2, "softmax");
        model.compile("sparse_categorical_crossentropy", "adam", ["acc"]).unwrap();
        model
    };
    let (mut once, mut twice) = (fresh(), fresh());
    let whole = fit(&mut once, 4);
    let (first, second) = (fit(&mut twice, 1), fit(&mut twice, 3));
    assert_eq!(once.weights_sha256(), twice.weights_sha256());
    assert_eq!([&first["loss"], &second["loss"]].concat(), whole["loss"]);
    assert_eq!(twice.iterations(), 8);
    twice.compile("sparse_categorical_crossentropy", "adam", ["acc"]).unwrap();
    fit(&mut twice, 1);
    assert_eq!(twice.iterations(), 2, "compiling again starts the optimizer afresh");
}

#[test]
fn a_model_without_input_dim_is_built_by_its_first_data() {
    let (x, y) = moons(10);
    let mut model = Sequential::new(layers![Dense::new(2).activation("softmax")]).unwrap();
    assert!(model.summary().to_string().contains('?'));
    assert!(model.predict(&x).unwrap_err().to_string().contains("give the first layer an input_dim"));
    model.compile("sparse_categorical_crossentropy", "sgd", ["acc"]).unwrap();
    model.fit(&x, &y, Fit::new().verbose(0)).unwrap();
    assert_eq!(model.count_params(), 6);
}

#[test]
fn the_summary_of_the_tutorial() {
    let layers = layers![Dense::new(1000).activation("relu").input_dim(784), Dense::new(10).activation("softmax")];
    let model = Sequential::new(layers).unwrap();
    insta::assert_snapshot!(model.summary(), @r#"
    Model: "sequential"
    ┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
    ┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
    ┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
    │ dense (Dense)                   │ (None, 1000)           │       785,000 │
    ├─────────────────────────────────┼────────────────────────┼───────────────┤
    │ dense_1 (Dense)                 │ (None, 10)             │        10,010 │
    └─────────────────────────────────┴────────────────────────┴───────────────┘
     Total params: 795,010 (3.03 MB)
     Trainable params: 795,010 (3.03 MB)
     Non-trainable params: 0 (0.00 B)
    "#);
}

#[test]
fn wrong_use_is_named_with_a_way_out() {
    let (x, y) = moons(10);
    let dense = |units: usize| layers![Dense::new(units).input_dim(2)];
    let fit = |options: Fit| {
        let mut model = network(2, "softmax");
        model.compile("sparse_categorical_crossentropy", "adam", ["acc"]).unwrap();
        model.fit(&x, &y, options.verbose(0)).unwrap_err().to_string()
    };
    let compile = |loss: &str, optimizer: &str, metrics: &[&str]| {
        network(2, "softmax").compile(loss, optimizer, metrics.iter().copied()).unwrap_err().to_string()
    };
    for (got, want) in [
        (
            Sequential::new(dense(0)).unwrap_err().to_string(),
            "layer 'dense' (Dense): units = 0, expected a number of outputs, at least 1",
        ),
        (
            Sequential::new(dense(1_000_000_000)).unwrap_err().to_string(),
            "layer 'dense' (Dense): units = 1000000000, expected at most 16777216",
        ),
        (
            Sequential::new(layers![Dense::new(100_000).input_dim(100_000)]).unwrap_err().to_string(),
            "model 'sequential': 10000100000 weights, more than the 1073741824 that are supported: use fewer units",
        ),
        (
            Sequential::new(layers![Dense::new(1).input_dim(usize::MAX)]).unwrap_err().to_string(),
            "model 'sequential': input of shape (None, 18446744073709551615), more than 16777216 values",
        ),
        (
            network(2, "softmax").with_threads(1025).predict(&x).unwrap_err().to_string(),
            "threads: 1025, expected at most 1024",
        ),
        (
            Sequential::new(layers![Dropout::new(1.5)]).unwrap_err().to_string(),
            "layer 'dropout' (Dropout): rate = 1.5, expected the share of elements to drop, from 0 to 1",
        ),
        (
            Sequential::new(layers![Dense::new(2).activation("sofmax")]).unwrap_err().to_string(),
            "layer 'dense' (Dense): unknown activation 'sofmax'; did you mean 'softmax'?; known are: celu, elu,",
        ),
        (
            Sequential::new(layers![Dense::new(2).input_dim(3), Dense::new(2).input_dim(3)])
                .unwrap_err()
                .to_string(),
            "layer 'dense_1' (Dense): states an input of shape (None, 3), but is given (None, 2)",
        ),
        (
            Sequential::new(layers![Flatten::new().input_shape([2, 2]), Dense::new(1)])
                .unwrap()
                .fit(&x, &y, Fit::new())
                .unwrap_err()
                .to_string(),
            "the model has no loss and no optimizer yet: call compile first",
        ),
        (
            network(2, "softmax").evaluate(&x, &y).unwrap_err().to_string(),
            "the model has no loss and no optimizer yet: call compile first",
        ),
        (fit(Fit::new().batch_size(0)), "fit: batch_size = 0, expected at least 1 row a step"),
        (
            fit(Fit::new().validation_split(1.0)),
            "fit: validation_split = 1 of 10 rows leaves none to train or none to validate",
        ),
        (
            fit(Fit::new().validation_data(&x, y.slice(0..3).unwrap())),
            "validation_data: x has 10 rows and y has 3: one target for every row is needed",
        ),
        (compile("msee", "adam", &[]), "unknown loss 'msee'; did you mean 'mse'?"),
        (compile("mse", "adan", &[]), "unknown optimizer 'adan'; did you mean 'adam'?; known are: adadelta,"),
        (compile("mse", "adam", &["acuracy"]), "unknown metric 'acuracy'; did you mean 'accuracy'?"),
        (compile("mse", "adam", &["mse", "mse"]), "compile: the metric 'mse' is there twice: give one"),
    ] {
        assert!(got.starts_with(want), "{got}\nis not\n{want}");
    }
}

#[test]
fn divergence_stops_with_the_place_and_the_last_good_weights() {
    let (x, y) = moons(64);
    let mut model = Sequential::new(layers![Dense::new(1).input_dim(2)]).unwrap();
    model.compile("mse", SGD::new(1e30), ["mae"]).unwrap();
    let error = model.fit(&x, y.astype(F32), Fit::new().epochs(20).verbose(0)).unwrap_err();
    assert!(!error.is_bad_input());
    assert!(error.to_string().starts_with("training diverged: the loss is "), "{error}");
    let all = model.get_weights();
    assert!(all.iter().flat_map(Tensor::to_f32).all(f32::is_finite));
}
