//! Reads a log to its end, then goes on with what comes.

use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;

use futures_util::future::BoxFuture;
use rustix::fs::inotify;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::files::{FileSet, LogFile};
use super::line::Lines;
use super::{Batch, LogQuery, tail};
use crate::EngineError;

/// Bytes read at once.
const CHUNK: usize = 256 << 10;

/// Reads what is there; with `end` goes on until that is ready.
pub(super) async fn read(
    set: FileSet,
    query: LogQuery,
    end: Option<BoxFuture<'static, ()>>,
    ending: CancellationToken,
    sender: mpsc::Sender<Batch>,
) {
    let failed = sender.clone();
    let work = async {
        // Watching begins before reading, so nothing is written unseen between the two.
        let watch = end.as_ref().map(|_| Watch::new(&set)).transpose()?;
        let mut reader = Reader::open(set, query, sender).await?;
        let mut more = reader.drain().await?;
        let (Some(end), Some(mut watch)) = (end, watch) else { return Ok(()) };
        let until = reader.time_left();
        tokio::pin!(until);
        let mut end = end;
        while more {
            let over = tokio::select! {
                () = ending.cancelled() => return Ok(()),
                () = failed.closed() => return Ok(()),
                () = &mut until => true,
                () = &mut end => true,
                seen = watch.changed() => {
                    seen?;
                    false
                }
            };
            more = reader.drain().await? && !over;
        }
        Ok(())
    };
    if let Err(source) = work.await {
        let error = EngineError::Io { action: "read the container's log".to_owned(), source };
        // A reader that went away needs no error.
        let _ = failed.send(Err(error)).await;
    }
}

/// The kernel's word that something changed in the log's folder.
struct Watch(AsyncFd<OwnedFd>);

impl Watch {
    fn new(set: &FileSet) -> std::io::Result<Self> {
        use inotify::{CreateFlags, WatchFlags};
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let folder = set.path.parent().unwrap_or(&set.path);
        inotify::add_watch(
            &fd,
            folder,
            WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::DELETE_SELF,
        )?;
        Ok(Self(register(fd)?))
    }

