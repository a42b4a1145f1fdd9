//! What is in effect: the request over the image's defaults, in docker's rules.

use std::collections::BTreeSet;

use sprat_image::ImageConfig;
use sprat_sandbox::Limits;

use crate::locate::clean;
use crate::{ContainerSpec, EngineError, Isolation, MountKind, MountSpec, RestartPolicy, ports};

/// Where programs are looked for when nobody says otherwise.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Longest host name in bytes.
const HOSTNAME_LIMIT: usize = 253;
/// Most bytes of a container's labels: each of its events carries them.
const MAX_LABEL_BYTES: usize = 1 << 20;
/// Stands for the host's address in a further host.
pub(crate) const HOST_GATEWAY: &str = "host-gateway";
/// The signal that asks a container to stop when nobody names one.
const DEFAULT_STOP_SIGNAL: &str = "SIGTERM";

/// Checks what can be checked without the image.
///
/// # Errors
/// A value is malformed, or two contradict each other.
pub(crate) fn check(spec: &ContainerSpec) -> Result<(), EngineError> {
    let invalid = |text: String| Err(EngineError::Invalid(text));
    if spec.image.is_empty() {
        return invalid("no image was named: add its name".to_owned());
    }
    if spec.auto_remove && spec.restart != RestartPolicy::No {
        return invalid("can't create 'AutoRemove' container with restart policy".to_owned());
    }
    if let Some(folder) = spec.working_dir.as_deref().filter(|folder| !folder.is_empty() && !folder.starts_with('/')) {
        return invalid(format!("the working directory '{folder}' is invalid, it needs to be an absolute path"));
    }
    if let Some(entry) = spec.env.iter().find(|entry| entry.is_empty() || entry.starts_with('=')) {
        return invalid(format!("invalid environment variable: {entry}"));
    }
    let strings = spec.env.iter().chain(spec.cmd.iter().flatten()).chain(spec.entrypoint.iter().flatten());
    if strings.chain([&spec.domainname]).any(|text| text.contains('\0')) {
        return invalid("invalid argument or variable: it contains a zero byte".to_owned());
    }
    if let Some(name) = spec.hostname.as_deref().filter(|name| !is_hostname(name)) {
        return invalid(format!("invalid hostname format: {name}"));
    }
    crate::networks::check(spec)?;
    if let Some(server) = spec.dns.iter().find(|server| server.parse::<std::net::IpAddr>().is_err()) {
        return invalid(format!("bad format for DNS address: {server}"));
    }
    let labels: usize = spec.labels.iter().map(|(name, value)| name.len() + value.len()).sum();
    if labels > MAX_LABEL_BYTES {
        let reason = "keep such data in a file or a volume";
        return invalid(format!("the labels have {labels} bytes, and {MAX_LABEL_BYTES} is the limit: {reason}"));
    }
    if spec.memory_bytes == Some(0) || spec.open_files == Some(0) {
        return invalid("a limit of 0 leaves nothing to run with: leave it out for the default".to_owned());
    }
    if spec.log.max_files == 0 || spec.log.max_size == 0 {
        return invalid("invalid log options: max-file and max-size must be at least 1".to_owned());
    }
    if let Some(line) = spec.extra_hosts.iter().find(|line| parse_host(line).is_none()) {
        return invalid(format!("bad format for add-host: {line:?}: expected NAME:IP"));
    }
    if let Some(signal) = spec.stop_signal.as_deref().filter(|signal| !signal.is_empty()) {
        crate::signal::Signal::parse(signal)?;
    }
    crate::log_notes::check(&spec.log)?;
    ports::check(&spec.ports)?;
    check_mounts(&spec.mounts)
}

fn check_mounts(mounts: &[MountSpec]) -> Result<(), EngineError> {
    let mut targets = BTreeSet::new();
    for mount in mounts {
        let target = clean(&mount.target);
        let invalid =
            |reason: &str| Err(EngineError::Invalid(format!("invalid mount config for {:?}: {reason}", mount.target)));
        if !mount.target.starts_with('/') || mount.target.contains('\0') {
            return invalid("mount path must be absolute");
        }
        if target == "/" {
            return invalid("destination can't be '/'");
        }
        if let MountKind::Bind { source, .. } = &mount.kind
            && !source.is_absolute()
        {
            return invalid("bind source path must be absolute");
        }
        if !targets.insert(target) {
            return Err(EngineError::Invalid(format!("Duplicate mount point: {}", mount.target)));
        }
    }
    Ok(())
}

