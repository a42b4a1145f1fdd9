//! [`Reach`]: members of one network in different workers find each other.
//!
//! Workers know their own members. Of others they are told, and get one end of a socket pair for each worker they share a
//! network with; the daemon keeps none, but notes which have, so that the next one does not cut what goes through them. What is
//! told to one worker is told in order, by one task for each worker that has such a network. A new daemon tells all members anew,
//! which takes the place of what was told before.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use sprat_sandbox::RemoteMember;
use sprat_worker::{Client, NetworkChange};
use tokio::sync::{mpsc, oneshot};

use super::table::{Active, addresses};
use crate::core::Core;
use crate::placement::Worker;
use crate::record::Record;
use crate::store::SharedStore;
use crate::{EngineError, Network};

/// Most workers that one network joins: each pair of them needs sockets.
const JOINED_LIMIT: usize = 32;
/// What may wait to be told to one worker.
const QUEUE: usize = 16_384;
/// How long a start waits for others to be told of it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What workers are told of each other's members.
#[derive(Debug)]
pub(crate) struct Reach {
    store: SharedStore,
    queues: Mutex<HashMap<String, mpsc::Sender<Message>>>,
    /// Workers that have each other's socket, by name, the lesser first.
    pairs: Arc<Mutex<BTreeSet<(String, String)>>>,
}

#[derive(Debug)]
enum Message {
    Change(NetworkChange),
    /// Answered when it was told.
    Peer(String, OwnedFd, oneshot::Sender<()>),
    /// Answered when all before it was told.
    Flush(oneshot::Sender<()>),
}

impl Reach {
    /// Reads which workers an earlier daemon joined.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) fn open(store: SharedStore) -> Result<Self, EngineError> {
        let pairs = Arc::new(Mutex::new(store.peers()?.into_iter().collect()));
        Ok(Self { store, queues: Mutex::default(), pairs })
    }

    fn send(&self, worker: &Worker, message: Message) {
        let mut queues = self.queues.lock();
        let queue = queues.entry(worker.name.clone()).or_insert_with(|| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            tokio::spawn(tell(worker.client.clone(), receiver));
            sender
        });
        if let Err(error) = queue.try_send(message) {
            tracing::warn!(worker = worker.name, %error, "it is not told of a change of a network: it does not keep up");
        }
    }

    /// Waits until a worker was told all that was sent so far.
    async fn flush(&self, worker: &Worker) {
        let (sender, receiver) = oneshot::channel();
        self.send(worker, Message::Flush(sender));
        // Who does not answer in time is told later.
        let _ = tokio::time::timeout(PATIENCE, receiver).await;
    }

    /// Joins two workers, once.
    fn pair(&self, a: &Worker, b: &Worker) {
        let key = if a.name < b.name { (a.name.clone(), b.name.clone()) } else { (b.name.clone(), a.name.clone()) };
        if !self.pairs.lock().insert(key.clone()) {
            return;
        }
        match socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None) {
            Ok((one, other)) => {
                let ((first, told), (second, told_too)) = (oneshot::channel(), oneshot::channel());
                self.send(a, Message::Peer(b.name.clone(), one, first));
                self.send(b, Message::Peer(a.name.clone(), other, second));
                let (store, pairs) = (Arc::clone(&self.store), Arc::clone(&self.pairs));
                tokio::spawn(async move {
                    // Noted when both have it: whatever breaks off before is done again, here or by the next daemon.
                    let (Ok(()), Ok(())) = futures_util::future::join(told, told_too).await else {
                        pairs.lock().remove(&key);
                        return;
                    };
                    if let Err(error) = store.put_peers(&key.0, &key.1) {
                        tracing::warn!(%error, "the next daemon will join two workers anew");
                    }
                });
            }
            Err(error) => {
                self.pairs.lock().remove(&key);
                tracing::warn!(%error, "two workers can't be joined: their containers don't reach each other");
            }
        }
    }

    /// A worker is gone.
    pub(crate) fn lost(&self, worker: &str) {
        self.queues.lock().remove(worker);
        self.pairs.lock().retain(|(a, b)| a != worker && b != worker);
        if let Err(error) = self.store.remove_peers(worker) {
            tracing::debug!(worker, %error, "its joints stay noted");
        }
    }

    /// Ends all tasks.
    pub(crate) fn clear(&self) {
        self.queues.lock().clear();
    }
}

