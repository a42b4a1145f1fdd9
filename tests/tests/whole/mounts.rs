//! Bind mounts whose content means harm: links that change while a guest looks, pipes and devices.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use sprat_tests::{Installation, open, path_at_1024};

use crate::{OK, WAIT, image};

/// Opens of the guest in the race.
const OPENS: usize = 20_000;

#[test]
fn a_link_that_changes_while_a_guest_opens_it_never_leads_out_of_the_mount() {
    let sprat = Installation::start();
    let mount = sprat.path("mount");
    for (folder, text) in [(mount.join("inside"), "in\n"), (sprat.path("outside"), "SECRET\n")] {
        std::fs::create_dir_all(&folder).expect("ours");
        std::fs::write(folder.join("f"), text).expect("ours");
    }
    let links = ["inside".into(), "../outside".into(), sprat.path("outside")];
    std::os::unix::fs::symlink(&links[0], mount.join("x")).expect("ours");
    // Opens data/x/f, writes what it reads, closes it, and again.
    let path = "data/x/f";
    let body = format!(
        "(local $n i32) {} (i32.store (i32.const 48) (i32.const 2048)) \
         (loop $more \
           (if (i32.eqz {}) (then \
             (i32.store (i32.const 52) (i32.const 64)) \
             (drop (call $read (i32.load (i32.const 40)) (i32.const 48) (i32.const 1) (i32.const 56))) \
             (i32.store (i32.const 52) (i32.load (i32.const 56))) \
             (drop (call $write (i32.const 1) (i32.const 48) (i32.const 1) (i32.const 56))) \
             (drop (call $close (i32.load (i32.const 40)))))) \
           (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {OPENS}))))",
        path_at_1024(path),
        open(path),
    );
    image(&sprat, "race", &body);
    let done = AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            let fresh = mount.join("fresh");
            for link in links.iter().cycle() {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                std::os::unix::fs::symlink(link, &fresh).expect("ours");
                std::fs::rename(&fresh, mount.join("x")).expect("ours");
            }
        });
        let output = sprat.sprat(&["run", "--rm", "-v", &format!("{}:/data", mount.display()), "race"]);
        done.store(true, Ordering::Relaxed);
        output
    });
    assert!(output.ok().lines().all(|line| line == "in"), "something else was read");
    let read = output.stdout.lines().count();
    assert!(read > 0 && read < OPENS, "the links did not change under the guest: {read}");
}

/// Makes a special file, or prints why the test is skipped.
fn special(command: &str, args: &[&str], path: &Path) -> bool {
    let made = Command::new(command).arg(path).args(args).status();
    let made = made.is_ok_and(|status| status.success());
    if !made {
        eprintln!("skipped: {command} can't make {}", path.display());
    }
    made
}

#[test]
fn pipes_and_devices_in_a_mount_neither_hang_a_worker_nor_are_opened() {
    let sprat = Installation::start();
    let mount = sprat.path("mount");
    std::fs::create_dir(&mount).expect("ours");
    let mut names = Vec::new();
    if special("mkfifo", &[], &mount.join("pipe")) {
        names.push("pipe");
    }
    // The device of /dev/zero.
    if special("mknod", &["c", "1", "5"], &mount.join("zero")) {
        names.push("zero");
    }
    let _socket = std::os::unix::net::UnixListener::bind(mount.join("socket")).expect("ours");
    names.push("socket");
    image(&sprat, "wait", WAIT);
    image(&sprat, "ok", OK);
    sprat.sprat(&["run", "-d", "-i", "--name", "calm", "wait"]).ok();
    let volume = format!("{}:/data", mount.display());
    for name in names {
        let path = format!("data/{name}");
        image(&sprat, name, &format!("{} (call $exit {})", path_at_1024(&path), open(&path)));
        let output = sprat.sprat(&["run", "--rm", "-v", &volume, name]);
        assert!(output.status > 0 && output.status < 100, "{name} was opened: {output:?}");
        assert_eq!(sprat.sprat(&["run", "--rm", "-v", &volume, "ok"]).ok(), "ok");
    }
    assert_eq!(sprat.sprat(&["inspect", "-f", "{{.State.Running}}", "calm"]).ok(), "true");
}
