//! Instructions as one line of text, for `docker history`: BuildKit's plain form, without its trailing comment.

use std::fmt;

use super::{Command, Copy, Instruction, Pair, Source};
use crate::Healthcheck;

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arg(names) => {
                let words = names.iter().map(|arg| match &arg.default {
                    Some(default) => format!("{}={default}", arg.name),
                    None => arg.name.clone(),
                });
                write!(f, "ARG {}", join(words))
            }
            Self::Env(list) => write!(f, "ENV {}", pairs(list)),
            Self::Label(list) => write!(f, "LABEL {}", pairs(list)),
            Self::Copy(copy) => copy.fmt(f),
            Self::Run(command) => write!(f, "RUN {command}"),
            Self::Cmd(command) => write!(f, "CMD {command}"),
            Self::Entrypoint(command) => write!(f, "ENTRYPOINT {command}"),
            Self::Shell(argv) => write!(f, "SHELL {}", json(argv)),
            Self::Expose(ports) => write!(f, "EXPOSE {}", ports.join(" ")),
            Self::Volume(paths) => write!(f, "VOLUME {}", json(paths)),
            Self::User(user) => write!(f, "USER {user}"),
            Self::Workdir(path) => write!(f, "WORKDIR {path}"),
            Self::StopSignal(signal) => write!(f, "STOPSIGNAL {signal}"),
            Self::Healthcheck(check) => healthcheck(check, f),
            Self::OnBuild(text) => write!(f, "ONBUILD {text}"),
            Self::Maintainer(author) => write!(f, "MAINTAINER {author}"),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exec(argv) => f.write_str(&json(argv)),
            Self::Shell(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.add { "ADD" } else { "COPY" })?;
        for (flag, value) in [("from", &self.from), ("chown", &self.chown), ("chmod", &self.chmod)] {
            if let Some(value) = value {
                write!(f, " --{flag}={value}")?;
            }
        }
        for source in &self.sources {
            match source {
                Source::Path(path) => write!(f, " {path}")?,
                Source::Inline(heredoc) => write!(f, " <<{}", heredoc.name)?,
            }
        }
        write!(f, " {}", self.dest)
    }
}

fn healthcheck(check: &Healthcheck, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("HEALTHCHECK")?;
    let times = [
        ("interval", check.interval),
        ("timeout", check.timeout),
        ("start-period", check.start_period),
        ("start-interval", check.start_interval),
    ];
    for (flag, nanoseconds) in times.into_iter().filter(|(_, nanoseconds)| *nanoseconds != 0) {
        write!(f, " --{flag}={}ms", nanoseconds / 1_000_000)?;
    }
    if check.retries != 0 {
        write!(f, " --retries={}", check.retries)?;
    }
    match check.test.split_first() {
        Some((kind, argv)) if kind == "CMD" => write!(f, " CMD {}", json(argv)),
        Some((kind, text)) if kind == "CMD-SHELL" => write!(f, " CMD {}", text.join(" ")),
        _ => f.write_str(" NONE"),
    }
}

fn pairs(list: &[Pair]) -> String {
    join(list.iter().map(|pair| format!("{}={}", pair.name, pair.value)))
}

fn join(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

pub(crate) fn json(words: &[String]) -> String {
    serde_json::Value::from(words).to_string()
}
