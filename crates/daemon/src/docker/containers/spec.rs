//! From a create request to the engine's [`ContainerSpec`].
//!
//! Image defaults are the engine's business: an empty field of the request is `None` here.

use sprat_docker_api::{ApiVersion, CreateRequest, HealthcheckRequest, RestartPolicyRequest, Words};
use sprat_engine::{ContainerSpec, Healthcheck, Isolation, RestartPolicy};

use super::networks::Asked;
use super::{limits, mounts, networks, ports, refusals};
use crate::docker::ApiError;

/// Shortest time of a health check that is not "inherit", in nanoseconds.
const MIN_HEALTH_NS: i64 = 1_000_000;

/// Converts a request. The second value are warnings: what was accepted and has no effect.
pub(super) fn convert(
    request: CreateRequest,
    name: Option<&str>,
    platform: Option<&str>,
    version: ApiVersion,
) -> Result<(ContainerSpec, Vec<String>), ApiError> {
    refuse_nul(&request)?;
    let warnings = refusals::check(&request, platform)?;
    let mut host = request.host_config;
    let limits = limits::read(&host)?;
    let restart = restart_policy(&host.restart_policy, host.auto_remove)?;
    let networks = networks::read(
        Asked {
            disabled: request.network_disabled,
            mode: std::mem::take(&mut host.network_mode),
            endpoints: request.networking_config.endpoints_config,
            links: std::mem::take(&mut host.links),
            mac: request.mac_address,
        },
        version,
    )?;
    let spec = ContainerSpec {
        name: name.map(|name| name.trim_start_matches('/').to_owned()),
        image: image(request.image)?,
        entrypoint: request.entrypoint.map(Words::into_vec),
        cmd: request.cmd.map(Words::into_vec).filter(|cmd| !cmd.is_empty()),
        env: environment(request.env)?,
        working_dir: not_empty(request.working_dir),
        user: not_empty(request.user),
        groups: std::mem::take(&mut host.group_add),
        hostname: not_empty(request.hostname),
        domainname: request.domainname,
        tty: request.tty,
        open_stdin: request.open_stdin,
        stdin_once: request.stdin_once,
        stop_signal: not_empty(request.stop_signal),
        stop_timeout_s: request.stop_timeout.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX)),
        mounts: mounts::read(&host, request.volumes.into_keys())?,
        volumes_from: std::mem::take(&mut host.volumes_from),
        read_only: host.readonly_rootfs,
        restart,
        auto_remove: host.auto_remove,
        isolation: isolation(&host.isolation)?,
        memory_bytes: limits.memory_bytes,
        cpu_millis: limits.cpu_millis,
        // `dev.sprat.NAME` annotations are the engine's to read.
        wall_clock_ms: None,
        open_files: limits.open_files,
        disk_bytes: limits.disk_bytes,
        log: limits::log(&host.log_config)?,
        ports: ports::bindings(&host.port_bindings)?,
        exposed_ports: ports::exposed(request.exposed_ports.into_keys().chain(host.port_bindings.into_keys()))?,
        endpoints: networks.endpoints,
        network: networks.mode,
        links: networks.links,
        dns: host.dns,
        dns_search: host.dns_search,
        dns_options: host.dns_options,
        egress: None,
        // `dev.sprat.NAME` annotations name them.
        service: <_>::default(),
        extra_hosts: extra_hosts(host.extra_hosts)?,
        healthcheck: request.healthcheck.map(healthcheck).transpose()?,
        labels: request.labels,
        annotations: host.annotations,
        door_data: String::new(),
    };
    Ok((spec, warnings))
}

/// A NUL can't be in any argument, name or path, and would cut them short.
fn refuse_nul(request: &CreateRequest) -> Result<(), ApiError> {
    let words = |words: &Option<Words>| match words {
        Some(Words::List(list)) => list.iter().any(|word| word.contains('\0')),
        Some(Words::One(word)) => word.contains('\0'),
        None => false,
    };
    let found = words(&request.cmd)
        || words(&request.entrypoint)
        || request.env.iter().any(|entry| entry.contains('\0'))
        || [&request.working_dir, &request.user, &request.image, &request.hostname].iter().any(|t| t.contains('\0'))
        || request.host_config.binds.iter().any(|bind| bind.contains('\0'))
        || request.host_config.mounts.iter().any(|mount| mount.target.contains('\0') || mount.source.contains('\0'));
    if found { Err(ApiError::invalid("a value of the request contains a NUL character")) } else { Ok(()) }
}

