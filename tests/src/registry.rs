//! [`Registry`]: Debian's docker-registry, of the test's own, on a port that the system chose.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::authority::Authority;

/// A registry. Dropping it ends it.
#[derive(Debug)]
pub struct Registry {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

/// What the registry asks of who comes.
#[derive(Debug, Default, Clone)]
pub struct Door {
    /// The certificate and key it serves TLS with.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// A line of `htpasswd -B`.
    pub password: Option<String>,
    /// The address of a token service, and the certificate its tokens are signed with.
    pub tokens: Option<(String, PathBuf)>,
}

impl Registry {
    /// Starts an open one, or prints why the test is skipped.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::behind(&Door::default())
    }

    /// Starts one behind TLS or a login, or prints why the test is skipped.
    ///
    /// # Panics
    /// It does not come up.
    #[must_use]
    pub fn behind(door: &Door) -> Option<Self> {
        let program = crate::program("docker-registry")?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("config.yml");
        std::fs::write(&config, configuration(folder.path(), door)).expect("ours");
        let mut child = Command::new(program)
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the registry");
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        // It says where it listens.
        let mut said = String::new();
        let port = (&mut log).lines().map_while(Result::ok).find_map(|line| {
            let _ = writeln!(said, "{line}");
            let (_, address) = line.split_once("listening on 127.0.0.1:")?;
            address.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        });
        std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
        Some(Self {
            child,
            port: port.unwrap_or_else(|| panic!("the registry did not start: {said}")),
            _folder: folder,
        })
    }

    /// A name in it.
    #[must_use]
    pub fn name(&self, image: &str) -> String {
        format!("{}/{image}", self.host())
    }

    /// Its host and port, as in a name.
    #[must_use]
    pub fn host(&self) -> String {
        self.address().to_string()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Sends a request over plain HTTP; gives the head and the body.
    ///
    /// # Panics
    /// It does not answer.
    #[must_use]
    pub fn ask(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address()).expect("it listens");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept: {kind}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n",
            self.host(),
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let body = answer.split_off(end + 4);
        (String::from_utf8_lossy(&answer).into_owned(), body)
    }
}

fn configuration(folder: &Path, door: &Door) -> String {
    let mut text = format!(
        "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp:\n  addr: '127.0.0.1:0'\n",
        folder.join("data").display()
    );
    if let Some((certificate, key)) = &door.tls {
        let _ = writeln!(text, "  tls: {{certificate: {}, key: {}}}", certificate.display(), key.display());
    }
    if let Some(line) = &door.password {
        let file = folder.join("htpasswd");
        std::fs::write(&file, line).expect("ours");
        let _ = writeln!(text, "auth: {{htpasswd: {{realm: test, path: {}}}}}", file.display());
    }
    if let Some((realm, roots)) = &door.tokens {
        let _ = writeln!(
            text,
            "auth: {{token: {{realm: '{realm}', service: {service}, issuer: {service}, rootcertbundle: {}}}}}",
            roots.display(),
            service = Authority::SERVICE,
        );
    }
    text
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
