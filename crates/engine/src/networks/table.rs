//! [`Networks`]: all networks, who has which address, and who runs where.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use sprat_sandbox::EndpointSpec;

use super::NetworkError;
use super::address::Addresses;
use super::pools::{Taken, unasked};
use crate::store::SharedStore;
use crate::{ContainerId, Endpoint, EngineError, Network, NetworkDriver, NetworkMember};

/// Digits of the id by which a network may be named at least.
const SHORT_ID: usize = 1;

/// All networks. Its lock is never held across an await, and no other lock is taken under it.
#[derive(Debug)]
pub(crate) struct Networks {
    store: SharedStore,
    entries: Mutex<BTreeMap<String, Entry>>,
}

#[derive(Debug)]
struct Entry {
    network: Arc<Network>,
    v4: Option<Addresses>,
    v6: Option<Addresses>,
    holders: HashMap<IpAddr, Holder>,
    active: BTreeMap<ContainerId, Active>,
    /// Its workers, with the number of those that run in each.
    workers: BTreeMap<String, usize>,
    /// Worker that its next container should go to.
    home: Option<String>,
}

/// Who has an address.
#[derive(Debug, Clone, Copy)]
struct Holder {
    container: ContainerId,
    /// It asked for this very address.
    fixed: bool,
}

/// A container that runs on a network, or is about to.
#[derive(Debug, Clone)]
pub(crate) struct Active {
    /// The container's name.
    pub(crate) name: String,
    pub(crate) endpoint: Endpoint,
    pub(crate) spec: EndpointSpec,
    /// Where it runs; `None` before it has a place.
    pub(crate) worker: Option<String>,
}

impl Entry {
    fn new(network: Arc<Network>) -> Self {
        let mut entry = Self {
            v4: network.v4().map(|pool| Addresses::new(pool.subnet)),
            v6: network.v6().map(|pool| Addresses::new(pool.subnet)),
            network,
            holders: HashMap::new(),
            active: BTreeMap::new(),
            workers: BTreeMap::new(),
            home: None,
        };
        let network = Arc::clone(&entry.network);
        for pool in &network.pools {
            for address in std::iter::once(&pool.gateway).chain(pool.auxiliary.values()) {
                entry.addresses(*address).map(|addresses| addresses.take(*address));
            }
        }
        entry
    }

    fn addresses(&mut self, like: IpAddr) -> Option<&mut Addresses> {
        if like.is_ipv4() { self.v4.as_mut() } else { self.v6.as_mut() }
    }

    fn holds(&self, address: IpAddr, container: ContainerId) -> bool {
        self.holders.get(&address).is_some_and(|holder| holder.container == container)
    }

    /// An address that its holder can do without until its next start.
    fn is_idle(&self, address: IpAddr) -> bool {
        self.holders.get(&address).is_some_and(|holder| !holder.fixed && !self.active.contains_key(&holder.container))
    }

    /// Gives this address, if it is free or idle.
    fn fixed(&mut self, wanted: IpAddr, container: ContainerId) -> Result<IpAddr, NetworkError> {
        let holder = Holder { container, fixed: true };
        if self.holds(wanted, container) || self.is_idle(wanted) {
            self.holders.insert(wanted, holder);
            return Ok(wanted);
        }
        if !self.addresses(wanted).is_some_and(|addresses| addresses.take(wanted)) {
            return Err(NetworkError::AddressTaken);
        }
        self.holders.insert(wanted, holder);
        Ok(wanted)
    }

    /// Gives the address it had, or a free one, or an idle one.
    fn any(&mut self, had: Option<IpAddr>, v6: bool, container: ContainerId) -> Result<IpAddr, NetworkError> {
        if let Some(had) = had.filter(|had| self.holds(*had, container)) {
            return Ok(had);
        }
        let pool = if v6 { self.network.v6() } else { self.network.v4() };
        let range = pool.and_then(|pool| pool.range);
        let addresses = if v6 { self.v6.as_mut() } else { self.v4.as_mut() };
        let free = addresses.and_then(|addresses| addresses.take_lowest(range));
        // Only when all are given are the holders looked through.
        let idle = || {
            let fits = |address: &IpAddr| address.is_ipv6() == v6 && range.is_none_or(|range| range.contains(address));
            self.holders.keys().filter(|address| fits(address) && self.is_idle(**address)).min().copied()
        };
        let given = free.or_else(idle).ok_or_else(|| NetworkError::NoAddress {
            family: if v6 { "IPv6" } else { "IPv4" },
            name: self.network.name.clone(),
            id: self.network.id.clone(),
        })?;
        self.holders.insert(given, Holder { container, fixed: false });
        Ok(given)
    }

