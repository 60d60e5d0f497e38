//! The files that every engine reads: the same bytes for all.

use crate::cells::{Cell, Data};
use anyhow::{Context, Result};
use std::path::Path;
use vanilla_formats::{Array, Data as Elements, npy};

/// Writes the cell's rows and its definition into `folder`, and returns the definition's file name.
///
/// MNIST is unpacked once per call: half a second that nobody measures.
pub fn write(folder: &Path, cell: &Cell, threads: usize) -> Result<String> {
    let (inputs, classes) = (cell.layers[0], cell.layers[cell.layers.len() - 1]);
    let (x, y) = match cell.data {
        Data::Random => random(cell.rows, inputs, classes),
        Data::Mnist | Data::MnistFloat => {
            let mnist = vanilla_mnist::load();
            let pixels = mnist.train_images[..cell.rows * inputs].to_vec();
            let labels = Elements::U8(mnist.train_labels[..cell.rows].to_vec());
            if cell.data == Data::Mnist {
                (Elements::U8(pixels), labels)
            } else {
                (Elements::F32(pixels.iter().map(|&pixel| f32::from(pixel) / 255.0).collect()), labels)
            }
        }
    };
    let (x_name, y_name) = (format!("{}-x.npy", cell.name), format!("{}-y.npy", cell.name));
    array(folder, &x_name, vec![cell.rows, inputs], x)?;
    array(folder, &y_name, vec![cell.rows], y)?;
    let name = format!("{}.json", cell.name);
    file(folder, &name, cell.definition(threads, &x_name, &y_name).to_string().as_bytes())?;
    Ok(name)
}

/// Writes the first `rows` test images as `name-x.npy` and `name-y.npy`.
pub fn write_test_rows(folder: &Path, name: &str, rows: usize) -> Result<()> {
    let mnist = vanilla_mnist::load();
    let inputs = mnist.test_images.len() / mnist.test_labels.len();
    let pixels = Elements::U8(mnist.test_images[..rows * inputs].to_vec());
    array(folder, &format!("{name}-x.npy"), vec![rows, inputs], pixels)?;
    array(folder, &format!("{name}-y.npy"), vec![rows], Elements::U8(mnist.test_labels[..rows].to_vec()))
}

/// Writes a file, or says which one could not be written.
pub fn file(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, bytes))
        .with_context(|| format!("{}: cannot be written", path.display()))
}

fn array(folder: &Path, name: &str, shape: Vec<usize>, data: Elements) -> Result<()> {
    file(folder, name, &npy::write(&Array::new(shape, data)?))
}

/// Uniform floats and classes, always the same: splitmix64 from a fixed seed.
fn random(rows: usize, inputs: usize, classes: usize) -> (Elements, Elements) {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    // 24 bits are what a float below 1 holds.
    let x = (0..rows * inputs).map(|_| (next() >> 40) as f32 / (1 << 24) as f32).collect();
    let y = (0..rows).map(|_| (next() % classes as u64) as i64).collect();
    (Elements::F32(x), Elements::I64(y))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_rows_are_uniform_and_every_class_occurs() {
        let (Elements::F32(x), Elements::I64(y)) = random(1000, 8, 2) else { panic!("floats and integers") };
        let mean = x.iter().sum::<f32>() / x.len() as f32;
        assert!((mean - 0.5).abs() < 0.02 && x.iter().all(|value| (0.0..1.0).contains(value)), "{mean}");
        assert!(y.contains(&0) && y.contains(&1) && y.iter().all(|class| (0..2).contains(class)));
    }
}
