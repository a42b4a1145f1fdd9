//! Bad input: every one a clear error, and no image.

use super::*;

fn error(dockerfile: &str) -> String {
    let house = House::new();
    let error = house.build(dockerfile, &[("x", "1"), ("y", "2")]).error();
    assert!(house.store.images().unwrap().is_empty());
    error
}

#[test]
fn steps_that_cannot_work_name_their_line() {
    for (steps, expected) in [
        (
            "COPY no /",
            "line 2: COPY failed: file not found in build context or excluded by .dockerignore: stat no: file does not exist",
        ),
        (
            "ADD no /",
            "line 2: ADD failed: file not found in build context or excluded by .dockerignore: stat no: file does not exist",
        ),
        ("COPY *.no /", "line 2: COPY failed: no source files were specified: nothing matches *.no"),
        ("COPY ../x /", "line 2: COPY failed: forbidden path outside the build context: ../x"),
        (
            "COPY ? /z",
            "line 2: when using COPY with more than one source file, the destination must be a directory and end with a /",
        ),
        ("COPY --from=1 x /", "line 2: invalid from flag value 1: it is not the number of an earlier stage"),
        ("COPY --from=scratch x /", "line 2: invalid from flag value scratch: scratch has no files"),
        ("ENV A=${", "line 2: bad substitution in \"${\""),
        ("ENV A=\"${B:?B is needed}\"", "line 2: B: B is needed"),
        (
            "STOPSIGNAL SIGNO",
            "line 2: invalid signal: \"SIGNO\": write a name such as SIGTERM or a number from 1 to 64",
        ),
        ("ARG P=x\nEXPOSE $P", "line 3: invalid port \"x\": write 80, 80/tcp, 53/udp or 8000-8010"),
        (
            "ARG U=https://example.com/x\nADD $U /",
            "line 3: ADD of a URL or git repository (https://example.com/x) is not supported: download it into the build context and COPY it",
        ),
    ] {
        assert_eq!(error(&format!("FROM scratch\n{steps}\n")), expected, "{steps}");
    }
}

#[test]
fn a_file_that_an_earlier_stage_does_not_have_is_missing() {
    let text = "FROM scratch AS a\nFROM scratch\nCOPY --from=a /no /\n";
    assert_eq!(error(text), "line 3: COPY failed: stat /no: file does not exist");
}

#[test]
fn the_dockerfile_must_be_there_and_right() {
    let house = House::new();
    let with = |dockerfile: &str| {
        let options = BuildOptions { dockerfile: dockerfile.into(), ..BuildOptions::default() };
        house.build_with("FORM x\n", &[("sub/x", "")], options).error()
    };
    assert_eq!(with(""), "dockerfile parse error on line 1: unknown instruction: FORM (did you mean FROM?)");
    assert_eq!(with("no"), "invalid build context: Cannot locate specified Dockerfile: no");
    assert_eq!(with("sub"), "invalid build context: Cannot locate specified Dockerfile: sub");
    assert_eq!(with("../x"), "invalid build context: the Dockerfile (../x) must be within the build context");
    assert_eq!(
        error(""),
        "dockerfile parse error on line 1: file with no instructions: begin with FROM scratch or FROM and an image"
    );
}

#[test]
fn targets_and_bases_must_exist() {
    let house = House::new();
    let options = BuildOptions { target: Some("no".into()), ..BuildOptions::default() };
    let error = house.build_with("FROM scratch\n", &[], options).error();
    assert_eq!(
        error,
        "dockerfile parse error on line 1: failed to reach build target no in Dockerfile: no stage has this name"
    );
    let error = house.build("FROM $NO\n", &[]).error();
    assert!(error.contains("base name ($NO) should not be blank"), "{error}");
    let error = house.build("FROM Bad_NAME!\n", &[]).error();
    assert!(error.contains("invalid reference format"), "{error}");
}

#[test]
fn a_program_that_fails_or_cannot_start_fails_the_build() {
    let text = "FROM scratch\nRUN [\"x.wasm\", \"a\"]\n";
    let failed = House::running(|_| 7).build(text, &[]);
    assert_eq!(failed.error(), "The command 'x.wasm a' returned a non-zero code: 7 (line 2 of the Dockerfile)");
    assert!(matches!(failed.result, Err(BuildError::Run { code: 7, .. })));
    assert_eq!(House::running(|_| -1).build(text, &[]).error(), "line 2: cannot run x.wasm a: it is no program");
}

#[test]
fn an_image_that_cannot_be_had_is_told_with_the_line_that_names_it() {
    let house = House::new();
    // Nothing listens on port 1.
    let error = house.build("FROM 127.0.0.1:1/none\n", &[]).error();
    assert!(error.starts_with("line 1: 127.0.0.1:1 cannot be reached"), "{error}");
    let outcome = house.build("FROM scratch\n\nCOPY --from=127.0.0.1:1/none a b\n", &[]);
    let error = outcome.error();
    assert!(error.starts_with("line 3: 127.0.0.1:1 cannot be reached"), "{error}");
    assert_eq!(outcome.result.unwrap_err().code(), "registry_failed");
}

#[test]
fn more_volumes_than_an_image_may_have_are_refused() {
    let lines: String = (0..200).map(|number| format!("VOLUME /v{number}\n")).collect();
    let error = House::new().build(&format!("FROM scratch\n{lines}"), &[]).error();
    assert!(error.contains("Volumes has 200 entries, and 128 is the limit"), "{error}");
}

