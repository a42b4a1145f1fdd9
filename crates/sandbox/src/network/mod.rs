//! The virtual network: addresses, names and ports of guests, in this process and not in the kernel.

mod error;
mod fabric;
mod rules;
mod spec;

pub use error::NetworkError;
pub use fabric::Network;
pub use rules::{Egress, EgressError};
pub use spec::{EndpointSpec, NetworkMode, NetworkSpec, Protocol, PublishedPort, RemoteMember};
