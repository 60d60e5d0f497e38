//! The code of docs/tutorial.md, step by step. `cargo run --release --example tutorial -- 2` trains for two epochs.
//! A test sees to it that the document shows these lines and no others.

use vanilla::prelude::*;

fn main() -> Result<()> {
    let ((x_train, y_train), (x_test, y_test)) = mnist::load_data()?;
    println!("{x_train:?} {y_train:?}");
    println!("{x_test:?} {y_test:?}");

    let four = [x_train.get(0)?, x_train.get(1)?, x_test.get(0)?, x_test.get(1)?];
    println!("{}", vanilla::show(&four, 2)?);

    let x_train = x_train.reshape([60_000, 784])?.astype(F32);
    let x_test = x_test.reshape([10_000, 784])?.astype(F32);

    let (y_train, y_test) = (to_categorical(&y_train, 10)?, to_categorical(&y_test, 10)?);
    fruits()?;

    let mut model = Sequential::new(layers![
        Dense::new(1000).input_dim(784).activation("relu"),
        Dense::new(10).activation("softmax"),
    ])?;

    println!("{}", model.summary());

    println!("{}", model.summary().render(vanilla::Layout::Keras2, 80, false));

    model.compile("categorical_crossentropy", "adam", ["acc"])?;

    if let Some(epochs) = std::env::args().nth(1).and_then(|n| n.parse().ok()) {
        train(model, &x_train, &y_train, &x_test, &y_test, epochs)
    } else {
        let options = Fit::new().validation_data(&x_test, &y_test).epochs(50).batch_size(64).verbose(1);
        let history = model.fit(&x_train, &y_train, options)?;
        report(model, history, &x_test, &y_test)
    }
}

/// Fewer epochs.
fn train(mut model: Model, x: &Tensor, y: &Tensor, x_test: &Tensor, y_test: &Tensor, epochs: usize) -> Result<()> {
    let options = Fit::new().validation_data(x_test, y_test).epochs(epochs).batch_size(64);
    let history = model.fit(x, y, options)?;
    report(model, history, x_test, y_test)
}

fn report(model: Model, history: History, x_test: &Tensor, y_test: &Tensor) -> Result<()> {
    for (key, values) in &history.history {
        println!("{key}: {values:.4?}");
    }
    let best = history["val_acc"].iter().copied().fold(0.0, f64::max);
    println!("best val_acc: {best:.4}");

    let figure = history.figure();
    println!("{}", figure.to_terminal(100, false));
    vanilla::write_file("curves.png".as_ref(), &figure.to_png()?)?;

    let probabilities = model.predict(x_test)?; // (10000, 10)
    let predicted = probabilities.argmax()?.to_i64();
    let labels = y_test.argmax()?.to_i64();
    let right = predicted.iter().zip(&labels).filter(|(p, y)| p == y).count();
    println!("{right} of {} right: {:.4}%", labels.len(), 100.0 * right as f64 / labels.len() as f64);

    let logs = model.evaluate(x_test, y_test)?;
    println!("evaluate: acc {:.4}", logs["acc"]);
    assert_eq!(right, (logs["acc"] * labels.len() as f64).round() as usize);
    Ok(())
}

fn fruits() -> Result<()> {
    let basket = Tensor::new(vec![2i64, 0, 4], [3])?; // plum, apple, fig
    let one_hot = to_categorical(&basket, 5)?;
    #[rustfmt::skip]
    assert_eq!(one_hot.to_f32(), [
        0., 0., 1., 0., 0., // plum
        1., 0., 0., 0., 0., // apple
        0., 0., 0., 0., 1., // fig
    ]);
    Ok(())
}

/// Variants that the document mentions beside the way that it takes.
#[allow(dead_code)]
fn variants(x_train: Tensor, x_test: Tensor) -> Result<(Tensor, Tensor)> {
    let mut model = Sequential::new(layers![
        Dense::new(1000).input_dim(784).activation("relu"),
        Dropout::new(0.5),
        Dense::new(10).activation("softmax"),
    ])?;

    let loss = CategoricalCrossentropy::new().label_smoothing(0.1);
    model.compile(loss, Adam::new(0.001).beta_1(0.9), [CategoricalAccuracy])?;

    let (x_train, x_test) = (x_train / 255.0, x_test / 255.0);
    Ok((x_train, x_test))
}
