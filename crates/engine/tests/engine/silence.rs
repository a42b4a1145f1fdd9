//! Workers that are held while the engine runs, and the engine's own end.

use std::sync::Arc;

use sprat_engine::{
    AttachOptions, ContainerSpec, EngineConfig, EngineError, Isolation, RemoveOptions, Status, StopOptions,
    WaitCondition,
};

use crate::world::{World, go_on, hold, run};

/// Process id of a container's worker.
fn worker(world: &World, name: &str) -> u32 {
    world.engine.inspect(name).unwrap().state.pid
}

/// Two shared workers, with one container each: `bass` and `cod`.
async fn two_workers() -> World {
    let world = World::with(|config| EngineConfig { worker_slots: 8, max_workers: 2, ..config }).await;
    for number in 0.. {
        let name = format!("c{number}");
        world.create(&name, run("/spin")).await;
        world.engine.start(&name).await.unwrap();
        if worker(&world, &name) != worker(&world, "c0") {
            world.engine.rename(&name, "cod").await.unwrap();
            world.engine.rename("c0", "bass").await.unwrap();
            // So that both have the same number of places left.
            for other in 1..number {
                let options = RemoveOptions { force: true, volumes: false };
                world.engine.remove(&format!("c{other}"), options).await.unwrap();
            }
            return world;
        }
    }
    unreachable!("all workers are one")
}

/// Lets all patience end that somebody has now.
async fn jump() {
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(21)).await;
    tokio::time::resume();
}

// One thread, so that the clock can jump.
#[tokio::test]
async fn a_worker_held_under_way_is_left_out_and_holds_up_nobody() {
    let world = two_workers().await;
    let engine = Arc::clone(&world.engine);
    let held = worker(&world, "cod");
    hold(held);
    // Places are given where most are free, so one of these is tried in the held worker.
    for number in 0..2 {
        let name = format!("new{number}");
        world.create(&name, run("/spin")).await;
        let starter = Arc::clone(&engine);
        let start = tokio::spawn(async move { starter.start(&format!("new{number}")).await });
        while worker(&world, &name) == 0 {
            tokio::task::yield_now().await;
        }
        if worker(&world, &name) == held {
            jump().await;
        }
        start.await.unwrap().unwrap();
        assert_ne!(worker(&world, &name), held);
    }
    world.create("attached", run("/echo")).await;
    engine.attach("attached", AttachOptions { stdin: false }).await.unwrap();
    engine.start("attached").await.unwrap();
    engine.stop("bass", StopOptions::default()).await.unwrap();
    engine.remove("new0", RemoveOptions { force: true, volumes: false }).await.unwrap();
    let error = engine.remove("cod", RemoveOptions { force: true, volumes: false }).await.unwrap_err().to_string();
    assert!(error.contains("does not answer") && error.contains(&held.to_string()), "{error}");
    assert_eq!(world.status("cod"), Status::Running);
    go_on(held);
    // It was told meanwhile what to do.
    assert_eq!(world.exit("cod", WaitCondition::NotRunning).await.0, 137);
    world.end().await;
}

#[tokio::test]
async fn a_held_worker_does_not_hold_up_the_end_and_the_exits_of_its_containers_are_recorded() {
    let world = two_workers().await;
    let held = worker(&world, "cod");
    hold(held);
    tokio::time::pause();
    world.engine.kill("cod", "TERM").await.unwrap_err();
    tokio::time::resume();
    world.create("late", run("/spin")).await;
    world.engine.close(true).await;
    assert!(!std::path::Path::new(&format!("/proc/{held}/fd/0")).exists(), "it is killed");
    let cod = world.engine.inspect("cod").unwrap().state;
    assert_eq!((cod.status, cod.exit.unwrap().code), (Status::Exited, 137));
    assert_eq!(world.engine.inspect("bass").unwrap().state.exit.unwrap().code, 143);
    assert!(matches!(world.engine.start("late").await, Err(EngineError::Ending)));
    let attached = world.engine.attach("late", AttachOptions { stdin: false }).await;
    assert!(matches!(attached, Err(EngineError::Ending)));
    let world = world.reopen().await;
    let cod = world.engine.inspect("cod").unwrap().state;
    assert_eq!((cod.status, cod.exit.unwrap().code), (Status::Exited, 137));
    assert_eq!(world.status("late"), Status::Created);
    world.end().await;
}

#[tokio::test]
async fn a_held_worker_of_one_container_is_killed_with_it() {
    let world = World::new().await;
    for name in ["bass", "cod"] {
        world.create(name, ContainerSpec { isolation: Isolation::Process, ..run("/spin") }).await;
        world.engine.start(name).await.unwrap();
        hold(worker(&world, name));
    }
    tokio::time::pause();
    for name in ["bass", "cod"] {
        // From here on each is known to be silent, and waited for no longer than a moment.
        world.engine.usage(name).await.unwrap();
    }
    tokio::time::resume();
    world.engine.stop("bass", StopOptions::default()).await.unwrap();
    world.engine.remove("cod", RemoveOptions { force: true, volumes: false }).await.unwrap();
    assert_eq!(world.exit("bass", WaitCondition::NotRunning).await.0, 137);
    assert!(world.engine.inspect("cod").is_err());
    world.end().await;
}

#[tokio::test]
async fn a_removal_that_was_broken_off_takes_the_volumes_along_only_if_it_was_asked_to() {
    use sprat_engine::{MountKind, MountSpec};
    let world = World::new().await;
    for name in ["bass", "cod"] {
        let kind = MountKind::Volume { name: String::new(), no_copy: false, labels: Default::default() };
        let mount = MountSpec { target: "/data".to_owned(), read_only: false, kind, inherited: false };
        world.create(name, ContainerSpec { mounts: vec![mount], ..run("/fail") }).await;
    }
    let (bass, cod) = (world.engine.inspect("bass").unwrap(), world.engine.inspect("cod").unwrap());
    let db = world.dir.path().join("root/state.db");
    let world = world
        .reopen_after(|| {
            let db = rusqlite::Connection::open(db).unwrap();
            let removing = "UPDATE life SET state = ?2 WHERE id = ?1";
            db.execute(removing, [bass.id.to_string().as_str(), "removing-volumes"]).unwrap();
            db.execute(removing, [cod.id.to_string().as_str(), "removing"]).unwrap();
        })
        .await;
    for name in ["bass", "cod"] {
        // It may be gone already.
        if let Ok(removed) = world.engine.wait(name, WaitCondition::Removed) {
            removed.await;
        }
    }
    assert_eq!(world.engine.volumes().len(), 1);
    world.end().await;
}
