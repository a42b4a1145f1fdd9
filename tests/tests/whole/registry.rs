//! The real registry, with and without a login, and skopeo reading what was pushed.

use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use sprat_tests::{Authority, Door, Installation, Proxy, Registry, run};

use crate::{OK, image};

#[test]
fn what_is_pushed_can_be_pulled_and_read_by_skopeo() {
    let Some(registry) = Registry::start() else { return };
    let (one, other) = (Installation::start(), Installation::start());
    image(&one, "ok", OK);
    let name = registry.name("team/ok:1");
    one.sprat(&["tag", "ok", &name]).ok();
    one.sprat(&["push", &name]).ok();
    other.sprat(&["pull", &name]).ok();
    assert_eq!(other.sprat(&["run", "--rm", &name]).ok(), "ok");
    let missing = other.sprat(&["pull", &registry.name("team/absent:1")]);
    assert_ne!(missing.status, 0);
    let Some(skopeo) = sprat_tests::program("skopeo") else { return };
    let inspect =
        run(Command::new(skopeo).args(["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]), b"");
    assert!(inspect.ok().contains("application/vnd.oci.image.manifest.v1+json"), "{inspect:?}");
}

#[test]
fn all_tags_of_a_repository_are_pulled() {
    let Some(registry) = Registry::start() else { return };
    let (one, other) = (Installation::start(), Installation::start());
    image(&one, "ok", OK);
    let repository = registry.name("team/ok");
    for tag in ["1", "2", "latest"] {
        one.sprat(&["tag", "ok", &format!("{repository}:{tag}")]).ok();
    }
    one.sprat(&["push", "-a", &repository]).ok();
    let tagged = other.sprat(&["pull", "-a", &format!("{repository}:1")]);
    assert!(tagged.status != 0 && tagged.stderr.contains("leave out the tag"), "{tagged:?}");
    other.sprat(&["pull", "-a", &repository]).ok();
    let tags = |sprat: &Installation| {
        let mut tags: Vec<_> =
            sprat.sprat(&["images", "--format", "{{.Tag}}"]).ok().lines().map(str::to_owned).collect();
        tags.sort();
        tags
    };
    assert_eq!(tags(&other), ["1", "2", "latest"]);
    let third = Installation::start();
    let Some(output) = third.docker(&["pull", "-q", "-a", &repository]) else { return };
    output.ok();
    assert_eq!(tags(&third), ["1", "2", "latest"]);
}

#[test]
fn docker_pulls_on_run_and_shows_progress() {
    let Some(registry) = Registry::start() else { return };
    let (one, other) = (Installation::start(), Installation::start());
    image(&one, "ok", OK);
    let name = registry.name("ok:latest");
    one.sprat(&["tag", "ok", &name]).ok();
    one.sprat(&["push", &name]).ok();
    let Some(output) = other.docker(&["run", "--rm", &name]) else { return };
    assert_eq!(output.ok(), "ok");
    assert!(output.stderr.contains("Pull complete"), "{output:?}");
}

/// `htpasswd -nbB user s3cret`
const PASSWORD: &str = "user:$2y$05$1rIvgjj0Fgr/N88w8Qai2eUz1ugUo0vX5sWVZEO2r.L6NIYiIS1M.\n";

/// Pushes, and pulls into another installation, each with a login; before it and with a wrong one it is refused.
#[track_caller]
fn login_is_needed(registry: &Registry, daemon_args: &[&str]) {
    let (one, other) = (Installation::start_with(daemon_args), Installation::start_with(daemon_args));
    image(&one, "ok", OK);
    let (host, name) = (registry.host(), registry.name("team/ok:1"));
    one.sprat(&["tag", "ok", &name]).ok();
    let anonymous = one.sprat(&["push", &name]);
    assert!(anonymous.status != 0 && anonymous.stderr.contains("refused access"), "{anonymous:?}");
    assert!(anonymous.stderr.contains(&format!("sprat login {host}")), "{anonymous:?}");
    let wrong = one.sprat_with(&["login", "-u", "user", "--password-stdin", &host], b"wrong\n");
    assert!(wrong.status != 0 && wrong.stderr.contains("incorrect username or password"), "{wrong:?}");
    for installation in [&one, &other] {
        let login = installation.sprat_with(&["login", "-u", "user", "--password-stdin", &host], b"s3cret\n");
        assert_eq!(login.ok(), "Login Succeeded");
    }
    one.sprat(&["push", &name]).ok();
    other.sprat(&["pull", &name]).ok();
    assert_eq!(other.sprat(&["run", "--rm", &name]).ok(), "ok");
    other.sprat(&["logout", &host]).ok();
    other.sprat(&["rmi", &name]).ok();
    let out = other.sprat(&["pull", &name]);
    assert!(out.status != 0 && out.stderr.contains("refused access"), "{out:?}");
}

#[test]
fn a_registry_behind_tls_and_a_password_is_used_with_its_certificate_and_a_login() {
    let Some(authority) = Authority::new() else { return };
    let door = Door { tls: Some(authority.for_loopback()), password: Some(PASSWORD.into()), ..Door::default() };
    let Some(registry) = Registry::behind(&door) else { return };
    let certificate = authority.certificate();
    login_is_needed(&registry, &["--registry-certificate", certificate.to_str().expect("UTF-8")]);
    // Without its certificate it is not trusted.
    let stranger = Installation::start();
    let refused = stranger.sprat(&["pull", &registry.name("team/ok:1")]);
    assert!(refused.status != 0 && refused.stderr.contains("certificate"), "{refused:?}");
}

#[test]
fn a_registry_with_a_token_service_is_used_with_tokens_for_a_login() {
    let Some(authority) = Authority::new().map(Arc::new) else { return };
    let realm = authority.serve_tokens("user", "s3cret");
    let door = Door { tokens: Some((realm, authority.certificate())), ..Door::default() };
    let Some(registry) = Registry::behind(&door) else { return };
    login_is_needed(&registry, &[]);
}

/// Bytes of a layer that no compression makes smaller.
const LAYER: usize = 4 << 20;

#[test]
fn an_interrupted_pull_leaves_no_image_and_goes_on_where_it_was() {
    let Some(registry) = Registry::start() else { return };
    let (one, other) = (Installation::start(), Installation::start());
    let folder = one.path("big");
    std::fs::create_dir(&folder).expect("ours");
    std::fs::write(folder.join("p.wat"), sprat_tests::wat(OK)).expect("ours");
    let mut seed = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed.to_be_bytes()[0]
    })
    .take(LAYER)
    .collect();
    std::fs::write(folder.join("noise"), noise).expect("ours");
    std::fs::write(folder.join("Dockerfile"), "FROM scratch\nCOPY . /\nENTRYPOINT [\"/p.wat\"]\n").expect("ours");
    let name = registry.name("big:1");
    one.sprat(&["build", "-q", "-t", &name, folder.to_str().expect("UTF-8")]).ok();
    one.sprat(&["push", &name]).ok();

    let half = i64::try_from(LAYER / 2).expect("small");
    let proxy = Proxy::start(registry.address(), half);
    let name = format!("{}/big:1", proxy.address());
    let broken = other.sprat(&["pull", &name]);
    assert_ne!(broken.status, 0, "{broken:?}");
    assert_eq!(other.sprat(&["images", "-q"]).ok(), "");
    proxy.allow(i64::MAX);
    other.sprat(&["pull", &name]).ok();
    assert_eq!(other.sprat(&["run", "--rm", &name]).ok(), "ok");
    let passed = proxy.passed();
    assert!(passed < (LAYER - LAYER / 8) as u64, "{passed} bytes of {LAYER} came again");
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Digest and size of what a tag names.
fn manifest(registry: &Registry, repository: &str, tag: &str) -> (String, usize) {
    let (head, body) = registry.ask("GET", &format!("/v2/{repository}/manifests/{tag}"), MANIFEST, b"");
    let digest = head.lines().find_map(|line| line.strip_prefix("Docker-Content-Digest: ")).expect("a digest");
    (digest.to_owned(), body.len())
}

/// Puts an index of platforms, each with the manifest of a tag, under `tag`.
fn put_index(registry: &Registry, repository: &str, tag: &str, entries: &[(&str, &str)]) {
    let entry = |(platform, of): &(&str, &str)| {
        let (digest, size) = manifest(registry, repository, of);
        let (os, architecture) = platform.split_once('/').expect("os/architecture");
        json!({"mediaType": MANIFEST, "digest": digest, "size": size,
               "platform": {"os": os, "architecture": architecture}})
    };
    let entries: Vec<Value> = entries.iter().map(entry).collect();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
    let (head, _) = registry.ask("PUT", &format!("/v2/{repository}/manifests/{tag}"), INDEX, index.as_bytes());
    assert!(head.starts_with("HTTP/1.1 201"), "{head}");
}

#[test]
fn of_several_platforms_the_wasm_one_is_pulled_and_an_image_without_it_is_refused() {
    let Some(registry) = Registry::start() else { return };
    let (one, other) = (Installation::start(), Installation::start());
    for (tag, body) in [("wasm", OK), ("other", "(call $exit (i32.const 9))")] {
        let name = registry.name(&format!("app:{tag}"));
        image(&one, tag, body);
        one.sprat(&["tag", tag, &name]).ok();
        one.sprat(&["push", &name]).ok();
    }
    put_index(&registry, "app", "all", &[("linux/amd64", "other"), ("wasi/wasm", "wasm"), ("linux/arm64", "other")]);
    put_index(&registry, "app", "machines", &[("linux/amd64", "other"), ("linux/arm64", "other")]);
    assert_eq!(other.sprat(&["run", "--rm", &registry.name("app:all")]).ok(), "ok");
    let refused = other.sprat(&["run", "--rm", &registry.name("app:machines")]);
    assert_eq!(refused.status, 125, "{refused:?}");
    assert!(refused.stderr.contains("linux/amd64") && refused.stderr.contains("linux/arm64"), "{refused:?}");
    assert_eq!(other.sprat(&["images", "--format", "{{.Tag}}"]).ok(), "all");
}
