//! Owners and modes.

use super::*;

fn world() -> World {
    let mut world = World::new(|layer| {
        let private = Attributes { mode: 0o600, ..Attributes::FILE };
        let own = Attributes { mode: 0o600, uid: 1000, gid: 1000, mtime_ns: 0 };
        layer.bytes(b"etc/shadow", private, b"secret".to_vec()).unwrap();
        layer.bytes(b"etc/passwd", Attributes::FILE, b"root".to_vec()).unwrap();
        layer.folder(b"root", Attributes { mode: 0o700, ..Attributes::FOLDER }).unwrap();
        layer.bytes(b"root/file", Attributes::FILE, b"x".to_vec()).unwrap();
        layer.folder(b"home/me", Attributes { mode: 0o755, ..own }).unwrap();
        layer.bytes(b"home/me/file", own, b"mine".to_vec()).unwrap();
        layer.folder(b"tmp", Attributes { mode: 0o1777, ..Attributes::FOLDER }).unwrap();
        layer.bytes(b"tmp/roots", Attributes::FILE, b"x".to_vec()).unwrap();
    });
    world.user = User { uid: 1000, gid: 1000, groups: Vec::new() };
    world
}

#[test]
fn a_user_is_held_to_owners_and_modes() {
    let world = world();
    let view = world.view();
    assert_eq!(read(&view, "etc/passwd").unwrap(), b"root");
    assert_eq!(read(&view, "etc/shadow"), Err(Errno::Access));
    assert_eq!(write(&view, "etc/passwd", b"x"), Err(Errno::Access));
    assert_eq!(write(&view, "etc/new", b"x"), Err(Errno::Access));
    assert_eq!(unlink(&view, "etc/passwd"), Err(Errno::Access));
    assert_eq!(mkdir(&view, "d"), Err(Errno::Access));
    assert_eq!(read(&view, "root/file"), Err(Errno::Access));
    assert_eq!(names(&view, "root"), Err(Errno::Access));
    assert_eq!(unlink(&view, "tmp/roots"), Err(Errno::NotPermitted));
    assert!(!world.upper().exists());
}

#[test]
fn a_user_has_its_own_files_also_after_a_restart_and_root_has_all() {
    let mut world = world();
    let view = world.view();
    write(&view, "home/me/file", b"changed").unwrap();
    write(&view, "home/me/new", b"new").unwrap();
    mkdir(&view, "home/me/d").unwrap();
    write(&view, "tmp/x", b"x").unwrap();
    drop(view);
    let view = world.view();
    assert_eq!(read(&view, "home/me/file").unwrap(), b"changed");
    write(&view, "home/me/new", b"newer").unwrap();
    write(&view, "home/me/d/x", b"x").unwrap();
    unlink(&view, "tmp/x").unwrap();
    drop(view);
    world.user = User { uid: 2000, gid: 2000, groups: Vec::new() };
    let view = world.view();
    assert_eq!(read(&view, "home/me/file"), Err(Errno::Access));
    assert_eq!(write(&view, "home/me/new", b"x"), Err(Errno::Access));
    assert_eq!(write(&view, "home/me/d/y", b"x"), Err(Errno::Access));
    drop(view);
    world.user = User::default();
    assert_eq!(read(&world.view(), "etc/shadow").unwrap(), b"secret");
    assert_eq!(read(&world.view(), "home/me/new").unwrap(), b"newer");
}

#[test]
fn mounted_files_are_checked_by_the_hosts_owner() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut world = world();
    let host = world.mount("/data", false);
    fs_err::write(host.join("roots"), "x").unwrap();
    let view = world.view();
    assert_eq!(read(&view, "data/roots").unwrap(), b"x");
    assert_eq!(write(&view, "data/roots", b"y"), Err(Errno::Access));
    assert_eq!(write(&view, "data/new", b"y"), Err(Errno::Access));
    rustix::fs::chmod(&host, rustix::fs::Mode::from_raw_mode(0o777)).unwrap();
    write(&view, "data/new", b"y").unwrap();
    write(&view, "data/new", b"z").unwrap();
    let made = fs_err::metadata(host.join("new")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&made), 1000);
}

#[test]
fn copies_keep_the_images_mode_for_a_later_commit() {
    let mut world = World::new(|layer| layer.bytes(b"bin/tool", Attributes::PROGRAM, b"#!".to_vec()).unwrap());
    world.user = User::default();
    let view = world.view();
    drop(open(&view, "bin/tool", OPEN, WRITE).unwrap());
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs_err::metadata(world.upper().join("bin/tool")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o7777, 0o755);
}
