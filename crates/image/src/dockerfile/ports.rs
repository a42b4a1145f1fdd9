//! Ports of EXPOSE.

use super::Problem;

/// Checks a port, or a range of ports.
pub(super) fn check(text: &str) -> Result<(), Problem> {
    range(text).map(|_| ())
}

/// All ports of `text` as `80/tcp`.
pub(super) fn each(text: &str) -> Result<impl Iterator<Item = String>, Problem> {
    let (first, last, protocol) = range(text)?;
    Ok((first..=last).map(move |port| format!("{port}/{protocol}")))
}

fn range(text: &str) -> Result<(u16, u16, String), Problem> {
    let bad = || Problem::Port(text.to_owned());
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(bad());
    }
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let number = |text: &str| {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|port| digits && *port > 0).ok_or_else(bad)
    };
    let (first, last) = (number(first)?, number(last)?);
    if first > last { Err(bad()) } else { Ok((first, last, protocol)) }
}
