//! ARG, ENV, LABEL, EXPOSE, VOLUME and the instructions with one argument.

use super::words::{json_or_words, pairs, quoted_words};
use super::{ArgName, Instruction, Problem, flags};

pub(super) fn arg(rest: &str, escape: char) -> Result<Instruction, Problem> {
    let words = quoted_words(rest, escape);
    if words.is_empty() {
        return Err(Problem::Arguments { word: "ARG".to_owned(), needs: "at least one argument" });
    }
    words.iter().map(|word| arg_name(word)).collect::<Result<_, _>>().map(Instruction::Arg)
}

fn arg_name(word: &str) -> Result<ArgName, Problem> {
    let (name, default) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    if name.is_empty() {
        return Err(Problem::BlankName("ARG".to_owned()));
    }
    Ok(ArgName { name: name.to_owned(), default: default.map(str::to_owned) })
}

pub(super) fn env(rest: &str, escape: char) -> Result<Instruction, Problem> {
    pairs("ENV", rest, escape).map(Instruction::Env)
}

pub(super) fn label(rest: &str, escape: char) -> Result<Instruction, Problem> {
    pairs("LABEL", rest, escape).map(Instruction::Label)
}

pub(super) fn expose(rest: &str) -> Result<Instruction, Problem> {
    let ports: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
    if ports.is_empty() {
        return Err(Problem::Arguments { word: "EXPOSE".to_owned(), needs: "at least one argument" });
    }
    // Ports in variables are checked when the build knows them.
    for port in ports.iter().filter(|port| !port.contains(['$', '"', '\''])) {
        super::ports::check(port)?;
    }
    Ok(Instruction::Expose(ports))
}

pub(super) fn volume(rest: &str) -> Result<Instruction, Problem> {
    let paths = json_or_words(rest);
    if paths.is_empty() || paths.iter().any(|path| path.trim().is_empty()) {
        return Err(Problem::Arguments { word: "VOLUME".to_owned(), needs: "at least one path that is not empty" });
    }
    Ok(Instruction::Volume(paths))
}

/// The argument of an instruction that takes one, which may have white space in it.
pub(super) fn one(word: &str, rest: &str) -> Result<String, Problem> {
    let (_, rest) = flags::take(word, rest, &[])?;
    if rest.is_empty() {
        return Err(Problem::Arguments { word: word.to_owned(), needs: "exactly one argument" });
    }
    Ok(rest.to_owned())
}
