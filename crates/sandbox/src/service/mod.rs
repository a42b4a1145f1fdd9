//! HTTP services: a container whose program exports `wasi:http` answers requests, each with an instance of its own.
//!
//! [`Service`] is one such container: what its instances share, its limits and its figures. A request comes from a
//! connection that [`listen`] accepted, or from another guest of this process, without one. It waits for its turn
//! ([`admission`]), is given an instance ([`instance`]), and a [`call::Call`] drives both until the answer is out. Nothing of
//! a service runs while nobody calls.

mod admission;
mod answer;
mod body;
mod call;
mod figures;
mod hold;
mod instance;
mod listen;
mod request;
mod shared;
mod spec;
mod stream;

pub use figures::ServiceUsage;
pub use spec::ServiceSpec;

pub(crate) use instance::ProxyPre;
pub(crate) use listen::serve;
pub(crate) use shared::{Parts, Service};
pub(crate) use stream::ServerStream;
