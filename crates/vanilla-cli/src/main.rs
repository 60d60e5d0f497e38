//! The command line of Vanilla.
fn main() {}
