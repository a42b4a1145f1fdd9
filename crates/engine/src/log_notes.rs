//! What of a container is noted with each line of its log: docker's log options `labels`, `labels-regex`, `env`,
//! `env-regex` and `tag`. `docker logs --details` shows it.

use std::collections::BTreeMap;

use regex::Regex;

use crate::record::Record;
use crate::{EngineError, LogSpec};

/// Longest text of these options in bytes, and most bytes that are noted: every line carries them.
const MOST_BYTES: usize = 4096;

/// Checks the options.
///
/// # Errors
/// A pattern or template is wrong, or too long.
pub(crate) fn check(log: &LogSpec) -> Result<(), EngineError> {
    for (key, value) in &log.noted {
        if value.len() > MOST_BYTES {
            return Err(EngineError::Invalid(format!("the log option {key} has more than {MOST_BYTES} bytes")));
        }
        match key.as_str() {
            "labels-regex" | "env-regex" => {
                Regex::new(value)
                    .map_err(|error| EngineError::Invalid(format!("invalid value for log option {key}: {error}")))?;
            }
            "tag" => {
                expand(value, &|name| FIELDS.contains(&name).then(String::new))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a tag's template may name.
const FIELDS: [&str; 7] = ["ID", "FullID", "Name", "ImageID", "ImageFullID", "ImageName", "DaemonName"];

/// What is noted with each line of a container, as a JSON object; nothing if there is nothing.
pub(crate) fn attributes(record: &Record, labels: &BTreeMap<String, String>) -> String {
    let log = &record.spec.log;
    if log.noted.is_empty() {
        return String::new();
    }
    let env: BTreeMap<String, String> = record
        .settled
        .env
        .iter()
        .filter_map(|entry| entry.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut noted = chosen(log, "labels", labels);
    noted.extend(chosen(log, "env", &env));
    if let Some(tag) = log.noted.get("tag").and_then(|template| expand(template, &|name| field(record, name)).ok()) {
        noted.insert("tag".to_owned(), tag);
    }
    if noted.is_empty() {
        return String::new();
    }
    let text = serde_json::to_string(&noted).unwrap_or_default();
    if text.len() > MOST_BYTES {
        tracing::warn!(container = %record.id, bytes = text.len(), "more is to be noted with each log line than may be");
        return String::new();
    }
    text
}

/// The entries that are named, or match the pattern of this option.
fn chosen(log: &LogSpec, option: &str, all: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let names = log.noted.get(option).map(String::as_str).unwrap_or_default();
    let pattern = log.noted.get(&format!("{option}-regex")).and_then(|pattern| Regex::new(pattern).ok());
    let wanted = |name: &str| {
        names.split(',').any(|wanted| wanted.trim() == name) || pattern.as_ref().is_some_and(|p| p.is_match(name))
    };
    all.iter().filter(|(name, _)| wanted(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn field(record: &Record, name: &str) -> Option<String> {
    let image = &record.facts.data.id;
    Some(match name {
        "ID" => record.id.short(),
        "FullID" => record.id.to_string(),
        "Name" => record.name().to_string(),
        "ImageID" => image.short().to_owned(),
        "ImageFullID" => image.to_string(),
        "ImageName" => record.spec.image.clone(),
        "DaemonName" => "sprat".to_owned(),
        _ => return None,
    })
}

/// Replaces `{{.Field}}`.
fn expand(template: &str, field: &dyn Fn(&str) -> Option<String>) -> Result<String, EngineError> {
    let wrong = |what: &str| {
        let known = FIELDS.map(|name| format!("{{{{.{name}}}}}")).join(", ");
        EngineError::Invalid(format!("invalid value for log option tag: {what}; it may have {known}"))
    };
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{") {
        let (name, after) = behind.split_once("}}").ok_or_else(|| wrong("a {{ is not closed"))?;
        let name = name.trim();
        let value = name.strip_prefix('.').and_then(field).ok_or_else(|| wrong(&format!("{name:?} is unknown")))?;
        text.push_str(before);
        text.push_str(&value);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(noted: &[(&str, &str)]) -> LogSpec {
        let noted = noted.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        LogSpec { noted, ..LogSpec::default() }
    }

    #[test]
    fn names_and_patterns_choose() {
        let all = ["team", "tier", "x"].map(|name| (name.to_owned(), "1".to_owned())).into();
        let names = |noted: &[(&str, &str)]| chosen(&log(noted), "labels", &all).into_keys().collect::<Vec<_>>();
        assert_eq!(names(&[("labels", "team, none")]), ["team"]);
        assert_eq!(names(&[("labels-regex", "^t"), ("labels", "x")]), ["team", "tier", "x"]);
        assert!(names(&[("env", "team")]).is_empty());
    }

    #[test]
    fn templates_and_patterns_are_checked_when_the_container_is_made() {
        for (key, value) in [("labels-regex", "("), ("env-regex", "["), ("tag", "{{.Nope}}"), ("tag", "{{.ID")] {
            assert!(check(&log(&[(key, value)])).is_err(), "{key}={value}");
        }
        let long = "x".repeat(MOST_BYTES + 1);
        assert!(check(&log(&[("labels", &long)])).is_err());
        check(&log(&[("tag", "a/{{.Name}}/{{ .ID }}"), ("labels", "a,b")])).unwrap();
        let shown = expand("a/{{.Name}}/{{ .ID }}!", &|name| Some(name.to_lowercase())).unwrap();
        assert_eq!(shown, "a/name/id!");
    }
}
