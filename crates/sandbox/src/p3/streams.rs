//! Streams over files: each keeps its own offset and does its work at once.
//!
//! The end of a stream, good or bad, is told through a future that goes with it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, Source, StreamConsumer, StreamProducer, StreamResult, VecBuffer};

use super::bindings::wasi::filesystem::types::ErrorCode;
use crate::files::{Descriptor, FileView};

/// Bytes that one read moves at most into a stream whose reader names no size.
pub(super) const CHUNK: usize = 64 << 10;

/// Tells how a stream ended, by an error code of the interface `C`; well, if nothing else was told.
pub(super) struct End<C>(Option<oneshot::Sender<Result<(), C>>>);

impl<C> End<C> {
    pub(super) fn new() -> (Self, oneshot::Receiver<Result<(), C>>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(sender)), receiver)
    }

    pub(super) fn tell(&mut self, end: Result<(), impl Into<C>>) {
        if let Some(sender) = self.0.take() {
            // Whoever dropped the future does not want to know.
            let _ = sender.send(end.map_err(Into::into));
        }
    }

    /// It ended well.
    pub(super) fn reached(&mut self) {
        self.tell(Ok::<_, C>(()));
    }
}

impl<C> Drop for End<C> {
    fn drop(&mut self) {
        self.reached();
    }
}

/// Reads a file from an offset.
pub(super) struct FileProducer {
    pub(super) view: Arc<FileView>,
    pub(super) file: Descriptor,
    pub(super) offset: u64,
    pub(super) end: End<ErrorCode>,
}

impl<D> StreamProducer<D> for FileProducer {
    type Item = u8;
    type Buffer = VecBuffer<u8>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        destination: Destination<'a, Self::Item, Self::Buffer>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut destination = destination.as_direct(store, CHUNK);
        let buffer = destination.remaining();
        if buffer.is_empty() {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let read = self.view.read(&self.file, buffer, self.offset);
        Poll::Ready(Ok(match read {
            Ok(0) => {
                self.end.reached();
                StreamResult::Dropped
            }
            Ok(read) => {
                destination.mark_written(read);
                self.offset = self.offset.saturating_add(read as u64);
                StreamResult::Completed
            }
            Err(errno) => {
                self.end.tell(Err(errno));
                StreamResult::Dropped
            }
        }))
    }
}

/// Writes a file from an offset, or always at its end.
pub(super) struct FileConsumer {
    pub(super) view: Arc<FileView>,
    pub(super) file: Descriptor,
    pub(super) offset: Option<u64>,
    pub(super) end: End<ErrorCode>,
}

impl<D> StreamConsumer<D> for FileConsumer {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: Source<'_, Self::Item>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut source = source.as_direct(store);
        let bytes = source.remaining();
        if bytes.is_empty() {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let written = match self.offset {
            Some(offset) => self.view.write(&self.file, bytes, offset),
            None => self.view.append(&self.file, bytes),
        };
        Poll::Ready(Ok(match written {
            Ok(written) => {
                source.mark_read(written);
                self.offset = self.offset.map(|offset| offset.saturating_add(written as u64));
                StreamResult::Completed
            }
            Err(errno) => {
                self.end.tell(Err(errno));
                StreamResult::Dropped
            }
        }))
    }
}
