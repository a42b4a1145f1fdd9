//! Networks: which there are, which addresses they have, who has which, and who must be told.
//!
//! [`Networks`] knows names, addresses and running members; a container's own list of endpoints is kept with the container.
//! An address is given at the first start and kept until the container leaves the network or is removed. Nothing here
//! carries a byte: workers do.

mod address;
mod asked;
mod create;
mod error;
mod hosts;
mod join;
mod live;
mod pools;
mod reach;
mod routes;
mod table;
mod view;

pub(crate) use asked::{check, split_link};
pub use error::NetworkError;
pub(crate) use join::{Endpoints, Joined, parse_egress};
pub(crate) use reach::Reach;
pub(crate) use table::Networks;
