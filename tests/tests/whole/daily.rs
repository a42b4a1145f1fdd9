//! A day with an unmodified docker CLI and its `compose`, reached through docker's context and nothing else.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use sprat_tests::{Installation, Output, Registry, run};

use crate::judges::{named, script, stocked};

/// docker's command line as a user has it: its configuration names the context, and a plugin is Compose 2.
struct Docker<'a> {
    sprat: &'a Installation,
    program: std::path::PathBuf,
}

impl<'a> Docker<'a> {
    fn with_compose(sprat: &'a Installation, compose: &Path) -> Option<Self> {
        let program = sprat_tests::program("docker")?;
        let plugins = sprat.path("docker/cli-plugins");
        std::fs::create_dir_all(&plugins).expect("the folder is ours");
        std::os::unix::fs::symlink(compose, plugins.join("docker-compose")).expect("the folder is ours");
        sprat.sprat(&["context"]).ok();
        let docker = Self { sprat, program };
        docker.run(&["context", "use", "sprat"]).ok();
        Some(docker)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).env("DOCKER_CONFIG", self.sprat.path("docker")).env("DOCKER_CLI_HINTS", "false");
        command.env("DOCKER_BUILDKIT", "0").env_remove("DOCKER_HOST").env_remove("DOCKER_CONTEXT");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        run(&mut self.command(args), b"")
    }

    /// Standard output of what must go well.
    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        self.run(args).ok().to_owned()
    }

    /// What an error says, and its status.
    #[track_caller]
    fn refused(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(args);
        assert_ne!(output.status, 0, "{args:?}: {output:?}");
        (output.status, output.stderr)
    }
}

#[test]
fn a_day_with_docker_and_its_compose() {
    let (Some(compose), Some(registry)) = (named("SPRAT_TEST_COMPOSE"), Registry::start()) else { return };
    let Some(sprat) = stocked() else { return };
    let Some(docker) = Docker::with_compose(&sprat, &compose) else { return };
    assert_eq!(docker.ok(&["context", "show"]), "sprat");
    let file = script("compose_1/docker-compose.yml");
    let file = file.to_str().expect("UTF-8");
    let compose = |args: &[&str]| docker.run(&[&["compose", "-p", "daily", "-f", file], args].concat());

    // Build, up, scale.
    compose(&["build"]).ok();
    compose(&["up", "-d", "--no-build"]).ok();
    let ps = compose(&["ps", "--format", "{{.Service}} {{.State}} {{.Health}}"]);
    let mut services: Vec<_> = ps.ok().lines().map(str::trim).collect();
    services.sort_unstable();
    assert_eq!(services, ["db running healthy", "web running", "worker running"]);
    compose(&["up", "-d", "--no-build", "--scale", "worker=3"]).ok();
    assert_eq!(compose(&["ps", "-q", "worker"]).ok().lines().count(), 3);
    compose(&["scale", "worker=1"]).ok();
    assert_eq!(compose(&["ps", "-q", "worker"]).ok().lines().count(), 1);

    // Logs, followed until their container ends.
    let mut command = docker.command(&["logs", "-f", "daily-worker-1"]);
    let mut following = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("docker is there");
    let mut lines = BufReader::new(following.stdout.take().expect("piped")).lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("at work"));
    docker.ok(&["stop", "-t", "1", "daily-worker-1"]);
    assert_eq!(lines.count(), 0);
    assert!(following.wait().expect("it is ours").success());
    docker.ok(&["start", "daily-worker-1"]);

    // A further program, files in and out, an image of what became of them.
    assert_eq!(compose(&["exec", "-T", "web", "cat", "/who"]).ok(), "built for a judge");
    let note = sprat.path("note");
    std::fs::write(&note, "a note").expect("the folder is ours");
    let note = note.to_str().expect("UTF-8");
    docker.ok(&["cp", note, "daily-web-1:/note"]);
    compose(&["cp", "web:/note", &format!("{note}.back")]).ok();
    assert_eq!(std::fs::read_to_string(format!("{note}.back")).expect("it was copied"), "a note");
    let committed =
        docker.ok(&["commit", "-a", "me", "-m", "noted", "-c", "CMD [\"cat\", \"/note\"]", "daily-web-1", "noted:1"]);
    assert!(committed.starts_with("sha256:") && committed.len() == 71, "{committed}");
    assert_eq!(docker.ok(&["run", "--rm", "noted:1"]), "a note");

    // Save, load, push, pull.
    let tar = sprat.path("noted.tar");
    let tar = tar.to_str().expect("UTF-8");
    docker.ok(&["save", "-o", tar, "noted:1"]);
    assert!(docker.ok(&["rmi", "noted:1"]).starts_with("Untagged: noted:1\nDeleted: sha256:"));
    assert_eq!(docker.ok(&["load", "-i", tar]), "Loaded image: noted:1");
    let name = registry.name("team/noted:1");
    docker.ok(&["tag", "noted:1", &name]);
    let pushed = docker.ok(&["push", &name]);
    assert!(pushed.contains("1: digest: sha256:") && pushed.contains("The push refers to repository"), "{pushed}");
    let repository = registry.name("team/noted");
    docker.ok(&["tag", "noted:1", &format!("{repository}:2")]);
    let all = docker.ok(&["push", "-a", &repository]);
    assert!(all.contains("1: digest: ") && all.contains("2: digest: "), "{all}");
    docker.ok(&["rmi", "noted:1", &name, &format!("{repository}:2")]);
    let (status, absent) = docker.refused(&["pull", &registry.name("team/absent:1")]);
    assert!(status == 1 && absent.starts_with("Error response from daemon: manifest for "), "{absent}");
    let pulled = docker.ok(&["pull", &name]);
    assert!(pulled.contains(&format!("Status: Downloaded newer image for {name}")), "{pulled}");
    assert!(docker.ok(&["pull", &name]).contains("Status: Image is up to date"));
    assert_eq!(docker.ok(&["run", "--rm", &name]), "a note");

    // What of Compose's verbs came later than version 1.
    let images = compose(&["images"]);
    assert!(images.ok().contains("judged-web") && !images.ok().contains("years ago"), "{images:?}");
    assert!(compose(&["top", "worker"]).ok().contains("sleep"));
    assert!(compose(&["ls"]).ok().contains("running(3)"));
    assert!(compose(&["volumes", "-q"]).ok().contains("daily_shared"));
    assert!(compose(&["stats", "--no-stream"]).ok().contains("daily-web-1"));
    compose(&["down", "-v", "-t", "1"]).ok();
    assert_eq!(compose(&["ps", "-aq"]).ok(), "");

    // Tidying up.
    docker.ok(&["create", "--name", "stale", "toolbox", "true"]);
    let pruned = docker.ok(&["system", "prune", "-af"]);
    assert!(pruned.contains("Deleted Containers:") && pruned.contains("Total reclaimed space:"), "{pruned}");
    assert_eq!(docker.ok(&["ps", "-aq"]), "");
    assert_eq!(docker.ok(&["images", "-q"]), "");
}

