//! The virtual network: addresses, names and ports of guests, in this process and not in the kernel.
//!
//! [`Network`] knows who is on which network. Each container has a `Stack` with ports of its own: what it sends goes to
//! itself, to a member of its networks, which is a matter of memory, or, if its [`Egress`] rules allow it, to a socket of
//! the host. There is no task and no descriptor for what waits: whoever accepts or reads looks at all that may have
//! something for it. A container that uses no network has no state here at all.

mod code;
mod connection;
mod counters;
mod dial;
mod error;
mod fabric;
mod family;
mod guest;
mod host_sockets;
mod listener;
mod mux;
mod names;
mod options;
mod parcel;
mod peers;
mod pipe;
mod ports;
mod published;
mod refusals;
mod resolver;
mod route;
mod rules;
mod spec;
mod stack;
mod tcp;
mod udp;
mod udp_port;
mod wakers;

pub use counters::NetworkUsage;
pub use error::NetworkError;
pub use fabric::Network;
pub use rules::{Egress, EgressError};
pub use spec::{EndpointSpec, NetworkMode, NetworkSpec, Protocol, PublishedPort, RemoteMember};

pub(crate) use code::SocketError;
pub(crate) use connection::Connection;
pub(crate) use counters::Counters;
pub(crate) use dial::Dial;
pub(crate) use family::Family;
pub(crate) use guest::GuestNetwork;
pub(crate) use listener::{Accepted, Listener};
pub(crate) use names::Lookup;
pub(crate) use stack::Stack;
pub(crate) use udp::Sender;
pub(crate) use udp_port::UdpPort;

#[expect(unreachable_pub, reason = "generated bindings re-export them")]
pub use self::{tcp::TcpSocket, udp::UdpSocket};

/// A socket's place among the open files of its container.
pub(crate) type SocketPlace = crate::files::Place;
