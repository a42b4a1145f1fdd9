//! Limits: open files, disk, sizes, memory.

use super::*;

#[test]
fn files_past_the_limit_are_refused_until_one_is_closed() {
    let mut world = World::small();
    world.limits.open_files = 2;
    let view = world.view();
    let first = open(&view, "etc/motd", OPEN, READ).unwrap();
    let _second = open(&view, "etc", OPEN, READ).unwrap();
    assert_eq!(open(&view, "new", MAKE, WRITE).map(drop), Err(Errno::TooManyFiles));
    assert!(!world.upper().exists());
    let clone = first.clone();
    drop(first);
    assert_eq!(open(&view, "etc", OPEN, READ).map(drop), Err(Errno::TooManyFiles));
    drop(clone);
    assert!(open(&view, "etc", OPEN, READ).is_ok());
    assert!(open(&view, "none", OPEN, READ).is_err());
    assert_eq!(view.open_files(), 1);
}

#[test]
fn the_disk_limit_holds_to_the_byte() {
    let mut world = World::small();
    world.limits.disk_bytes = 100;
    let view = world.view();
    let file = open(&view, "a", FRESH, WRITE).unwrap();
    assert_eq!(view.write(&file, &[1; 60], 0), Ok(60));
    assert_eq!(view.write(&file, &[2; 60], 0), Ok(60));
    assert_eq!(view.disk_bytes(), 60);
    assert_eq!(view.append(&file, &[3; 60]), Ok(40));
    assert_eq!(view.append(&file, &[3; 1]), Err(Errno::Quota));
    assert_eq!(view.set_size(&file, 101), Err(Errno::Quota));
    assert_eq!(open(&view, "etc/motd", OPEN, WRITE).map(drop), Err(Errno::Quota));
    assert_eq!(read(&view, "etc/motd").unwrap(), b"hello");
    view.set_size(&file, 10).unwrap();
    assert_eq!(view.disk_bytes(), 10);
    assert_eq!(view.write(&file, b"x", 99), Ok(1));
    assert_eq!(view.disk_bytes(), 100);
    drop(open(&view, "a", FRESH, WRITE).unwrap());
    assert_eq!(view.disk_bytes(), 0);
}

#[test]
fn removed_files_count_until_they_are_closed() {
    let mut world = World::small();
    world.limits.disk_bytes = 100;
    let view = world.view();
    let file = open(&view, "a", FRESH, WRITE).unwrap();
    view.write(&file, &[1; 100], 0).unwrap();
    unlink(&view, "a").unwrap();
    assert_eq!(view.disk_bytes(), 100);
    assert_eq!(write(&view, "b", b"x"), Err(Errno::Quota));
    drop(file);
    assert_eq!(view.disk_bytes(), 0);
    write(&view, "b", &[1; 100]).unwrap();
    write(&view, "c", b"").unwrap();
    view.link(&view.root(), "b", Follow::No, &view.root(), "b2").unwrap();
    unlink(&view, "b").unwrap();
    assert_eq!(view.disk_bytes(), 100);
    rename(&view, "c", "b2").unwrap();
    assert_eq!(view.disk_bytes(), 0);
}

#[test]
fn a_reopened_upper_folder_counts_what_it_has() {
    let mut world = World::small();
    write(&world.view(), "a", &[1; 90]).unwrap();
    world.limits.disk_bytes = 100;
    let view = world.view();
    let file = open(&view, "a", OPEN, WRITE).unwrap();
    assert_eq!(view.append(&file, &[1; 90]), Ok(10));
    assert_eq!(view.disk_bytes(), 100);
}

#[test]
fn offsets_past_the_largest_file_are_refused() {
    let mut world = World::small();
    world.limits.disk_bytes = 0;
    world.mount("/host", false);
    world.mount_source("/m", MountSource::Memory(1 << 20), false);
    let view = world.view();
    for path in ["file", "host/file", "m/file"] {
        let file = open(&view, path, FRESH, WRITE).unwrap();
        for offset in [1 << 63, u64::MAX, i64::MAX as u64] {
            assert_eq!(view.write(&file, b"xy", offset), Err(Errno::FileTooLarge), "{path} {offset}");
            assert_eq!(view.read(&file, &mut [0; 9], offset), Ok(0), "{path} {offset}");
        }
        assert_eq!(view.set_size(&file, 1 << 63), Err(Errno::FileTooLarge), "{path}");
        assert_eq!(view.write(&file, b"", u64::MAX), Ok(0), "{path}");
        assert_eq!(view.stat(&file).unwrap().size, 0, "{path}");
    }
}