#[test]
fn a_dockerfile_outside_of_its_context_and_one_from_standard_input_are_built() {
    let Some(sprat) = stocked() else { return };
    let context = sprat.path("context");
    std::fs::create_dir(&context).expect("the folder is ours");
    std::fs::write(context.join("note"), "a note").expect("it is ours");
    let outside = sprat.path("Dockerfile");
    let text = "FROM toolbox\nCOPY note /note\nCMD [\"cat\", \"/note\"]\n";
    std::fs::write(&outside, text).expect("it is ours");
    let context = context.to_str().expect("UTF-8");
    let build = ["build", "-t", "outside", "-f", outside.to_str().expect("UTF-8"), context];
    let Some(built) = sprat.docker(&build) else { return };
    built.ok();
    let piped = sprat.docker_with(&["build", "-t", "piped", "-f", "-", context], text.as_bytes()).expect("docker");
    piped.ok();
    for name in ["outside", "piped"] {
        assert_eq!(sprat.docker(&["run", "--rm", name]).expect("docker").ok(), "a note");
    }
}

#[test]
fn a_failed_start_is_told_once() {
    let Some(sprat) = stocked() else { return };
    let Some(output) = sprat.docker(&["run", "--rm", "toolbox", "absent"]) else { return };
    assert_eq!(output.status, 127);
    assert_eq!(output.stderr.matches("executable file not found").count(), 1, "{output:?}");
    let folder = sprat.docker(&["run", "--rm", "toolbox", "/etc"]).expect("docker");
    assert!(folder.status == 126 && folder.stderr.contains("not a wasm binary but a folder"), "{folder:?}");
}

#[test]
fn images_are_listed_under_the_names_that_were_asked_for() {
    let Some(sprat) = stocked() else { return };
    let Some(listed) = sprat.docker(&["images", "--format", "{{.Repository}}:{{.Tag}}"]) else { return };
    listed.ok();
    for name in ["other:1", "other:2", "team/third"] {
        sprat.sprat(&["tag", "hello", name]).ok();
    }
    let images = |asked: &str| {
        let listed = sprat.docker(&["images", "--format", "{{.Repository}}:{{.Tag}}", asked]).expect("docker is there");
        let mut lines: Vec<_> = listed.ok().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(images("hello"), ["hello:latest"]);
    assert_eq!(images("other"), ["other:1", "other:2"]);
    assert_eq!(images("other:2"), ["other:2"]);
    assert_eq!(images("*/*"), ["team/third:latest"]);
    assert_eq!(images("absent"), [""; 0]);
}

#[test]
fn what_is_not_offered_is_told_as_such() {
    let sprat = Installation::start();
    let Some(program) = sprat_tests::program("docker") else { return };
    sprat.sprat(&["context", "--use"]).ok();
    let docker = Docker { sprat: &sprat, program };
    for (args, words) in [
        (vec!["swarm", "init"], "swarm mode is not offered"),
        (vec!["swarm", "leave"], "not part of a swarm"),
        (vec!["service", "ls"], "not a swarm manager"),
        (vec!["plugin", "inspect", "a/b"], "plugin \"a/b\" not found"),
        (vec!["plugin", "install", "x"], "plugins are not offered"),
        (vec!["search", "x"], "searching is not offered"),
    ] {
        let (status, text) = docker.refused(&args);
        assert!(status == 1 && text.contains(words), "{args:?}: {status} {text}");
    }
    assert!(docker.ok(&["plugin", "ls"]).starts_with("ID"));
}
