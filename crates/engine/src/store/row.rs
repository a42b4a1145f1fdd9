//! Containers as rows.

use std::path::Path;

use jiff::Timestamp;
use sprat_image::Digest;

use super::schema::damaged;
use super::time;
use crate::record::{LifeRow, Settled};
use crate::state::State;
use crate::{ContainerId, ContainerSpec, EngineError, ExitInfo};

/// A container as stored.
#[derive(Debug)]
pub(crate) struct ContainerRow {
    pub(crate) id: ContainerId,
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    pub(crate) image: Digest,
    pub(crate) spec: ContainerSpec,
    pub(crate) settled: Settled,
    pub(crate) life: LifeRow,
}

/// A container to be stored.
#[derive(Debug)]
pub(crate) struct NewContainer<'a> {
    pub(crate) id: ContainerId,
    pub(crate) name: &'a str,
    pub(crate) created: Timestamp,
    pub(crate) image: &'a Digest,
    pub(crate) spec: &'a ContainerSpec,
    pub(crate) settled: &'a Settled,
    pub(crate) door: &'a str,
}

/// A container as its rows have it.
pub(super) struct RawRow {
    id: String,
    name: String,
    created: i64,
    image: String,
    spec: String,
    settled: String,
    state: Option<String>,
    run: i64,
    worker: Option<String>,
    started: Option<i64>,
    exit: Option<String>,
    error: String,
    by_hand: bool,
    restarts: u32,
    ports: Option<String>,
}

impl RawRow {
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            created: row.get(2)?,
            image: row.get(3)?,
            spec: row.get(4)?,
            settled: row.get(5)?,
            state: row.get(6)?,
            run: row.get::<_, Option<i64>>(7)?.unwrap_or_default(),
            worker: row.get(8)?,
            started: row.get(9)?,
            exit: row.get(10)?,
            error: row.get::<_, Option<String>>(11)?.unwrap_or_default(),
            by_hand: row.get::<_, Option<bool>>(12)?.unwrap_or_default(),
            restarts: row.get::<_, Option<u32>>(13)?.unwrap_or_default(),
            ports: row.get(14)?,
        })
    }

    /// The container, if all of its row is understood.
    pub(super) fn container(self, path: &Path) -> Result<ContainerRow, EngineError> {
        let raw = self;
        let damaged = |what: &str| damaged(path, &format!("container {} has an invalid {what}", raw.id));
        let exit = raw.exit.as_deref().map(|text| parse::<ExitInfo>(path, text)).transpose()?;
        let (state, with_volumes) = raw.state.as_deref().and_then(parse_state).ok_or_else(|| damaged("state"))?;
        Ok(ContainerRow {
            id: raw.id.parse().map_err(|_| damaged("id"))?,
            created: time(raw.created).ok_or_else(|| damaged("time"))?,
            image: raw.image.parse().map_err(|_| damaged("image"))?,
            spec: parse(path, &raw.spec)?,
            settled: parse(path, &raw.settled)?,
            life: LifeRow {
                state,
                with_volumes,
                run: u64::try_from(raw.run).map_err(|_| damaged("run"))?,
                worker: raw.worker,
                started: raw.started.and_then(time),
                exit,
                error: raw.error,
                by_hand: raw.by_hand,
                restarts: raw.restarts,
                ports: raw.ports.as_deref().map_or(Ok(Vec::new()), |text| parse(path, text))?,
            },
            name: raw.name,
        })
    }
}

/// A removal that takes the anonymous volumes along, in the store.
const REMOVING_WITH_VOLUMES: &str = "removing-volumes";

/// The state's text in the store. A removal broken off must go on as it was asked for.
pub(super) fn state_text(row: &LifeRow) -> &'static str {
    if row.state == State::Removing && row.with_volumes { REMOVING_WITH_VOLUMES } else { row.state.as_str() }
}

/// A state and whether anonymous volumes go with the container.
fn parse_state(text: &str) -> Option<(State, bool)> {
    if text == REMOVING_WITH_VOLUMES { Some((State::Removing, true)) } else { Some((State::parse(text)?, false)) }
}

/// Reads what was stored as JSON.
pub(super) fn parse<T: serde::de::DeserializeOwned>(path: &Path, text: &str) -> Result<T, EngineError> {
    serde_json::from_str(text).map_err(|error| damaged(path, &error.to_string()))
}