#[test]
fn a_hostile_context_is_refused_and_writes_nothing_outside() {
    let house = House::new();
    let dockerfile = |tar: &mut TarFile| {
        tar.file("Dockerfile", b"FROM scratch\nCOPY . /\n");
    };
    for (path, kind, link) in [
        ("../out", EntryType::Regular, ""),
        ("a/../../out", EntryType::Regular, ""),
        ("dev", EntryType::Char, ""),
        ("pipe", EntryType::Fifo, ""),
        ("hard", EntryType::Link, "/etc/passwd"),
        ("Dockerfile/x", EntryType::Regular, ""),
    ] {
        let mut tar = TarFile::new();
        dockerfile(&mut tar);
        tar.entry(path, kind, 0o644, link, b"", 0);
        let error = house.build_tar(tar.bytes(), BuildOptions::default()).error();
        assert!(error.starts_with("invalid build context: "), "{path}: {error}");
    }
    assert!(!house.root.path().join("out").exists());
    assert!(!house.root.path().parent().unwrap().join("out").exists());
}

#[test]
fn an_absolute_name_counts_from_the_context() {
    let house = House::new();
    let mut tar = TarFile::new();
    tar.file("/Dockerfile", b"FROM scratch\nCOPY etc /etc\n").file("/etc/x", b"mine");
    assert_eq!(house.build_tar(tar.bytes(), BuildOptions::default()).files(), ["etc/", "etc/x"]);
}

#[test]
fn contexts_that_are_cut_or_no_tar_are_refused() {
    let house = House::new();
    let mut tar = TarFile::new();
    tar.file("Dockerfile", b"FROM scratch\n").file("x", &[1; 4096]);
    let tar = tar.bytes();
    for context in [tar[..2000].to_vec(), b"FROM scratch\n".to_vec(), vec![0xff; 5000], vec![0x1f, 0x8b, 0, 0]] {
        let error = house.build_tar(context, BuildOptions::default()).error();
        assert!(error.starts_with("invalid build context: "), "{error}");
    }
    let error = house.build_tar(Vec::new(), BuildOptions::default()).error();
    assert_eq!(error, "invalid build context: Cannot locate specified Dockerfile: Dockerfile");
}

#[test]
fn a_malformed_dockerignore_and_text_that_is_none_are_refused() {
    let house = House::new();
    let error = house.build("FROM scratch\n", &[(".dockerignore", "a\n[\n")]).error();
    assert!(error.starts_with("invalid build context: .dockerignore line 2: syntax error"), "{error}");
    let mut tar = TarFile::new();
    tar.file("Dockerfile", b"FROM scratch\nENV A=\xff\n");
    let error = house.build_tar(tar.bytes(), BuildOptions::default()).error();
    assert_eq!(error, "invalid build context: Dockerfile is not UTF-8 text");
}

#[test]
fn hostile_archives_for_add_are_refused() {
    let house = House::new();
    let mut inner = TarFile::new();
    inner.file("../../out", b"x");
    for archive in [inner.bytes(), b"\xfd7zXZ\0 and more".to_vec()] {
        let mut tar = TarFile::new();
        tar.file("Dockerfile", b"FROM scratch\nADD a.tar /\n").file("a.tar", &archive);
        let error = house.build_tar(tar.bytes(), BuildOptions::default()).error();
        assert!(error.starts_with("line 2: ADD failed: cannot unpack a.tar: "), "{error}");
    }
}

#[test]
fn variables_that_double_themselves_hit_the_limit() {
    let doubling = "ENV A=$A$A$A$A\n".repeat(20);
    let error = error(&format!("FROM scratch\nENV A=0123456789\n{doubling}"));
    assert!(error.ends_with("a word or an instruction grows beyond 1048576 bytes"), "{error}");
}

#[test]
fn nothing_is_left_behind() {
    let house = House::new();
    let left = || std::fs::read_dir(house.root.path().join("tmp")).unwrap().count();
    house.build("FROM scratch\nCOPY x /\nRUN [\"x\"]\n", &[("x", "1")]).id();
    house.build("FROM scratch\nCOPY no /\n", &[]).error();
    assert_eq!(left(), 0);
}

#[test]
fn variables_that_double_each_other_are_refused_before_they_fill_the_memory() {
    let house = House::new();
    let long = format!("FROM scratch\nENV A={}\nENV B={}\n", "x".repeat(100_000), "$A".repeat(10));
    for many in [format!("ENV {}", "c=$B ".repeat(50_000)), format!("LABEL {}", "c=$B ".repeat(50_000))] {
        let error = house.build(&format!("{long}{many}\n"), &[]).error();
        assert!(error.contains("line 4") && error.contains("grows beyond 1048576 bytes"), "{error}");
    }
    let arguments = format!("{long}ARG {}\n", "c=$B ".repeat(50_000));
    assert!(house.build(&arguments, &[]).error().contains("grows beyond"));
    // Each line alone is within the limit, and replaces what the one before it said: only the history grows.
    let error = house.build(&format!("{long}{}", "LABEL c=$B\n".repeat(100)), &[]).error();
    assert!(error.contains("have grown beyond 4194304 bytes"), "{error}");
}
