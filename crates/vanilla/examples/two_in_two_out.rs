//! Two inputs and two outputs: a price and a kind, learnt together from two tables.
//! `cargo run --release --example two_in_two_out`
use vanilla::plan::kernels::random::Stream;
use vanilla::prelude::*;

/// Four numbers and two numbers in, a number and three classes out.
pub fn model() -> Result<Model> {
    let left = Input::new([4]).name("left").tensor();
    let right = Input::new([2]).name("right").tensor();
    let joined = Concatenate::new()
        .call([&Dense::new(5).activation("relu").call(&left), &Dense::new(3).activation("tanh").call(&right)]);
    let trunk = Dense::new(6).activation("relu").call(&joined);
    let price = Dense::new(1).name("price").call(&trunk);
    let kind = Dense::new(3).activation("softmax").name("kind").call(&trunk);

    let mut model = Model::new([&left, &right], [&price, &kind])?;
    model.compile_with(
        Compile::new(Losses::named([("price", "mse"), ("kind", "categorical_crossentropy")]), Adam::new(0.01))
            .loss_weights([0.7, 1.5])
            .metrics_of("price", ["mae"])
            .metrics_of("kind", ["acc"]),
    )?;
    Ok(model)
}

/// Inputs and targets that hang together: the price is a sum over both tables, the kind its third.
fn data(rows: usize) -> Result<([Tensor; 2], [Tensor; 2])> {
    let mut random = Stream::new(2, 0);
    let mut numbers = |count: usize| (0..count).map(|_| random.normal() as f32).collect::<Vec<f32>>();
    let (left, right) = (numbers(4 * rows), numbers(2 * rows));
    let prices: Vec<f32> = left
        .chunks(4)
        .zip(right.chunks(2))
        .map(|(a, b)| 0.3 * a.iter().sum::<f32>() + 0.5 * b[0] * b[1])
        .collect();
    let kinds: Vec<i64> = prices.iter().map(|price| i64::from(*price > -0.3) + i64::from(*price > 0.3)).collect();
    let kinds = to_categorical(&Tensor::new(kinds, [rows])?, 3)?;
    Ok(([Tensor::new(left, [rows, 4])?, Tensor::new(right, [rows, 2])?], [Tensor::new(prices, [rows, 1])?, kinds]))
}

/// Describes, trains, reports, predicts.
pub fn main() -> Result<()> {
    let mut model = model()?;
    println!("{}", model.summary());

    let ([left, right], [prices, kinds]) = data(2000)?;
    let options = Fit::new().epochs(10).batch_size(32).validation_split(0.2).verbose(0);
    let history = model.fit([&left, &right], [&prices, &kinds], options)?;
    for (key, values) in &history.history {
        println!("{key}: {:.4}", values.last().copied().unwrap_or(f64::NAN));
    }

    let predictions = model.predict_all([&left.slice(0..3)?, &right.slice(0..3)?])?;
    println!("prices: {:.2?}, expected {:.2?}", predictions[0].to_f32(), prices.slice(0..3)?.to_f32());
    println!(
        "kinds:  {:?}, expected {:?}",
        predictions[1].argmax()?.to_i64(),
        kinds.slice(0..3)?.argmax()?.to_i64()
    );
    Ok(())
}
