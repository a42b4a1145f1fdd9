//! [`CreateRequest`]: the body of `POST /containers/create`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::host_config::HostConfig;
use crate::lenient::null_default;
use crate::network::EndpointConfig;

/// The body of `POST /containers/create`: what Sprat reads of it. Unknown fields are ignored, `null` is the default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateRequest {
    /// Host name; empty is the short id.
    #[serde(deserialize_with = "null_default")]
    pub hostname: String,
    /// Domain name.
    #[serde(deserialize_with = "null_default")]
    pub domainname: String,
    /// Replaces the image's user if not empty.
    #[serde(deserialize_with = "null_default")]
    pub user: String,
    /// Standard streams are a terminal.
    #[serde(deserialize_with = "null_default")]
    pub tty: bool,
    /// Standard input stays open.
    #[serde(deserialize_with = "null_default")]
    pub open_stdin: bool,
    /// Standard input ends with the first attachment.
    #[serde(deserialize_with = "null_default")]
    pub stdin_once: bool,
    /// `NAME=value`, or `NAME` to remove one of the image's.
    #[serde(deserialize_with = "null_default")]
    pub env: Vec<String>,
    /// Replaces the image's command.
    pub cmd: Option<Words>,
    /// Replaces the image's entry point; an empty one clears it.
    pub entrypoint: Option<Words>,
    /// Replaces the image's check.
    pub healthcheck: Option<HealthcheckRequest>,
    /// The image's name or id.
    #[serde(deserialize_with = "null_default")]
    pub image: String,
    /// Paths that get an anonymous volume.
    #[serde(deserialize_with = "null_default")]
    pub volumes: BTreeMap<String, IgnoredAny>,
    /// Replaces the image's working folder if not empty.
    #[serde(deserialize_with = "null_default")]
    pub working_dir: String,
    /// No network at all.
    #[serde(deserialize_with = "null_default")]
    pub network_disabled: bool,
    /// Hardware address on the network of its mode; old clients send it here.
    #[serde(deserialize_with = "null_default")]
    pub mac_address: String,
    /// Labels over the image's.
    #[serde(deserialize_with = "null_default")]
    pub labels: BTreeMap<String, String>,
    /// Replaces the image's stop signal if not empty.
    #[serde(deserialize_with = "null_default")]
    pub stop_signal: String,
    /// Seconds between the stop signal and KILL; negative is without end.
    pub stop_timeout: Option<i64>,
    /// Exposed ports besides the image's.
    #[serde(deserialize_with = "null_default")]
    pub exposed_ports: BTreeMap<String, IgnoredAny>,
    /// What it asks of the host.
    #[serde(deserialize_with = "null_default")]
    pub host_config: HostConfig,
    /// The networks it joins.
    #[serde(deserialize_with = "null_default")]
    pub networking_config: NetworkingRequest,
}

/// A list of words; old clients send one string.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Words {
    /// A list.
    List(Vec<String>),
    /// One word.
    One(String),
}

impl Words {
    /// The list.
    #[must_use]
    pub fn into_vec(self) -> Vec<String> {
        match self {
            Self::List(list) => list,
            Self::One(word) => vec![word],
        }
    }
}

/// A health check; times are nanoseconds, 0 inherits the image's.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HealthcheckRequest {
    /// `["NONE"]`, `["CMD", …]`, `["CMD-SHELL", …]`; empty inherits.
    #[serde(deserialize_with = "null_default")]
    pub test: Vec<String>,
    /// Time between two checks.
    #[serde(deserialize_with = "null_default")]
    pub interval: i64,
    /// Time one check may take.
    #[serde(deserialize_with = "null_default")]
    pub timeout: i64,
    /// Time in which failures don't count.
    #[serde(deserialize_with = "null_default")]
    pub start_period: i64,
    /// Time between checks within that.
    #[serde(deserialize_with = "null_default")]
    pub start_interval: i64,
    /// Failures that make it unhealthy.
    #[serde(deserialize_with = "null_default")]
    pub retries: i64,
}

/// The networks a container joins.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkingRequest {
    /// By network name.
    #[serde(deserialize_with = "null_default")]
    pub endpoints_config: BTreeMap<String, Option<EndpointConfig>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_and_unknown_fields_are_taken_as_absent() {
        let request: CreateRequest = serde_json::from_str(
            r#"{"Image":"x","Env":null,"Cmd":null,"Labels":null,"Nonsense":[1],"HostConfig":{"Binds":null,"PidsLimit":null,
               "LogConfig":{"Type":"","Config":null},"RestartPolicy":null,"Memory":null,"PortBindings":{"80/tcp":null}}}"#,
        )
        .unwrap();
        assert_eq!(request.image, "x");
        assert!(request.cmd.is_none());
        assert_eq!(request.host_config.port_bindings.len(), 1);
    }

    #[test]
    fn one_word_is_a_list_of_one() {
        let request: CreateRequest = serde_json::from_str(r#"{"Cmd":"ls","Entrypoint":[]}"#).unwrap();
        assert_eq!(request.cmd.unwrap().into_vec(), ["ls"]);
        assert_eq!(request.entrypoint.unwrap().into_vec(), Vec::<String>::new());
    }

    #[test]
    fn wrong_types_are_errors() {
        for text in [r#"{"Env":"A=b"}"#, r#"{"Tty":"yes"}"#, r#"{"HostConfig":{"Memory":"1g"}}"#, r#"{"Labels":[1]}"#] {
            assert!(serde_json::from_str::<CreateRequest>(text).is_err(), "{text}");
        }
    }
}
