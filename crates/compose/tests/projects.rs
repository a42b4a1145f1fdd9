//! Projects from files in memory: what they come to, what is sent to the daemon, and what is refused.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};
use sprat_compose::{Choice, Code, ComposeError, Files, Project, Request, labels, load, plan, request};

struct Memory(BTreeMap<PathBuf, String>);

impl Files for Memory {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let text = self.0.get(path).ok_or(std::io::ErrorKind::NotFound)?;
        Ok(text.clone().into_bytes())
    }

    fn is_file(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }
}

fn project_of<const N: usize>(files: [(&str, &str); N]) -> Result<Project, ComposeError> {
    let memory = Memory(files.map(|(name, text)| (Path::new("/p").join(name), text.to_owned())).into());
    let request = sprat_compose::locate(&Choice::default(), Path::new("/p"), &BTreeMap::new(), &memory)?;
    load(&request, &memory)
}

fn project(text: &str) -> Project {
    project_of([("compose.yaml", text)]).unwrap()
}

fn body(project: &Project, service: &str) -> Value {
    let service = project.service(service).unwrap();
    request::container(project, service, &plan::surroundings(project, service, 1, "sha256:1")).unwrap()
}

#[test]
fn the_body_of_a_container_is_what_docker_compose_sends() {
    // Recorded from Docker Compose 2.40.3; what is empty there is not sent here.
    let text = "name: cmp\nservices:\n  db: {image: 'busybox:latest'}\n  web: {image: 'busybox:latest', command: [sh, -c, \
                'while :; do sleep 0.2; done'], ports: ['8081:80'], depends_on: [db], stop_grace_period: 1s, volumes: \
                ['data:/data']}\nvolumes: {data: {}}\n";
    let project = project(text);
    let body = body(&project, "web");
    assert_eq!(body["Labels"][labels::DEPENDS_ON], "db:service_started:false");
    assert_eq!(body["Labels"][labels::CONFIG_FILES], "/p/compose.yaml");
    assert_eq!(body["Labels"][labels::WORKING_DIR], "/p");
    assert_eq!((&body["Labels"][labels::ONE_OFF], &body["Labels"][labels::NUMBER]), (&json!("False"), &json!("1")));
    assert_eq!((&body["StopTimeout"], &body["ExposedPorts"]), (&json!(1), &json!({"80/tcp": {}})));
    let host = &body["HostConfig"];
    assert_eq!((&host["Binds"], &host["NetworkMode"]), (&json!(["cmp_data:/data:rw"]), &json!("cmp_default")));
    assert_eq!(host["PortBindings"], json!({"80/tcp": [{"HostIp": "", "HostPort": "8081"}]}));
    let endpoints = json!({"cmp_default": {"Aliases": ["cmp-web-1", "web"]}});
    assert_eq!(body["NetworkingConfig"]["EndpointsConfig"], endpoints);
    let network = request::network(&project, "default").unwrap();
    let hash = "6988ad1ae26a9a721869f18e0b95db8840ed77d1c217793c67a1fddbf0a79abf";
    assert_eq!((&network["Labels"][labels::CONFIG_HASH], &network["Name"]), (&json!(hash), &json!("cmp_default")));
    let volume = request::volume(&project, "data").unwrap();
    let hash = "85f8fba37da2fc6cdad9a5af03a1529a628163b09faa494c81f6ee2b7d870697";
    assert_eq!((&volume["Labels"][labels::CONFIG_HASH], &volume["Name"]), (&json!(hash), &json!("cmp_data")));
}

