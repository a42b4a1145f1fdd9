//! [`Context`]: wasmtime-wasi's context of one component, made when the guest first needs it.

use std::sync::Arc;

use wasmtime_wasi::WasiCtx;

use crate::Stream;
use crate::control::Control;
use crate::standard::{Standard, StandardInput, StandardOutput};

/// wasmtime-wasi's context of one component, made when the guest first needs it: making one takes a tenth of the time
/// that a fresh instance takes, and a guest that is only called may never need it.
pub(crate) struct Context {
    parts: Parts,
    made: Option<Box<WasiCtx>>,
}

/// What a context is made of.
pub(crate) struct Parts {
    pub(crate) standard: Arc<Standard>,
    /// Whose arguments they are.
    pub(crate) control: Arc<Control>,
    pub(crate) env: Vec<(String, String)>,
    /// Absolute path of the working folder, unless it is the root.
    pub(crate) cwd: Option<String>,
}

impl Context {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts, made: None }
    }

    /// The context; it is made by the first call.
    pub(crate) fn get(&mut self) -> &mut WasiCtx {
        self.made.get_or_insert_with(|| Box::new(self.parts.make()))
    }
}

impl Parts {
    fn make(&mut self) -> WasiCtx {
        let mut wasi = WasiCtx::builder();
        wasi.stdin(StandardInput(Arc::clone(&self.standard)))
            .stdout(StandardOutput(Arc::clone(&self.standard), Stream::Stdout))
            .stderr(StandardOutput(Arc::clone(&self.standard), Stream::Stderr))
            .args(self.control.args())
            // The context has copies.
            .envs(&std::mem::take(&mut self.env))
            .initial_cwd(self.cwd.as_deref().unwrap_or("/"))
            .allow_tcp(false)
            .allow_udp(false);
        wasi.build()
    }
}
