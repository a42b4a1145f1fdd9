//! [`Prepared`]: a loaded program, linked and ready to be instantiated.

use std::sync::Arc;

use sprat_program::{Code, Kind, ProgramError, Variant, offers_function, offers_interface};
use wasmtime::component::{self, Component};
use wasmtime::{Engine, InstancePre, Module, ModuleExport, Store};

use crate::component::Host;
use crate::service::ProxyPre;
use crate::start::Given;
use crate::surroundings::Surroundings;
use crate::{Exit, ProgramSpec, SandboxError, SandboxOptions, ending, p1, p2, p3, run};

/// The entry point of a core module.
const START: &str = "_start";

/// One engine with its linkers.
pub(crate) struct Runtime {
    engine: Engine,
    core: wasmtime::Linker<p1::Process>,
    components: component::Linker<Host>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

/// A failure of the engine that is no fault of the program.
fn engine_failed(error: &wasmtime::Error) -> ProgramError {
    ProgramError::Io { action: "set up the engine".into(), source: std::io::Error::other(format!("{error:#}")) }
}

impl Runtime {
    pub(crate) fn new(variant: Variant, options: &SandboxOptions) -> Result<Self, ProgramError> {
        let pools = sprat_program::EngineOptions { slots: options.slots_of(variant), max_memory: options.max_memory };
        let engine = sprat_program::engine(variant, pools)?;
        let core = p1::linker(&engine).map_err(|error| engine_failed(&error))?;
        let components = if variant.concurrent { p3::linker(&engine) } else { p2::linker(&engine) };
        let components = components.map_err(|error| engine_failed(&error))?;
        Ok(Self { engine, core, components })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Links loaded code.
    pub(crate) fn prepare(&self, code: &Code) -> Result<Prepared, ProgramError> {
        match code {
            Code::Module(module) => self.prepare_core(module),
            Code::Component(component) => self.prepare_component(component),
        }
    }

    fn prepare_core(&self, module: &Module) -> Result<Prepared, ProgramError> {
        let pre = match self.core.instantiate_pre(module) {
            Ok(pre) => pre,
            Err(error) => return Err(link_error(module, &error)),
        };
        let start = module
            .get_export_index(START)
            .ok_or_else(|| ProgramError::Unsupported(format!("a command without the export `{START}`")))?;
        let plain = module.get_export(START).and_then(|export| export.func().map(plain_call));
        if plain != Some(true) {
            let what = format!("an entry point `{START}` that is no function without parameters and results");
            return Err(ProgramError::Unsupported(what));
        }
        Ok(Prepared::Core { pre, start, memory: module.get_export_index("memory") })
    }

    fn prepare_component(&self, component: &Component) -> Result<Prepared, ProgramError> {
        let pre =
            self.components.instantiate_pre(component).map_err(|error| component_link_error(component, &error))?;
        let no_run = |error: wasmtime::Error| ProgramError::Unsupported(format!("{error:#}"));
        if exports(component, "wasi:cli/run@0.3") {
            Ok(Prepared::Concurrent(p3::CommandPre::new(pre).map_err(no_run)?))
        } else if exports(component, "wasi:cli/run@") {
            Ok(Prepared::Component(p2::CommandPre::new(pre).map_err(no_run)?))
        } else if exports(component, "wasi:http/handler@0.3") {
            let service = wasmtime_wasi_http::p3::bindings::ServicePre::new(pre).map_err(no_run)?;
            Ok(Prepared::Service(ProxyPre::P3(service)))
        } else if exports(component, "wasi:http/incoming-handler@") {
            let service = wasmtime_wasi_http::p2::bindings::ProxyPre::new(pre).map_err(no_run)?;
            Ok(Prepared::Service(ProxyPre::P2(service)))
        } else {
            Ok(Prepared::Component(p2::CommandPre::new(pre).map_err(no_run)?))
        }
    }
}

/// It takes and gives nothing.
fn plain_call(function: &wasmtime::FuncType) -> bool {
    function.params().len() == 0 && function.results().len() == 0
}

/// The component exports an interface whose name begins so.
fn exports(component: &Component, interface: &str) -> bool {
    component.component_type().exports(component.engine()).any(|(name, _)| name.starts_with(interface))
}

/// Why a component can't be linked, likewise.
fn component_link_error(component: &Component, error: &wasmtime::Error) -> ProgramError {
    let missing: Vec<_> = component
        .component_type()
        .imports(component.engine())
        .map(|(name, _)| name.to_owned())
        .filter(|name| !offers_interface(name))
        .collect();
    if missing.is_empty() {
        ProgramError::Unsupported(format!("{error:#}"))
    } else {
        ProgramError::MissingImports(missing)
    }
}

/// Why a module can't be linked: what it imports and nobody offers, by name.
fn link_error(module: &Module, error: &wasmtime::Error) -> ProgramError {
    let missing: Vec<_> = module
        .imports()
        .filter(|import| !offers_function(import.module(), import.name()))
        .map(|import| format!("{}.{}", import.module(), import.name()))
        .collect();
    if missing.is_empty() {
        ProgramError::Unsupported(format!("{error:#}"))
    } else {
        ProgramError::MissingImports(missing)
    }
}

/// A program that can be instantiated at once.
pub(crate) enum Prepared {
    /// A core module.
    Core {
        /// Linked.
        pre: InstancePre<p1::Process>,
        /// Its entry point.
        start: ModuleExport,
        /// Its memory.
        memory: Option<ModuleExport>,
    },
    /// A component that speaks WASI 0.2.
    Component(p2::CommandPre<Host>),
    /// A component that speaks WASI 0.3.
    Concurrent(p3::CommandPre<Host>),
    /// A component that is an HTTP service.
    Service(ProxyPre),
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Core { .. } => "Core",
            Self::Component(_) => "Component",
            Self::Concurrent(_) => "Concurrent",
            Self::Service(_) => "Service",
        })
    }
}

