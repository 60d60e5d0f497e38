//! `bench/cells.toml`: what is measured.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;

/// One network with its data and the way it is trained.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    pub name: String,
    pub title: String,
    /// Inputs, hidden layers, classes.
    pub layers: Vec<usize>,
    pub batch: usize,
    pub rows: usize,
    pub data: Data,
    #[serde(default = "relu")]
    pub activation: String,
    #[serde(default = "adam")]
    pub optimizer: String,
    #[serde(default = "rate")]
    pub learning_rate: f64,
    pub peers: Peers,
    /// The factor within which losses are alike, where it is not the usual one.
    pub within: Option<f64>,
    /// Ours has to be this many times as fast as the best peer.
    pub at_least: Option<f64>,
    /// And this many times as fast as Keras on TensorFlow as it comes.
    pub at_least_keras: Option<f64>,
}

/// Where the rows come from.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Data {
    /// Raw pixels, 0 to 255, as bytes.
    Mnist,
    /// The pixels divided by 255, as floats.
    MnistFloat,
    /// Uniform floats in [0, 1) and random classes.
    Random,
}

/// Whom a cell is measured against.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Peers {
    All,
    Best,
}

fn relu() -> String {
    "relu".to_owned()
}

fn adam() -> String {
    "adam".to_owned()
}

fn rate() -> f64 {
    1e-3
}

#[derive(Deserialize)]
struct File {
    cell: Vec<Cell>,
}

/// All cells of the file, in its order.
pub fn read(path: &Path) -> Result<Vec<Cell>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let file: File = toml::from_str(&text).with_context(|| format!("{}: not a list of cells", path.display()))?;
    for cell in &file.cell {
        let place = format!("{}: cell {}", path.display(), cell.name);
        ensure!(cell.layers.len() >= 3, "{place}: {} layers, expected inputs, hidden, classes", cell.layers.len());
        ensure!(cell.batch >= 1 && cell.rows >= cell.batch, "{place}: {} rows, expected a batch", cell.rows);
    }
    Ok(file.cell)
}

impl Cell {
    /// `784-1000-10`.
    pub fn shape(&self) -> String {
        self.layers.iter().map(usize::to_string).collect::<Vec<_>>().join("-")
    }

    /// How far a loss may be from the median of all, as a factor. On MNIST the start decides a lot in the first
    /// epochs (the pixels are not scaled), on random classes next to nothing: their loss is the logarithm of their
    /// number.
    pub fn within(&self) -> f64 {
        self.within.unwrap_or(if self.data == Data::Random { 1.05 } else { 1.5 })
    }

    /// What an engine reads: the cell and the names of its files beside it.
    pub fn definition(&self, threads: usize, x: &str, y: &str) -> Value {
        json!({
            "name": self.name, "task": "train", "layers": self.layers, "batch": self.batch, "rows": self.rows,
            "activation": self.activation, "optimizer": self.optimizer, "learning_rate": self.learning_rate,
            "threads": threads, "x": x, "y": y,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cells_of_the_repository_can_be_read() {
        let cells = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/cells.toml")).unwrap();
        let main: Vec<_> = cells.iter().filter(|cell| cell.peers == Peers::All).map(|cell| &*cell.name).collect();
        assert_eq!(main, ["T", "S", "M", "L", "X"]);
        assert_eq!((cells[0].shape(), cells[0].learning_rate), ("784-1000-10".to_owned(), 1e-3));
        assert!(cells.iter().filter(|cell| cell.peers == Peers::All).all(|cell| cell.at_least.is_some()));
    }
}
