//! The tutorial: a vanilla neural network on MNIST, line by line.
use vanilla::prelude::*;

fn main() -> Result<()> {
    // Load the data, and look at four digits.
    let ((x_train, y_train), (x_test, y_test)) = mnist::load_data()?;
    let four = [x_train.get(0)?, x_train.get(1)?, x_test.get(0)?, x_test.get(1)?];
    println!("{}", vanilla::show(&four, 2)?);

    // Flatten the images to floats, and the labels to one-hot vectors.
    let x_train = x_train.reshape([60_000, 784])?.astype(F32);
    let x_test = x_test.reshape([10_000, 784])?.astype(F32);
    let (y_train, y_test) = (to_categorical(&y_train, 10)?, to_categorical(&y_test, 10)?);

    // Describe the network, and how it learns.
    let mut model = Sequential::new(layers![
        Dense::new(1000).input_dim(784).activation("relu"),
        Dense::new(10).activation("softmax"),
    ])?;
    println!("{}", model.summary());
    model.compile("categorical_crossentropy", "adam", ["acc"])?;

    // Train.
    let epochs = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(50);
    let options = Fit::new().validation_data(&x_test, &y_test).epochs(epochs).batch_size(64).verbose(1);
    let history = model.fit(&x_train, &y_train, options)?;

    // Draw the curves, and count the right answers.
    println!("{}", history.figure().to_terminal(100, false));
    let predicted = model.predict(&x_test)?.argmax()?.to_i64();
    let labels = y_test.argmax()?.to_i64();
    let right = predicted.iter().zip(&labels).filter(|(p, y)| p == y).count();
    println!("Test accuracy: {:.4}%", 100.0 * right as f64 / labels.len() as f64);
    model.save("mnist.keras")
}
