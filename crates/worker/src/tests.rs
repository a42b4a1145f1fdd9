//! Client and server together, over real sockets, with scripted guests.

mod attachments;
mod further;
mod hostile;
mod lifecycle;
mod processes;
mod terminals;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sprat_sandbox::{Exit, Stream};
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::sync::mpsc;

use crate::fake::{FakeHost, options};
use crate::server::{Server, open_journal};
use crate::{Attachment, Client, Event, LogLine, LogOptions, WorkerOptions};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

struct Worker {
    dir: TempDir,
    server: Arc<Server<FakeHost>>,
    client: Client,
    events: mpsc::UnboundedReceiver<(String, Event)>,
}

impl Worker {
    /// A server in this process.
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::start_in(dir, |options| options).await
    }

    async fn start_in(dir: TempDir, change: impl FnOnce(WorkerOptions) -> WorkerOptions) -> Self {
        let options = change(options(dir.path()));
        let listener = UnixListener::bind(&options.socket).unwrap();
        let journal = open_journal(&options.journal).unwrap();
        let server = Server::new(FakeHost, options, journal, vec!["landlock: none".into()]);
        let serving = Arc::clone(&server);
        tokio::spawn(async move { serving.accept(&listener).await });
        let (client, events) = connect(dir.path()).await;
        Self { dir, server, client, events }
    }

    fn log(&self, name: &str) -> LogOptions {
        LogOptions { path: self.dir.path().join(name), max_size: 10 << 20, max_files: 3 }
    }

    async fn exit(&mut self) -> (String, Exit) {
        exit(&mut self.events).await
    }
}

async fn connect(folder: &Path) -> (Client, mpsc::UnboundedReceiver<(String, Event)>) {
    let (sender, events) = mpsc::unbounded_channel();
    (Client::connect("w1", &folder.join("socket"), sender).await.unwrap(), events)
}

async fn event(events: &mut mpsc::UnboundedReceiver<(String, Event)>) -> Event {
    let (name, event) = patiently(events.recv()).await.expect("events go on");
    assert_eq!(name, "w1");
    event
}

async fn exit(events: &mut mpsc::UnboundedReceiver<(String, Event)>) -> (String, Exit) {
    match event(events).await {
        Event::Exited { id, exit, .. } => (id, exit),
        other => panic!("not an exit: {other:?}"),
    }
}

async fn patiently<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("this takes far too long")
}

/// Everything an attachment gives until its guest's end.
async fn all(attachment: &mut Attachment) -> Vec<(Stream, Bytes)> {
    let mut chunks = Vec::new();
    while let Some(chunk) = patiently(attachment.output.recv()).await {
        chunks.push(chunk);
    }
    chunks
}

fn text(chunks: &[(Stream, Bytes)]) -> String {
    chunks.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect()
}

async fn until(attachment: &mut Attachment, wanted: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(wanted) {
        let (_, bytes) = patiently(attachment.output.recv()).await.unwrap_or_else(|| panic!("only {seen:?} came"));
        seen.push_str(&String::from_utf8_lossy(&bytes));
    }
    seen
}

fn logged(path: &PathBuf) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = |line| serde_json::from_str::<LogLine>(line).unwrap();
    text.lines().map(line).map(|line| (line.stream, line.log)).collect()
}
