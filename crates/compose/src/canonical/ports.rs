//! `ports`: `[ADDRESS:][PUBLISHED:]TARGET[/PROTOCOL]`, with ranges, and the long form.

use serde_json::{Map, Value, json};

use super::text;
use crate::error::ComposeError;
use crate::path::Path;
use crate::tree::set;

/// Ports that one range may have.
const LONGEST_RANGE: u16 = 4096;

/// The long forms of all.
pub(super) fn canonical(service: &mut Map<String, Value>, path: &Path) -> Result<(), ComposeError> {
    let Some(Value::Array(items)) = service.remove("ports") else { return Ok(()) };
    let mut ports = Vec::new();
    for (i, item) in items.into_iter().enumerate() {
        let path = path.key("ports").index(i);
        match item {
            Value::Object(port) => ports.push(long(port).map_err(|e| e.at(&path))?),
            short => ports.extend(short_form(&text(&short)).map_err(|e| e.at(&path))?),
        }
    }
    if !ports.is_empty() {
        service.insert("ports".into(), ports.into());
    }
    Ok(())
}

fn long(mut port: Map<String, Value>) -> Result<Value, ComposeError> {
    if !port.get("target").is_some_and(Value::is_number) {
        return Err(super::value_error("a port needs a target").fix("write target: 80"));
    }
    port.entry("mode").or_insert_with(|| "ingress".into());
    port.entry("protocol").or_insert_with(|| "tcp".into());
    if let Some(published) = port.get_mut("published") {
        *published = text(published).into();
        range(published.as_str().unwrap_or_default(), "hostPort")?;
    }
    super::drop_empty(&mut port, &["published", "host_ip"]);
    Ok(port.into())
}

fn short_form(written: &str) -> Result<Vec<Value>, ComposeError> {
    let (rest, protocol) = written.split_once('/').unwrap_or((written, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(invalid(format!("Invalid proto: {protocol}")));
    }
    let (front, target) = rest.rsplit_once(':').unwrap_or(("", rest));
    let (address, published) = front.rsplit_once(':').unwrap_or(("", front));
    let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']'));
    let address = match bare.or(Some(address).filter(|a| !a.contains(':'))) {
        Some("") => "",
        Some(a) if a.parse::<std::net::IpAddr>().is_ok() => a,
        _ => return Err(invalid(format!("Invalid ip address: {address}"))),
    };
    let targets = range(target, "containerPort")?;
    let outside = if published.is_empty() { None } else { Some(range(published, "hostPort")?) };
    let same = outside.is_none_or(|o| o.1 - o.0 == targets.1 - targets.0);
    if !same && targets.0 != targets.1 {
        return Err(invalid(format!(
            "Invalid ranges specified for container and host Ports: {target} and {published}"
        )));
    }
    let ports = (targets.0..=targets.1).enumerate().map(|(i, target)| {
        let mut port = json!({"mode": "ingress", "target": target, "protocol": protocol});
        if !address.is_empty() {
            set(&mut port, "host_ip", address);
        }
        match outside {
            Some((first, _)) if same => set(&mut port, "published", (usize::from(first) + i).to_string()),
            Some((first, last)) => set(&mut port, "published", format!("{first}-{last}")),
            None => {}
        }
        port
    });
    Ok(ports.collect())
}

fn invalid(what: String) -> ComposeError {
    super::value_error(what).fix("write [ADDRESS:][PUBLISHED:]TARGET[/tcp|udp], such as \"127.0.0.1:8080:80\"")
}

/// `80` or `80-90`.
fn range(written: &str, what: &str) -> Result<(u16, u16), ComposeError> {
    let wrong = || invalid(format!("Invalid {what}: {written}"));
    let (first, last) = written.split_once('-').unwrap_or((written, written));
    let number = |text: &str| match text.bytes().all(|b| b.is_ascii_digit()) {
        true => text.parse::<u16>().map_err(|_| wrong()),
        false => Err(wrong()),
    };
    let (first, last) = (number(first)?, number(last)?);
    if last < first || last - first >= LONGEST_RANGE { Err(wrong()) } else { Ok((first, last)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_pair_up_or_share_one_port() {
        let shown = |text: &str| {
            let ports = short_form(text).unwrap();
            let one = |p: &Value| {
                format!(
                    "{}:{}:{}/{}",
                    text_of(p, "host_ip"),
                    text_of(p, "published"),
                    p["target"],
                    text_of(p, "protocol")
                )
            };
            ports.iter().map(one).collect::<Vec<_>>().join(" ")
        };
        for (text, expected) in [
            ("80", "::80/tcp"),
            ("8080:80/udp", ":8080:80/udp"),
            ("127.0.0.1:9000-9001:90-91", "127.0.0.1:9000:90/tcp 127.0.0.1:9001:91/tcp"),
            ("8000-8003:80", ":8000-8003:80/tcp"),
            ("[::1]:91:91", "::1:91:91/tcp"),
            ("1.2.3.4::5", "1.2.3.4::5/tcp"),
            ("9000-9001", "::9000/tcp ::9001/tcp"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        for wrong in
            ["x", "", "80:80:80:80", "80-79", "1-65535", "1-2:1-3", "70000", "80/x", "::1:90:90", "a:80:80", "+1"]
        {
            assert!(short_form(wrong).is_err(), "{wrong}");
        }
    }

    fn text_of(port: &Value, key: &str) -> String {
        port.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}
