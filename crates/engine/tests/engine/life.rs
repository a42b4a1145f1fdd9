//! The life of containers: from create to remove.

use futures_util::StreamExt as _;
use sprat_engine::{
    AttachOptions, ContainerSpec, EngineError, EventFilter, ListFilter, MountKind, MountSpec, RemoveOptions,
    RestartPolicy, Status, StopOptions, Stream, WaitCondition,
};

use crate::world::{PATIENCE, SPIN, World, now_ns, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_container_lives_and_is_gone() {
    let world = World::new().await;
    let engine = &world.engine;
    world.create("bass", run("/fail")).await;
    assert_eq!(world.status("bass"), Status::Created);
    let exit = engine.wait("bass", WaitCondition::NextExit).unwrap();
    engine.start("bass").await.unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, exit).await.unwrap(), (3, None));
    assert_eq!(world.status("bass"), Status::Exited);
    assert_eq!(world.exit("bass", WaitCondition::NotRunning).await.0, 3);
    engine.start("bass").await.unwrap();
    world.exit("bass", WaitCondition::NotRunning).await;
    engine.remove("bass", RemoveOptions::default()).await.unwrap();
    assert!(matches!(engine.inspect("bass"), Err(EngineError::NoSuchContainer(_))));
    assert_eq!(std::fs::read_dir(world.dir.path().join("root/containers")).unwrap().count(), 0);
    let past = EventFilter { since_ns: Some(0), until_ns: Some(now_ns()), ..EventFilter::default() };
    let events: Vec<_> = engine.events(past).unwrap().collect().await;
    let told: Vec<&str> =
        events.iter().map(|event| event.action.as_str()).filter(|action| *action != "import").collect();
    let run = ["connect", "start", "die", "disconnect"];
    assert_eq!(told, [&["create"][..], &run, &run, &["destroy"]].concat());
    let die = events.iter().find(|event| event.action == "die").unwrap();
    assert_eq!((die.attributes["exitCode"].as_str(), die.attributes["name"].as_str()), ("3", "bass"));
    assert_eq!(die.attributes["sea"], "north");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attachment_made_before_the_start_sees_all_and_feeds_the_guest() {
    let world = World::new().await;
    let spec = ContainerSpec { open_stdin: true, stdin_once: true, ..run("/echo") };
    world.create("bass", spec).await;
    let mut attached = world.engine.attach("bass", AttachOptions { stdin: true }).await.unwrap();
    world.engine.start("bass").await.unwrap();
    let input = attached.input.take().unwrap();
    input.send("ping\n".into()).await.unwrap();
    drop(input);
    let mut output = Vec::new();
    while let Some((stream, bytes)) = tokio::time::timeout(PATIENCE, attached.output.recv()).await.unwrap() {
        assert_eq!(stream, Stream::Stdout);
        output.extend_from_slice(&bytes);
    }
    assert_eq!(String::from_utf8_lossy(&output), "hello\nping\n");
    assert_eq!(world.exit("bass", WaitCondition::NotRunning).await.0, 0);
    assert_eq!(world.log("bass").await, "hello\nping\n");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_is_143_kill_is_137_and_both_refuse_what_does_not_run() {
    let world = World::new().await;
    let engine = &world.engine;
    world.create("bass", run("/spin")).await;
    engine.start("bass").await.unwrap();
    assert!(matches!(engine.start("bass").await, Err(EngineError::NotModified)));
    assert!(engine.remove("bass", RemoveOptions::default()).await.is_err());
    engine.kill("bass", "HUP").await.unwrap();
    engine.stop("bass", StopOptions::default()).await.unwrap();
    assert_eq!(world.exit("bass", WaitCondition::NotRunning).await.0, 143);
    assert!(matches!(engine.stop("bass", StopOptions::default()).await, Err(EngineError::NotModified)));
    assert!(engine.kill("bass", "KILL").await.unwrap_err().to_string().ends_with("is not running"));
    engine.start("bass").await.unwrap();
    let by = |signal: &str| StopOptions { signal: Some(signal.to_owned()), timeout: None };
    assert!(matches!(engine.stop("bass", by("nonsense")).await, Err(EngineError::Invalid(_))));
    engine.restart("bass", by("INT")).await.unwrap();
    assert_eq!(engine.inspect("bass").unwrap().state.exit.unwrap().code, 130);
    engine.pause("bass", true).await.unwrap();
    assert_eq!(world.status("bass"), Status::Paused);
    assert!(engine.start("bass").await.is_err());
    engine.pause("bass", false).await.unwrap();
    engine.kill("bass", "KILL").await.unwrap();
    assert_eq!(world.exit("bass", WaitCondition::NotRunning).await.0, 137);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_remove_takes_the_container_and_its_anonymous_volumes() {
    let world = World::new().await;
    let volume = MountSpec {
        target: "/data".to_owned(),
        kind: MountKind::Volume { name: String::new(), no_copy: false, labels: Default::default() },
        read_only: false,
        inherited: false,
    };
    world.create("bass", ContainerSpec { auto_remove: true, mounts: vec![volume], ..run("/fail") }).await;
    let (volume, users) = world.engine.volumes().remove(0);
    assert_eq!(users.len(), 1);
    assert_eq!(std::fs::read_to_string(volume.mountpoint.join("seed")).unwrap(), "seed");
    assert!(matches!(world.engine.remove_volume(&volume.name, true).await, Err(EngineError::VolumeInUse { .. })));
    let removed = world.engine.wait("bass", WaitCondition::Removed).unwrap();
    world.engine.start("bass").await.unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, removed).await.unwrap().0, 3);
    assert!(world.engine.volumes().is_empty() && !volume.mountpoint.exists());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_restart_policy_counts_and_a_stop_ends_it() {
    let world = World::new().await;
    let limited = ContainerSpec { restart: RestartPolicy::OnFailure { max: 1 }, ..run("/fail") };
    world.create("bass", limited).await;
    world.engine.start("bass").await.unwrap();
    loop {
        world.exit("bass", WaitCondition::NotRunning).await;
        if world.status("bass") == Status::Exited {
            break;
        }
    }
    assert_eq!(world.engine.inspect("bass").unwrap().restart_count, 1);
    world.create("cod", ContainerSpec { restart: RestartPolicy::Always, ..run("/fail") }).await;
    world.engine.start("cod").await.unwrap();
    world.exit("cod", WaitCondition::NextExit).await;
    world.exit("cod", WaitCondition::NextExit).await;
    world.engine.stop("cod", StopOptions::default()).await.unwrap();
    assert_eq!(world.status("cod"), Status::Exited);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_hears_of_a_restart_that_fails_for_the_last_time() {
    let world = World::new().await;
    let source = world.dir.path().join("bound");
    std::fs::create_dir(&source).unwrap();
    let kind = MountKind::Bind { source: source.clone(), create: false };
    let mounts = vec![MountSpec { target: "/in".to_owned(), kind, read_only: true, inherited: false }];
    let limited = ContainerSpec { restart: RestartPolicy::OnFailure { max: 1 }, mounts, ..run("/fail") };
    world.create("bass", limited).await;
    world.engine.start("bass").await.unwrap();
    std::fs::remove_dir(&source).unwrap();
    let error = loop {
        let (_, error) = world.exit("bass", WaitCondition::NotRunning).await;
        if world.status("bass") == Status::Exited {
            break error;
        }
    };
    assert!(error.unwrap().contains("bound"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_run_is_told_at_the_start_in_dockers_words() {
    let world = World::new().await;
    for (program, code, text) in [
        ("nosuch", 127, "exec: \"nosuch\": executable file not found in $PATH"),
        ("/plain", 126, "this is no command"),
        ("/script", 126, "exec format error"),
    ] {
        world.create("bass", run(program)).await;
        let mut attached = world.engine.attach("bass", AttachOptions::default()).await.unwrap();
        let error = world.engine.start("bass").await.unwrap_err();
        assert_eq!(tokio::time::timeout(PATIENCE, attached.output.recv()).await.unwrap(), None);
        assert!(error.to_string().contains(text), "{error}");
        let state = world.engine.inspect("bass").unwrap().state;
        assert_eq!((state.status, state.exit.unwrap().code), (Status::Created, code));
        let (status, why) = world.exit("bass", WaitCondition::NotRunning).await;
        assert!(status == i64::from(code) && why.is_some_and(|why| why.contains(text)));
        let mut attached = world.engine.attach("bass", AttachOptions::default()).await.unwrap();
        world.engine.remove("bass", RemoveOptions::default()).await.unwrap();
        assert_eq!(tokio::time::timeout(PATIENCE, attached.output.recv()).await.unwrap(), None);
    }
    let missing = ContainerSpec { image: "nosuch:1".to_owned(), ..ContainerSpec::default() };
    assert_eq!(world.engine.create(missing).await.unwrap_err().to_string(), "No such image: nosuch:1");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_unique_and_short_ids_work() {
    let world = World::new().await;
    world.create("bass", run("/echo")).await;
    world.create("cod", ContainerSpec { user: Some("app".to_owned()), ..run("/echo") }).await;
    let twice = ContainerSpec { name: Some("bass".to_owned()), image: "guests".to_owned(), ..run("/echo") };
    assert!(matches!(world.engine.create(twice).await, Err(EngineError::NameTaken { .. })));
    assert!(matches!(world.engine.rename("cod", "bass").await, Err(EngineError::NameTaken { .. })));
    world.engine.rename("cod", "hake").await.unwrap();
    world.create("cod", run("/echo")).await;
    let id = world.engine.inspect("/hake").unwrap().id;
    assert_eq!(world.engine.inspect(&id.short()).unwrap().name, "hake");
    let all = ListFilter { all: true, ..ListFilter::default() };
    let names: Vec<String> = world.engine.list(&all).unwrap().into_iter().map(|container| container.name).collect();
    assert_eq!(names, ["cod", "hake", "bass"]);
    let filters = [("name".to_owned(), vec!["^ba".to_owned()]), ("status".to_owned(), vec!["created".to_owned()])];
    let filter = ListFilter { filters: filters.into(), ..ListFilter::default() };
    assert_eq!(world.engine.list(&filter).unwrap().len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_starts_and_removals_of_one_container_leave_one_outcome() {
    let world = World::new().await;
    for round in 0..10 {
        let name = format!("bass{round}");
        world.create(&name, run("/spin")).await;
        let options = RemoveOptions { force: true, volumes: true };
        let starts = futures_util::future::join_all((0..4).map(|_| world.engine.start(&name)));
        let (starts, removed) = tokio::join!(starts, world.engine.remove(&name, options));
        assert!(starts.iter().filter(|start| start.is_ok()).count() <= 1);
        removed.unwrap();
        assert!(world.engine.inspect(&name).is_err());
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_that_comes_after_the_removal_takes_no_name() {
    let world = World::new().await;
    for _ in 0..10 {
        world.create("bass", run("/spin")).await;
        world.engine.start("bass").await.unwrap();
        let options = RemoveOptions { force: true, volumes: true };
        // The removal kills first, so the rename waits for it in most rounds.
        let (removed, _) = tokio::join!(world.engine.remove("bass", options), world.engine.rename("bass", "cod"));
        removed.unwrap();
        for name in ["bass", "cod"] {
            world.create(name, run("/spin")).await;
            world.engine.remove(name, RemoveOptions::default()).await.unwrap();
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_with_the_same_bind_mounts_share_a_confined_worker() {
    let world = World::new().await;
    let source = world.dir.path().join("shared");
    let bind = |create| MountSpec {
        target: "/in".to_owned(),
        kind: MountKind::Bind { source: source.clone(), create },
        read_only: false,
        inherited: false,
    };
    let missing = ContainerSpec { image: "guests".to_owned(), mounts: vec![bind(false)], ..run("/echo") };
    assert!(world.engine.create(missing).await.unwrap_err().to_string().contains("bind source path does not exist"));
    for name in ["bass", "cod"] {
        // The program comes from the mount.
        world.create(name, ContainerSpec { mounts: vec![bind(true)], ..run("/in/spin") }).await;
    }
    world.create("hake", run("/spin")).await;
    assert!(matches!(world.engine.start("bass").await, Err(EngineError::ProgramNotFound(_))));
    std::fs::write(source.join("spin"), SPIN).unwrap();
    for name in ["bass", "cod", "hake"] {
        world.engine.start(name).await.unwrap();
    }
    let pid = |name: &str| world.engine.inspect(name).unwrap().state.pid;
    assert_eq!(pid("bass"), pid("cod"));
    assert_ne!(pid("bass"), pid("hake"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a test"]
async fn time_of_a_whole_life() {
    let world = World::new().await;
    let rss = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let life = |index: u32| {
        let world = &world;
        async move {
            let name = format!("life{index}");
            let begin = std::time::Instant::now();
            world.create(&name, run("/fail")).await;
            let exit = world.engine.wait(&name, WaitCondition::NextExit).unwrap();
            world.engine.start(&name).await.unwrap();
            exit.await;
            world.engine.remove(&name, RemoveOptions::default()).await.unwrap();
            begin.elapsed()
        }
    };
    let median = async |from: u32| {
        let mut times = Vec::new();
        for index in from..from + 200 {
            times.push(life(index).await);
        }
        times.sort();
        times[100]
    };
    let few = median(0).await;
    let before = rss();
    for index in 0..10_000 {
        world.create(&format!("crowd{index}"), run("/echo")).await;
    }
    let after = rss();
    println!("life: {few:?}; beside 10,000: {:?}; memory each: {} KiB/10k", median(1000).await, after - before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_folder_with_sprats_own_state_is_mounted_read_only_neither() {
    let world = World::new().await;
    let root = world.dir.path().join("root");
    let link = world.dir.path().join("link");
    std::os::unix::fs::symlink(root.join("code"), &link).unwrap();
    for (source, words) in [
        (root.join("code"), "is part of Sprat's own state"),
        (link, "is part of Sprat's own state"),
        (root.clone(), "is part of Sprat's own state"),
        (world.dir.path().to_owned(), "contains Sprat's own state"),
        ("/".into(), "contains Sprat's own state"),
        ("/proc/self".into(), "shows the processes"),
    ] {
        for read_only in [false, true] {
            let kind = MountKind::Bind { source: source.clone(), create: false };
            let mounts = vec![MountSpec { target: "/in".to_owned(), kind, read_only, inherited: false }];
            let spec = ContainerSpec { image: "guests".to_owned(), mounts, ..run("/fail") };
            let error = world.engine.create(spec).await.unwrap_err();
            assert!(matches!(&error, EngineError::Invalid(text) if text.contains(words)), "{source:?}: {error}");
        }
    }
    assert_eq!(std::fs::read_dir(root.join("containers")).unwrap().count(), 0);
    world.end().await;
}
