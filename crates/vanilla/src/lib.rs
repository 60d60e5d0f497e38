//! Keras's words for dense networks, in Rust.
