//! Image, provided files and upper folder as one tree.

use super::*;
use crate::files::Times;

#[test]
fn reading_the_image_makes_nothing_and_holds_nothing() {
    let world = World::small();
    let before = host_descriptors(world.dir.path());
    let view = world.view();
    let file = open(&view, "lib/libc.so", OPEN, READ).unwrap();
    assert_eq!(content(&view, &file).unwrap(), b"elf");
    assert_eq!(names(&view, ".").unwrap(), ["dev", "empty", "etc", "lib", "usr"]);
    assert_eq!(host_descriptors(world.dir.path()), before);
    assert!(!world.upper().exists());
    assert_eq!(view.disk_bytes(), 0);
    assert_eq!(view.open_files(), 1);
    drop(file);
    assert_eq!(view.open_files(), 0);
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let world = World::small();
    let view = world.view();
    write(&view, "etc/motd", b"changed").unwrap();
    write(&view, "new", b"new").unwrap();
    unlink(&view, "etc/passwd").unwrap();
    rmdir(&view, "empty").unwrap();
    mkdir(&view, "empty").unwrap();
    view.symlink("/etc/motd", &view.root(), "link").unwrap();
    drop(view);
    let view = world.view();
    assert_eq!(read(&view, "link").unwrap(), b"changed");
    assert_eq!(read(&view, "etc/passwd"), Err(Errno::NoEntry));
    assert_eq!(names(&view, ".").unwrap(), ["dev", "empty", "etc", "lib", "link", "new", "usr"]);
    assert_eq!(view.disk_bytes(), 10);
    assert_eq!(fs_err::read(world.upper().join("etc/motd")).unwrap(), b"changed");
    assert!(world.upper().join("etc/.wh.passwd").exists());
    assert!(world.upper().join("empty/.wh..wh..opq").exists());
}

#[test]
fn a_removed_folder_does_not_come_back_with_its_old_content() {
    let world = World::small();
    let view = world.view();
    unlink(&view, "etc/motd").unwrap();
    assert_eq!(rmdir(&view, "etc"), Err(Errno::NotEmpty));
    unlink(&view, "etc/passwd").unwrap();
    rmdir(&view, "etc").unwrap();
    assert_eq!(read(&view, "etc/motd"), Err(Errno::NoEntry));
    mkdir(&view, "etc").unwrap();
    assert!(names(&view, "etc").unwrap().is_empty());
    write(&view, "etc/motd", b"mine").unwrap();
    assert_eq!(names(&world.view(), "etc").unwrap(), ["motd"]);
}

#[test]
fn a_file_takes_the_place_of_a_removed_one() {
    let world = World::small();
    let view = world.view();
    unlink(&view, "etc/motd").unwrap();
    write(&view, "etc/motd", b"mine").unwrap();
    assert!(!world.upper().join("etc/.wh.motd").exists());
    assert_eq!(read(&view, "etc/motd").unwrap(), b"mine");
}

#[test]
fn an_open_file_sees_its_copy_up_and_keeps_its_number() {
    let world = World::small();
    let view = world.view();
    let before = open(&view, "etc/motd", OPEN, READ).unwrap();
    let number = inode(&view, "etc/motd");
    let after = open(&view, "etc/motd", OPEN, WRITE).unwrap();
    view.write(&after, b"J", 0).unwrap();
    assert_eq!(content(&view, &before).unwrap(), b"Jello");
    assert!(before.same_node(&after));
    assert_eq!(inode(&view, "etc/motd"), number);
    let folder = open(&view, "etc", OPEN, READ).unwrap();
    let mut listed = view.entries(&folder).unwrap();
    assert!(listed.any(|entry| entry.name == "motd" && entry.inode == number));
    rename(&view, "etc/motd", "moved").unwrap();
    assert_eq!(inode(&view, "moved"), number);
}

