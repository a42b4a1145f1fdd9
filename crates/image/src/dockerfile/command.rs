//! RUN, CMD, ENTRYPOINT, SHELL and HEALTHCHECK.

use super::duration::parse as duration;
use super::parse::Context;
use super::words::{json_array, split_word};
use super::{Command, Heredoc, Instruction, Problem, flags};
use crate::Healthcheck;

pub(super) fn run(rest: &str, heredocs: &[Heredoc], context: Context) -> Result<Instruction, Problem> {
    let (mut flags, rest) = flags::take("RUN", rest, &["mount", "network", "security", "device"])?;
    flags.refuse("RUN", &["mount"], "COPY what the step needs into the stage")?;
    flags.refuse("RUN", &["security", "device"], "a step runs in a sandbox that has neither devices nor privileges")?;
    if flags.value("network")?.is_some_and(|network| !matches!(network.as_str(), "default" | "none")) {
        let reason = "write default or none".to_owned();
        return Err(Problem::FlagValue { flag: "network".to_owned(), reason });
    }
    if !heredocs.is_empty() {
        let what = "RUN with a heredoc, which is a shell script,".to_owned();
        return Err(Problem::Unsupported { what, instead: "write one RUN [\"program.wasm\", \"arg\"] a command" });
    }
    // Whether there is a shell is known when the step runs.
    let command = command("RUN", rest, Context { shell: true, ..context })?;
    match &command {
        Command::Exec(argv) if argv.is_empty() => Err(at_least_one("RUN")),
        _ => Ok(Instruction::Run(command)),
    }
}

pub(super) fn cmd(rest: &str, context: Context) -> Result<Instruction, Problem> {
    command("CMD", rest, context).map(Instruction::Cmd)
}

pub(super) fn entrypoint(rest: &str, context: Context) -> Result<Instruction, Problem> {
    command("ENTRYPOINT", rest, context).map(Instruction::Entrypoint)
}

pub(super) fn shell(rest: &str) -> Result<Instruction, Problem> {
    match json_array(rest) {
        Some(argv) if argv.is_empty() => Err(at_least_one("SHELL")),
        Some(argv) => Ok(Instruction::Shell(argv)),
        None => Err(Problem::Arguments {
            word: "SHELL".to_owned(),
            needs: "the arguments to be in JSON form: [\"program\", \"arg\"]",
        }),
    }
}

fn at_least_one(word: &str) -> Problem {
    Problem::Arguments { word: word.to_owned(), needs: "at least one argument" }
}

fn command(word: &str, rest: &str, context: Context) -> Result<Command, Problem> {
    if rest.is_empty() {
        return Err(at_least_one(word));
    }
    if let Some(argv) = json_array(rest) {
        return Ok(Command::Exec(argv));
    }
    if rest.starts_with('[') && !context.named {
        return Err(Problem::Json(word.to_owned()));
    }
    if context.shell {
        return Ok(Command::Shell(rest.to_owned()));
    }
    Err(Problem::ShellForm { word: word.to_owned(), example: exec_form(rest) })
}

/// A shell form's words as a JSON array, shortened: an example for the message.
fn exec_form(text: &str) -> String {
    const WORDS: usize = 8;
    const BYTES: usize = 200;
    let plain = text.len() <= BYTES && !text.contains(['|', '&', ';', '<', '>', '$', '`', '"', '\'', '\\', '*']);
    let words: Vec<&str> = text.split_whitespace().collect();
    if !plain || words.len() > WORDS {
        return r#"["program.wasm", "arg"]"#.to_owned();
    }
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

pub(super) fn healthcheck(rest: &str, context: Context) -> Result<Instruction, Problem> {
    let known = ["interval", "timeout", "start-period", "start-interval", "retries"];
    let (mut flags, rest) = flags::take("HEALTHCHECK", rest, &known)?;
    let mut time = |name: &str| flags.value(name)?.map_or(Ok(0), |text| duration(&text));
    let mut check = Healthcheck {
        test: Vec::new(),
        interval: time("interval")?,
        timeout: time("timeout")?,
        start_period: time("start-period")?,
        start_interval: time("start-interval")?,
        retries: 0,
    };
    if let Some(text) = flags.value("retries")? {
        check.retries = text.parse::<u32>().map(i64::from).map_err(|_| {
            let reason = format!("{text} is not a whole number from 0");
            Problem::FlagValue { flag: "retries".to_owned(), reason }
        })?;
    }
    let (word, rest) = split_word(rest);
    check.test = test(&word.to_ascii_uppercase(), rest, context)?;
    Ok(Instruction::Healthcheck(check))
}

fn test(word: &str, rest: &str, context: Context) -> Result<Vec<String>, Problem> {
    match word {
        "NONE" if rest.is_empty() => Ok(vec!["NONE".to_owned()]),
        "CMD" => match command("HEALTHCHECK CMD", rest, Context { shell: true, ..context })? {
            Command::Exec(argv) if argv.is_empty() => Err(at_least_one("HEALTHCHECK CMD")),
            Command::Exec(argv) => Ok(std::iter::once("CMD".to_owned()).chain(argv).collect()),
            Command::Shell(text) => Ok(vec!["CMD-SHELL".to_owned(), text]),
        },
        _ => Err(Problem::Arguments { word: "HEALTHCHECK".to_owned(), needs: "NONE, or CMD and a command" }),
    }
}
