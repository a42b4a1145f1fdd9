//! [`Authority`]: certificates, and a token service as registries have one (distribution, "Token Authentication").

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::output::run;

/// Seconds that a token is good for.
const LIFETIME: u64 = 300;

/// Makes certificates and signs tokens, by the openssl command line.
#[derive(Debug)]
pub struct Authority {
    folder: tempfile::TempDir,
    openssl: PathBuf,
}

impl Authority {
    /// What registry and tokens call the service.
    pub const SERVICE: &'static str = "sprat-tests";

    /// A new authority, or a printed reason to skip the test.
    ///
    /// # Panics
    /// openssl fails.
    #[must_use]
    pub fn new() -> Option<Self> {
        let openssl = crate::program("openssl")?;
        let authority = Self { folder: tempfile::tempdir().expect("a temporary folder"), openssl };
        let make = "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=sprat-tests";
        authority.openssl(make, b"");
        Some(authority)
    }

    /// Its own certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for 127.0.0.1, and its key.
    ///
    /// # Panics
    /// openssl fails.
    #[must_use]
    pub fn for_loopback(&self) -> (PathBuf, PathBuf) {
        std::fs::write(self.folder.path().join("san"), "subjectAltName=IP:127.0.0.1\n").expect("ours");
        self.openssl("req -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj /CN=127.0.0.1", b"");
        self.openssl(
            "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out leaf.pem -days 2 -extfile san",
            b"",
        );
        (self.folder.path().join("leaf.pem"), self.folder.path().join("leaf.key"))
    }

    /// Starts a token service for one user; gives the address of its door. It ends with the process.
    ///
    /// # Panics
    /// It can't listen.
    #[must_use]
    pub fn serve_tokens(self: &Arc<Self>, user: &str, password: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("bound");
        let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let (authority, user) = (Arc::clone(self), user.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                authority.answer(stream, &expected, &user);
            }
        });
        format!("http://{address}/token")
    }

    fn answer(&self, mut stream: TcpStream, expected: &str, user: &str) {
        let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
        let target = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
        let known = lines.take_while(|line| !line.is_empty()).any(|line| {
            line.split_once(": ")
                .is_some_and(|(name, value)| name.eq_ignore_ascii_case("authorization") && value == expected)
        });
        let (status, body) = match known {
            true => ("200 OK", json!({"token": self.token(user, &access(&target))})),
            false => ("401 Unauthorized", json!({"details": "incorrect username or password"})),
        };
        let body = body.to_string();
        // Whoever asked may be gone.
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
    }

    /// A signed JSON web token (RFC 7519) that grants `access`.
    fn token(&self, user: &str, access: &Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let pem = std::fs::read_to_string(self.certificate()).expect("ours");
        let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let header = json!({"typ": "JWT", "alg": "RS256", "x5c": [der]});
        let claims = json!({
            "iss": Self::SERVICE, "aud": Self::SERVICE, "sub": user, "jti": "1", "access": access,
            "iat": now, "nbf": now.saturating_sub(LIFETIME), "exp": now + LIFETIME,
        });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        self.openssl("dgst -sha256 -sign ca.key -out signature", signed.as_bytes());
        let signature = std::fs::read(self.folder.path().join("signature")).expect("openssl wrote it");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn openssl(&self, args: &str, input: &[u8]) {
        let folder: &Path = self.folder.path();
        let output = run(Command::new(&self.openssl).args(args.split(' ')).current_dir(folder), input);
        assert_eq!(output.status, 0, "openssl {args}: {}", output.stderr);
    }
}

/// The access that the query of a token request asks for: `scope=repository:team/ok:pull,push`.
fn access(target: &str) -> Value {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let scopes = query.split('&').filter_map(|pair| pair.strip_prefix("scope="));
    let decoded =
        scopes.map(|scope| scope.replace("%3A", ":").replace("%2F", "/").replace("%2C", ",").replace('+', " "));
    let one = |scope: &str| {
        let (kind, rest) = scope.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        Some(json!({"type": kind, "name": name, "actions": actions.split(',').collect::<Vec<_>>()}))
    };
    decoded.flat_map(|scopes| scopes.split(' ').filter_map(one).collect::<Vec<_>>()).collect()
}
