//! Clients that race over the same containers: each operation succeeds or is refused for a reason, and what is told of a
//! container is the life of one container.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sprat_engine::{
    ContainerSpec, Engine, EngineError, ErrorKind, Event, EventFilter, EventKind, ListFilter, RemoveOptions,
    RestartPolicy, StopOptions, WaitCondition,
};

use crate::world::{PATIENCE, World, now_ns, run};

const NAMES: [&str; 3] = ["bass", "cod", "hake"];

/// What a client asks for; names by their number.
#[derive(Debug, Clone)]
enum Ask {
    Create { name: usize, ends: bool, auto_remove: bool, again: bool },
    Start(usize),
    Stop(usize),
    Kill(usize),
    Restart(usize),
    Pause(usize, bool),
    Rename(usize, usize),
    Remove { name: usize, force: bool },
    Wait(usize, WaitCondition),
    Attach(usize),
    Prune,
}

fn ask() -> impl Strategy<Value = Ask> {
    let name = || 0..NAMES.len();
    let condition =
        prop_oneof![Just(WaitCondition::NotRunning), Just(WaitCondition::NextExit), Just(WaitCondition::Removed)];
    prop_oneof![
        4 => (name(), any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(name, ends, auto_remove, again)| Ask::Create { name, ends, auto_remove, again }),
        5 => name().prop_map(Ask::Start),
        2 => name().prop_map(Ask::Stop),
        2 => name().prop_map(Ask::Kill),
        1 => name().prop_map(Ask::Restart),
        2 => (name(), any::<bool>()).prop_map(|(name, paused)| Ask::Pause(name, paused)),
        2 => (name(), name()).prop_map(|(name, new)| Ask::Rename(name, new)),
        3 => (name(), any::<bool>()).prop_map(|(name, force)| Ask::Remove { name, force }),
        2 => (name(), condition).prop_map(|(name, condition)| Ask::Wait(name, condition)),
        1 => name().prop_map(Ask::Attach),
        1 => Just(Ask::Prune),
    ]
}

fn spec(name: usize, ends: bool, auto_remove: bool, again: bool) -> ContainerSpec {
    let restart = if again && !auto_remove { RestartPolicy::OnFailure { max: 2 } } else { RestartPolicy::No };
    ContainerSpec {
        name: Some(NAMES[name].to_owned()),
        image: "guests".to_owned(),
        auto_remove,
        restart,
        ..run(if ends { "/fail" } else { "/spin" })
    }
}

type Exit = futures_util::future::BoxFuture<'static, (i64, Option<String>)>;

/// Does what is asked; a wait is begun, and ended later.
async fn answer(engine: &Engine, ask: &Ask, waits: &mut Vec<Exit>) -> Result<(), EngineError> {
    match *ask {
        Ask::Create { name, ends, auto_remove, again } => {
            engine.create(spec(name, ends, auto_remove, again)).await.map(drop)
        }
        Ask::Start(name) => engine.start(NAMES[name]).await,
        Ask::Stop(name) => {
            let options = StopOptions { signal: None, timeout: Some(Duration::from_secs(1)) };
            engine.stop(NAMES[name], options).await
        }
        Ask::Kill(name) => engine.kill(NAMES[name], "KILL").await,
        Ask::Restart(name) => engine.restart(NAMES[name], StopOptions::default()).await,
        Ask::Pause(name, paused) => engine.pause(NAMES[name], paused).await,
        Ask::Rename(name, new) => engine.rename(NAMES[name], NAMES[new]).await,
        Ask::Remove { name, force } => engine.remove(NAMES[name], RemoveOptions { force, volumes: true }).await,
        Ask::Wait(name, condition) => engine.wait(NAMES[name], condition).map(|exit| waits.push(exit)),
        Ask::Attach(name) => engine.attach(NAMES[name], <_>::default()).await.map(drop),
        Ask::Prune => engine.prune_containers(&BTreeMap::new()).await.map(drop),
    }
}

/// A user's error; anything else is the engine's own.
fn is_users(error: &EngineError) -> bool {
    matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::NotModified)
}

/// Several clients at once, each with its own asks.
async fn race(world: &World, clients: &[Vec<Ask>]) {
    let clients = clients.iter().cloned().map(|asks| {
        let engine = Arc::clone(&world.engine);
        tokio::spawn(async move {
            let mut waits = Vec::new();
            for ask in &asks {
                let answered = tokio::time::timeout(PATIENCE, answer(&engine, ask, &mut waits)).await;
                let answered = answered.unwrap_or_else(|_| panic!("no answer to {ask:?}"));
                if let Err(error) = answered {
                    assert!(is_users(&error), "{ask:?}: {error}");
                }
            }
            waits
        })
    });
    let waits: Vec<Exit> = join_all(clients).await.into_iter().flat_map(Result::unwrap).collect();
    remove_all(world).await;
    // All are gone, so nobody waits any more.
    tokio::time::timeout(PATIENCE, join_all(waits)).await.unwrap();
}

