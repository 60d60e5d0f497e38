//! A layer, an activation and an initializer of one's own: in a model, through the tests of their contract, into a
//! file and back. `cargo run --release --example own_words`
use std::sync::Arc;
use vanilla::activations::Activation;
use vanilla::config::Keys;
use vanilla::initializers::{Constant, Initialize, Initializer};
use vanilla::layers::{Built, Layer, VariableSpec, by_last_axis, last_axis, one_input};
use vanilla::plan::kernels::{Kernels, random::Stream};
use vanilla::plan::{Curve, Fact, Formula, Reads, RowFunction, RowGradients, RowWeights};
use vanilla::prelude::*;
use vanilla::testing::{LayerCheck, check_activation, check_initializer};

// A layer: y = x w, a weight for every column. It starts with all weights at the number that it holds.
// begin layer
#[derive(Clone, Copy, Debug)]
struct Scale(f64);

impl Layer for Scale {
    fn class_name(&self) -> &str {
        "Scale"
    }
    fn config(&self) -> Keys {
        Keys::from_iter([("initial".to_owned(), self.0.into())])
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let x = one_input(place, inputs)?;
        let w = VariableSpec::new("scale", [last_axis(x).1], Initializer::Constant(Constant::new(self.0)));
        Ok(Built::new(x, vec![by_last_axis(x), Fact::Rows(Arc::new(*self))]).variables(vec![w]))
    }
}

impl RowFunction for Scale {
    fn name(&self) -> &str {
        "scale"
    }
    fn weights(&self, inputs: &[usize]) -> Vec<usize> {
        inputs.to_vec()
    }
    fn forward(&self, x: &[f32], w: &RowWeights, y: &mut [f32]) {
        (0..x.len()).for_each(|i| y[i] = x[i] * w[0][i]);
    }
    fn backward(&self, x: &[f32], w: &RowWeights, _: &[f32], dy: &[f32], dx: &mut [f32], dw: &mut RowGradients) {
        (0..x.len()).for_each(|i| dx[i] = dy[i] * w[0][i]);
        dw[0].iter_mut().zip(x).zip(dy).for_each(|((dw, x), dy)| *dw += x * dy);
    }
}
// end layer

// An activation: y = max(x, 0)^2 (So et al. 2021). Written so that not a number stays not a number.
// begin activation
#[derive(Debug)]
struct SquaredRelu;

impl Curve for SquaredRelu {
    fn name(&self) -> &str {
        "squared_relu"
    }
    fn reads(&self) -> Reads {
        Reads::Input
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        y.iter_mut().for_each(|y| *y = if *y < 0.0 { 0.0 } else { *y * *y });
    }
    fn gradient(&self, _: &Kernels, d: &mut [f32], x: &[f32]) {
        d.iter_mut().zip(x).for_each(|(d, x)| *d *= if *x < 0.0 { 0.0 } else { 2.0 * x });
    }
    fn value(&self, x: f64) -> f64 {
        if x < 0.0 { 0.0 } else { x * x }
    }
    // What the exports to other languages are made of; without it they refuse a model with this function.
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x.max(0.0) * x.max(0.0)))
    }
}
// end activation

// An initializer: plus or minus a number, each as likely as the other.
// begin initializer
#[derive(Debug)]
struct RandomSign(f64);

impl Initialize for RandomSign {
    fn class_name(&self) -> &str {
        "RandomSign"
    }
    fn config(&self) -> Keys {
        Keys::from_iter([("size".to_owned(), self.0.into())])
    }
    fn fill(&self, shape: &[usize], random: &mut Stream) -> Result<Vec<f32>> {
        let number = |_| if random.uniform() < 0.5 { self.0 as f32 } else { -self.0 as f32 };
        Ok((0..shape.iter().product()).map(number).collect())
    }
}
// end initializer

/// Trains a model of these words, saves it and loads it.
pub fn main() -> Result<()> {
    // What the names in a file mean.
    let registry = Registry::new()
        .layer("Scale", |_, config| Ok(Scale(config.float("initial")?.unwrap_or(1.0))))
        .activation(SquaredRelu)
        .initializer("RandomSign", |config| Ok(RandomSign(config.float("size")?.unwrap_or(1.0))));

    // Whether they keep what a word promises: gradients, shapes, the same bits on all threads, and more.
    LayerCheck::new(Scale(0.5)).inputs([[4]]).registry(&registry).run()?;
    check_activation(SquaredRelu)?;
    check_initializer(RandomSign(0.3), &registry)?;

    // They stand where Keras's words stand.
    let mut model = Sequential::new(layers![
        Dense::new(12).activation(Activation::from(SquaredRelu)).kernel_initializer(RandomSign(0.3)).input_dim(2),
        Scale(0.5),
        Scale(1.0),
        Dense::new(1),
    ])?;
    println!("{}", model.summary());
    model.compile("mse", "adam", ["mae"])?;

    // The distance from the middle, squared.
    let mut random = Stream::new(1, 0);
    let points: Vec<f32> = (0..2 * 512).map(|_| random.normal() as f32).collect();
    let distances: Vec<f32> = points.chunks(2).map(|point| point[0] * point[0] + point[1] * point[1]).collect();
    let (x, y) = (Tensor::new(points, [512, 2])?, Tensor::new(distances, [512, 1])?);
    let history = model.fit(&x, &y, Fit::new().epochs(20).verbose(0))?;
    println!("loss: {:.4?}", &history["loss"]);
    assert!(history["loss"].last() < history["loss"].first());

    // Into a file and back. Without the registry the name means nothing.
    let path = std::env::temp_dir().join(format!("own_words_{}.keras", std::process::id()));
    model.save(&path)?;
    let loaded = Model::load_with(&path, &registry)?;
    assert_eq!(loaded.layer_names(), ["dense", "scale", "scale_1", "dense_1"]);
    assert_eq!(loaded.predict(&x)?.to_f32(), model.predict(&x)?.to_f32());
    let unknown = Model::load(&path).map(|_| ()).map_err(|error| error.to_string());
    std::fs::remove_file(&path).map_err(|source| Error::Io { path, source })?;
    let unknown = unknown.expect_err("a registry is needed");
    println!("without the registry: {unknown}");
    assert!(unknown.contains("unknown initializer 'RandomSign'"));
    Ok(())
}
