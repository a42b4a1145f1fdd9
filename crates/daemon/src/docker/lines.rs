//! Answers that are streams: JSON lines of long operations, and the queue they wait in.
//!
//! The operation's status is only known once it has begun: an error before the first line is a plain error answer, one
//! after it is the stream's last line. Dropping the answer (the client left) ends the operation.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderValue, header};
use parking_lot::Mutex;
use sprat_docker_api::{JsonMessage, ProgressDetail};
use sprat_engine::{Progress, ProgressSink};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::ApiError;
use crate::connection::Endless;

/// Bytes of lines that wait for a slow client. Past it progress is dropped, text is not taken.
const MAX_QUEUED_BYTES: usize = 8 * 1024 * 1024;

/// A queue of lines from an operation, whose sinks must not block, to a client.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<Bytes>,
    bytes: usize,
    dropped: u64,
    /// Set at the operation's end.
    end: Option<Result<(), Failure>>,
    /// A line was sent.
    begun: bool,
}

/// Why an operation failed.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// The answer, if nothing was sent yet.
    pub(super) error: ApiError,
    /// Exit status of a build step.
    pub(super) code: Option<i32>,
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self { error, code: None }
    }
}

impl From<sprat_engine::EngineError> for Failure {
    fn from(error: sprat_engine::EngineError) -> Self {
        let code = match &error {
            sprat_engine::EngineError::Build(sprat_engine::BuildError::Run { code, .. }) => Some(*code),
            _ => None,
        };
        Self { error: error.into(), code }
    }
}

impl Lines {
    /// Adds a line.
    pub(super) fn push(&self, message: &JsonMessage) {
        let line = Bytes::from(message.to_line());
        let mut queue = self.0.queue.lock();
        if queue.bytes + line.len() > MAX_QUEUED_BYTES {
            queue.dropped += 1;
            return;
        }
        queue.bytes += line.len();
        queue.lines.push_back(line);
        drop(queue);
        self.0.more.notify_one();
    }

    /// A sink for an operation's progress.
    pub(super) fn progress(&self) -> ProgressSink {
        let lines = self.clone();
        Arc::new(move |progress| lines.push(&render(&progress)))
    }

    fn finish(&self, result: Result<(), Failure>) {
        self.0.queue.lock().end = Some(result);
        self.0.more.notify_one();
    }

    /// Waits for the next line; `None` at the end. An error is only given before the first line.
    async fn next(&self) -> Result<Option<Bytes>, ApiError> {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.0.more.notified().await;
        }
    }

    fn take(&self) -> Option<Result<Option<Bytes>, ApiError>> {
        let mut queue = self.0.queue.lock();
        if let Some(line) = queue.lines.pop_front() {
            queue.begun = true;
            queue.bytes -= line.len();
            return Some(Ok(Some(line)));
        }
        if queue.dropped > 0 {
            let text = format!("[{} lines were dropped: the client reads too slowly]\n", queue.dropped);
            queue.dropped = 0;
            return Some(Ok(Some(JsonMessage::stream(text).to_line().into())));
        }
        match queue.end.clone()? {
            Ok(()) => Some(Ok(None)),
            Err(failure) if !queue.begun => Some(Err(failure.error)),
            Err(failure) => {
                queue.end = Some(Ok(()));
                let line = JsonMessage::error(failure.error.body, failure.code).to_line();
                Some(Ok(Some(line.into())))
            }
        }
    }
}

/// Answers with the lines of an operation, which runs in a task of its own.
pub(super) async fn answer<F>(lines: Lines, operation: F) -> Result<Response, ApiError>
where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let writer = lines.clone();
    let task = AbortOnDropHandle::new(tokio::spawn(async move { writer.finish(operation.await) }));
    let first = lines.next().await?;
    let stream = futures_util::stream::unfold((first, lines, task), |(next, lines, task)| async move {
        let line = next?;
        let following = lines.next().await.unwrap_or_default();
        Some((Ok::<_, Infallible>(line), (following, lines, task)))
    });
    Ok(json_stream(stream))
}

/// An answer that is a stream of JSON lines.
pub(super) fn json_stream<S>(stream: S) -> Response
where
    S: Stream<Item = Result<Bytes, Infallible>> + Send + 'static,
{
    let mut response = Response::new(Body::from_stream(stream));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Marks an answer that goes on until the daemon or the client ends it.
pub(super) fn endless(mut response: Response) -> Response {
    response.extensions_mut().insert(Endless);
    response
}

fn render(progress: &Progress) -> JsonMessage {
    let mut message = JsonMessage::status(&progress.id, progress.status.clone());
    if progress.current.is_some() || progress.total.is_some() {
        message.progress_detail = Some(ProgressDetail { current: progress.current, total: progress.total });
    }
    message
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn text(response: Response) -> String {
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn an_error_before_the_first_line_is_a_plain_answer() {
        let result = answer(Lines::default(), async { Err(ApiError::invalid("no").into()) }).await;
        assert_eq!(result.unwrap_err(), ApiError::invalid("no"));
    }

    #[tokio::test]
    async fn an_error_after_the_first_line_is_the_last_line() {
        let lines = Lines::default();
        let writer = lines.clone();
        let response = answer(lines, async move {
            writer.push(&JsonMessage::stream("a"));
            tokio::task::yield_now().await;
            Err(Failure { error: ApiError::invalid("no"), code: Some(3) })
        });
        let text = text(response.await.unwrap()).await;
        assert_eq!(
            text,
            "{\"stream\":\"a\"}\r\n{\"errorDetail\":{\"code\":3,\"message\":\"no\"},\"error\":\"no\",\"code\":\"invalid\"}\r\n"
        );
    }

    #[tokio::test]
    async fn an_operation_without_lines_has_an_empty_answer() {
        assert_eq!(text(answer(Lines::default(), async { Ok(()) }).await.unwrap()).await, "");
    }

    #[tokio::test]
    async fn a_flood_is_bounded_and_says_so() {
        let lines = Lines::default();
        let flood = JsonMessage::stream("x".repeat(1024 * 1024));
        for _ in 0..20 {
            lines.push(&flood);
        }
        let text = text(answer(lines, async { Ok(()) }).await.unwrap()).await;
        assert!(text.len() <= MAX_QUEUED_BYTES + 1024);
        assert!(text.contains("lines were dropped"));
    }

    #[tokio::test]
    async fn dropping_the_answer_ends_the_operation() {
        let lines = Lines::default();
        lines.push(&JsonMessage::stream("a"));
        let (alive, mut gone) = tokio::sync::mpsc::channel::<()>(1);
        let response = answer(lines, async move {
            let _alive = alive;
            std::future::pending().await
        });
        drop(response.await.unwrap());
        assert_eq!(gone.recv().await, None);
    }
}