#[test]
fn all_of_a_service_reaches_the_daemon() {
    let text = "
services:
  base: {image: b}
  a:
    image: a
    environment: {A: 1, NONE: }
    healthcheck: {test: [CMD, /a], interval: 1m, retries: 2, start_period: 2s}
    deploy: {resources: {limits: {cpus: '0.5', memory: 64m, pids: 9}}, restart_policy: {condition: on-failure, max_attempts: 2}}
    ulimits: {nofile: 10}
    extra_hosts: [h=1.2.3.4]
    dns: 9.9.9.9
    tmpfs: ['/t:size=1m']
    read_only: true
    cap_add: [X]
    annotations: {dev.sprat.egress: '*'}
    logging: {driver: local, options: {max-size: 1m}}
    volumes: [/anon, {type: tmpfs, target: /m, tmpfs: {size: 1m}}, {type: bind, source: ./x, target: /x, read_only: true}]
    networks: {one: {aliases: [z], ipv4_address: 10.0.0.5}, two: {priority: 5}}
    secrets: [s, {source: f, target: named}]
    configs: [c]
    isolation: process
    init: true
    expose: ['5-6/udp']
  n: {image: n, network_mode: 'service:base', restart: 'on-failure:3', healthcheck: {disable: true}, volumes_from: [base:ro]}
secrets: {s: {environment: S}, f: {file: ./f}}
configs: {c: {content: text}}
networks: {one: , two: }
";
    let mut made = project(text);
    let a = body(&made, "a");
    let host = &a["HostConfig"];
    assert_eq!(a["Env"], json!(["A=1"]));
    let health =
        json!({"Test": ["CMD", "/a"], "Interval": 60_000_000_000_i64, "Retries": 2, "StartPeriod": 2_000_000_000_i64});
    assert_eq!(a["Healthcheck"], health);
    for (key, value) in [
        ("NanoCpus", json!(500_000_000)),
        ("Memory", json!(64 << 20)),
        ("PidsLimit", json!(9)),
        ("RestartPolicy", json!({"Name": "on-failure", "MaximumRetryCount": 2})),
        ("Ulimits", json!([{"Name": "nofile", "Soft": 10, "Hard": 10}])),
        ("ExtraHosts", json!(["h:1.2.3.4"])),
        ("Dns", json!(["9.9.9.9"])),
        ("Tmpfs", json!({"/t": "size=1m"})),
        ("ReadonlyRootfs", json!(true)),
        ("CapAdd", json!(["X"])),
        ("Annotations", json!({"dev.sprat.egress": "*"})),
        ("LogConfig", json!({"Type": "local", "Config": {"max-size": "1m"}})),
        ("Isolation", json!("process")),
        ("Init", json!(true)),
        ("NetworkMode", json!("p_two")),
        ("Binds", json!([])),
    ] {
        assert_eq!(host[key], value, "{key}");
    }
    let targets: Vec<_> = host["Mounts"].as_array().unwrap().iter().map(|m| m["Target"].as_str().unwrap()).collect();
    assert_eq!(targets, ["/anon", "/m", "/x", "/run/secrets/named"]);
    assert_eq!(a["ExposedPorts"], json!({"5/udp": {}, "6/udp": {}}));
    let one = &a["NetworkingConfig"]["EndpointsConfig"]["p_one"];
    assert_eq!(one, &json!({"Aliases": ["p-a-1", "a", "z"], "IPAMConfig": {"IPv4Address": "10.0.0.5"}}));

    let n = made.service("n").unwrap();
    let mut around = plan::surroundings(&made, n, 1, "");
    assert!(request::container(&made, n, &around).unwrap_err().what.contains("container missing"));
    around.containers.insert("base".into(), vec!["id1".into()]);
    let n = request::container(&made, n, &around).unwrap();
    assert_eq!(
        (&n["HostConfig"]["NetworkMode"], &n["Healthcheck"]),
        (&json!("container:id1"), &json!({"Test": ["NONE"]}))
    );
    assert_eq!(n["HostConfig"]["VolumesFrom"], json!(["id1:ro"]));

    assert!(plan::written_files(&made).unwrap_err().fix.contains("set S"));
    made.environment.insert("S".into(), "hidden".into());
    let written = plan::written_files(&made).unwrap();
    assert_eq!(written, BTreeMap::from([("configs/c".into(), "text".into()), ("secrets/s".into(), "hidden".into())]));
    let a = made.service("a").unwrap();
    let files = written.keys().map(|name| (name.clone(), format!("/files/{name}"))).collect();
    let around = request::Surroundings { files, ..plan::surroundings(&made, a, 1, "") };
    let a = request::container(&made, a, &around).unwrap();
    let mounts = a["HostConfig"]["Mounts"].as_array().unwrap();
    let find = |target: &str| mounts.iter().find(|m| m["Target"] == target).unwrap();
    assert_eq!(
        (&find("/c")["Source"], &find("/run/secrets/s")["ReadOnly"]),
        (&json!("/files/configs/c"), &json!(true))
    );
}

