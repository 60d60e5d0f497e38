//! Ten dense layers, eight of them in blocks that their input skips: what a block adds is learnt, what it is given
//! stays. `cargo run --release --example residual`
use vanilla::plan::kernels::random::Stream;
use vanilla::prelude::*;

/// Six numbers in, three classes out.
pub fn model() -> Result<Model> {
    let x = Input::new([6]).tensor();
    let mut flow = Dense::new(8).activation("relu").call(&x);
    for _ in 0..4 {
        let inner = Dense::new(8).activation("relu").call(&flow);
        let change = Dense::new(8).activation("relu").call(&inner);
        flow = Add::new().call([&flow, &change]);
    }
    let classes = Dense::new(3).activation("softmax").call(&flow);

    let mut model = Model::new(&x, &classes)?;
    model.compile("categorical_crossentropy", Adam::new(0.003), ["acc"])?;
    Ok(model)
}

/// Points in space, and the largest of the sums of two of their coordinates each.
fn data(points: usize) -> Result<(Tensor, Tensor)> {
    let mut random = Stream::new(1, 0);
    let x: Vec<f32> = (0..6 * points).map(|_| random.normal() as f32).collect();
    let sums: Vec<f32> = x.chunks(2).map(|pair| pair[0] + pair[1]).collect();
    let labels = Tensor::new(sums, [points, 3])?.argmax()?;
    Ok((Tensor::new(x, [points, 6])?, to_categorical(&labels, 3)?))
}

/// Describes, trains, reports.
pub fn main() -> Result<()> {
    let mut model = model()?;
    println!("{}", model.summary());

    let (x, y) = data(2000)?;
    let history = model.fit(&x, &y, Fit::new().epochs(10).batch_size(32).validation_split(0.2).verbose(0))?;
    for (key, values) in &history.history {
        println!("{key}: {:.4}", values.last().copied().unwrap_or(f64::NAN));
    }
    Ok(())
}
