//! Sprat's images in the hands of other tools: a real registry (`docker-registry`) and `skopeo`.
//!
//! Each test is skipped, with the reason printed, where its tool is not installed.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sprat_image::layer::{Attributes, LayerWriter};
use sprat_image::registry::{Credentials, Registry, RegistryOptions};
use sprat_image::{Image, ImageConfig, ProgressSink, Reference, Store, archive};

/// Longest wait for the registry to answer.
const START_DEADLINE: Duration = Duration::from_secs(20);

fn installed(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("skipped: {tool} is not installed (apt-get install docker-registry skopeo apache2-utils)");
    }
    found
}

fn silent() -> ProgressSink {
    Arc::new(|_| {})
}

fn image(store: &Store, tag: &str) -> Arc<Image> {
    let mut layer = LayerWriter::new();
    layer.bytes(b"app.wasm", Attributes::PROGRAM, b"\0asm\x01\0\0\0".to_vec()).expect("a name");
    let mut second = LayerWriter::new();
    second.bytes(b"data", Attributes::FILE, vec![7; 3_000_000]).expect("a name");
    let layers = [store.write_layer(&layer).expect("a layer"), store.write_layer(&second).expect("a layer")];
    let config = ImageConfig { entrypoint: Some(vec!["/app.wasm".into()]), ..ImageConfig::default() };
    store.create(&config, &layers, &[], &[tag.parse().expect("a name")]).expect("an image")
}

fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    (folder, store)
}

struct RealRegistry {
    child: Child,
    host: String,
    folder: tempfile::TempDir,
}

