//! Copies in and out of containers, changes, export; in running and stopped ones.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;

use sprat_engine::{
    ChangeKind, CommitRequest, ContainerSpec, CopyIn, EngineError, ErrorKind, MountKind, MountSpec, PathKind,
    RestartPolicy, TmpfsOwner, Update,
};

use crate::world::{World, run};

/// An entry of a tar: its name, its kind, its content or target.
type Entry<'a> = (&'a str, tar::EntryType, &'a str);

fn packed(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind, text) in entries {
        let mut header = tar::Header::new_gnu();
        // Written as it is: the library itself refuses what is hostile.
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o640);
        header.set_uid(5);
        header.set_gid(6);
        header.set_mtime(1_000);
        let is_file = *kind == tar::EntryType::Regular;
        if !is_file && !text.is_empty() {
            header.set_link_name_literal(text).unwrap();
        }
        header.set_size(if is_file { text.len() as u64 } else { 0 });
        header.set_cksum();
        tar.append(&header, if is_file { text.as_bytes() } else { &[] }).unwrap();
    }
    tar.into_inner().unwrap()
}

const FILE: tar::EntryType = tar::EntryType::Regular;
const LINK: tar::EntryType = tar::EntryType::Symlink;
const FOLDER: tar::EntryType = tar::EntryType::Directory;

impl World {
    async fn put(&self, name: &str, path: &str, tar: &[u8], options: CopyIn) -> Result<(), EngineError> {
        let archive = self.dir.path().join("copy.tar");
        std::fs::write(&archive, tar).unwrap();
        self.engine.copy_in(name, path, archive, options).await
    }

    /// Names and contents of a path; links as `-> TARGET`, folders as `/`.
    async fn get(&self, name: &str, path: &str) -> Result<BTreeMap<String, String>, EngineError> {
        let to = self.dir.path().join("out.tar");
        self.engine.copy_out(name, path, File::create(&to).unwrap()).await?;
        Ok(unpacked(&to))
    }

    async fn changed(&self, name: &str) -> Vec<String> {
        let sign = |kind| match kind {
            ChangeKind::Modified => "C",
            ChangeKind::Added => "A",
            ChangeKind::Deleted => "D",
        };
        let changes = self.engine.changes(name).await.unwrap();
        changes.into_iter().map(|change| format!("{} {}", sign(change.kind), change.path)).collect()
    }
}

