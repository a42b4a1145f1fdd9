//! Time to make a store and an instance, and the whole life of a guest, in a sandbox as a worker has it.

#![expect(clippy::expect_used, reason = "a benchmark that can't be set up has nothing to tell")]

use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use sprat_program::{Code, Encoding, Kind, Variant, Wasi};
use sprat_sandbox::{FilesSpec, Limits, Output, ProgramSpec, Sandbox, SandboxOptions, Spec, Stdio, Stream, User};

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

/// A core module that imports nothing.
const CORE: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;

/// The example that says hello, for this target.
fn guest(target: &str) -> Vec<u8> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hello/Cargo.toml");
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/hello");
    let status = std::process::Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--manifest-path", manifest])
        .args(["--target-dir", folder, "--target", target])
        .env_remove("RUSTFLAGS")
        .status()
        .expect("cargo runs");
    assert!(status.success());
    std::fs::read(format!("{folder}/{target}/release/hello.wasm")).expect("built")
}

fn program(sandbox: &Sandbox, runtime: &tokio::runtime::Runtime, name: &str, wasm: &[u8], wasi: Wasi) -> ProgramSpec {
    let variant = Variant::new(wasi, true);
    let engine = sandbox.engine(variant).expect("engine");
    let (encoding, code) = match wasi {
        Wasi::P2 => {
            let component = wasmtime::component::Component::new(&engine, wasm).expect("compiles");
            (Encoding::Component, Code::Component(component))
        }
        _ => (Encoding::Core, Code::Module(wasmtime::Module::new(&engine, wasm).expect("compiles"))),
    };
    let spec = ProgramSpec { code: PathBuf::from(name), variant, encoding, kind: Kind::Command, wasi };
    runtime.block_on(sandbox.insert(&spec, code)).expect("links");
    spec
}

/// The median, so that the turns of other processes on the machine do not count.
fn median(mut times: Vec<Duration>) -> Duration {
    let middle = times.len() / 2;
    *times.select_nth_unstable(middle).1
}

/// The median of what was measured, less what the clock itself takes, for so many rounds.
fn measured(times: Vec<Duration>, rounds: u64) -> Duration {
    let clock = (0..1000).map(|_| Instant::now().elapsed()).collect();
    median(times).saturating_sub(median(clock)) * u32::try_from(rounds).expect("few rounds")
}

/// What wasmtime alone takes for the core module, with the same engine.
fn floor(criterion: &mut Criterion, sandbox: &Sandbox, runtime: &tokio::runtime::Runtime) {
    let engine = sandbox.engine(Variant::new(Wasi::P1, true)).expect("engine");
    let module = wasmtime::Module::new(&engine, wat::parse_str(CORE).expect("valid")).expect("compiles");
    let pre = wasmtime::Linker::new(&engine).instantiate_pre(&module).expect("links");
    criterion.bench_function("instantiate/wasmtime alone, core", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let mut times = Vec::new();
                for _ in 0..rounds {
                    let begin = Instant::now();
                    let mut store = wasmtime::Store::new(&engine, ());
                    let instance = pre.instantiate_async(&mut store).await;
                    times.push(begin.elapsed());
                    instance.expect("instantiates");
                }
                measured(times, rounds)
            })
        });
    });
}

fn benchmarks(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
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
    let programs = [
        ("core", program(&sandbox, &runtime, "core", &wat::parse_str(CORE).expect("valid"), Wasi::P1)),
        ("0.1", program(&sandbox, &runtime, "0.1", &guest("wasm32-wasip1"), Wasi::P1)),
        ("0.2", program(&sandbox, &runtime, "0.2", &guest("wasm32-wasip2"), Wasi::P2)),
    ];
    floor(criterion, &sandbox, &runtime);
    for (name, program) in programs {
        let spec = Spec {
            program,
            args: vec!["/hello.wasm".into()],
            env: vec![("PATH".into(), "/bin".into())],
            cwd: "/".into(),
            files: FilesSpec { upper: folder.path().join("upper"), ..FilesSpec::default() },
            user: User::default(),
            limits: Limits::default(),
            tty: false,
            network: <_>::default(),
            service: <_>::default(),
        };
        let stdio = || Stdio { input: None, output: Arc::new(Nowhere) };
        criterion.bench_function(&format!("instantiate/{name}"), |bencher| {
            bencher.iter_custom(|rounds| {
                runtime.block_on(async {
                    let mut times = Vec::new();
                    for _ in 0..rounds {
                        let given = sandbox.given(spec.clone(), stdio()).await.expect("given");
                        let begin = Instant::now();
                        let instance = given.instantiate().await;
                        times.push(begin.elapsed());
                        // One at a time: each instance is dropped before the next is made, outside the measured time.
                        drop(instance.expect("instantiates"));
                    }
                    measured(times, rounds)
                })
            });
        });
        criterion.bench_function(&format!("cycle/{name}"), |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let guest = sandbox.start(spec.clone(), stdio()).await.expect("starts");
                    assert_eq!(guest.wait().await.status(), 0);
                });
            });
        });
    }
}

criterion_group!(benches, benchmarks);
criterion_main!(benches);
