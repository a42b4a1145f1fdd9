//! What a configuration may hold: it comes from strangers, and its texts become arguments, variables and paths of guests.

use super::ImageConfig;
use crate::StoreError;
use crate::dockerfile::is_signal;

/// Most anonymous volumes of one image: each container makes all of them.
const MAX_VOLUMES: usize = 128;
/// Most variables, arguments, labels or exposed ports of one image, each.
const MAX_ENTRIES: usize = 65_536;

impl ImageConfig {
    /// Checks all texts and numbers of entries.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] names the field, what is wrong with it, and the limit if one is passed.
    pub fn check(&self) -> Result<(), StoreError> {
        for (field, list) in [
            ("Env", self.env.as_slice()),
            ("Entrypoint", self.entrypoint.as_deref().unwrap_or_default()),
            ("Cmd", self.cmd.as_deref().unwrap_or_default()),
            ("OnBuild", self.on_build.as_slice()),
            ("Shell", self.shell.as_deref().unwrap_or_default()),
            ("Healthcheck", self.healthcheck.as_ref().map(|check| check.test.as_slice()).unwrap_or_default()),
        ] {
            count(field, list.len(), MAX_ENTRIES)?;
            list.iter().try_for_each(|text| text_of(field, text))?;
        }
        let nameless = |entry: &&String| entry.is_empty() || entry.starts_with('=');
        if let Some(entry) = self.env.iter().find(nameless) {
            return Err(invalid("Env", entry, "it has no name before the `=`"));
        }
        word("User", &self.user)?;
        word("WorkingDir", &self.working_dir)?;
        count("Labels", self.labels.len(), MAX_ENTRIES)?;
        for (name, value) in &self.labels {
            word("Labels", name)?;
            text_of("Labels", value)?;
        }
        count("ExposedPorts", self.exposed_ports.len(), MAX_ENTRIES)?;
        self.exposed_ports.iter().try_for_each(|port| word("ExposedPorts", port))?;
        count("Volumes", self.volumes.len(), MAX_VOLUMES)?;
        self.volumes.iter().try_for_each(|path| word("Volumes", path))?;
        if let Some(path) = self.volumes.iter().find(|path| path.trim().is_empty()) {
            return Err(invalid("Volumes", path, "it is no path"));
        }
        match self.stop_signal.as_deref() {
            Some(signal) if !signal.is_empty() && !is_signal(signal) => Err(invalid(
                "StopSignal",
                signal,
                "it is no signal: use a name such as SIGTERM or a number from 1 to 64",
            )),
            _ => Ok(()),
        }
    }
}

fn invalid(field: &str, text: &str, reason: &str) -> StoreError {
    /// Characters of a text that an error shows.
    const SHOWN: usize = 64;
    let shown: String = text.chars().take(SHOWN).collect();
    StoreError::invalid("image configuration", format!("{field} {shown:?}: {reason}"))
}

fn count(field: &str, entries: usize, limit: usize) -> Result<(), StoreError> {
    if entries <= limit {
        return Ok(());
    }
    let reason = format!("{field} has {entries} entries, and {limit} is the limit: build the image with fewer");
    Err(StoreError::invalid("image configuration", reason))
}

/// What a guest gets as text: all but NUL, which ends texts for most programs.
fn text_of(field: &str, text: &str) -> Result<(), StoreError> {
    if text.contains('\0') {
        Err(invalid(field, text, "it has a NUL character: build the image without"))
    } else {
        Ok(())
    }
}

/// What is looked up, printed in columns or made a path of: no control characters.
fn word(field: &str, text: &str) -> Result<(), StoreError> {
    match text.chars().any(char::is_control) {
        true => {
            Err(invalid(field, text, "it has a control character such as NUL or a line end: build the image without"))
        }
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let config: ImageConfig = serde_json::from_str(text).unwrap();
        config.check().expect_err(text).to_string()
    }

    #[test]
    fn odd_bytes_are_refused_with_their_field() {
        for (text, words) in [
            (r#"{"Env":["A=b\u0000c"]}"#, "Env \"A=b\\0c\": it has a NUL"),
            (r#"{"Env":["=x"]}"#, "no name"),
            (r#"{"Entrypoint":["/a\u0000"]}"#, "Entrypoint"),
            (r#"{"Cmd":["\u0000"]}"#, "Cmd"),
            (r#"{"User":"a\nb"}"#, "User"),
            (r#"{"WorkingDir":"/a\u0000"}"#, "WorkingDir"),
            (r#"{"Labels":{"a\n":"b"}}"#, "Labels"),
            (r#"{"Labels":{"a":"\u0000"}}"#, "Labels"),
            (r#"{"Volumes":{"/a\r":{}}}"#, "Volumes"),
            (r#"{"Volumes":{" ":{}}}"#, "it is no path"),
            (r#"{"ExposedPorts":{"80\u001b/tcp":{}}}"#, "ExposedPorts"),
            (r#"{"StopSignal":"SIGNONSENSE"}"#, "StopSignal \"SIGNONSENSE\": it is no signal"),
            (r#"{"StopSignal":"65"}"#, "1 to 64"),
        ] {
            let message = refused(text);
            assert!(message.contains(words), "{text}: {message}");
        }
    }

    #[test]
    fn lines_in_arguments_variables_and_labels_are_allowed() {
        let text = r#"{"Env":["A=b\nc","B"],"Cmd":["a\nb"],"Labels":{"a":"b\nc"},"StopSignal":"SIGRTMIN+3","User":""}"#;
        serde_json::from_str::<ImageConfig>(text).unwrap().check().unwrap();
    }

    #[test]
    fn the_number_of_volumes_has_a_limit_that_is_told() {
        let config = |volumes: usize| ImageConfig {
            volumes: (0..volumes).map(|number| format!("/v{number}")).collect(),
            ..ImageConfig::default()
        };
        config(MAX_VOLUMES).check().unwrap();
        let message = config(MAX_VOLUMES + 1).check().unwrap_err().to_string();
        assert!(message.contains("Volumes has 129 entries, and 128 is the limit"), "{message}");
    }
}
