//! Chores of the repository. `cargo xtask bench` measures Vanilla beside its peers; see `bench/README.md`. `cargo
//! xtask new` begins a word, `cargo xtask reference` writes the manual; see `CONTRIBUTING.md`.

mod bench;
mod cells;
mod chart;
mod data;
mod engine;
mod fuzz;
mod load;
mod new;
mod record;
mod reference;
mod registry;
mod reliability;
mod setup;
mod summary;
mod table;
mod tutorial;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", about = "Chores of this repository")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Sets up the peers, measures them and Vanilla in turns, and writes record, table and chart
    Bench(bench::Options),
    /// Runs the fuzzers over the readers of files: ten minutes a format, an hour for those of whole models
    Fuzz(fuzz::Options),
    /// Makes the file of a new word, with its head and a test, and its line in the registry
    New(new::Options),
    /// Writes the manual of the words, docs/reference, from the heads of their files
    Reference {
        /// Write nothing: fail where a page is stale, and show the difference
        #[arg(long)]
        check: bool,
    },
    /// The long forms of the tests of saving and resuming: kills N, calls, limits; all of them without a word
    Reliability {
        /// See the head of xtask/src/reliability.rs
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Bench(options) => bench::run(&options),
        Chore::Fuzz(options) => fuzz::run(&options),
        Chore::New(options) => new::run(&options),
        Chore::Reference { check } => reference::run(check),
        Chore::Reliability { words } => reliability::run(&words).map_err(anyhow::Error::msg),
    }
}