    async fn changed(&mut self) -> std::io::Result<()> {
        let mut ready = self.0.readable().await?;
        let mut buffer = [0_u8; 4096];
        // All words are taken: they say only "look again".
        loop {
            match rustix::io::read(ready.get_inner(), &mut buffer) {
                Ok(0) | Err(rustix::io::Errno::AGAIN) => break,
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        ready.clear_ready();
        Ok(())
    }
}

#[expect(
    unsafe_code,
    reason = "tokio's safe constructor is deprecated; this one makes the caller vouch for the descriptor"
)]
fn register(fd: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` gives the same open descriptor until it is dropped, and the `AsyncFd` owns it.
    unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.map_err(|error| error.into_parts().1)
}

/// Where reading stands.
struct Reader {
    set: FileSet,
    query: LogQuery,
    sender: mpsc::Sender<Batch>,
    /// Files not read to their end yet, oldest first.
    files: std::collections::VecDeque<LogFile>,
    /// The file being read, and how far.
    offset: u64,
    lines: Lines,
    buffer: Vec<u8>,
}

impl Reader {
    async fn open(set: FileSet, query: LogQuery, sender: mpsc::Sender<Batch>) -> std::io::Result<Self> {
        let (tail, looked) = (query.tail, set.clone());
        let found = tokio::task::spawn_blocking(move || {
            let files = looked.open()?;
            let (first, offset) = match tail {
                Some(lines) => tail::start(&files, lines)?,
                None => (0, 0),
            };
            Ok::<_, std::io::Error>((files.into_iter().skip(first).collect(), offset))
        });
        let (files, offset) = found.await.map_err(std::io::Error::other)??;
        Ok(Self { set, query, sender, files, offset, lines: Lines::default(), buffer: vec![0; CHUNK] })
    }

    /// When no later line is wanted.
    fn time_left(&self) -> impl Future<Output = ()> + use<> {
        let until = self.query.until;
        async move {
            match until {
                Some(until) => {
                    let left = until.duration_since(jiff::Timestamp::now());
                    tokio::time::sleep(std::time::Duration::try_from(left).unwrap_or_default()).await;
                }
                None => std::future::pending().await,
            }
        }
    }

    /// Sends all lines there are. False: nothing more is wanted.
    async fn drain(&mut self) -> std::io::Result<bool> {
        loop {
            while let Some(current) = self.files.front() {
                let inode = current.inode;
                // Whether it was rotated is asked before its end is read: after a rotation nothing is added to it.
                let last = self.files.len() == 1;
                let rotated = last && self.set.newest().is_some_and(|newest| newest != inode);
                if !self.read_file().await? {
                    return Ok(false);
                }
                if !last {
                    self.files.pop_front();
                    self.begin();
                } else if rotated {
                    self.next_files(inode)?;
                } else {
                    return Ok(true);
                }
            }
            self.files = self.set.open()?.into();
            self.begin();
            if self.files.is_empty() {
                return Ok(true);
            }
        }
    }

    fn begin(&mut self) {
        self.offset = 0;
        self.lines = Lines::default();
    }

    /// Goes on with the files after the one with this inode; with the oldest if that is gone.
    fn next_files(&mut self, inode: u64) -> std::io::Result<()> {
        let mut files: std::collections::VecDeque<LogFile> = self.set.open()?.into();
        if let Some(index) = files.iter().position(|file| file.inode == inode) {
            files.drain(..=index);
        }
        self.files = files;
        self.begin();
        Ok(())
    }

    /// Reads the first file to its present end. False: nothing more is wanted.
    async fn read_file(&mut self) -> std::io::Result<bool> {
        loop {
            let Some(current) = self.files.front() else { return Ok(true) };
            let count = current.file.read_at(&mut self.buffer, self.offset)?;
            let Some(bytes) = self.buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { return Ok(true) };
            self.offset += count as u64;
            let taken = self.lines.take(bytes, &self.query);
            if !taken.entries.is_empty() && self.sender.send(Ok(taken.entries)).await.is_err() {
                return Ok(false);
            }
            if taken.over {
                return Ok(false);
            }
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::{Path, PathBuf};

    use futures_util::FutureExt as _;
    use proptest::prelude::*;
    use tokio::sync::oneshot;

    use super::*;

    /// A writer that rotates as a worker does.
    struct Writer {
        path: PathBuf,
        next: u64,
    }

    fn numbered(path: &Path, index: u32) -> PathBuf {
        if index == 0 { path.to_owned() } else { format!("{}.{index}", path.display()).into() }
    }

    impl Writer {
        fn write(&mut self, lines: u64) {
            let mut file = std::fs::File::options().create(true).append(true).open(&self.path).unwrap();
            for _ in 0..lines {
                let line = format!(
                    "{{\"log\":\"{}\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:00Z\"}}\n",
                    self.next
                );
                file.write_all(line.as_bytes()).unwrap();
                self.next += 1;
            }
        }

        fn rotate(&self) {
            for index in (0..2).rev() {
                let from = numbered(&self.path, index);
                if from.exists() {
                    std::fs::rename(from, numbered(&self.path, index + 1)).unwrap();
                }
            }
        }
    }

    async fn next(receiver: &mut mpsc::Receiver<Batch>) -> Option<Vec<u64>> {
        let batch = receiver.recv().await?.unwrap();
        Some(batch.iter().map(|entry| String::from_utf8_lossy(&entry.text).trim().parse().unwrap()).collect())
    }

    fn set(dir: &Path) -> FileSet {
        FileSet { path: dir.join("log"), most: 3 }
    }

    fn query() -> LogQuery {
        LogQuery { follow: true, stdout: true, stderr: true, ..LogQuery::default() }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn following_loses_and_doubles_no_line_at_rotations(steps in proptest::collection::vec((1..5_u64, any::<bool>()), 1..20)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let dir = tempfile::tempdir().unwrap();
                let mut writer = Writer { path: dir.path().join("log"), next: 0 };
                let (stop, stopped) = oneshot::channel::<()>();
                let (sender, mut receiver) = mpsc::channel(4);
                let end = stopped.map(drop).boxed();
                tokio::spawn(read(set(dir.path()), query(), Some(end), CancellationToken::new(), sender));
                let mut got = Vec::new();
                for (lines, rotate) in steps {
                    writer.write(lines);
                    while (got.len() as u64) < writer.next {
                        got.extend(next(&mut receiver).await.unwrap());
                    }
                    if rotate {
                        writer.rotate();
                    }
                }
                writer.write(1);
                stop.send(()).unwrap();
                while let Some(lines) = next(&mut receiver).await {
                    got.extend(lines);
                }
                assert_eq!(got, (0..writer.next).collect::<Vec<_>>());
            });
        }
    }

    #[tokio::test]
    async fn the_tail_of_rotated_files_is_read_and_then_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer { path: dir.path().join("log"), next: 0 };
        for _ in 0..3 {
            writer.rotate();
            writer.write(4);
        }
        let (sender, mut receiver) = mpsc::channel(4);
        tokio::spawn(read(
            set(dir.path()),
            LogQuery { tail: Some(6), ..query() },
            None,
            CancellationToken::new(),
            sender,
        ));
        let mut got = Vec::new();
        while let Some(lines) = next(&mut receiver).await {
            got.extend(lines);
        }
        assert_eq!(got, [6, 7, 8, 9, 10, 11]);
    }

    #[tokio::test]
    async fn a_log_that_does_not_exist_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let (sender, mut receiver) = mpsc::channel(4);
        tokio::spawn(read(set(dir.path()), query(), None, CancellationToken::new(), sender));
        assert!(receiver.recv().await.is_none());
    }
}
