//! Measures what this room's settings cost: making an engine, loading sealed-size code, instantiating in a pool.
//!
//! `cargo run --release -p sprat-program --example instantiate -- [SLOTS] [FILE.wasm]`. Prints medians. It is a tool for
//! choosing settings, not a benchmark of the product.

use std::time::{Duration, Instant};

use sprat_program::{EngineOptions, Variant, Wasi, describe, engine, to_binary};
use wasmtime::component::{Component, Linker as ComponentLinker};
use wasmtime::{Engine, Linker, Module, Store};

const ROUNDS: usize = 5_000;
const MODULE: &str =
    r#"(module (memory 2) (table 8 funcref) (func (export "f") (i32.store (i32.const 0) (i32.const 1))))"#;
const COMPONENT: &str = r#"(component
    (core module $m (memory (export "memory") 2) (func (export "f") (i32.store (i32.const 0) (i32.const 1))))
    (core instance $i (instantiate $m))
    (func (export "f") (canon lift (core func $i "f"))))"#;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn module(engine: &Engine) -> wasmtime::Result<()> {
    let module = Module::new(engine, to_binary(MODULE.as_bytes())?)?;
    let ready = Linker::<()>::new(engine).instantiate_pre(&module)?;
    let (mut made, mut cycle) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut store = Store::new(engine, ());
        store.set_epoch_deadline(1);
        let instance = ready.instantiate(&mut store)?;
        made.push(start.elapsed());
        instance.get_typed_func::<(), ()>(&mut store, "f")?.call(&mut store, ())?;
        drop(store);
        cycle.push(start.elapsed());
    }
    println!("core module: store + instance {:?}, whole cycle {:?}", median(made), median(cycle));
    Ok(())
}

fn component(engine: &Engine) -> wasmtime::Result<()> {
    let component = Component::new(engine, to_binary(COMPONENT.as_bytes())?)?;
    let ready = ComponentLinker::<()>::new(engine).instantiate_pre(&component)?;
    let (mut made, mut cycle) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut store = Store::new(engine, ());
        store.set_epoch_deadline(1);
        let instance = ready.instantiate(&mut store)?;
        made.push(start.elapsed());
        instance.get_typed_func::<(), ()>(&mut store, "f")?.call(&mut store, ())?;
        drop(store);
        cycle.push(start.elapsed());
    }
    println!("component:   store + instance {:?}, whole cycle {:?}", median(made), median(cycle));
    Ok(())
}

fn main() -> wasmtime::Result<()> {
    let mut args = std::env::args().skip(1);
    let slots = args.next().map_or(Ok(1_000), |slots| slots.parse())?;
    let options = EngineOptions { slots, max_memory: 256 << 20 };
    for variant in Variant::ALL {
        let start = Instant::now();
        let engine = engine(variant, options)?;
        println!("{}: engine with {slots} slots made in {:?}", variant.name(), start.elapsed());
        module(&engine)?;
        component(&engine)?;
    }
    let start = Instant::now();
    drop(engine(Variant::new(Wasi::P2, true), EngineOptions::COMPILER)?);
    println!("engine without pools made in {:?}", start.elapsed());
    if let Some(path) = args.next() {
        let wasm = std::fs::read(&path)?;
        let start = Instant::now();
        let description = describe(&wasm)?;
        println!("{path}: {} bytes described in {:?}", description.size, start.elapsed());
        let mut hasher = blake3::Hasher::new_keyed(&[7; 32]);
        let code = vec![1_u8; 64 << 20];
        let start = Instant::now();
        hasher.update_reader(code.as_slice())?;
        println!("64 MiB sealed in {:?} ({})", start.elapsed(), hasher.finalize());
    }
    Ok(())
}
