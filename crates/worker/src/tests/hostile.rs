use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::{Worker, patiently};
use crate::fake::request;
use crate::frame::{self, MESSAGE_BYTES};

struct Raw(UnixStream, BytesMut);

impl Raw {
    async fn connect(worker: &Worker) -> Self {
        Self(UnixStream::connect(worker.dir.path().join("socket")).await.unwrap(), BytesMut::new())
    }

    async fn send(&mut self, body: &[u8]) {
        let mut frame = BytesMut::new();
        frame.put_u32(u32::try_from(body.len()).unwrap());
        frame.extend_from_slice(body);
        self.0.write_all(&frame).await.unwrap();
    }

    async fn answer(&mut self) -> Value {
        loop {
            if let Some(message) = frame::next_message(&mut self.1).unwrap() {
                return serde_json::from_slice(&message).unwrap();
            }
            assert!(patiently(self.0.read_buf(&mut self.1)).await.unwrap() > 0, "the connection ended");
        }
    }

    async fn code(&mut self) -> String {
        self.answer().await["err"]["code"].as_str().unwrap().to_owned()
    }

    async fn is_closed(&mut self) -> bool {
        matches!(patiently(self.0.read_buf(&mut self.1)).await, Ok(0) | Err(_))
    }
}

#[tokio::test]
async fn garbage_is_refused_and_the_connection_goes_on() {
    let worker = Worker::start().await;
    let mut raw = Raw::connect(&worker).await;
    for garbage in
        [&b""[..], b"\xff\xfe", b"{", b"[]", b"{\"seq\":-1}", b"{\"op\":\"list\"}", "[".repeat(9999).as_bytes()]
    {
        raw.send(garbage).await;
        assert_eq!(raw.code().await, "malformed", "{garbage:?}");
    }
    raw.send(b"{\"seq\":7,\"op\":\"list\",\"body\":{\"after\":null},\"later\":1}").await;
    assert_eq!(raw.answer().await, json!({"seq": 7, "ok": {"guests": [], "more": false}}));
}

#[tokio::test]
async fn an_unknown_request_is_refused_by_its_number() {
    let worker = Worker::start().await;
    let mut raw = Raw::connect(&worker).await;
    raw.send(b"{\"seq\":5,\"op\":\"migrate\",\"body\":{}}").await;
    let answer = raw.answer().await;
    assert_eq!((answer["seq"].as_u64(), answer["err"]["code"].as_str()), (Some(5), Some("unknown-request")));
    raw.send(b"{\"seq\":6,\"op\":\"start\",\"body\":{\"id\":5}}").await;
    assert_eq!(raw.code().await, "malformed");
}

#[tokio::test]
async fn an_oversized_message_ends_its_connection_alone() {
    let worker = Worker::start().await;
    let mut raw = Raw::connect(&worker).await;
    raw.0.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    assert_eq!(raw.code().await, "too-large");
    assert!(raw.is_closed().await);
    assert!(worker.client.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_request_at_the_size_limit_is_refused_by_the_client() {
    let worker = Worker::start().await;
    let big = "x".repeat(MESSAGE_BYTES);
    let error = worker.client.start(&request("a", &[&big]), Vec::new()).await.unwrap_err();
    assert!(error.to_string().contains("at most 4194304"), "{error}");
}

#[tokio::test]
async fn a_truncated_message_harms_nobody() {
    let worker = Worker::start().await;
    let mut raw = Raw::connect(&worker).await;
    raw.0.write_all(&[0, 0, 1, 0, b'{']).await.unwrap();
    drop(raw);
    assert!(worker.client.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn hostile_chunks_end_an_attachment_alone() {
    let mut worker = Worker::start().await;
    worker.client.start(&request("a", &["wait"]), Vec::new()).await.unwrap();
    let mut raw = Raw::connect(&worker).await;
    raw.send(b"{\"seq\":1,\"op\":\"attach\",\"body\":{\"id\":\"a\",\"stdin\":true}}").await;
    assert_eq!(raw.answer().await, json!({"seq": 1, "ok": null}));
    raw.0.write_all(&[99, 0, 0, 0, 1, b'x']).await.unwrap();
    raw.0.write_all(&[0, 255, 255, 255, 255]).await.unwrap();
    assert!(raw.is_closed().await);
    worker.client.stop("a", sprat_sandbox::Stop::Kill).await.unwrap();
    worker.exit().await;
}

#[tokio::test]
async fn empty_and_long_ids_are_refused() {
    let worker = Worker::start().await;
    for id in ["", &"x".repeat(129)] {
        let error = worker.client.start(&request(id, &["wait"]), Vec::new()).await.unwrap_err();
        assert!(error.to_string().contains("1 to 128 bytes"), "{error}");
    }
    worker.client.start(&request(&"x".repeat(128), &["wait"]), Vec::new()).await.unwrap();
}
