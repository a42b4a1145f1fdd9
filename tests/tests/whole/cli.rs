//! The command line's flags beyond the daily ones, and its errors.

use sprat_tests::Installation;

use crate::{OK, WAIT, image, text_file};

#[test]
fn files_of_one_name_do_not_take_it_from_each_other() {
    let sprat = Installation::start();
    let folder = sprat.path("other");
    std::fs::create_dir(&folder).expect("ours");
    let one = text_file(&sprat, "same", &sprat_tests::wat("(call $exit (i32.const 1))"));
    let two = folder.join("same.wat");
    std::fs::write(&two, sprat_tests::wat("(call $exit (i32.const 2))")).expect("ours");
    let run = |path: &std::path::Path, args: &[&str]| {
        let words: Vec<_> = ["run"].iter().chain(args).copied().chain([path.to_str().expect("UTF-8")]).collect();
        sprat.sprat(&words)
    };
    assert_eq!(run(&one, &["--name", "first"]).status, 1);
    assert_eq!(run(&two, &["--rm"]).status, 2);
    assert_eq!(run(&one, &["--rm"]).status, 1);
    let tags = sprat.sprat(&["images", "--format", "{{.Repository}}:{{.Tag}}", "same"]);
    assert_eq!(tags.ok().lines().count(), 2, "{tags:?}");
    let of_first = sprat.sprat(&["inspect", "-f", "{{.Config.Image}}", "first"]).ok().to_owned();
    assert!(tags.ok().lines().any(|tag| tag == of_first), "{of_first} is not among {tags:?}");
}

#[test]
fn a_run_that_cannot_start_leaves_what_docker_leaves() {
    let sprat = Installation::start();
    let path = text_file(&sprat, "lost", r#"(module (import "env" "boom" (func)) (func (export "_start")))"#);
    let path = path.to_str().expect("UTF-8");
    assert_eq!(sprat.sprat(&["run", "--rm", path]).status, 126);
    assert_eq!(sprat.sprat(&["ps", "-aq"]).ok(), "");
    assert_eq!(sprat.sprat(&["images", "-q"]).ok(), "");
    assert_eq!(sprat.sprat(&["run", path]).status, 126);
    assert_eq!(sprat.sprat(&["ps", "-a", "--format", "{{.State}}"]).ok(), "created");
    assert_eq!(sprat.sprat(&["container", "prune", "-f"]).status, 0);
    assert_eq!(sprat.sprat(&["ps", "-aq"]).ok(), "");
}

#[test]
fn streams_are_attached_as_named() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    assert_eq!(sprat.sprat(&["run", "--rm", "-a", "stdout", "ok"]).stdout, "ok\n");
    let other = sprat.sprat(&["run", "--rm", "-a", "stderr", "ok"]);
    assert_eq!((other.ok(), other.stderr.as_str()), ("", ""));
    let both = sprat.sprat(&["run", "-d", "-a", "stdout", "ok"]);
    assert!(both.status == 125 && both.stderr.contains("conflicting options: -a and -d"), "{both:?}");
    image(&sprat, "wait", WAIT);
    let id = sprat.sprat_with(&["run", "-i", "-a", "stdin", "wait"], b"x").ok().to_owned();
    assert_eq!(id.len(), 64);
    assert_eq!(sprat.sprat(&["wait", &id]).ok(), "0");
}

#[test]
fn labels_come_from_files_and_flags() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    let file = sprat.path("labels");
    std::fs::write(&file, "# of a team\nteam=sea\nsize=small\n").expect("ours");
    let file = file.to_str().expect("UTF-8");
    sprat.sprat(&["create", "--name", "one", "--label-file", file, "-l", "size=big", "ok"]).ok();
    let labels = sprat.sprat(&["inspect", "-f", "{{.Config.Labels.team}} {{.Config.Labels.size}}", "one"]);
    assert_eq!(labels.ok(), "sea big");
}

