//! An optimizer and a schedule of one's own: in a model, into a file and back.
//! `cargo run --release --example own_optimizer`
use vanilla::config::{Config, Keys};
use vanilla::optimizers::{Coefficients, Common, Kernels, LearningRate, Optimizer, Slot, Slots, zeros};
use vanilla::prelude::*;
use vanilla::schedules::Schedule;
use vanilla::testing::{check_optimizer, check_schedule};

// begin optimizer
/// Every weight moves by the learning rate, to the side that the gradients of late say: the sign of their mean.
#[derive(Debug)]
struct SignOfMean {
    common: Common,
    keep: f64,
}

impl Optimizer for SignOfMean {
    fn class_name(&self) -> &str {
        "SignOfMean"
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        Keys::from_iter([("keep".to_owned(), self.keep.into())])
    }
    fn slots(&self, _variable: &str, shape: &[usize]) -> Vec<Slot> {
        vec![zeros("mean", shape)]
    }
    fn update(&self, _: &Kernels, c: &Coefficients, w: &mut [f32], g: &[f32], slots: &mut Slots<'_>) {
        let (rate, keep) = (c[0], self.keep as f32);
        for ((w, g), mean) in w.iter_mut().zip(g).zip(&mut *slots[0]) {
            *mean = keep * *mean + (1.0 - keep) * g;
            *w -= rate * if *mean == 0.0 { 0.0 } else { mean.signum() };
        }
    }
}
// end optimizer

// begin schedule
/// As one over the root of the number of the step.
#[derive(Debug)]
struct InverseRoot {
    start: f64,
}

impl Schedule for InverseRoot {
    fn class_name(&self) -> &str {
        "InverseRoot"
    }
    fn config(&self) -> Keys {
        Keys::from_iter([("start".to_owned(), self.start.into())])
    }
    fn at(&self, step: u64) -> f32 {
        (self.start / (step as f64 + 1.0).sqrt()) as f32
    }
}
// end schedule

/// Who loads a model says what the names in its file mean.
fn registry() -> Registry {
    let number = |config: &mut Config, key: &str, default: f64| -> Result<f64> {
        Ok(config.float(key)?.unwrap_or(default))
    };
    Registry::new()
        .schedule("InverseRoot", move |config| Ok(InverseRoot { start: number(config, "start", 0.01)? }))
        .optimizer("SignOfMean", move |config| {
            // Learning rate, clipping, decay, averages, accumulation: they work with any optimizer.
            let common = Common::new(0.001).from_config(config)?;
            Ok(SignOfMean { common, keep: number(config, "keep", 0.9)? })
        })
}

/// Checks, trains, saves, loads, and trains on.
///
/// # Errors
/// When the file cannot be written.
pub fn main() -> Result<()> {
    // Both keep what an optimizer and a schedule promise: the same bits for every piece of a variable, for instance.
    check_optimizer(SignOfMean { common: Common::new(0.001), keep: 0.8 }, &registry())?;
    check_schedule(&InverseRoot { start: 0.02 }, &registry())?;

    // The sign of the product of two numbers, which no straight line separates.
    let points: Vec<[f32; 2]> =
        (0..400).map(|i| [(i % 20) as f32 / 10.0 - 0.95, (i / 20) as f32 / 10.0 - 0.95]).collect();
    let labels: Vec<f32> = points.iter().map(|[a, b]| f32::from(a * b > 0.0)).collect();
    let (x, y) = (Tensor::new(points.concat(), [400, 2])?, Tensor::new(labels, [400, 1])?);

    let rate: LearningRate = InverseRoot { start: 0.02 }.into();
    let optimizer = SignOfMean { common: Common { clipvalue: Some(0.5), ..Common::new(rate) }, keep: 0.8 };
    let mut model = Sequential::new(layers![
        Dense::new(16).activation("tanh").input_dim(2),
        Dense::new(1).activation("sigmoid"),
    ])?
    .with_seed(1)?;
    model.compile("binary_crossentropy", optimizer, ["acc"])?;
    let history = model.fit(&x, &y, Fit::new().epochs(60).verbose(0))?;
    println!("loss {:.3} -> {:.3}", history["loss"][0], history["loss"][59]);
    assert!(history["acc"][59] > 0.9);

    // The file holds both by name, their keys, and the optimizer's slots; so training goes on where it was.
    let file = std::env::temp_dir().join(format!("own-optimizer-{}.keras", std::process::id()));
    model.save(&file)?;
    let mut loaded = Model::load_with(&file, &registry())?;
    // Without the registry the model predicts, and says what it would need to train.
    println!("{}", Model::load(&file)?.remarks()[0]);
    let _ = std::fs::remove_file(&file);
    let more = Fit::new().epochs(1).verbose(0).shuffle(false);
    let (here, there) = (model.fit(&x, &y, more.clone())?, loaded.fit(&x, &y, more)?);
    assert_eq!(here["loss"], there["loss"]);
    println!("saved, loaded, and one more epoch: loss {:.3} for both", there["loss"][0]);
    Ok(())
}
