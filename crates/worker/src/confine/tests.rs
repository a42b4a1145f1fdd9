//! What a confined process can't do: this test program, started anew.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Command;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, ipproto, socket};
use rustix::process::Pid;

use crate::WorkerOptions;

const MARK: &str = "SPRAT_TEST_CONFINED";

/// Not a test: what the test below starts. Says what it could do, one word each.
#[test]
#[ignore = "the confined process of another test"]
fn confined_process() {
    let Some(json) = std::env::var_os(MARK) else { return };
    let options: WorkerOptions = serde_json::from_str(json.to_str().unwrap()).unwrap();
    let folder = options.confinement.write[0].clone();
    let (tcp, port) = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    };
    let unix = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
    println!("\nwarnings {:?}", super::apply(&options));
    let report = |what: &str, could: bool| println!("{what} {}", if could { "could" } else { "refused" });
    report("read-passwd", std::fs::read("/etc/passwd").is_ok());
    report("list-root", std::fs::read_dir("/").is_ok());
    report("read-key", std::fs::read(&options.key).is_ok());
    report("read-given", std::fs::read(options.confinement.read[0].join("file")).is_ok());
    report("write-read-only", std::fs::write(options.confinement.read[0].join("file"), "x").is_ok());
    report("write-given", std::fs::write(folder.join("new"), "x").is_ok());
    report("rename-given", std::fs::rename(folder.join("new"), folder.join("newer")).is_ok());
    report("exec", Command::new("/bin/true").spawn().is_ok());
    report("exec-self", Command::new("/proc/self/exe").spawn().is_ok());
    report("tcp-connect", TcpStream::connect(("127.0.0.1", port)).is_ok());
    report("tcp-bind", TcpListener::bind("127.0.0.1:0").is_ok());
    report("udp", std::net::UdpSocket::bind("127.0.0.1:0").is_ok());
    report("unix-pair", UnixStream::pair().is_ok());
    report("unix-connect", UnixStream::connect(folder.join("socket")).is_ok());
    report("unix-datagram-pair", UnixDatagram::pair().is_ok());
    report("netlink", socket(AddressFamily::NETLINK, SocketType::RAW, None).is_ok());
    report(
        "raw",
        !socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP)).is_err_and(|error| error == Errno::PERM),
    );
    report("chmod", std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).is_ok());
    report("limit-parent", !is_refused(libc::SYS_prlimit64, rustix::process::getppid().map_or(1, Pid::as_raw_pid)));
    report("signal-self", rustix::process::test_kill_process(rustix::process::getpid()).is_ok());
    #[cfg(target_arch = "x86_64")]
    report("other-numbers", !is_refused(0x4000_0000 | libc::SYS_getpid, 0));
    report(
        "signal-parent",
        rustix::process::getppid().is_some_and(|parent| rustix::process::test_kill_process(parent).is_ok()),
    );
    report("thread", std::thread::spawn(|| std::fs::read("/etc/passwd").is_ok()).join().is_ok_and(|read| !read));
    report("terminal", rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).is_ok());
    report("unshare", !is_refused(libc::SYS_unshare, libc::CLONE_NEWNS));
    drop((tcp, unix));
    assert_eq!(std::fs::read("/etc/passwd").map_err(|error| error.kind()), Err(ErrorKind::PermissionDenied));
    std::process::exit(0);
}

/// Not a test: what the test below starts.
#[test]
#[ignore = "the confined compiler of another test"]
fn confined_compiler() {
    let Some(output) = std::env::var_os(MARK) else { return };
    let output = std::path::PathBuf::from(output);
    println!("\nwarnings {:?}", super::confine_compiler(&output));
    let report = |what: &str, could: bool| println!("{what} {}", if could { "could" } else { "refused" });
    let open = std::fs::OpenOptions::new().write(true).truncate(true).open(&output);
    report("write-output", open.is_ok_and(|mut file| std::io::Write::write_all(&mut file, b"code").is_ok()));
    report("read-output", std::fs::read(&output).is_ok());
    report("read-passwd", std::fs::read("/etc/passwd").is_ok());
    report("write-beside", std::fs::write(output.with_extension("other"), "x").is_ok());
    report("exec", Command::new("/bin/true").spawn().is_ok());
    report("unix-connect", UnixStream::connect(output.with_extension("socket")).is_ok());
    report("udp", std::net::UdpSocket::bind("127.0.0.1:0").is_ok());
    report("thread", std::thread::spawn(|| 7).join().is_ok());
    std::process::exit(0);
}

