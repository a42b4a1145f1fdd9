//! TLS of outgoing HTTP requests.

use std::sync::{Arc, LazyLock};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wasmtime_wasi_http::Error;

use crate::service::ServerStream;

/// A client that trusts Mozilla's roots: those of the host's folders are not in the worker's reach.
static CLIENT: LazyLock<Result<TlsConnector, rustls::Error>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
});

/// Makes a connection secure; the other side must be `host`.
pub(crate) async fn connect(host: &str, stream: ServerStream) -> Result<TlsStream<ServerStream>, Error> {
    let connector = CLIENT.as_ref().map_err(|error| Error::InternalError(Some(error.to_string())))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::HttpRequestUriInvalid)?;
    connector.connect(name, stream).await.map_err(Error::Tls)
}
