//! A folder to run the program in, and tiny data for it.
#![allow(dead_code)]

use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;
use vanilla::formats::{Array, Data, idx, npz};

pub struct Folder(pub TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    pub fn files(&self, name: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path().join(name)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vanilla"));
        command.args(args).current_dir(self.path());
        for variable in ["VANILLA_DATA", "VANILLA_THREADS", "VANILLA_CPU", "NO_COLOR"] {
            command.env_remove(variable);
        }
        command
            .env("XDG_CACHE_HOME", self.path().join("no-cache"))
            .env("KERAS_HOME", self.path().join("no-keras"));
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    /// Runs and expects exit code 0.
    pub fn good(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
        ran
    }
}

pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

pub fn floats(shape: &[usize], value: impl Fn(usize) -> f32) -> Array {
    Array { shape: shape.to_vec(), data: Data::F32((0..shape.iter().product()).map(value).collect()) }
}

pub fn integers(values: impl IntoIterator<Item = i64>) -> Array {
    let values: Vec<_> = values.into_iter().collect();
    Array { shape: vec![values.len()], data: Data::I64(values) }
}

pub fn bytes(shape: &[usize], value: impl Fn(usize) -> u8) -> Array {
    Array { shape: shape.to_vec(), data: Data::U8((0..shape.iter().product()).map(value).collect()) }
}

pub fn arrays(named: &[(&str, Array)]) -> Vec<u8> {
    let named: Vec<_> = named.iter().map(|(name, array)| (*name, array)).collect();
    npz::write(&named).unwrap()
}

/// Rows of `columns` floats, and the number of the column of the first three that holds the 1.
pub fn tiny(rows: usize, columns: usize) -> (Array, Array) {
    let x = floats(&[rows, columns], |i| if i % columns == (i / columns) % 3 { 1.0 } else { 0.1 });
    (x, integers((0..rows).map(|row| (row % 3) as i64)))
}

pub fn tiny_npz() -> Vec<u8> {
    let ((x_train, y_train), (x_test, y_test)) = (tiny(30, 4), tiny(9, 4));
    arrays(&[("x_train", x_train), ("y_train", y_train), ("x_test", x_test), ("y_test", y_test)])
}

/// An experiment on `data.npz` with this model and fit.
pub fn experiment(layers: &str, loss: &str, fit: &str) -> String {
    format!(
        "[data]\nsource = \"data.npz\"\n[model]\nclass = \"Sequential\"\nlayers = [{layers}]\n\
         [compile]\nloss = \"{loss}\"\noptimizer = \"adam\"\nmetrics = [\"acc\"]\n[fit]\n{fit}\n"
    )
}

pub const TINY_LAYERS: &str = "{ class = \"Dense\", units = 8, activation = \"relu\", input_dim = 4 }, \
                               { class = \"Dense\", units = 3, activation = \"softmax\" }";

pub fn tiny_experiment() -> String {
    experiment(TINY_LAYERS, "sparse_categorical_crossentropy", "epochs = 2\nbatch_size = 8\nvalidation = \"test\"")
}

/// A folder of four small IDX files named like MNIST's.
pub fn small_mnist(folder: &Folder, name: &str) {
    for (part, rows) in [("train", 40), ("t10k", 20)] {
        let image = |i: usize| if (i / 784) % 10 * 60 / 784 == i % 784 / 784 { (i % 251) as u8 } else { 9 };
        folder.write(&format!("{name}/{part}-images-idx3-ubyte"), idx::write(&bytes(&[rows, 28, 28], image)));
        folder.write(&format!("{name}/{part}-labels-idx1-ubyte"), idx::write(&bytes(&[rows], |i| (i % 10) as u8)));
    }
}
