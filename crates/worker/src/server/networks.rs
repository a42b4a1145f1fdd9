//! What requests do with networks.

use std::os::fd::OwnedFd;

use sprat_sandbox::NetworkError;

use super::Server;
use crate::NetworkChange;
use crate::host::{Host, Running};
use crate::wire::{PeerRequest, Refusal, code};

impl<H: Host> Server<H> {
    /// Changes the networks of a guest, or who is on a network.
    pub(super) fn change_network(&self, change: NetworkChange) -> Result<(), Refusal> {
        match change {
            NetworkChange::Connect { id, endpoint } => self.running(&id)?.connect(endpoint).map_err(refusal),
            NetworkChange::Disconnect { id, network } => self.running(&id)?.disconnect(&network).map_err(refusal),
            NetworkChange::Member { network, member } => {
                self.host.network().map_or(Ok(()), |fabric| fabric.add_remote(&network, member).map_err(refusal))
            }
            NetworkChange::MemberGone { network, addresses } => {
                if let Some(fabric) = self.host.network() {
                    fabric.remove_remote(&network, &addresses);
                }
                Ok(())
            }
        }
    }

    /// Joins this worker to another one.
    pub(super) fn join_peer(&self, request: &PeerRequest, sockets: Vec<OwnedFd>) -> Result<(), Refusal> {
        let [socket] = <[OwnedFd; 1]>::try_from(sockets).map_err(|sockets| {
            Refusal::new(code::SOCKETS, format!("a peer is joined by one socket; {} came", sockets.len()))
        })?;
        self.host.network().map_or(Ok(()), |fabric| fabric.join(&request.worker, socket).map_err(refusal))
    }

    fn running(&self, id: &str) -> Result<H::Guest, Refusal> {
        let entry = self.table.get(id)?;
        let ended = || Refusal::new(code::ENDED, format!("guest {id} does not run"));
        entry.guest().ok_or_else(ended)
    }
}

fn refusal(error: NetworkError) -> Refusal {
    Refusal::new(code::NETWORK, error.to_string())
}
