//! COPY and ADD, one rule a test.

use super::*;

const FILES: [(&str, &str); 5] =
    [("a.txt", "a"), ("b.txt", "b"), ("dir/c.txt", "c"), ("dir/sub/d", "d"), ("e.md", "e")];

fn files(steps: &str) -> Vec<String> {
    House::new().build(&format!("FROM scratch\n{steps}\n"), &FILES).files()
}

#[test]
fn a_file_goes_to_a_name_or_into_a_folder() {
    assert_eq!(files("COPY a.txt /x"), ["x"]);
    assert_eq!(files("COPY a.txt /x/"), ["x/", "x/a.txt"]);
    assert_eq!(files("COPY a.txt x/y/z"), ["x/", "x/y/", "x/y/z"]);
    assert_eq!(files("WORKDIR /x\nCOPY a.txt /x"), ["x/", "x/a.txt"]);
    assert_eq!(files("COPY a.txt ."), ["a.txt"]);
}

#[test]
fn of_a_folder_the_content_is_copied() {
    assert_eq!(files("COPY dir /x"), ["x/", "x/c.txt", "x/sub/", "x/sub/d"]);
    assert_eq!(files("COPY dir/ ./x/"), ["x/", "x/c.txt", "x/sub/", "x/sub/d"]);
    assert_eq!(files("COPY dir a.txt /x/"), ["x/", "x/a.txt", "x/c.txt", "x/sub/", "x/sub/d"]);
}

#[test]
fn patterns_match_within_one_folder() {
    assert_eq!(files("COPY *.txt /x/"), ["x/", "x/a.txt", "x/b.txt"]);
    assert_eq!(files("COPY */c.txt [e-f].m? /x/"), ["x/", "x/c.txt", "x/e.md"]);
    assert_eq!(files("COPY d*r /x/"), ["x/", "x/c.txt", "x/sub/", "x/sub/d"]);
    assert_eq!(files("COPY dir/s*/d /x"), ["x"]);
    assert_eq!(files("COPY [\"a.t?t\", \"/x\"]"), ["x"]);
}

#[test]
fn dockerignore_holds_for_the_builder_too() {
    let house = House::new();
    let build = |rules: &str, steps: &str| {
        let mut files = FILES.to_vec();
        files.push((".dockerignore", rules));
        house.build(&format!("FROM scratch\n{steps}\n"), &files)
    };
    assert_eq!(build("*\n!dir/sub\n", "COPY . /").files(), ["dir/", "dir/sub/", "dir/sub/d"]);
    assert_eq!(
        build("Dockerfile\n.dockerignore\n**/*.txt\n", "COPY . /").files(),
        ["dir/", "dir/sub/", "dir/sub/d", "e.md"]
    );
    let error = build("a.txt\n", "COPY a.txt /").error();
    assert!(error.contains("excluded by .dockerignore: stat a.txt: file does not exist"), "{error}");
}

#[test]
fn owners_are_numbers_or_names_of_the_stage() {
    let house = House::new();
    let accounts =
        [("etc/passwd", "root:x:0:0::/:\nbob:x:5:6::/:\n"), ("etc/group", "root:x:0:\nstaff:x:9:bob\n"), ("x", "1")];
    let owner = |flag: &str| {
        let built = house.build(&format!("FROM scratch\nCOPY etc /etc\nCOPY {flag} x /new/x\n"), &accounts);
        (built.owner("/new/x"), built.owner("/new"))
    };
    assert_eq!(owner(""), ((0o644, 0, 0), (0o755, 0, 0)));
    assert_eq!(owner("--chown=bob --chmod=750"), ((0o750, 5, 6), (0o755, 5, 6)));
    assert_eq!(owner("--chown=bob:staff").0, (0o644, 5, 9));
    assert_eq!(owner("--chown=7").0, (0o644, 7, 7));
    assert_eq!(owner("--chown=7:8 --chmod=4755").0, (0o4755, 7, 8));
    let error = house.build("FROM scratch\nCOPY --chown=eve x /\n", &accounts).error();
    assert!(error.starts_with("line 2: unable to find user eve"), "{error}");
    assert_eq!(owner("--chmod=u+x,g-r").0, (0o704, 0, 0));
    let error = house.build("FROM scratch\nCOPY --chmod=u+q x /\n", &accounts).error();
    assert!(error.starts_with("line 2: invalid chmod parameter: 'u+q'") && error.contains("such as 755"), "{error}");
}

#[test]
fn a_path_that_a_program_made_in_its_working_folder_is_told_when_it_is_missed() {
    let house = House::new();
    let stage = "FROM scratch AS made\nWORKDIR /srv\nCOPY x out/x\nFROM scratch\n";
    let error = house.build(&format!("{stage}COPY --from=made /out/x /\n"), &[("x", "1")]).error();
    assert!(error.starts_with("line 5: COPY failed: stat /out/x: file does not exist, but /srv/out/x does"), "{error}");
    let error = house.build(&format!("{stage}COPY --from=made /none /\n"), &[("x", "1")]).error();
    assert!(error.ends_with("file does not exist"), "{error}");
}

