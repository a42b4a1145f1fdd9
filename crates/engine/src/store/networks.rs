//! Networks and containers' endpoints as rows.

use super::{StateStore, json, row};
use crate::networks::Endpoints;
use crate::{ContainerId, EngineError, Network};

impl StateStore {
    /// Stores a network.
    pub(crate) fn put_network(&self, network: &Network) -> Result<(), EngineError> {
        self.with(|db| {
            db.prepare_cached("INSERT OR REPLACE INTO network VALUES (?1, ?2)")?
                .execute([&network.id, &json(network)])
                .map(drop)
        })
    }

    /// Removes a network.
    pub(crate) fn remove_network(&self, id: &str) -> Result<(), EngineError> {
        self.with(|db| db.prepare_cached("DELETE FROM network WHERE id = ?1")?.execute([id]).map(drop))
    }

    /// All networks.
    pub(crate) fn networks(&self) -> Result<Vec<Network>, EngineError> {
        let texts: Vec<String> =
            self.with(|db| db.prepare("SELECT data FROM network")?.query_map([], |row| row.get(0))?.collect())?;
        texts.iter().map(|text| row::parse(&self.path, text)).collect()
    }

    /// Stores what a container is on its networks.
    pub(crate) fn put_endpoints(&self, container: ContainerId, endpoints: &Endpoints) -> Result<(), EngineError> {
        self.with(|db| {
            db.prepare_cached("INSERT OR REPLACE INTO endpoints VALUES (?1, ?2)")?
                .execute([container.to_string(), json(endpoints)])
                .map(drop)
        })
    }

    /// What containers are on their networks, of those that were stored.
    pub(crate) fn endpoints(&self) -> Result<Vec<(ContainerId, Endpoints)>, EngineError> {
        let rows: Vec<(String, String)> = self.with(|db| {
            db.prepare("SELECT container, data FROM endpoints")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        let parse = |(id, text): &(String, String)| Ok((id.parse().ok(), row::parse(&self.path, text)?));
        let rows: Vec<(Option<ContainerId>, Endpoints)> = rows.iter().map(parse).collect::<Result<_, EngineError>>()?;
        Ok(rows.into_iter().filter_map(|(id, endpoints)| Some((id?, endpoints))).collect())
    }

    /// Notes that two workers have each other's socket.
    pub(crate) fn put_peers(&self, one: &str, other: &str) -> Result<(), EngineError> {
        self.with(|db| db.execute("INSERT OR REPLACE INTO peers VALUES (?1, ?2)", [one, other]).map(drop))
    }

    /// Forgets the sockets of a worker that is gone.
    pub(crate) fn remove_peers(&self, worker: &str) -> Result<(), EngineError> {
        self.with(|db| db.execute("DELETE FROM peers WHERE one = ?1 OR other = ?1", [worker]).map(drop))
    }

    /// Workers that have each other's socket.
    pub(crate) fn peers(&self) -> Result<Vec<(String, String)>, EngineError> {
        self.with(|db| {
            db.prepare("SELECT one, other FROM peers")?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }
}
