//! The command line of Vanilla: parse, call the library, print.

mod bench;
mod clock;
mod convert;
mod data;
mod datasets;
mod downloads;
mod evaluate;
mod experiment;
mod fit;
mod inspect;
mod job;
mod keep;
mod measure;
mod model;
mod plot;
mod predict;
mod reproduce;
mod run_folder;
mod section;
mod show;
mod signals;
mod summary;
mod table;
mod train;
mod ui;

use clap::{Args, Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "vanilla",
    version,
    about = "Dense neural networks with Keras's words: train, look, evaluate, predict.",
    arg_required_else_help = true,
    after_help = "Example: vanilla train mnist\n\
                  Exit codes: 0 done, 1 the work failed, 2 wrong usage or bad input,\n            \
                  130/143 stopped by a signal, with the state saved"
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Args)]
#[command(next_help_heading = "Options of every command")]
struct Global {
    /// Threads to compute with [default: VANILLA_THREADS, else one a core]
    #[arg(long, global = true, value_name = "N", value_parser = ui::count(1024))]
    threads: Option<usize>,
    /// No progress and no pictures; results still go to stdout
    #[arg(long, global = true)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Train: `mnist` is the whole tutorial, FILE.toml any experiment, other data sets' names the like
    Train(train::Train),
    /// Continue (or start) to train a saved, compiled model on arrays
    Fit(fit::Fit),
    /// The loss and the metrics of a model on data
    Evaluate(evaluate::Evaluate),
    /// Predictions for arrays, or the recognised class of pictures
    Predict(predict::Predict),
    /// The layer table of a model
    Summary(summary::Summarize),
    /// The compiled training step of a model, as algebra
    Plan(summary::Plan),
    /// A model from one format to another, by the endings of the names
    Convert(convert::Convert),
    /// What a file is: kind, layers, shapes, ranges of values, and what is unusual about it
    Inspect(inspect::Inspect),
    /// Draw digits of a data set
    Show(show::Show),
    /// Draw the curves of a run again
    Plot(plot::Plot),
    /// Train a run again from its config.toml, and compare the hash of the weights
    Reproduce(reproduce::Reproduce),
    /// What this machine can do, and how much of it the tutorial's step uses
    Bench(bench::Bench),
    /// The known data sets, where each would come from, sizes and hashes; `datasets download` gets them
    Datasets(datasets::Datasets),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe is no reason to complain.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let result = match &cli.command {
        Command::Train(args) => args.run(&cli.global),
        Command::Fit(args) => args.run(&cli.global),
        Command::Reproduce(args) => args.run(&cli.global),
        Command::Evaluate(args) => args.run(&cli.global),
        Command::Predict(args) => args.run(&cli.global),
        Command::Summary(args) => args.run(&cli.global),
        Command::Plan(args) => args.run(&cli.global),
        Command::Convert(args) => args.run(&cli.global),
        Command::Inspect(args) => args.run(&cli.global),
        Command::Show(args) => args.run(&cli.global),
        Command::Plot(args) => args.run(&cli.global),
        Command::Bench(args) => args.run(&cli.global),
        Command::Datasets(args) => args.run(&cli.global),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let stopped = matches!(error.downcast_ref(), Some(ui::Fault::Stopped(..)));
            ui::note(&format!("{}{}", if stopped { "" } else { "error: " }, ui::message(&error)));
            ExitCode::from(ui::exit_code(&error))
        }
    }
}
