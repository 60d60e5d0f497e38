//! Trained models in other languages.
//!
//! [`Program`] is what a model computes, in a dozen kinds of step; each language is a printer of it.

mod program;

pub use program::{Front, Input, Output, Program, Step, Weights, Work};
