//! The canonical form, field by field, and the hashes, against Docker Compose itself: `SPRAT_TEST_COMPOSE` names its program.
//! Without that, nothing is compared here.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sprat_compose::{Choice, Files, Project};

struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }
}

const SHELL: [(&str, &str); 2] = [("HOME", "/home/someone"), ("FROM_SHELL", "shell")];

fn folder(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(case)
}

fn ours(case: &str, files: &[&str], profiles: &[&str]) -> Result<Project, String> {
    let choice = Choice {
        files: files.iter().map(PathBuf::from).collect(),
        profiles: profiles.iter().map(|p| (*p).to_owned()).collect(),
        ..Choice::default()
    };
    let environment: BTreeMap<_, _> = SHELL.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let request = sprat_compose::locate(&choice, &folder(case), &environment, &Disk).map_err(|e| e.to_string())?;
    sprat_compose::load(&request, &Disk).map_err(|e| e.to_string())
}

/// What Docker Compose says, if it is there.
fn theirs(case: &str, files: &[&str], profiles: &[&str], args: &[&str]) -> Option<Result<String, String>> {
    let program = std::env::var_os("SPRAT_TEST_COMPOSE")?;
    let mut command = Command::new(program);
    command.env_clear().envs(SHELL).current_dir(folder(case));
    command.args(files.iter().flat_map(|file| ["-f", file]));
    command.args(profiles.iter().flat_map(|profile| ["--profile", profile]));
    let output = command.arg("config").args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Some(if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) })
}

fn differences(path: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            // Compose shows extensions of the whole alone.
            let hidden = |key: &str| !path.is_empty() && key.starts_with("x-");
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            for key in keys.filter(|key| !hidden(key)) {
                let none = Value::String("(nothing)".into());
                let path = format!("{path}.{key}");
                differences(&path, a.get(key).unwrap_or(&none), b.get(key).unwrap_or(&none), found);
            }
        }
        (a, b) if a == b => {}
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        (a, b) => found.push(format!("{path}: ours {a}, theirs {b}")),
    }
}

fn compare(case: &str, files: &[&str], profiles: &[&str]) {
    let project = ours(case, files, profiles).unwrap();
    let Some(config) = theirs(case, files, profiles, &["--format", "json"]) else { return };
    let config: Value = serde_json::from_str(&config.unwrap()).unwrap();
    let mut found = Vec::new();
    differences("", &sprat_compose::escaped(&project.model), &config, &mut found);
    assert!(found.is_empty(), "{case}:\n{}", found.join("\n"));
}

/// Compose prints hashes before it reads `env_file`, so only what has none can be compared.
fn compare_hashes(case: &str, files: &[&str]) {
    let project = ours(case, files, &[]).unwrap();
    let Some(hashes) = theirs(case, files, &[], &["--hash", "*"]) else { return };
    let with_files: &[&str] = if case == "common" { &["web"] } else { &[] };
    for line in hashes.unwrap().lines() {
        let (name, hash) = line.split_once(' ').unwrap();
        if !with_files.contains(&name) {
            assert_eq!(sprat_compose::hash::service(project.service(name).unwrap()), hash, "{case}: {name}");
        }
    }
}

#[test]
fn common_keys() {
    compare("common", &[], &[]);
}

#[test]
fn every_key() {
    compare("everything", &[], &[]);
}

#[test]
fn short_forms() {
    compare("forms", &[], &[]);
}

#[test]
fn several_files() {
    compare("merge", &["compose.yaml", "two.yaml"], &[]);
    compare("merge", &["compose.yaml", "two.yaml", "three.yaml"], &[]);
}

#[test]
fn extended_services() {
    compare("extends", &[], &[]);
}

#[test]
fn included_projects() {
    compare("include", &[], &[]);
}

#[test]
fn variables() {
    compare("env", &[], &[]);
}

#[test]
fn profiles() {
    for profiles in [&[][..], &["p"], &["q"], &["*"]] {
        compare("profiles", &[], profiles);
    }
}

