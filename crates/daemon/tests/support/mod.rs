//! A daemon of a test's own, and a plain HTTP client for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use sprat_daemon::{DaemonConfig, Host, READY_LINE};

use crate::roles::{Folder, this_program};

/// Says hello.
pub(crate) const HELLO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))))"#;

/// Computes for ever.
pub(crate) const SPIN: &str = r#"(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))"#;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

const ROOT: &str = "SPRAT_TEST_ROOT";

/// What the daemon process does.
pub(crate) fn run_daemon() {
    let folder = PathBuf::from(std::env::var_os(ROOT).unwrap());
    let (executable, worker_args) = this_program("worker_process");
    let (_, compiler_args) = this_program("compiler_process");
    let config = DaemonConfig {
        hosts: vec![Host::Unix(folder.join("s"))],
        root: folder.join("root"),
        run: folder.join("run"),
        listen: None,
        log: "warn".to_owned(),
        pidfile: None,
        executable,
        worker_args,
        compiler_args,
        worker_slots: 16,
        max_workers: 2,
        default_memory: 64 << 20,
        egress: "deny".to_owned(),
        insecure_registries: Vec::new(),
        reaper: true,
        registry_certificates: Vec::new(),
        on_ready: None,
    };
    sprat_daemon::run(config).unwrap();
}

/// A daemon that ends with its value, and its containers with it.
pub(crate) struct Daemon {
    folder: Folder,
    process: Child,
    /// What it wrote after it was ready.
    log: Option<JoinHandle<String>>,
}

impl Daemon {
    pub(crate) fn start() -> Self {
        let folder = Folder::new();
        let (process, log) = Self::spawn(&folder);
        Self { folder, process, log: Some(log) }
    }

