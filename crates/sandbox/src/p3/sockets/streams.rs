//! Connections as WASI 0.3's streams: of bytes in and out, and of accepted sockets.
//!
//! The end of a stream of bytes, good or bad, is told through a future that goes with it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, Resource, Source, StreamConsumer, StreamProducer, StreamResult, VecBuffer};

use super::bindings::wasi::sockets::types::ErrorCode;
use crate::component::SocketsHost;
use crate::network::{Connection, Listener, TcpSocket};
use crate::p3::streams::{CHUNK, End};

/// What a pending step gives: a step that is to finish is cancelled.
fn waiting(finish: bool) -> Poll<wasmtime::Result<StreamResult>> {
    if finish { Poll::Ready(Ok(StreamResult::Cancelled)) } else { Poll::Pending }
}

/// What comes in.
pub(super) struct Receiver {
    pub(super) connection: Arc<Connection>,
    pub(super) end: End<ErrorCode>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // The guest dropped the stream: it wants no more.
        self.connection.shut();
    }
}

impl<D> StreamProducer<D> for Receiver {
    type Item = u8;
    type Buffer = VecBuffer<u8>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        // To read nothing is to ask whether there is something.
        if destination.remaining(&mut store) == Some(0) {
            return match self.connection.poll_readable(cx) {
                Poll::Ready(()) => Poll::Ready(Ok(StreamResult::Completed)),
                Poll::Pending => waiting(finish),
            };
        }
        let mut destination = destination.as_direct(store, CHUNK);
        match self.connection.poll_read_into(cx, destination.remaining()) {
            Poll::Ready(Ok(0)) => {
                self.end.reached();
                Poll::Ready(Ok(StreamResult::Dropped))
            }
            Poll::Ready(Ok(read)) => {
                destination.mark_written(read);
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(Err(error)) => {
                self.end.tell(Err(error));
                Poll::Ready(Ok(StreamResult::Dropped))
            }
            Poll::Pending => waiting(finish),
        }
    }
}

/// What goes out.
pub(super) struct Sender {
    pub(super) connection: Arc<Connection>,
    pub(super) end: End<ErrorCode>,
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.connection.finish();
    }
}

impl<D> StreamConsumer<D> for Sender {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: Source<'_, Self::Item>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut source = source.as_direct(store);
        let written = if source.remaining().is_empty() {
            self.connection.poll_room(cx).map_ok(|_| 0)
        } else {
            self.connection.poll_write(cx, source.remaining())
        };
        match written {
            Poll::Ready(Ok(written)) => {
                source.mark_read(written);
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(Err(error)) => {
                self.end.tell(Err(error));
                Poll::Ready(Ok(StreamResult::Dropped))
            }
            Poll::Pending => waiting(finish),
        }
    }
}

/// Accepted sockets.
pub(super) struct Acceptor<D> {
    pub(super) listener: Arc<Listener>,
    /// The listening socket, whose ways the accepted ones have.
    pub(super) socket: Resource<TcpSocket>,
    pub(super) get: for<'a> fn(&'a mut D) -> SocketsHost<'a>,
}

impl<D: 'static> StreamProducer<D> for Acceptor<D> {
    type Item = Resource<TcpSocket>;
    type Buffer = Option<Self::Item>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return match self.listener.poll_acceptable(cx) {
                Poll::Ready(()) => Poll::Ready(Ok(StreamResult::Completed)),
                Poll::Pending => waiting(finish),
            };
        }
        let host = (self.get)(store.data_mut());
        // Without a place there is no more to accept: the stream ends, as a stream can't tell an error and go on.
        let Ok(place) = host.place() else { return Poll::Ready(Ok(StreamResult::Dropped)) };
        let established = match self.listener.poll_accept(cx) {
            Poll::Ready(Ok(established)) => established,
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending => return waiting(finish),
        };
        let accepted = match host.table.get(&self.socket) {
            Ok(socket) => socket.accepted(established, place),
            // The socket is dropped, and with it the stream ends.
            Err(_) => return Poll::Ready(Ok(StreamResult::Dropped)),
        };
        destination.set_buffer(Some(host.table.push(accepted)?));
        Poll::Ready(Ok(StreamResult::Completed))
    }
}
