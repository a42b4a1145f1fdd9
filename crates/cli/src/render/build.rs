//! The progress of a build.

use serde_json::Value;

use super::progress::Activity;
use crate::client::on_build;
use crate::error::CliError;

/// Takes the messages of a build stream (Docker Engine API, `BuildInfo`).
#[derive(Debug)]
pub(crate) struct BuildLog<'a> {
    activity: &'a Activity,
    verbose: bool,
    /// Lines not shown, in case the build fails.
    kept: String,
    /// The image's id, when it is known.
    pub id: Option<String>,
}

/// The exit status for a failed build: that of the step's program, as docker has it.
fn exit_status(message: &Value) -> u8 {
    let code = message.pointer("/errorDetail/code").and_then(Value::as_u64).unwrap_or_default();
    u8::try_from(code).ok().filter(|code| *code > 0).unwrap_or(1)
}

impl<'a> BuildLog<'a> {
    /// `verbose` prints all lines to standard output, as docker does; else the last one is shown while it runs.
    pub(crate) const fn new(activity: &'a Activity, verbose: bool) -> Self {
        Self { activity, verbose, kept: String::new(), id: None }
    }

    /// Takes one message; an error message is an error.
    pub(crate) fn message(&mut self, message: &Value) -> Result<(), CliError> {
        let text = |path: &str| message.pointer(path).and_then(Value::as_str).unwrap_or_default();
        if let Some(id) = message.pointer("/aux/ID").and_then(Value::as_str) {
            self.id = Some(id.to_owned());
        }
        let (stream, status) = (text("/stream"), text("/status"));
        if !text("/error").is_empty() {
            self.activity.stop();
            err!("{}", self.kept);
            let hint = text("/hint");
            let fix = if hint.is_empty() { on_build(text("/error")) } else { hint };
            return Err(CliError::new(text("/error")).fix(fix).status(exit_status(message)));
        }
        if self.verbose {
            out!("{stream}");
            if !status.is_empty() {
                outln!("{} {status}", text("/id"));
            }
            return Ok(());
        }
        self.kept.push_str(stream);
        let shown = if stream.trim().is_empty() { status } else { stream.trim() };
        if !shown.is_empty() {
            self.activity.say(shown);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_failed_build_ends_with_the_status_of_its_step() {
        let activity = Activity::start(true);
        let failed = |message: Value| BuildLog::new(&activity, true).message(&message).unwrap_err();
        assert_eq!(failed(json!({"error": "x", "errorDetail": {"code": 3, "message": "x"}})).status, 3);
        let error = failed(json!({"error": "x", "errorDetail": {"message": "x"}, "hint": "do this"}));
        assert_eq!((error.status, error.fix.as_str()), (1, "do this"));
    }
}
