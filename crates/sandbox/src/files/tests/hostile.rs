//! Paths and neighbours that want out.

use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[test]
fn dots_stay_at_the_root_and_below_other_descriptors() {
    let world = World::small();
    let view = world.view();
    assert_eq!(read(&view, "../../../etc/../../etc/motd").unwrap(), b"hello");
    let etc = open(&view, "etc", OPEN, READ).unwrap();
    for path in ["..", "../etc/motd", "./../..", "../"] {
        assert_eq!(view.stat_at(&etc, path, Follow::Yes), Err(Errno::NotPermitted), "{path}");
    }
    assert_eq!(view.stat_at(&etc, "/etc/motd", Follow::Yes), Err(Errno::NotPermitted));
    let usr = open(&view, "usr", OPEN, READ).unwrap();
    assert!(view.stat_at(&usr, "lib/../lib/libc.so", Follow::Yes).is_ok());
}

#[test]
fn paths_that_are_none_are_refused_by_every_operation() {
    let world = World::small();
    let view = world.view();
    let long = "n".repeat(256);
    let deep = "d/".repeat(2100);
    let bad = [
        ("", Errno::NoEntry),
        ("a\0b", Errno::Invalid),
        (long.as_str(), Errno::NameTooLong),
        (deep.as_str(), Errno::NameTooLong),
        ("none/x", Errno::NoEntry),
        ("etc/motd/x", Errno::NotDirectory),
        ("etc/motd/..", Errno::NotDirectory),
    ];
    for (path, errno) in bad {
        let root = view.root();
        assert_eq!(open(&view, path, MAKE, WRITE).map(drop), Err(errno), "{path:?}");
        assert_eq!(view.stat_at(&root, path, Follow::No).map(drop), Err(errno), "{path:?}");
        assert_eq!(mkdir(&view, path), Err(errno), "{path:?}");
        assert_eq!(unlink(&view, path), Err(errno), "{path:?}");
        assert_eq!(rmdir(&view, path), Err(errno), "{path:?}");
        assert_eq!(rename(&view, path, "x"), Err(errno), "{path:?}");
        assert_eq!(rename(&view, "etc/motd", path), Err(errno), "{path:?}");
        assert_eq!(view.symlink("t", &root, path), Err(errno), "{path:?}");
        assert_eq!(view.link(&root, "etc/motd", Follow::No, &root, path), Err(errno), "{path:?}");
        assert_eq!(view.read_link(&root, path).map(drop), Err(errno), "{path:?}");
    }
    assert_eq!(view.symlink("", &view.root(), "l"), Err(Errno::NoEntry));
    assert_eq!(view.symlink("a\0", &view.root(), "l"), Err(Errno::Invalid));
}

#[test]
fn a_trailing_slash_wants_a_folder() {
    let world = World::small();
    let view = world.view();
    assert_eq!(read(&view, "etc/motd/"), Err(Errno::NotDirectory));
    assert_eq!(unlink(&view, "etc/motd/"), Err(Errno::NotDirectory));
    assert_eq!(rename(&view, "etc/motd", "x/"), Err(Errno::NotDirectory));
    assert_eq!(open(&view, "new/", MAKE, WRITE).map(drop), Err(Errno::IsDirectory));
    mkdir(&view, "new/").unwrap();
    assert_eq!(view.stat_at(&view.root(), "lib/", Follow::No).unwrap().kind, Kind::Directory);
    assert_eq!(rmdir(&view, "lib/"), Err(Errno::NotDirectory));
}

#[test]
fn the_upper_folders_own_names_are_out_of_reach() {
    let world = World::small();
    let view = world.view();
    unlink(&view, "etc/motd").unwrap();
    for name in [".wh.motd", ".wh..wh..opq", ".wh.x", ".wh."] {
        let path = format!("etc/{name}");
        assert_eq!(write(&view, &path, b"").map(drop), Err(Errno::Invalid));
        assert_eq!(mkdir(&view, &path), Err(Errno::Invalid));
        assert_eq!(view.symlink("x", &view.root(), &path), Err(Errno::Invalid));
        assert_eq!(rename(&view, "etc/passwd", &path), Err(Errno::Invalid));
        assert_eq!(unlink(&view, &path), Err(Errno::NoEntry));
        assert_eq!(read(&view, &path), Err(Errno::NoEntry));
    }
    assert_eq!(names(&view, "etc").unwrap(), ["passwd"]);
}

#[test]
fn link_loops_end() {
    let world = World::small();
    let view = world.view();
    view.symlink("b", &view.root(), "a").unwrap();
    view.symlink("a", &view.root(), "b").unwrap();
    view.symlink("self/x", &view.root(), "self").unwrap();
    for path in ["a", "b/x", "self", "self/y"] {
        assert_eq!(view.stat_at(&view.root(), path, Follow::Yes), Err(Errno::Loop), "{path}");
    }
    assert_eq!(view.open(&view.root(), "a", Follow::No, OPEN, READ).map(drop), Err(Errno::Loop));
}

