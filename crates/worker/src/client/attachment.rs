//! [`Attachment`]: a guest's streams at its owner.

use std::path::Path;

use bytes::{Bytes, BytesMut};
use sprat_sandbox::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use super::ClientError;
use super::link::{ANSWER, Link, connect, message, parse_answer};
use crate::frame::{self, CHUNK_BYTES, ChunkKind, chunk_head};
use crate::wire::{AttachRequest, IncomingHead, Op};

/// Chunks of output that wait for the reader of an attachment.
const OUTPUT_CHUNKS: usize = 16;

/// Chunks of input that wait for the worker.
const INPUT_CHUNKS: usize = 16;

/// Room for one read in bytes.
const READ_BYTES: usize = 64 << 10;

/// An attachment to a guest's streams. Dropping it detaches.
#[derive(Debug)]
pub struct Attachment {
    /// What the guest writes from now on (and what it wrote before it was first attached and not yet logged is not
    /// repeated). Bounded: a slow reader slows the guest, until the attachment is dropped. Ends at the guest's end.
    pub output: mpsc::Receiver<(Stream, Bytes)>,
    /// What the guest gets as standard input; dropping it ends the attachment's input. `None` when not asked for.
    pub input: Option<mpsc::Sender<Bytes>>,
}

/// Attaches to a guest, on a connection of its own.
pub(super) async fn attach(link: &Link, request: &AttachRequest) -> Result<Attachment, ClientError> {
    let asked = ask(link.name(), link.socket(), request);
    let (reader, read, writer) = link.within(ANSWER, Op::Attach, asked).await?;
    let (to_owner, output) = mpsc::channel(OUTPUT_CHUNKS);
    let (input, from_owner) = mpsc::channel(INPUT_CHUNKS);
    tokio::spawn(carry(reader, read, to_owner, writer, request.stdin.then_some(from_owner)));
    Ok(Attachment { output, input: request.stdin.then_some(input) })
}

/// A connection that the worker made an attachment, with what came behind its answer.
async fn ask(
    worker: &str,
    socket: &Path,
    request: &AttachRequest,
) -> Result<(OwnedReadHalf, BytesMut, OwnedWriteHalf), ClientError> {
    let gone = |_| ClientError::Gone(worker.to_owned());
    let (mut reader, mut writer) = connect(worker, socket).await?.into_split();
    writer.write_all(&message(1, Op::Attach, request)?).await.map_err(gone)?;
    let mut read = BytesMut::new();
    let answer = loop {
        match frame::next_message(&mut read) {
            Ok(Some(answer)) => break answer,
            Ok(None) if reader.read_buf(&mut read).await.map_err(gone)? > 0 => {}
            _ => return Err(ClientError::Gone(worker.to_owned())),
        }
    };
    if let Ok(IncomingHead { err: Some(refusal), .. }) = serde_json::from_slice(&answer) {
        return Err(ClientError::refused(worker, refusal));
    }
    parse_answer::<()>(&answer)?;
    Ok((reader, read, writer))
}

/// Carries both directions until the guest ended or the owner dropped the attachment.
async fn carry(
    reader: OwnedReadHalf,
    read: BytesMut,
    to_owner: mpsc::Sender<(Stream, Bytes)>,
    writer: OwnedWriteHalf,
    from_owner: Option<mpsc::Receiver<Bytes>>,
) {
    let dropped = to_owner.clone();
    let input = async {
        // Kept until the end: closing it would end the attachment.
        let mut writer = writer;
        if let Some(from_owner) = from_owner {
            // It fails when the guest ends before it has read all of its input. Its output may still be on the way.
            let _ = carry_input(&mut writer, from_owner).await;
        }
        dropped.closed().await;
    };
    tokio::select! {
        () = carry_output(reader, read, to_owner) => {}
        () = input => {}
    }
}

async fn carry_output(mut reader: OwnedReadHalf, mut read: BytesMut, to_owner: mpsc::Sender<(Stream, Bytes)>) {
    loop {
        match frame::next_chunk(&mut read) {
            Ok(Some((ChunkKind::Output(stream), bytes))) => {
                // An owner that only sends input reads nothing; its attachment ends with its input.
                let _ = to_owner.send((stream, bytes)).await;
            }
            Ok(Some(_)) => {}
            Ok(None) => {
                read.reserve(READ_BYTES);
                if !matches!(reader.read_buf(&mut read).await, Ok(1..)) {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

async fn carry_input(writer: &mut OwnedWriteHalf, mut from_owner: mpsc::Receiver<Bytes>) -> std::io::Result<()> {
    while let Some(bytes) = from_owner.recv().await {
        for chunk in bytes.chunks(CHUNK_BYTES) {
            write_chunk(writer, ChunkKind::Input, chunk).await?;
        }
    }
    write_chunk(writer, ChunkKind::InputEnd, &[]).await
}

async fn write_chunk(writer: &mut OwnedWriteHalf, kind: ChunkKind, payload: &[u8]) -> std::io::Result<()> {
    let mut frame = Vec::with_capacity(frame::CHUNK_HEAD + payload.len());
    frame.extend_from_slice(&chunk_head(kind, payload.len()));
    frame.extend_from_slice(payload);
    writer.write_all(&frame).await
}