#[test]
fn a_run_changes_only_what_it_says() {
    let text = "services: {a: {image: a, command: [x], ports: ['1:1'], environment: {A: '1'}, container_name: only}}";
    let project = project(text);
    let changes = sprat_compose::Changes {
        command: vec!["y".into(), "$z".into()],
        environment: vec!["B=2".into()],
        volumes: vec!["./here:/there".into()],
        ..sprat_compose::Changes::default()
    };
    let service = project.one_off("a", &changes, Path::new("/cwd")).unwrap();
    let mut around = plan::surroundings(&project, &service, 1, "");
    around.name = "p-a-run-1".into();
    around.one_off = Some(request::OneOff { slug: "s".into(), aliases: false });
    let body = request::container(&project, &service, &around).unwrap();
    assert_eq!((&body["Cmd"], &body["Env"]), (&json!(["y", "$z"]), &json!(["A=1", "B=2"])));
    assert_eq!(body["HostConfig"]["Binds"], json!(["/cwd/here:/there:rw"]));
    assert_eq!(body["HostConfig"]["PortBindings"], json!({}));
    assert_eq!(body["NetworkingConfig"]["EndpointsConfig"]["p_default"]["Aliases"], json!(["p-a-run-1"]));
    assert_eq!((&body["Labels"][labels::ONE_OFF], &body["Labels"][labels::SLUG]), (&json!("True"), &json!("s")));
    assert!(project.one_off("b", &changes, Path::new("/")).unwrap_err().fix.contains("name one of these: a"));
}

#[test]
fn circles_of_extends_and_include_end_with_their_names() {
    let error = project_of([
        ("compose.yaml", "services: {a: {extends: b}, b: {extends: {file: x.yaml, service: a}}}"),
        ("x.yaml", "services: {a: {extends: {file: compose.yaml, service: b}}}"),
    ])
    .unwrap_err();
    assert!(error.code == Code::Cycle && error.what.contains("b in /p/compose.yaml extends a in /p/x.yaml"), "{error}");
    let error = project_of([
        ("compose.yaml", "include: [x.yaml]\nservices: {a: {image: a}}"),
        ("x.yaml", "include: [compose.yaml]\nservices: {b: {image: b}}"),
    ])
    .unwrap_err();
    assert!(error.code == Code::Cycle && error.what.contains("include cycle detected"), "{error}");
    let error = project_of([
        ("compose.yaml", "include: [x.yaml]\nservices: {a: {image: a}}"),
        ("x.yaml", "services: {a: {image: b}}"),
    ])
    .unwrap_err();
    assert_eq!((error.path.as_str(), error.what.as_str()), ("services.a", "conflicts with imported resource"));
}

#[test]
fn errors_in_other_files_name_those_files() {
    let error = project_of([
        ("compose.yaml", "services: {a: {extends: {file: x.yaml, service: b}}}"),
        ("x.yaml", "services: {b: {image: b, foo: 1}}"),
    ])
    .unwrap_err();
    assert_eq!(error.to_string(), "validating /p/x.yaml: services.b additional properties 'foo' not allowed");
    let error =
        project_of([("compose.yaml", "services: {a: {image: a, env_file: e.env}}"), ("e.env", "A B=1")]).unwrap_err();
    assert!(error.to_string().starts_with("/p/e.env: services.a: line 1: "), "{error}");
    let error = project_of([("compose.yaml", "include: [gone.yaml]\nservices: {a: {image: a}}")]).unwrap_err();
    assert!(error.code == Code::File && error.file == "/p/gone.yaml", "{error}");
}