#[test]
fn hashes() {
    for case in ["common", "everything", "forms", "profiles", "include"] {
        compare_hashes(case, &[]);
    }
}

#[test]
fn what_compose_refuses_is_refused() {
    for (text, part) in [
        ("services: {a: {image: x, foo: 1}}", "services.a additional properties 'foo' not allowed"),
        ("services: {a: {image: x, ports: [x]}}", "Invalid containerPort: x"),
        ("services: {a: {image: x, ports: 80}}", "services.a.ports must be a array"),
        (
            "services: {a: {}}",
            "service \"a\" has neither an image nor a build context specified: invalid compose project",
        ),
        (
            "services: {a: {image: x, depends_on: [b]}}",
            "service \"a\" depends on undefined service \"b\": invalid compose project",
        ),
        (
            "services: {a: {image: x, networks: [b]}}",
            "service \"a\" refers to undefined network b: invalid compose project",
        ),
        ("foo: 1", "additional properties 'foo' not allowed"),
        (
            "services: {a: {image: x, secrets: [q]}}",
            "service \"a\" refers to undefined secret q: invalid compose project",
        ),
        (
            "services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}",
            "dependency cycle detected: a -> b -> a",
        ),
        ("services: {a: {image: 1}}", "services.a.image must be a string"),
        (
            "services: {a: {image: x, environment: {A: {}}}}",
            "services.a.environment.A must be a boolean, null, number or string",
        ),
        ("services: {a: {image: \"${X:?no}\"}}", "required variable X is missing a value: no"),
        ("services: {a: {image: x, mem_limit: huge}}", "invalid size: 'huge'"),
        ("services: {a: {image: x, healthcheck: {interval: 5}}}", "services.a.healthcheck.interval must be a string"),
        ("services: {a: {image: x, init: maybe}}", "services.a.init"),
        ("services: {a: {image: x, network_mode: host, networks: [default]}}", "mutually exclusive"),
        ("services: {a: {image: x, build: {foo: 1}}}", "services.a.build additional properties 'foo' not allowed"),
        ("services: {a: {image: x, env_file: nope}}", "nope not found"),
        ("services: {a: {image: x, extends: b}}", "service \"b\" not found"),
        ("services: {a: {image: x, container_name: b}}", "does not match pattern '[a-zA-Z0-9][a-zA-Z0-9_.-]+'"),
        ("services: {a: {image: x, container_name: bb, scale: 2}}", "container name must be unique"),
        ("services: {a: {image: x, pull_policy: foo}}", "pull_policy 'foo' does not match pattern"),
        ("services: {A B: {image: x}}", "services additional properties 'A B' not allowed"),
        ("services: {a: {image: x, healthcheck: {test: [a]}}}", "must start either by"),
        (
            "volumes: {x: {external: true, driver: y}}\nservices: {a: {image: x}}",
            "volumes.x: conflicting parameters \"external\" and \"driver\" specified",
        ),
        ("services: {a: {image: x, command: \"a 'b\"}}", "invalid command line string"),
        ("", "empty compose file"),
        ("a: b: c", "yaml: "),
        ("services: [a", "yaml: "),
        (
            "services: {a: {image: x, cpus: 2, deploy: {resources: {limits: {memory: 1g}}}}}",
            "can't set distinct values on 'cpus'",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("compose.yaml"), text).unwrap();
        let path = folder.path().to_str().unwrap();
        let refused = ours(path, &[], &[]).unwrap_err();
        assert!(refused.contains(part), "{text}\n  ours: {refused}");
        assert!(refused.contains("compose.yaml"), "{text}\n  {refused}");
        if let Some(answer) = theirs(path, &[], &[], &["-q"]) {
            let words = answer.expect_err(text);
            let known = words.contains(part) || part.starts_with("services.a.init") || part.contains("unique");
            assert!(known, "{text}\n  theirs: {words}");
        }
    }
}