/// A store with an instance in it.
pub(crate) enum Instantiated {
    /// Of a core module.
    Core(Store<p1::Process>, wasmtime::Instance),
    /// Of a component that speaks WASI 0.2.
    Component(Store<Host>, p2::Command),
    /// Of a component that speaks WASI 0.3.
    Concurrent(Store<Host>, p3::Command),
}

impl Prepared {
    /// Makes a store with an instance in it.
    ///
    /// # Errors
    /// How the guest ended already.
    pub(crate) async fn instantiate(&self, given: Given, interruptible: bool) -> Result<Instantiated, Exit> {
        match self {
            Self::Core { pre, memory, .. } => {
                let process = p1::Process::new(given, *memory);
                let mut store = run::store(pre.module().engine(), process, interruptible);
                store.limiter(|process| &mut process.limiter);
                let instance = pre.instantiate_async(&mut store).await;
                let instance = instance.map_err(|error| ending::of_instantiation(&error, &store.data().control))?;
                Ok(Instantiated::Core(store, instance))
            }
            Self::Component(pre) => {
                let mut store = component_store(pre.engine(), given, interruptible);
                let command = pre.instantiate_async(&mut store).await;
                let command =
                    command.map_err(|error| ending::of_instantiation(&error, &store.data().around.control))?;
                Ok(Instantiated::Component(store, command))
            }
            Self::Concurrent(pre) => {
                let mut store = component_store(pre.engine(), given, interruptible);
                let command = pre.instantiate_async(&mut store).await;
                let command =
                    command.map_err(|error| ending::of_instantiation(&error, &store.data().around.control))?;
                Ok(Instantiated::Concurrent(store, command))
            }
            Self::Service(_) => Err(Exit::Failed("the program is an HTTP service, not a command".into())),
        }
    }

    /// Instantiates it and runs it to its end.
    pub(crate) async fn run(&self, given: Given, interruptible: bool) -> Exit {
        match (self, self.instantiate(given, interruptible).await) {
            (_, Err(exit)) => exit,
            (Self::Core { start, .. }, Ok(Instantiated::Core(store, instance))) => {
                run_core(store, instance, start).await
            }
            (_, Ok(Instantiated::Component(mut store, command))) => {
                let called = command.wasi_cli_run().call_run(&mut store).await;
                component_exit(store, called).await
            }
            (_, Ok(Instantiated::Concurrent(mut store, command))) => {
                let called = store.run_concurrent(async |store| command.wasi_cli_run().call_run(store).await).await;
                component_exit(store, called.flatten()).await
            }
            (_, Ok(Instantiated::Core(..))) => Exit::Failed("the program has no entry point".into()),
        }
    }
}

fn component_store(engine: &Engine, given: Given, interruptible: bool) -> Store<Host> {
    let (around, limiter) = Surroundings::new(given);
    host_store(engine, Host::new(around, limiter), interruptible)
}

/// A store of a component's instance.
pub(crate) fn host_store(engine: &Engine, host: Host, interruptible: bool) -> Store<Host> {
    let mut store = run::store(engine, host, interruptible);
    store.limiter(|host| &mut host.limiter);
    store
}

async fn run_core(mut store: Store<p1::Process>, instance: wasmtime::Instance, start: &ModuleExport) -> Exit {
    let start = instance.get_module_export(&mut store, start).and_then(wasmtime::Extern::into_func);
    let called = match start.map(|start| start.typed::<(), ()>(&store)) {
        Some(Ok(start)) => start.call_async(&mut store, ()).await,
        Some(Err(error)) => return Exit::Failed(format!("`{START}` cannot be called: {error:#}")),
        None => return Exit::Failed(format!("`{START}` is not a function")),
    };
    match called {
        Ok(()) => Exit::Code(0),
        Err(error) => ending::of_error(&error, &store.data().control),
    }
}

/// How `wasi:cli/run` ended, when all that the guest wrote is taken.
async fn component_exit(store: Store<Host>, called: wasmtime::Result<Result<(), ()>>) -> Exit {
    let around = Arc::clone(&store.data().around);
    drop(store);
    around.standard.drain().await;
    match called {
        Ok(Ok(())) => Exit::Code(0),
        Ok(Err(())) => Exit::Code(1),
        Err(error) => ending::of_error(&error, &around.control),
    }
}

/// Checks that a program is a command.
pub(crate) fn check_command(program: &ProgramSpec) -> Result<(), SandboxError> {
    let what = match program.kind {
        Kind::Command => return Ok(()),
        Kind::HttpService => {
            "this program is an HTTP service (wasi:http); a container of its own serves it, but it is no process"
        }
        Kind::Functions => "this program exports only functions, it has no entry point (`_start` or `wasi:cli/run`)",
    };
    Err(SandboxError::NotACommand(format!("{what}: only commands can be run")))
}
