//! From logical lines to stages and instructions.

use super::lines::{self, Line};
use super::words::{closest, split_word};
use super::{Dockerfile, DockerfileError, Heredoc, Instruction, Problem, Stage, Step};
use super::{command, copy, flags, metadata};

/// Most stages.
pub const MAX_STAGES: usize = 256;
/// Most instructions, FROM not counted.
pub const MAX_STEPS: usize = 10_000;

const NAMES: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// What the reading of one instruction depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    pub(super) escape: char,
    /// Shell forms have something to run in.
    pub(super) shell: bool,
    /// A SHELL is named, so that what looks like a broken list may be meant for it.
    pub(super) named: bool,
}

pub(super) fn parse(text: &str) -> Result<Dockerfile, DockerfileError> {
    let (escape, lines) = lines::read(text)?;
    let mut file = Dockerfile { escape, args: Vec::new(), stages: Vec::new() };
    let mut context = Context { escape, shell: false, named: false };
    let mut steps = 0;
    for line in lines {
        let number = line.number;
        let (word, rest) = split_word(&line.text);
        let word = word.to_ascii_uppercase();
        if word == "FROM" {
            file.stages.push(from(number, &line.text, rest).map_err(|problem| problem.at(number))?);
            if file.stages.len() > MAX_STAGES {
                return Err(Problem::TooManyStages.at(number));
            }
            continue;
        }
        let instruction = instruction(&word, rest, &line.heredocs, context).map_err(|problem| problem.at(number))?;
        context.shell |= matches!(instruction, Instruction::Shell(_));
        context.named = context.shell;
        steps += 1;
        if steps > MAX_STEPS {
            return Err(Problem::TooManySteps.at(number));
        }
        add(&mut file, &word, line, instruction)?;
    }
    if file.stages.is_empty() {
        return Err(Problem::Empty.at(1));
    }
    Ok(file)
}

fn add(file: &mut Dockerfile, word: &str, line: Line, instruction: Instruction) -> Result<(), DockerfileError> {
    let number = line.number;
    let step = Step { line: number, text: line.text, instruction };
    match file.stages.last_mut() {
        Some(stage) => stage.steps.push(step),
        None if matches!(step.instruction, Instruction::Arg(_)) => file.args.push(step),
        None => return Err(Problem::BeforeFrom(word.to_owned()).at(number)),
    }
    Ok(())
}

fn from(line: usize, text: &str, rest: &str) -> Result<Stage, Problem> {
    let (mut flags, rest) = flags::take("FROM", rest, &["platform"])?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (base, name) = match words.as_slice() {
        [base] => (base, None),
        [base, as_word, name] if as_word.eq_ignore_ascii_case("as") => (base, Some(stage_name(name)?)),
        _ => {
            let needs = "either one argument, or three: FROM <image> [AS <name>]";
            return Err(Problem::Arguments { word: "FROM".to_owned(), needs });
        }
    };
    Ok(Stage {
        line,
        text: text.to_owned(),
        base: (*base).to_owned(),
        name,
        platform: flags.value("platform")?,
        steps: Vec::new(),
    })
}

fn stage_name(name: &str) -> Result<String, Problem> {
    let lower = name.to_ascii_lowercase();
    let starts_well = lower.starts_with(|c: char| c.is_ascii_lowercase());
    let is_legal = lower.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
    if starts_well && is_legal { Ok(lower) } else { Err(Problem::StageName(name.to_owned())) }
}

/// Reads one instruction but FROM. `word` is in upper case.
pub(super) fn instruction(
    word: &str,
    rest: &str,
    heredocs: &[Heredoc],
    context: Context,
) -> Result<Instruction, Problem> {
    match word {
        "ADD" | "COPY" => copy::parse(word, rest, heredocs),
        "RUN" => command::run(rest, heredocs, context),
        "CMD" => command::cmd(rest, context),
        "ENTRYPOINT" => command::entrypoint(rest, context),
        "SHELL" => command::shell(rest),
        "HEALTHCHECK" => command::healthcheck(rest, context),
        "ARG" => metadata::arg(rest, context.escape),
        "ENV" => metadata::env(rest, context.escape),
        "LABEL" => metadata::label(rest, context.escape),
        "EXPOSE" => metadata::expose(rest),
        "VOLUME" => metadata::volume(rest),
        "USER" => metadata::one("USER", rest).map(Instruction::User),
        "WORKDIR" => metadata::one("WORKDIR", rest).map(Instruction::Workdir),
        "STOPSIGNAL" => metadata::one("STOPSIGNAL", rest).map(Instruction::StopSignal),
        "MAINTAINER" => metadata::one("MAINTAINER", rest).map(Instruction::Maintainer),
        "ONBUILD" => on_build(rest, context),
        _ => Err(Problem::UnknownInstruction { word: word.to_owned(), suggestion: closest(word, &NAMES) }),
    }
}

/// Checks the trigger now, so that the error comes here and not in a build of somebody else.
fn on_build(rest: &str, context: Context) -> Result<Instruction, Problem> {
    if rest.is_empty() {
        return Err(Problem::Arguments { word: "ONBUILD".to_owned(), needs: "at least one argument" });
    }
    parse_trigger(rest, context.escape, context.shell)?;
    Ok(Instruction::OnBuild(rest.to_owned()))
}

/// Reads a trigger, such as the configuration of a base image holds.
pub(crate) fn parse_trigger(text: &str, escape: char, shell: bool) -> Result<Instruction, Problem> {
    let (word, rest) = split_word(text);
    let word = word.to_ascii_uppercase();
    if matches!(word.as_str(), "ONBUILD" | "FROM" | "MAINTAINER") {
        return Err(Problem::Trigger(word));
    }
    instruction(&word, rest, &[], Context { escape, shell, named: shell })
}
