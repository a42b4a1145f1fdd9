//! Networks: addresses, names, and what is told of them.

use futures_util::StreamExt as _;
use sprat_engine::{
    ContainerSpec, EndpointRequest, EngineError, EventFilter, NetworkError, NetworkRequest, PoolRequest, RemoveOptions,
    Status, StopOptions,
};

use crate::world::{PATIENCE, World, now_ns, run};

fn network(name: &str, subnet: &str) -> NetworkRequest {
    let pools = if subnet.is_empty() {
        Vec::new()
    } else {
        vec![PoolRequest { subnet: subnet.to_owned(), ..PoolRequest::default() }]
    };
    NetworkRequest { name: name.to_owned(), pools, ..NetworkRequest::default() }
}

fn on(network: &str) -> ContainerSpec {
    ContainerSpec { network: network.to_owned(), ..run("/spin") }
}

impl World {
    async fn started(&self, name: &str, spec: ContainerSpec) {
        self.create(name, spec).await;
        self.engine.start(name).await.unwrap();
    }

    fn address(&self, name: &str, network: &str) -> String {
        let view = self.engine.inspect(name).unwrap().networks.into_iter().find(|view| view.network == network);
        view.and_then(|view| view.endpoint.v4).map(|address| address.to_string()).unwrap_or_default()
    }

    fn members(&self, network: &str) -> Vec<String> {
        let all = self.engine.networks().into_iter().find(|(known, _)| known.name == network);
        let mut names: Vec<_> = all.unwrap().1.into_iter().map(|member| member.name).collect();
        names.sort();
        names
    }
}

