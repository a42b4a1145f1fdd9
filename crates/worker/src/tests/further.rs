//! Further processes, and the programs that guests want.

use bytes::Bytes;
use sprat_sandbox::{Exit, ProcessSpec, Stop, Unresolved};

use super::{Worker, all, connect, event, text, until};
use crate::fake::request;
use crate::{Client, ClientError, Event, ExecRequest};

fn exec(id: &str, within: &str, script: &[&str]) -> ExecRequest {
    let spec = request(id, script).spec;
    let process = ProcessSpec {
        program: spec.program,
        args: spec.args,
        env: spec.env,
        cwd: spec.cwd,
        user: spec.user,
        tty: false,
    };
    ExecRequest { id: id.to_owned(), within: within.to_owned(), process, open_stdin: false, size: None }
}

fn code<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> String {
    match answer {
        Err(ClientError::Refused { code, .. }) => code,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_further_process_has_streams_and_an_exit_of_its_own_that_is_not_recorded() {
    let mut worker = Worker::start().await;
    worker.client.start(&request("a", &["wait"]), Vec::new()).await.unwrap();
    let mut attachment = worker.client.attach("x", true).await.unwrap();
    let input = attachment.input.take().unwrap();
    input.send(Bytes::from_static(b"typed")).await.unwrap();
    drop(input);
    let request = ExecRequest { open_stdin: true, ..exec("x", "a", &["out:one ", "cat", "exit:3"]) };
    assert_eq!(worker.client.exec(&request).await.unwrap(), 2);
    assert_eq!(text(&all(&mut attachment).await), "one typed");
    assert_eq!(worker.exit().await, ("x".into(), Exit::Code(3)));
    assert!(Client::journal(&worker.dir.path().join("journal")).is_empty());
    let list = worker.client.list().await.unwrap();
    assert_eq!(list.iter().map(|it| it.within.as_deref()).collect::<Vec<_>>(), [None, Some("a")]);
    worker.client.forget("x").await.unwrap();
    worker.client.exec(&exec("x", "a", &["exit:0"])).await.unwrap();
    worker.exit().await;
}

#[tokio::test]
async fn what_can_not_be_executed_in_is_told() {
    let mut worker = Worker::start().await;
    assert_eq!(code(worker.client.exec(&exec("x", "none", &[])).await), "no-such-guest");
    worker.client.start(&request("a", &["wait"]), Vec::new()).await.unwrap();
    assert_eq!(code(worker.client.exec(&exec("a", "a", &[])).await), "id-taken");
    assert_eq!(code(worker.client.exec(&exec("x", "a", &["refuse"])).await), "not-a-command");
    assert_eq!(code(worker.client.exec(&exec("", "a", &[])).await), "invalid-id");
    assert_eq!(worker.client.list().await.unwrap().len(), 1);
    assert_eq!(worker.client.processes("a").await.unwrap()[0].pid, 1);
    worker.client.stop("a", Stop::Kill).await.unwrap();
    worker.exit().await;
    assert!(matches!(worker.client.exec(&exec("x", "a", &[])).await, Err(ClientError::Ended(_))));
    assert!(matches!(worker.client.processes("a").await, Err(ClientError::Ended(_))));
}

#[tokio::test]
async fn a_further_process_is_stopped_and_resized_and_typed_at_alone() {
    let mut worker = Worker::start().await;
    worker.client.start(&request("a", &["wait"]), Vec::new()).await.unwrap();
    let mut terminal = exec("x", "a", &["out:ready", "wait"]);
    (terminal.process.tty, terminal.open_stdin, terminal.size) = (true, true, Some((80, 24)));
    let mut attachment = worker.client.attach("x", true).await.unwrap();
    worker.client.exec(&terminal).await.unwrap();
    worker.client.resize("x", 132, 50).await.unwrap();
    until(&mut attachment, "ready").await;
    attachment.input.as_ref().unwrap().send(Bytes::from_static(b"\x03")).await.unwrap();
    assert_eq!(worker.exit().await, ("x".into(), Exit::Signalled(130)));
    worker.client.exec(&exec("y", "a", &["wait"])).await.unwrap();
    assert_eq!(code(worker.client.forget("y").await), "still-running");
    worker.client.stop("y", Stop::Terminate).await.unwrap();
    assert_eq!(worker.exit().await, ("y".into(), Exit::Signalled(143)));
    assert_eq!(worker.client.usage("y").await.unwrap().cpu_us, 7);
}

#[tokio::test]
async fn a_shell_survives_the_interrupt_of_what_it_started() {
    let mut worker = Worker::start().await;
    let mut shell = request("a", &["shell", "out:ready", "cat", "out:bye"]);
    (shell.spec.tty, shell.open_stdin) = (true, true);
    let mut attachment = worker.client.attach("a", true).await.unwrap();
    worker.client.start(&shell, Vec::new()).await.unwrap();
    until(&mut attachment, "ready").await;
    attachment.input.as_ref().unwrap().send(Bytes::from_static(b"\x03\x04")).await.unwrap();
    assert!(text(&all(&mut attachment).await).ends_with("bye"));
    assert_eq!(worker.exit().await.1, Exit::Code(0));
}

#[tokio::test]
async fn a_container_takes_its_ended_processes_with_it() {
    let mut worker = Worker::start().await;
    worker.client.start(&request("a", &["wait"]), Vec::new()).await.unwrap();
    for id in ["x", "y", "z"] {
        worker.client.exec(&exec(id, "a", &["exit:0"])).await.unwrap();
        worker.exit().await;
    }
    worker.client.forget("z").await.unwrap();
    worker.client.exec(&exec("late", "a", &["wait"])).await.unwrap();
    worker.client.stop("a", Stop::Kill).await.unwrap();
    worker.exit().await;
    worker.client.forget("a").await.unwrap();
    let left = |list: &[crate::GuestStatus]| list.iter().map(|it| it.id.clone()).collect::<Vec<_>>();
    assert_eq!(left(&worker.client.list().await.unwrap()), ["late"]);
    worker.client.stop("late", Stop::Kill).await.unwrap();
    worker.exit().await;
    while !worker.client.list().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(Client::journal(&worker.dir.path().join("journal")).is_empty());
}

async fn wanted(worker: &mut Worker) -> (u64, String, String) {
    match event(&mut worker.events).await {
        Event::Wanted { ticket, id, path, .. } => (ticket, id, path),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_owner_is_asked_for_a_program_and_its_answer_arrives() {
    let mut worker = Worker::start().await;
    let mut attachment = worker.client.attach("a", false).await.unwrap();
    worker.client.start(&request("a", &["program:/bin/ls", "out: ", "program:/bin/no"]), Vec::new()).await.unwrap();
    let (ticket, id, path) = wanted(&mut worker).await;
    assert_eq!((id.as_str(), path.as_str()), ("a", "/bin/ls"));
    let program = request("x", &[]).spec.program;
    worker.client.supply(ticket, Ok(program.clone())).await.unwrap();
    assert_eq!(code(worker.client.supply(ticket, Ok(program)).await), "no-such-ticket");
    let (ticket, ..) = wanted(&mut worker).await;
    worker.client.supply(ticket, Err(Unresolved::Denied("the policy refuses it".into()))).await.unwrap();
    assert_eq!(text(&all(&mut attachment).await), "/nowhere the policy refuses it");
    assert_eq!(worker.exit().await.1, Exit::Code(0));
}

#[tokio::test]
async fn a_new_owner_is_asked_what_the_old_one_did_not_answer() {
    let mut worker = Worker::start().await;
    let mut attachment = worker.client.attach("a", false).await.unwrap();
    worker.client.start(&request("a", &["program:/bin/ls"]), Vec::new()).await.unwrap();
    let (first, ..) = wanted(&mut worker).await;
    let (client, events) = connect(worker.dir.path()).await;
    (worker.client, worker.events) = (client, events);
    let (again, ..) = wanted(&mut worker).await;
    assert_eq!(first, again);
    worker.client.supply(again, Err(Unresolved::NotFound)).await.unwrap();
    assert_eq!(text(&all(&mut attachment).await), "there is no such file");
}

#[tokio::test]
async fn without_an_owner_a_guest_is_told_to_try_again() {
    let worker = Worker::start().await;
    let mut attachment = worker.client.attach("a", true).await.unwrap();
    let mut guest = request("a", &["cat", "program:/bin/ls"]);
    (guest.open_stdin, guest.stdin_once) = (true, true);
    worker.client.start(&guest, Vec::new()).await.unwrap();
    drop(worker.client);
    // The attachment outlives the owner; the end of its input makes the guest go on.
    worker.server.disowned().await;
    drop(attachment.input.take());
    assert!(text(&all(&mut attachment).await).contains("the daemon does not run"));
}
