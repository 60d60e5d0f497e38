//! A callback of one's own: it stops the training when a metric is reached, and looks at the weights.

use vanilla::Logs;
use vanilla::callbacks::{Callback, Training};
use vanilla::prelude::*;
use vanilla::testing::check_callback;

struct Enough(f64);

impl Callback for Enough {
    fn class_name(&self) -> &str {
        "Enough"
    }
    fn on_epoch_end(&mut self, epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        if logs["loss"] < self.0 {
            let largest = training.model().get_weights()[0].to_f32().into_iter().fold(0.0, f32::max);
            println!("epoch {epoch}: loss {:.4}, largest weight {largest:.3}: enough", logs["loss"]);
            training.stop_training();
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    // It is made in the program and not read from a file, so no registry has it.
    check_callback(|| Enough(1e-3), &Registry::new())?;
    let x = Tensor::new(vec![0.0f32, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [4, 2])?;
    let y = Tensor::new(vec![0.0f32, 1.0, 1.0, 0.0], [4, 1])?;
    let mut model = Sequential::new(layers![Dense::new(8).activation("tanh").input_dim(2), Dense::new(1)])?;
    model.compile("mse", Adam::new(0.05), ["mae"])?;
    model.fit(&x, &y, Fit::new().epochs(500).verbose(0).callback(Enough(1e-3))).map(|_| ())
}
