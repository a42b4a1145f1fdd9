//! Limits of a create request: memory, CPU, open files, log.

use std::collections::BTreeMap;

use sprat_docker_api::{HostConfig, LogConfig, parse_size};
use sprat_engine::{LogDriver, LogSpec};

use crate::docker::ApiError;

/// The least memory limit in bytes: one page of wasm. (Docker's is 6 MB, what a runc container needs.)
const MIN_MEMORY: u64 = 64 * 1024;

/// The least share of a CPU in billionths, docker's 0.01.
const MIN_NANO_CPUS: i64 = 10_000_000;

/// Microseconds of a CPU period if none is given, docker's default.
const DEFAULT_PERIOD_US: i64 = 100_000;

/// Options of docker's json-file that say what of the container is noted with each line; `local` has none of them.
const NOTED: [&str; 5] = ["labels", "labels-regex", "env", "env-regex", "tag"];

/// What a request limits; `None` is the daemon's default.
pub(super) struct Limits {
    pub(super) memory_bytes: Option<u64>,
    pub(super) cpu_millis: Option<u32>,
    pub(super) open_files: Option<u32>,
    pub(super) disk_bytes: Option<u64>,
}

pub(super) fn read(host: &HostConfig) -> Result<Limits, ApiError> {
    Ok(Limits {
        memory_bytes: memory(host.memory)?,
        cpu_millis: cpu(host)?,
        open_files: open_files(host)?,
        disk_bytes: disk(&host.storage_opt)?,
    })
}

fn memory(bytes: i64) -> Result<Option<u64>, ApiError> {
    match u64::try_from(bytes) {
        Ok(0) => Ok(None),
        Ok(bytes) if bytes >= MIN_MEMORY => Ok(Some(bytes)),
        _ => Err(ApiError::invalid("Minimum memory limit allowed is 64KB")),
    }
}

fn cpu(host: &HostConfig) -> Result<Option<u32>, ApiError> {
    if host.nano_cpus != 0 {
        if host.cpu_quota > 0 || host.cpu_period > 0 {
            let text = "Conflicting options: Nano CPUs and CPU Period or Quota cannot both be set.";
            return Err(ApiError::invalid(text));
        }
        if host.nano_cpus < MIN_NANO_CPUS {
            return Err(ApiError::invalid("the number of CPUs must be at least 0.01"));
        }
        return Ok(Some(millis(host.nano_cpus / 1_000_000)));
    }
    if host.cpu_period != 0 && !(1_000..=1_000_000).contains(&host.cpu_period) {
        return Err(ApiError::invalid(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        ));
    }
    match host.cpu_quota {
        i64::MIN..=0 => Ok(None),
        1..1_000 => Err(ApiError::invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)")),
        quota => {
            let period = if host.cpu_period == 0 { DEFAULT_PERIOD_US } else { host.cpu_period };
            Ok(Some(millis(quota.saturating_mul(1_000) / period)))
        }
    }
}

fn millis(millis: i64) -> u32 {
    u32::try_from(millis.max(1)).unwrap_or(u32::MAX)
}

fn open_files(host: &HostConfig) -> Result<Option<u32>, ApiError> {
    let Some(limit) = host.ulimits.iter().find(|limit| limit.name == "nofile") else { return Ok(None) };
    if limit.soft == -1 {
        return Ok(Some(u32::MAX));
    }
    let soft = u32::try_from(limit.soft).ok().filter(|soft| *soft > 0);
    let sound = soft.filter(|_| limit.hard == -1 || limit.soft <= limit.hard);
    let wrong = || ApiError::invalid(format!("invalid ulimit nofile={}:{}", limit.soft, limit.hard));
    sound.map(Some).ok_or_else(wrong)
}

/// `--storage-opt size=…`, docker's limit of what a container writes to its own files.
fn disk(options: &BTreeMap<String, String>) -> Result<Option<u64>, ApiError> {
    let mut size = None;
    for (key, value) in options {
        if !key.eq_ignore_ascii_case("size") {
            return Err(ApiError::invalid(format!("unknown option {key} of --storage-opt: Sprat has size")));
        }
        let bytes = parse_size(value).ok().filter(|bytes| *bytes > 0);
        let wrong = || ApiError::invalid(format!("invalid --storage-opt size={value}: use a size such as 500m or 2g"));
        size = Some(bytes.ok_or_else(wrong)?);
    }
    Ok(size)
}

