//! The man page and shell completions, made from the command line's definition.

use std::io::Write as _;

use clap::CommandFactory as _;

use crate::args::Cli;
use crate::error::Outcome;

/// Prints the completion script of a shell.
pub(crate) fn completion(shell: clap_complete::Shell) -> u8 {
    clap_complete::generate(shell, &mut Cli::command(), "sprat", &mut std::io::stdout());
    0
}

/// Prints the man page: the program, then each verb.
pub(crate) fn page() -> Outcome {
    let mut text = Vec::new();
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    for verb in command.get_subcommands() {
        let man = clap_mangen::Man::new(verb.clone());
        writeln!(text, ".SH \"SPRAT {}\"", verb.get_name().to_uppercase())?;
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
    }
    std::io::stdout().write_all(&text)?;
    Ok(0)
}