async fn remove_all(world: &World) {
    let all = ListFilter { all: true, ..ListFilter::default() };
    loop {
        let left = world.engine.list(&all).unwrap();
        if left.is_empty() {
            return;
        }
        for container in left {
            let options = RemoveOptions { force: true, volumes: true };
            if let Err(error) = world.engine.remove(&container.id.to_string(), options).await {
                assert!(is_users(&error), "{error}");
            }
        }
    }
}

/// Checks what was told of each container since then: made once, started and ended by turns, removed once and last.
async fn check_lives(world: &World, since_ns: i64) {
    let filter = EventFilter { since_ns: Some(since_ns), until_ns: Some(now_ns()), ..EventFilter::default() };
    let events: Vec<Event> = world.engine.events(filter).unwrap().collect().await;
    let mut lives: HashMap<String, Vec<String>> = HashMap::new();
    for event in events.into_iter().filter(|event| event.kind == EventKind::Container && event.action != "prune") {
        lives.entry(event.actor).or_default().push(event.action);
    }
    for (id, life) in lives {
        let ends: Vec<&str> = life.iter().map(String::as_str).collect();
        assert_eq!((ends.first(), ends.last()), (Some(&"create"), Some(&"destroy")), "{id}: {ends:?}");
        let mut running = false;
        for action in &ends[1..ends.len() - 1] {
            match *action {
                "start" => assert!(!std::mem::replace(&mut running, true), "{id} was started twice: {ends:?}"),
                "die" => assert!(std::mem::take(&mut running), "{id} ended twice: {ends:?}"),
                "create" | "destroy" => panic!("{id}: {ends:?}"),
                _ => {}
            }
        }
        assert!(!running, "{id} was removed while it ran: {ends:?}");
    }
}

#[test]
fn whatever_clients_ask_for_at_once_each_container_has_one_life() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let clients = proptest::collection::vec(proptest::collection::vec(ask(), 10..25), 2..5);
    // Not shrunk: what is asked is half of a race only, and the other half is different each time.
    let config = Config { cases: 48, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let ran = runner.run(&clients, |clients| {
        runtime.block_on(async {
            let begin = now_ns();
            race(&world, &clients).await;
            check_lives(&world, begin).await;
        });
        Ok(())
    });
    ran.unwrap();
    runtime.block_on(async {
        assert_eq!(std::fs::read_dir(world.dir.path().join("root/containers")).unwrap().count(), 0);
        for name in NAMES {
            world.create(name, run("/fail")).await;
        }
        world.end().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_rename_and_a_creation_with_one_name_one_wins_and_the_other_leaves_nothing() {
    let world = World::new().await;
    for _ in 0..20 {
        world.create("bass", run("/fail")).await;
        let spec = ContainerSpec { name: Some("cod".to_owned()), image: "guests".to_owned(), ..run("/fail") };
        let (renamed, created) = tokio::join!(world.engine.rename("bass", "cod"), world.engine.create(spec));
        let lost = match (renamed, created) {
            (Ok(()), Err(lost)) | (Err(lost), Ok(_)) => lost,
            both => panic!("not one of them: {both:?}"),
        };
        assert!(matches!(lost, EngineError::NameTaken { .. }), "{lost}");
        let all = ListFilter { all: true, ..ListFilter::default() };
        for container in world.engine.list(&all).unwrap() {
            world.engine.remove(&container.name, RemoveOptions::default()).await.unwrap();
        }
    }
    assert_eq!(std::fs::read_dir(world.dir.path().join("root/containers")).unwrap().count(), 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_creations_with_one_name_one_wins() {
    let world = World::new().await;
    for _ in 0..5 {
        let creations = (0..8).map(|_| world.engine.create(spec(0, true, false, false)));
        let created = join_all(creations).await;
        assert_eq!(created.iter().filter(|created| created.is_ok()).count(), 1);
        assert!(
            created
                .iter()
                .all(|created| created.as_ref().is_ok() || matches!(created, Err(EngineError::NameTaken { .. })))
        );
        world.engine.remove("bass", RemoveOptions::default()).await.unwrap();
    }
    world.end().await;
}