#[test]
fn the_compiler_writes_its_output_and_reaches_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("code");
    std::fs::write(&output, "before").unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(output.with_extension("socket")).unwrap();
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "confine::tests::confined_compiler", "--ignored", "--nocapture"])
        .env(MARK, &output)
        .output()
        .unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stderr));
    let report: std::collections::BTreeMap<&str, &str> = said.lines().filter_map(|line| line.split_once(' ')).collect();
    assert_eq!(std::fs::read(&output).unwrap(), b"code");
    for what in ["write-output", "thread"] {
        assert_eq!(report[what], "could", "{what}\n{said}");
    }
    for what in ["exec", "unix-connect", "udp"] {
        assert_eq!(report[what], "refused", "{what}\n{said}");
    }
    if report["warnings"] == "[]" {
        for what in ["read-output", "read-passwd", "write-beside"] {
            assert_eq!(report[what], "refused", "{what}\n{said}");
        }
    }
}

/// Whether seccomp refuses a call.
fn is_refused(call: libc::c_long, argument: libc::c_int) -> bool {
    #[expect(unsafe_code, reason = "there is no safe call that takes these arguments")]
    // SAFETY: what is called takes no pointer, or takes zero for none; at worst this process, which ends soon, has its own
    // mounts.
    let result = unsafe { libc::syscall(call, argument, 0, 0, 0) };
    result == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// What a process says that is confined, with or without the host's network.
fn confined(network: bool) -> String {
    let dir = tempfile::tempdir().unwrap();
    let (read, write) = (dir.path().join("read"), dir.path().join("write"));
    std::fs::create_dir(&read).unwrap();
    std::fs::create_dir(&write).unwrap();
    std::fs::write(read.join("file"), "text").unwrap();
    let mut options = crate::fake::options(dir.path());
    std::fs::write(&options.key, "key").unwrap();
    options.confinement.read = vec![read];
    options.confinement.write = vec![write];
    options.confinement.network = network;
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "confine::tests::confined_process", "--ignored", "--nocapture"])
        .env(MARK, serde_json::to_string(&options).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn report(said: &str) -> std::collections::BTreeMap<&str, &str> {
    said.lines().filter_map(|line| line.split_once(' ')).collect()
}

#[test]
fn a_confined_process_with_the_hosts_network_makes_tcp_and_udp_sockets_and_no_others() {
    let said = confined(true);
    let report = report(&said);
    for what in ["tcp-connect", "tcp-bind", "udp", "unix-pair"] {
        assert_eq!(report[what], "could", "{what}\n{said}");
    }
    for what in ["unix-connect", "unix-datagram-pair", "netlink", "raw", "exec"] {
        assert_eq!(report[what], "refused", "{what}\n{said}");
    }
}

#[test]
fn a_confined_process_reaches_what_it_was_given_and_nothing_else() {
    let said = confined(false);
    let report = report(&said);
    let landlock = !report["warnings"].contains("landlock: this kernel has none");
    for what in [
        "exec",
        "exec-self",
        "tcp-connect",
        "tcp-bind",
        "udp",
        "unshare",
        "unix-connect",
        "unix-datagram-pair",
        "netlink",
        "raw",
        "chmod",
        "limit-parent",
        "signal-parent",
        #[cfg(target_arch = "x86_64")]
        "other-numbers",
    ] {
        assert_eq!(report[what], "refused", "{what}\n{said}");
    }
    for what in ["read-key", "read-given", "write-given", "rename-given", "unix-pair", "signal-self"] {
        assert_eq!(report[what], "could", "{what}\n{said}");
    }
    if landlock {
        for what in ["read-passwd", "list-root", "write-read-only"] {
            assert_eq!(report[what], "refused", "{what}\n{said}");
        }
        assert_eq!(report["thread"], "could", "a new thread is confined too\n{said}");
    }
}