fn not_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn image(name: String) -> Result<String, ApiError> {
    not_empty(name).ok_or_else(|| ApiError::invalid("no image was named: Image must be given"))
}

fn environment(env: Vec<String>) -> Result<Vec<String>, ApiError> {
    match env.iter().find(|entry| entry.is_empty() || entry.starts_with('=')) {
        Some(entry) => Err(ApiError::invalid(format!("invalid environment variable: {entry}"))),
        None => Ok(env),
    }
}

/// What happens after an exit.
pub(super) fn restart_policy(policy: &RestartPolicyRequest, auto_remove: bool) -> Result<RestartPolicy, ApiError> {
    let max = u32::try_from(policy.maximum_retry_count)
        .map_err(|_| ApiError::invalid("invalid restart policy: maximum retry count cannot be negative"))?;
    let parsed = match policy.name.as_str() {
        "" | "no" => RestartPolicy::No,
        "always" => RestartPolicy::Always,
        "unless-stopped" => RestartPolicy::UnlessStopped,
        "on-failure" => RestartPolicy::OnFailure { max },
        other => {
            return Err(ApiError::invalid(format!(
                "invalid restart policy: unknown policy '{other}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
            )));
        }
    };
    if max != 0 && !matches!(parsed, RestartPolicy::OnFailure { .. }) {
        let text = "invalid restart policy: maximum retry count can only be used with 'on-failure'";
        return Err(ApiError::invalid(text));
    }
    if auto_remove && parsed != RestartPolicy::No {
        return Err(ApiError::invalid("can't create 'AutoRemove' container with restart policy"));
    }
    Ok(parsed)
}

fn isolation(text: &str) -> Result<Isolation, ApiError> {
    match text.to_ascii_lowercase().as_str() {
        "" | "default" => Ok(Isolation::Default),
        "process" => Ok(Isolation::Process),
        other => Err(ApiError::invalid(format!("invalid isolation '{other}': Sprat offers default and process"))),
    }
}

fn extra_hosts(hosts: Vec<String>) -> Result<Vec<String>, ApiError> {
    let separate = |entry: String| match entry.split_once([':', '=']) {
        Some((host, address)) if !host.is_empty() && !address.is_empty() => Ok(format!("{host}:{address}")),
        _ => Err(ApiError::invalid(format!("bad format for add-host: \"{entry}\""))),
    };
    hosts.into_iter().map(separate).collect()
}

fn healthcheck(check: HealthcheckRequest) -> Result<Healthcheck, ApiError> {
    let times = [
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
    ];
    if let Some((name, _)) = times.iter().find(|(_, time)| *time != 0 && *time < MIN_HEALTH_NS) {
        return Err(ApiError::invalid(format!("{name} in Healthcheck cannot be less than 1ms")));
    }
    if check.retries < 0 {
        return Err(ApiError::invalid("Retries in Healthcheck cannot be negative"));
    }
    Ok(Healthcheck {
        test: check.test,
        interval: check.interval,
        timeout: check.timeout,
        start_period: check.start_period,
        start_interval: check.start_interval,
        retries: check.retries,
    })
}

#[cfg(test)]
mod tests {
    use sprat_engine::{LogDriver, MountKind};

    use super::*;

    fn convert_json(text: &str) -> Result<(ContainerSpec, Vec<String>), ApiError> {
        convert(serde_json::from_str(text).unwrap(), Some("/web"), None, ApiVersion::MAX)
    }

    fn refused(text: &str) -> String {
        let error = convert_json(text).unwrap_err();
        assert_eq!(error.status, 400, "{text}");
        error.body.message
    }

