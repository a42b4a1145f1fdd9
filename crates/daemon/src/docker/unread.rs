//! [`Unread`]: what a refused request left unread of its body.
//!
//! A client that still sends when the connection closes sees a broken pipe instead of the answer, so the rest is read and
//! thrown away before a refusal is sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use futures_util::StreamExt;
use http::Request;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;

/// Most bytes that are read for nothing; a client that sends more finds the connection closed.
const MAX_BYTES: usize = 1 << 30;

/// What a refused request left unread of its body.
pub(super) struct Unread(Arc<Mutex<Option<Body>>>);

impl Unread {
    /// Keeps what nobody reads of the request's body.
    pub(super) fn of(request: &mut Request<Body>) -> Self {
        let left = Arc::new(Mutex::new(None));
        if !request.body().is_end_stream() {
            let body = Some(std::mem::take(request.body_mut()));
            *request.body_mut() = Body::new(Watched { body, left: Arc::clone(&left) });
        }
        Self(left)
    }

    /// Reads the rest and throws it away. Call it when the request has been dropped.
    pub(super) async fn discard(self) {
        let Some(body) = self.0.lock().take() else { return };
        let mut stream = body.into_data_stream();
        let mut read = 0;
        while let Some(Ok(chunk)) = stream.next().await {
            read += chunk.len();
            if read > MAX_BYTES {
                return;
            }
        }
    }
}

/// A body that is left in its place when its reader drops it before its end.
struct Watched {
    body: Option<Body>,
    left: Arc<Mutex<Option<Body>>>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        *self.left.lock() = self.body.take();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A request of ten chunks, and how many of them were read.
    fn request() -> (Request<Body>, Arc<AtomicUsize>) {
        let read = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&read);
        let chunks = futures_util::stream::iter(0..10).map(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from_static(b"chunk"))
        });
        (Request::new(Body::from_stream(chunks)), read)
    }

    #[tokio::test]
    async fn what_nobody_read_is_read_to_its_end() {
        let (mut request, read) = request();
        let unread = Unread::of(&mut request);
        let mut stream = request.into_body().into_data_stream();
        assert_eq!(stream.next().await.unwrap().unwrap(), "chunk");
        drop(stream);
        assert_eq!(read.load(Ordering::Relaxed), 1);
        unread.discard().await;
        assert_eq!(read.load(Ordering::Relaxed), 10);
    }

    #[tokio::test]
    async fn a_body_that_was_read_leaves_nothing() {
        let (mut request, _) = request();
        let unread = Unread::of(&mut request);
        let text: Vec<_> = request.into_body().into_data_stream().collect().await;
        assert_eq!(text.len(), 10);
        assert!(unread.0.lock().is_none());
        unread.discard().await;
    }

    #[tokio::test]
    async fn a_request_without_a_body_is_left_alone() {
        let mut request = Request::new(Body::empty());
        let unread = Unread::of(&mut request);
        assert!(request.body().is_end_stream());
        unread.discard().await;
    }
}