    fn depart(&mut self, container: ContainerId) -> Option<Active> {
        let active = self.active.remove(&container)?;
        if let Some(worker) = &active.worker
            && let Some(count) = self.workers.get_mut(worker)
        {
            *count -= 1;
            if *count == 0 {
                self.workers.remove(worker);
            }
        }
        Some(active)
    }

    fn release(&mut self, address: IpAddr, container: ContainerId) {
        if self.holds(address, container) {
            self.holders.remove(&address);
            if let Some(addresses) = self.addresses(address) {
                addresses.give(address);
            }
        }
    }
}

impl Networks {
    /// Reads the rows; makes the predefined networks at the first opening.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) fn open(store: SharedStore) -> Result<Self, EngineError> {
        let mut entries = BTreeMap::new();
        for network in store.networks()? {
            entries.insert(network.id.clone(), Entry::new(Arc::new(network)));
        }
        for (name, driver) in
            [("bridge", NetworkDriver::Bridge), ("host", NetworkDriver::Host), ("none", NetworkDriver::Null)]
        {
            if entries.values().any(|entry| entry.network.name == name) {
                continue;
            }
            let network = predefined(name, driver);
            store.put_network(&network)?;
            entries.insert(network.id.clone(), Entry::new(Arc::new(network)));
        }
        Ok(Self { store, entries: Mutex::new(entries) })
    }

    /// Adds a network that `make` describes, given what others have.
    ///
    /// # Errors
    /// The name is in use, or `make`'s.
    pub(crate) fn add(
        &self,
        name: &str,
        make: impl FnOnce(&mut Taken) -> Result<Network, EngineError>,
    ) -> Result<Arc<Network>, EngineError> {
        let mut entries = self.entries.lock();
        if entries.values().any(|entry| entry.network.name == name) {
            return Err(NetworkError::Exists(name.to_owned()).into());
        }
        let subnets = entries.values().flat_map(|entry| entry.network.pools.iter().map(|pool| pool.subnet));
        let mut taken = Taken { networks: subnets.collect(), routes: Vec::new() };
        let network = Arc::new(make(&mut taken)?);
        self.store.put_network(&network)?;
        entries.insert(network.id.clone(), Entry::new(Arc::clone(&network)));
        Ok(network)
    }

    /// The network with this id, name or unique beginning of an id, in docker's order.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Network>, NetworkError> {
        let entries = self.entries.lock();
        if let Some(entry) = entries.get(name) {
            return Ok(Arc::clone(&entry.network));
        }
        if let Some(entry) = entries.values().find(|entry| entry.network.name == name) {
            return Ok(Arc::clone(&entry.network));
        }
        let mut found = entries.range(name.to_owned()..).take_while(|(id, _)| id.starts_with(name));
        match (found.next(), found.next()) {
            (Some((_, entry)), None) if name.len() >= SHORT_ID => Ok(Arc::clone(&entry.network)),
            (Some(_), Some(_)) if name.len() >= SHORT_ID => Err(NetworkError::Ambiguous(name.to_owned())),
            _ => Err(NetworkError::NotFound(name.to_owned())),
        }
    }

    /// The network with this id.
    pub(crate) fn by_id(&self, id: &str) -> Option<Arc<Network>> {
        self.entries.lock().get(id).map(|entry| Arc::clone(&entry.network))
    }

    /// All networks in the order of their making, each with those that run on it.
    pub(crate) fn all(&self) -> Vec<(Arc<Network>, Vec<NetworkMember>)> {
        let entries = self.entries.lock();
        let member = |(container, active): (&ContainerId, &Active)| NetworkMember {
            container: *container,
            name: active.name.clone(),
            endpoint: active.endpoint.clone(),
        };
        let view = |entry: &Entry| (Arc::clone(&entry.network), entry.active.iter().map(member).collect());
        let mut all: Vec<(Arc<Network>, Vec<NetworkMember>)> = entries.values().map(view).collect();
        all.sort_by(|(a, _), (b, _)| a.created.cmp(&b.created).then_with(|| a.id.cmp(&b.id)));
        all
    }

    /// Removes a network that nobody runs on.
    ///
    /// # Errors
    /// It is predefined, in use or gone, or the store fails.
    pub(crate) fn remove(&self, id: &str) -> Result<(), EngineError> {
        let mut entries = self.entries.lock();
        let Some(entry) = entries.get(id) else { return Err(NetworkError::NotFound(id.to_owned()).into()) };
        let name = &entry.network.name;
        if entry.network.predefined {
            let text = format!("{name} is a pre-defined network and cannot be removed");
            return Err(NetworkError::Forbidden(text).into());
        }
        if !entry.active.is_empty() {
            let user = |(id, active): (&ContainerId, &Active)| format!("name:{:?} id:\"{}\"", active.name, id.short());
            let users: Vec<_> = entry.active.iter().map(user).collect();
            return Err(NetworkError::InUse { name: name.clone(), users: users.join(", ") }.into());
        }
        self.store.remove_network(id)?;
        entries.remove(id);
        Ok(())
    }

    /// Gives an endpoint its addresses on a network: those it asked for, those it had, or free ones.
    ///
    /// # Errors
    /// None is left, or another has the one that was asked for.
    pub(crate) fn lease(&self, id: &str, container: ContainerId, endpoint: &mut Endpoint) -> Result<(), NetworkError> {
        let mut entries = self.entries.lock();
        let entry = entries.get_mut(id).ok_or_else(|| NetworkError::NotFound(id.to_owned()))?;
        if endpoint.network_id != id {
            (endpoint.v4, endpoint.v6) = (None, None);
            id.clone_into(&mut endpoint.network_id);
        }
        if entry.v4.is_some() {
            let given = match endpoint.request.v4 {
                Some(wanted) => entry.fixed(wanted.into(), container)?,
                None => entry.any(endpoint.v4.map(IpAddr::V4), false, container)?,
            };
            endpoint.v4 = if let IpAddr::V4(given) = given { Some(given) } else { None };
        }
        if entry.v6.is_some() {
            let given = match endpoint.request.v6 {
                Some(wanted) => entry.fixed(wanted.into(), container)?,
                None => entry.any(endpoint.v6.map(IpAddr::V6), true, container)?,
            };
            endpoint.v6 = if let IpAddr::V6(given) = given { Some(given) } else { None };
        }
        Ok(())
    }

    /// Notes at a daemon start which addresses a container has.
    pub(crate) fn note(&self, container: ContainerId, endpoint: &Endpoint) {
        let mut entries = self.entries.lock();
        let Some(entry) = entries.get_mut(&endpoint.network_id) else { return };
        let fixed = |address: IpAddr| match address {
            IpAddr::V4(address) => endpoint.request.v4 == Some(address),
            IpAddr::V6(address) => endpoint.request.v6 == Some(address),
        };
        for address in addresses(endpoint) {
            if entry.addresses(address).is_some_and(|addresses| addresses.take(address)) {
                entry.holders.insert(address, Holder { container, fixed: fixed(address) });
            }
        }
    }

    /// A container does not need its addresses any more.
    pub(crate) fn release(&self, container: ContainerId, endpoint: &Endpoint) {
        let mut entries = self.entries.lock();
        let Some(entry) = entries.get_mut(&endpoint.network_id) else { return };
        entry.depart(container);
        for address in addresses(endpoint) {
            entry.release(address, container);
        }
    }

    /// A container runs there, or is about to.
    ///
    /// # Errors
    /// The network is gone.
    pub(crate) fn enter(&self, id: &str, container: ContainerId, active: Active) -> Result<(), NetworkError> {
        let mut entries = self.entries.lock();
        let entry = entries.get_mut(id).ok_or_else(|| NetworkError::NotFound(id.to_owned()))?;
        entry.depart(container);
        if let Some(worker) = &active.worker {
            *entry.workers.entry(worker.clone()).or_default() += 1;
        }
        entry.active.insert(container, active);
        Ok(())
    }

    /// A container does not run there any more. Gives what it was.
    pub(crate) fn leave(&self, id: &str, container: ContainerId) -> Option<Active> {
        self.entries.lock().get_mut(id)?.depart(container)
    }

    /// Notes a running container's worker, and gives what it is there.
    pub(crate) fn place(&self, id: &str, container: ContainerId, worker: &str) -> Option<Active> {
        let mut entries = self.entries.lock();
        let entry = entries.get_mut(id)?;
        let mut active = entry.depart(container)?;
        active.worker = Some(worker.to_owned());
        *entry.workers.entry(worker.to_owned()).or_default() += 1;
        entry.active.insert(container, active.clone());
        Some(active)
    }

    /// Notes a running container's new name.
    pub(crate) fn rename(&self, id: &str, container: ContainerId, name: &str, names: Vec<String>) -> Option<Active> {
        let mut entries = self.entries.lock();
        let active = entries.get_mut(id)?.active.get_mut(&container)?;
        name.clone_into(&mut active.name);
        active.spec.names = names;
        Some(active.clone())
    }

    /// All that run on a network.
    pub(crate) fn active(&self, id: &str) -> Vec<(ContainerId, Active)> {
        let entries = self.entries.lock();
        entries.get(id).map(|entry| entry.active.iter().map(|(id, a)| (*id, a.clone())).collect()).unwrap_or_default()
    }

    /// The workers of those that run on a network, with the number of those in each.
    pub(crate) fn workers(&self, id: &str) -> BTreeMap<String, usize> {
        self.entries.lock().get(id).map(|entry| entry.workers.clone()).unwrap_or_default()
    }

    /// Ids of networks that run in more than one worker.
    pub(crate) fn spread(&self) -> Vec<String> {
        let entries = self.entries.lock();
        entries.iter().filter(|(_, entry)| entry.workers.len() > 1).map(|(id, _)| id.clone()).collect()
    }

    /// Where the next container of these networks should go: only users' own networks have a home.
    pub(crate) fn home<'a>(&self, networks: impl Iterator<Item = &'a str>) -> Option<String> {
        let entries = self.entries.lock();
        let mut homes = networks.filter_map(|name| {
            let by_name = || entries.values().find(|entry| entry.network.name == name);
            entries.get(name).or_else(by_name).and_then(|entry| entry.home.clone())
        });
        homes.next()
    }

    /// Notes where a container of these networks went.
    pub(crate) fn set_home<'a>(&self, networks: impl Iterator<Item = &'a str>, worker: &str) {
        let mut entries = self.entries.lock();
        for name in networks {
            let id =
                entries.values().find(|e| e.network.name == name || e.network.id == name).map(|e| e.network.id.clone());
            let entry = id.and_then(|id| entries.get_mut(&id));
            if let Some(entry) = entry.filter(|entry| entry.network.is_user_defined()) {
                entry.home = Some(worker.to_owned());
            }
        }
    }
}

