//! The sandbox: `Spec` + `Program` → `Guest` → `Exit`.
//!
//! All WASI hosts, the file view, the limits and the pools of instances. It knows no container ids, no persistence, no
//! word of Docker's.

mod addresses;
mod cache;
mod component;
mod context;
mod control;
mod conversions;
mod core;
mod ending;
mod exit;
pub mod files;
mod guest;
mod handle;
mod host;
mod limiter;
mod limits;
mod network;
mod outgoing;
mod p1;
mod p2;
mod p3;
mod place;
mod prepared;
mod process;
mod run;
mod service;
mod spec;
mod standard;
mod start;
mod stdio;
mod surroundings;
mod ticker;
mod tls;
mod turn;
mod working;

pub use exit::Exit;
pub use guest::{Guest, Stop, Usage};
#[doc(hidden)]
pub use host::Uninstantiated;
pub use host::{Outside, Sandbox, SandboxError, SandboxOptions};
pub use limits::Limits;
pub use network::{
    Egress, EgressError, EndpointSpec, Network, NetworkError, NetworkMode, NetworkSpec, NetworkUsage, Protocol,
    PublishedPort, RemoteMember,
};
pub use process::{ProcessSpec, ProcessStatus, Resolver, Resolving, Unresolved, Wanted};
pub use service::{ServiceSpec, ServiceUsage};
pub use spec::{FilesSpec, Mount, MountSource, ProgramSpec, Spec, User};
pub use stdio::{Input, InputChunk, Output, Stdio, Stream};