#[test]
fn a_disabled_service_is_enabled_by_its_name() {
    let text =
        "services: {a: {image: a}, b: {image: b, profiles: [p]}, c: {image: c, profiles: [p, q], depends_on: [b]}}";
    let memory = Memory([(PathBuf::from("/p/compose.yaml"), text.to_owned())].into());
    let names = |services: &[&str], profiles: &[&str]| {
        let owned = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let request = Request {
            files: vec!["/p/compose.yaml".into()],
            folder: "/p".into(),
            services: owned(services),
            profiles: owned(profiles),
            ..Request::default()
        };
        load(&request, &memory).map(|p| p.services.keys().cloned().collect::<Vec<_>>().join(" "))
    };
    assert_eq!(names(&[], &[]).unwrap(), "a");
    assert_eq!(names(&["c"], &[]).unwrap(), "a b c");
    assert_eq!(names(&[], &["*"]).unwrap(), "a b c");
    assert!(names(&[], &["q"]).unwrap_err().fix.contains("--profile"));
}

/// Keys that both kinds of random files use.
const KEYS: [&str; 26] = [
    "a",
    "image",
    "build",
    "ports",
    "volumes",
    "networks",
    "depends_on",
    "environment",
    "command",
    "deploy",
    "healthcheck",
    "secrets",
    "configs",
    "labels",
    "test",
    "ulimits",
    "x-a",
    "resources",
    "limits",
    "memory",
    "env_file",
    "extra_hosts",
    "logging",
    "scale",
    "gpus",
    "devices",
];

/// Words of Compose files, put together at random.
fn hostile() -> impl Strategy<Value = String> {
    let more = [
        "services",
        "extends",
        "include",
        "name",
        "external",
        "default",
        "80:80",
        "1m",
        "${A:-",
        "}",
        "$",
        "/a:/b:ro",
        "1",
        "-1",
        "true",
        "null",
        "!reset",
        "!override",
        "&x",
        "*x",
        "<<",
        "service:a",
        "\u{e9}",
    ];
    let words = [&KEYS[..], &more].concat();
    let marks = [": ", ":\n  ", ":\n    ", "\n", "\n  ", "\n    ", "\n  - ", "{", "}", "[", "]", ", ", " ", "'"];
    let piece = (proptest::sample::select(words).prop_map(str::to_owned), proptest::sample::select(marks.to_vec()));
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.into_iter().map(|(w, m)| w + m).collect())
}

/// Trees of the right keys with values of any kind.
fn trees() -> impl Strategy<Value = Value> {
    let more = [
        "post_start",
        "tmpfs",
        "expose",
        "blkio_config",
        "stop_grace_period",
        "mem_limit",
        "cpus",
        "target",
        "source",
        "type",
        "replicas",
        "context",
        "args",
        "published",
        "mode",
    ];
    let key = proptest::sample::select([&KEYS[..], &more].concat()).prop_map(str::to_owned);
    let outer = key.clone();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f32>().prop_map(|f| json!(f)),
        "[a-z0-9:/=.$ -]{0,8}".prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(key.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    proptest::collection::btree_map(outer, tree, 0..4).prop_map(|map| Value::Object(map.into_iter().collect()))
}

proptest! {
    #[test]
    fn no_text_panics(text in hostile()) {
        let _ = project_of([("compose.yaml", &text), ("compose.override.yml", "services: {a: {image: x}}")]);
    }

    #[test]
    fn no_tree_panics_and_what_is_read_has_a_body(service in trees()) {
        let mut service = service;
        service["image"] = "x".into();
        let text = json!({"services": {"a": service}}).to_string();
        if let Ok(project) = project_of([("compose.yaml", &text)]) {
            let a = project.service("a").unwrap();
            let _ = request::container(&project, a, &plan::surroundings(&project, a, 1, ""));
        }
    }
}