#[test]
fn memory_mounts_end_at_their_size() {
    let mut world = World::small();
    world.mount_source("/m", MountSource::Memory(64 << 10), false);
    let view = world.view();
    let file = open(&view, "m/file", FRESH, WRITE).unwrap();
    let written = view.write(&file, &[1; 128 << 10], 0).unwrap();
    assert!((50 << 10..64 << 10).contains(&written), "{written}");
    assert_eq!(view.append(&file, &[1; 4096]), Err(Errno::NoSpace));
    view.set_size(&file, 0).unwrap();
    let mut made = 0;
    while mkdir(&view, &format!("m/{made}")).is_ok() {
        made += 1;
    }
    assert!((100..128).contains(&made), "{made}");
    assert_eq!(mkdir(&view, "m/more"), Err(Errno::NoSpace));
    rmdir(&view, "m/0").unwrap();
    mkdir(&view, "m/more").unwrap();
    assert!(!world.upper().exists());
}

#[test]
fn an_untouched_view_is_small() {
    assert!(size_of::<crate::files::inner::Inner>() + size_of::<crate::files::shared::Shared>() < 768);
}

#[test]
fn listings_past_the_limit_are_refused_until_one_is_dropped() {
    let names: Vec<String> = (0..1000).map(|number| format!("many/{number:0>200}")).collect();
    let world = World::new(|layer| {
        for name in &names {
            layer.bytes(name.as_bytes(), Attributes::FILE, Vec::new()).unwrap();
        }
    });
    let view = world.view();
    let folder = open(&view, "many", OPEN, READ).unwrap();
    let mut listings = Vec::new();
    let refused = loop {
        match view.entries(&folder) {
            Ok(listing) => listings.push(listing),
            Err(errno) => break errno,
        }
    };
    assert_eq!(refused, Errno::TooManyFiles);
    assert!((200..400).contains(&listings.len()), "{}", listings.len());
    listings.pop();
    assert_eq!(view.entries(&folder).unwrap().count(), 1000);
}

#[test]
fn entries_of_the_upper_folder_are_limited_and_given_back() {
    let mut world = World::small();
    world.limits.disk_entries = 6;
    let view = world.view();
    view.make_directory(&view.root(), "d").unwrap();
    for name in ["d/a", "d/b"] {
        write(&view, name, b"").unwrap();
    }
    view.symlink("a", &view.root(), "d/link").unwrap();
    view.link(&view.root(), "d/a", Follow::No, &view.root(), "d/hard").unwrap();
    // A copy of a file of the image counts too, and so does the folder that it is in, which the image has.
    assert_eq!(open(&view, "etc/motd", OPEN, WRITE).map(drop), Err(Errno::Quota));
    for full in [
        write(&view, "new", b"").map(drop),
        view.make_directory(&view.root(), "new"),
        view.symlink("a", &view.root(), "new"),
        view.link(&view.root(), "d/a", Follow::No, &view.root(), "new"),
    ] {
        assert_eq!(full, Err(Errno::Quota));
    }
    assert!(view.stat_at(&view.root(), "new", Follow::No).is_err());
    view.rename(&view.root(), "d/b", &view.root(), "d/a").unwrap();
    write(&view, "d/new", b"").unwrap();
    assert_eq!(write(&view, "d/newer", b""), Err(Errno::Quota));
    for name in ["d/a", "d/hard", "d/link", "d/new"] {
        unlink(&view, name).unwrap();
    }
    view.remove_directory(&view.root(), "d").unwrap();
    for number in 0..5 {
        write(&view, &format!("n{number}"), b"").unwrap();
    }
    assert_eq!(write(&view, "full", b""), Err(Errno::Quota));
    drop(view);
    // What is there is counted by the next view, whiteouts left out.
    let view = world.view();
    assert_eq!(write(&view, "full", b""), Err(Errno::Quota));
    unlink(&view, "n0").unwrap();
    write(&view, "n0", b"").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_guest_that_waits_for_the_disk_does_not_hold_its_thread() {
    let world = World::small();
    let view = world.view();
    let synced = tokio::spawn(async move {
        let file = open(&view, "a", FRESH, WRITE).unwrap();
        view.write(&file, b"x", 0).unwrap();
        (view.sync(&file, false), view.sync(&view.root(), true))
    });
    assert_eq!(synced.await.unwrap().0, Ok(()));
}
