//! Refusing requests that a web page of another origin makes through a browser (CSRF, DNS rebinding).

use http::{Request, Uri, header};

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OriginError {
    /// The Host header names another machine.
    #[error("refused: the Host header must be localhost, NAME.localhost or a loopback address")]
    Host,
    /// The Origin header names another site.
    #[error("refused: requests of web pages from other origins are not served")]
    Origin,
}

/// Refuses a foreign Host or Origin. A missing Host (HTTP/1.0) and a missing Origin (no browser) are allowed.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), OriginError> {
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    if text(header::HOST).is_some_and(|host| !is_local_authority(host)) {
        return Err(OriginError::Host);
    }
    if text(header::ORIGIN).is_some_and(|origin| !is_local_origin(origin)) {
        return Err(OriginError::Origin);
    }
    Ok(())
}

fn is_local_origin(origin: &str) -> bool {
    origin.parse::<Uri>().ok().and_then(|uri| uri.authority().map(|a| is_local_authority(a.as_str()))).unwrap_or(false)
}

fn is_local_authority(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<http::uri::Authority>() else { return false };
    let host = authority.host().to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(host: &str, origin: Option<&str>) -> Request<()> {
        let builder = Request::builder().header("host", host);
        origin.into_iter().fold(builder, |builder, origin| builder.header("origin", origin)).body(()).unwrap()
    }

    #[test]
    fn local_hosts_are_served() {
        for host in ["localhost:7070", "127.0.0.1:7070", "[::1]:7070", "hello.localhost:7070", "LOCALHOST"] {
            assert_eq!(check(&request(host, None)), Ok(()), "{host}");
        }
        assert_eq!(check(&request("localhost:7070", Some("http://localhost:7070"))), Ok(()));
        assert_eq!(check(&Request::new(())), Ok(()));
    }

    #[test]
    fn foreign_hosts_and_origins_are_refused() {
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "0.0.0.0:7070", "10.0.0.1", "a b", ""]
        {
            assert_eq!(check(&request(host, None)), Err(OriginError::Host), "{host}");
        }
        for origin in ["https://evil.example", "null", "http://localhost.evil.example", "file://"] {
            assert_eq!(check(&request("localhost", Some(origin))), Err(OriginError::Origin), "{origin}");
        }
    }
}
