//! Source folders and files, and what is wrong with them.

use sprat_tests::Installation;

use crate::{OK, text_file};

#[test]
fn a_text_file_is_built_and_run_in_one_go() {
    let sprat = Installation::start();
    let path = text_file(&sprat, "quick", &sprat_tests::wat(OK));
    assert_eq!(sprat.sprat(&["run", "--rm", path.to_str().expect("UTF-8")]).ok(), "ok");
    assert!(sprat.sprat(&["images", "--format", "{{.Repository}}"]).ok().contains("quick"));
}

#[test]
fn a_text_file_with_a_mistake_is_refused_with_its_place() {
    let sprat = Installation::start();
    let path = text_file(&sprat, "wrong", "(module\n  (func (export \"_start\") (nonsense)))");
    let output = sprat.sprat(&["run", path.to_str().expect("UTF-8")]);
    assert!(
        output.stderr.contains("is no valid wasm text") && output.stderr.contains("line 2, column 28"),
        "{output:?}"
    );
}

#[test]
fn a_folder_without_a_build_is_refused_with_what_to_do() {
    let sprat = Installation::start();
    let folder = sprat.path("nothing");
    std::fs::create_dir(&folder).expect("ours");
    let output = sprat.sprat(&["run", folder.to_str().expect("UTF-8")]);
    assert!(output.stderr.contains("no Dockerfile, no Cargo.toml and no sprat.toml"), "{output:?}");
}

#[test]
fn a_build_command_that_fails_shows_its_output() {
    let sprat = Installation::start();
    let folder = sprat.path("failing");
    std::fs::create_dir(&folder).expect("ours");
    std::fs::write(folder.join("sprat.toml"), "[build]\ncommand = \"echo oh dear >&2; exit 4\"\noutput = \"a.wasm\"\n")
        .expect("ours");
    let output = sprat.sprat(&["build", folder.to_str().expect("UTF-8")]);
    assert!(output.status != 0 && output.stderr.contains("oh dear") && output.stderr.contains("failed"), "{output:?}");
}

#[test]
fn a_program_is_inspected_without_a_daemon() {
    let sprat = Installation::start();
    let path = text_file(&sprat, "seen", &sprat_tests::wat(OK));
    let output = sprat.sprat(&["program", "inspect", path.to_str().expect("UTF-8")]);
    assert!(output.ok().contains("command (core)") && output.ok().contains("fd_write"), "{output:?}");
}