#[test]
fn links_in_a_mount_mean_the_guests_files() {
    let mut world = World::small();
    let host = world.mount("/data/in", false);
    let secret = world.dir.path().join("secret");
    fs_err::write(&secret, "secret").unwrap();
    symlink("/etc/motd", host.join("absolute")).unwrap();
    symlink("../../etc/motd", host.join("relative")).unwrap();
    symlink("../secret", host.join("climbing")).unwrap();
    symlink(&secret, host.join("hosts")).unwrap();
    symlink("/proc/self/root", host.join("magic")).unwrap();
    symlink("/", host.join("root")).unwrap();
    let view = world.view();
    assert_eq!(read(&view, "data/in/absolute").unwrap(), b"hello");
    assert_eq!(read(&view, "data/in/relative").unwrap(), b"hello");
    assert_eq!(read(&view, "data/in/root/etc/motd").unwrap(), b"hello");
    for path in ["climbing", "hosts", "magic/etc/motd"] {
        assert_eq!(read(&view, &format!("data/in/{path}")), Err(Errno::NoEntry), "{path}");
    }
    let folder = open(&view, "data/in", OPEN, READ).unwrap();
    assert_eq!(view.stat_at(&folder, "../..", Follow::Yes), Err(Errno::NotPermitted));
    assert_eq!(names(&view, "data/in/..").unwrap(), ["in"]);
    // Writing through a link that leads nowhere makes the file where the guest sees it.
    view.symlink("/etc/made", &view.root(), "data/in/dangling").unwrap();
    write(&view, "data/in/dangling", b"x").unwrap();
    assert!(world.upper().join("etc/made").exists());
}

#[test]
fn a_folder_swapped_for_a_link_never_leads_out() {
    let mut world = World::small();
    let host = world.mount("/data", false);
    let outside = world.dir.path().join("outside");
    fs_err::create_dir(&outside).unwrap();
    fs_err::write(outside.join("file"), "secret").unwrap();
    fs_err::create_dir(host.join("folder")).unwrap();
    fs_err::write(host.join("folder/file"), "inside").unwrap();
    symlink(&outside, host.join("link")).unwrap();
    let view = world.view();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (folder, link, other) = (host.join("folder"), host.join("link"), host.join("other"));
            while !done.load(Ordering::Relaxed) {
                fs_err::rename(&folder, &other).unwrap();
                fs_err::rename(&link, &folder).unwrap();
                fs_err::rename(&folder, &link).unwrap();
                fs_err::rename(&other, &folder).unwrap();
            }
        });
        for number in 0..3000 {
            match read(&view, "data/folder/file") {
                Ok(bytes) => assert_eq!(bytes, b"inside"),
                Err(error) => assert!(
                    matches!(error, Errno::NoEntry | Errno::NotDirectory | Errno::Loop | Errno::Invalid),
                    "{error}"
                ),
            }
            let _ = write(&view, "data/folder/made", b"x");
            let _ = mkdir(&view, &format!("data/folder/sub{number}"));
            let _ = rename(&view, "data/folder/made", "data/folder/moved");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(fs_err::read_dir(&outside).unwrap().count(), 1);
    // What the link made the view resolve was the guest's own path of that name, not the host's.
    assert_eq!(fs_err::read(outside.join("file")).unwrap(), b"secret");
}

#[test]
fn special_files_are_shown_and_never_opened() {
    let mut world = World::small();
    let host = world.mount("/data", false);
    rustix::fs::mkfifoat(rustix::fs::CWD, host.join("fifo"), rustix::fs::Mode::RWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(host.join("socket")).unwrap();
    let view = world.view();
    for name in ["fifo", "socket"] {
        let path = format!("data/{name}");
        assert_eq!(view.stat_at(&view.root(), &path, Follow::Yes).unwrap().kind, Kind::Other);
        for access in [READ, WRITE, Access { read: false, write: true }] {
            assert_eq!(open(&view, &path, OPEN, access).map(drop), Err(Errno::NotSupported));
        }
    }
    let folder = open(&view, "data", OPEN, READ).unwrap();
    assert!(view.entries(&folder).unwrap().all(|entry| entry.kind == Kind::Other));
}

#[test]
fn folders_as_deep_as_paths_go_are_no_trouble() {
    let mut world = World::small();
    world.mount_source("/m", MountSource::Memory(64 << 20), false);
    let view = world.view();
    // Short names nest deepest; in the upper folder long ones will do, as each step looks at all folders above.
    for (top, name) in [("m", "d".to_owned()), ("usr", "d".repeat(100))] {
        let mut folder = open(&view, top, OPEN, READ).unwrap();
        let mut depth = 0;
        while view.make_directory(&folder, &name).is_ok() {
            folder = view.open(&folder, &name, Follow::No, OPEN, READ).unwrap();
            depth += 1;
        }
        assert_eq!(depth, (crate::files::path::MAX_PATH_BYTES - top.len() - 1) / (name.len() + 1));
        assert_eq!(view.make_directory(&folder, &name), Err(Errno::NameTooLong));
    }
}

#[test]
fn a_mount_in_memory_that_is_nested_past_the_stack_is_dropped() {
    // Every step looks at all folders above it, so short chains are hung below each other, and the stack is small instead.
    const LINKS: usize = 50;
    const CHAINS: usize = 100;
    const STACK_BYTES: usize = 64 << 10;
    let mut world = World::small();
    world.mount_source("/m", MountSource::Memory(1 << 30), false);
    let view = world.view();
    mkdir(&view, "m/0").unwrap();
    for round in 0..CHAINS {
        // Each round hangs all folders made so far below new ones.
        let (old, new) = (format!("m/{round}"), format!("m/{}", round + 1));
        mkdir(&view, &new).unwrap();
        let mut folder = open(&view, &new, OPEN, READ).unwrap();
        for _ in 0..LINKS {
            view.make_directory(&folder, "d").unwrap();
            folder = view.open(&folder, "d", Follow::No, OPEN, READ).unwrap();
        }
        view.rename(&view.root(), &old, &view.root(), &format!("{new}/{}old", "d/".repeat(LINKS))).unwrap();
    }
    // 5,000 folders in 64 KiB: a drop that calls itself has 13 bytes a level, less than a return address and a frame.
    let dropped =
        std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || drop((view, world))).unwrap().join();
    assert!(dropped.is_ok());
}
