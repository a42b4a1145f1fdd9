//! [`Egress`]: the rules of what a guest may reach beyond its networks.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Rules that one guest may have.
const MAX_RULES: usize = 1024;

/// Bytes of a name, as in the domain name system (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;

/// What a guest may reach beyond its networks: a list of rules, any of which allows. The default allows nothing.
///
/// A rule is `HOST` or `HOST:PORT` or `HOST:FIRST-LAST`. A host is a name, `*.` and a name (all names below it), an
/// address, a range (`10.0.0.0/8`), or `*` (everything). An IPv6 address with a port is in brackets, as is an IPv6 range.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Egress {
    rules: Vec<Rule>,
}

/// A list of rules that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The host of a rule is none.
    #[error(
        "{0:?} in the egress rules is no name, address, range or `*`; write for example \
         api.example.com:443, 10.0.0.0/8:5432 or *"
    )]
    Host(String),
    /// The port of a rule is none.
    #[error("{0:?} in the egress rules has no port from 1 to 65535 behind its colon, nor a range of them")]
    Port(String),
    /// There are too many.
    #[error("there are more than {MAX_RULES} egress rules; use ranges, or names with a star")]
    TooMany,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    host: Host,
    /// All ports if there are none.
    ports: Option<RangeInclusive<u16>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Any,
    /// In lower case, without a dot at its end.
    Name(String),
    /// All names that end with this, which begins with a dot.
    Below(String),
    Range(IpNet),
}

impl Egress {
    /// Reads rules separated by commas. Nothing at all denies everything.
    ///
    /// # Errors
    /// See [`EgressError`].
    pub fn parse(text: &str) -> Result<Self, EgressError> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let rules: Vec<_> = parts.map(Rule::parse).collect::<Result<_, _>>()?;
        if rules.len() > MAX_RULES { Err(EgressError::TooMany) } else { Ok(Self { rules }) }
    }

    /// Everything.
    #[must_use]
    pub fn any() -> Self {
        Self { rules: vec![Rule { host: Host::Any, ports: None }] }
    }

    /// Nothing is allowed.
    #[must_use]
    pub fn denies_all(&self) -> bool {
        self.rules.is_empty()
    }

    /// What is at this address may be reached without a look at its name.
    #[must_use]
    pub fn allows_address(&self, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        self.rules.iter().any(|rule| rule.is_for(port) && rule.host.has_address(address))
    }

    /// What has this name may be reached.
    #[must_use]
    pub fn allows_name(&self, name: &str, port: u16) -> bool {
        let name = canonical(name);
        self.rules.iter().any(|rule| rule.is_for(port) && rule.host.has_name(&name))
    }

    /// What has this name may be reached by some port, so it may be looked up. Ranges of addresses allow no names.
    #[must_use]
    pub fn allows_lookup(&self, name: &str) -> bool {
        let name = canonical(name);
        self.rules.iter().any(|rule| rule.host.has_name(&name))
    }
}

/// A name in lower case, without a dot at its end.
pub(crate) fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl Rule {
    fn parse(text: &str) -> Result<Self, EgressError> {
        let (host, ports) = split_port(text);
        let host = without_brackets(host).and_then(|host| Host::parse(&host));
        let host = host.ok_or_else(|| EgressError::Host(text.to_owned()))?;
        let ports = match ports {
            None | Some("*") => None,
            Some(ports) => Some(parse_ports(ports).ok_or_else(|| EgressError::Port(text.to_owned()))?),
        };
        Ok(Self { host, ports })
    }

    fn is_for(&self, port: u16) -> bool {
        self.ports.as_ref().is_none_or(|ports| ports.contains(&port))
    }
}

/// Splits what is behind the last colon off, unless that is a part of an IPv6 address.
fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if host.contains(']') || !host.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

/// `[::1]`, `[fd00::/8]` and `[fd00::]/8` without their brackets.
fn without_brackets(host: &str) -> Option<Cow<'_, str>> {
    let Some(rest) = host.strip_prefix('[') else { return Some(host.into()) };
    let (inner, behind) = rest.split_once(']')?;
    Some(format!("{inner}{behind}").into())
}

