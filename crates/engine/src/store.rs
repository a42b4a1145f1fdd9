//! The state store: SQLite in WAL mode, one connection behind one lock.
//!
//! A commit does not wait for the disk (`synchronous=NORMAL`): a killed process loses nothing, a power cut may lose the
//! last moments but never invents a state. A damaged file is refused, never guessed at. What never changes about a
//! container lies in `container`, what changes often in the narrow `life`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};
use sprat_image::Digest;

use crate::facts::ImageData;
use crate::record::{LifeRow, Settled};
use crate::state::State;
use crate::{ContainerId, ContainerSpec, EngineError, ExitInfo, Volume};

/// Version of the schema below.
const SCHEMA_VERSION: i64 = 1;
/// Marks the file as Sprat's ("SPRT").
const APPLICATION_ID: i64 = 0x5350_5254;
/// Statements kept prepared.
const STATEMENTS: usize = 32;

const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE image (id TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE container (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL, image TEXT NOT NULL,
    spec TEXT NOT NULL, settled TEXT NOT NULL, door TEXT NOT NULL
);
CREATE TABLE life (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, run INTEGER NOT NULL, worker TEXT, started INTEGER, exit TEXT,
    error TEXT NOT NULL, by_hand INTEGER NOT NULL, restarts INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE volume (name TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE worker (name TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
";

/// The state store.
#[derive(Debug)]
pub(crate) struct StateStore {
    db: Mutex<Connection>,
    path: PathBuf,
    fresh: bool,
}

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
        texts.iter().map(|text| self.parse(text)).collect()
    }

    /// Facts of all images that containers use; those of others are dropped.
    pub(crate) fn images(&self) -> Result<Vec<ImageData>, EngineError> {
        let texts: Vec<String> = self.with(|db| {
            db.execute("DELETE FROM image WHERE id NOT IN (SELECT image FROM container)", [])?;
            db.prepare("SELECT data FROM image")?.query_map([], |row| row.get(0))?.collect()
        })?;
        texts.iter().map(|text| self.parse(text)).collect()
    }

    /// All containers.
    pub(crate) fn containers(&self) -> Result<Vec<ContainerRow>, EngineError> {
        let rows: Vec<RawRow> = self.with(|db| {
            db.prepare(
                "SELECT c.id, name, created, image, spec, settled, state, run, worker, started, exit, error, by_hand,
                 restarts FROM container c LEFT JOIN life l ON l.id = c.id ORDER BY created",
            )?
            .query_map([], RawRow::read)?
            .collect()
        })?;
        rows.into_iter().map(|row| self.container(row)).collect()
    }

    fn container(&self, raw: RawRow) -> Result<ContainerRow, EngineError> {
        let damaged = |what: &str| self.damaged(format!("container {} has an invalid {what}", raw.id));
        let exit = raw.exit.as_deref().map(|text| self.parse::<ExitInfo>(text)).transpose()?;
        Ok(ContainerRow {
            id: raw.id.parse().map_err(|_| damaged("id"))?,
            created: time(raw.created).ok_or_else(|| damaged("time"))?,
            image: raw.image.parse().map_err(|_| damaged("image"))?,
            spec: self.parse(&raw.spec)?,
            settled: self.parse(&raw.settled)?,
            life: LifeRow {
                state: raw.state.as_deref().and_then(State::parse).ok_or_else(|| damaged("state"))?,
                run: u64::try_from(raw.run).map_err(|_| damaged("run"))?,
                worker: raw.worker,
                started: raw.started.and_then(time),
                exit,
                error: raw.error,
                by_hand: raw.by_hand,
                restarts: raw.restarts,
            },
            name: raw.name,
        })
    }

    fn parse<T: serde::de::DeserializeOwned>(&self, text: &str) -> Result<T, EngineError> {
        serde_json::from_str(text).map_err(|error| self.damaged(error.to_string()))
    }

    fn damaged(&self, reason: String) -> EngineError {
        damaged(&self.path, &reason)
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

struct RawRow {
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
}

impl RawRow {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
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
        })
    }
}

enum Opening {
    Sql(rusqlite::Error),
    Refused(EngineError),
}

impl From<rusqlite::Error> for Opening {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

fn prepare(db: &mut Connection, path: &Path) -> Result<(), Opening> {
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if version == 0 && tables == 0 {
        let tx = db.transaction()?;
        tx.execute_batch(SCHEMA)?;
        tx.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.commit()?;
    } else if application != APPLICATION_ID {
        return Err(Opening::Refused(damaged(path, "it is a database of another program")));
    } else if version != SCHEMA_VERSION {
        let reason = format!(
            "its format is version {version}, this Sprat knows version {SCHEMA_VERSION}: use the Sprat that wrote it, or move the file away to start without containers"
        );
        return Err(Opening::Refused(EngineError::Store { path: path.to_owned(), reason }));
    }
    let clean: Option<String> =
        db.query_row("SELECT value FROM meta WHERE key = 'clean'", [], |row| row.get(0)).optional()?;
    if clean.is_none() && tables != 0 {
        let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(Opening::Refused(damaged(path, &verdict)));
        }
    }
    db.execute("DELETE FROM meta WHERE key = 'clean'", [])?;
    Ok(())
}

fn put_life(db: &Connection, id: &str, row: &LifeRow) -> rusqlite::Result<()> {
    let exit = row.exit.as_ref().map(json);
    let run = i64::try_from(row.run).unwrap_or(i64::MAX);
    db.prepare_cached("INSERT OR REPLACE INTO life VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?.execute(params![
        id,
        row.state.as_str(),
        run,
        row.worker,
        row.started.map(nanos),
        exit,
        row.error,
        row.by_hand,
        row.restarts
    ])?;
    Ok(())
}

