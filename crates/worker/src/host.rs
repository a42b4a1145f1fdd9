//! Where guests run: the sandbox, behind the few calls that the server makes.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use sprat_program::ProgramError;
use sprat_sandbox::{
    EndpointSpec, Exit, Guest, Network, NetworkError, Outside, ProcessSpec, ProcessStatus, Resolver, Sandbox,
    SandboxError, Spec, Stdio, Stop, Usage,
};
use tokio::runtime::Handle;

/// Starts guests.
pub(crate) trait Host: Send + Sync + 'static {
    type Guest: Running;

    /// `sockets` stand for the published ports of the spec, in their order.
    fn start(
        &self,
        spec: Spec,
        stdio: Stdio,
        sockets: Vec<OwnedFd>,
        resolver: Arc<dyn Resolver>,
    ) -> impl Future<Output = Result<Self::Guest, SandboxError>> + Send;

    /// Starts a further process in the container of a guest. It is interruptible.
    fn start_within(
        &self,
        guest: &Self::Guest,
        process: ProcessSpec,
        stdio: Stdio,
    ) -> impl Future<Output = Result<Self::Guest, SandboxError>> + Send;

    /// The virtual network of this process; none if guests are no real ones.
    fn network(&self) -> Option<&Arc<Network>>;
}

/// A guest that was started.
pub(crate) trait Running: Clone + Send + Sync + 'static {
    fn stop(&self, why: Stop);
    fn wait(&self) -> impl Future<Output = Exit> + Send;
    fn usage(&self) -> Usage;
    fn pause(&self, paused: bool);

    /// Gives it a place on a network.
    fn connect(&self, endpoint: EndpointSpec) -> Result<(), NetworkError>;

    /// Takes its place on a network from it.
    fn disconnect(&self, network: &str) -> Result<(), NetworkError>;

    /// Its files were changed from outside.
    fn refresh(&self);

    /// Its number in its container.
    fn pid(&self) -> u32;

    /// All processes of its container.
    fn processes(&self) -> Vec<ProcessStatus>;

    /// Ends what it started, as a terminal's ^C does. False: it started nothing, ever.
    fn interrupt_children(&self) -> bool;
}

/// The sandbox of this process.
#[derive(Debug)]
pub(crate) struct SandboxHost {
    sandbox: Sandbox,
    /// Threads of their own for guests that can't be interrupted: such a guest may hold its thread, and with it any task
    /// that waits there, for as long as it likes.
    apart: Option<Handle>,
}

impl SandboxHost {
    pub(crate) const fn new(sandbox: Sandbox, apart: Option<Handle>) -> Self {
        Self { sandbox, apart }
    }
}

impl Host for SandboxHost {
    type Guest = Guest;

    async fn start(
        &self,
        spec: Spec,
        stdio: Stdio,
        sockets: Vec<OwnedFd>,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Guest, SandboxError> {
        let outside = Outside { sockets, resolver: Some(resolver) };
        let Some(apart) = &self.apart else {
            return self.sandbox.start_with(spec, stdio, outside).await;
        };
        let sandbox = self.sandbox.clone();
        let start = apart.spawn(async move { sandbox.start_with(spec, stdio, outside).await });
        start.await.unwrap_or_else(|error| {
            let source = std::io::Error::other(error);
            Err(ProgramError::Io { action: "start the guest".to_owned(), source }.into())
        })
    }

    async fn start_within(&self, guest: &Guest, process: ProcessSpec, stdio: Stdio) -> Result<Guest, SandboxError> {
        self.sandbox.start_within(guest, process, stdio).await
    }

    fn network(&self) -> Option<&Arc<Network>> {
        Some(self.sandbox.network())
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

    fn connect(&self, endpoint: EndpointSpec) -> Result<(), NetworkError> {
        Self::connect(self, endpoint)
    }

    fn disconnect(&self, network: &str) -> Result<(), NetworkError> {
        Self::disconnect(self, network)
    }

    fn refresh(&self) {
        Self::refresh(self);
    }

    fn pid(&self) -> u32 {
        Self::pid(self)
    }

    fn processes(&self) -> Vec<ProcessStatus> {
        Self::processes(self)
    }

    fn interrupt_children(&self) -> bool {
        Self::interrupt_children(self)
    }
}
