//! A loss and a metric of one's own: trained with, saved, and loaded again.
use vanilla::config::{Config, Keys};
use vanilla::losses::{Loss, Targets};
use vanilla::metrics::{Direction, Metric, Row};
use vanilla::plan::kernels::Kernels;
use vanilla::prelude::*;
use vanilla::testing::{check_loss, check_metric};

/// Mean over the outputs of `max(q e, (q - 1) e)`, `e = t - p`: what is above the prediction with probability 1 - q.
#[derive(Debug)]
struct Quantile(f32);

impl vanilla::plan::Loss for Quantile {
    fn name(&self) -> &str {
        "quantile"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        for ((d, p), t) in d.iter_mut().zip(prediction).zip(target) {
            *d = (if t > p { -self.0 } else { 1.0 - self.0 }) / prediction.len() as f32;
        }
        d.iter().zip(prediction).zip(target).map(|((d, p), t)| d * (p - t)).sum()
    }
}

impl Loss for Quantile {
    fn class_name(&self) -> &str {
        "Quantile"
    }
    fn config(&self) -> Keys {
        Keys::from_iter([("q".to_owned(), self.0.into())])
    }
    fn targets(&self) -> Targets {
        Targets::Numbers
    }
}

/// Share of targets that are not above their predictions.
#[derive(Debug)]
struct Coverage;

impl Metric for Coverage {
    fn class_name(&self) -> &str {
        "Coverage"
    }
    fn name(&self) -> &str {
        "coverage"
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }
    fn sample(&self, row: &Row<'_>) -> f32 {
        let covered = row.target.iter().zip(row.output).filter(|(t, p)| t <= p);
        covered.count() as f32 / row.output.len() as f32
    }
}

fn main() -> Result<()> {
    let q = |config: &mut Config| Ok(Quantile(config.float("q")?.unwrap_or(0.5) as f32));
    let registry = Registry::new().loss("Quantile", q).metric("Coverage", |_| Ok(Coverage));
    // They keep what a loss and a metric promise: gradients against differences, for instance.
    check_loss(Quantile(0.9), &registry)?;
    check_metric(Coverage, &registry)?;

    // Targets between 0 and x, so that nine tenths of them lie below 0.9 x.
    let x: Vec<f32> = (0..1000).map(|i| (i % 50) as f32 / 50.0).collect();
    let y: Vec<f32> = x.iter().enumerate().map(|(i, x)| x * (i / 50) as f32 / 19.0).collect();
    let (x, y) = (Tensor::new(x, [1000, 1])?, Tensor::new(y, [1000, 1])?);

    let mut model = Sequential::new(layers![Dense::new(16).activation("relu").input_dim(1), Dense::new(1),])?;
    model.compile(Quantile(0.9), "adam", [Coverage])?;
    let history = model.fit(&x, &y, Fit::new().epochs(30).batch_size(50).verbose(0))?;
    println!("covered: {:.3} and at last {:.3}", history["coverage"][0], history["coverage"][29]);

    let file = std::env::temp_dir().join(format!("own-{}.keras", std::process::id()));
    model.save(&file)?;
    let loaded = Model::load_with(&file, &registry)?;
    std::fs::remove_file(&file).ok();
    let (before, after) = (model.evaluate(&x, &y)?, loaded.evaluate(&x, &y)?);
    println!("loss before {} and after {}", before["loss"], after["loss"]);
    assert_eq!(before["coverage"], after["coverage"]);
    Ok(())
}
