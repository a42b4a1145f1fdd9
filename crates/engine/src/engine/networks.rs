//! Operations on networks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Engine;
use crate::core::to_the_end;
use crate::{EndpointRequest, EngineError, Network, NetworkMember, NetworkRequest};

impl Engine {
    /// Makes a network.
    ///
    /// # Errors
    /// See [`crate::NetworkError`].
    pub async fn create_network(&self, request: NetworkRequest) -> Result<Arc<Network>, EngineError> {
        self.core.create_network(request)
    }

    /// All networks in the order of their making, each with the containers that run on it.
    #[must_use]
    pub fn networks(&self) -> Vec<(Arc<Network>, Vec<NetworkMember>)> {
        self.core.networks.all()
    }

    /// The network with this id, name or unique short id.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn network(&self, name: &str) -> Result<Arc<Network>, EngineError> {
        Ok(self.core.networks.find(name)?)
    }

    /// Removes a network.
    ///
    /// # Errors
    /// There is none of that name, it is predefined, or containers run on it.
    pub async fn remove_network(&self, name: &str) -> Result<(), EngineError> {
        self.core.remove_network(name)
    }

    /// Removes the networks of users' own that nobody runs on; gives their names. Filters `until` and `label`.
    ///
    /// # Errors
    /// A filter is malformed.
    pub async fn prune_networks(&self, filters: &BTreeMap<String, Vec<String>>) -> Result<Vec<String>, EngineError> {
        self.core.prune_networks(filters)
    }

    /// Puts a container on a network, in any state.
    ///
    /// # Errors
    /// No such network or container, or it can't be there.
    pub async fn connect(&self, network: &str, name: &str, request: EndpointRequest) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        to_the_end(Arc::clone(&self.core).connect(network.to_owned(), record, request)).await
    }

    /// Takes a container off a network, in any state.
    ///
    /// # Errors
    /// No such network or container, or it is not there.
    pub async fn disconnect(&self, network: &str, name: &str) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        to_the_end(Arc::clone(&self.core).disconnect(network.to_owned(), record)).await
    }
}
