//! Connect and disconnect, in any state; and what a network hears when a container starts, ends or is renamed.

use std::sync::Arc;

use sprat_worker::NetworkChange;

use super::NetworkError;
use super::asked::{ENDPOINTS_LIMIT, check_addresses, check_request, exclusive};
use super::join::{endpoint_spec, names};
use super::table::Active;
use crate::core::Core;
use crate::placement::Worker;
use crate::record::Record;
use crate::state::State;
use crate::{Endpoint, EndpointRequest, EngineError, Network, NetworkDriver};

impl Core {
    /// Puts a container on a network.
    pub(crate) async fn connect(
        self: Arc<Self>,
        network: String,
        record: Arc<Record>,
        request: EndpointRequest,
    ) -> Result<(), EngineError> {
        let _op = record.op.lock().await;
        let network = self.networks.find(&network)?;
        refuse_removal(&record)?;
        let mut endpoints = Self::endpoints(&record);
        if network.driver == NetworkDriver::Host || endpoints.contains_key("host") {
            return Err(exclusive("host"));
        }
        let others = endpoints.keys().any(|name| *name != network.name);
        if endpoints.contains_key("none") && others || network.driver == NetworkDriver::Null && !endpoints.is_empty() {
            return Err(exclusive("none"));
        }
        check_request(&request, network.predefined)?;
        check_addresses(&network, &request)?;
        let mut endpoint = endpoints.get(&network.name).cloned().unwrap_or_default();
        let running = self.running(&record);
        if running.is_some() && endpoints.contains_key(&network.name) {
            let text = format!("endpoint with name {} already exists in network {}", record.name(), network.name);
            return Err(NetworkError::Forbidden(text).into());
        }
        if endpoints.len() >= ENDPOINTS_LIMIT && !endpoints.contains_key(&network.name) {
            let text = format!("container {} is on {ENDPOINTS_LIMIT} networks, which is the limit", record.name());
            return Err(NetworkError::Invalid(text).into());
        }
        endpoint.request = request;
        let Some((worker, run)) = running else {
            endpoints.insert(network.name.clone(), endpoint);
            return self.set_endpoints(&record, endpoints);
        };
        self.lease(&record, &network, &mut endpoint)?;
        let connected = self.connect_guest(&record, &worker, run, &network, &endpoint).await;
        if let Err(error) = connected {
            self.networks.release(record.id, &endpoint);
            return Err(error);
        }
        endpoints.insert(network.name.clone(), endpoint);
        self.set_endpoints(&record, endpoints)?;
        self.tell_network(&network, "connect", &[("container", record.id.to_string())]);
        Ok(())
    }

    async fn connect_guest(
        &self,
        record: &Record,
        worker: &Arc<Worker>,
        run: u64,
        network: &Network,
        endpoint: &Endpoint,
    ) -> Result<(), EngineError> {
        let name = record.name();
        let spec = endpoint_spec(record, &name, network, endpoint);
        let active = Active { name: name.to_string(), endpoint: endpoint.clone(), spec: spec.clone(), worker: None };
        self.networks.enter(&network.id, record.id, active)?;
        self.introduce(record, &network.id, worker).await;
        let change = NetworkChange::Connect { id: record.guest_id(run), endpoint: spec };
        let changed = worker.client.network(&change).await;
        // Its end may have come meanwhile, and found it on its other networks only.
        let ended = self.running(record).is_none_or(|(_, now)| now != run);
        if ended || changed.is_err() {
            self.withdraw(record, network);
        }
        changed.map_err(|error| EngineError::Worker(error.to_string()))
    }

    /// Takes a container off a network.
    pub(crate) async fn disconnect(self: Arc<Self>, name: String, record: Arc<Record>) -> Result<(), EngineError> {
        let _op = record.op.lock().await;
        refuse_removal(&record)?;
        let found = self.networks.find(&name);
        // A network that was removed is still on the list of those that don't run.
        let known = found.as_ref().map_or_else(|_| name.clone(), |network| network.name.clone());
        let mut endpoints = Self::endpoints(&record);
        let Some(endpoint) = endpoints.remove(&known) else {
            found?;
            return Err(NetworkError::NotConnected { container: record.id.to_string(), network: known }.into());
        };
        if known == "host" {
            return Err(exclusive("host"));
        }
        if let (Some((worker, run)), Ok(network)) = (self.running(&record), &found) {
            let change = NetworkChange::Disconnect { id: record.guest_id(run), network: network.id.clone() };
            if network.driver == NetworkDriver::Bridge {
                let changed = worker.client.network(&change).await;
                changed.map_err(|error| EngineError::Worker(error.to_string()))?;
            }
            if self.withdraw(&record, network) {
                self.tell_network(network, "disconnect", &[("container", record.id.to_string())]);
            }
        }
        self.networks.release(record.id, &endpoint);
        self.set_endpoints(&record, endpoints)
    }

    /// The worker and run of a container that runs.
    fn running(&self, record: &Record) -> Option<(Arc<Worker>, u64)> {
        let life = record.life();
        let live = matches!(life.row.state, State::Running | State::Paused | State::Stopping);
        let place = life.place.as_ref().filter(|_| live)?;
        Some((Arc::clone(place.worker()), life.row.run))
    }

    /// Tells the events of a container that begins to run on its networks.
    pub(crate) fn tell_joined(&self, record: &Record) {
        for endpoint in Self::endpoints(record).values() {
            if let Some(network) = self.networks.by_id(&endpoint.network_id) {
                self.tell_network(&network, "connect", &[("container", record.id.to_string())]);
            }
        }
    }

    /// A container does not run any more. With `told`, its networks' events say so.
    pub(crate) fn part(&self, record: &Record, told: bool) {
        // One that never started has none; nothing is worked out for it.
        let endpoints = record.life().endpoints.as_deref().cloned().unwrap_or_default();
        for endpoint in endpoints.values() {
            let Some(network) = self.networks.by_id(&endpoint.network_id) else { continue };
            if self.withdraw(record, &network) && told {
                self.tell_network(&network, "disconnect", &[("container", record.id.to_string())]);
            }
        }
    }

    /// Gives back all addresses of a container that is removed.
    pub(crate) fn release_endpoints(&self, record: &Record) {
        let endpoints = record.life().endpoints.take().unwrap_or_default();
        for endpoint in endpoints.values() {
            self.networks.release(record.id, endpoint);
        }
    }

    /// Tells networks a running container's new name.
    pub(crate) async fn renamed(&self, record: &Record) {
        let Some((worker, run)) = self.running(record) else { return };
        let name = record.name();
        for endpoint in Self::endpoints(record).values() {
            let Some(network) = self.networks.by_id(&endpoint.network_id).filter(|n| n.is_user_defined()) else {
                continue;
            };
            let names = names(record, &name, endpoint);
            let Some(active) = self.networks.rename(&network.id, record.id, &name, names) else { continue };
            let change = NetworkChange::Connect { id: record.guest_id(run), endpoint: active.spec };
            if let Err(error) = worker.client.network(&change).await {
                tracing::warn!(container = %record.id, %error, "its new name is not known on its network before its next start");
            }
            self.introduce(record, &network.id, &worker).await;
        }
    }
}

fn refuse_removal(record: &Record) -> Result<(), EngineError> {
    record.refuse_if_removed()?;
    if record.life().row.state == State::Dead {
        let text = format!(
            "container {} is marked for removal and cannot be connected or disconnected to the network",
            record.id
        );
        return Err(NetworkError::Forbidden(text).into());
    }
    Ok(())
}
