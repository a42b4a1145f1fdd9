//! Streams over files: each keeps its own offset and does its work at once.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::files::{Descriptor, Errno, FileView};

/// Bytes that one read or write moves at most.
const CHUNK: usize = 1 << 20;

fn failed(errno: Errno) -> StreamError {
    StreamError::LastOperationFailed(wasmtime::Error::new(errno))
}

/// Reads a file from an offset.
pub(super) struct FileInput {
    pub(super) view: Arc<FileView>,
    pub(super) file: Descriptor,
    pub(super) offset: u64,
}

#[async_trait]
impl Pollable for FileInput {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for FileInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let left = self.view.stat(&self.file).map_err(failed)?.size.saturating_sub(self.offset);
        // Devices have no size, and a file may grow: one byte at least is always asked for.
        let most = usize::try_from(left).unwrap_or(CHUNK).clamp(4096, CHUNK);
        let mut buffer = vec![0; size.min(most)];
        let read = self.view.read(&self.file, &mut buffer, self.offset).map_err(failed)?;
        if read == 0 {
            return Err(StreamError::Closed);
        }
        self.offset = self.offset.saturating_add(read as u64);
        buffer.truncate(read);
        Ok(buffer.into())
    }
}

/// Where a stream writes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    /// From this offset on.
    Offset(u64),
    /// Always at the end.
    End,
}

/// Writes a file.
pub(super) struct FileOutput {
    pub(super) view: Arc<FileView>,
    pub(super) file: Descriptor,
    pub(super) target: Target,
}

#[async_trait]
impl Pollable for FileOutput {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for FileOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let written = match &mut self.target {
                Target::End => self.view.append(&self.file, rest).map_err(failed)?,
                Target::Offset(offset) => {
                    let written = self.view.write(&self.file, rest, *offset).map_err(failed)?;
                    *offset = offset.saturating_add(written as u64);
                    written
                }
            };
            if written == 0 {
                return Err(failed(Errno::Io));
            }
            rest = rest.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}