fn unusable(path: &Path, error: &rusqlite::Error) -> EngineError {
    use rusqlite::ErrorCode;
    let reason = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => return damaged(path, &error.to_string()),
        Some(ErrorCode::DiskFull) => "the disk is full: free some space and try again".to_owned(),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            format!("{error}: check the permissions of the state folder")
        }
        _ => error.to_string(),
    };
    EngineError::Store { path: path.to_owned(), reason }
}

fn damaged(path: &Path, reason: &str) -> EngineError {
    EngineError::Store {
        path: path.to_owned(),
        reason: format!(
            "it is damaged ({reason}); put a backup in its place, or move it and its -wal file away to start without containers (images and volumes are kept)"
        ),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isolation;

    fn settled() -> Settled {
        Settled {
            argv: vec!["/hello".to_owned()],
            env: Vec::new(),
            working_dir: "/".to_owned(),
            user: String::new(),
            ids: sprat_sandbox::User::default(),
            home: "/".to_owned(),
            stop_signal: "SIGTERM".to_owned(),
            mounts: Vec::new(),
            anonymous: Vec::new(),
            isolation: Isolation::Default,
            limits: sprat_sandbox::Limits::default(),
            program: None,
        }
    }

    fn add(store: &StateStore, name: &str) -> ContainerId {
        let (id, image) = (ContainerId::random(), Digest::of(b"image"));
        let created = Timestamp::now();
        let (spec, settled) = (ContainerSpec::default(), settled());
        let new = NewContainer { id, name, created, image: &image, spec: &spec, settled: &settled, door: "door" };
        store.add_container(&new, &[]).unwrap();
        id
    }

    #[test]
    fn what_was_stored_survives_an_end_without_a_close() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let store = StateStore::open(&path).unwrap();
        assert!(store.is_fresh());
        let (bass, cod) = (add(&store, "bass"), add(&store, "cod"));
        let exit = ExitInfo { code: 3, oom_killed: true, at: Timestamp::UNIX_EPOCH, message: "m".to_owned() };
        let row = LifeRow {
            state: State::Exited,
            run: 2,
            worker: Some("w1".to_owned()),
            started: Some(Timestamp::UNIX_EPOCH),
            exit: Some(exit),
            error: "e".to_owned(),
            by_hand: true,
            restarts: 1,
        };
        store.put_life(bass, &row).unwrap();
        store.rename(bass, "hake").unwrap();
        store.remove_container(cod, &[]).unwrap();
        drop(store);
        let store = StateStore::open(&path).unwrap();
        assert!(!store.is_fresh());
        let rows = store.containers().unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].id, rows[0].name.as_str()), (bass, "hake"));
        assert_eq!((&rows[0].life, &rows[0].settled), (&row, &settled()));
        assert_eq!((store.door_data(bass).unwrap(), store.door_data(cod).unwrap()), ("door".to_owned(), String::new()));
    }

    #[test]
    fn stores_of_others_and_of_newer_versions_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let foreign = dir.path().join("foreign.db");
        Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        let error = StateStore::open(&foreign).unwrap_err().to_string();
        assert!(error.contains("another program"), "{error}");
        let newer = dir.path().join("newer.db");
        drop(StateStore::open(&newer).unwrap());
        Connection::open(&newer).unwrap().pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
        let error = StateStore::open(&newer).unwrap_err().to_string();
        assert!(error.contains("version 2"), "{error}");
    }

    #[test]
    #[ignore = "a measurement, not a test"]
    fn time_of_each_change() {
        const ROUNDS: u32 = 10_000;
        let dir = tempfile::tempdir_in(".").unwrap();
        let store = StateStore::open(&dir.path().join("state.db")).unwrap();
        let begin = std::time::Instant::now();
        let ids: Vec<_> = (0..ROUNDS).map(|index| add(&store, &format!("c{index}"))).collect();
        let (created, begin) = (begin.elapsed(), std::time::Instant::now());
        for id in &ids {
            store.put_life(*id, &LifeRow::default()).unwrap();
        }
        let (changed, begin) = (begin.elapsed(), std::time::Instant::now());
        for id in &ids {
            store.remove_container(*id, &[]).unwrap();
        }
        let removed = begin.elapsed();
        println!("create {:?}, change {:?}, remove {:?}", created / ROUNDS, changed / ROUNDS, removed / ROUNDS);
    }
}