    #[test]
    fn a_full_request_is_converted() {
        let (spec, warnings) = convert_json(
            r#"{"Image":"hello","Cmd":["-v"],"Entrypoint":["/app.wasm"],"Env":["A=b","C"],"User":"1000:1000","Tty":true,
            "OpenStdin":true,"StdinOnce":true,"WorkingDir":"/w","Labels":{"a":"b"},"StopSignal":"SIGINT","StopTimeout":3,
            "ExposedPorts":{"80/tcp":{}},"Volumes":{"/anon":{}},"Hostname":"h","Domainname":"d",
            "Healthcheck":{"Test":["CMD","x"],"Interval":1000000000},
            "HostConfig":{"Binds":["/srv:/srv:ro","data:/data"],"Tmpfs":{"/run":"size=1m"},"ReadonlyRootfs":true,
              "RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3},"Memory":1048576,"NanoCpus":1500000000,
              "Isolation":"process","PortBindings":{"8080/tcp":[{"HostIp":"127.0.0.1","HostPort":"9090"}]},
              "LogConfig":{"Type":"local","Config":{"max-size":"1m","max-file":"2"}},"GroupAdd":["staff"],
              "Ulimits":[{"Name":"nofile","Soft":64,"Hard":128}],"NetworkMode":"none","ExtraHosts":["a:1.2.3.4"],
              "Annotations":{"dev.sprat.wall-clock":"1m30s"}}}"#,
        )
        .unwrap();
        assert!(warnings.is_empty(), "{warnings:?}");
        assert_eq!(spec.name.as_deref(), Some("web"));
        assert_eq!(spec.cmd.as_deref(), Some(["-v".to_owned()].as_slice()));
        assert_eq!(spec.mounts.len(), 4);
        assert!(
            spec.mounts
                .iter()
                .any(|m| m.target == "/anon" && matches!(&m.kind, MountKind::Volume { name, .. } if name.is_empty()))
        );
        assert_eq!(spec.restart, RestartPolicy::OnFailure { max: 3 });
        assert_eq!(spec.memory_bytes, Some(1 << 20));
        assert_eq!(spec.cpu_millis, Some(1500));
        assert_eq!(spec.isolation, Isolation::Process);
        assert_eq!(spec.open_files, Some(64));
        assert_eq!(spec.log.driver, LogDriver::Local);
        assert_eq!((spec.log.max_size, spec.log.max_files), (1 << 20, 2));
        assert_eq!(spec.annotations.len(), 1);
        assert_eq!(spec.network, "none");
        assert_eq!(spec.ports[0].host, 9090);
        assert_eq!(spec.exposed_ports.len(), 2);
        assert_eq!(spec.healthcheck.unwrap().interval, 1_000_000_000);
    }

    #[test]
    fn what_a_request_leaves_out_is_left_to_the_image() {
        let (spec, _) =
            convert_json(r#"{"Image":"hello","Entrypoint":null,"Cmd":null,"User":"","HostConfig":{"Memory":0}}"#)
                .unwrap();
        assert_eq!(
            spec,
            ContainerSpec {
                name: Some("web".into()),
                image: "hello".into(),
                network: "default".into(),
                ..ContainerSpec::default()
            }
        );
        let (spec, _) = convert_json(r#"{"Image":"hello","Entrypoint":[]}"#).unwrap();
        assert_eq!(spec.entrypoint, Some(Vec::new()));
    }

    #[test]
    fn wrong_values_are_refused_in_dockers_words() {
        for (text, words) in [
            (r#"{}"#, "no image"),
            (r#"{"Image":"x","Env":["=a"]}"#, "invalid environment variable: =a"),
            (r#"{"Image":"x","Cmd":["a\u0000b"]}"#, "NUL"),
            (r#"{"Image":"x","HostConfig":{"RestartPolicy":{"Name":"maybe"}}}"#, "unknown policy 'maybe'"),
            (
                r#"{"Image":"x","HostConfig":{"RestartPolicy":{"Name":"always","MaximumRetryCount":1}}}"#,
                "maximum retry count can only",
            ),
            (r#"{"Image":"x","HostConfig":{"RestartPolicy":{"Name":"always"},"AutoRemove":true}}"#, "'AutoRemove'"),
            (
                r#"{"Image":"x","HostConfig":{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":-1}}}"#,
                "negative",
            ),
            (r#"{"Image":"x","HostConfig":{"Isolation":"hyperv"}}"#, "invalid isolation 'hyperv'"),
            (r#"{"Image":"x","HostConfig":{"ExtraHosts":["a"]}}"#, "bad format for add-host"),
            (r#"{"Image":"x","Healthcheck":{"Interval":5}}"#, "Interval in Healthcheck"),
        ] {
            let message = refused(text);
            assert!(message.contains(words), "{text}: {message}");
        }
    }
}
