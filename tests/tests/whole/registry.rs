//! The real registry, with and without a login, and skopeo reading what was pushed.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use sprat_tests::{Installation, run};

use crate::{OK, image};

/// A registry of the test's own, on a port that the system chose.
struct Registry {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Registry {
    fn start() -> Option<Self> {
        let program = sprat_tests::program("docker-registry")?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n",
            folder.path().join("data").display()
        );
        std::fs::write(&config, text).expect("ours");
        let mut child = Command::new(program)
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the registry");
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        // It says where it listens.
        let port = (&mut log).lines().map_while(Result::ok).find_map(|line| {
            let (_, address) = line.split_once("listening on 127.0.0.1:")?;
            address.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        });
        std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
        Some(Self { child, port: port.expect("it listens"), _folder: folder })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_is_pushed_can_be_pulled_and_read_by_skopeo() {
    let Some(registry) = Registry::start() else { return };
    let (one, other) = (Installation::start(), Installation::start());
    image(&one, "ok", OK);
    let name = format!("127.0.0.1:{}/team/ok:1", registry.port);
    one.sprat(&["tag", "ok", &name]).ok();
    one.sprat(&["push", &name]).ok();
    other.sprat(&["pull", &name]).ok();
    assert_eq!(other.sprat(&["run", "--rm", &name]).ok(), "ok");
    let missing = other.sprat(&["pull", &format!("127.0.0.1:{}/team/absent:1", registry.port)]);
    assert_ne!(missing.status, 0);
    let Some(skopeo) = sprat_tests::program("skopeo") else { return };
    let inspect =
        run(Command::new(skopeo).args(["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]), b"");
    assert!(inspect.ok().contains("application/vnd.oci.image.manifest.v1+json"), "{inspect:?}");
}

#[test]
fn docker_pulls_on_run_and_shows_progress() {
    let Some(registry) = Registry::start() else { return };
    let (one, other) = (Installation::start(), Installation::start());
    image(&one, "ok", OK);
    let name = format!("127.0.0.1:{}/ok:latest", registry.port);
    one.sprat(&["tag", "ok", &name]).ok();
    one.sprat(&["push", &name]).ok();
    let Some(output) = other.docker(&["run", "--rm", &name]) else { return };
    assert_eq!(output.ok(), "ok");
    assert!(output.stderr.contains("Pull complete"), "{output:?}");
}
