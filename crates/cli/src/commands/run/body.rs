//! Turns the flags of `run` and `create` into the body of Docker's `POST /containers/create`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::Attached;
use super::flags::ContainerArgs;
use super::mount::mount;
use super::publish::{exposable, ports};
use crate::error::CliError;
use crate::pairs::{labels, lines, pairs};
use crate::quantity::{bytes, nanoseconds};

/// The body for these flags and this image.
pub(super) fn body(args: &ContainerArgs, image: &str, attached: Attached) -> Result<Value, CliError> {
    let mut config = Map::new();
    config.insert("Image".into(), json!(image));
    config.insert("Tty".into(), json!(args.tty));
    config.insert("OpenStdin".into(), json!(args.interactive));
    config.insert("StdinOnce".into(), json!(args.interactive && attached.stdin));
    config.insert("AttachStdin".into(), json!(attached.stdin));
    config.insert("AttachStdout".into(), json!(attached.stdout));
    config.insert("AttachStderr".into(), json!(attached.stderr));
    config.insert("Env".into(), json!(environment(args)?));
    config.insert("Labels".into(), json!(labels(&args.label_file, &args.label)?));
    if !args.args.is_empty() {
        config.insert("Cmd".into(), json!(args.args));
    }
    if let Some(program) = &args.entrypoint {
        config.insert("Entrypoint".into(), json!([program]));
    }
    for (key, value) in [
        ("WorkingDir", &args.workdir),
        ("User", &args.user),
        ("Hostname", &args.hostname),
        ("Domainname", &args.domainname),
        ("StopSignal", &args.stop_signal),
    ] {
        if let Some(value) = value {
            config.insert(key.into(), json!(value));
        }
    }
    if let Some(seconds) = args.stop_timeout {
        config.insert("StopTimeout".into(), json!(seconds));
    }
    let (mut exposed, bindings) = ports(&args.publish)?;
    for port in &args.expose {
        exposed.extend(exposable(port)?.into_iter().map(|port| (port, json!({}))));
    }
    config.insert("ExposedPorts".into(), Value::Object(exposed));
    let mut host = host_config(args, bindings)?;
    args.network.add_to(&mut config, &mut host)?;
    if let Some(check) = args.health.check()? {
        config.insert("Healthcheck".into(), check);
    }
    config.insert("HostConfig".into(), Value::Object(host));
    Ok(Value::Object(config))
}

fn host_config(args: &ContainerArgs, bindings: Value) -> Result<Map<String, Value>, CliError> {
    let mut host = Map::new();
    host.insert("Binds".into(), json!(args.volume.iter().map(|v| bind(v)).collect::<Result<Vec<_>, _>>()?));
    host.insert("Mounts".into(), json!(args.mount.iter().map(|m| mount(m)).collect::<Result<Vec<_>, _>>()?));
    let tmpfs: BTreeMap<_, _> = args.tmpfs.iter().map(|t| t.split_once(':').unwrap_or((t, ""))).collect();
    host.insert("Tmpfs".into(), json!(tmpfs));
    host.insert("ReadonlyRootfs".into(), json!(args.read_only));
    host.insert("AutoRemove".into(), json!(args.rm));
    host.insert("VolumesFrom".into(), json!(args.volumes_from));
    host.insert("GroupAdd".into(), json!(args.group_add));
    host.insert("PortBindings".into(), bindings);
    host.insert("Isolation".into(), json!(args.isolation.as_deref().unwrap_or_default()));
    host.insert("RestartPolicy".into(), restart(args.restart.as_deref().unwrap_or("no"))?);
    host.insert(
        "LogConfig".into(),
        json!({"Type": args.log_driver.as_deref().unwrap_or_default(), "Config": pairs("--log-opt", &args.log_opt)?}),
    );
    if let Some(memory) = &args.memory {
        host.insert("Memory".into(), json!(bytes("--memory", memory)?));
    }
    if let Some(cpus) = args.cpus {
        if !cpus.is_finite() {
            return Err(CliError::new(format!("invalid --cpus {cpus}"))
                .why("it is no number")
                .fix("write a number such as 0.5 or 2")
                .status(125));
        }
        #[expect(clippy::cast_possible_truncation, reason = "a count of CPUs in billionths fits")]
        host.insert("NanoCpus".into(), json!((cpus * 1e9) as i64));
    }
    if !args.ulimit.is_empty() {
        host.insert("Ulimits".into(), json!(args.ulimit.iter().map(|u| ulimit(u)).collect::<Result<Vec<_>, _>>()?));
    }
    let mut annotations = pairs("--annotation", &args.annotation)?;
    if let Some(limit) = &args.wall_clock {
        let ms = nanoseconds("--wall-clock", limit)? / 1_000_000;
        annotations.insert("dev.sprat.wall-clock".to_owned(), format!("{ms}ms"));
    }
    if let Some(rules) = &args.network.egress {
        annotations.insert("dev.sprat.egress".to_owned(), rules.clone());
    }
    annotations.extend(args.service.annotations());
    host.insert("Annotations".into(), json!(annotations));
    if args.publish_all {
        host.insert("PublishAllPorts".into(), json!(true));
    }
    if !args.storage_opt.is_empty() {
        host.insert("StorageOpt".into(), json!(pairs("--storage-opt", &args.storage_opt)?));
    }
    args.foreign.add_to(&mut host)?;
    Ok(host)
}

