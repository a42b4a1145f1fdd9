//! The state store: SQLite in WAL mode, one writer; a killed process loses nothing.