#[test]
fn a_context_or_a_dockerfile_on_standard_input_is_built() {
    let sprat = Installation::start();
    let folder = sprat.path("context");
    std::fs::create_dir(&folder).expect("ours");
    std::fs::write(folder.join("p.wat"), sprat_tests::wat(OK)).expect("ours");
    let dockerfile = "FROM scratch\nCOPY p.wat /p.wat\nENTRYPOINT [\"/p.wat\"]\n";
    let folder = folder.to_str().expect("UTF-8");
    sprat.sprat_with(&["build", "-q", "-t", "piped", "-f", "-", folder], dockerfile.as_bytes()).ok();
    assert_eq!(sprat.sprat(&["run", "--rm", "piped"]).ok(), "ok");
    sprat.sprat_with(&["build", "-q", "-t", "alone", "-"], b"FROM piped\nLABEL a=b\n").ok();
    assert_eq!(sprat.sprat(&["run", "--rm", "alone"]).ok(), "ok");
    std::fs::write(format!("{folder}/Dockerfile"), dockerfile).expect("ours");
    for flags in ["-c", "-cz"] {
        let tar = std::process::Command::new("tar").args(["-C", folder, flags, "."]).output().expect("tar");
        assert!(tar.status.success());
        sprat.sprat_with(&["build", "-q", "-t", "tarred", "-"], &tar.stdout).ok();
        assert_eq!(sprat.sprat(&["run", "--rm", "tarred"]).ok(), "ok");
        sprat.sprat(&["rmi", "tarred"]).ok();
    }
    let nothing = sprat.sprat(&["build", "-"]);
    assert!(nothing.status != 0 && nothing.stderr.contains("why: it is empty"), "{nothing:?}");
}

#[test]
fn disk_use_and_sizes_are_shown_and_pruned() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    sprat.sprat(&["run", "--name", "ran", "ok"]).ok();
    sprat.sprat(&["volume", "create", "--label", "keep=no", "data"]).ok();
    let counts = sprat.sprat(&["system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}"]);
    assert_eq!(counts.ok(), "Images 1 1\nContainers 1 0\nLocal Volumes 1 0\nBuild Cache 0 0");
    let details = sprat.sprat(&["system", "df", "-v"]);
    for words in ["Images space usage", "UNIQUE SIZE", "LOCAL VOLUMES", "ran", "data"] {
        assert!(details.ok().contains(words), "{words}: {details:?}");
    }
    assert!(sprat.sprat(&["ps", "-as"]).ok().contains("(virtual "));
    assert!(sprat.sprat(&["ps", "-a", "--format", "{{.Size}}"]).ok().starts_with("0B (virtual "));
    assert_eq!(sprat.sprat(&["volume", "ls", "-q", "--filter", "label=keep"]).ok(), "data");
    let pruned = sprat.sprat(&["system", "prune", "-af"]);
    assert!(pruned.ok().contains("Deleted Containers:") && pruned.ok().contains("Untagged: ok:latest"), "{pruned:?}");
    assert_eq!(sprat.sprat(&["volume", "ls", "-q"]).ok(), "data", "volumes go only with --volumes");
    sprat.sprat(&["volume", "prune", "-af"]).ok();
    assert_eq!(sprat.sprat(&["volume", "ls", "-q"]).ok(), "");
}

#[test]
fn flags_of_docker_that_a_guest_has_no_use_for_are_answered_with_the_reason() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    for (flags, words) in [
        (&["--privileged"][..], "--privileged is refused"),
        (&["--cap-add", "NET_ADMIN"], "--cap-add is refused"),
        (&["--device", "/dev/null"], "--device is refused"),
        (&["--gpus", "all"], "--gpus is refused"),
        (&["--volumes-from", "x"], "No such container: x"),
    ] {
        let words_of: Vec<_> = ["run", "--rm"].iter().chain(flags).chain(&["ok"]).copied().collect();
        let output = sprat.sprat(&words_of);
        assert!(output.status == 125 && output.stderr.contains(words), "{flags:?}: {output:?}");
    }
    let accepted = [
        "run",
        "--rm",
        "--init",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--pids-limit",
        "9",
        "ok",
    ];
    assert_eq!(sprat.sprat(&accepted).ok(), "ok");
    let warned = sprat.sprat(&["run", "--rm", "--cpu-shares", "2", "ok"]);
    assert!(warned.ok() == "ok" && warned.stderr.contains("--cpu-shares has no effect"), "{warned:?}");
}