/// Tells one worker what it is sent, in order, until there is nobody left to send.
async fn tell(client: Client, mut messages: mpsc::Receiver<Message>) {
    while let Some(message) = messages.recv().await {
        let told = match message {
            Message::Change(change) => client.network(&change).await,
            Message::Peer(worker, socket, done) => match client.peer(&worker, socket).await {
                Ok(()) => {
                    // Who waited may have given up.
                    let _ = done.send(());
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Message::Flush(done) => {
                // Who waited may have given up.
                let _ = done.send(());
                continue;
            }
        };
        if let Err(error) = told {
            tracing::debug!(worker = client.name(), %error, "not told of a network");
        }
    }
}

fn member(network: &str, active: &Active, worker: &str) -> NetworkChange {
    let member = RemoteMember {
        names: active.spec.names.clone(),
        v4: active.endpoint.v4,
        v6: active.endpoint.v6,
        worker: worker.to_owned(),
    };
    NetworkChange::Member { network: network.to_owned(), member }
}

fn gone(network: &str, addresses: Vec<IpAddr>) -> NetworkChange {
    NetworkChange::MemberGone { network: network.to_owned(), addresses }
}

impl Core {
    /// Notes that a container is about to run in a worker, and tells the other workers of its networks.
    pub(crate) async fn introduce_all(&self, record: &Record, worker: &Arc<Worker>) {
        for endpoint in Self::endpoints(record).values() {
            self.introduce(record, &endpoint.network_id, worker).await;
        }
    }

    /// The same for one network.
    pub(crate) async fn introduce(&self, record: &Record, network: &str, worker: &Arc<Worker>) {
        let Some(active) = self.networks.place(network, record.id, &worker.name) else { return };
        // Networks without addresses have no members to reach.
        if active.endpoint.v4.is_none() && active.endpoint.v6.is_none() {
            return;
        }
        let workers = self.networks.workers(network);
        if workers.len() < 2 {
            return;
        }
        let others = self.others(network, &worker.name);
        for other in &others {
            self.reach.pair(worker, other);
            self.reach.send(other, Message::Change(member(network, &active, &worker.name)));
        }
        if workers.get(&worker.name) == Some(&1) {
            self.tell_all(network, worker);
        }
        // Names are what others wait for; on the default bridge there are none.
        if !active.spec.names.is_empty() {
            let all = others.iter().chain([worker]).map(|worker| self.reach.flush(worker));
            futures_util::future::join_all(all).await;
        }
    }

    /// The other workers of a network.
    fn others(&self, network: &str, worker: &str) -> Vec<Arc<Worker>> {
        let workers = self.networks.workers(network);
        if workers.len() > JOINED_LIMIT {
            tracing::warn!(network, "its containers are in more than {JOINED_LIMIT} workers: not all reach each other");
        }
        let others = workers.keys().take(JOINED_LIMIT).filter(|name| *name != worker);
        others.filter_map(|name| self.workers.find(name)).collect()
    }

    /// Tells a worker all members of a network that are elsewhere.
    fn tell_all(&self, network: &str, worker: &Worker) {
        for (_, active) in self.networks.active(network) {
            if let Some(theirs) = active.worker.as_ref().filter(|theirs| **theirs != worker.name) {
                self.reach.send(worker, Message::Change(member(network, &active, theirs)));
            }
        }
    }

    /// Takes a container off a network's members, and tells the other workers. False: it was none.
    pub(crate) fn withdraw(&self, record: &Record, network: &Network) -> bool {
        let Some(active) = self.networks.leave(&network.id, record.id) else { return false };
        let Some(name) = &active.worker else { return true };
        let workers = self.networks.workers(&network.id);
        if workers.keys().all(|other| other == name) {
            return true;
        }
        for other in self.others(&network.id, name) {
            let change = gone(&network.id, addresses(&active.endpoint).collect());
            self.reach.send(&other, Message::Change(change));
        }
        // A worker without members is told of no more changes, so it forgets the others.
        if !workers.contains_key(name)
            && let Some(worker) = self.workers.find(name)
        {
            let elsewhere = self.networks.active(&network.id);
            let all = elsewhere.iter().flat_map(|(_, active)| addresses(&active.endpoint)).collect();
            self.reach.send(&worker, Message::Change(gone(&network.id, all)));
        }
        true
    }

    /// Notes that a run was found going on in a worker.
    pub(crate) fn found_running(&self, record: &Record, worker: &str) {
        let name = record.name();
        for endpoint in Self::endpoints(record).into_values() {
            let Some(network) = self.networks.by_id(&endpoint.network_id) else { continue };
            let spec = super::join::endpoint_spec(record, &name, &network, &endpoint);
            let active = Active { name: name.to_string(), endpoint, spec, worker: Some(worker.to_owned()) };
            // It is there: it was just looked up.
            let _ = self.networks.enter(&network.id, record.id, active);
        }
    }

    /// Tells all workers anew of each other's members: an earlier daemon may have been cut off in the midst of it.
    pub(crate) fn tell_anew(&self) {
        for network in self.networks.spread() {
            for name in self.networks.workers(&network).keys() {
                let Some(worker) = self.workers.find(name) else { continue };
                for other in self.others(&network, name) {
                    self.reach.pair(&worker, &other);
                }
                self.tell_all(&network, &worker);
            }
        }
    }
}
