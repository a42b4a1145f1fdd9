//! What a create request may ask of docker and a wasm guest can't have.
//!
//! What would widen a guest's rights or is needed for it to work is refused with the reason. What merely has no effect
//! is a warning. What holds anyway (`--cap-drop`, `--pids-limit`, `no-new-privileges`, `--init`) is accepted in silence.

use sprat_docker_api::{CreateRequest, HostConfig};

use crate::docker::ApiError;

/// Refuses, or returns warnings.
pub(super) fn check(request: &CreateRequest, platform: Option<&str>) -> Result<Vec<String>, ApiError> {
    let host = &request.host_config;
    if let Some((_, why)) = refusals(host).into_iter().find(|(asked, _)| *asked) {
        return Err(ApiError::invalid(why));
    }
    if !matches!(host.runtime.as_str(), "" | "sprat" | "runc") {
        return Err(ApiError::invalid(format!("unknown or invalid runtime name: {}", host.runtime)));
    }
    if let Some(limit) = host.ulimits.iter().find(|limit| limit.name.is_empty()) {
        return Err(ApiError::invalid(format!("invalid ulimit without a name: {}:{}", limit.soft, limit.hard)));
    }
    let mut warnings = without_effect(host);
    let others = host.ulimits.iter().filter(|limit| limit.name != "nofile");
    warnings.extend(others.map(|limit| no_effect(&format!("--ulimit {}", limit.name))));
    if let Some(platform) = platform.filter(|platform| !platform.contains("wasm") && !platform.starts_with("wasi")) {
        warnings.push(format!("The requested platform ({platform}) is not wasi/wasm, which is what Sprat runs."));
    }
    Ok(warnings)
}

/// Warnings of what has no effect.
pub(super) fn without_effect(host: &HostConfig) -> Vec<String> {
    ineffective(host).into_iter().filter(|(asked, _)| *asked).map(|(_, what)| no_effect(what)).collect()
}

fn no_effect(what: &str) -> String {
    format!("{what} has no effect on a wasm guest and is ignored.")
}

fn foreign(mode: &str) -> bool {
    mode == "host" || mode.starts_with("container:")
}

fn refusals(host: &HostConfig) -> Vec<(bool, &'static str)> {
    vec![
        (
            host.privileged,
            "--privileged is refused: a wasm guest reaches only what it is given; name mounts, ports and egress instead",
        ),
        (
            !host.cap_add.is_empty(),
            "--cap-add is refused: a wasm guest makes no system calls, so it can have no capabilities",
        ),
        (
            !host.devices.is_empty() || !host.device_cgroup_rules.is_empty(),
            "--device is refused: a wasm guest can't use devices of the host",
        ),
        (
            !host.device_requests.is_empty(),
            "--gpus is refused: could not select device driver: a wasm guest can't use devices of the host",
        ),
        (
            foreign(&host.pid_mode),
            "--pid is refused: a wasm guest sees no processes, neither the host's nor another container's",
        ),
        (foreign(&host.ipc_mode), "--ipc is refused: a wasm guest has no System V or POSIX IPC to share"),
        (host.uts_mode == "host", "--uts=host is refused: a wasm guest does not see the host's name"),
        (!host.volumes_from.is_empty(), "--volumes-from is not offered: name the volumes with -v or --mount"),
        (
            !matches!(host.volume_driver.as_str(), "" | "local"),
            "--volume-driver is not offered: only local volumes are",
        ),
    ]
}

fn ineffective(host: &HostConfig) -> Vec<(bool, &'static str)> {
    let unconfined = |option: &String| !option.starts_with("no-new-privileges") && !option.starts_with("label");
    vec![
        (host.cpu_shares != 0, "--cpu-shares"),
        (!host.cpuset_cpus.is_empty(), "--cpuset-cpus"),
        (!host.cpuset_mems.is_empty(), "--cpuset-mems"),
        (host.blkio_weight != 0, "--blkio-weight"),
        (host.memory_swap > 0 && host.memory_swap != host.memory, "--memory-swap"),
        (host.memory_reservation != 0, "--memory-reservation"),
        (host.oom_kill_disable, "--oom-kill-disable"),
        (host.oom_score_adj != 0, "--oom-score-adj"),
        (host.security_opt.iter().any(unconfined), "--security-opt"),
        (!host.sysctls.is_empty(), "--sysctl"),
        (!host.cgroup_parent.is_empty(), "--cgroup-parent"),
        (host.userns_mode == "host", "--userns"),
        (host.cgroupns_mode == "host", "--cgroupns"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_host(text: &str) -> Result<Vec<String>, String> {
        let host_config = serde_json::from_str(text).unwrap();
        let request = CreateRequest { image: "x".into(), host_config, ..CreateRequest::default() };
        check(&request, None).map_err(|error| error.body.message)
    }

    #[test]
    fn what_matters_for_safety_is_refused_with_the_flag_named() {
        for (text, flag) in [
            (r#"{"Privileged":true}"#, "--privileged"),
            (r#"{"CapAdd":["NET_ADMIN"]}"#, "--cap-add"),
            (r#"{"Devices":[{"PathOnHost":"/dev/x"}]}"#, "--device"),
            (r#"{"DeviceRequests":[{"Count":-1}]}"#, "--gpus"),
            (r#"{"PidMode":"host"}"#, "--pid"),
            (r#"{"IpcMode":"container:a"}"#, "--ipc"),
            (r#"{"UTSMode":"host"}"#, "--uts"),
            (r#"{"VolumesFrom":["a"]}"#, "--volumes-from"),
            (r#"{"VolumeDriver":"nfs"}"#, "--volume-driver"),
            (r#"{"Runtime":"kata"}"#, "kata"),
        ] {
            let message = check_host(text).unwrap_err();
            assert!(message.contains(flag), "{text}: {message}");
        }
    }

    #[test]
    fn what_has_no_effect_is_a_warning() {
        for (text, flag) in [
            (r#"{"CpuShares":512}"#, "--cpu-shares"),
            (r#"{"SecurityOpt":["seccomp=unconfined"]}"#, "--security-opt"),
            (r#"{"Ulimits":[{"Name":"nproc","Soft":1,"Hard":1}]}"#, "--ulimit nproc"),
            (r#"{"Sysctls":{"a":"b"}}"#, "--sysctl"),
        ] {
            let warnings = check_host(text).unwrap();
            assert!(warnings.len() == 1 && warnings[0].contains(flag), "{text}: {warnings:?}");
        }
    }

    #[test]
    fn what_holds_anyway_is_accepted_in_silence() {
        let text = r#"{"CapDrop":["ALL"],"PidsLimit":100,"SecurityOpt":["no-new-privileges"],"Init":true,"ShmSize":1000,
            "IpcMode":"private","PidMode":"","UsernsMode":"","MemorySwap":-1,"Runtime":"runc"}"#;
        assert_eq!(check_host(text), Ok(Vec::new()));
    }
}
