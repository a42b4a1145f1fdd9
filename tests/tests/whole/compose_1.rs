//! Compose 1 (1.29), which many machines still have: a Python program on docker-py, with calls that no newer client makes.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sprat_tests::{Installation, Output, Registry, example, run};

use crate::judges::{guestbook_images, named, script, stocked, three_tiers};

/// Compose 1 on one project.
struct Project<'a> {
    sprat: &'a Installation,
    program: PathBuf,
    file: PathBuf,
    name: &'a str,
}

impl Project<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--ansi", "never", "-p", self.name, "-f"]).arg(&self.file).args(args);
        command.env("DOCKER_HOST", self.sprat.host()).env("DOCKER_CONFIG", self.sprat.path("docker"));
        // Builds, `exec` and `run` go through docker's own CLI unless told otherwise.
        command.env("COMPOSE_DOCKER_CLI_BUILD", "0").env("COMPOSE_INTERACTIVE_NO_CLI", "1");
        command.env("DOCKER_BUILDKIT", "0").env_remove("DOCKER_CONTEXT");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        run(&mut self.command(args), b"")
    }

    /// Lines of standard output, sorted.
    #[track_caller]
    fn lines(&self, args: &[&str]) -> Vec<String> {
        let mut lines: Vec<_> = self.run(args).ok().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// A value of `docker inspect` of the service's first container.
    #[track_caller]
    fn shown(&self, service: &str, template: &str) -> String {
        let container = format!("{}_{service}_1", self.name);
        self.sprat.sprat(&["inspect", "-f", template, &container]).ok().to_owned()
    }
}

fn project<'a>(sprat: &'a Installation, name: &'a str, file: PathBuf) -> Option<Project<'a>> {
    Some(Project { sprat, program: named("SPRAT_TEST_COMPOSE_1")?, file, name })
}

#[test]
fn compose_1_builds_waits_scales_and_cleans_up() {
    let Some(sprat) = stocked() else { return };
    let Some(project) = project(&sprat, "judged", script("compose_1/docker-compose.yml")) else { return };

    assert_eq!(project.lines(&["config", "--services"]), ["db", "tool", "web", "worker"]);
    assert!(project.run(&["config"]).ok().contains("GREETING: hello"));
    project.run(&["up", "-d"]).ok();
    let ps = project.run(&["ps"]);
    assert!(ps.ok().contains("judged_db_1") && ps.ok().contains("Up (healthy)"), "{ps:?}");
    assert!(ps.ok().contains("80/tcp"), "{ps:?}");
    let log = project.run(&["logs", "web"]);
    assert!(log.ok().contains("web_1     | hello from compose"), "{log:?}");
    assert_eq!(project.shown("web", "{{.HostConfig.Memory}}"), (64 << 20).to_string());
    let aliases = project.shown("web", "{{json .NetworkSettings.Networks.judged_front.Aliases}}");
    assert!(aliases.contains("\"www\"") && aliases.contains("\"web\""), "{aliases}");
    assert!(project.run(&["images"]).ok().contains("judged-web"));
    assert!(project.run(&["top", "worker"]).ok().contains("sleep"));

    assert_eq!(project.run(&["exec", "-T", "web", "cat", "/who", "/shared/file"]).ok(), "built for a judge\nkept");
    assert_eq!(project.run(&["exec", "-T", "web", "sh", "-c", "exit 3"]).status, 3);
    let ran =
        project.run(&["run", "--rm", "-T", "-e", "PLACE=a run", "web", "sh", "-c", "echo $GREETING $PLACE; exit 4"]);
    assert_eq!((ran.stdout.trim_end(), ran.status), ("hello a run", 4), "{ran:?}");
    assert!(project.run(&["run", "--rm", "-T", "tool"]).ok().contains("a tool"));
    assert_eq!(sprat.sprat(&["ps", "-aq", "--filter", "label=com.docker.compose.oneoff=True"]).ok(), "");

    project.run(&["up", "-d", "--scale", "worker=3"]).ok();
    assert_eq!(project.lines(&["ps", "-q", "worker"]).len(), 3);
    project.run(&["up", "-d", "--scale", "worker=1"]).ok();
    assert_eq!(project.lines(&["ps", "-q", "worker"]).len(), 1);
    project.run(&["--profile", "tools", "up", "-d"]).ok();
    assert_eq!(project.shown("tool", "{{json .Config.Entrypoint}}"), r#"["sh","-c"]"#);

    project.run(&["pause", "worker"]).ok();
    assert!(project.run(&["ps", "worker"]).ok().contains("Paused"));
    project.run(&["unpause", "worker"]).ok();
    project.run(&["restart", "-t", "1", "db"]).ok();
    project.run(&["stop", "worker"]).ok();
    assert!(project.run(&["ps", "worker"]).ok().contains("Exit 143"));
    project.run(&["start", "worker"]).ok();
    project.run(&["kill", "-s", "KILL", "worker"]).ok();
    assert_eq!(project.shown("worker", "{{.State.ExitCode}}"), "137");
    project.run(&["rm", "-f", "worker"]).ok();

    project.run(&["down", "-v", "--rmi", "local", "-t", "1"]).ok();
    for (kind, args) in [("container", ["ps", "-aq"]), ("volume", ["volume", "ls"]), ("network", ["network", "ls"])] {
        let listed = sprat.sprat(&args);
        assert!(!listed.ok().contains("judged"), "{kind}: {listed:?}");
    }
}

#[test]
fn what_compose_1_made_anew_keeps_its_volumes() {
    let Some(sprat) = stocked() else { return };
    let Some(project) = project(&sprat, "again", script("compose_1/docker-compose.yml")) else { return };
    project.run(&["up", "-d", "web"]).ok();
    let first = project.shown("web", "{{.Id}}");
    // One folder is the file's, one the image's; the user named neither volume.
    project.run(&["exec", "-T", "web", "sh", "-c", "echo mine > /scratch/file; echo own > /own/file"]).ok();
    let again = run(project.command(&["up", "-d", "web"]).env("PLACE", "elsewhere"), b"");
    assert!(again.status == 0 && again.stderr.contains("Recreating again_web_1"), "{again:?}");
    assert_ne!(project.shown("web", "{{.Id}}"), first);
    let kept = project.run(&["exec", "-T", "web", "cat", "/scratch/file", "/own/file"]);
    assert_eq!(kept.ok(), "mine\nown");
    assert!(run(project.command(&["up", "-d", "web"]).env("PLACE", "elsewhere"), b"").stderr.contains("up-to-date"));
    project.run(&["down", "-v", "-t", "1"]).ok();
}

#[test]
fn compose_1_follows_logs_until_their_containers_end() {
    let Some(sprat) = stocked() else { return };
    let Some(project) = project(&sprat, "told", script("compose_1/docker-compose.yml")) else { return };
    project.run(&["up", "-d", "worker"]).ok();
    let mut following = project.command(&["logs", "-f", "worker"]);
    let mut child = following.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("at work")));
    project.run(&["stop", "worker"]).ok();
    // That it ended it says only if it has not heard of it from the events before.
    assert!(lines.all(|line| line.contains("told_worker_1 exited with code 143")));
    assert!(child.wait().expect("it is ours").success());
    // In front: the containers' output, until one of them ends the project.
    let front = project.run(&["--profile", "tools", "up", "--abort-on-container-exit", "tool", "worker"]);
    assert!(front.ok().contains("a tool") && front.ok().contains("told_tool_1 exited with code 0"), "{front:?}");
    project.run(&["down", "-t", "1"]).ok();
}

