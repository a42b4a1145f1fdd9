use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::client::is_loopback;
use super::*;
use crate::layer::{Attributes, LayerWriter};
use crate::{Progress, Tree};

#[test]
fn only_this_machine_s_addresses_are_spoken_to_without_tls() {
    for host in ["localhost", "localhost:5000", "127.0.0.1", "127.1.2.3:5000", "[::1]:5000", "[::1]"] {
        assert!(is_loopback(host), "{host}");
    }
    for host in ["docker.io", "localhost.example.com", "10.0.0.1:5000", "[::2]:80", "127.0.0.1.example.com", "1.2.3.4"]
    {
        assert!(!is_loopback(host), "{host}");
    }
}

#[test]
fn credentials_do_not_show_their_secret() {
    let basic = Credentials::Basic { username: "me".into(), password: "hunter2".into() };
    let shown = format!("{basic:?} {:?}", Credentials::Token("hunter2".into()));
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// A registry that serves what it is told to, right or wrong.
#[derive(Default)]
struct Served {
    /// Further headers of a path's answer, each with its line's end.
    headers: HashMap<String, String>,
    /// Media type and content by path.
    files: HashMap<String, (String, Vec<u8>)>,
    /// Paths whose next answer breaks off after so many bytes.
    cuts: HashMap<String, usize>,
    /// Requests, with their range.
    requests: Vec<(String, Option<String>)>,
}

struct Fake {
    host: String,
    served: Arc<Mutex<Served>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let host = listener.local_addr().expect("bound").to_string();
        let served: Arc<Mutex<Served>> = Arc::default();
        let shared = Arc::clone(&served);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&shared)));
            }
        });
        Self { host, served, task }
    }

    fn put(&self, path: &str, media_type: &str, bytes: &[u8]) {
        self.served.lock().files.insert(path.to_owned(), (media_type.to_owned(), bytes.to_vec()));
    }

    fn blob(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.put(&blob_path(&digest), "application/octet-stream", bytes);
        digest
    }

    /// Serves a manifest under the tag `latest` and its digest.
    fn manifest(&self, manifest: &serde_json::Value) -> Digest {
        let bytes = manifest.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        for name in ["latest", &digest.to_string()] {
            self.put(&format!("/v2/x/manifests/{name}"), "application/vnd.oci.image.manifest.v1+json", &bytes);
        }
        digest
    }

    fn name(&self) -> Reference {
        format!("{}/x", self.host).parse().expect("a name")
    }

    fn requests_for(&self, path: &str) -> Vec<Option<String>> {
        self.served.lock().requests.iter().filter(|(of, _)| of == path).map(|(_, range)| range.clone()).collect()
    }
}

fn blob_path(digest: &Digest) -> String {
    format!("/v2/x/blobs/{digest}")
}

async fn answer(mut stream: TcpStream, served: Arc<Mutex<Served>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let range = head.lines().find_map(|line| line.strip_prefix("range: ")).map(str::to_owned);
    let (file, cut, headers) = {
        let mut served = served.lock();
        served.requests.push((path.clone(), range.clone()));
        let headers = served.headers.get(&path).cloned().unwrap_or_default();
        (served.files.get(&path).cloned(), served.cuts.remove(&path), headers)
    };
    let Some((media_type, bytes)) = file else {
        let status = if path == "/v2/" { "200 OK" } else { "404 Not Found" };
        let _ = stream
            .write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes())
            .await;
        return;
    };
    let from: usize =
        range.as_deref().and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()).unwrap_or(0);
    let status = if range.is_some() { "206 Partial Content" } else { "200 OK" };
    let body = &bytes[from.min(bytes.len())..];
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Type: {media_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&body[..cut.unwrap_or(body.len()).min(body.len())]).await;
}

fn silent() -> ProgressSink {
    Arc::new(|_| {})
}

fn registry() -> Registry {
    Registry::new(RegistryOptions::default()).expect("a client")
}

fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    (folder, store)
}

