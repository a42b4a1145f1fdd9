//! Images made and removed while containers use them.

use sprat_engine::{ContainerSpec, WaitCondition};

use crate::world::{World, run};

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
