//! The store's file: its tables, its version, and why it can't be used.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use crate::EngineError;

/// Version of the schema below.
pub(super) const SCHEMA_VERSION: i64 = 2;
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
    error TEXT NOT NULL, by_hand INTEGER NOT NULL, restarts INTEGER NOT NULL, ports TEXT NOT NULL DEFAULT '[]'
) WITHOUT ROWID;
CREATE TABLE volume (name TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE worker (name TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
";

/// Tables that came later and that an older Sprat can do without: made whenever they are missing.
const LATER: &str = "
CREATE TABLE IF NOT EXISTS network (id TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS peers (one TEXT NOT NULL, other TEXT NOT NULL, PRIMARY KEY (one, other)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS endpoints (container TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
";

/// What brings the schema of version 1 to version 2: the ports of a run.
const FROM_VERSION_1: &str = "ALTER TABLE life ADD COLUMN ports TEXT NOT NULL DEFAULT '[]'";

/// Why a store could not be opened.
pub(super) enum Opening {
    Sql(rusqlite::Error),
    Refused(EngineError),
}

impl From<rusqlite::Error> for Opening {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Makes or checks the tables. After an unclean end the whole file is checked.
pub(super) fn prepare(db: &mut Connection, path: &Path) -> Result<(), Opening> {
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
    } else if version == 1 {
        let tx = db.transaction()?;
        tx.execute_batch(FROM_VERSION_1)?;
        tx.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        tx.commit()?;
    } else if version != SCHEMA_VERSION {
        let reason = format!(
            "its format is version {version}, this Sprat knows version {SCHEMA_VERSION}: use the Sprat that wrote it, or move the file away to start without containers"
        );
        return Err(Opening::Refused(EngineError::Store { path: path.to_owned(), reason }));
    }
    db.execute_batch(LATER)?;
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

/// An error of SQLite in the user's words.
pub(super) fn unusable(path: &Path, error: &rusqlite::Error) -> EngineError {
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

pub(super) fn damaged(path: &Path, reason: &str) -> EngineError {
    EngineError::Store {
        path: path.to_owned(),
        reason: format!(
            "it is damaged ({reason}); put a backup in its place, or move it and its -wal file away to start without containers (images and volumes are kept)"
        ),
    }
}