impl Drop for RealRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl RealRegistry {
    /// Starts one on a free port; with a password file if `auth`, with TLS if `tls`.
    fn start(auth: bool, tls: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let host = format!("127.0.0.1:{port}");
        let mut config = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{host}\"}}\n",
            folder.path().join("data").display()
        );
        if auth {
            let passwords = folder.path().join("htpasswd");
            let output = Command::new("htpasswd").args(["-nbB", "me", "secret"]).output().expect("htpasswd");
            std::fs::write(&passwords, output.stdout).expect("written");
            config.push_str(&format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", passwords.display()));
        }
        if tls {
            let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("cert.pem"));
            let made = Command::new("openssl")
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
                .args([
                    "-subj",
                    "/CN=test",
                    "-addext",
                    "subjectAltName=IP:127.0.0.1",
                    "-addext",
                    "basicConstraints=critical,CA:FALSE",
                ])
                .arg("-keyout")
                .arg(&key)
                .arg("-out")
                .arg(&certificate)
                .output()
                .expect("openssl");
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            let tls = format!(
                "http: {{addr: \"{host}\", tls: {{certificate: {}, key: {}}}}}\n",
                certificate.display(),
                key.display()
            );
            config = config.replace(&format!("http: {{addr: \"{host}\"}}\n"), &tls);
        }
        let file = folder.path().join("config.yml");
        std::fs::File::create(&file).and_then(|mut f| f.write_all(config.as_bytes())).expect("written");
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry");
        let registry = Self { child, host, folder };
        let started = Instant::now();
        while TcpStream::connect(&registry.host).is_err() {
            assert!(started.elapsed() < START_DEADLINE, "docker-registry does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        registry
    }

    fn name(&self, rest: &str) -> Reference {
        format!("{}/{rest}", self.host).parse().expect("a name")
    }
}

fn skopeo(arguments: &[&str]) -> String {
    let output = Command::new("skopeo").args(arguments).output().expect("skopeo");
    assert!(output.status.success(), "skopeo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn client() -> Registry {
    Registry::new(RegistryOptions::default()).expect("a client")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_goes_to_a_real_registry_and_comes_back_the_same() {
    if !installed("docker-registry") || !installed("skopeo") {
        return;
    }
    let real = RealRegistry::start(false, false);
    let (_one, store) = open();
    let name = real.name("team/app:1");
    let image = image(&store, &name.to_string());
    let client = client();
    for _ in 0..2 {
        let (digest, size) = client.push(&store, &name, &Credentials::Anonymous, &silent()).await.expect("pushed");
        assert_eq!(digest, image.manifest);
        assert!(size > 100);
    }
    let pushed = store.resolve(&name.to_string()).expect("there");
    assert_eq!(pushed.repo_digests, [name.at_digest(image.manifest.clone())]);
    let inspected = skopeo(&[
        "inspect",
        "--tls-verify=false",
        "--override-os=wasi",
        "--override-arch=wasm",
        &format!("docker://{name}"),
    ]);
    assert!(inspected.contains(&image.manifest.to_string()), "{inspected}");
    assert!(inspected.contains("\"Architecture\": \"wasm\""), "{inspected}");
    let (_two, other) = open();
    let by_digest = name.at_digest(image.manifest.clone());
    for wanted in [&name, &by_digest] {
        let id = client.pull(&other, wanted, None, &Credentials::Anonymous, &silent()).await.expect("pulled");
        assert_eq!(id, image.id);
    }
    let pulled = other.resolve(&name.to_string()).expect("there");
    assert_eq!(pulled.manifest, image.manifest);
    let tree = other.tree(&pulled).expect("a tree");
    assert_eq!(tree.node(tree.lookup("/data").expect("the file")).size, 3_000_000);
    let missing = client.pull(&other, &real.name("team/none"), None, &Credentials::Anonymous, &silent()).await;
    assert_eq!(missing.expect_err("not there").code(), "not_in_registry");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_with_passwords_lets_in_only_who_knows_one() {
    if !installed("docker-registry") || !installed("htpasswd") {
        return;
    }
    let real = RealRegistry::start(true, false);
    let (_folder, store) = open();
    let name = real.name("app");
    image(&store, &name.to_string());
    let client = client();
    let me = |password: &str| Credentials::Basic { username: "me".into(), password: password.into() };
    for wrong in [Credentials::Anonymous, me("wrong")] {
        assert_eq!(client.login(&real.host, &wrong).await.expect_err("refused").code(), "registry_denied");
        let pushed = client.push(&store, &name, &wrong, &silent()).await;
        assert_eq!(pushed.expect_err("refused").code(), "registry_denied");
        let pulled = client.pull(&store, &name, None, &wrong, &silent()).await;
        assert_eq!(pulled.expect_err("refused").code(), "registry_denied");
    }
    client.login(&real.host, &me("secret")).await.expect("logged in");
    client.push(&store, &name, &me("secret"), &silent()).await.expect("pushed");
    client.pull(&store, &name, None, &me("secret"), &silent()).await.expect("pulled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_with_tls_is_believed_only_by_its_certificate() {
    if !installed("docker-registry") || !installed("openssl") {
        return;
    }
    let real = RealRegistry::start(false, true);
    let (_folder, store) = open();
    let name = real.name("app");
    image(&store, &name.to_string());
    let stranger = client().push(&store, &name, &Credentials::Anonymous, &silent()).await;
    assert_eq!(stranger.expect_err("unknown certificate").code(), "registry_failed");
    let options =
        RegistryOptions { certificates: vec![real.folder.path().join("cert.pem")], ..RegistryOptions::default() };
    let client = Registry::new(options).expect("a client");
    client.push(&store, &name, &Credentials::Anonymous, &silent()).await.expect("pushed");
    client.pull(&store, &name, None, &Credentials::Anonymous, &silent()).await.expect("pulled");
}

#[test]
fn other_tools_read_saved_archives_and_sprat_reads_theirs() {
    if !installed("skopeo") {
        return;
    }
    let (_folder, store) = open();
    let image = image(&store, "app:1");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("saved.tar");
    archive::save(&store, &["app:1".to_owned()], std::fs::File::create(&path).expect("a file")).expect("saved");
    let path_text = path.display();
    let config = skopeo(&["inspect", "--config", "--raw", &format!("oci-archive:{path_text}:1")]);
    assert_eq!(sprat_image::Digest::of(config.as_bytes()), image.id);
    for (format, source) in [
        ("docker-archive", format!("docker-archive:{path_text}:app:1")),
        ("oci-archive", format!("oci-archive:{path_text}:1")),
    ] {
        let copy = folder.path().join(format);
        let target = format!("{format}:{}:docker.io/library/copy:{}", copy.display(), "2");
        skopeo(&["--insecure-policy", "--override-os=wasi", "--override-arch=wasm", "copy", &source, &target]);
        check_loads(&copy, &image);
    }
}

fn check_loads(file: &Path, image: &Image) {
    let (_folder, store) = open();
    let loaded = archive::load(&store, std::fs::File::open(file).expect("a file"), &silent()).expect("loaded");
    assert_eq!(loaded.len(), 1);
    assert_eq!(loaded[0].tags[0].familiar(), "copy:2");
    let found = store.resolve("copy:2").expect("there");
    assert_eq!(found.id, image.id);
    assert!(store.tree(&found).is_ok());
}
