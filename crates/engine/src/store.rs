//! The state store: SQLite in WAL mode, one connection behind one lock.
//!
//! A commit does not wait for the disk (`synchronous=NORMAL`): a killed process loses nothing, a power cut may lose the
//! last moments but never invents a state. A damaged file is refused, never guessed at. What never changes about a
//! container lies in `container`, what changes often in the narrow `life`.

mod networks;
mod row;
mod schema;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::facts::ImageData;
use crate::record::{LifeRow, Settled};
use crate::{ContainerId, ContainerSpec, EngineError, Volume};
use row::RawRow;
pub(crate) use row::{ContainerRow, NewContainer};
use schema::{Opening, prepare, unusable};

/// The state store.
#[derive(Debug)]
pub(crate) struct StateStore {
    db: Mutex<Connection>,
    path: PathBuf,
    fresh: bool,
}

impl StateStore {
    /// Opens or makes the store. After an unclean end it is checked first.
    ///
    /// # Errors
    /// It is damaged, of a newer Sprat or another program, or the host fails.
    pub(crate) fn open(path: &Path) -> Result<Self, EngineError> {
        let fresh = !path.exists();
        let refuse = |error: &rusqlite::Error| unusable(path, error);
        let mut db = Connection::open(path).map_err(|error| refuse(&error))?;
        prepare(&mut db, path).map_err(|error| match error {
            Opening::Sql(error) => refuse(&error),
            Opening::Refused(error) => error,
        })?;
        Ok(Self { db: Mutex::new(db), path: path.to_owned(), fresh })
    }

