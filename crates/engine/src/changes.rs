//! `commit --change`: Dockerfile lines over an image's configuration.

use sprat_image::ImageConfig;

use crate::EngineError;

/// Applies lines of CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME and WORKDIR.
///
/// # Errors
/// A line is not understood.
pub(crate) fn apply(config: &mut ImageConfig, lines: &[String]) -> Result<(), EngineError> {
    for line in lines {
        let (word, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
        let rest = rest.trim();
        let invalid = |why: &str| EngineError::Invalid(format!("invalid change {line:?}: {why}"));
        if rest.is_empty() {
            return Err(invalid("it has no value"));
        }
        match word.to_ascii_uppercase().as_str() {
            "CMD" => {
                config.cmd =
                    Some(list(rest).ok_or_else(|| invalid("write a JSON list of texts: guests have no shell"))?)
            }
            "ENTRYPOINT" => {
                config.entrypoint =
                    Some(list(rest).ok_or_else(|| invalid("write a JSON list of texts: guests have no shell"))?);
            }
            "ENV" => {
                let (name, value) = pair(rest).ok_or_else(|| invalid("expected NAME=value"))?;
                config.env.retain(|entry| entry.split_once('=').is_none_or(|(key, _)| key != name));
                config.env.push(format!("{name}={value}"));
            }
            "LABEL" => {
                let (name, value) = pair(rest).ok_or_else(|| invalid("expected NAME=value"))?;
                config.labels.insert(name, value);
            }
            "EXPOSE" => {
                let port = |text: &str| if text.contains('/') { text.to_owned() } else { format!("{text}/tcp") };
                config.exposed_ports.extend(rest.split_whitespace().map(port));
            }
            "VOLUME" => {
                let paths = list(rest).unwrap_or_else(|| rest.split_whitespace().map(str::to_owned).collect());
                config.volumes.extend(paths);
            }
            "STOPSIGNAL" => {
                crate::signal::Signal::parse(rest)?;
                config.stop_signal = Some(rest.to_owned());
            }
            "USER" => rest.clone_into(&mut config.user),
            "WORKDIR" => {
                config.working_dir = crate::locate::clean(&format!(
                    "{}/{rest}",
                    if rest.starts_with('/') { "" } else { &config.working_dir }
                ))
            }
            _ => return Err(invalid("this instruction can't be changed by a commit")),
        }
    }
    Ok(())
}

fn list(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok()
}

fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=').or_else(|| text.split_once(char::is_whitespace))?;
    let value = value.trim();
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    (!name.trim().is_empty()).then(|| (name.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_apply_and_unknown_ones_are_refused() {
        let mut config =
            ImageConfig { env: vec!["A=1".to_owned()], working_dir: "/srv".to_owned(), ..ImageConfig::default() };
        let lines = ["ENV A=2", "cmd [\"x\", \"y\"]", "EXPOSE 80 53/udp", "LABEL a=\"b c\"", "WORKDIR data", "USER 5"];
        apply(&mut config, &lines.map(str::to_owned)).unwrap();
        assert_eq!(config.env, ["A=2"]);
        assert_eq!(config.cmd, Some(vec!["x".to_owned(), "y".to_owned()]));
        assert!(config.exposed_ports.contains("80/tcp") && config.exposed_ports.contains("53/udp"));
        assert_eq!((config.labels["a"].as_str(), config.working_dir.as_str()), ("b c", "/srv/data"));
        for line in ["RUN x", "CMD", "CMD x", "ENV", "STOPSIGNAL nope", ""] {
            assert!(apply(&mut config, &[line.to_owned()]).is_err(), "{line}");
        }
    }
}
