//! What a run is measured by: `metrics.json`.

use crate::data;
use crate::ui::failed;
use anyhow::Result;
use serde_json::{Value, json};
use vanilla::datasets::{Dataset, Part};
use vanilla::{Arrays, History, Model, Tensor};

/// The names under which a loss's own accuracy is compiled.
const ACCURACY: [&str; 5] =
    ["acc", "accuracy", "categorical_accuracy", "sparse_categorical_accuracy", "binary_accuracy"];

/// Results on the test part; none where there is no test part or nothing to count.
#[derive(Clone, Debug, Default)]
pub struct Test {
    pub loss: Option<f64>,
    pub accuracy: Option<f64>,
    /// Everything that was compiled, by name.
    pub all: Vec<(String, f64)>,
}

impl Test {
    /// Evaluates. The accuracy is counted from the predictions, and has to be the one that `evaluate` reports.
    pub fn run(model: &Model, dataset: &Dataset, part: &Part, x: &Arrays, y: &Tensor) -> Result<Self> {
        let logs = model.evaluate(x, y)?;
        let reported = ACCURACY.iter().find_map(|name| Some((*name, logs.get(name)?)));
        let counted = data::classes(dataset, part, model).map(|classes| count(model, x, &classes)).transpose()?;
        if let (Some((name, reported)), Some(counted)) = (reported, counted)
            && name != "binary_accuracy"
            && reported != counted
        {
            return Err(failed(format!(
                "internal error: the predictions give an accuracy of {counted}, evaluate gives {reported}; please report this"
            )));
        }
        let accuracy = counted.or(reported.map(|(_, value)| value));
        Ok(Self { loss: logs.get("loss"), accuracy, all: logs.0 })
    }
}

/// The share of rows whose largest output is at the right place.
fn count(model: &Model, x: &Arrays, classes: &Tensor) -> Result<f64> {
    let predicted = model.predict(x)?.argmax()?.to_i64();
    let right = predicted.iter().zip(classes.to_i64()).filter(|(predicted, class)| **predicted == *class).count();
    Ok(right as f64 / predicted.len() as f64)
}

/// The object of `metrics.json`.
pub fn metrics(model: &Model, history: &History, test: &Test, run: &Run) -> Result<Value> {
    let fastest = history.epoch_seconds.iter().copied().fold(f64::INFINITY, f64::min);
    let mut metrics = json!({
        "test_loss": test.loss,
        "test_accuracy": test.accuracy,
        "epochs": history.epoch.len(),
        "seconds": history.seconds,
        "epoch_seconds": history.epoch_seconds,
        "rows_per_second": run.rows as f64 / fastest,
        "peak_memory_bytes": peak_memory_bytes(),
        "parameters": model.count_params(),
        "seed": run.seed,
        "threads": model.threads(run.batch_size)?,
        "weights_sha256": model.weights_sha256(),
    });
    // What a table is judged by has many names.
    if run.table && !test.all.is_empty() {
        metrics["test_metrics"] = test.all.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        metrics["test_rows"] = run.test_rows.into();
    }
    // Only where there was trouble.
    for (key, count) in [("skipped_batches", history.skipped), ("rollbacks", history.rollbacks)] {
        if count > 0 {
            metrics[key] = count.into();
        }
    }
    Ok(metrics)
}

/// The last line of a run: what it has come to.
pub fn closing(metrics: &Value, history: &History) -> String {
    if let (Some(all), Some(rows)) = (metrics["test_metrics"].as_object(), metrics["test_rows"].as_u64()) {
        let shown: Vec<String> =
            all.iter().map(|(name, value)| format!("{name}: {:.4}", value.as_f64().unwrap_or(f64::NAN))).collect();
        return format!("The {rows} rows held out, which also decided when to stop: {}", shown.join(" - "));
    }
    let last = |key: &str| history.get(key).and_then(|values| values.last().copied());
    match (metrics["test_accuracy"].as_f64(), metrics["test_loss"].as_f64(), last("val_loss"), last("loss")) {
        (Some(accuracy), ..) => format!("Test accuracy: {:.4}%", 100.0 * accuracy),
        (_, Some(loss), ..) => format!("Test loss: {loss:.6}"),
        (_, _, Some(loss), _) => format!("Validation loss: {loss:.6}"),
        (.., loss) => format!("Training loss: {:.6}", loss.unwrap_or(f64::NAN)),
    }
}

/// How a run went.
pub struct Run {
    /// Rows that an epoch trains on.
    pub rows: usize,
    pub batch_size: usize,
    pub seed: u64,
    /// Whether the data are a table, and how many of its rows were held out.
    pub table: bool,
    pub test_rows: usize,
}

/// The most memory that this process ever had, where the system tells.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