pub(super) fn log(config: &LogConfig) -> Result<LogSpec, ApiError> {
    let driver = match config.driver.as_str() {
        "" | "json-file" => LogDriver::JsonFile,
        "local" => LogDriver::Local,
        "none" => return Ok(LogSpec { driver: LogDriver::None, ..LogSpec::default() }),
        other => {
            return Err(ApiError::invalid(format!(
                "logger: no log driver named '{other}' is registered: Sprat has json-file, local and none"
            )));
        }
    };
    let mut spec = LogSpec { driver, ..LogSpec::default() };
    for (key, value) in &config.config {
        let wrong = || ApiError::invalid(format!("invalid value for log option {key}: {value}"));
        match key.as_str() {
            "max-size" if value == "-1" => spec.max_size = u64::MAX,
            "max-size" => spec.max_size = parse_size(value).ok().filter(|size| *size > 0).ok_or_else(wrong)?,
            "max-file" => spec.max_files = value.parse().ok().filter(|files| *files > 0).ok_or_else(wrong)?,
            key if NOTED.contains(&key) && driver == LogDriver::JsonFile => {
                spec.noted.insert(key.to_owned(), value.clone());
            }
            // Rotated files are not compressed, and a guest never waits for its log.
            "compress" if matches!(value.as_str(), "true" | "false") => {}
            "mode" if matches!(value.as_str(), "blocking" | "non-blocking") => {}
            "max-buffer-size" if config.config.get("mode").is_some_and(|mode| mode == "non-blocking") => {
                parse_size(value).map_err(|_| wrong())?;
            }
            "max-buffer-size" => {
                let text = "logger: log option max-buffer-size is only supported with mode=non-blocking";
                return Err(ApiError::invalid(text));
            }
            "compress" | "mode" => return Err(wrong()),
            key => {
                let name = if config.driver.is_empty() { "json-file" } else { &config.driver };
                return Err(ApiError::invalid(format!("unknown log opt '{key}' for {name} log driver")));
            }
        }
    }
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> HostConfig {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn cpus_come_as_billionths_or_as_quota() {
        let cpu = |text| cpu(&host(text)).map_err(|error| error.body.message);
        assert_eq!(cpu(r#"{"NanoCpus":500000000}"#), Ok(Some(500)));
        assert_eq!(cpu(r#"{"CpuQuota":50000}"#), Ok(Some(500)));
        assert_eq!(cpu(r#"{"CpuQuota":20000,"CpuPeriod":10000}"#), Ok(Some(2000)));
        assert_eq!(cpu(r#"{"CpuQuota":-1}"#), Ok(None));
        assert_eq!(cpu("{}"), Ok(None));
        for text in [
            r#"{"NanoCpus":1}"#,
            r#"{"NanoCpus":-1}"#,
            r#"{"NanoCpus":1000000000,"CpuQuota":5000}"#,
            r#"{"CpuQuota":5}"#,
            r#"{"CpuPeriod":5}"#,
        ] {
            assert!(cpu(text).is_err(), "{text}");
        }
        assert_eq!(cpu(&format!(r#"{{"CpuQuota":{}}}"#, i64::MAX)), Ok(Some(u32::MAX)));
    }

    #[test]
    fn memory_is_at_least_one_page() {
        assert_eq!(memory(0).unwrap(), None);
        assert_eq!(memory(65_536).unwrap(), Some(65_536));
        for bytes in [1, 65_535, -1, i64::MIN] {
            assert_eq!(memory(bytes).unwrap_err().body.message, "Minimum memory limit allowed is 64KB");
        }
    }

    #[test]
    fn log_options_are_read_and_unknown_ones_refused() {
        let log = |driver: &str, options: &[(&str, &str)]| {
            let config = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            log(&LogConfig { driver: driver.into(), config }).map_err(|error| error.body.message)
        };
        assert_eq!(log("", &[]), Ok(LogSpec::default()));
        assert_eq!(log("json-file", &[("max-size", "2k"), ("max-file", "7")]).unwrap().max_size, 2048);
        assert_eq!(log("none", &[]).unwrap().driver, LogDriver::None);
        assert!(log("syslog", &[]).unwrap_err().contains("no log driver named 'syslog' is registered"));
        assert!(log("", &[("nope", "1")]).unwrap_err().contains("unknown log opt 'nope' for json-file log driver"));
        assert!(log("", &[("max-size", "much")]).is_err());
        assert!(log("", &[("max-file", "0")]).is_err());
        assert_eq!(log("", &[("labels", "a,b")]).unwrap().noted["labels"], "a,b");
        assert!(
            log("local", &[("labels", "a")]).unwrap_err().contains("unknown log opt 'labels' for local log driver")
        );
        assert!(log("local", &[("compress", "true"), ("max-file", "2")]).is_ok());
        assert!(log("", &[("mode", "non-blocking"), ("max-buffer-size", "4m")]).is_ok());
        for wrong in [("mode", "sometimes"), ("compress", "maybe"), ("max-buffer-size", "4m")] {
            assert!(log("", &[wrong]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_a_container_writes_is_limited_by_storage_opt() {
        let disk = |options: &[(&str, &str)]| {
            disk(&options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
                .map_err(|error| error.body.message)
        };
        assert_eq!(disk(&[]), Ok(None));
        assert_eq!(disk(&[("size", "2m")]), Ok(Some(2 << 20)));
        for value in ["", "0", "-1", "much", "1e400", "99999999p"] {
            assert!(disk(&[("size", value)]).unwrap_err().contains("invalid --storage-opt size="), "{value}");
        }
        assert!(disk(&[("dm.basesize", "1g")]).unwrap_err().contains("dm.basesize"));
    }

    #[test]
    fn open_files_are_limited_by_nofile() {
        let files = |text| open_files(&host(text)).map_err(|error| error.status);
        assert_eq!(files(r#"{"Ulimits":[{"Name":"nofile","Soft":10,"Hard":20}]}"#), Ok(Some(10)));
        assert_eq!(files(r#"{"Ulimits":[{"Name":"core","Soft":0,"Hard":0}]}"#), Ok(None));
        assert!(files(r#"{"Ulimits":[{"Name":"nofile","Soft":30,"Hard":20}]}"#).is_err());
        assert!(files(r#"{"Ulimits":[{"Name":"nofile","Soft":0,"Hard":20}]}"#).is_err());
    }
}
