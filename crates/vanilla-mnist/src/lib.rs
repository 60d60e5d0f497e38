//! The MNIST data set itself, compressed inside the crate.
