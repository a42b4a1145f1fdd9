//! [`Port`]: a container's port as `80/tcp`.

use std::fmt;
use std::str::FromStr;

/// A port of a container with its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// Its number; never 0.
    pub number: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

/// The protocols that can be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Why a text is no port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// It is no number from 1 to 65535.
    #[error("invalid port specification: {0:?}")]
    Number(String),
    /// The protocol is not offered.
    #[error("invalid proto: {0}: Sprat publishes tcp and udp")]
    Protocol(String),
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.protocol)
    }
}

impl FromStr for Port {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol = match protocol.to_ascii_lowercase().as_str() {
            "tcp" | "" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            other => return Err(PortError::Protocol(other.chars().take(16).collect())),
        };
        let number = number.parse().ok().filter(|number| *number != 0);
        let number = number.ok_or_else(|| PortError::Number(text.chars().take(32).collect()))?;
        Ok(Self { number, protocol })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_a_protocol() {
        for (text, shown) in [("80", "80/tcp"), ("53/UDP", "53/udp"), ("65535/tcp", "65535/tcp")] {
            assert_eq!(text.parse::<Port>().unwrap().to_string(), shown);
        }
        for text in ["", "0", "65536", "-1", "http", "80/sctp", "80/", "80-90/tcp", "/tcp"] {
            let ok = text == "80/";
            assert_eq!(text.parse::<Port>().is_ok(), ok, "{text}");
        }
    }
}