fn is_hostname(name: &str) -> bool {
    name.len() <= HOSTNAME_LIMIT
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// `NAME:IP`, where the IP may have colons; `host-gateway` is this host, as the container reaches it.
pub(crate) fn parse_host(line: &str) -> Option<(&str, &str)> {
    let (name, ip) = line.split_once([':', '='])?;
    let ip = ip.trim_start_matches('[').trim_end_matches(']');
    let address = ip == HOST_GATEWAY || ip.parse::<std::net::IpAddr>().is_ok();
    (!name.is_empty() && !name.contains(char::is_whitespace) && address).then_some((name, ip))
}

/// Entry point and arguments in effect (docker's `merge`).
///
/// # Errors
/// There is neither.
pub(crate) fn argv(spec: &ContainerSpec, image: &ImageConfig) -> Result<Vec<String>, EngineError> {
    let given = spec.entrypoint.as_deref();
    let cmd = spec.cmd.as_deref().unwrap_or_default();
    let mut argv: Vec<String> = match given {
        None => image.entrypoint.clone().unwrap_or_default(),
        // API clients clear the entry point with a list of one empty text.
        Some([only]) if only.is_empty() => Vec::new(),
        Some(entry) => entry.to_vec(),
    };
    let replaced = given.is_some_and(|entry| !entry.is_empty());
    if cmd.is_empty() && !replaced {
        argv.extend(image.cmd.iter().flatten().cloned());
    } else {
        argv.extend_from_slice(cmd);
    }
    if argv.is_empty() {
        return Err(EngineError::Invalid("no command specified".to_owned()));
    }
    Ok(argv)
}

/// Environment in effect: the request's, then what only the image has. `NAME` alone removes the image's.
pub(crate) fn env(spec: &ContainerSpec, image: &ImageConfig) -> Vec<String> {
    let name = |entry: &str| entry.split_once('=').map_or(entry, |(name, _)| name).to_owned();
    let mut seen = BTreeSet::new();
    let mut result = Vec::new();
    // From the end, so that the last of several wins.
    for entry in spec.env.iter().rev() {
        if seen.insert(name(entry)) && entry.contains('=') {
            result.push(entry.clone());
        }
    }
    result.reverse();
    for entry in &image.env {
        if seen.insert(name(entry)) {
            result.push(entry.clone());
        }
    }
    result
}

/// The value of a variable in a list.
pub(crate) fn variable<'a>(env: &'a [String], name: &str) -> Option<&'a str> {
    env.iter().find_map(|entry| entry.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
}

/// `PATH` in effect.
pub(crate) fn path(env: &[String]) -> &str {
    variable(env, "PATH").unwrap_or(DEFAULT_PATH)
}

/// Working folder in effect.
pub(crate) fn working_dir(spec: &ContainerSpec, image: &ImageConfig) -> String {
    let given = spec.working_dir.as_deref().filter(|folder| !folder.is_empty());
    clean(given.unwrap_or(&image.working_dir))
}

/// Stop signal in effect.
pub(crate) fn stop_signal(spec: &ContainerSpec, image: &ImageConfig) -> String {
    let given = spec.stop_signal.as_ref().or(image.stop_signal.as_ref()).filter(|signal| !signal.is_empty());
    given.cloned().unwrap_or_else(|| DEFAULT_STOP_SIGNAL.to_owned())
}

/// Limits in effect.
pub(crate) fn limits(spec: &ContainerSpec, default_memory: u64) -> Limits {
    let defaults = Limits::default();
    Limits {
        memory_bytes: spec.memory_bytes.unwrap_or(default_memory),
        cpu_millis: spec.cpu_millis.unwrap_or(defaults.cpu_millis),
        wall_clock_ms: spec.wall_clock_ms.unwrap_or(defaults.wall_clock_ms),
        open_files: spec.open_files.unwrap_or(defaults.open_files),
        disk_bytes: spec.disk_bytes.unwrap_or(defaults.disk_bytes),
        ..defaults
    }
}

