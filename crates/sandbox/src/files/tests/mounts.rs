//! Mounts of host folders, host files and memory.

use super::*;

#[test]
fn mount_points_that_are_not_in_the_image_are_shown() {
    let mut world = World::small();
    let host = world.mount("/srv/data/in", false);
    fs_err::write(host.join("file"), "x").unwrap();
    world.mount_source("/srv/data/in/deep/memory", MountSource::Memory(1 << 20), false);
    let view = world.view();
    assert_eq!(names(&view, ".").unwrap(), ["dev", "empty", "etc", "lib", "srv", "usr"]);
    assert_eq!(names(&view, "srv/data").unwrap(), ["in"]);
    assert_eq!(names(&view, "srv/data/in").unwrap(), ["deep", "file"]);
    assert_eq!(names(&view, "srv/data/in/deep").unwrap(), ["memory"]);
    write(&view, "srv/data/in/deep/memory/x", b"x").unwrap();
    assert_eq!(write(&view, "srv/data/in/deep/x", b"x"), Err(Errno::ReadOnly));
    write(&view, "srv/data/beside", b"x").unwrap();
    assert!(world.upper().join("srv/data/beside").exists());
    assert!(!host.join("deep").exists());
}

#[test]
fn mount_points_stay() {
    let mut world = World::small();
    world.mount("/srv/data", false);
    let view = world.view();
    for path in ["srv/data", "srv"] {
        assert_eq!(rmdir(&view, path), Err(Errno::Busy));
        assert_eq!(rename(&view, path, "x"), Err(Errno::Busy));
    }
    mkdir(&view, "d").unwrap();
    assert_eq!(rename(&view, "d", "srv/data"), Err(Errno::Busy));
}

#[test]
fn nothing_moves_between_mounts() {
    let mut world = World::small();
    world.mount("/a", false);
    world.mount("/b", false);
    let view = world.view();
    write(&view, "a/x", b"x").unwrap();
    assert_eq!(rename(&view, "a/x", "b/x"), Err(Errno::CrossDevice));
    assert_eq!(view.link(&view.root(), "a/x", Follow::No, &view.root(), "x"), Err(Errno::CrossDevice));
    let (a, b) = (view.stat_at(&view.root(), "a", Follow::No), view.stat_at(&view.root(), "b", Follow::No));
    assert_ne!(a.unwrap().device, b.unwrap().device);
}

#[test]
fn read_only_mounts_refuse_every_change() {
    let mut world = World::small();
    let host = world.mount("/data", true);
    fs_err::write(host.join("file"), "x").unwrap();
    let view = world.view();
    assert_eq!(read(&view, "data/file").unwrap(), b"x");
    assert_eq!(write(&view, "data/file", b"y"), Err(Errno::ReadOnly));
    assert_eq!(write(&view, "data/new", b"y"), Err(Errno::ReadOnly));
    assert_eq!(unlink(&view, "data/file"), Err(Errno::ReadOnly));
    assert_eq!(mkdir(&view, "data/d"), Err(Errno::ReadOnly));
    assert_eq!(rename(&view, "data/file", "data/f"), Err(Errno::ReadOnly));
    assert_eq!(view.link(&view.root(), "data/file", Follow::No, &view.root(), "data/f"), Err(Errno::ReadOnly));
    let file = open(&view, "data/file", OPEN, READ).unwrap();
    assert_eq!(
        view.set_times(&file, crate::files::Times { accessed_ns: None, modified_ns: Some(0) }),
        Err(Errno::ReadOnly)
    );
}

#[test]
fn single_files_can_be_mounted() {
    let mut world = World::small();
    let source = world.dir.path().join("config");
    fs_err::write(&source, "config").unwrap();
    world.mount_source("/etc/motd", MountSource::Host(source.clone()), false);
    world.mount_source("/etc/fixed", MountSource::Host(source.clone()), true);
    let view = world.view();
    assert_eq!(names(&view, "etc").unwrap(), ["fixed", "motd", "passwd"]);
    assert_eq!(read(&view, "etc/fixed").unwrap(), b"config");
    assert_eq!(write(&view, "etc/fixed", b"x"), Err(Errno::ReadOnly));
    write(&view, "etc/motd", b"new").unwrap();
    assert_eq!(fs_err::read(&source).unwrap(), b"new");
    assert_eq!(unlink(&view, "etc/motd"), Err(Errno::Busy));
    assert_eq!(rename(&view, "etc/passwd", "etc/motd"), Err(Errno::Busy));
    assert_eq!(read(&view, "etc/motd/x"), Err(Errno::NotDirectory));
    assert!(!world.upper().exists());
}

#[test]
fn targets_follow_the_images_links() {
    let mut world = World::small();
    let host = world.mount("/lib/../lib/extra", false);
    fs_err::write(host.join("x"), "x").unwrap();
    let view = world.view();
    assert_eq!(read(&view, "usr/lib/extra/x").unwrap(), b"x");
    assert_eq!(names(&view, "lib").unwrap(), ["extra", "libc.so"]);
}

#[test]
fn mounts_that_cannot_be_are_refused_with_the_reason() {
    let mut world = World::small();
    let missing = world.dir.path().join("missing");
    for (target, source) in [("/x", missing), ("relative", "/".into()), ("/", "/".into()), ("/x", "relative".into())] {
        world.spec.mounts.clear();
        world.mount_source(target, MountSource::Host(source), false);
        let refused = FileView::new(&world.spec, Arc::clone(&world.tree), &world.user, &world.limits).unwrap_err();
        assert!(refused.to_string().starts_with(&format!("cannot mount {target}: ")), "{refused}");
    }
}

#[test]
fn mounts_hold_no_descriptor_while_nothing_of_them_is_open() {
    let mut world = World::small();
    let host = world.mount("/data", false);
    let view = world.view();
    let file = open(&view, "data/file", FRESH, WRITE).unwrap();
    write(&view, "file", b"x").unwrap();
    assert_eq!(host_descriptors(&host), 1);
    drop(file);
    names(&view, "data").unwrap();
    assert_eq!(host_descriptors(&host), 0);
    assert_eq!(host_descriptors(world.upper()), 0);
}

#[test]
fn a_source_that_became_a_link_is_not_followed() {
    let mut world = World::small();
    let outer = world.mount("/outer", false);
    fs_err::create_dir(outer.join("inner")).unwrap();
    world.mount_source("/inner", MountSource::Host(outer.join("inner")), false);
    let secret = world.dir.path().join("secret");
    fs_err::create_dir(&secret).unwrap();
    let view = world.view();
    assert!(names(&view, "inner").unwrap().is_empty());
    rmdir(&view, "outer/inner").unwrap();
    std::os::unix::fs::symlink(&secret, outer.join("inner")).unwrap();
    assert!(write(&view, "inner/x", b"x").is_err());
    assert_eq!(fs_err::read_dir(&secret).unwrap().count(), 0);
}

#[test]
fn names_that_are_no_utf8_are_left_out() {
    use std::os::unix::ffi::OsStrExt as _;
    let mut world = World::small();
    let host = world.mount("/data", false);
    fs_err::write(host.join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
    fs_err::write(host.join("ok"), "").unwrap();
    assert_eq!(names(&world.view(), "data").unwrap(), ["ok"]);
}

#[test]
fn views_of_one_container_share_its_memory_mounts() {
    let mut world = World::small();
    world.mount_source("/m", MountSource::Memory(1 << 20), false);
    let (one, other) = (world.view(), world.view());
    write(&one, "m/x", b"x").unwrap();
    assert_eq!(read(&other, "m/x").unwrap(), b"x");
}
