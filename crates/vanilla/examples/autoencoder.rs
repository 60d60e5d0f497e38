//! Six numbers through a layer of two, and back: what is left of them in between is a code.
//! `cargo run --release --example autoencoder`
use vanilla::plan::kernels::random::Stream;
use vanilla::prelude::*;

/// Six numbers in, the same six out.
pub fn model() -> Result<Model> {
    let mut model = Sequential::new(layers![
        Input::new([6]),
        Dense::new(5).activation("relu"),
        Dense::new(2).activation("tanh"),
        Dense::new(5).activation("relu"),
        Dense::new(6),
    ])?;
    model.compile_with(Compile::new("mse", Adam::new(0.01)))?;
    Ok(model)
}

/// Six numbers a row that are made of two.
fn data(rows: usize) -> Result<Tensor> {
    let mut random = Stream::new(3, 0);
    let mix: Vec<f32> = (0..2 * 6).map(|_| random.normal() as f32).collect();
    let row = |random: &mut Stream| {
        let (a, b) = (random.normal() as f32, random.normal() as f32);
        (0..6).map(|i| (a * mix[i] + b * mix[6 + i]).tanh()).collect::<Vec<f32>>()
    };
    Tensor::new((0..rows).flat_map(|_| row(&mut random)).collect::<Vec<f32>>(), [rows, 6])
}

/// Describes, trains, reports, shows a row beside what is made of it.
pub fn main() -> Result<()> {
    let mut model = model()?;
    println!("{}", model.summary());

    let (x, unseen) = (data(2000)?, data(2100)?.slice(2000..2100)?);
    let history = model.fit(&x, &x, Fit::new().epochs(20).batch_size(32).verbose(0))?;
    println!("loss: {:.4} to {:.4}", history["loss"][0], history["loss"][19]);
    println!("loss on unseen rows: {:.4}", model.evaluate(&unseen, &unseen)?["loss"]);

    let first = unseen.slice(0..1)?;
    println!("in:  {:.3?}", first.to_f32());
    println!("out: {:.3?}", model.predict(&first)?.to_f32());
    Ok(())
}
