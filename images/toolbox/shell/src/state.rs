//! [`State`]: all that a subshell has a copy of.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::syntax::Command;

/// A variable. Without a value it is only marked, as by `export x`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Variable {
    pub(crate) value: Option<Rc<str>>,
    pub(crate) exported: bool,
    pub(crate) read_only: bool,
}

/// What `set` switches.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Options {
    pub(crate) all_export: bool,
    pub(crate) no_clobber: bool,
    pub(crate) exit_on_error: bool,
    pub(crate) no_glob: bool,
    pub(crate) ignore_eof: bool,
    pub(crate) monitor: bool,
    pub(crate) no_execute: bool,
    pub(crate) notify: bool,
    pub(crate) no_unset: bool,
    pub(crate) verbose: bool,
    pub(crate) trace: bool,
    pub(crate) pipe_fail: bool,
    pub(crate) interactive: bool,
    pub(crate) from_input: bool,
}

impl Options {
    /// Names and letters, in the order in which `set -o` lists them. A space stands for no letter.
    pub(crate) const NAMES: [(&'static str, char); 14] = [
        ("errexit", 'e'),
        ("noglob", 'f'),
        ("ignoreeof", 'I'),
        ("interactive", 'i'),
        ("monitor", 'm'),
        ("noexec", 'n'),
        ("stdin", 's'),
        ("xtrace", 'x'),
        ("verbose", 'v'),
        ("noclobber", 'C'),
        ("allexport", 'a'),
        ("notify", 'b'),
        ("nounset", 'u'),
        ("pipefail", ' '),
    ];

    /// The switch of that name.
    pub(crate) fn by_name(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "errexit" => &mut self.exit_on_error,
            "noglob" => &mut self.no_glob,
            "ignoreeof" => &mut self.ignore_eof,
            "interactive" => &mut self.interactive,
            "monitor" => &mut self.monitor,
            "noexec" => &mut self.no_execute,
            "stdin" => &mut self.from_input,
            "xtrace" => &mut self.trace,
            "verbose" => &mut self.verbose,
            "noclobber" => &mut self.no_clobber,
            "allexport" => &mut self.all_export,
            "notify" => &mut self.notify,
            "nounset" => &mut self.no_unset,
            "pipefail" => &mut self.pipe_fail,
            _ => return None,
        })
    }

    /// The switch of that letter.
    pub(crate) fn by_letter(&mut self, letter: char) -> Option<&mut bool> {
        let (name, _) = Self::NAMES.iter().find(|(_, l)| *l == letter && letter != ' ')?;
        self.by_name(name)
    }

    /// `$-`.
    pub(crate) fn letters(&self) -> String {
        let mut copy = self.clone();
        Self::NAMES
            .iter()
            .filter(|(name, l)| *l != ' ' && copy.by_name(name).is_some_and(|on| *on))
            .map(|(_, l)| l)
            .collect()
    }
}

/// What a subshell copies and its end forgets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) variables: BTreeMap<String, Variable>,
    pub(crate) functions: BTreeMap<String, Rc<Command>>,
    pub(crate) options: Options,
    pub(crate) name: String,
    pub(crate) positional: Vec<Rc<str>>,
    pub(crate) status: i32,
    pub(crate) process: u32,
    pub(crate) last_background: Option<u32>,
    pub(crate) folder: PathBuf,
    pub(crate) mask: u32,
    pub(crate) traps: BTreeMap<String, String>,
    pub(crate) line: usize,
    /// How many functions are being run.
    pub(crate) depth: usize,
    /// How many loops are being run, for `break`.
    pub(crate) loops: usize,
    /// Whether a subshell's traps are its parent's, only to be listed.
    pub(crate) inherited_traps: bool,
    /// Where `getopts` is inside of an argument.
    pub(crate) option_offset: usize,
}

impl State {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).and_then(|variable| variable.value.as_deref())
    }

    /// Sets a variable; `Err` if it is read-only.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let all_export = self.options.all_export;
        let variable = self.variables.entry(name.to_owned()).or_default();
        if variable.read_only {
            return Err(format!("{name}: is read only"));
        }
        variable.value = Some(value.into());
        variable.exported |= all_export;
        if name == "OPTIND" {
            self.option_offset = 0;
        }
        Ok(())
    }

    /// The environment of a program.
    pub(crate) fn environment(&self) -> Vec<Vec<u8>> {
        let exported = self.variables.iter().filter(|(_, variable)| variable.exported);
        let with_value = exported.filter_map(|(name, variable)| Some((name, variable.value.as_deref()?)));
        with_value.map(|(name, value)| crate::text::encode(&format!("{name}={value}"))).collect()
    }
}
