//! What instructions do to an image's configuration, and the changes that `docker commit` and `docker import` take.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::expand::expand_text;
use super::parse::{Context, instruction};
use super::words::split_word;
use super::{
    Command, Copy, ExpandError, Growth, Heredoc, Instruction, Pair, Problem, Source, expand, expand_words, ports,
};
use crate::ImageConfig;

/// Why a change can't be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The instruction does something else than changing the configuration.
    #[error(
        "{0} is not a valid change command: use CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, \
         USER, VOLUME or WORKDIR"
    )]
    NotAllowed(String),
    /// The instruction is wrong.
    #[error("invalid change {change:?}: {problem}")]
    Invalid {
        /// The change as given.
        change: String,
        /// What is wrong.
        problem: Problem,
    },
}

const ALLOWED: [&str; 11] = [
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Applies one Dockerfile line, as `--change` of commit and import takes it.
///
/// # Errors
/// The line is no such instruction, or malformed.
pub fn apply_change(config: &mut ImageConfig, change: &str) -> Result<(), ChangeError> {
    change_one(config, change, &mut false)
}

/// Applies several lines. Unlike one by one, an ENTRYPOINT behind a CMD leaves that CMD alone.
///
/// # Errors
/// As [`apply_change`].
pub fn apply_changes(config: &mut ImageConfig, changes: &[String]) -> Result<(), ChangeError> {
    let mut cmd_set = false;
    changes
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| !line.trim().is_empty())
        .try_for_each(|line| change_one(config, line, &mut cmd_set))
}

fn change_one(config: &mut ImageConfig, change: &str, cmd_set: &mut bool) -> Result<(), ChangeError> {
    let (word, rest) = split_word(change);
    let word = word.to_ascii_uppercase();
    if !ALLOWED.contains(&word.as_str()) {
        return Err(ChangeError::NotAllowed(word));
    }
    let invalid = |problem| ChangeError::Invalid { change: change.to_owned(), problem };
    let context = Context { escape: '\\', shell: config.shell.is_some(), named: config.shell.is_some() };
    let instruction = instruction(&word, rest, &[], context).map_err(invalid)?;
    let environment = Environment::new(&config.env);
    let instruction = instruction.expanded('\\', &|name| environment.value(name)).map_err(invalid)?;
    apply(config, &instruction, cmd_set).map_err(invalid)
}

/// The value of `name` among `NAME=value` lines.
pub(crate) fn environment_value(environment: &[String], name: &str) -> Option<String> {
    let is_it = |line: &&String| line.split_once('=').map_or(line.as_str(), |(name, _)| name) == name;
    environment.iter().rev().find(is_it).map(|line| line.split_once('=').map_or("", |(_, value)| value).to_owned())
}

/// The values of an environment by name, found at once however many there are.
#[derive(Debug)]
pub(crate) struct Environment<'a> {
    lines: &'a [String],
    /// Made when the first value is asked for: most instructions ask for none.
    values: OnceCell<HashMap<&'a str, &'a str>>,
}

impl<'a> Environment<'a> {
    /// An environment of `NAME=value` lines.
    pub(crate) const fn new(lines: &'a [String]) -> Self {
        Self { lines, values: OnceCell::new() }
    }

    /// The value of `name`.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        let values = self.values.get_or_init(|| {
            // The last of several wins.
            self.lines.iter().map(|line| line.split_once('=').unwrap_or((line, ""))).collect()
        });
        values.get(name).map(|value| (*value).to_owned())
    }
}

impl Instruction {
    /// The instruction with its variables replaced. Commands, ONBUILD and ARG stay as they are: commands get their
    /// variables when they run, triggers when they fire, and ARG needs the build's arguments.
    pub(crate) fn expanded(&self, escape: char, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let growth = Growth::default();
        let word = |text: &str| growth.count(expand(text, escape, lookup)?);
        let pairs = |list: &[Pair]| -> Result<Vec<Pair>, ExpandError> {
            list.iter().map(|pair| Ok(Pair { name: word(&pair.name)?, value: word(&pair.value)? })).collect()
        };
        Ok(match self {
            Self::Env(list) => Self::Env(pairs(list)?),
            Self::Label(list) => Self::Label(pairs(list)?),
            Self::Expose(list) => {
                let words =
                    |port: &String| expand_words(port, escape, lookup)?.into_iter().map(|w| growth.count(w)).collect();
                Self::Expose(list.iter().map(words).collect::<Result<Vec<Vec<_>>, ExpandError>>()?.concat())
            }
            Self::Volume(paths) => Self::Volume(paths.iter().map(|path| word(path)).collect::<Result<_, _>>()?),
            Self::Copy(copy) => Self::Copy(copy.expanded(escape, lookup)?),
            Self::User(user) => Self::User(word(user)?),
            Self::Workdir(path) => Self::Workdir(word(path)?),
            Self::StopSignal(signal) => Self::StopSignal(word(signal)?),
            other => other.clone(),
        })
    }
}

