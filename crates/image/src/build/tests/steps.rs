//! What instructions make of an image, and what a build says meanwhile.

use super::*;

#[test]
fn a_build_speaks_as_docker_does() {
    let house = House::new();
    let options = BuildOptions { tags: vec!["hello".parse().unwrap()], ..BuildOptions::default() };
    let built =
        house.build_with("FROM scratch\nCOPY x.wasm /\nENTRYPOINT [\"/x.wasm\"]\n", &[("x.wasm", "x")], options);
    let id = built.id();
    let lines: Vec<&str> = built.log.lines().collect();
    assert_eq!(lines[0], "Step 1/3 : FROM scratch");
    assert_eq!(lines[1], " ---> ");
    assert_eq!(lines[2], "Step 2/3 : COPY x.wasm /");
    assert!(lines[3].starts_with(" ---> ") && lines[3].len() == 18);
    assert_eq!(lines[4], "Step 3/3 : ENTRYPOINT [\"/x.wasm\"]");
    assert_eq!(lines[6], format!("Successfully built {}", id.short()));
    assert_eq!(lines[7], "Successfully tagged hello:latest");
    assert_eq!(house.store.resolve("hello").unwrap().id, id);
}

#[test]
fn instructions_become_configuration_and_history() {
    let house = House::new();
    let built = house.build(
        concat!(
            "FROM scratch\nMAINTAINER me\nARG V=1\nENV A=$V B=\"x y\"\nLABEL l=\"$A\"\nEXPOSE 80 90-91/udp\nVOLUME /data\n",
            "USER 5:6\nSTOPSIGNAL SIGINT\nSHELL [\"/sh\",\"-c\"]\nHEALTHCHECK --retries=2 CMD [\"x\"]\nONBUILD USER u\n",
            "ENTRYPOINT [\"/e\"]\nCMD echo hi\n",
        ),
        &[],
    );
    let image = built.image();
    let config = &image.config;
    assert_eq!(config.env, ["A=1", "B=x y"]);
    assert_eq!(config.labels.get("l").map(String::as_str), Some("1"));
    assert_eq!(config.exposed_ports.iter().collect::<Vec<_>>(), ["80/tcp", "90/udp", "91/udp"]);
    assert!(config.volumes.contains("/data"));
    assert_eq!((config.user.as_str(), config.stop_signal.as_deref()), ("5:6", Some("SIGINT")));
    assert_eq!(config.healthcheck.as_ref().map(|check| check.retries), Some(2));
    assert_eq!(config.on_build, ["USER u"]);
    assert_eq!(config.entrypoint, Some(strings(&["/e"])));
    assert_eq!(config.cmd, Some(strings(&["/sh", "-c", "echo hi"])));
    assert_eq!(image.author, "me");
    let history: Vec<&str> = image.history.iter().map(|entry| entry.created_by.as_str()).collect();
    assert_eq!(&history[..3], ["MAINTAINER me", "ARG V=1", "ENV A=1 B=x y"]);
    assert!(image.history.iter().all(|entry| entry.empty_layer));
}

#[test]
fn tens_of_thousands_of_variables_take_no_longer_each_than_a_few() {
    use std::fmt::Write as _;
    // As many as the longest line has room for.
    const MANY: usize = 25_000;
    let line = |value: &str| {
        let mut line = "ENV Z=z".to_owned();
        (0..MANY).for_each(|number| write!(line, " V{number}={value}").unwrap());
        line
    };
    let text = format!("FROM scratch\n{}\n{}\n", line("a"), line("$Z"));
    let built = House::new().build(&text, &[]).image();
    assert_eq!(built.config.env.len(), MANY + 1);
    assert_eq!((built.config.env[1].as_str(), built.config.env[MANY].as_str()), ("V0=z", "V24999=z"));
}

#[test]
fn workdir_makes_its_folder_and_copy_is_relative_to_it() {
    let built = House::new().build("FROM scratch\nWORKDIR /a\nWORKDIR b\nCOPY x .\nCOPY x y\n", &[("x", "1")]);
    assert_eq!(built.files(), ["a/", "a/b/", "a/b/x", "a/b/y"]);
    assert_eq!(built.image().config.working_dir, "/a/b");
}

#[test]
fn stages_give_files_by_name_and_by_number() {
    let built = House::new().build(
        "FROM scratch AS one\nCOPY x /dir/x\nFROM scratch AS Two\nCOPY --from=one /dir /\nFROM scratch\nCOPY --from=two x y\nCOPY --from=0 /dir/x z\n",
        &[("x", "content")],
    );
    assert_eq!(built.files(), ["y", "z"]);
    assert_eq!(built.read("/z"), "content");
}

#[test]
fn a_stage_continues_another_one() {
    let built = House::new().build(
        "FROM scratch AS base\nENV A=1\nCMD [\"c\"]\nCOPY x /x\nFROM base\nCOPY y /y\nENTRYPOINT [\"/e\"]\n",
        &[("x", "1"), ("y", "2")],
    );
    assert_eq!(built.files(), ["x", "y"]);
    assert_eq!(built.image().config.env, ["A=1"]);
    assert_eq!(built.image().config.cmd, None, "an entry point resets the command of the base");
}

#[test]
fn only_stages_that_the_target_needs_are_built() {
    let house = House::new();
    let text = "FROM scratch AS a\nCOPY x /a\nFROM scratch AS b\nRUN [\"never\"]\nFROM a AS c\nCOPY x /c\nFROM scratch\nCOPY x /d\n";
    let options = BuildOptions { target: Some("C".into()), ..BuildOptions::default() };
    let built = house.build_with(text, &[("x", "1")], options);
    assert_eq!(built.files(), ["a", "c"]);
    assert!(built.log.contains("Step 4/4 : COPY x /c"), "{}", built.log);
    assert!(house.runner.steps.lock().is_empty());
}

