//! The command line as a whole: docker's verbs and flags. Each verb's own stand beside what it does, in `commands/`.

use clap::{Command as Definition, CommandFactory as _, FromArgMatches as _, Parser};

use crate::commands::Command;

/// Build, ship and run WebAssembly as Docker does containers.
#[derive(Debug, Parser)]
#[command(name = "sprat", version, about, max_term_width = 100)]
#[command(after_help = "\
Examples:
  sprat run examples/hello             build a source folder and run it
  sprat run --rm -v $PWD:/data app     run an image with a folder of yours
  sprat build -t app:1 .               build an image
  sprat ps -a                          list containers
  DOCKER_HOST=unix:///run/sprat.sock docker ps   use docker's own tools")]
pub(crate) struct Cli {
    /// Daemon to talk to: unix:///path or tcp://127.0.0.1:port
    #[arg(short = 'H', long, env = "SPRAT_HOST", global = true, value_name = "HOST", hide_env_values = true)]
    pub host: Option<String>,
    /// State folder of the daemon
    #[arg(long, env = "SPRAT_ROOT", global = true, value_name = "DIR", hide_env_values = true)]
    pub root: Option<std::path::PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

/// Exit status of a wrong flag or argument, as docker has it: those up to 124 are programs'.
pub(crate) const WRONG_USAGE: u8 = 125;

impl Cli {
    /// Reads the process's arguments; what can't be read, and help, is printed, and its exit status given.
    pub(crate) fn read() -> Result<Self, u8> {
        // The usages of all verbs are worked out only where one is shown.
        let read = Self::try_parse()
            .or_else(|_| definition().try_get_matches().and_then(|matches| Self::from_arg_matches(&matches)));
        read.map_err(|error| {
            // Nobody may be listening.
            let _ = error.print();
            if error.use_stderr() { WRONG_USAGE } else { 0 }
        })
    }
}

/// The definition, with usages that errors show too: clap's own name flags there that came from the environment.
fn definition() -> Definition {
    let mut definition = Cli::command();
    definition.build();
    with_usage(definition)
}

fn with_usage(mut definition: Definition) -> Definition {
    let usage = definition.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    definition.override_usage(usage).mut_subcommands(with_usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All verbs that do something, with the words that call them.
    fn verbs(definition: &Definition, words: &str, found: &mut Vec<(String, Definition)>) {
        for verb in definition.get_subcommands().filter(|verb| verb.get_name() != "help" && !verb.is_hide_set()) {
            let words = format!("{words} {}", verb.get_name());
            verbs(verb, &words, found);
            found.push((words, verb.clone()));
        }
    }

    #[test]
    fn every_verbs_help_has_examples() {
        let mut found = Vec::new();
        verbs(&definition(), "sprat", &mut found);
        assert!(found.len() > 40);
        let without: Vec<_> = found
            .iter_mut()
            .filter_map(|(words, verb)| {
                let help = verb.render_long_help().to_string();
                (!help.contains("Example")).then_some(words.as_str())
            })
            .collect();
        assert!(without.is_empty(), "{without:?}");
    }

    #[test]
    fn errors_show_the_usage_of_the_help() {
        let error = definition().try_get_matches_from(["sprat", "--host", "unix:///x", "run", "--nope"]).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains("Usage: sprat run [OPTIONS] <IMAGE> [ARGS]...\n"), "{shown}");
    }

    #[test]
    fn help_is_a_verb_as_in_docker() {
        for words in [&["sprat", "help"][..], &["sprat", "help", "run"], &["sprat", "volume", "help"]] {
            let error = definition().try_get_matches_from(words).unwrap_err();
            assert!(!error.use_stderr() && error.to_string().contains("Usage: sprat"), "{words:?}: {error}");
        }
    }
}
