//! [`Dockerfile`] and its parts, as written: variables are not replaced yet.

use crate::Healthcheck;

/// A parsed Dockerfile; it has at least one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// The escape character: `\`, or a backtick by directive.
    pub escape: char,
    /// ARG before the first FROM, which FROM lines can use.
    pub args: Vec<Step>,
    /// The stages in order.
    pub stages: Vec<Stage>,
}

/// One FROM and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Line of FROM, from 1.
    pub line: usize,
    /// The FROM instruction as written, on one line.
    pub text: String,
    /// `scratch`, an image or an earlier stage.
    pub base: String,
    /// The name behind AS, in lower case.
    pub name: Option<String>,
    /// `--platform`.
    pub platform: Option<String>,
    /// The instructions.
    pub steps: Vec<Step>,
}

/// An instruction and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its first line, from 1.
    pub line: usize,
    /// As written, on one line, without heredocs.
    pub text: String,
    /// What it says.
    pub instruction: Instruction,
}

/// What an instruction says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// Build arguments come into scope.
    Arg(Vec<ArgName>),
    /// Environment variables.
    Env(Vec<Pair>),
    /// Labels.
    Label(Vec<Pair>),
    /// COPY and ADD.
    Copy(Copy),
    /// A program runs.
    Run(Command),
    /// Default arguments.
    Cmd(Command),
    /// The program.
    Entrypoint(Command),
    /// The shell of shell forms.
    Shell(Vec<String>),
    /// Ports, ranges still together.
    Expose(Vec<String>),
    /// Paths of volumes.
    Volume(Vec<String>),
    /// User, and group behind a colon.
    User(String),
    /// The working folder.
    Workdir(String),
    /// The signal that stops the container.
    StopSignal(String),
    /// How to check health.
    Healthcheck(Healthcheck),
    /// An instruction for images built on this one.
    OnBuild(String),
    /// The author (deprecated in favour of a label).
    Maintainer(String),
}

/// A name that ARG declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgName {
    /// The name.
    pub name: String,
    /// Its default.
    pub default: Option<String>,
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// The two forms of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A JSON array: program and arguments.
    Exec(Vec<String>),
    /// Text for the shell.
    Shell(String),
}

/// COPY or ADD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// ADD: local archives are unpacked.
    pub add: bool,
    /// What to copy.
    pub sources: Vec<Source>,
    /// Where to; a trailing `/` matters.
    pub dest: String,
    /// `--from`: a stage's name or number, or an image.
    pub from: Option<String>,
    /// `--chown`.
    pub chown: Option<String>,
    /// `--chmod`.
    pub chmod: Option<String>,
}

/// What COPY or ADD copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A path or pattern.
    Path(String),
    /// A file in the Dockerfile itself.
    Inline(Heredoc),
}

/// A heredoc: lines up to its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The name that ends it, which is the file's name as well.
    pub name: String,
    /// Its lines, each with its line end.
    pub content: String,
    /// Whether variables in it are replaced: not when the name was quoted.
    pub expand: bool,
}
