//! Starting programs as the shell does, for commands like `env` and `xargs`.

use std::ffi::OsStr;

use crate::shell::Shell;
use crate::text;

impl Shell {
    /// Runs a program, found by PATH, and gives its status; 126 and 127, told as the shell tells them, if it does not start.
    pub fn run_program(&mut self, args: &[impl AsRef<OsStr>]) -> i32 {
        let args: Vec<String> = args.iter().map(|arg| text::decode(arg.as_ref().as_encoded_bytes())).collect();
        self.program(&args).unwrap_or(126)
    }

    /// Starts a program in the background and gives its process, or the status of a failed start.
    ///
    /// # Errors
    /// The status, 126 or 127.
    pub fn start_program(&mut self, args: &[impl AsRef<OsStr>]) -> Result<u32, i32> {
        let args: Vec<String> = args.iter().map(|arg| text::decode(arg.as_ref().as_encoded_bytes())).collect();
        self.launch(&args)
    }

    /// Empties the environment of programs. Where programs are searched stays.
    pub fn clear_environment(&mut self) {
        self.state.variables.values_mut().for_each(|variable| variable.exported = false);
    }

    /// Takes a variable out of the environment of programs.
    pub fn withdraw(&mut self, name: &str) {
        if let Some(variable) = self.state.variables.get_mut(name) {
            variable.exported = false;
        }
    }

    /// Puts a variable into the environment of programs.
    pub fn export(&mut self, name: &str, value: &str) {
        let variable = self.state.variables.entry(name.to_owned()).or_default();
        variable.value = Some(value.into());
        variable.exported = true;
    }

    /// The environment of programs, as `NAME=value`.
    #[must_use]
    pub fn environment(&self) -> Vec<Vec<u8>> {
        self.state.environment()
    }

    /// Gives programs nothing to read.
    pub fn close_input(&mut self) {
        let nothing = self.document("").ok();
        if let Some(input) = self.table.first_mut() {
            *input = nothing;
        }
    }

    /// Where a command is, by PATH.
    #[must_use]
    pub fn find_program(&self, name: &str) -> Option<std::path::PathBuf> {
        self.find(name)
    }
}
