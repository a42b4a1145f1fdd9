//! [`Context`]: wasmtime-wasi's context of one component, made when the guest first needs it.

use std::sync::Arc;

use wasmtime_wasi::WasiCtx;

use crate::Stream;
use crate::standard::{StandardInput, StandardOutput};
use crate::surroundings::Surroundings;

/// wasmtime-wasi's context of one component, made when the guest first needs it: making one takes a tenth of the time
/// that a fresh instance takes, and a guest that is only called may never need it.
#[derive(Default)]
pub(crate) struct Context(Option<Box<WasiCtx>>);

impl Context {
    /// The context; it is made by the first call.
    pub(crate) fn get(&mut self, around: &Surroundings) -> &mut WasiCtx {
        self.0.get_or_insert_with(|| Box::new(make(around)))
    }
}

fn make(around: &Surroundings) -> WasiCtx {
    let standard = &around.standard;
    let mut wasi = WasiCtx::builder();
    wasi.stdin(StandardInput(Arc::clone(standard)))
        .stdout(StandardOutput(Arc::clone(standard), Stream::Stdout))
        .stderr(StandardOutput(Arc::clone(standard), Stream::Stderr))
        .args(around.control.args())
        .envs(&around.env)
        .initial_cwd(around.cwd().unwrap_or("/"))
        .allow_tcp(false)
        .allow_udp(false);
    wasi.build()
}