/// Serves an image of one plain layer whose file `f` has these bytes. Returns the layer's digest.
fn serve_image(fake: &Fake, content: &[u8]) -> Digest {
    let mut layer = LayerWriter::new();
    layer.bytes(b"f", Attributes::FILE, content.to_vec()).expect("a name");
    let mut tar = Vec::new();
    layer.write(&mut tar).expect("memory");
    let blob = fake.blob(&tar);
    let config =
        json!({"architecture": "wasm", "os": "wasi", "rootfs": {"type": "layers", "diff_ids": [blob]}}).to_string();
    let config_digest = fake.blob(config.as_bytes());
    fake.manifest(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": config.len()},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": blob, "size": tar.len()}],
    }));
    blob
}

async fn pull(registry: &Registry, store: &Store, fake: &Fake) -> Result<Digest, StoreError> {
    registry.pull(store, &fake.name(), None, &Credentials::Anonymous, &silent()).await
}

#[tokio::test]
async fn pulling_tells_its_progress_in_docker_s_words() {
    let fake = Fake::start().await;
    let layer = serve_image(&fake, b"content");
    let (_folder, store) = open();
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = Arc::clone(&told);
    let progress: ProgressSink =
        Arc::new(move |step: Progress| sink.lock().push(format!("{} {}", step.id, step.status)));
    let registry = registry();
    for _ in 0..2 {
        registry.pull(&store, &fake.name(), None, &Credentials::Anonymous, &progress).await.expect("pulled");
    }
    let text = told.lock().join("\n").replace(&fake.host, "HOST").replace(&layer.short(), "LAYER");
    let text = text.lines().filter(|line| !line.contains("Digest")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(text, @r"
    latest Pulling from x
    LAYER Pulling fs layer
    LAYER Downloading
    LAYER Verifying Checksum
    LAYER Download complete
    LAYER Pull complete
     Status: Downloaded newer image for HOST/x:latest
    latest Pulling from x
    LAYER Pulling fs layer
    LAYER Already exists
    LAYER Pull complete
     Status: Image is up to date for HOST/x:latest
    ");
}

#[tokio::test]
async fn concurrent_pulls_share_one_download() {
    let fake = Fake::start().await;
    let layer = serve_image(&fake, &vec![7; 300_000]);
    let (_folder, store) = open();
    let registry = registry();
    let pulls = (0..8).map(|_| pull(&registry, &store, &fake));
    for pulled in futures_util::future::join_all(pulls).await {
        pulled.expect("pulled");
    }
    assert_eq!(fake.requests_for(&blob_path(&layer)).len(), 1);
}

#[tokio::test]
async fn a_broken_download_resumes_where_it_ended() {
    let fake = Fake::start().await;
    let layer = serve_image(&fake, &vec![7; 300_000]);
    fake.served.lock().cuts.insert(blob_path(&layer), 100_000);
    let (_folder, store) = open();
    pull(&registry(), &store, &fake).await.expect("pulled");
    assert_eq!(fake.requests_for(&blob_path(&layer)), [None, Some("bytes=100000-".to_owned())]);
    assert_eq!(std::fs::read_dir(&store.paths.partial).expect("a folder").count(), 0);
}

#[tokio::test]
async fn a_partial_file_of_other_bytes_is_thrown_away_not_believed() {
    let fake = Fake::start().await;
    let layer = serve_image(&fake, b"content");
    let (_folder, store) = open();
    std::fs::write(store.paths.partial(&layer), vec![1; 100]).expect("written");
    pull(&registry(), &store, &fake).await.expect("from the start");
    assert_eq!(fake.requests_for(&blob_path(&layer)), [Some("bytes=100-".to_owned()), None]);
}

#[tokio::test]
async fn content_that_is_not_what_its_digest_says_is_refused_and_nothing_is_kept() {
    let fake = Fake::start().await;
    let layer = serve_image(&fake, b"content");
    let real = fake.served.lock().files[&blob_path(&layer)].1.clone();
    let mut wrong = real.clone();
    wrong[600] ^= 1;
    fake.put(&blob_path(&layer), "x", &wrong);
    let (_folder, store) = open();
    assert!(matches!(pull(&registry(), &store, &fake).await, Err(StoreError::DigestMismatch { .. })));
    fake.put(&blob_path(&layer), "x", &[real, vec![0; 100]].concat());
    assert!(matches!(pull(&registry(), &store, &fake).await, Err(StoreError::Invalid { .. })));
    assert!(store.images().expect("images").is_empty());
    assert!(!store.paths.blob(&layer).exists());
    fake.put(&format!("/v2/x/manifests/{}", Digest::of(b"a")), "application/vnd.oci.image.manifest.v1+json", b"{}");
    let by_digest = fake.name().at_digest(Digest::of(b"a"));
    assert!(registry().pull(&store, &by_digest, None, &Credentials::Anonymous, &silent()).await.is_err());
}

#[tokio::test]
async fn what_a_registry_does_not_have_or_holds_no_wasm_is_named() {
    let fake = Fake::start().await;
    let (_folder, store) = open();
    let missing = pull(&registry(), &store, &fake).await.expect_err("nothing there");
    assert_eq!(missing.to_string(), format!("manifest for {}/x:latest not found", fake.host));
    let entry = json!({"digest": Digest::of(b"m"), "size": 1, "platform": {"os": "linux", "architecture": "amd64"}});
    fake.manifest(&json!({"schemaVersion": 2, "manifests": [entry]}));
    let error = pull(&registry(), &store, &fake).await.expect_err("no wasm");
    assert_eq!(error.code(), "no_wasm_platform");
    let gone = Registry::new(RegistryOptions::default()).expect("a client");
    let nowhere: Reference = "127.0.0.1:1/x".parse().expect("a name");
    let error = gone.pull(&store, &nowhere, None, &Credentials::Anonymous, &silent()).await.expect_err("no server");
    assert_eq!(error.code(), "registry_failed");
}

#[tokio::test]
async fn a_manifest_of_megabytes_is_refused() {
    let fake = Fake::start().await;
    let (_folder, store) = open();
    let path = "/v2/x/manifests/latest";
    fake.put(path, "application/vnd.oci.image.manifest.v1+json", &vec![b' '; crate::MAX_MANIFEST_BYTES as usize + 1]);
    assert_eq!(pull(&registry(), &store, &fake).await.expect_err("too large").code(), "too_large");
}

#[tokio::test]
async fn a_wasm_artifact_becomes_an_image_whose_entry_point_is_its_file() {
    let fake = Fake::start().await;
    let wasm = fake.blob(b"\0asm\x01\0\0\0");
    let config = br#"{"architecture":"wasm","os":"wasip2","layerDigests":[]}"#;
    let config_digest = fake.blob(config);
    let annotations = json!({"org.opencontainers.image.title": "../tools/app.wasm"});
    fake.manifest(&json!({
        "schemaVersion": 2,
        "config": {"mediaType": "application/vnd.wasm.config.v0+json", "digest": config_digest, "size": config.len()},
        "layers": [{"mediaType": "application/wasm", "digest": wasm, "size": 8, "annotations": annotations}],
    }));
    let (_folder, store) = open();
    let id = pull(&registry(), &store, &fake).await.expect("pulled");
    let image = store.resolve(&id.to_string()).expect("there");
    assert_eq!(image.config.entrypoint.as_deref(), Some(&["/app.wasm".to_owned()][..]));
    assert_eq!((image.os.as_str(), image.architecture.as_str()), ("wasip2", "wasm"));
    let tree: Tree = store.tree(&image).expect("a tree");
    let file = tree.lookup("/app.wasm").expect("the file");
    assert_eq!(
        (tree.read(file, 8).expect("readable").as_slice(), tree.node(file).mode),
        (&b"\0asm\x01\0\0\0"[..], 0o755)
    );
    // An archive of it brings the same image, through the layout's manifest or the docker-archive's tar.
    let mut tar = Vec::new();
    crate::archive::save(&store, &[id.to_string()], &mut tar).expect("saved");
    let (_other_folder, other) = open();
    let loaded = crate::archive::load(&other, tar.as_slice(), &silent()).expect("loaded");
    assert_eq!(loaded[0].id, id);
    // It can be a base of other images, and its layer is made again when it is lost.
    let on_top = store.create(&image.config, &[image.layers[0].diff_id.clone()], &[], &[]).expect("an image");
    std::fs::remove_dir_all(&image.layers[0].path).expect("removed");
    assert!(store.tree(&on_top).is_ok());
}

#[tokio::test]
async fn a_wasm_layer_of_a_docker_style_image_lies_where_its_entry_point_says() {
    let fake = Fake::start().await;
    let wasm = fake.blob(b"\0asm\x01\0\0\0");
    let config = json!({
        "architecture": "wasm", "os": "wasip1", "config": {"Entrypoint": ["/bin/app.wasm"]},
        "rootfs": {"type": "layers", "diff_ids": [wasm]},
    });
    let config = config.to_string();
    let config_digest = fake.blob(config.as_bytes());
    fake.manifest(&json!({
        "schemaVersion": 2,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": config.len()},
        "layers": [{"mediaType": "application/vnd.module.wasm.content.layer.v1+wasm", "digest": wasm, "size": 8}],
    }));
    let (_folder, store) = open();
    assert_eq!(pull(&registry(), &store, &fake).await.expect("pulled"), config_digest);
    let image = store.resolve(&config_digest.to_string()).expect("there");
    assert!(store.tree(&image).expect("a tree").lookup("/bin/app.wasm").is_some());
}

#[tokio::test]
async fn a_pull_that_is_given_up_leaves_no_image_and_can_be_taken_up_again() {
    let fake = Fake::start().await;
    let layer = serve_image(&fake, &vec![7; 300_000]);
    let (folder, store) = open();
    let registry = registry();
    // Given up at the first bytes of the layer.
    let (told, first_bytes) = tokio::sync::oneshot::channel();
    let told = Mutex::new(Some(told));
    let progress: ProgressSink = Arc::new(move |step: Progress| {
        if step.status == "Downloading" {
            told.lock().take().map(|told| told.send(()));
        }
    });
    let name = fake.name();
    tokio::select! {
        biased;
        _ = first_bytes => {}
        _ = registry.pull(&store, &name, None, &Credentials::Anonymous, &progress) => {}
    }
    let store = match store.images().expect("images").is_empty() {
        true => {
            drop(store);
            Store::open(folder.path()).expect("a store")
        }
        false => store,
    };
    pull(&registry, &store, &fake).await.expect("pulled");
    assert!(store.paths.blob(&layer).exists());
}

/// Serves one page of the tags of `x`; `next` is what follows it.
fn serve_tags(fake: &Fake, path: &str, tags: &serde_json::Value, next: Option<&str>) {
    fake.put(path, "application/json", json!({"name": "x", "tags": tags}).to_string().as_bytes());
    if let Some(next) = next {
        let link = format!("Link: <{next}>; rel=\"next\"\r\n");
        fake.served.lock().headers.insert(path.to_owned(), link);
    }
}

async fn tags(fake: &Fake) -> Result<Vec<String>, StoreError> {
    let names = registry().tags(&fake.name(), &Credentials::Anonymous).await?;
    Ok(names.iter().map(|name| name.to_string().replace(&fake.host, "HOST")).collect())
}

#[tokio::test]
async fn all_pages_of_a_tag_list_are_read_from_the_registry_itself_alone() {
    let fake = Fake::start().await;
    serve_tags(&fake, "/v2/x/tags/list", &json!(["1", "2"]), Some("http://192.0.2.1/evil?last=2&n=2"));
    serve_tags(&fake, "/v2/x/tags/list?last=2&n=2", &json!(["latest"]), None);
    assert_eq!(tags(&fake).await.expect("listed"), ["HOST/x:1", "HOST/x:2", "HOST/x:latest"]);
    serve_tags(&fake, "/v2/x/tags/list", &serde_json::Value::Null, None);
    assert!(tags(&fake).await.expect("listed").is_empty());
}

#[tokio::test]
async fn hostile_tag_lists_are_refused() {
    let fake = Fake::start().await;
    assert_eq!(tags(&fake).await.expect_err("nothing there").code(), "not_in_registry");
    serve_tags(&fake, "/v2/x/tags/list", &json!(["../../y"]), None);
    assert!(matches!(tags(&fake).await, Err(StoreError::Reference(_))));
    // Each page is followed by itself with another query, so only the limit ends it.
    let many: Vec<String> = (0..5001).map(|n| format!("t{n}")).collect();
    for (path, next) in [("/v2/x/tags/list", "?n=1"), ("/v2/x/tags/list?n=1", "?n=2")] {
        serve_tags(&fake, path, &json!(many), Some(next));
    }
    let error = tags(&fake).await.expect_err("too many").to_string();
    assert!(error.contains("has more than 10000: pull tags by name"), "{error}");
}
