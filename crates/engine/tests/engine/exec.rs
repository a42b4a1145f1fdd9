//! Further programs in running containers, and health checks.

use futures_util::StreamExt as _;
use sprat_engine::{
    ContainerSpec, EngineError, ErrorKind, EventFilter, ExecSpec, HealthStatus, Healthcheck, WaitCondition,
};

use crate::world::{PATIENCE, World, run};

fn exec(argv: &[&str]) -> ExecSpec {
    let argv = argv.iter().map(|&word| word.to_owned()).collect();
    ExecSpec { argv, stdout: true, stderr: true, ..ExecSpec::default() }
}

impl World {
    /// What an exec wrote, and its exit status.
    async fn exec(&self, name: &str, spec: ExecSpec) -> Result<(String, u8), EngineError> {
        let id = self.engine.exec_create(name, spec)?.id;
        let mut attachment = self.engine.exec_start(&id, false, None).await?.unwrap();
        attachment.input = None;
        let mut text = Vec::new();
        while let Some((_, bytes)) = attachment.output.recv().await {
            text.extend_from_slice(&bytes);
        }
        let code = tokio::time::timeout(PATIENCE, self.engine.exec_wait(&id)).await.unwrap()?;
        Ok((String::from_utf8(text).unwrap(), code))
    }

    async fn running(name: &str, spec: ContainerSpec) -> Self {
        let world = Self::new().await;
        world.create(name, ContainerSpec { open_stdin: true, ..spec }).await;
        world.engine.start(name).await.unwrap();
        world
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exec_runs_beside_the_first_program_and_has_its_own_status() {
    let world = World::running("bass", run("/echo")).await;
    let since = crate::world::now_ns();
    assert_eq!(world.exec("bass", exec(&["/fail"])).await.unwrap(), (String::new(), 3));
    assert_eq!(world.exec("bass", ExecSpec { user: Some("app".to_owned()), ..exec(&["echo"]) }).await.unwrap().1, 0);
    let until = Some(crate::world::now_ns());
    let filter = EventFilter { since_ns: Some(since), until_ns: until, ..EventFilter::default() };
    let events: Vec<_> = world.engine.events(filter).unwrap().map(|event| event.action).collect().await;
    assert_eq!(events[..3], ["exec_create: /fail ", "exec_start: /fail ", "exec_die"]);
    assert!(world.engine.inspect("bass").unwrap().execs.is_empty());
    assert_eq!(world.engine.top("bass").await.unwrap()[0].argv, ["/echo"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_run_has_dockers_status_and_words() {
    let world = World::running("bass", run("/echo")).await;
    for (program, code) in [("nothing", 127), ("/script", 126), ("/plain", 126)] {
        let id = world.engine.exec_create("bass", exec(&[program])).unwrap().id;
        world.engine.exec_start(&id, false, None).await.unwrap_err();
        assert_eq!(world.engine.exec_inspect(&id).unwrap().exit_code, Some(code), "{program}");
    }
    let error = world.exec("bass", ExecSpec { user: Some("nobody".to_owned()), ..exec(&["/fail"]) }).await.unwrap_err();
    assert!(error.to_string().contains("unable to find user nobody"), "{error}");
    let id = world.engine.exec_create("bass", exec(&["/fail"])).unwrap().id;
    world.engine.exec_start(&id, true, None).await.unwrap();
    let again = world.engine.exec_start(&id, true, None).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);
    world.engine.pause("bass", true).await.unwrap();
    let error = world.engine.exec_create("bass", exec(&["/fail"])).unwrap_err();
    assert!(error.to_string().ends_with("is paused, unpause the container before exec"), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exec_ends_with_its_container() {
    let world = World::running("bass", run("/echo")).await;
    let id = world.engine.exec_create("bass", exec(&["/spin"])).unwrap().id;
    world.engine.exec_start(&id, true, None).await.unwrap();
    assert!(world.engine.exec_inspect(&id).unwrap().running);
    assert_eq!(world.engine.top("bass").await.unwrap().len(), 2);
    world.engine.kill("bass", "KILL").await.unwrap();
    world.exit("bass", WaitCondition::NotRunning).await;
    let code = tokio::time::timeout(PATIENCE, world.engine.exec_wait(&id)).await.unwrap().unwrap();
    assert_eq!(code, 137);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_judged_by_the_checks_status_and_known_to_the_next_daemon() {
    let check = |program: &str| Healthcheck {
        test: vec!["CMD".to_owned(), program.to_owned()],
        interval: 20_000_000,
        retries: 2,
        ..Healthcheck::default()
    };
    let world = World::running("bass", ContainerSpec { healthcheck: Some(check("/echo")), ..run("/echo") }).await;
    world.create("cod", ContainerSpec { open_stdin: true, healthcheck: Some(check("/fail")), ..run("/echo") }).await;
    world.engine.start("cod").await.unwrap();
    until(&world, "bass", HealthStatus::Healthy).await;
    until(&world, "cod", HealthStatus::Unhealthy).await;
    let health = world.engine.inspect("cod").unwrap().state.health.unwrap();
    assert!(health.failing_streak >= 2 && health.log.iter().all(|result| result.exit_code == 3), "{health:?}");
    let world = world.reopen().await;
    assert_eq!(world.engine.inspect("cod").unwrap().state.health.unwrap().status, HealthStatus::Unhealthy);
    assert!(world.engine.inspect("bass").unwrap().state.health.is_some());
    world.end().await;
}

async fn until(world: &World, name: &str, wanted: HealthStatus) {
    let filters =
        [("container", name), ("event", "health_status")].map(|(key, value)| (key.into(), vec![value.into()]));
    let filter = EventFilter { since_ns: Some(0), filters: filters.into(), ..EventFilter::default() };
    let wanted = format!("health_status: {}", wanted.as_str());
    let told = world.engine.events(filter).unwrap().any(|event| std::future::ready(event.action == wanted));
    assert!(tokio::time::timeout(PATIENCE, told).await.unwrap());
}
