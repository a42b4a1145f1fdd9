//! The binary `sprat`: the command line, and by hidden verbs the daemon, the worker and the compiler child.

// They panic when the reader is gone; `output` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
mod output;

mod args;
mod client;
mod commands;
mod credentials;
mod error;
mod man;
mod name;
mod pairs;
mod quantity;
mod query;
mod render;
mod roles;
mod settings;
mod source;
mod terminal;
mod time;

use crate::error::{CliError, Outcome};

fn main() {
    let status = roles::hidden().unwrap_or_else(|| args::Cli::read().map_or_else(Ok, run)).unwrap_or_else(|error| {
        error.print();
        error.status
    });
    std::process::exit(i32::from(status))
}

fn run(cli: args::Cli) -> Outcome {
    let settings = settings::Settings::resolve(&cli)?;
    if let commands::Command::Daemon(args) = &cli.command
        && args.command.is_none()
    {
        return roles::daemon(&settings, args);
    }
    if let Some((path, format)) = commands::program::file_of(&cli.command) {
        return commands::program::inspect_file(path, format);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::new("cannot start").why(e))?;
    let outcome = runtime.block_on(commands::dispatch(&settings, cli.command));
    // A read of standard input may still wait in a thread; it must not hold us.
    runtime.shutdown_background();
    outcome
}
