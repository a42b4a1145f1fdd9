//! Log reading: json-file lines, tail, since, until, follow.
//!
//! A worker writes the files; nobody here does. Reading holds one chunk and one batch of lines in memory, whatever the
//! files' sizes. Following waits for the kernel's word (inotify), never for a while.

mod files;
mod follow;
mod line;
mod tail;

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use sprat_sandbox::Stream;
use tokio::sync::mpsc;

use crate::core::Core;
use crate::{EngineError, LogDriver, WaitCondition};

/// Batches of lines that wait for a slow reader.
const BATCHES: usize = 4;

/// Which lines are wanted.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Go on with new lines until the container ends.
    pub follow: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// Only the last so many; `None` is all.
    pub tail: Option<usize>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Where the guest wrote it.
    pub stream: Stream,
    /// When, RFC 3339 with nanoseconds, as logged.
    pub time: String,
    /// The text with its line end, if it has one.
    pub text: Bytes,
    /// What of the container is noted with it (see [`crate::LogSpec`]).
    pub noted: BTreeMap<String, String>,
}

type Batch = Result<Vec<LogEntry>, EngineError>;

impl Core {
    /// Reads a container's log.
    pub(crate) fn logs(
        &self,
        name: &str,
        query: LogQuery,
    ) -> Result<BoxStream<'static, Result<LogEntry, EngineError>>, EngineError> {
        let record = self.containers.find(name)?;
        if record.spec.log.driver == LogDriver::None {
            let text =
                "configured logging driver does not support reading: the container was made with log driver none";
            return Err(EngineError::Unsupported(text.to_owned()));
        }
        if !query.stdout && !query.stderr {
            return Err(EngineError::Invalid("Bad parameters: you must choose at least one stream".to_owned()));
        }
        let set = files::FileSet { path: self.log_path(record.id), most: record.spec.log.max_files };
        // Taken before the first line is read: no end is missed.
        let end = {
            let mut life = record.life();
            let running = life.row.state.is_live();
            (query.follow && running).then(|| life.wait(WaitCondition::NotRunning).map(drop).boxed())
        };
        let (sender, receiver) = mpsc::channel::<Batch>(BATCHES);
        // Ends with the files, with the container, or when the reader drops its end of the channel.
        tokio::spawn(follow::read(set, query, end, self.ending.clone(), sender));
        let batches =
            stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|batch| (batch, receiver)) });
        Ok(batches
            .flat_map(|batch| match batch {
                Ok(lines) => stream::iter(lines).map(Ok).left_stream(),
                Err(error) => stream::iter([Err(error)]).right_stream(),
            })
            .boxed())
    }
}
