//! What a create request may ask of docker and a wasm guest can't have.
//!
//! What would widen a guest's rights or is needed for it to work is refused with the reason. What merely has no effect
//! or holds anyway is a warning. Only `no-new-privileges` and `--pids-limit` are accepted in silence.

use sprat_docker_api::{CreateRequest, HostConfig};

use crate::docker::ApiError;

/// Refuses, or returns warnings.
pub(super) fn check(request: &CreateRequest, platform: Option<&str>) -> Result<Vec<String>, ApiError> {
    let host = &request.host_config;
    if let Some((_, why)) = refusals(host).into_iter().find(|(asked, _)| *asked) {
        return Err(ApiError::invalid(why));
    }
    if !matches!(host.runtime.as_str(), "" | "sprat" | "runc" | "io.containerd.runc.v2") {
        let why = "Sprat has no other runtime than its own: leave out --runtime";
        return Err(ApiError::invalid(format!("unknown or invalid runtime name: {}: {why}", host.runtime)));
    }
    if let Some(limit) = host.ulimits.iter().find(|limit| limit.name.is_empty()) {
        return Err(ApiError::invalid(format!("invalid ulimit without a name: {}:{}", limit.soft, limit.hard)));
    }
    let mut warnings = without_effect(host);
    warnings.extend(held_anyway(host).into_iter().filter(|(asked, _)| *asked).map(|(_, what)| what.to_owned()));
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
        (
            host.security_opt.iter().any(|option| !is_no_new_privileges(option)),
            "--security-opt is refused: a wasm guest makes no system calls, so there is nothing that seccomp, AppArmor or SELinux could allow or forbid it; no-new-privileges holds",
        ),
        (host.userns_mode == "host", "--userns=host is refused: a wasm guest has no user of the host"),
        (
            host.cgroupns_mode == "host",
            "--cgroupns=host is refused: a wasm guest does not see the host's control groups",
        ),
        (
            !matches!(host.volume_driver.as_str(), "" | "local"),
            "--volume-driver is not offered: only local volumes are",
        ),
    ]
}

fn is_no_new_privileges(option: &str) -> bool {
    matches!(
        option,
        "no-new-privileges"
            | "no-new-privileges:true"
            | "no-new-privileges=true"
            | "no-new-privileges:false"
            | "no-new-privileges=false"
    )
}

/// What holds whether it is asked for or not.
fn held_anyway(host: &HostConfig) -> Vec<(bool, &'static str)> {
    vec![
        (!host.cap_drop.is_empty(), "--cap-drop holds anyway: a wasm guest has no capabilities."),
        (host.init, "--init holds anyway: a wasm guest leaves no processes that would have to be reaped."),
    ]
}

fn ineffective(host: &HostConfig) -> Vec<(bool, &'static str)> {
    vec![
        (host.cpu_shares != 0, "--cpu-shares"),
        (!host.cpuset_cpus.is_empty(), "--cpuset-cpus"),
        (!host.cpuset_mems.is_empty(), "--cpuset-mems"),
        (host.blkio_weight != 0, "--blkio-weight"),
        (host.memory_swap > 0 && host.memory_swap != host.memory, "--memory-swap"),
        (host.memory_reservation != 0, "--memory-reservation"),
        (host.oom_kill_disable, "--oom-kill-disable"),
        (host.oom_score_adj != 0, "--oom-score-adj"),
        (!host.blkio_weight_device.is_empty(), "--blkio-weight-device"),
        (!host.blkio_device_read_bps.is_empty(), "--device-read-bps"),
        (!host.blkio_device_write_bps.is_empty(), "--device-write-bps"),
        (!host.blkio_device_read_iops.is_empty(), "--device-read-iops"),
        (!host.blkio_device_write_iops.is_empty(), "--device-write-iops"),
        (host.cpu_realtime_runtime != 0, "--cpu-rt-runtime"),
        (host.cpu_realtime_period != 0, "--cpu-rt-period"),
        (host.memory_swappiness.is_some_and(|percent| percent != -1), "--memory-swappiness"),
        (host.shm_size != 0, "--shm-size"),
        (!host.sysctls.is_empty(), "--sysctl"),
        (!host.cgroup_parent.is_empty(), "--cgroup-parent"),
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
            (r#"{"SecurityOpt":["seccomp=unconfined"]}"#, "--security-opt"),
            (r#"{"SecurityOpt":["no-new-privileges","label=disable"]}"#, "--security-opt"),
            (r#"{"UsernsMode":"host"}"#, "--userns"),
            (r#"{"CgroupnsMode":"host"}"#, "--cgroupns"),
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
            (r#"{"CapDrop":["ALL"]}"#, "--cap-drop"),
            (r#"{"Init":true}"#, "--init"),
            (r#"{"ShmSize":1000}"#, "--shm-size"),
            (r#"{"MemorySwappiness":10}"#, "--memory-swappiness"),
            (r#"{"BlkioDeviceReadBps":[{"Path":"/dev/sda","Rate":1}]}"#, "--device-read-bps"),
            (r#"{"Ulimits":[{"Name":"nproc","Soft":1,"Hard":1}]}"#, "--ulimit nproc"),
            (r#"{"Sysctls":{"a":"b"}}"#, "--sysctl"),
        ] {
            let warnings = check_host(text).unwrap();
            assert!(warnings.len() == 1 && warnings[0].contains(flag), "{text}: {warnings:?}");
        }
    }

    #[test]
    fn what_holds_anyway_is_accepted_in_silence() {
        let text = r#"{"CapDrop":[],"PidsLimit":100,"SecurityOpt":["no-new-privileges","no-new-privileges:true"],"Init":false,
            "ShmSize":0,"MemorySwappiness":-1,"IpcMode":"private","PidMode":"","UsernsMode":"","MemorySwap":-1,"Runtime":"runc"}"#;
        assert_eq!(check_host(text), Ok(Vec::new()));
    }
}