#[test]
fn removed_open_files_keep_working() {
    let world = World::small();
    let view = world.view();
    let lower = open(&view, "etc/motd", OPEN, READ).unwrap();
    unlink(&view, "etc/motd").unwrap();
    assert_eq!(content(&view, &lower).unwrap(), b"hello");
    let upper = open(&view, "new", FRESH, WRITE).unwrap();
    unlink(&view, "new").unwrap();
    view.append(&upper, b"abc").unwrap();
    view.append(&upper, b"def").unwrap();
    assert_eq!(content(&view, &upper).unwrap(), b"abcdef");
    assert_eq!(view.stat(&upper).unwrap().links, 0);
}

#[test]
fn folders_of_the_image_cannot_be_renamed_but_own_ones_can() {
    let world = World::small();
    let view = world.view();
    assert_eq!(rename(&view, "etc", "etc2"), Err(Errno::CrossDevice));
    mkdir(&view, "own").unwrap();
    write(&view, "own/file", b"1").unwrap();
    let folder = open(&view, "own", OPEN, READ).unwrap();
    rename(&view, "own", "empty").unwrap();
    assert_eq!(names(&view, "empty").unwrap(), ["file"]);
    let file = view.open(&folder, "file", Follow::Yes, OPEN, READ).unwrap();
    assert_eq!(content(&view, &file).unwrap(), b"1");
    assert_eq!(names(&world.view(), "empty").unwrap(), ["file"]);
}

#[test]
fn a_folder_removed_while_open_is_empty_for_ever() {
    let world = World::small();
    let view = world.view();
    let folder = open(&view, "empty", OPEN, READ).unwrap();
    rmdir(&view, "empty").unwrap();
    mkdir(&view, "empty").unwrap();
    assert_eq!(view.make_directory(&folder, "x"), Err(Errno::NoEntry));
    assert_eq!(view.stat(&folder).unwrap().links, 0);
}

#[test]
fn provided_files_lie_over_the_image_and_can_be_written_and_removed() {
    let mut world = World::small();
    world.spec.provided =
        vec![("/etc/motd".into(), "provided".into()), ("/run/given/hosts".into(), "127.0.0.1".into())];
    let view = world.view();
    assert_eq!(read(&view, "etc/motd").unwrap(), b"provided");
    assert_eq!(read(&view, "run/given/hosts").unwrap(), b"127.0.0.1");
    assert_eq!(names(&view, "run").unwrap(), ["given"]);
    view.append(&open(&view, "run/given/hosts", OPEN, WRITE).unwrap(), b" me").unwrap();
    unlink(&view, "etc/motd").unwrap();
    assert_eq!(names(&view, "etc").unwrap(), ["passwd"]);
    drop(view);
    let view = world.view();
    assert_eq!(read(&view, "run/given/hosts").unwrap(), b"127.0.0.1 me");
    assert_eq!(read(&view, "etc/motd"), Err(Errno::NoEntry));
}

#[test]
fn a_read_only_root_refuses_every_change() {
    let mut world = World::small();
    world.spec.read_only = true;
    world.mount_source("/tmp", MountSource::Memory(1 << 20), false);
    let view = world.view();
    assert_eq!(write(&view, "new", b""), Err(Errno::ReadOnly));
    assert_eq!(write(&view, "etc/motd", b""), Err(Errno::ReadOnly));
    assert_eq!(mkdir(&view, "d"), Err(Errno::ReadOnly));
    assert_eq!(mkdir(&view, "etc"), Err(Errno::Exist));
    assert_eq!(unlink(&view, "etc/motd"), Err(Errno::ReadOnly));
    assert_eq!(rename(&view, "etc/motd", "x"), Err(Errno::ReadOnly));
    let times = Times { accessed_ns: None, modified_ns: Some(0) };
    assert_eq!(view.set_times_at(&view.root(), "etc", Follow::Yes, times), Err(Errno::ReadOnly));
    write(&view, "tmp/x", b"x").unwrap();
    assert!(open(&view, "etc/motd", MAKE, READ).is_ok());
    assert!(!world.upper().exists());
}