#[test]
fn an_image_of_the_store_is_a_base_and_its_triggers_run() {
    let house = House::new();
    let options = BuildOptions { tags: vec!["base:1".parse().unwrap()], ..BuildOptions::default() };
    house
        .build_with("FROM scratch\nONBUILD COPY x /app/\nONBUILD ENV T=1\nCOPY x /x\n", &[("x", "base")], options)
        .id();
    let built = house.build("ARG TAG=1\nFROM base:$TAG\nENV N=2\n", &[("x", "mine")]);
    assert_eq!((built.read("/x"), built.read("/app/x")), ("base".into(), "mine".into()));
    assert_eq!(built.image().config.env, ["T=1", "N=2"]);
    assert!(built.image().config.on_build.is_empty());
    assert!(built.log.contains("# Executing 2 build triggers"));
    let copied = house.build("FROM scratch\nCOPY --from=base:1 /x /y\n", &[]);
    assert_eq!(copied.read("/y"), "base");
}

#[test]
fn arguments_have_scopes() {
    let text = concat!(
        "ARG G=global\nARG H=1\nFROM scratch\nENV A=$G\nARG G\nENV B=$G\nARG D=default\nENV C=$D\nARG D\nENV D=env\n",
        "LABEL d=$D p=$HTTP_PROXY t=$TARGETPLATFORM\nARG TARGETPLATFORM\nLABEL u=$TARGETPLATFORM\n",
    );
    let built = House::new().build_with(text, &[], args(&[("D", "given"), ("HTTP_PROXY", "p"), ("X", "x")]));
    let image = built.image();
    assert_eq!(image.config.env, ["A=", "B=global", "C=given", "D=env"]);
    let label = |name: &str| image.config.labels.get(name).cloned().unwrap();
    assert_eq!(
        (label("d"), label("p"), label("t"), label("u")),
        ("env".into(), "p".into(), "".into(), "wasi/wasm".into())
    );
    assert!(built.log.contains("[Warning] One or more build-args [X] were not consumed"), "{}", built.log);
}

#[test]
fn proxies_stay_out_of_history() {
    let built =
        House::new().build_with("FROM scratch\nARG HTTP_PROXY\nRUN [\"x\"]\n", &[], args(&[("HTTP_PROXY", "secret")]));
    assert!(built.image().history.iter().all(|entry| !entry.created_by.contains("secret")));
}

#[test]
fn a_run_step_sees_its_stage_and_its_files_become_a_layer() {
    let house = House::running(|step| {
        std::fs::create_dir(step.upper.join("out")).unwrap();
        std::fs::write(step.upper.join("out/made"), "made").unwrap();
        std::fs::write(step.upper.join(".wh.gone"), "").unwrap();
        0
    });
    let built = house.build_with(
        "FROM scratch\nCOPY gone kept /\nWORKDIR /w\nUSER 7\nENV E=1\nARG A=2\nRUN [\"p.wasm\", \"a b\"]\n",
        &[("gone", "1"), ("kept", "2")],
        args(&[("https_proxy", "p")]),
    );
    assert_eq!(built.files(), ["kept", "out/", "out/made", "w/"]);
    assert_eq!(built.owner("/out/made").1, 7);
    assert!(built.log.contains(" ---> Running in ") && built.log.contains("output of the program\n"));
    let steps = house.runner.steps.lock();
    assert_eq!(steps[0].argv, ["p.wasm", "a b"]);
    assert_eq!(steps[0].config.env, ["E=1", "A=2", "https_proxy=p"]);
    assert_eq!((steps[0].config.working_dir.as_str(), steps[0].layers.len()), ("/w", 2));
    assert_eq!(built.image().config.env, ["E=1"]);
    assert_eq!(built.image().history.last().unwrap().created_by, "RUN [\"p.wasm\",\"a b\"]");
}

#[test]
fn a_run_step_that_writes_nothing_makes_no_layer() {
    let built = House::new().build("FROM scratch\nRUN [\"x\"]\n", &[]);
    assert!(built.image().layers.is_empty());
}

#[test]
fn labels_of_the_command_line_are_taken_as_they_are() {
    let labels = BTreeMap::from([("a".to_owned(), "it's $HOME \"x\"".to_owned())]);
    let built =
        House::new().build_with("FROM scratch\n", &[], BuildOptions { labels: labels.clone(), ..Default::default() });
    assert_eq!(built.image().config.labels, labels);
}

#[test]
fn another_dockerfile_and_a_lower_case_one_are_found() {
    let house = House::new();
    let options = BuildOptions { dockerfile: "./sub/Other".into(), ..BuildOptions::default() };
    let built = house.build_with("bad", &[("sub/Other", "FROM scratch\nENV A=1\n")], options);
    assert_eq!(built.image().config.env, ["A=1"]);
    let mut tar = TarFile::new();
    tar.file("dockerfile", b"FROM scratch\nENV A=2\n");
    assert_eq!(house.build_tar(tar.bytes(), BuildOptions::default()).image().config.env, ["A=2"]);
}

#[test]
fn a_context_may_be_compressed() {
    use std::io::Write as _;
    let house = House::new();
    let mut tar = TarFile::new();
    tar.file("Dockerfile", b"FROM scratch\nCOPY x /\n").file("x", b"1");
    let tar = tar.bytes();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).unwrap();
    for context in [gzip.finish().unwrap(), zstd::encode_all(tar.as_slice(), 1).unwrap()] {
        assert_eq!(house.build_tar(context, BuildOptions::default()).read("/x"), "1");
    }
}
