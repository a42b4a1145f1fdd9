//! The Dockerfile instructions that `import` and `commit` take as changes.

use crate::ImageConfig;

/// Applies one line, such as `ENV A=b` or `CMD ["x"]`.
pub(super) fn apply_line(config: &mut ImageConfig, line: &str) -> Result<(), String> {
    let line = line.trim();
    let (instruction, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    apply_change(config, instruction, rest.trim())
}

/// Applies one instruction, already split from what follows it. It understands CMD, ENTRYPOINT, ENV, EXPOSE, LABEL,
/// ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR, in any case.
///
/// # Errors
/// The instruction is another one, or malformed; the text says how.
pub fn apply_change(config: &mut ImageConfig, instruction: &str, rest: &str) -> Result<(), String> {
    let instruction = instruction.to_ascii_uppercase();
    if rest.is_empty() {
        return Err(format!("{instruction} needs an argument"));
    }
    match instruction.as_str() {
        "CMD" => config.cmd = Some(command(rest)),
        "ENTRYPOINT" => {
            config.entrypoint = Some(command(rest));
            config.cmd = None;
        }
        "ENV" => {
            for (name, value) in pairs(rest)? {
                set_variable(&mut config.env, &name, &value);
            }
        }
        "LABEL" => config.labels.extend(pairs(rest)?),
        "EXPOSE" => {
            for port in words(rest)? {
                config.exposed_ports.insert(exposed_port(&port)?);
            }
        }
        "VOLUME" => config.volumes.extend(json_strings(rest).map_or_else(|| words(rest), Ok)?),
        "USER" => config.user = rest.to_owned(),
        "WORKDIR" => config.working_dir = join(&config.working_dir, rest),
        "STOPSIGNAL" => config.stop_signal = Some(rest.to_owned()),
        "ONBUILD" => config.on_build.push(rest.to_owned()),
        _ => {
            return Err(format!(
                "{instruction} is not a change: use CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR"
            ));
        }
    }
    Ok(())
}

/// The exec form, or the words of the other one: there is no shell that could split them at run time.
fn command(rest: &str) -> Vec<String> {
    json_strings(rest).or_else(|| words(rest).ok()).unwrap_or_else(|| vec![rest.to_owned()])
}

fn json_strings(text: &str) -> Option<Vec<String>> {
    text.starts_with('[').then(|| serde_json::from_str(text).ok()).flatten()
}

fn set_variable(env: &mut Vec<String>, name: &str, value: &str) {
    let entry = format!("{name}={value}");
    match env.iter_mut().find(|entry| entry.split('=').next() == Some(name)) {
        Some(present) => *present = entry,
        None => env.push(entry),
    }
}

/// `NAME=value …`, or docker's old `NAME value`.
fn pairs(rest: &str) -> Result<Vec<(String, String)>, String> {
    let all = words(rest)?;
    if let Some(first) = all.first().filter(|first| !first.contains('=')) {
        let value = rest.strip_prefix(first.as_str()).unwrap_or_default().trim();
        return match value.is_empty() {
            true => Err(format!("{first:?} has no value: write NAME=value")),
            false => Ok(vec![(first.clone(), value.to_owned())]),
        };
    }
    all.into_iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(format!("{word:?} is not NAME=value")),
        })
        .collect()
}

/// Words with quotes and backslashes undone.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(characters.next()),
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    match quote {
        Some(quote) => Err(format!("a {quote} is not closed")),
        None => Ok(words),
    }
}

fn exposed_port(text: &str) -> Result<String, String> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    let numbers = port.split('-').map(str::parse::<u16>);
    match numbers.collect::<Result<Vec<_>, _>>() {
        Ok(ends) if (1..=2).contains(&ends.len()) && matches!(protocol.as_str(), "tcp" | "udp" | "sctp") => {
            Ok(format!("{port}/{protocol}"))
        }
        _ => Err(format!("{text:?} is not a port: write 80, 80/tcp or 80-90/udp")),
    }
}

fn join(folder: &str, path: &str) -> String {
    match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{}/{path}", folder.trim_end_matches('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_do_what_their_instructions_do() {
        let mut config = ImageConfig::default();
        for line in [
            r#"CMD ["lost"]"#,
            r#"ENTRYPOINT ["/main.wasm", "a b"]"#,
            r#"env A=1 B="two words" C=x\ y"#,
            "ENV A 3 and more",
            "LABEL x=y",
            "EXPOSE 80 53/udp",
            r#"VOLUME ["/a", "/b"]"#,
            "WORKDIR /w",
            "WORKDIR sub",
            "USER 1:2",
            "STOPSIGNAL TERM",
            "ONBUILD COPY . /",
        ] {
            apply_line(&mut config, line).expect(line);
        }
        insta::assert_snapshot!(serde_json::to_string_pretty(&config).expect("text"), @r#"
        {
          "User": "1:2",
          "Env": [
            "A=3 and more",
            "B=two words",
            "C=x y"
          ],
          "Entrypoint": [
            "/main.wasm",
            "a b"
          ],
          "WorkingDir": "/w/sub",
          "Labels": {
            "x": "y"
          },
          "ExposedPorts": {
            "53/udp": {},
            "80/tcp": {}
          },
          "Volumes": {
            "/a": {},
            "/b": {}
          },
          "StopSignal": "TERM",
          "OnBuild": [
            "COPY . /"
          ]
        }
        "#);
    }

    #[test]
    fn what_is_no_change_is_refused() {
        let config = &mut ImageConfig::default();
        for line in ["", "RUN x", "ENV", "ENV =x", "ENV A", "EXPOSE x", "EXPOSE 1-2-3", "LABEL a=\"b", "EXPOSE 80/icmp"]
        {
            assert!(apply_line(config, line).is_err(), "{line}");
        }
    }
}
