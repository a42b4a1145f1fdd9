//! Engine settings: one [`wasmtime::Engine`] per [`Variant`].
//!
//! Two kinds of settings live here. Those of [`code_settings`] change compiled code; they depend on the variant alone, so
//! the compiling and the running engine agree by construction. Those of [`pools`] only change how instances are allocated.
//! Nothing here reads the environment.

use serde::{Deserialize, Serialize};
use wasmtime::{
    Collector, Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Strategy,
    WasmBacktraceDetails,
};

use crate::{ProgramError, Wasi};

/// How code is compiled. Code of one variant runs only on an engine of the same variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Variant {
    /// With epoch checks: it can be interrupted, so it may share a worker. Without, only killing its process ends it.
    pub interruptible: bool,
    /// With the concurrency support that WASI 0.3 needs, and that costs the others speed.
    pub concurrent: bool,
}

impl Variant {
    /// Every variant there is.
    pub const ALL: [Self; 4] = [
        Self { interruptible: false, concurrent: false },
        Self { interruptible: false, concurrent: true },
        Self { interruptible: true, concurrent: false },
        Self { interruptible: true, concurrent: true },
    ];

    /// The variant for a program of this WASI version, in a shared worker or one of its own.
    #[must_use]
    pub const fn new(wasi: Wasi, shared: bool) -> Self {
        Self { interruptible: shared, concurrent: matches!(wasi, Wasi::P3) }
    }

    /// A word for file names and arguments: `epoch`, `plain`, `epoch-async`, `plain-async`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match (self.interruptible, self.concurrent) {
            (true, false) => "epoch",
            (false, false) => "plain",
            (true, true) => "epoch-async",
            (false, true) => "plain-async",
        }
    }

    /// The variant of this [name](Self::name).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| variant.name() == name)
    }
}

/// The run-time side of an engine: pools. It does not change compiled code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineOptions {
    /// Guests at once. Zero: no pools (for compiling).
    pub slots: u32,
    /// Largest linear memory in bytes.
    pub max_memory: u64,
}

impl EngineOptions {
    /// No pools: for compiling and for asking about settings.
    pub const COMPILER: Self = Self { slots: 0, max_memory: MEMORY_RESERVATION };
}

/// Address space of a linear memory, in bytes. With the guard it lets 32-bit guests run without bounds checks.
const MEMORY_RESERVATION: u64 = 4 << 30;
/// Unmapped bytes after a linear memory.
const MEMORY_GUARD: u64 = 32 << 20;
/// Bytes of stack a guest's own code may use; past it the guest traps. Interpreters compiled to wasm recurse deeply.
const WASM_STACK: usize = 1 << 20;
/// Bytes of a guest's whole stack: [`WASM_STACK`] and what hosts need when it calls them.
const ASYNC_STACK: usize = 2 << 20;

/// Inner modules of one component: a command has about four (the program, its adapter, two shims).
const CORE_INSTANCES_PER_SLOT: u32 = 4;
/// Linear memories, a garbage-collected heap counting as one, for every four slots: most guests have one.
const MEMORIES_PER_4_SLOTS: u32 = 5;
/// Tables: the program's own and the shim's, and some that have more.
const TABLES_PER_SLOT: u32 = 3;
/// Added to each total, so that a worker with few slots still takes one composed component.
const SPARE: u32 = 64;
/// 47 bits of address space hold this many memories of 4 GiB beside the rest of the process.
const MAX_MEMORIES: u32 = 20_000;
/// Elements of a table. Python's and .NET's runtimes have some ten thousands of functions.
const TABLE_ELEMENTS: usize = 128 << 10;
/// Bytes of an instance's own metadata; large runtimes need some hundred kilobytes.
const MAX_INSTANCE_SIZE: usize = 8 << 20;
/// Tables in one module, memories in one module.
const MAX_PER_MODULE: u32 = 16;
/// Core instances in one component.
const MAX_CORE_INSTANCES_PER_COMPONENT: u32 = 256;
/// Memories or tables in one component.
const MAX_PER_COMPONENT: u32 = 64;

