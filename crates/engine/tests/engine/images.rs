//! Images made and removed while containers use them.

use std::collections::BTreeMap;
use std::sync::Arc;

use sprat_engine::{BuildError, BuildOptions, BuildRequest, ContainerSpec, EngineError, WaitCondition};

use crate::world::{PATIENCE, World, run};

/// Builds on the image of the world with one RUN step.
async fn build(world: &World, program: &str) -> EngineError {
    let dockerfile = format!("FROM guests\nRUN [\"{program}\"]\n");
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(dockerfile.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    tar.append_data(&mut header, "Dockerfile", dockerfile.as_bytes()).unwrap();
    let context = world.dir.path().join(format!("context-{}.tar", program.trim_start_matches('/')));
    std::fs::write(&context, tar.into_inner().unwrap()).unwrap();
    let request = BuildRequest { context, options: BuildOptions::default(), credentials: BTreeMap::new() };
    let build = world.engine.build(request, Arc::new(|_| {}), Arc::new(|_| {}));
    tokio::time::timeout(PATIENCE, build).await.unwrap().unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_of_a_step_reaches_its_build() {
    let world = World::new().await;
    let error = build(&world, "/fail").await;
    assert!(matches!(error, EngineError::Build(BuildError::Run { code: 3, .. })), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_whose_worker_is_killed_fails_and_names_it() {
    let world = World::new().await;
    let before: Vec<_> = world.engine.info().await.workers;
    let kill = async {
        // The step's worker is the one that has a guest: no container runs here.
        loop {
            let workers = world.engine.info().await.workers;
            if let Some((name, pid, _)) = workers.into_iter().find(|(_, _, guests)| *guests > 0) {
                let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
                return name;
            }
            tokio::task::yield_now().await;
        }
    };
    let (error, name) = tokio::join!(build(&world, "/spin"), kill);
    assert!(!before.iter().any(|(known, ..)| *known == name));
    assert!(error.to_string().contains(&format!("worker {name}")), "{error}");
    assert!(error.to_string().contains("line 2"), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_makes_an_image_that_runs() {
    let world = World::new().await;
    world.create("bass", run("/fail")).await;
    let request = sprat_engine::CommitRequest {
        container: "bass".to_owned(),
        tag: Some("caught:1".parse().unwrap()),
        changes: vec!["LABEL sea=south".to_owned()],
        ..sprat_engine::CommitRequest::default()
    };
    world.engine.commit(request).await.unwrap();
    let spec = ContainerSpec { name: Some("cod".to_owned()), image: "caught:1".to_owned(), ..ContainerSpec::default() };
    world.engine.create(spec).await.unwrap();
    world.engine.start("cod").await.unwrap();
    assert_eq!(world.exit("cod", WaitCondition::NotRunning).await.0, 3);
    assert_eq!(world.engine.inspect("cod").unwrap().labels["sea"], "south");
    assert!(world.engine.remove_image("caught:1", false).await.is_err(), "a container uses it");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_in_use_while_a_container_is_made_of_it() {
    let world = World::new().await;
    let spec = ContainerSpec { name: Some("bass".to_owned()), image: "guests".to_owned(), ..run("/spin") };
    let engine = Arc::clone(&world.engine);
    let create = tokio::spawn(async move { engine.create(spec).await });
    // Only the program of its CMD was compiled when the image came in.
    while world.engine.compilations().is_empty() {
        tokio::task::yield_now().await;
    }
    let refused = world.engine.remove_image("guests", false).await.unwrap_err();
    assert!(refused.to_string().contains("is using its referenced image"), "{refused}");
    assert!(world.engine.remove_image("guests", true).await.unwrap().deleted.is_empty());
    let reclaimed = world.engine.prune_images(true, &Default::default()).await.unwrap();
    assert!(reclaimed.removed.deleted.is_empty());
    create.await.unwrap().unwrap();
    world.engine.image(&world.engine.inspect("bass").unwrap().image.to_string()).unwrap();
    world.end().await;
}
