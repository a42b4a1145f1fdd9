//! What is left when daemons and workers are killed.

use futures_util::StreamExt as _;
use sprat_engine::{ContainerSpec, Engine, EngineError, EventFilter, Isolation, RestartPolicy, Status, WaitCondition};

use crate::world::{PATIENCE, World, config, run};

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
    world.engine.stop("running", None).await.unwrap();
    world.engine.kill("alone", "KILL").await.unwrap();
    assert_eq!(world.exit("alone", WaitCondition::NotRunning).await.0, 137);
    assert_eq!(world.exit("running", WaitCondition::NotRunning).await.0, 143);
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
    let (code, error) = tokio::time::timeout(PATIENCE, exit).await.unwrap();
    assert_eq!(code, 137);
    assert!(error.unwrap().starts_with("worker w"));
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