    /// It was made by this opening.
    pub(crate) fn is_fresh(&self) -> bool {
        self.fresh
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, EngineError> {
        work(&mut self.db.lock()).map_err(|error| unusable(&self.path, &error))
    }

    /// A value of the installation, made at the first call.
    pub(crate) fn meta(&self, key: &str, make: impl FnOnce() -> String) -> Result<String, EngineError> {
        self.with(|db| {
            let known = db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()?;
            if let Some(value) = known {
                return Ok(value);
            }
            let value = make();
            db.execute("INSERT INTO meta VALUES (?1, ?2)", [key, &value])?;
            Ok(value)
        })
    }

    /// Adds a container with the volumes made for it, all or nothing.
    pub(crate) fn add_container(&self, new: &NewContainer<'_>, volumes: &[Volume]) -> Result<(), EngineError> {
        let spec = json(new.spec);
        let settled = json(new.settled);
        self.with(|db| {
            let tx = db.transaction()?;
            for volume in volumes {
                tx.prepare_cached("INSERT OR REPLACE INTO volume VALUES (?1, ?2)")?
                    .execute([&volume.name, &json(volume)])?;
            }
            let id = new.id.to_string();
            let image = new.image.to_string();
            let created = nanos(new.created);
            tx.prepare_cached("INSERT INTO container VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
                .execute(params![id, new.name, created, image, spec, settled, new.door])?;
            put_life(&tx, &id, &LifeRow::default())?;
            tx.commit()
        })
    }

    /// Stores what changed about a container.
    pub(crate) fn put_life(&self, id: ContainerId, row: &LifeRow) -> Result<(), EngineError> {
        self.with(|db| put_life(db, &id.to_string(), row))
    }

    /// Stores what an update changed; `door` as it is without one.
    pub(crate) fn update_container(
        &self,
        id: ContainerId,
        spec: &ContainerSpec,
        settled: &Settled,
        door: Option<&str>,
    ) -> Result<(), EngineError> {
        self.with(|db| {
            db.prepare_cached("UPDATE container SET spec = ?2, settled = ?3, door = coalesce(?4, door) WHERE id = ?1")?
                .execute(params![id.to_string(), json(spec), json(settled), door])
                .map(drop)
        })
    }

    /// Stores a container's new name.
    pub(crate) fn rename(&self, id: ContainerId, name: &str) -> Result<(), EngineError> {
        self.with(|db| {
            db.prepare_cached("UPDATE container SET name = ?2 WHERE id = ?1")?
                .execute([id.to_string().as_str(), name])?;
            Ok(())
        })
    }

    /// Removes a container's rows, and these volumes'.
    pub(crate) fn remove_container(&self, id: ContainerId, volumes: &[String]) -> Result<(), EngineError> {
        self.with(|db| {
            let tx = db.transaction()?;
            let id = id.to_string();
            tx.prepare_cached("DELETE FROM container WHERE id = ?1")?.execute([&id])?;
            tx.prepare_cached("DELETE FROM life WHERE id = ?1")?.execute([&id])?;
            tx.prepare_cached("DELETE FROM endpoints WHERE container = ?1")?.execute([&id])?;
            for name in volumes {
                tx.prepare_cached("DELETE FROM volume WHERE name = ?1")?.execute([name])?;
            }
            tx.commit()
        })
    }

    /// What the door that made a container wants to see again.
    pub(crate) fn door_data(&self, id: ContainerId) -> Result<String, EngineError> {
        self.with(|db| {
            let mut statement = db.prepare_cached("SELECT door FROM container WHERE id = ?1")?;
            Ok(statement.query_row([id.to_string()], |row| row.get(0)).optional()?.unwrap_or_default())
        })
    }

    /// Stores an image's facts, once.
    pub(crate) fn put_image(&self, data: &ImageData) -> Result<(), EngineError> {
        self.with(|db| {
            db.prepare_cached("INSERT OR IGNORE INTO image VALUES (?1, ?2)")?
                .execute([data.id.to_string(), json(data)])?;
            Ok(())
        })
    }

    /// Stores a volume.
    pub(crate) fn put_volume(&self, volume: &Volume) -> Result<(), EngineError> {
        self.with(|db| {
            db.prepare_cached("INSERT OR REPLACE INTO volume VALUES (?1, ?2)")?
                .execute([&volume.name, &json(volume)])?;
            Ok(())
        })
    }

    /// Removes a volume.
    pub(crate) fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        self.with(|db| db.prepare_cached("DELETE FROM volume WHERE name = ?1")?.execute([name]).map(drop))
    }

    /// Stores a worker, before it is started.
    pub(crate) fn put_worker(&self, name: &str, data: &str) -> Result<(), EngineError> {
        self.with(|db| db.execute("INSERT OR REPLACE INTO worker VALUES (?1, ?2)", [name, data]).map(drop))
    }

    /// Removes a worker that is gone.
    pub(crate) fn remove_worker(&self, name: &str) -> Result<(), EngineError> {
        self.with(|db| db.execute("DELETE FROM worker WHERE name = ?1", [name]).map(drop))
    }

    /// All workers: name and data.
    pub(crate) fn workers(&self) -> Result<Vec<(String, String)>, EngineError> {
        self.with(|db| {
            db.prepare("SELECT name, data FROM worker")?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    /// All volumes.
    pub(crate) fn volumes(&self) -> Result<Vec<Volume>, EngineError> {
        let texts: Vec<String> =
            self.with(|db| db.prepare("SELECT data FROM volume")?.query_map([], |row| row.get(0))?.collect())?;
        texts.iter().map(|text| row::parse(&self.path, text)).collect()
    }

    /// Facts of all images that containers use; those of others are dropped.
    pub(crate) fn images(&self) -> Result<Vec<ImageData>, EngineError> {
        let texts: Vec<String> = self.with(|db| {
            db.execute("DELETE FROM image WHERE id NOT IN (SELECT image FROM container)", [])?;
            db.prepare("SELECT data FROM image")?.query_map([], |row| row.get(0))?.collect()
        })?;
        texts.iter().map(|text| row::parse(&self.path, text)).collect()
    }

    /// All containers.
    pub(crate) fn containers(&self) -> Result<Vec<ContainerRow>, EngineError> {
        let rows: Vec<RawRow> = self.with(|db| {
            db.prepare(
                "SELECT c.id, name, created, image, spec, settled, state, run, worker, started, exit, error, by_hand,
                 restarts, ports FROM container c LEFT JOIN life l ON l.id = c.id ORDER BY created",
            )?
            .query_map([], RawRow::read)?
            .collect()
        })?;
        rows.into_iter().map(|row| row.container(&self.path)).collect()
    }

    /// Ends with all written to the disk.
    pub(crate) fn close(&self) {
        let clean = self.with(|db| {
            db.execute("INSERT OR REPLACE INTO meta VALUES ('clean', '1')", [])?;
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        });
        if let Err(error) = clean {
            tracing::warn!(%error, "the state store was not closed cleanly; it is checked at the next start");
        }
    }
}

fn put_life(db: &Connection, id: &str, row: &LifeRow) -> rusqlite::Result<()> {
    let exit = row.exit.as_ref().map(json);
    let run = i64::try_from(row.run).unwrap_or(i64::MAX);
    db.prepare_cached("INSERT OR REPLACE INTO life VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?.execute(
        params![
            id,
            row::state_text(row),
            run,
            row.worker,
            row.started.map(nanos),
            exit,
            row.error,
            row.by_hand,
            row.restarts,
            json(&row.ports)
        ],
    )?;
    Ok(())
}

/// JSON of a type whose serialisation can't fail: maps with text keys, no foreign `Serialize`.
fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)
}

/// The time of these nanoseconds since 1970.
pub(crate) fn time(nanos: i64) -> Option<Timestamp> {
    Timestamp::from_nanosecond(i128::from(nanos)).ok()
}

/// Shared by all who write.
pub(crate) type SharedStore = Arc<StateStore>;
