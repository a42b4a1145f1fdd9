//! Where guests run: the sandbox, behind the few calls that the server makes.

use std::future::Future;
use std::sync::Arc;

use sprat_program::ProgramError;
use sprat_sandbox::{Exit, Guest, Sandbox, SandboxError, Spec, Stdio, Stop, Usage};
use tokio::runtime::Handle;

/// Starts guests.
pub(crate) trait Host: Send + Sync + 'static {
    type Guest: Running;

    fn start(&self, spec: Spec, stdio: Stdio) -> impl Future<Output = Result<Self::Guest, SandboxError>> + Send;
}

/// A guest that was started.
pub(crate) trait Running: Clone + Send + Sync + 'static {
    fn stop(&self, why: Stop);
    fn wait(&self) -> impl Future<Output = Exit> + Send;
    fn usage(&self) -> Usage;
    fn pause(&self, paused: bool);
    /// Its files were changed from outside.
    fn refresh(&self);
}

/// The sandbox of this process.
#[derive(Debug)]
pub(crate) struct SandboxHost {
    sandbox: Arc<Sandbox>,
    /// Threads of their own for guests that can't be interrupted: such a guest may hold its thread, and with it any task
    /// that waits there, for as long as it likes.
    apart: Option<Handle>,
}

impl SandboxHost {
    pub(crate) const fn new(sandbox: Arc<Sandbox>, apart: Option<Handle>) -> Self {
        Self { sandbox, apart }
    }
}

impl Host for SandboxHost {
    type Guest = Guest;

    async fn start(&self, spec: Spec, stdio: Stdio) -> Result<Guest, SandboxError> {
        let Some(apart) = &self.apart else { return self.sandbox.start(spec, stdio).await };
        let sandbox = Arc::clone(&self.sandbox);
        let start = apart.spawn(async move { sandbox.start(spec, stdio).await });
        start.await.unwrap_or_else(|error| {
            let source = std::io::Error::other(error);
            Err(ProgramError::Io { action: "start the guest".to_owned(), source }.into())
        })
    }
}

impl Running for Guest {
    fn stop(&self, why: Stop) {
        Self::stop(self, why);
    }

    async fn wait(&self) -> Exit {
        Self::wait(self).await
    }

    fn usage(&self) -> Usage {
        Self::usage(self)
    }

    fn pause(&self, paused: bool) {
        Self::pause(self, paused);
    }

    fn refresh(&self) {
        Self::refresh(self);
    }
}