fn unpacked(path: &std::path::Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(File::open(path).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let text = match entry.header().entry_type() {
            FOLDER => "/".to_owned(),
            LINK => format!("-> {}", entry.link_name().unwrap().unwrap().display()),
            _ => {
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                text
            }
        };
        found.insert(name, text);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_copied_in_and_out_of_a_container_that_never_ran() {
    let world = World::new().await;
    world.create("bass", run("/echo")).await;
    let tar = packed(&[
        ("notes/", FOLDER, ""),
        ("notes/a", FILE, "one"),
        ("notes/to-seed", LINK, "/data/seed"),
        ("deep/er/b", FILE, "two"),
    ]);
    world.put("bass", "/data/.", &tar, CopyIn::default()).await.unwrap();
    let found = world.get("bass", "/data").await.unwrap();
    let expected = [
        ("data/", "/"),
        ("data/deep/", "/"),
        ("data/deep/er/", "/"),
        ("data/deep/er/b", "two"),
        ("data/notes/", "/"),
        ("data/notes/a", "one"),
        ("data/notes/to-seed", "-> /data/seed"),
        ("data/seed", "seed"),
    ];
    assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text.to_owned())).into());
    // A dot asks for the content alone, a slash follows a link.
    assert!(world.get("bass", "/data/notes/.").await.unwrap().contains_key("./a"));
    let stat = world.engine.stat_path("bass", "/data/notes/a").await.unwrap();
    assert_eq!((stat.kind, stat.mode, stat.size, stat.modified_ns), (PathKind::File, 0o640, 3, 1_000_000_000_000));
    let link = world.engine.stat_path("bass", "/data/notes/to-seed").await.unwrap();
    assert_eq!((link.kind, link.link_target.as_str()), (PathKind::Symlink, "/data/seed"));
    for missing in ["/nowhere", "/data/seed/"] {
        let error = world.engine.stat_path("bass", missing).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{missing}");
        assert!(error.to_string().starts_with(&format!("Could not find the file {missing} in container")), "{error}");
    }
    assert_eq!(
        world.changed("bass").await,
        [
            "C /data",
            "A /data/deep",
            "A /data/deep/er",
            "A /data/deep/er/b",
            "A /data/notes",
            "A /data/notes/a",
            "A /data/notes/to-seed"
        ]
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_copied_into_a_running_container_is_there_for_its_next_look_and_for_a_commit() {
    let world = World::new().await;
    world.create("bass", ContainerSpec { open_stdin: true, ..run("/echo") }).await;
    world.engine.start("bass").await.unwrap();
    let tar = packed(&[("etc/hello", FILE, "hi"), ("echo", FILE, "no program any more")]);
    world.put("bass", "/", &tar, CopyIn::default()).await.unwrap();
    assert_eq!(world.get("bass", "/etc/hello").await.unwrap()["hello"], "hi");
    assert_eq!(world.changed("bass").await, ["C /echo", "C /etc", "A /etc/hello"]);
    let request = CommitRequest {
        container: "bass".to_owned(),
        tag: Some("next:1".parse().unwrap()),
        pause: true,
        ..<_>::default()
    };
    world.engine.commit(request).await.unwrap();
    world.create("cod", ContainerSpec { image: "next:1".to_owned(), ..run("/fail") }).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_archives_stay_within_the_container_or_are_refused() {
    let world = World::new().await;
    let outside = world.dir.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    world.create("bass", run("/echo")).await;
    let keep = CopyIn { keep_kinds: true, ..CopyIn::default() };
    for (tar, words) in [
        (packed(&[("../x", FILE, "x")]), "outside"),
        (packed(&[("a/../../x", FILE, "x")]), "outside"),
        (packed(&[("hard", tar::EntryType::Link, "../../etc/passwd")]), "outside"),
        (packed(&[("null", tar::EntryType::Char, "")]), "devices"),
        (packed(&[(".wh.seed", FILE, "")]), "invalid argument"),
        (packed(&[("seed/x", FILE, "")]), "Could not find"),
        (packed(&[("seed/", FOLDER, "")]), "cannot overwrite non-directory"),
        (b"no tar at all".to_vec(), "unpacked"),
    ] {
        let error = world.put("bass", "/data", &tar, keep).await.unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
    // Links lead nowhere but in the container, and absolute names count from the folder.
    let climbing = format!("../../../../../../../../../..{}", outside.display());
    let tar = packed(&[("out", LINK, &climbing), ("out/x", FILE, "x"), ("/abs", FILE, "abs")]);
    world.put("bass", "/data", &tar, CopyIn::default()).await.unwrap_err();
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    world.put("bass", "/data", &packed(&[("/abs", FILE, "abs")]), CopyIn::default()).await.unwrap();
    assert_eq!(world.get("bass", "/data/abs").await.unwrap()["abs"], "abs");
    let error = world.put("bass", "/echo", &packed(&[]), CopyIn::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "extraction point is not a directory");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_fills_no_more_than_the_disk_limit_wherever_it_goes() {
    let world = World::new().await;
    let volume = MountSpec {
        target: "/vol".to_owned(),
        kind: MountKind::Volume { name: "vol".to_owned(), no_copy: false, labels: BTreeMap::new() },
        read_only: false,
        inherited: false,
    };
    let tmpfs = MountSpec {
        target: "/tmp".to_owned(),
        kind: MountKind::Tmpfs { size: 1 << 20, owner: TmpfsOwner::default() },
        read_only: false,
        inherited: false,
    };
    let spec = ContainerSpec { disk_bytes: Some(1000), mounts: vec![volume, tmpfs], ..run("/echo") };
    world.create("bass", spec).await;
    let bomb = packed(&[("fits", FILE, &"x".repeat(600)), ("burst", FILE, &"x".repeat(600))]);
    for folder in ["/", "/vol"] {
        let error = world.put("bass", folder, &bomb, CopyIn::default()).await.unwrap_err().to_string();
        assert!(error.contains("no space left on device"), "{error}");
    }
    assert_eq!(world.get("bass", "/vol").await.unwrap().len(), 2);
    let error = world.put("bass", "/tmp", &bomb, CopyIn::default()).await.unwrap_err().to_string();
    assert!(error.contains("memory of the running container"), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_the_files_without_the_mounts_and_what_was_replaced_is_told() {
    let world = World::new().await;
    let volume = MountSpec {
        target: "/vol".to_owned(),
        kind: MountKind::Volume { name: "kept".to_owned(), no_copy: false, labels: BTreeMap::new() },
        read_only: false,
        inherited: false,
    };
    world.create("bass", ContainerSpec { mounts: vec![volume], user: Some("app".to_owned()), ..run("/echo") }).await;
    world.put("bass", "/vol", &packed(&[("in-volume", FILE, "v")]), CopyIn::default()).await.unwrap();
    // A folder becomes a file: what was in it is gone.
    let options = CopyIn { as_user: true, ..CopyIn::default() };
    world.put("bass", "/", &packed(&[("data", FILE, "a file now")]), options).await.unwrap();
    assert_eq!(world.changed("bass").await, ["C /data"]);
    let to = world.dir.path().join("all.tar");
    world.engine.export("bass", File::create(&to).unwrap()).await.unwrap();
    let files = unpacked(&to);
    assert_eq!((files["data"].as_str(), files["script"].as_str()), ("a file now", "#!/bin/sh\n"));
    assert!(!files.keys().any(|name| name.contains("in-volume")), "{:?}", files.keys());
    let mut archive = tar::Archive::new(File::open(&to).unwrap());
    let owner =
        archive.entries().unwrap().map(Result::unwrap).find(|entry| *entry.path_bytes() == b"data"[..]).unwrap();
    assert_eq!((owner.header().uid().unwrap(), owner.header().gid().unwrap()), (7, 8));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_policy_at_once_and_limits_of_what_does_not_run() {
    let world = World::new().await;
    world.create("bass", ContainerSpec { open_stdin: true, ..run("/echo") }).await;
    let memory = |bytes| Update { memory_bytes: Some(bytes), ..Update::default() };
    world.engine.update("bass", memory(1 << 20)).await.unwrap();
    world.engine.start("bass").await.unwrap();
    let error = world.engine.update("bass", memory(2 << 20)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("stop it"), "{error}");
    let restart = Update { restart: Some(RestartPolicy::Always), ..Update::default() };
    world.engine.update("bass", restart).await.unwrap();
    let world = world.reopen().await;
    let spec = world.engine.inspect("bass").unwrap().spec;
    assert_eq!((spec.restart, spec.memory_bytes), (RestartPolicy::Always, Some(1 << 20)));
    world.end().await;
}
