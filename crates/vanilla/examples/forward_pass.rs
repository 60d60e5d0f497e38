//! The forward pass by hand: a network of 2-3-2, computed step by step with vectors and compared with `predict`.
use vanilla::prelude::*;

/// `x W + b`: element j is the sum of every input times its weight to unit j, plus the bias of unit j.
fn affine(x: &[f32], w: &[Vec<f32>], b: &[f32]) -> Vec<f32> {
    (0..b.len()).map(|j| x.iter().zip(w).map(|(x, row)| x * row[j]).sum::<f32>() + b[j]).collect()
}

fn main() -> Result<()> {
    // A row for each input, a column for each unit: (inputs, units), as in Keras.
    let w1 = vec![vec![0.5, -1.0, 0.25], vec![0.25, 0.5, -1.0]];
    let b1 = vec![0.0, 0.5, 0.75];
    let w2 = vec![vec![1.0, -1.0], vec![0.5, 1.0], vec![-0.5, 2.0]];
    let b2 = vec![0.0, 0.25];

    let x = vec![1.0f32, 2.0];
    println!("x                = {x:?}");
    let z1 = affine(&x, &w1, &b1);
    println!("z1 = x W1 + b1   = {z1:?}");
    let a1: Vec<f32> = z1.iter().map(|z| z.max(0.0)).collect();
    println!("a1 = relu(z1)    = {a1:?}");
    let z2 = affine(&a1, &w2, &b2);
    println!("z2 = a1 W2 + b2  = {z2:?}");
    let e: Vec<f32> = z2.iter().map(|z| z.exp()).collect();
    println!("e  = exp(z2)     = {e:.4?}");
    let sum: f32 = e.iter().sum();
    let p: Vec<f32> = e.iter().map(|e| e / sum).collect();
    println!("p  = e / {sum:.4}  = {p:.4?}");

    // The same network with the same weights.
    let mut model = Sequential::new(layers![
        Dense::new(3).activation("relu").input_dim(2),
        Dense::new(2).activation("softmax"),
    ])?;
    model.set_weights(&[
        Tensor::new(w1.concat(), [2, 3])?,
        Tensor::new(b1, [3])?,
        Tensor::new(w2.concat(), [3, 2])?,
        Tensor::new(b2, [2])?,
    ])?;
    let prediction = model.predict(&Tensor::new(x, [1, 2])?)?;
    println!("model.predict    = {:.4?}", prediction.to_f32());
    for (by_hand, by_model) in p.iter().zip(prediction.to_f32()) {
        assert!((by_hand - by_model).abs() < 1e-6, "{by_hand} by hand, {by_model} by the model");
    }
    println!("class            = {:?}", prediction.argmax()?.to_i64());
    Ok(())
}
