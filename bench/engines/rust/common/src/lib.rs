//! What the Rust engines share: the definition, the data, and the talk with the driver, as in `../engine.py`.

use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Whatever went wrong, in words; an engine that cannot go on says it on stderr and ends.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// One network, its data and how it is trained; written by the driver.
pub struct Definition {
    folder: PathBuf,
    pub layers: Vec<usize>,
    pub rows: usize,
    pub batch: usize,
    pub threads: usize,
    pub activation: String,
    pub optimizer: String,
    pub learning_rate: f64,
    x: String,
    y: String,
}

impl Definition {
    /// The definition named on the command line. Call it first: it sets the threads of rayon, which all three use.
    pub fn from_arguments() -> Result<Self> {
        let path = std::env::args_os().nth(1).ok_or("usage: ENGINE DEFINITION.json")?;
        let path = Path::new(&path);
        let fields: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        let word = |key: &str| fields[key].as_str().map(str::to_owned).ok_or(format!("no text `{key}`"));
        let count = |key: &str| fields[key].as_u64().map(|n| n as usize).ok_or(format!("no count `{key}`"));
        let layers = fields["layers"].as_array().ok_or("no list `layers`")?;
        Ok(Self {
            folder: path.parent().unwrap_or(Path::new(".")).to_owned(),
            layers: layers.iter().filter_map(Value::as_u64).map(|n| n as usize).collect(),
            rows: count("rows")?,
            batch: count("batch")?,
            threads: count("threads")?,
            activation: word("activation")?,
            optimizer: word("optimizer")?,
            learning_rate: fields["learning_rate"].as_f64().ok_or("no number `learning_rate`")?,
            x: word("x")?,
            y: word("y")?,
        })
    }

    /// (inputs, classes): `rows x layers[0]` floats, row by row, and the class of each row.
    pub fn data(&self) -> Result<(Vec<f32>, Vec<u32>)> {
        let (x, y) = (self.numbers(&self.x)?, self.numbers(&self.y)?);
        if x.len() != self.rows * self.layers[0] || y.len() != self.rows {
            return Err(format!("data of {} and {} numbers for {} rows", x.len(), y.len(), self.rows).into());
        }
        Ok((x, y.into_iter().map(|class| class as u32).collect()))
    }

    /// An npy file of version 1 with u8, i64 or f32, which is all that the driver writes.
    fn numbers(&self, name: &str) -> Result<Vec<f32>> {
        let bytes = std::fs::read(self.folder.join(name))?;
        let header_end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let header = String::from_utf8_lossy(&bytes[10..header_end]);
        let body = &bytes[header_end..];
        match header.split('\'').nth(3) {
            Some("|u1") => Ok(body.iter().map(|&byte| f32::from(byte)).collect()),
            Some("<f4") => Ok(body.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect()),
            Some("<i8") => Ok(body.as_chunks().0.iter().map(|&word| i64::from_le_bytes(word) as f32).collect()),
            other => Err(format!("{name}: element type {other:?}, expected u1, i8 or f4").into()),
        }
    }
}

/// Answers the driver until stdin ends; `epoch` trains one epoch and returns its mean loss when all of it is done.
pub fn serve(
    definition: &Definition,
    version: &str,
    note: &str,
    mut epoch: impl FnMut() -> Result<f64>,
) -> Result<()> {
    let mut out = std::io::stdout();
    let mut ready = json!({"version": version, "threads": definition.threads});
    if !note.is_empty() {
        ready["note"] = note.into();
    }
    writeln!(out, "{}", json!({"ready": ready}))?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let count = line.trim().strip_prefix("run ").and_then(|count| count.parse::<usize>().ok());
        for _ in 0..count.ok_or(format!("received {line:?}, expected `run N`"))? {
            let start = Instant::now();
            let loss = epoch()?;
            writeln!(out, "{}", json!({"seconds": start.elapsed().as_secs_f64(), "loss": loss}))?;
            out.flush()?;
        }
    }
    Ok(())
}

/// Orders of rows, a new one each time: Fisher and Yates over splitmix64.
pub struct Shuffle(u64);

impl Shuffle {
    pub fn new() -> Self {
        Self(1)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn order(&mut self, rows: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..rows as u32).collect();
        for i in (1..rows).rev() {
            order.swap(i, (self.next() % (i as u64 + 1)) as usize);
        }
        order
    }
}