#[test]
fn links_of_the_context_are_followed_within_it_alone() {
    let house = House::new();
    let mut tar = TarFile::new();
    tar.file("Dockerfile", b"FROM scratch\nCOPY in /file\nCOPY folder/x /x\nCOPY tree /tree\n")
        .file("real/x", b"content")
        .link("in", "/real/../../../real/x")
        .link("folder", "real")
        .link("tree/l", "/etc/passwd")
        .link("tree/up", "../../..");
    let built = house.build_tar(tar.bytes(), BuildOptions::default());
    assert_eq!(built.files(), ["file", "tree/", "tree/l -> /etc/passwd", "tree/up -> ../../..", "x"]);
    assert_eq!((built.read("/file"), built.read("/x")), ("content".into(), "content".into()));
    for (link, target) in [("out", "/etc/passwd"), ("out", "../../../../etc/passwd"), ("out", "out")] {
        let mut tar = TarFile::new();
        tar.file("Dockerfile", b"FROM scratch\nCOPY out /\n").link(link, target);
        let error = house.build_tar(tar.bytes(), BuildOptions::default()).error();
        assert!(error.contains("COPY failed: file not found in build context"), "{error}");
    }
}

#[test]
fn links_of_the_stage_are_followed_within_it_alone() {
    let house = House::new();
    let mut tar = TarFile::new();
    tar.file("Dockerfile", b"FROM scratch\nCOPY links /\nCOPY x /abs/\nCOPY x /up/y\nCOPY x /file\n")
        .file("x", b"1")
        .link("links/abs", "/made/here")
        .link("links/up", "../../real")
        .link("links/file", "/real/z");
    let built = house.build_tar(tar.bytes(), BuildOptions::default());
    let expected = [
        "abs -> /made/here",
        "file -> /real/z",
        "made/",
        "made/here/",
        "made/here/x",
        "real/",
        "real/y",
        "real/z",
        "up -> ../../real",
    ];
    assert_eq!(built.files(), expected);
}

#[test]
fn add_unpacks_archives_by_their_content_and_keeps_their_owners() {
    use std::io::Write as _;
    let house = House::new();
    let mut inner = TarFile::new();
    inner.file("in/side", b"unpacked").link("in/l", "side");
    let inner = inner.bytes();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&inner).unwrap();
    for archive in [inner.clone(), gzip.finish().unwrap(), zstd::encode_all(inner.as_slice(), 1).unwrap()] {
        let mut tar = TarFile::new();
        tar.file("Dockerfile", b"FROM scratch\nADD data /to\nCOPY data /kept\nADD --chown=3 plain /p/\n");
        tar.file("data", &archive).file("plain", b"text");
        let built = house.build_tar(tar.bytes(), BuildOptions::default());
        assert_eq!(built.files(), ["kept", "p/", "p/plain", "to/", "to/in/", "to/in/l -> side", "to/in/side"]);
        assert_eq!(built.owner("/to/in/side"), (0o644, 1000, 1000));
        assert_eq!(built.owner("/p/plain"), (0o644, 3, 3));
    }
}

#[test]
fn a_heredoc_is_a_file() {
    let built = House::new().build(
        "FROM scratch\nENV A=1\nCOPY <<one <<'two' /d/\n$A \"q\" \\$A\none\n$A\ntwo\nCOPY <<EOF /f\nx\nEOF\n",
        &[],
    );
    assert_eq!(built.files(), ["d/", "d/one", "d/two", "f"]);
    assert_eq!(
        (built.read("/d/one"), built.read("/d/two"), built.read("/f")),
        ("1 \"q\" $A\n".into(), "$A\n".into(), "x\n".into())
    );
}

#[test]
fn what_is_in_the_way_of_a_copy_is_an_error() {
    for (steps, expected) in [
        ("COPY a.txt /x\nCOPY dir /x", "line 3: COPY failed: cannot copy to /x: a file is in its way"),
        ("COPY a.txt /x\nCOPY b.txt /x/y", "line 3: COPY failed: cannot copy to /x/y: a file is in its way"),
        (
            "COPY dir /x\nCOPY a.txt /x/sub/c\nCOPY dir/sub/d /y/sub\nCOPY dir /y",
            "line 5: COPY failed: cannot copy to /y/sub: it is no folder",
        ),
        ("WORKDIR /a.txt\nCOPY a.txt /", "line 3: COPY failed: cannot copy to /a.txt: a folder is in its way"),
        ("COPY a.txt /w\nWORKDIR /w", "line 3: WORKDIR failed: cannot copy to /w: a file is in its way"),
        (
            "COPY <<.wh.x /\nEOF\n.wh.x",
            "line 2: COPY failed: cannot copy to /.wh.x: names that start with .wh. mark removed files in layers",
        ),
    ] {
        assert_eq!(House::new().build(&format!("FROM scratch\n{steps}\n"), &FILES).error(), expected, "{steps}");
    }
}
