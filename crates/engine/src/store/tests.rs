use jiff::Timestamp;
use rusqlite::Connection;
use sprat_image::Digest;

use super::schema::SCHEMA_VERSION;
use super::*;
use crate::record::Settled;
use crate::state::State;
use crate::{ContainerSpec, ExitInfo, Isolation, PortSpec};

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
        reaper: false,
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
    let exit = ExitInfo { code: 3, oom_killed: true, at: Timestamp::UNIX_EPOCH, message: "m".to_owned(), lost: true };
    let row = LifeRow {
        state: State::Exited,
        run: 2,
        worker: Some("w1".to_owned()),
        started: Some(Timestamp::UNIX_EPOCH),
        exit: Some(exit),
        error: "e".to_owned(),
        by_hand: true,
        restarts: 1,
        ports: vec![PortSpec {
            container: 80,
            protocol: "tcp".to_owned(),
            host_ip: String::new(),
            host: 8080,
            host_last: 0,
        }],
        with_volumes: false,
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
fn a_removal_keeps_whether_volumes_go_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = StateStore::open(&dir.path().join("state.db")).unwrap();
    let bass = add(&store, "bass");
    for with_volumes in [true, false] {
        let row = LifeRow { state: State::Removing, with_volumes, ..LifeRow::default() };
        store.put_life(bass, &row).unwrap();
        assert_eq!(store.containers().unwrap()[0].life, row);
    }
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
    assert!(error.contains(&format!("version {}", SCHEMA_VERSION + 1)), "{error}");
}

#[test]
fn a_store_of_the_first_version_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let store = StateStore::open(&path).unwrap();
    let bass = add(&store, "bass");
    drop(store);
    let first = Connection::open(&path).unwrap();
    first.execute_batch("ALTER TABLE life DROP COLUMN ports; PRAGMA user_version = 1").unwrap();
    drop(first);
    let store = StateStore::open(&path).unwrap();
    let rows = store.containers().unwrap();
    assert_eq!((rows[0].id, &rows[0].life), (bass, &LifeRow::default()));
}
