//! The man page and shell completions, made from the command line's definition.

use std::io::Write as _;

use clap::CommandFactory as _;

use crate::args::Cli;
use crate::error::Outcome;
use crate::output;

/// Prints the completion script of a shell.
pub(crate) fn completion(shell: clap_complete::Shell) -> u8 {
    // Into memory first: clap_complete panics when it can't write.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sprat", &mut text);
    output::write_bytes(&text);
    0
}

/// Prints the man page: the program, then each verb.
pub(crate) fn page() -> Outcome {
    let mut text = Vec::new();
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let man = clap_mangen::Man::new(verb.clone());
        writeln!(text, ".SH \"SPRAT {}\"", verb.get_name().to_uppercase())?;
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
    }
    output::write_bytes(&text);
    Ok(0)
}