impl Copy {
    fn expanded(&self, escape: char, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ExpandError> {
        let growth = Growth::default();
        let word = |text: &String| growth.count(expand(text, escape, lookup)?);
        let source = |source: &Source| match source {
            Source::Path(path) => word(path).map(Source::Path),
            Source::Inline(heredoc) if heredoc.expand => {
                let content = growth.count(expand_text(&heredoc.content, escape, lookup)?)?;
                Ok(Source::Inline(Heredoc { content, ..heredoc.clone() }))
            }
            inline => Ok(inline.clone()),
        };
        Ok(Self {
            add: self.add,
            sources: self.sources.iter().map(source).collect::<Result<_, _>>()?,
            dest: word(&self.dest)?,
            from: self.from.clone(),
            chown: self.chown.as_ref().map(word).transpose()?,
            chmod: self.chmod.as_ref().map(word).transpose()?,
        })
    }
}

/// Changes `config` as an expanded instruction says. Those that make files, and ARG, change nothing here.
/// `cmd_set` tells whether the CMD comes from this Dockerfile rather than from the base.
pub(crate) fn apply(config: &mut ImageConfig, instruction: &Instruction, cmd_set: &mut bool) -> Result<(), Problem> {
    match instruction {
        Instruction::Env(list) => set_environment(&mut config.env, list),
        Instruction::Label(list) => {
            config.labels.extend(list.iter().map(|pair| (pair.name.clone(), pair.value.clone())));
        }
        Instruction::Cmd(command) => {
            config.cmd = Some(argv(config, command));
            *cmd_set = true;
        }
        Instruction::Entrypoint(command) => {
            config.entrypoint = Some(argv(config, command)).filter(|argv| !argv.is_empty());
            if !*cmd_set {
                config.cmd = None;
            }
        }
        Instruction::Shell(argv) => config.shell = Some(argv.clone()),
        Instruction::Expose(list) => {
            for port in list {
                config.exposed_ports.extend(ports::each(port)?);
            }
        }
        Instruction::Volume(paths) => {
            if paths.iter().any(|path| path.trim().is_empty()) {
                let needs = "at least one path that is not empty";
                return Err(Problem::Arguments { word: "VOLUME".to_owned(), needs });
            }
            config.volumes.extend(paths.iter().cloned());
        }
        Instruction::User(user) => config.user.clone_from(user),
        Instruction::Workdir(path) => config.working_dir = working_dir(&config.working_dir, path),
        Instruction::StopSignal(signal) => {
            if !is_signal(signal) {
                return Err(Problem::Signal(signal.clone()));
            }
            config.stop_signal = Some(signal.clone());
        }
        Instruction::Healthcheck(check) => config.healthcheck = Some(check.clone()),
        Instruction::OnBuild(text) => config.on_build.push(text.clone()),
        Instruction::Arg(_) | Instruction::Copy(_) | Instruction::Run(_) | Instruction::Maintainer(_) => {}
    }
    Ok(())
}

/// Names that are there keep their place.
fn set_environment(environment: &mut Vec<String>, list: &[Pair]) {
    let mut places: HashMap<String, usize> = HashMap::new();
    for (place, line) in environment.iter().enumerate() {
        let name = line.split_once('=').map_or(line.as_str(), |(name, _)| name);
        places.entry(name.to_owned()).or_insert(place);
    }
    for Pair { name, value } in list {
        let line = format!("{name}={value}");
        let place = *places.entry(name.clone()).or_insert(environment.len());
        match environment.get_mut(place) {
            Some(old) => *old = line,
            None => environment.push(line),
        }
    }
}

/// The shell of images that name none.
const DEFAULT_SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// A command's words; a shell form goes behind the image's shell.
pub(crate) fn argv(config: &ImageConfig, command: &Command) -> Vec<String> {
    match command {
        Command::Exec(argv) => argv.clone(),
        Command::Shell(text) => {
            let usual = || DEFAULT_SHELL.map(str::to_owned).to_vec();
            let shell = config.shell.clone().filter(|shell| !shell.is_empty()).unwrap_or_else(usual);
            shell.into_iter().chain([text.clone()]).collect()
        }
    }
}

fn working_dir(current: &str, path: &str) -> String {
    sprat_context::clean(&if path.starts_with('/') { path.to_owned() } else { format!("/{current}/{path}") })
}

/// Names of signals as Linux has them, with or without `SIG`, real-time ones too; or a number.
pub(crate) fn is_signal(text: &str) -> bool {
    const NAMES: [&str; 34] = [
        "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
        "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
        "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
    ];
    if let Ok(number) = text.parse::<u8>() {
        return (1..=64).contains(&number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = name.strip_prefix("RTMIN").or_else(|| name.strip_prefix("RTMAX"));
    let offset =
        |rest: &str| rest.is_empty() || rest.trim_start_matches(['+', '-']).parse::<u8>().is_ok_and(|n| n <= 15);
    NAMES.contains(&name) || real_time.is_some_and(offset)
}
