//! rustyml: `fit_with_batches`, an epoch a call, which goes on with weights and optimizer as they are.
//!
//! The last layer is linear and the loss takes logits: with a softmax layer rustyml does not learn raw pixels.

use common::{Definition, Result, serve};
use ndarray::{Array, IxDyn};
use rustyml::neural_network::layers::{Activation, Dense};
use rustyml::neural_network::losses::CategoricalCrossEntropy;
use rustyml::neural_network::optimizers::{Adam, RMSprop, SGD};
use rustyml::neural_network::sequential::SequentialBuilder;
use rustyml::neural_network::shape::Shape;

fn main() -> Result<()> {
    let wanted = Definition::from_arguments()?;
    let curve = || match wanted.activation.as_str() {
        "relu" => Ok(Activation::ReLU),
        "tanh" => Ok(Activation::Tanh),
        other => Err(format!("no activation {other} here")),
    };
    let (inputs, classes) = (wanted.layers[0], wanted.layers[wanted.layers.len() - 1]);
    let (x, labels) = wanted.data()?;
    let x = Array::from_shape_vec(IxDyn(&[wanted.rows, inputs]), x)?;
    let mut y = Array::zeros(IxDyn(&[wanted.rows, classes]));
    for (row, label) in labels.into_iter().enumerate() {
        y[[row, label as usize]] = 1.0;
    }

    let mut builder = SequentialBuilder::new();
    for (i, &units) in wanted.layers.iter().enumerate().skip(1) {
        let last = i + 1 == wanted.layers.len();
        builder = builder.add(Dense::new(units, if last { Activation::Linear } else { curve()? })?);
    }
    let mut model = builder.build(&Shape::known(&[wanted.batch, inputs]))?;
    let (rate, loss) = (wanted.learning_rate as f32, CategoricalCrossEntropy::new(true));
    match wanted.optimizer.as_str() {
        "adam" => model.compile(Adam::new(rate, 0.9, 0.999, 1e-7, 0.0)?, loss),
        "sgd" => model.compile(SGD::new(rate, 0.9, false, 0.0)?, loss),
        "rmsprop" => model.compile(RMSprop::new(rate, 0.9, 1e-7, 0.0)?, loss),
        other => return Err(format!("unknown optimizer {other}").into()),
    };
    serve(&wanted, "0.17.0", "", || {
        let history = model.fit_with_batches(&x, &y, 1, wanted.batch)?;
        Ok(history.loss().last().copied().map_or(f64::NAN, f64::from))
    })
}
