//! Build arguments: which names have which values where.

use std::collections::{BTreeMap, BTreeSet};

use crate::dockerfile::{ArgName, Dockerfile, ExpandError, Instruction, expand};

/// Arguments that need no ARG, and are kept out of history and cache.
const PREDEFINED: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// The argument that sets the time of every step, in seconds since 1970.
pub(super) const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// What BuildKit tells of the platform, for ARG and FROM.
const PLATFORM: [(&str, &str); 8] = [
    ("TARGETPLATFORM", "wasi/wasm"),
    ("TARGETOS", "wasi"),
    ("TARGETARCH", "wasm"),
    ("TARGETVARIANT", ""),
    ("BUILDPLATFORM", "wasi/wasm"),
    ("BUILDOS", "wasi"),
    ("BUILDARCH", "wasm"),
    ("BUILDVARIANT", ""),
];

pub(super) fn is_predefined(name: &str) -> bool {
    PREDEFINED.contains(&name)
}

/// The arguments of a build: given ones, and those declared before the first FROM.
#[derive(Debug, Clone)]
pub(super) struct Arguments {
    given: BTreeMap<String, String>,
    global: BTreeMap<String, String>,
}

impl Arguments {
    /// Reads the ARG lines before the first FROM.
    pub(super) fn new(
        file: &Dockerfile,
        given: &BTreeMap<String, Option<String>>,
    ) -> Result<Self, (usize, ExpandError)> {
        let given = given.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect();
        let mut arguments = Self { given, global: BTreeMap::new() };
        for step in &file.args {
            let Instruction::Arg(names) = &step.instruction else { continue };
            for arg in names {
                let lookup = |name: &str| arguments.global(name);
                let default = arg.default.as_ref().map(|text| expand(text, file.escape, &lookup)).transpose();
                let value = arguments.given.get(&arg.name).cloned().or(default.map_err(|error| (step.line, error))?);
                arguments.global.extend(value.map(|value| (arg.name.clone(), value)));
            }
        }
        Ok(arguments)
    }

    /// The value of a name in a FROM line.
    pub(super) fn global(&self, name: &str) -> Option<String> {
        self.global.get(name).cloned().or_else(|| platform(name))
    }

    /// The value of an argument that was given.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str)
    }

    /// The value that `ARG name` has in a stage. `default` is expanded already.
    pub(super) fn declared(&self, name: &str, default: Option<String>) -> Option<String> {
        self.given.get(name).cloned().or(default).or_else(|| self.global(name))
    }

    /// The given arguments that need no declaration.
    pub(super) fn predefined(&self) -> impl Iterator<Item = (&String, &String)> {
        self.given.iter().filter(|(name, _)| is_predefined(name))
    }

    /// The given arguments that no ARG of the file declares.
    pub(super) fn unused(&self, file: &Dockerfile) -> Vec<&str> {
        let steps = file.args.iter().chain(file.stages.iter().flat_map(|stage| &stage.steps));
        let declared: BTreeSet<&str> = steps
            .flat_map(|step| match &step.instruction {
                Instruction::Arg(names) => names.iter().map(|arg: &ArgName| arg.name.as_str()).collect(),
                _ => Vec::new(),
            })
            .collect();
        let known = |name: &str| declared.contains(name) || is_predefined(name) || name == SOURCE_DATE_EPOCH;
        self.given.keys().map(String::as_str).filter(|name| !known(name)).collect()
    }
}

fn platform(name: &str) -> Option<String> {
    PLATFORM.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}