fn refusal(error: EngineError) -> NetworkError {
    match error {
        EngineError::Network(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_predefined_networks_stay_and_are_always_the_same() {
    let world = World::new().await;
    let shown = |world: &World| {
        let all = world.engine.networks().into_iter();
        all.map(|(network, _)| (network.name.clone(), network.id.clone())).collect::<Vec<_>>()
    };
    let before = shown(&world);
    assert_eq!(before.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["bridge", "host", "none"]);
    for (name, id) in &before {
        let error = refusal(world.engine.remove_network(name).await.unwrap_err());
        assert_eq!(error.to_string(), format!("{name} is a pre-defined network and cannot be removed"));
        assert_eq!(world.engine.network(&id[..12]).unwrap().name, *name);
        world.engine.create_network(network(name, "")).await.unwrap_err();
    }
    let world = world.reopen().await;
    assert_eq!(shown(&world), before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_kept_over_stops_and_kills_of_the_daemon_and_freed_by_the_removal() {
    let world = World::new().await;
    world.engine.create_network(network("sea", "10.55.0.0/29")).await.unwrap();
    for name in ["one", "two"] {
        world.started(name, on("sea")).await;
    }
    assert_eq!(
        (world.address("one", "sea").as_str(), world.address("two", "sea").as_str()),
        ("10.55.0.2", "10.55.0.3")
    );
    world.engine.stop("one", StopOptions::default()).await.unwrap();
    assert_eq!(world.address("one", "sea"), "");
    assert_eq!(world.members("sea"), ["two"]);
    let world = world.reopen().await;
    assert_eq!(world.members("sea"), ["two"]);
    world.started("three", on("sea")).await;
    assert_eq!(world.address("three", "sea"), "10.55.0.4");
    world.engine.start("one").await.unwrap();
    assert_eq!(world.address("one", "sea"), "10.55.0.2");
    world.engine.remove("one", RemoveOptions { force: true, volumes: false }).await.unwrap();
    world.started("four", on("sea")).await;
    assert_eq!(world.address("four", "sea"), "10.55.0.2");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_network_says_so_and_takes_addresses_of_those_that_stand_idle() {
    let world = World::new().await;
    world.engine.create_network(network("tiny", "10.55.1.0/30")).await.unwrap();
    world.started("one", on("tiny")).await;
    world.create("two", on("tiny")).await;
    let error = refusal(world.engine.start("two").await.unwrap_err());
    assert!(matches!(&error, NetworkError::NoAddress { name, .. } if name == "tiny"), "{error}");
    assert_eq!(world.status("two"), Status::Created);
    assert_eq!(world.members("tiny"), ["one"]);
    world.engine.stop("one", StopOptions::default()).await.unwrap();
    world.engine.start("two").await.unwrap();
    assert_eq!(world.address("two", "tiny"), "10.55.1.2");
    refusal(world.engine.start("one").await.unwrap_err());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_asked_for_is_given_once() {
    let world = World::new().await;
    world.engine.create_network(network("sea", "10.55.2.0/24")).await.unwrap();
    world.engine.create_network(network("default-pool", "")).await.unwrap();
    let fixed = |network: &str, address: [u8; 4]| {
        let request = EndpointRequest { v4: Some(address.into()), ..EndpointRequest::default() };
        ContainerSpec { endpoints: [(network.to_owned(), request)].into(), ..on(network) }
    };
    world.started("one", fixed("sea", [10, 55, 2, 77])).await;
    assert_eq!(world.address("one", "sea"), "10.55.2.77");
    for (name, spec, words) in [
        ("taken", fixed("sea", [10, 55, 2, 77]), "Address already in use"),
        ("outside", fixed("sea", [10, 56, 2, 77]), "no configured subnet contains IP address 10.56.2.77"),
        ("gateway", fixed("sea", [10, 55, 2, 1]), "Address already in use"),
        ("unconfigured", fixed("default-pool", [172, 18, 0, 9]), "networks with user configured subnets"),
    ] {
        world.create(name, spec).await;
        let error = refusal(world.engine.start(name).await.unwrap_err()).to_string();
        assert!(error.contains(words), "{name}: {error}");
    }
    let default = ContainerSpec { image: "guests".to_owned(), ..fixed("bridge", [172, 17, 0, 9]) };
    let error = refusal(world.engine.create(default).await.unwrap_err()).to_string();
    assert_eq!(error, "user specified IP address is supported on user defined networks only");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_are_joined_and_left_while_a_container_runs_and_while_it_does_not() {
    let world = World::new().await;
    for name in ["front", "back"] {
        world.engine.create_network(network(name, "")).await.unwrap();
    }
    let connect = async |network: &str, name: &str| {
        let request = EndpointRequest { aliases: vec!["db".to_owned()], ..EndpointRequest::default() };
        world.engine.connect(network, name, request).await
    };
    world.started("one", on("front")).await;
    connect("back", "one").await.unwrap();
    assert_eq!(world.members("back"), ["one"]);
    assert_ne!(world.address("one", "back"), "");
    let view = world.engine.inspect("one").unwrap().networks.into_iter().find(|view| view.network == "back").unwrap();
    assert_eq!(view.names[..2], ["one", "db"]);
    let error = refusal(connect("back", "one").await.unwrap_err()).to_string();
    assert_eq!(error, "endpoint with name one already exists in network back");
    world.engine.disconnect("back", "one").await.unwrap();
    let error = refusal(world.engine.disconnect("back", "one").await.unwrap_err());
    assert!(matches!(error, NetworkError::NotConnected { .. }), "{error}");
    assert!(world.members("back").is_empty());

    world.create("two", on("front")).await;
    connect("back", "two").await.unwrap();
    world.engine.disconnect("front", "two").await.unwrap();
    world.engine.start("two").await.unwrap();
    assert_eq!((world.members("front"), world.members("back")), (vec!["one".to_owned()], vec!["two".to_owned()]));

    for (network, name) in [("host", "one"), ("none", "one"), ("bridge", "one"), ("nope", "one")] {
        refusal(connect(network, name).await.unwrap_err());
    }
    let error = refusal(world.engine.remove_network("back").await.unwrap_err()).to_string();
    assert!(
        error.starts_with("error while removing network: network back has active endpoints (name:\"two\""),
        "{error}"
    );
    world.engine.remove("two", RemoveOptions { force: true, volumes: false }).await.unwrap();
    world.engine.remove_network("back").await.unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_missing_is_told_at_the_start() {
    let world = World::new().await;
    world.create("one", on("nope")).await;
    let error = refusal(world.engine.start("one").await.unwrap_err());
    assert_eq!(error.to_string(), "network nope not found");
    world.engine.create_network(network("nope", "")).await.unwrap();
    world.engine.start("one").await.unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overlaps_and_taken_names_are_refused_in_dockers_words() {
    let world = World::new().await;
    world.engine.create_network(network("sea", "10.60.0.0/16")).await.unwrap();
    for (request, words) in [
        (network("sea", ""), "network with name sea already exists"),
        (network("lake", "10.60.5.0/24"), "invalid pool request: Pool overlaps with other one on this address space"),
        (network("lake", "10.0.0.0/8"), "Pool overlaps"),
        (network("lake", "172.17.0.0/24"), "Pool overlaps"),
        (NetworkRequest { driver: "weave".to_owned(), ..network("lake", "") }, "plugin \"weave\" not found"),
        (NetworkRequest { driver: "host".to_owned(), ..network("lake", "") }, "only one instance of \"host\""),
        (network(" ", ""), "invalid network name"),
    ] {
        let error = refusal(world.engine.create_network(request).await.unwrap_err()).to_string();
        assert!(error.contains(words), "{error}");
    }
    world.engine.remove_network("sea").await.unwrap();
    world.engine.create_network(network("lake", "10.60.5.0/24")).await.unwrap();
    assert_eq!(world.engine.prune_networks(&[].into()).await.unwrap(), ["lake"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_what_happens_on_a_network_in_dockers_order() {
    let world = World::new().await;
    let since = now_ns();
    world.engine.create_network(network("sea", "")).await.unwrap();
    world.started("one", on("sea")).await;
    world.engine.kill("one", "KILL").await.unwrap();
    world.exit("one", sprat_engine::WaitCondition::NotRunning).await;
    let filter = EventFilter { since_ns: Some(since), ..EventFilter::default() };
    let events = world.engine.events(filter).unwrap().filter(|event| {
        let told = matches!(event.action.as_str(), "create" | "connect" | "start" | "die" | "disconnect" | "destroy");
        std::future::ready(told)
    });
    let mut actions = Vec::new();
    let mut events = std::pin::pin!(events);
    while actions.len() < 6 {
        let event = tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap();
        actions.push(event.action);
    }
    assert_eq!(actions, ["create", "create", "connect", "start", "die", "disconnect"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_of_one_network_share_a_worker_where_there_is_room() {
    let world = World::new().await;
    world.engine.create_network(network("sea", "")).await.unwrap();
    for name in ["one", "two", "three", "four"] {
        world.started(name, on("sea")).await;
    }
    let pid = |name: &str| world.engine.inspect(name).unwrap().state.pid;
    assert!(["two", "three", "four"].iter().all(|name| pid(name) == pid("one")));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_of_another_worker_is_told_to_the_first_and_forgotten_with_it() {
    let world = World::new().await;
    world.engine.create_network(network("sea", "")).await.unwrap();
    world.started("one", on("sea")).await;
    let alone = ContainerSpec { isolation: sprat_engine::Isolation::Process, ..on("sea") };
    world.started("two", alone).await;
    assert_ne!(world.engine.inspect("one").unwrap().state.pid, world.engine.inspect("two").unwrap().state.pid);
    assert_eq!(world.members("sea"), ["one", "two"]);
    let world = world.reopen().await;
    assert_eq!(world.members("sea"), ["one", "two"]);
    world.engine.kill("two", "KILL").await.unwrap();
    world.exit("two", sprat_engine::WaitCondition::NotRunning).await;
    assert_eq!(world.members("sea"), ["one"]);
    world.end().await;
}
