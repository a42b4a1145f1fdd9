use bytes::Bytes;
use sprat_sandbox::Exit;

use super::{Worker, all, logged, patiently, text, until};
use crate::fake::request;
use crate::{ClientError, StartRequest};

fn terminal(script: &[&str]) -> StartRequest {
    let mut guest = request("a", script);
    guest.spec.tty = true;
    guest.open_stdin = true;
    guest.size = Some((80, 24));
    guest
}

#[tokio::test]
async fn line_ends_are_a_terminals_and_stderr_joins_stdout() {
    let mut worker = Worker::start().await;
    let mut attachment = worker.client.attach("a", false).await.unwrap();
    let mut guest = terminal(&["out:one\n", "err:two\n"]);
    let log = worker.log("log");
    guest.log = Some(log.clone());
    worker.client.start(&guest, Vec::new()).await.unwrap();
    assert_eq!(text(&all(&mut attachment).await), "one\r\ntwo\r\n");
    worker.exit().await;
    let expected = [("stdout", "one\r\n"), ("stdout", "two\r\n")];
    assert_eq!(logged(&log.path), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[tokio::test]
async fn what_is_typed_is_echoed_read_by_lines_and_ends_with_control_d() {
    let mut worker = Worker::start().await;
    let mut attachment = worker.client.attach("a", true).await.unwrap();
    worker.client.start(&terminal(&["cat", "out:bye"]), Vec::new()).await.unwrap();
    let input = attachment.input.clone().unwrap();
    input.send(Bytes::from_static(b"hellp\x7fo\r")).await.unwrap();
    let seen = until(&mut attachment, "hello\r\n").await;
    assert!(seen.starts_with("hellp\x08 \x08o"), "{seen:?}");
    input.send(Bytes::from_static(b"\x04")).await.unwrap();
    assert!(text(&all(&mut attachment).await).ends_with("bye"));
    assert_eq!(worker.exit().await.1, Exit::Code(0));
}

#[tokio::test]
async fn control_c_interrupts_the_guest() {
    let mut worker = Worker::start().await;
    let mut attachment = worker.client.attach("a", true).await.unwrap();
    worker.client.start(&terminal(&["out:ready", "wait"]), Vec::new()).await.unwrap();
    until(&mut attachment, "ready").await;
    attachment.input.as_ref().unwrap().send(Bytes::from_static(b"\x03")).await.unwrap();
    assert_eq!(worker.exit().await.1, Exit::Signalled(130));
    // The kernel echoes in its own time; the guest's end may overtake it.
    assert!(["", "^C"].contains(&text(&all(&mut attachment).await).as_str()));
}

#[tokio::test]
async fn a_flood_through_a_terminal_is_whole() {
    let mut worker = Worker::start().await;
    let mut attachment = worker.client.attach("a", false).await.unwrap();
    worker.client.start(&terminal(&["flood:500000", "out:end"]), Vec::new()).await.unwrap();
    let seen = text(&all(&mut attachment).await);
    assert_eq!(seen.len(), 500_003);
    assert!(seen.ends_with("end"));
    worker.exit().await;
}

#[tokio::test]
async fn an_attachment_that_does_not_read_does_not_hold_up_the_exit() {
    let mut worker = Worker::start().await;
    let attachment = worker.client.attach("a", false).await.unwrap();
    worker.client.start(&terminal(&["flood:9000000", "wait"]), Vec::new()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    worker.client.stop("a", sprat_sandbox::Stop::Kill).await.unwrap();
    assert_eq!(patiently(worker.exit()).await.1, Exit::Signalled(137));
    drop(attachment);
}

#[tokio::test]
async fn only_a_terminal_can_be_resized() {
    let worker = Worker::start().await;
    worker.client.start(&terminal(&["wait"]), Vec::new()).await.unwrap();
    worker.client.resize("a", 132, 50).await.unwrap();
    worker.client.start(&request("b", &["wait"]), Vec::new()).await.unwrap();
    let Err(ClientError::Refused { code, .. }) = worker.client.resize("b", 132, 50).await else { panic!() };
    assert_eq!(code, "no-terminal");
}
