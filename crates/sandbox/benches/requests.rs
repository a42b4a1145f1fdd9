//! What an HTTP service takes inside the worker: to make an instance, and to answer a request that comes without a connection.

#![expect(clippy::expect_used, reason = "a benchmark that can't be set up has nothing to tell")]

use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http_body_util::{BodyExt, Empty};
use sprat_program::{Code, Encoding, Kind, Variant, Wasi};
use sprat_sandbox::{
    FilesSpec, Guest, Limits, Output, ProgramSpec, Sandbox, SandboxOptions, ServiceSpec, Spec, Stdio, Stream, User,
};
use tokio::runtime::Runtime;

/// Output that goes nowhere.
struct Nowhere;

impl Output for Nowhere {
    fn write(&self, _: Stream, bytes: &[u8]) -> Option<usize> {
        Some(bytes.len())
    }

    fn poll_ready(&self, _: Stream, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// The example that is an HTTP service.
fn web() -> Vec<u8> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/web/Cargo.toml");
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/web");
    let status = std::process::Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--manifest-path", manifest])
        .args(["--target-dir", folder, "--target", "wasm32-wasip2"])
        .env_remove("RUSTFLAGS")
        .status()
        .expect("cargo runs");
    assert!(status.success());
    std::fs::read(format!("{folder}/wasm32-wasip2/release/web.wasm")).expect("built")
}

async fn program(sandbox: &Sandbox, wasm: &[u8]) -> ProgramSpec {
    let variant = Variant::new(Wasi::P2, true);
    let engine = sandbox.engine(variant).expect("engine");
    let component = wasmtime::component::Component::new(&engine, wasm).expect("compiles");
    let (encoding, kind) = (Encoding::Component, Kind::HttpService);
    let spec = ProgramSpec { code: PathBuf::from("web"), variant, encoding, kind, wasi: Wasi::P2 };
    sandbox.insert(&spec, Code::Component(component)).await.expect("links");
    spec
}

async fn request(guest: &Guest) {
    let request = http::Request::get("http://web/").body(Empty::<Bytes>::new()).expect("a request");
    let answer = guest.request(request).await.expect("it is a service");
    assert_eq!(answer.status(), 200);
    assert!(!answer.into_body().collect().await.expect("a body").to_bytes().is_empty());
}

fn measured(mut times: Vec<Duration>, rounds: u64) -> Duration {
    let middle = times.len() / 2;
    *times.select_nth_unstable(middle).1 * u32::try_from(rounds).expect("few rounds")
}

fn instances(criterion: &mut Criterion, runtime: &Runtime, guest: &Guest) {
    criterion.bench_function("requests/instance", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let mut times = Vec::new();
                for _ in 0..rounds {
                    let begin = Instant::now();
                    let instance = guest.instance().await;
                    times.push(begin.elapsed());
                    drop(instance.expect("instantiates"));
                }
                measured(times, rounds)
            })
        });
    });
}

fn benchmarks(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let _entered = runtime.enter();
    let folder = tempfile::TempDir::new().expect("temporary folder");
    let key = folder.path().join("key");
    std::fs::write(&key, [7; 32]).expect("key");
    let options = SandboxOptions {
        slots: 1000,
        process_slots: 0,
        request_slots: 64,
        max_memory: 1 << 30,
        key,
        shared: true,
        further: None,
    };
    let sandbox = Sandbox::new(options).expect("sandbox");
    let program = runtime.block_on(program(&sandbox, &web()));
    let spec = |service| Spec {
        program: program.clone(),
        args: vec!["/web.wasm".into()],
        env: vec![("PATH".into(), "/bin".into())],
        cwd: "/".into(),
        files: FilesSpec { upper: folder.path().join("upper"), ..FilesSpec::default() },
        user: User::default(),
        limits: Limits::default(),
        tty: false,
        network: <_>::default(),
        service,
    };
    let start = |service| {
        let stdio = Stdio { input: None, output: Arc::new(Nowhere) };
        runtime.block_on(sandbox.start(spec(service), stdio)).expect("starts")
    };
    let fresh = start(ServiceSpec::default());
    instances(criterion, &runtime, &fresh);
    let kinds = [("fresh", fresh), ("reused", start(ServiceSpec { reuse: 1000, ..ServiceSpec::default() }))];
    for (name, guest) in kinds {
        criterion.bench_function(&format!("requests/{name}"), |bencher| {
            bencher.iter(|| runtime.block_on(request(&guest)));
        });
    }
}

criterion_group!(benches, benchmarks);
criterion_main!(benches);