fn parse_ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first > 0 && first <= last).then_some(first..=last)
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        if let Ok(range) = IpNet::from_str(text) {
            return Some(Self::Range(range.trunc()));
        }
        if let Ok(address) = IpAddr::from_str(text) {
            return Some(Self::Range(address.into()));
        }
        let name = canonical(text);
        let below = name.strip_prefix("*.");
        let valid = is_name(below.unwrap_or(&name));
        valid.then(|| below.map_or(Self::Name(name.clone()), |below| Self::Below(format!(".{below}"))))
    }

    fn has_address(&self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Range(range) => range.contains(&address),
            Self::Name(_) | Self::Below(_) => false,
        }
    }

    fn has_name(&self, canonical: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Name(name) => name == canonical,
            Self::Below(end) => canonical.ends_with(end) && canonical.len() > end.len(),
            Self::Range(_) => false,
        }
    }
}

/// A name that can be looked up; not one that could be a mistyped address.
fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= MAX_NAME && name.split('.').all(label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

impl FromStr for Egress {
    type Err = EgressError;

    fn from_str(text: &str) -> Result<Self, EgressError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Egress {
    type Error = EgressError;

    fn try_from(text: String) -> Result<Self, EgressError> {
        Self::parse(&text)
    }
}

impl From<Egress> for String {
    fn from(egress: Egress) -> Self {
        egress.to_string()
    }
}

impl fmt::Display for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rule) in self.rules.iter().enumerate() {
            f.write_str(if index > 0 { "," } else { "" })?;
            rule.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Any => f.write_str("*")?,
            Host::Name(name) => f.write_str(name)?,
            Host::Below(end) => write!(f, "*{end}")?,
            Host::Range(range) => {
                let text = if range.prefix_len() == range.max_prefix_len() {
                    range.addr().to_string()
                } else {
                    range.to_string()
                };
                let brackets = range.addr().is_ipv6();
                if brackets { write!(f, "[{text}]")? } else { f.write_str(&text)? }
            }
        }
        match &self.ports {
            None => Ok(()),
            Some(ports) if ports.start() == ports.end() => write!(f, ":{}", ports.start()),
            Some(ports) => write!(f, ":{}-{}", ports.start(), ports.end()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn egress(text: &str) -> Egress {
        Egress::parse(text).unwrap()
    }

    #[test]
    fn nothing_allows_nothing_and_a_star_everything() {
        let address = "93.184.216.34".parse().unwrap();
        for text in ["", " , "] {
            assert!(egress(text).denies_all());
            assert!(!egress(text).allows_address(address, 80) && !egress(text).allows_lookup("a.example"));
        }
        assert!(egress("*").allows_address(address, 80) && egress("*").allows_name("a.example", 80));
        assert_eq!(egress("*"), Egress::any());
    }

    #[test]
    fn a_rule_allows_its_host_on_its_ports_only() {
        let rules = egress("api.example.com:443, *.example.org ,10.0.0.0/8:5432-5433,[2001:db8::]/32:1, [::1]:2,::2");
        for (name, port, allowed) in [
            ("API.example.com.", 443, true),
            ("api.example.com", 80, false),
            ("x.api.example.com", 443, false),
            ("a.b.example.org", 1, true),
            ("example.org", 1, false),
            ("badexample.org", 1, false),
        ] {
            assert_eq!(rules.allows_name(name, port), allowed, "{name}:{port}");
        }
        for (address, port, allowed) in [
            ("10.1.2.3", 5432, true),
            ("10.1.2.3", 5434, false),
            ("::ffff:10.1.2.3", 5433, true),
            ("11.1.2.3", 5432, false),
            ("::1", 2, true),
            ("::1", 3, false),
            ("::2", 3, true),
        ] {
            assert_eq!(rules.allows_address(address.parse().unwrap(), port), allowed, "{address} {port}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_with_what_to_write() {
        for text in ["a b", "10.0.0.256", "10.0.0.0/33", "-a", "a..b", "*x", "[::1", "999.1"] {
            assert!(matches!(Egress::parse(text), Err(EgressError::Host(_))), "{text}");
        }
        for text in ["a:", "a:0", "a:2-1", "a:65536", "a:x", "http://a"] {
            assert!(matches!(Egress::parse(text), Err(EgressError::Port(_))), "{text}");
        }
        let many = "a,".repeat(MAX_RULES);
        assert!(Egress::parse(&many).is_ok());
        assert_eq!(Egress::parse(&format!("{many}a")), Err(EgressError::TooMany));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_is_written_alike(text in "[-a-c0-9.:/*,\\[\\] ]{0,40}") {
            if let Ok(egress) = Egress::parse(&text) {
                prop_assert_eq!(Egress::parse(&egress.to_string()), Ok(egress));
            }
        }
    }
}