/// What is accepted but has no effect.
pub(crate) fn warnings(spec: &ContainerSpec) -> Vec<String> {
    let mut warnings = Vec::new();
    if !spec.ports.is_empty() && spec.network == "host" {
        warnings.push("Published ports are discarded when using host network mode".to_owned());
    }
    if spec.isolation == Isolation::Process && spec.cpu_millis.is_some() {
        warnings.push("A CPU limit has no effect with --isolation process: its code is not interruptible".to_owned());
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn image(entrypoint: Option<&[&str]>, cmd: Option<&[&str]>) -> ImageConfig {
        ImageConfig { entrypoint: entrypoint.map(texts), cmd: cmd.map(texts), ..ImageConfig::default() }
    }

    fn spec(entrypoint: Option<&[&str]>, cmd: Option<&[&str]>) -> ContainerSpec {
        ContainerSpec {
            image: "hello".to_owned(),
            entrypoint: entrypoint.map(texts),
            cmd: cmd.map(texts),
            ..ContainerSpec::default()
        }
    }

    #[test]
    fn entry_point_and_command_combine_as_docker_has_it() {
        let image = image(Some(&["e"]), Some(&["c"]));
        let run = |entry: Option<&[&str]>, cmd: Option<&[&str]>| argv(&spec(entry, cmd), &image).ok();
        assert_eq!(run(None, None), Some(texts(&["e", "c"])));
        assert_eq!(run(None, Some(&["x"])), Some(texts(&["e", "x"])));
        assert_eq!(run(Some(&["n"]), None), Some(texts(&["n"])));
        assert_eq!(run(Some(&["n"]), Some(&["x"])), Some(texts(&["n", "x"])));
        assert_eq!(run(Some(&[]), None), Some(texts(&["c"])));
        assert_eq!(run(Some(&[""]), Some(&["x"])), Some(texts(&["x"])));
        assert_eq!(run(Some(&[""]), None), None);
    }

    #[test]
    fn labels_have_a_limit_that_is_told() {
        let labelled = |bytes: usize| {
            let labels = [("a".to_owned(), "x".repeat(bytes - 1))].into();
            check(&ContainerSpec { labels, ..spec(None, None) })
        };
        labelled(MAX_LABEL_BYTES).unwrap();
        let error = labelled(MAX_LABEL_BYTES + 1).unwrap_err().to_string();
        assert!(error.contains("1048577 bytes, and 1048576 is the limit"), "{error}");
    }

    #[test]
    fn an_image_without_a_command_needs_one() {
        let error = argv(&spec(None, None), &image(None, None)).unwrap_err();
        assert_eq!(error.to_string(), "no command specified");
    }

    #[test]
    fn variables_override_and_remove() {
        let image = ImageConfig { env: texts(&["PATH=/bin", "A=1", "B=2"]), ..ImageConfig::default() };
        let spec = ContainerSpec { env: texts(&["A=old", "C=3", "B", "A=new", "D=x=y"]), ..spec(None, None) };
        assert_eq!(env(&spec, &image), texts(&["C=3", "A=new", "D=x=y", "PATH=/bin"]));
    }

    #[test]
    fn malformed_requests_are_refused() {
        let base = || spec(None, None);
        let mount = |target: &str| MountSpec {
            target: target.to_owned(),
            kind: MountKind::Tmpfs { size: 1, owner: crate::TmpfsOwner::default() },
            read_only: false,
            inherited: false,
        };
        check(&base()).unwrap();
        let bad = [
            ContainerSpec { image: String::new(), ..base() },
            ContainerSpec { auto_remove: true, restart: RestartPolicy::Always, ..base() },
            ContainerSpec { working_dir: Some("here".to_owned()), ..base() },
            ContainerSpec { env: texts(&["=x"]), ..base() },
            ContainerSpec { cmd: Some(texts(&["a\0b"])), ..base() },
            ContainerSpec { hostname: Some("a b".to_owned()), ..base() },
            ContainerSpec { network: "container:other".to_owned(), ..base() },
            ContainerSpec { dns: texts(&["here"]), ..base() },
            ContainerSpec { memory_bytes: Some(0), ..base() },
            ContainerSpec { extra_hosts: texts(&["nohost"]), ..base() },
            ContainerSpec { stop_signal: Some("NOPE".to_owned()), ..base() },
            ContainerSpec { mounts: vec![mount("/")], ..base() },
            ContainerSpec { mounts: vec![mount("x")], ..base() },
            ContainerSpec { mounts: vec![mount("/a"), mount("/b/../a/")], ..base() },
        ];
        for spec in bad {
            assert!(check(&spec).is_err(), "{spec:?}");
        }
    }

    #[test]
    fn further_hosts_may_have_ipv6() {
        assert_eq!(parse_host("db:10.0.0.1"), Some(("db", "10.0.0.1")));
        assert_eq!(parse_host("db:::1"), Some(("db", "::1")));
        assert_eq!(parse_host("db=[fe80::1]"), Some(("db", "fe80::1")));
        assert_eq!(parse_host("db:x"), None);
    }
}
