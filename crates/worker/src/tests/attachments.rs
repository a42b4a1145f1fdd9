use bytes::Bytes;
use sprat_sandbox::{Exit, Stop, Stream};

use super::{Worker, all, event, patiently, text};
use crate::ClientError;
use crate::fake::request;

#[tokio::test]
async fn who_attached_before_the_start_sees_the_first_byte() {
    let mut worker = Worker::start().await;
    for _ in 0..50 {
        let mut attachment = worker.client.attach("a", false).await.unwrap();
        worker.client.start(&request("a", &["out:one ", "err:two ", "out:three"]), Vec::new()).await.unwrap();
        let chunks = all(&mut attachment).await;
        assert_eq!(text(&chunks), "one two three");
        assert_eq!(chunks[1].0, Stream::Stderr);
        worker.exit().await;
        worker.client.forget("a").await.unwrap();
    }
}

#[tokio::test]
async fn forgetting_a_guest_that_never_started_ends_its_attachments() {
    let worker = Worker::start().await;
    let mut attachment = worker.client.attach("a", true).await.unwrap();
    worker.client.forget("a").await.unwrap();
    assert_eq!(text(&all(&mut attachment).await), "");
    let mut attachment = worker.client.attach("a", false).await.unwrap();
    worker.client.start(&request("a", &["out:one"]), Vec::new()).await.unwrap();
    assert_eq!(text(&all(&mut attachment).await), "one");
}

#[tokio::test]
async fn all_attachments_see_the_same() {
    let worker = Worker::start().await;
    let mut first = worker.client.attach("a", false).await.unwrap();
    let mut second = worker.client.attach("a", false).await.unwrap();
    worker.client.start(&request("a", &["flood:300000", "err:end"]), Vec::new()).await.unwrap();
    let (first, second) = tokio::join!(all(&mut first), all(&mut second));
    assert_eq!(text(&first).len(), 300_003);
    assert_eq!(text(&first), text(&second));
}

#[tokio::test]
async fn attaching_to_an_ended_guest_is_refused() {
    let mut worker = Worker::start().await;
    worker.client.start(&request("a", &["exit:0"]), Vec::new()).await.unwrap();
    worker.exit().await;
    assert!(matches!(worker.client.attach("a", false).await, Err(ClientError::Ended(_))));
}

#[tokio::test]
async fn input_sent_before_the_start_arrives_and_ends_when_asked_to() {
    let mut worker = Worker::start().await;
    let mut attachment = worker.client.attach("a", true).await.unwrap();
    attachment.input.take().unwrap().send(Bytes::from_static(b"hello")).await.unwrap();
    let mut guest = request("a", &["cat", "out:!"]);
    (guest.open_stdin, guest.stdin_once) = (true, true);
    worker.client.start(&guest, Vec::new()).await.unwrap();
    assert_eq!(text(&all(&mut attachment).await), "hello!");
    assert_eq!(worker.exit().await.1, Exit::Code(0));
}

#[tokio::test]
async fn open_input_outlives_an_attachment() {
    let mut worker = Worker::start().await;
    let mut guest = request("a", &["cat"]);
    guest.open_stdin = true;
    worker.client.start(&guest, Vec::new()).await.unwrap();
    drop(worker.client.attach("a", true).await.unwrap());
    let mut attachment = worker.client.attach("a", true).await.unwrap();
    attachment.input.as_ref().unwrap().send(Bytes::from_static(b"still here")).await.unwrap();
    let (_, echoed) = patiently(attachment.output.recv()).await.unwrap();
    assert_eq!(echoed, "still here");
    worker.client.stop("a", Stop::Kill).await.unwrap();
    worker.exit().await;
}

#[tokio::test]
async fn without_open_input_a_guest_has_none() {
    let worker = Worker::start().await;
    let mut attachment = worker.client.attach("a", true).await.unwrap();
    attachment.input.as_ref().unwrap().send(Bytes::from_static(b"x")).await.unwrap();
    worker.client.start(&request("a", &["cat"]), Vec::new()).await.unwrap();
    assert_eq!(text(&all(&mut attachment).await), "<no input>");
}

#[tokio::test]
async fn a_slow_attachment_holds_the_guest_until_it_detaches() {
    let mut worker = Worker::start().await;
    let attachment = worker.client.attach("a", false).await.unwrap();
    let mut guest = request("a", &["flood:8000000", "out:\n"]);
    let log = worker.log("log");
    guest.log = Some(log.clone());
    worker.client.start(&guest, Vec::new()).await.unwrap();
    // Held: it can't get further than what the buffers on the way take.
    let held = async {
        let mut last = 0;
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            let now = log.path.metadata().map_or(0, |file| file.len());
            if now > 0 && now == last {
                return now;
            }
            last = now;
        }
    };
    let written = patiently(held).await;
    assert!(written < 6_000_000, "the guest wrote {written} bytes to somebody who does not read");
    assert!(worker.events.try_recv().is_err(), "the guest has not ended");
    drop(attachment);
    event(&mut worker.events).await;
    assert!(log.path.metadata().unwrap().len() > 8_000_000);
}

#[tokio::test]
async fn a_slow_attachment_gets_all_after_the_guests_end() {
    let mut worker = Worker::start().await;
    let mut attachment = worker.client.attach("a", false).await.unwrap();
    worker.client.start(&request("a", &["flood:900000"]), Vec::new()).await.unwrap();
    worker.exit().await;
    assert_eq!(text(&all(&mut attachment).await).len(), 900_000);
}

#[tokio::test]
async fn an_attachment_that_never_saw_its_guest_leaves_nothing() {
    let worker = Worker::start().await;
    for number in 0..5000 {
        let attachment = worker.client.attach(&format!("never{number}"), true).await.unwrap();
        drop(attachment);
    }
    let id = "x".repeat(129);
    let Err(ClientError::Refused { code, .. }) = worker.client.attach(&id, true).await else { panic!() };
    assert_eq!(code, "invalid-id");
}