#[test]
fn a_program_with_missing_imports_is_shown_with_them_marked() {
    let sprat = Installation::start();
    let path = text_file(&sprat, "lost", r#"(module (import "env" "boom" (func)) (func (export "_start")))"#);
    let path = path.to_str().expect("UTF-8");
    sprat.sprat(&["build", "-q", "-t", "lost", path]).ok();
    for program in [path, "lost"] {
        let shown = sprat.sprat(&["program", "inspect", program]);
        assert!(shown.ok().contains("env boom (func) MISSING"), "{program}: {shown:?}");
    }
}

#[test]
fn wrong_templates_are_errors_in_words_before_anything_is_shown() {
    let sprat = Installation::start();
    for template in ["{{.Nope", "{{nope .ID}}", "{{range .ID}}"] {
        let output = sprat.sprat(&["ps", "--format", template]);
        assert!(output.status == 64 && output.stderr.contains("failed to parse template"), "{template}: {output:?}");
    }
    sprat.sprat(&["volume", "create", "vv"]).ok();
    let output = sprat.sprat(&["volume", "inspect", "-f", "{{.Nope}}", "vv"]);
    assert_eq!(output.status, 64);
    assert!(output.stderr.contains("there is no field \"Nope\"") && output.stderr.contains("Mountpoint"), "{output:?}");
    assert!(!output.stderr.contains("String("), "{output:?}");
}

#[test]
fn every_refusal_says_what_to_do() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    sprat.sprat(&["create", "--name", "idle", "ok"]).ok();
    let folder = sprat.path("");
    let folder = folder.to_str().expect("UTF-8");
    for args in [
        &["run", "BAD_Name"][..],
        &["run", "-m", "lots", "ok"],
        &["run", "--cpus=-1", "ok"],
        &["run", "--cpus", "nan", "ok"],
        &["run", "--wall-clock", "5", "ok"],
        &["run", "--ulimit", "x", "ok"],
        &["run", "-p", "a:b", "ok"],
        &["run", "--expose", "x", "ok"],
        &["run", "--mount", "type=foo,target=/x", "ok"],
        &["run", "--mount", "target=relative", "ok"],
        &["run", "-v", "relative", "ok"],
        &["run", "--tmpfs", "relative", "ok"],
        &["run", "--restart", "sometimes", "ok"],
        &["run", "--restart", "always", "--rm", "ok"],
        &["run", "--log-driver", "syslog", "ok"],
        &["run", "--network", "absent", "ok"],
        &["run", "-u", "nobody", "ok"],
        &["run", "-w", "relative", "ok"],
        &["run", "--stop-signal", "FOO", "ok"],
        &["run", "--env-file", "/absent/file", "ok"],
        &["run", "--name", "a b", "ok"],
        &["run", "./absent.wasm"],
        &["start", "absent"],
        &["kill", "idle"],
        &["rename", "idle", "a b"],
        &["attach", "idle"],
        &["logs", "-n", "x", "idle"],
        &["logs", "--since", "yesterday", "idle"],
        &["inspect", "absent"],
        &["ps", "-f", "status=dancing"],
        &["ps", "-f", "status"],
        &["tag", "ok", "A B"],
        &["rmi", "ok"],
        &["load", "-i", folder],
        &["push", "-a", "absent"],
        &["volume", "create", "a/b"],
        &["volume", "rm", "absent"],
        &["program", "inspect", "/absent.wasm"],
        &["build", "/absent"],
        &["build", "--platform", "linux/amd64", "-"],
    ] {
        let output = sprat.sprat_with(args, b"FROM scratch\n");
        assert!(output.status != 0 && output.status != 2, "{args:?}: {output:?}");
        assert!(output.stderr.starts_with("error: ") && output.stderr.contains("\n  fix: "), "{args:?}: {output:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    let closed = || std::process::Stdio::from(std::io::pipe().expect("a pipe").1);
    for args in [&["completion", "bash"][..], &["man"], &["version"], &["ps", "--help"], &["images"], &["save", "ok"]] {
        let output = sprat.sprat_command(args).stdout(closed()).output().expect("sprat");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && stderr.is_empty(), "{args:?}: {output:?}");
    }
    let warned = sprat.sprat_command(&["run", "--rm", "--cpu-shares", "2", "ok"]).stderr(closed()).output();
    let warned = warned.expect("sprat");
    assert!(warned.status.success() && warned.stdout == b"ok\n", "{warned:?}");
    for args in [&["run", "127.0.0.1:1/absent"][..], &["run", "--nonsense"]] {
        let output = sprat.sprat_command(args).stderr(closed()).output().expect("sprat");
        assert_eq!(output.status.code(), Some(125), "{args:?}");
    }
}

#[test]
fn a_name_that_is_a_folder_here_is_told_how_to_be_a_path() {
    let sprat = Installation::start();
    std::fs::create_dir(sprat.path("cg")).expect("ours");
    std::fs::write(sprat.path("tool"), "x").expect("ours");
    let here = |args: &[&str]| {
        let output = sprat.sprat_command(args).current_dir(sprat.path("")).output().expect("sprat");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (status, shown) = here(&["run", "--pull", "never", "cg"]);
    assert!(status == Some(125) && shown.contains("fix: there is a folder cg here: write ./cg\n"), "{shown}");
    let (_, shown) = here(&["run", "--pull", "never", "tool"]);
    assert!(shown.contains("fix: there is a file tool here"), "{shown}");
    let (_, shown) = here(&["program", "inspect", "cg"]);
    assert!(shown.contains("there is a folder cg here: `sprat build -t cg ./cg`"), "{shown}");
    let (status, shown) = here(&["run", "--pull", "never", "absent"]);
    assert!(status == Some(125) && shown.contains("No such image") && !shown.contains("./"), "{shown}");
}

#[test]
fn what_run_cannot_do_itself_is_125_as_with_docker() {
    let sprat = Installation::start();
    let broken = text_file(&sprat, "broken", "(module");
    let folder = sprat.path("source");
    std::fs::create_dir(&folder).expect("ours");
    std::fs::write(folder.join("sprat.toml"), "[build]\ncommand = \"exit 3\"\noutput = \"a.wasm\"\n").expect("ours");
    for words in [&["--nonsense", "ok"][..], &["--cpus", "x", "ok"], &[]] {
        let args: Vec<_> = ["run", "--pull", "never"].iter().chain(words).copied().collect();
        let output = sprat.sprat(&args);
        assert_eq!(output.status, 125, "{args:?}: {output:?}");
    }
    for path in [&broken, &folder] {
        let output = sprat.sprat(&["run", path.to_str().expect("UTF-8")]);
        assert!(output.status == 125 && output.stderr.contains("  fix: "), "{output:?}");
    }
}

#[test]
fn lists_and_logs_are_asked_as_in_docker() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    sprat.sprat(&["run", "--name", "one", "-l", "team=sea,side", "ok"]).ok();
    let labels = sprat.sprat(&["ps", "-a", "--format", "{{.Names}} {{.Label \"team\"}}"]);
    assert_eq!(labels.ok(), "one sea,side");
    for list in [&["ps", "-a"][..], &["system", "df", "-v"]] {
        for format in ["json", "{{json .}}"] {
            let args: Vec<_> = list.iter().chain(&["--format", format]).copied().collect();
            let shown = sprat.sprat(&args);
            assert!(shown.ok().contains("team=sea,side") && !shown.ok().contains("\".Label"), "{args:?}: {shown:?}");
        }
    }
    assert_eq!(sprat.sprat(&["logs", "--tail", "-1", "one"]).ok(), "ok");
    assert_eq!(sprat.sprat(&["logs", "--tail", "0", "one"]).ok(), "");
    for list in [&["ps", "-a"][..], &["images"]] {
        let args: Vec<_> = list.iter().chain(&["--format", "{{.CreatedAt}}"]).copied().collect();
        if let Some(docker) = sprat.docker(&args) {
            assert_eq!(sprat.sprat(&args).ok(), docker.ok(), "{list:?}");
        }
    }
}