    fn spawn(folder: &Folder) -> (Child, JoinHandle<String>) {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "daemon_process", "--ignored", "--nocapture"])
            .env(ROOT, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with(READY_LINE) {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "the daemon did not come up");
        }
        let log = std::thread::spawn(move || {
            let lines = stderr.lines().map_while(Result::ok);
            lines.inspect(|line| eprintln!("{line}")).fold(String::new(), |log, line| log + &line + "\n")
        });
        (process, log)
    }

    /// Ends the daemon as an init system does; containers go on. Returns what it wrote.
    pub(crate) fn terminate(&mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.process.wait().unwrap();
        self.log.take().unwrap().join().unwrap()
    }

    /// Starts it again.
    pub(crate) fn restart(&mut self) {
        let (process, log) = Self::spawn(&self.folder);
        (self.process, self.log) = (process, Some(log));
    }

    /// Sockets that the daemon holds.
    pub(crate) fn connections(&self) -> usize {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap();
        let links = fds.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
        links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
    }

    /// Waits until the daemon holds no more sockets than this.
    pub(crate) fn until_connections(&self, most: usize) {
        self.until(|| self.connections() <= most);
    }

    /// Waits until this is so.
    #[track_caller]
    pub(crate) fn until(&self, is_so: impl Fn() -> bool) {
        let begin = std::time::Instant::now();
        while !is_so() {
            assert!(begin.elapsed() < PATIENCE, "it did not come about; {} connections are open", self.connections());
            std::thread::yield_now();
        }
    }

    /// The most memory that the daemon had, in bytes.
    pub(crate) fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> UnixStream {
        UnixStream::connect(self.socket()).unwrap()
    }

    /// Its own folder.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Sends a request and leaves its answer for later.
    pub(crate) fn begin(&self, method: &str, path: &str) -> Pending {
        let mut pending = self.send(method, path, "application/json", b"", "Connection: close\r\n");
        pending.read_head();
        pending
    }

    fn send(&self, method: &str, path: &str, kind: &str, body: &[u8], headers: &str) -> Pending {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A daemon that refuses early may not read all of it.
        let _ = stream.write_all(body);
        Pending { stream, head: Vec::new() }
    }

    /// Attaches; the answer ends with the connection.
    pub(crate) fn attach(&self, id: &str, query: &str, upgrade: bool) -> Pending {
        let headers = if upgrade { "Connection: Upgrade\r\nUpgrade: tcp\r\n" } else { "" };
        let mut pending = self.send("POST", &format!("/containers/{id}/attach?{query}"), "text/plain", b"", headers);
        pending.read_head();
        pending
    }

    /// Opens a WebSocket, with the key of RFC 6455; the answer ends with the connection.
    pub(crate) fn web_socket(&self, path: &str) -> Pending {
        let headers = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let mut pending = self.send("GET", path, "text/plain", b"", headers);
        pending.read_head();
        pending
    }

    /// Status and body of the answer to a tar.
    pub(crate) fn put(&self, path: &str, tar: &[u8]) -> (u16, String) {
        self.send_tar("PUT", path, tar)
    }

    /// The same, with another method.
    pub(crate) fn send_tar(&self, method: &str, path: &str, tar: &[u8]) -> (u16, String) {
        self.send(method, path, "application/x-tar", tar, "Connection: close\r\n").answer()
    }

    /// Status and body of an answer.
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        self.send(method, path, "application/json", body.as_bytes(), "Connection: close\r\n").answer()
    }

    /// The answer as JSON.
    pub(crate) fn json(&self, method: &str, path: &str, body: &str, expected: u16) -> serde_json::Value {
        let (status, text) = self.call(method, path, body);
        assert_eq!(status, expected, "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Builds an image of one wasm file from its text.
    pub(crate) fn import(&self, name: &str, wat: &str) {
        let mut tar = tar::Builder::new(Vec::new());
        let dockerfile = b"FROM scratch\nCOPY app.wasm /app.wasm\nENTRYPOINT [\"/app.wasm\"]\n";
        for (path, data) in [("Dockerfile", dockerfile.to_vec()), ("app.wasm", wat::parse_str(wat).unwrap())] {
            let mut header = tar::Header::new_gnu();
            header.set_size(data.len() as u64);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_cksum();
            tar.append_data(&mut header, path, data.as_slice()).unwrap();
        }
        let body = tar.into_inner().unwrap();
        let path = format!("/build?t={name}");
        let (status, text) = self.send("POST", &path, "application/x-tar", &body, "Connection: close\r\n").answer();
        assert!(status == 200 && !text.contains("errorDetail"), "{status} {text}");
    }

    /// Runs the docker CLI against this daemon.
    pub(crate) fn docker(&self, docker: &str, args: &[&str]) -> Output {
        Command::new(docker)
            .args(args)
            .env("DOCKER_HOST", format!("unix://{}", self.socket().display()))
            .env("DOCKER_CONFIG", self.folder.path().join("config"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let shut_down = || {
            let mut stream = UnixStream::connect(self.socket())?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(b"POST /sprat/shutdown HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")?;
            stream.read(&mut [0; 64])
        };
        // A test that fails may do so because the daemon hangs. Its workers end with the folder.
        if std::thread::panicking() || !matches!(shut_down(), Ok(1..)) {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

/// An answer that is under way.
pub(crate) struct Pending {
    stream: UnixStream,
    head: Vec<u8>,
}

impl Pending {
    /// Everything up to the connection's end.
    pub(crate) fn finish(mut self) -> String {
        let mut bytes = std::mem::take(&mut self.head);
        self.stream.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Sends until the daemon takes no more.
    pub(crate) fn fill(&self) {
        self.stream.set_nonblocking(true).unwrap();
        while (&self.stream).write(&[b'x'; 4096]).is_ok() {}
        self.stream.set_nonblocking(false).unwrap();
    }

    /// Ends the client's half.
    pub(crate) fn half_close(&self) {
        self.stream.shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// Waits for the answer's head: the daemon has taken the request up then.
    fn read_head(&mut self) {
        let mut byte = [0];
        while !self.head.ends_with(b"\r\n\r\n") {
            assert_eq!(self.stream.read(&mut byte).unwrap(), 1, "{:?}", String::from_utf8_lossy(&self.head));
            self.head.push(byte[0]);
        }
    }

    fn answer(self) -> (u16, String) {
        let text = self.finish();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        (status, if chunked { unchunk(body) } else { body.to_owned() })
    }
}

fn unchunk(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        text.push_str(&rest[..size]);
        body = rest[size..].strip_prefix("\r\n").unwrap_or_default();
        if size == 0 {
            break;
        }
    }
    text
}

/// The docker CLI, if the machine has one.
pub(crate) fn docker_cli() -> Option<String> {
    let found = Command::new("docker").arg("--version").output().ok()?;
    found.status.success().then(|| "docker".to_owned())
}
