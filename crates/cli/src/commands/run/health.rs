//! Flags of health checks.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::error::CliError;
use crate::quantity::nanoseconds;

/// Those flags.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Command that tells whether the container is well, run by its shell
    #[arg(long, value_name = "COMMAND")]
    pub health_cmd: Option<String>,
    /// Time between two checks, such as 30s
    #[arg(long, value_name = "TIME")]
    pub health_interval: Option<String>,
    /// Time that a check may take
    #[arg(long, value_name = "TIME")]
    pub health_timeout: Option<String>,
    /// Time in which failures don't count
    #[arg(long, value_name = "TIME")]
    pub health_start_period: Option<String>,
    /// Time between two checks in that period
    #[arg(long, value_name = "TIME")]
    pub health_start_interval: Option<String>,
    /// Failures in a row that make it unhealthy
    #[arg(long, value_name = "NUMBER")]
    pub health_retries: Option<u32>,
    /// No check, not even the image's
    #[arg(long)]
    pub no_healthcheck: bool,
}

impl HealthArgs {
    /// The `Healthcheck` of a container's configuration (Docker Engine API), if one is asked for.
    pub(super) fn check(&self) -> Result<Option<Value>, CliError> {
        let mut check = Map::new();
        if let Some(command) = &self.health_cmd {
            check.insert("Test".to_owned(), json!(["CMD-SHELL", command]));
        }
        for (key, flag, time) in [
            ("Interval", "--health-interval", &self.health_interval),
            ("Timeout", "--health-timeout", &self.health_timeout),
            ("StartPeriod", "--health-start-period", &self.health_start_period),
            ("StartInterval", "--health-start-interval", &self.health_start_interval),
        ] {
            if let Some(time) = time {
                check.insert(key.to_owned(), json!(nanoseconds(flag, time)?));
            }
        }
        if let Some(retries) = self.health_retries {
            check.insert("Retries".to_owned(), json!(retries));
        }
        if !self.no_healthcheck {
            return Ok((!check.is_empty()).then_some(Value::Object(check)));
        }
        if check.is_empty() {
            return Ok(Some(json!({ "Test": ["NONE"] })));
        }
        Err(CliError::new("--no-healthcheck conflicts with --health-* options")
            .why("the one asks for no check, the others for one")
            .fix("leave out one of them")
            .status(125))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> HealthArgs {
        HealthArgs {
            health_cmd: None,
            health_interval: None,
            health_timeout: None,
            health_start_period: None,
            health_start_interval: None,
            health_retries: None,
            no_healthcheck: false,
        }
    }

    #[test]
    fn what_is_asked_for_is_sent_and_nothing_else() {
        assert_eq!(args().check().unwrap(), None);
        let none = HealthArgs { no_healthcheck: true, ..args() };
        assert_eq!(none.check().unwrap(), Some(json!({ "Test": ["NONE"] })));
        let some = HealthArgs {
            health_cmd: Some("test -e /ok".into()),
            health_interval: Some("1s".into()),
            health_retries: Some(2),
            ..args()
        };
        let sent = json!({ "Test": ["CMD-SHELL", "test -e /ok"], "Interval": 1_000_000_000, "Retries": 2 });
        assert_eq!(some.check().unwrap(), Some(sent));
        let both = HealthArgs { no_healthcheck: true, health_retries: Some(1), ..args() };
        assert!(both.check().unwrap_err().what.contains("--no-healthcheck conflicts"));
        assert!(HealthArgs { health_interval: Some("soon".into()), ..args() }.check().is_err());
    }
}