#[test]
fn times_can_be_set_on_all_kinds_of_nodes() {
    let world = World::small();
    let view = world.view();
    let times = Times { accessed_ns: Some(-1), modified_ns: Some(1_500_000_000_123_456_789) };
    for path in ["etc/motd", "lib", "etc", "."] {
        view.set_times_at(&view.root(), path, Follow::No, times).unwrap();
        let stat = view.stat_at(&view.root(), path, Follow::No).unwrap();
        assert_eq!((stat.accessed_ns, stat.modified_ns), (-1, 1_500_000_000_123_456_789), "{path}");
    }
    let file = open(&view, "etc/passwd", OPEN, READ).unwrap();
    view.set_times(&file, Times { accessed_ns: None, modified_ns: Some(5) }).unwrap();
    assert_eq!(view.stat(&file).unwrap().modified_ns, 5);
    assert_eq!(content(&view, &file).unwrap(), b"root:x:0");
}

#[test]
fn copy_up_keeps_the_time_of_what_is_not_written() {
    let world = World::small();
    let view = world.view();
    drop(open(&view, "etc/motd", OPEN, WRITE).unwrap());
    assert_eq!(view.stat_at(&view.root(), "etc/motd", Follow::No).unwrap().modified_ns, 0);
}

#[test]
fn unfinished_copies_of_a_killed_process_are_cleared_and_never_seen() {
    let world = World::small();
    fs_err::create_dir_all(world.upper().join(".wh..wh.tmp-7")).unwrap();
    fs_err::write(world.upper().join(".wh..wh.tmp-7/.wh.x"), "").unwrap();
    fs_err::write(world.upper().join(".wh..wh.tmp-0"), "half").unwrap();
    let view = world.view();
    assert_eq!(names(&view, ".").unwrap(), ["dev", "empty", "etc", "lib", "usr"]);
    assert_eq!(fs_err::read_dir(world.upper()).unwrap().count(), 0);
    assert_eq!(view.disk_bytes(), 0);
}

#[test]
fn two_views_of_one_upper_folder_see_each_other() {
    let world = World::small();
    let (one, other) = (world.view(), world.view());
    assert_eq!(read(&other, "new"), Err(Errno::NoEntry));
    write(&one, "new", b"1").unwrap();
    assert_eq!(read(&other, "new").unwrap(), b"1");
}

#[test]
fn devices_are_there_without_an_image() {
    let world = World::new(|_| {});
    let view = world.view();
    assert_eq!(names(&view, "dev").unwrap(), ["full", "null", "random", "urandom", "zero"]);
    let null = open(&view, "dev/null", FRESH, WRITE).unwrap();
    assert_eq!(null.kind(), Kind::CharacterDevice);
    assert_eq!(view.write(&null, b"xyz", 1 << 40), Ok(3));
    assert_eq!(view.read(&null, &mut [1; 4], 0), Ok(0));
    let full = open(&view, "dev/full", OPEN, WRITE).unwrap();
    assert_eq!(view.write(&full, b"x", 0), Err(Errno::NoSpace));
    let mut random = [0; 32];
    view.read(&open(&view, "dev/urandom", OPEN, READ).unwrap(), &mut random, 0).unwrap();
    assert_ne!(random, [0; 32]);
    assert_eq!(unlink(&view, "dev/null"), Err(Errno::Busy));
    assert_eq!(rmdir(&view, "dev"), Err(Errno::Busy));
}

#[test]
fn hard_links_are_one_file() {
    let world = World::small();
    let view = world.view();
    view.link(&view.root(), "etc/motd", Follow::No, &view.root(), "again").unwrap();
    view.write(&open(&view, "again", OPEN, WRITE).unwrap(), b"H", 0).unwrap();
    assert_eq!(read(&view, "etc/motd").unwrap(), b"Hello");
    assert_eq!(inode(&view, "again"), inode(&view, "etc/motd"));
    assert_eq!(view.link(&view.root(), "etc", Follow::No, &view.root(), "x"), Err(Errno::NotPermitted));
}