#[test]
fn compose_1_pushes_and_pulls_and_uses_dockers_command_line() {
    let Some(registry) = Registry::start() else { return };
    let Some(sprat) = stocked() else { return };
    let folder = sprat.path("project");
    std::fs::create_dir(&folder).expect("the folder is ours");
    std::fs::write(folder.join("Dockerfile"), "FROM toolbox\nCMD [\"echo\", \"from afar\"]\n").expect("it is ours");
    let name = registry.name("judged/afar:1");
    let file = folder.join("docker-compose.yml");
    let text = format!("version: '3.8'\nservices:\n  afar:\n    build: .\n    image: {name}\n    network_mode: none\n");
    std::fs::write(&file, text).expect("it is ours");
    let Some(project) = project(&sprat, "afar", file) else { return };
    if sprat_tests::program("docker").is_none() {
        return;
    }
    // Its defaults: docker's command line builds, starts and runs for it.
    let with_docker = |args: &[&str]| {
        let mut command = project.command(args);
        run(command.env_remove("COMPOSE_DOCKER_CLI_BUILD").env_remove("COMPOSE_INTERACTIVE_NO_CLI"), b"")
    };
    with_docker(&["build"]).ok();
    project.run(&["push"]).ok();
    sprat.sprat(&["rmi", &name]).ok();
    let pulled = project.run(&["pull"]);
    assert!(pulled.status == 0 && pulled.stderr.contains("Pulling afar"), "{pulled:?}");
    let ran = with_docker(&["run", "--rm", "-T", "afar"]);
    assert!(ran.ok().contains("from afar"), "{ran:?}");
    let absent = format!("version: '3.8'\nservices:\n  afar:\n    image: {}\n", registry.name("judged/absent:1"));
    std::fs::write(&project.file, absent).expect("it is ours");
    let refused = project.run(&["pull"]);
    assert!(refused.status == 1 && refused.stderr.contains("absent"), "{refused:?}");
}

/// The example as it stands, less its first key: Compose 1 knows no `name`.
fn without_name(sprat: &Installation, file: &Path) -> PathBuf {
    let text = std::fs::read_to_string(file).expect("the example is there");
    let kept: String = text.lines().filter(|line| !line.starts_with("name:")).flat_map(|line| [line, "\n"]).collect();
    let file = sprat.path("docker-compose.yml");
    std::fs::write(&file, kept).expect("the folder is ours");
    file
}

#[test]
fn compose_1_runs_three_tiers() {
    let sprat = Installation::start();
    if named("SPRAT_TEST_COMPOSE_1").is_none() {
        return;
    }
    guestbook_images(&sprat);
    let file = without_name(&sprat, &example("guestbook/compose.yaml"));
    let Some(project) = project(&sprat, "guestbook", file) else { return };
    three_tiers(|args| run(project.command(args).env("GUESTBOOK_PORT", "0"), b""));
    assert_eq!(sprat.sprat(&["network", "ls", "-q", "--filter", "type=custom"]).ok(), "");
}
