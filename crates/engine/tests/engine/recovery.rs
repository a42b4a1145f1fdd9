//! What is left when daemons and workers are killed.

use futures_util::StreamExt as _;
use sprat_engine::{
    AttachOptions, ContainerSpec, Engine, EngineError, EventFilter, Isolation, PortSpec, RemoveOptions, RestartPolicy,
    Status, StopOptions, WaitCondition,
};
use sprat_worker::GuestState;

use crate::world::{PATIENCE, World, config, go_on, hold, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_loses_nothing() {
    let world = World::new().await;
    world.create("running", run("/spin")).await;
    world.create("alone", ContainerSpec { isolation: Isolation::Process, ..run("/spin") }).await;
    world.create("ended", run("/fail")).await;
    world.create("created", run("/fail")).await;
    world.create("again", ContainerSpec { restart: RestartPolicy::Always, ..run("/fail") }).await;
    for name in ["running", "alone", "ended", "again"] {
        world.engine.start(name).await.unwrap();
    }
    world.exit("ended", WaitCondition::NotRunning).await;
    let pid = world.engine.inspect("running").unwrap().state.pid;
    let world = world.reopen().await;
    let running = world.engine.inspect("running").unwrap().state;
    assert_eq!((running.status, running.pid), (Status::Running, pid));
    assert_eq!(world.status("alone"), Status::Running);
    assert_eq!(world.status("created"), Status::Created);
    let ended = world.engine.inspect("ended").unwrap().state;
    assert_eq!((ended.status, ended.exit.unwrap().code), (Status::Exited, 3));
    world.exit("again", WaitCondition::NextExit).await;
    world.engine.stop("running", StopOptions::default()).await.unwrap();
    world.engine.kill("alone", "KILL").await.unwrap();
    assert_eq!(world.exit("alone", WaitCondition::NotRunning).await.0, 137);
    assert_eq!(world.exit("running", WaitCondition::NotRunning).await.0, 143);
    world.end().await;
}

fn published(host: u16) -> PortSpec {
    PortSpec { container: 80, protocol: "tcp".to_owned(), host_ip: "127.0.0.1".to_owned(), host, host_last: 0 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_daemon_holds_the_ports_that_the_killed_one_held() {
    let world = World::new().await;
    let ports = vec![published(0), published(0)];
    world.create("bass", ContainerSpec { ports, ..run("/spin") }).await;
    world.engine.start("bass").await.unwrap();
    let before = world.engine.inspect("bass").unwrap().ports;
    let world = world.reopen().await;
    assert_eq!(world.engine.inspect("bass").unwrap().ports, before);
    std::net::TcpListener::bind(("127.0.0.1", before[0].host)).unwrap_err();
    world.engine.stop("bass", StopOptions::default()).await.unwrap();
    std::net::TcpListener::bind(("127.0.0.1", before[0].host)).unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_a_published_port_while_there_is_no_daemon() {
    let world = World::new().await;
    world.create("bass", ContainerSpec { ports: vec![published(0)], ..run("/spin") }).await;
    world.engine.start("bass").await.unwrap();
    let before = world.engine.inspect("bass").unwrap().ports;
    let address = ("127.0.0.1", before[0].host);
    let mut thief = None;
    let world = world.reopen_after(|| thief = std::net::TcpListener::bind(address).ok()).await;
    assert!(thief.is_none(), "its worker has the port");
    assert_eq!(world.engine.inspect("bass").unwrap().ports, before);
    world.engine.stop("bass", StopOptions::default()).await.unwrap();
    std::net::TcpListener::bind(address).unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_no_container_knows_is_ended_by_the_next_daemon() {
    let world = World::new().await;
    world.create("bass", run("/spin")).await;
    world.engine.start("bass").await.unwrap();
    world.create("cod", run("/spin")).await;
    world.engine.start("cod").await.unwrap();
    let (bass, cod) = (world.engine.inspect("bass").unwrap(), world.engine.inspect("cod").unwrap());
    let db = world.dir.path().join("root/state.db");
    let world = world
        .reopen_after(|| {
            // As if the daemon had died before it stored the start, and the create.
            let db = rusqlite::Connection::open(db).unwrap();
            db.execute("UPDATE life SET state = 'created', run = 0 WHERE id = ?1", [bass.id.to_string()]).unwrap();
            db.execute("DELETE FROM container WHERE id = ?1", [cod.id.to_string()]).unwrap();
        })
        .await;
    assert_eq!(world.status("bass"), Status::Created);
    let (events, mut told) = tokio::sync::mpsc::unbounded_channel();
    let (name, pid) = (worker_of(&world, bass.state.pid), bass.state.pid);
    let socket = world.dir.path().join("run").join(format!("{name}.sock"));
    world.engine.close(false).await;
    let worker = sprat_worker::Client::connect(&name, &socket, events).await.unwrap();
    assert_eq!(worker.pid(), pid);
    let alive = |guests: Vec<sprat_worker::GuestStatus>| {
        guests.into_iter().filter(|guest| !matches!(guest.state, GuestState::Exited { .. })).count()
    };
    while alive(worker.list().await.unwrap()) > 0 {
        tokio::time::timeout(PATIENCE, told.recv()).await.unwrap().unwrap();
    }
    drop(worker);
    world.reopen().await.end().await;
}

/// Name of the worker with this process id.
fn worker_of(world: &World, pid: u32) -> String {
    let folder = std::fs::read_dir(world.dir.path().join("root/workers")).unwrap();
    let mut names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let serves = |name: &str| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        line.contains(&format!("\"name\":\"{name}\""))
    };
    names.find_map(|name| name.strip_suffix(".journal").filter(|name| serves(name)).map(str::to_owned)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_keeps_its_files_when_its_image_is_removed_and_pruned_under_two_daemons() {
    let world = World::new().await;
    world.create("bass", run("/fail")).await;
    world.engine.remove_image("guests", true).await.unwrap();
    world.engine.prune_images(true, &Default::default()).await.unwrap();
    let world = world.reopen().await;
    world.engine.prune_images(true, &Default::default()).await.unwrap();
    let world = world.reopen().await;
    world.engine.start("bass").await.unwrap();
    assert_eq!(world.exit("bass", WaitCondition::NotRunning).await.0, 3);
    world.engine.remove("bass", RemoveOptions::default()).await.unwrap();
    world.engine.prune_images(true, &Default::default()).await.unwrap();
    assert!(world.engine.images().unwrap().is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_do_not_share_a_root() {
    let world = World::new().await;
    let error = Engine::open(config(&world.dir)).await.unwrap_err().to_string();
    assert!(error.contains(&format!("another daemon (pid {})", std::process::id())), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_ends_its_containers_with_137_and_names_itself() {
    let world = World::new().await;
    world.create("bass", run("/spin")).await;
    world.create("cod", ContainerSpec { restart: RestartPolicy::Always, ..run("/spin") }).await;
    for name in ["bass", "cod"] {
        world.engine.start(name).await.unwrap();
    }
    let exit = world.engine.wait("bass", WaitCondition::NextExit).unwrap();
    let lost = world.engine.wait("cod", WaitCondition::NextExit).unwrap();
    for name in ["bass", "cod"] {
        let pid = world.engine.inspect(name).unwrap().state.pid;
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap());
        if let Some(pid) = pid {
            // Both may share a worker, which is gone the second time.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
    // No error: clients would take it for a wait that failed.
    assert_eq!(tokio::time::timeout(PATIENCE, exit).await.unwrap(), (137, None));
    assert!(world.engine.inspect("bass").unwrap().state.error.starts_with("worker w"));
    assert_eq!(tokio::time::timeout(PATIENCE, lost).await.unwrap().0, 137);
    let events = world.engine.events(EventFilter { since_ns: Some(0), ..EventFilter::default() }).unwrap();
    let again = events.filter(|event| {
        let hers = event.action == "start" && event.attributes.get("name").is_some_and(|name| name == "cod");
        std::future::ready(hers)
    });
    assert_eq!(tokio::time::timeout(PATIENCE, again.take(2).count()).await.unwrap(), 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_whose_worker_dies_before_it_answers_goes_to_another_worker() {
    use rustix::process::{Pid, Signal, kill_process};
    let world = World::new().await;
    world.create("bass", run("/spin")).await;
    world.engine.start("bass").await.unwrap();
    world.create("cod", run("/spin")).await;
    let pid = world.engine.inspect("bass").unwrap().state.pid;
    let worker = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(worker, Signal::STOP).unwrap();
    let engine = std::sync::Arc::clone(&world.engine);
    let start = tokio::spawn(async move { engine.start("cod").await });
    // It has a place, so the worker that can't answer is asked.
    while world.engine.inspect("cod").unwrap().state.pid != pid {
        tokio::task::yield_now().await;
    }
    kill_process(worker, Signal::KILL).unwrap();
    start.await.unwrap().unwrap();
    assert_eq!(world.exit("bass", WaitCondition::NotRunning).await.0, 137);
    assert_eq!(world.status("cod"), Status::Running);
    world.engine.stop("cod", StopOptions::default()).await.unwrap();
    assert_eq!(world.exit("cod", WaitCondition::NotRunning).await.0, 143);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_is_refused_and_left_as_it_is() {
    let world = World::new().await;
    world.create("bass", run("/echo")).await;
    world.engine.close(true).await;
    let World { dir, engine } = world;
    drop(engine);
    let db = dir.path().join("root/state.db");
    std::fs::write(&db, b"this is no database, and never was one").unwrap();
    let error = Engine::open(config(&dir)).await.unwrap_err();
    assert!(matches!(&error, EngineError::Store { .. }) && error.to_string().contains("damaged"), "{error}");
    assert_eq!(std::fs::read(&db).unwrap(), b"this is no database, and never was one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_does_not_answer_holds_up_nobody_and_loses_nothing() {
    let world = World::new().await;
    world.create("held", ContainerSpec { isolation: Isolation::Process, ..run("/spin") }).await;
    world.create("free", run("/spin")).await;
    for name in ["held", "free"] {
        world.engine.start(name).await.unwrap();
    }
    let pid = world.engine.inspect("held").unwrap().state.pid;
    let world = world.reopen_after(|| hold(pid)).await;
    assert_eq!((world.status("held"), world.status("free")), (Status::Running, Status::Running));
    world.engine.kill("free", "KILL").await.unwrap();
    let error = world.engine.stop("held", StopOptions::default()).await.unwrap_err();
    assert!(matches!(&error, EngineError::Worker(text) if text.contains("does not answer")), "{error}");
    // There is no next run to attach to: this one goes on.
    let error = world.engine.attach("held", AttachOptions::default()).await.unwrap_err();
    assert!(matches!(&error, EngineError::Worker(text) if text.contains("does not answer")), "{error}");
    assert_eq!(world.status("held"), Status::Running);
    go_on(pid);
    let answers = async {
        while world.engine.inspect("held").unwrap().state.pid == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, answers).await.unwrap();
    assert_eq!(world.engine.inspect("held").unwrap().state.pid, pid);
    world.engine.kill("held", "KILL").await.unwrap();
    assert_eq!(world.exit("held", WaitCondition::NotRunning).await.0, 137);
    world.end().await;
}
