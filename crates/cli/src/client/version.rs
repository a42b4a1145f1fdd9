//! Whether the daemon is older than this command line: asked only after something went wrong, so that it costs nothing.

use hyper::Request;
use sprat_docker_api::ApiVersion;

use super::{Host, connect, empty};
use crate::error::CliError;

/// The version of Docker's API that this command line's requests are of: the daemon's of the same Sprat.
const NEEDED: ApiVersion = ApiVersion::MAX;

/// The error itself, or with the daemon's age as its reason.
pub(super) async fn explain(host: &Host, error: CliError) -> CliError {
    match spoken(host).await {
        Some(version) if version < NEEDED => outdated(host, error, version),
        _ => error,
    }
}

fn outdated(host: &Host, error: CliError, version: ApiVersion) -> CliError {
    let why = format!("the daemon at {host} is older: it speaks API {version}, and this command line needs {NEEDED}");
    error
        .why(why)
        .fix("`sprat daemon stop --keep-containers` ends it; the next command starts this version's, or start it yourself")
        .status(125)
}

/// What `/_ping` says (Docker Engine API, "SystemPing"); nothing if nobody answers that.
async fn spoken(host: &Host) -> Option<ApiVersion> {
    let mut sender = connect::open(host).await.ok()?;
    let request = Request::get("/_ping").header("Host", "sprat").body(empty()).ok()?;
    let response = sender.send_request(request).await.ok()?;
    response.headers().get("api-version")?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// Answers each connection with `answer`, and pings with this version.
    async fn daemon(version: &'static str, answer: &'static str) -> Client {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = Host::Tcp(listener.local_addr().unwrap().to_string());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await.unwrap());
                }
                let ping = format!("HTTP/1.1 200 OK\r\nApi-Version: {version}\r\nContent-Length: 2\r\n\r\nOK");
                let text = if request.starts_with(b"GET /_ping") { &ping } else { answer };
                stream.write_all(text.as_bytes()).await.unwrap();
            }
        });
        Client::new(host)
    }

    #[tokio::test]
    async fn an_older_daemon_is_named_with_both_versions_where_it_does_not_understand() {
        let not_known = "HTTP/1.1 404 Not Found\r\nContent-Length: 28\r\n\r\n{\"message\":\"page not found\"}";
        let not_offered = "HTTP/1.1 501 Not Implemented\r\nContent-Length: 15\r\n\r\n{\"message\":\"x\"}";
        let no_json = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        for answer in [not_known, not_offered, no_json] {
            let ask = async |version| daemon(version, answer).await.get::<serde_json::Value>("/x").await.unwrap_err();
            let older = ask("1.40").await;
            assert!(older.why.contains("1.40") && older.why.contains("1.51"), "{older:?}");
            assert!(older.fix.contains("sprat daemon stop") && older.status == 125, "{older:?}");
            assert!(!ask("1.51").await.why.contains("older"));
        }
        let no_such = "HTTP/1.1 404 Not Found\r\nContent-Length: 27\r\n\r\n{\"message\":\"No such image\"}";
        let named = daemon("1.40", no_such).await.get::<serde_json::Value>("/x").await.unwrap_err();
        assert!(named.missing && named.why.is_empty(), "{named:?}");
    }
}