/// Bytes of a memory kept for the slot's next guest, where the kernel tells which pages are dirty.
const MEMORY_KEEP_RESIDENT: u64 = 2 << 20;
/// What all slots may keep together, in bytes.
const MEMORY_KEEP_RESIDENT_TOTAL: u64 = 2 << 30;
/// Bytes of a table kept likewise.
const TABLE_KEEP_RESIDENT: usize = 64 << 10;

/// Makes the engine of a variant.
///
/// # Errors
/// The host can't hold the pools.
pub fn engine(variant: Variant, options: EngineOptions) -> Result<Engine, ProgramError> {
    let mut config = code_settings(variant);
    if options.slots > 0 {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pools(options)));
    }
    Engine::new(&config).map_err(|error| ProgramError::Io {
        action: format!("reserve the pools of {} guests", options.slots),
        source: std::io::Error::other(format!("{error:#}")),
    })
}

/// All that decides what code is compiled and how it is run. A function of the variant alone.
fn code_settings(variant: Variant) -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(variant.interruptible)
        .concurrency_support(variant.concurrent)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(ASYNC_STACK)
        .async_stack_zeroing(false)
        .memory_reservation(MEMORY_RESERVATION)
        .memory_guard_size(MEMORY_GUARD)
        .memory_init_cow(true)
        .signals_based_traps(true)
        .table_lazy_init(true)
        .collector(Collector::DeferredReferenceCounting)
        // Traps are shown with function names and offsets; lines of source would keep all DWARF in the cache.
        .generate_address_map(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // wasmtime walks frame pointers; registering unwind tables makes loading slow when there are many programs.
        .native_unwind_info(false);
    // Wasm 3.0 is on by wasmtime's default: SIMD, relaxed SIMD, tail calls, exceptions, GC, multi-memory, memory64.
    // Threads need shared memories, which no pool and no limit of ours covers.
    config.wasm_threads(false);
    config
}

/// The pools. They hold `slots` typical guests, and fewer of those that have several memories or many tables.
fn pools(options: EngineOptions) -> PoolingAllocationConfig {
    let EngineOptions { slots, max_memory } = options;
    let core_instances = slots.saturating_mul(CORE_INSTANCES_PER_SLOT).saturating_add(SPARE);
    let memories = (slots.saturating_mul(MEMORIES_PER_4_SLOTS) / 4).saturating_add(SPARE).min(MAX_MEMORIES);
    let scan = PoolingAllocationConfig::is_pagemap_scan_available();
    let mut pools = PoolingAllocationConfig::new();
    pools
        .total_component_instances(slots.saturating_add(SPARE))
        .total_core_instances(core_instances)
        .total_memories(memories)
        .total_tables(slots.saturating_mul(TABLES_PER_SLOT).saturating_add(SPARE))
        .total_stacks(slots)
        .total_gc_heaps(slots)
        .max_memory_size(usize::try_from(max_memory.min(MEMORY_RESERVATION)).unwrap_or(usize::MAX))
        .max_component_instance_size(MAX_INSTANCE_SIZE)
        .max_core_instance_size(MAX_INSTANCE_SIZE)
        .max_core_instances_per_component(MAX_CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MAX_PER_COMPONENT)
        .max_tables_per_component(MAX_PER_COMPONENT)
        .max_memories_per_module(MAX_PER_MODULE)
        .max_tables_per_module(MAX_PER_MODULE)
        .table_elements(TABLE_ELEMENTS)
        .table_keep_resident(TABLE_KEEP_RESIDENT)
        .linear_memory_keep_resident(if scan { memory_keep_resident(slots) } else { 0 })
        .pagemap_scan(if scan { Enabled::Yes } else { Enabled::No });
    // Decommits are not batched: a batch of 16 saves 0.3 µs a guest, and would keep the memory of as many dead guests.
    pools
}

/// Bytes one slot may keep: full speed for few slots, a bounded total for many.
fn memory_keep_resident(slots: u32) -> usize {
    let share = MEMORY_KEEP_RESIDENT_TOTAL / u64::from(slots.max(1));
    usize::try_from(share.min(MEMORY_KEEP_RESIDENT)).unwrap_or(0)
}