/// The addresses of an endpoint.
pub(crate) fn addresses(endpoint: &Endpoint) -> impl Iterator<Item = IpAddr> + use<> {
    endpoint.v4.map(IpAddr::V4).into_iter().chain(endpoint.v6.map(IpAddr::V6))
}

fn predefined(name: &str, driver: NetworkDriver) -> Network {
    let bridge = driver == NetworkDriver::Bridge;
    // Docker's own subnet of the default bridge; it can't be a malformed one.
    let subnet = bridge.then(|| ipnet::Ipv4Net::new([172, 17, 0, 0].into(), 16).ok()).flatten();
    let options = [
        ("default_bridge", "true"),
        ("enable_icc", "true"),
        ("enable_ip_masquerade", "true"),
        ("host_binding_ipv4", "0.0.0.0"),
        ("name", "docker0"),
    ];
    let options = options.map(|(key, value)| (format!("com.docker.network.bridge.{key}"), value.to_owned()));
    let mtu = ("com.docker.network.driver.mtu".to_owned(), "1500".to_owned());
    Network {
        id: ContainerId::random().to_string(),
        name: name.to_owned(),
        driver,
        pools: subnet.map(|subnet| unasked(subnet.into())).into_iter().collect(),
        ipv6: false,
        internal: false,
        attachable: false,
        labels: BTreeMap::new(),
        options: if bridge { options.into_iter().chain([mtu]).collect() } else { BTreeMap::new() },
        ipam_options: None,
        created: jiff::Timestamp::now(),
        predefined: true,
    }
}
