//! Volumes and mounts of containers: whose they are, and what goes with whom.

use std::collections::BTreeMap;

use sprat_engine::{ContainerSpec, EngineError, LogSpec, MountKind, MountSpec, RemoveOptions, WaitCondition};

use crate::world::{World, run};

fn volume(target: &str, name: &str) -> MountSpec {
    let kind = MountKind::Volume { name: name.to_owned(), no_copy: false, labels: BTreeMap::new() };
    MountSpec { target: target.to_owned(), kind, read_only: false, inherited: false }
}

fn from(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_of_another_container_are_shared_and_go_with_the_last() {
    let world = World::new().await;
    let engine = &world.engine;
    world
        .create("bass", ContainerSpec { mounts: vec![volume("/data", ""), volume("/named", "sea")], ..run("/fail") })
        .await;
    let own = ContainerSpec { mounts: vec![volume("/named", "own")], ..run("/fail") };
    world.create("cod", ContainerSpec { volumes_from: from(&["bass:ro"]), ..own }).await;
    let mounts = |name: &str| {
        let mut mounts = engine.inspect(name).unwrap().mounts;
        mounts.sort_by(|a, b| a.target.cmp(&b.target));
        mounts.into_iter().map(|mount| (mount.target, mount.name, mount.writable)).collect::<Vec<_>>()
    };
    let (bass, cod) = (mounts("bass"), mounts("cod"));
    assert_eq!(cod[0], ("/data".to_owned(), bass[0].1.clone(), false));
    assert_eq!(cod[1], ("/named".to_owned(), "own".to_owned(), true), "its own goes first");
    let (anonymous, users) = engine.volumes().into_iter().find(|(volume, _)| volume.anonymous).unwrap();
    assert_eq!((users.len(), anonymous.labels["com.docker.volume.anonymous"].as_str()), (2, ""));
    engine.start("cod").await.unwrap();
    world.exit("cod", WaitCondition::NotRunning).await;
    for (name, left) in [("bass", 3), ("cod", 2)] {
        engine.remove(name, RemoveOptions { force: false, volumes: true }).await.unwrap();
        assert_eq!(engine.volumes().len(), left, "after {name}");
    }
    let missing = ContainerSpec { image: "guests".to_owned(), volumes_from: from(&["nobody"]), ..run("/fail") };
    let error = engine.create(missing).await.unwrap_err();
    assert!(matches!(&error, EngineError::Invalid(text) if text == "No such container: nobody"), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_noted_stands_with_each_log_line() {
    use futures_util::StreamExt as _;
    let world = World::new().await;
    let noted = [("labels", "sea"), ("env-regex", "^TE"), ("tag", "{{.Name}}")];
    let noted = noted.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let log = LogSpec { noted, ..LogSpec::default() };
    let env = vec!["TEAM=blue".to_owned(), "OTHER=1".to_owned()];
    world.create("bass", ContainerSpec { log, env, ..run("/echo") }).await;
    world.engine.start("bass").await.unwrap();
    world.exit("bass", WaitCondition::NotRunning).await;
    let query = sprat_engine::LogQuery { stdout: true, stderr: true, ..Default::default() };
    let lines: Vec<_> = world.engine.logs("bass", query).unwrap().collect().await;
    let noted = &lines[0].as_ref().unwrap().noted;
    let expected = [("TEAM", "blue"), ("sea", "north"), ("tag", "bass")];
    assert_eq!(noted.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>(), expected);
    world.end().await;
}