/// `-e NAME` passes the caller's variable on, as docker does; files come before flags.
fn environment(args: &ContainerArgs) -> Result<Vec<String>, CliError> {
    let mut lines = lines("--env-file", &args.env_file)?;
    for line in &lines {
        named(line)?;
    }
    lines.extend(args.env.iter().cloned());
    let passed = |line: String| {
        if line.contains('=') {
            return Some(line);
        }
        std::env::var(&line).ok().map(|value| format!("{line}={value}"))
    };
    Ok(lines.into_iter().filter_map(passed).collect())
}

/// Refuses lines of an environment file that docker refuses.
fn named(line: &str) -> Result<(), CliError> {
    let wrong = |what: String| {
        CliError::new(what).why("a line of --env-file is NAME=value, or NAME").fix("correct that line").status(125)
    };
    let name = line.split_once('=').map_or(line, |(name, _)| name);
    if name.contains([' ', '\t']) {
        return Err(wrong(format!("variable '{name}' contains whitespaces")));
    }
    if name.is_empty() { Err(wrong(format!("no variable name on line '{line}'"))) } else { Ok(()) }
}

/// Makes a relative source of `-v` absolute, as docker does for `./` and `../`.
fn bind(text: &str) -> Result<String, CliError> {
    let (source, rest) = text.split_once(':').unwrap_or(("", text));
    if rest.is_empty() {
        return Err(CliError::new(format!("invalid --volume {text:?}")).fix("write SOURCE:TARGET[:ro]").status(125));
    }
    Ok(match source {
        "" => rest.to_owned(),
        "." | ".." => format!("{}:{rest}", absolute(source)?),
        s if s.starts_with("./") || s.starts_with("../") || s.starts_with("~/") => {
            format!("{}:{rest}", absolute(s)?)
        }
        s => format!("{s}:{rest}"),
    })
}

/// A path of the host as the daemon takes it.
pub(super) fn absolute(path: &str) -> Result<String, CliError> {
    let path = std::path::absolute(Path::new(path))?;
    let path = path.canonicalize().unwrap_or(path);
    path.to_str().map(str::to_owned).ok_or_else(|| CliError::new("the path of a bind mount is not UTF-8").status(125))
}

fn restart(text: &str) -> Result<Value, CliError> {
    let (name, count) = text.split_once(':').unwrap_or((text, "0"));
    let count: u32 = count
        .parse()
        .map_err(|_| CliError::new(format!("invalid --restart {text:?}")).why("the count is no number").status(125))?;
    Ok(json!({"Name": name, "MaximumRetryCount": count}))
}

fn ulimit(text: &str) -> Result<Value, CliError> {
    let wrong = || CliError::new(format!("invalid --ulimit {text:?}")).fix("write nofile=SOFT[:HARD]").status(125);
    let (name, limits) = text.split_once('=').ok_or_else(wrong)?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let number = |n: &str| n.parse::<i64>().map_err(|_| wrong());
    Ok(json!({"Name": name, "Soft": number(soft)?, "Hard": number(hard)?}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_environment_files_have_names_without_spaces() {
        assert_eq!(named("A B=2").unwrap_err().what, "variable 'A B' contains whitespaces");
        assert_eq!(named("A =2").unwrap_err().what, "variable 'A ' contains whitespaces");
        assert_eq!(named("=2").unwrap_err().what, "no variable name on line '=2'");
        assert!(named("A=b c").is_ok() && named("A").is_ok());
    }
}
