use sprat_sandbox::{Exit, Stop};

use super::{Worker, connect, event, logged};
use crate::fake::request;
use crate::{ClientError, Event, GuestState};

#[tokio::test]
async fn a_guest_starts_and_its_exit_is_told_with_its_use() {
    let mut worker = Worker::start().await;
    assert_eq!(worker.client.name(), "w1");
    assert_eq!(worker.client.pid(), std::process::id());
    assert_eq!(worker.client.warnings(), ["landlock: none"]);
    worker.client.start(&request("a", &["exit:3"]), Vec::new()).await.unwrap();
    let Event::Exited { id, exit, usage, at_ns } = event(&mut worker.events).await else { panic!() };
    assert_eq!((id.as_str(), exit, usage.cpu_us), ("a", Exit::Code(3), 7));
    assert!(at_ns > 1_600_000_000_000_000_000);
}

#[tokio::test]
async fn the_log_is_complete_when_the_exit_is_told() {
    let mut worker = Worker::start().await;
    for round in 0..50 {
        let mut guest = request("a", &["out:one\n", "err:two\n", "out:th", "out:ree"]);
        let log = worker.log(&format!("log{round}"));
        guest.log = Some(log.clone());
        worker.client.start(&guest, Vec::new()).await.unwrap();
        worker.exit().await;
        let expected = [("stdout", "one\n"), ("stderr", "two\n"), ("stdout", "three")];
        assert_eq!(logged(&log.path), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        worker.client.forget("a").await.unwrap();
    }
}

#[tokio::test]
async fn stopping_ends_a_guest_with_the_status_of_the_first_request() {
    let mut worker = Worker::start().await;
    worker.client.start(&request("a", &["wait"]), Vec::new()).await.unwrap();
    worker.client.stop("a", Stop::Terminate).await.unwrap();
    worker.client.stop("a", Stop::Kill).await.unwrap();
    assert_eq!(worker.exit().await, ("a".into(), Exit::Signalled(143)));
    worker.client.stop("a", Stop::Kill).await.unwrap();
}

#[tokio::test]
async fn an_id_is_free_again_only_when_its_exit_is_forgotten() {
    let mut worker = Worker::start().await;
    let guest = request("a", &["exit:1"]);
    worker.client.start(&guest, Vec::new()).await.unwrap();
    worker.exit().await;
    let Err(ClientError::Refused { code, .. }) = worker.client.start(&guest, Vec::new()).await else { panic!() };
    assert_eq!(code, "id-taken");
    worker.client.forget("a").await.unwrap();
    worker.client.forget("a").await.unwrap();
    worker.client.start(&guest, Vec::new()).await.unwrap();
    worker.exit().await;
}

#[tokio::test]
async fn a_running_guest_cannot_be_forgotten() {
    let worker = Worker::start().await;
    worker.client.start(&request("a", &["wait"]), Vec::new()).await.unwrap();
    let Err(ClientError::Refused { code, .. }) = worker.client.forget("a").await else { panic!() };
    assert_eq!(code, "still-running");
}

#[tokio::test]
async fn a_refused_start_leaves_nothing() {
    let worker = Worker::start().await;
    let Err(ClientError::Refused { code, message }) = worker.client.start(&request("a", &["refuse"]), Vec::new()).await
    else {
        panic!()
    };
    assert_eq!((code.as_str(), message.as_str()), ("not-a-command", "this is no command"));
    assert!(worker.client.list().await.unwrap().is_empty());
    worker.client.start(&request("a", &["wait"]), Vec::new()).await.unwrap();
}

#[tokio::test]
async fn a_new_owner_finds_what_runs_and_what_ended() {
    let mut worker = Worker::start().await;
    worker.client.start(&request("ended", &["exit:4"]), Vec::new()).await.unwrap();
    worker.client.start(&request("held", &["wait"]), Vec::new()).await.unwrap();
    worker.client.start(&request("runs", &["wait"]), Vec::new()).await.unwrap();
    worker.client.pause("held", true).await.unwrap();
    worker.exit().await;
    drop(worker.client);
    let (client, mut events) = connect(worker.dir.path()).await;
    let guests = client.list().await.unwrap();
    let [ended, held, runs] = &guests[..] else { panic!("{guests:?}") };
    assert!(matches!(&ended.state, GuestState::Exited { exit: Exit::Code(4), .. }));
    assert_eq!(held.state, GuestState::Paused);
    assert_eq!(runs.state, GuestState::Running);
    client.stop("runs", Stop::Kill).await.unwrap();
    assert_eq!(super::exit(&mut events).await, ("runs".into(), Exit::Signalled(137)));
}

#[tokio::test]
async fn a_start_of_an_earlier_owner_that_comes_late_starts_nothing() {
    let worker = Worker::start().await;
    let (newer, _events) = connect(worker.dir.path()).await;
    assert!(worker.client.start(&request("late", &["wait"]), Vec::new()).await.is_err());
    assert!(newer.list().await.unwrap().is_empty());
    newer.start(&request("late", &["wait"]), Vec::new()).await.unwrap();
}

#[tokio::test]
async fn the_owner_does_not_remember_exits_that_are_forgotten() {
    let mut worker = Worker::start().await;
    for round in 0..10 {
        let id = format!("g{round}");
        worker.client.start(&request(&id, &["exit:0"]), Vec::new()).await.unwrap();
        worker.exit().await;
        worker.client.forget(&id).await.unwrap();
    }
    assert_eq!(worker.client.exits_remembered(), 0);
}

#[tokio::test]
async fn a_list_longer_than_a_message_comes_in_pages() {
    let mut worker = Worker::start().await;
    for number in 0..1200 {
        let script: &[&str] = if number % 2 == 0 { &["trap"] } else { &["exit:0"] };
        worker.client.start(&request(&format!("g{number}"), script), Vec::new()).await.unwrap();
    }
    for _ in 0..1200 {
        worker.exit().await;
    }
    let guests = worker.client.list().await.unwrap();
    assert_eq!(guests.len(), 1200);
    assert!(guests.windows(2).all(|pair| pair[0].id < pair[1].id));
}

#[tokio::test]
async fn requests_overlap_on_one_connection() {
    let mut worker = Worker::start().await;
    let starts = (0..200).map(|number| {
        let client = worker.client.clone();
        tokio::spawn(async move { client.start(&request(&format!("g{number}"), &["sleep:1"]), Vec::new()).await })
    });
    for start in starts.collect::<Vec<_>>() {
        start.await.unwrap().unwrap();
    }
    for _ in 0..200 {
        assert_eq!(worker.exit().await.1, Exit::Code(0));
    }
}

#[tokio::test]
async fn what_is_asked_of_an_unknown_guest_is_refused() {
    let worker = Worker::start().await;
    let answers = [
        worker.client.stop("x", Stop::Kill).await,
        worker.client.pause("x", true).await,
        worker.client.resize("x", 80, 24).await,
        worker.client.usage("x").await.map(|_| ()),
    ];
    for answer in answers {
        assert!(matches!(answer, Err(ClientError::Refused { code, .. }) if code == "no-such-guest"));
    }
}

#[tokio::test]
async fn a_worker_on_an_old_journal_still_tells_its_exits() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = crate::journal::Journal::open(&dir.path().join("journal")).unwrap();
    journal.exited("old", &Exit::Code(9), 5).unwrap();
    let worker = Worker::start_in(dir, |options| options).await;
    let guests = worker.client.list().await.unwrap();
    assert_eq!(guests[0].state, GuestState::Exited { exit: Exit::Code(9), at_ns: 5 });
    worker.client.forget("old").await.unwrap();
    assert!(crate::Client::journal(&worker.dir.path().join("journal")).is_empty());
}
