//! The examples, each built from its source and run.

use std::process::{Command, Stdio};

use sprat_tests::{Installation, example};

fn path(name: &str) -> String {
    example(name).to_str().expect("UTF-8").to_owned()
}

/// A Python with the compilers of the C and C++ examples; `cargo xtask test` names one.
fn compilers() -> bool {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let found = Command::new(python).args(["-c", "import ziglang"]).stderr(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        eprintln!("skipped: PyPI's ziglang is not installed (`cargo xtask setup` installs it)");
    }
    found
}

#[test]
fn hello_is_built_from_its_source_and_greets() {
    let sprat = Installation::start();
    let output = sprat.sprat(&["run", "--rm", "-e", "NAME=you", &path("hello"), "one", "two"]);
    let text = output.ok();
    assert!(text.starts_with("Hello from Sprat!\n"), "{text}");
    assert!(text.contains("Arguments: one two") && text.contains("Greetings, you."), "{text}");
}

#[test]
fn wordcount_reads_a_volume_and_writes_its_result() {
    let sprat = Installation::start();
    let data = sprat.path("data");
    std::fs::create_dir(&data).expect("the folder is ours");
    let licence = example("../LICENSE");
    std::fs::copy(licence, data.join("licence.txt")).expect("the licence is a real text");
    let mount = format!("{}:/data", data.display());
    let output = sprat.sprat(&["run", "--rm", "-v", &mount, &path("wordcount"), "/data", "3"]);
    assert!(output.ok().ends_with("the top 3 are in /data/wordcount.tsv"), "{output:?}");
    let result = std::fs::read_to_string(data.join("wordcount.tsv")).expect("it was written");
    assert_eq!(result.lines().count(), 3);
    assert!(result.starts_with("the\t"), "{result}");
}

#[test]
fn wordcount_names_a_folder_that_is_missing() {
    let sprat = Installation::start();
    let output = sprat.sprat(&["run", "--rm", &path("wordcount"), "/nowhere"]);
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("wordcount: /nowhere:"), "{output:?}");
}

#[test]
fn primes_in_c_counts() {
    if !compilers() {
        return;
    }
    let sprat = Installation::start();
    assert_eq!(sprat.sprat(&["run", "--rm", &path("primes"), "100"]).ok(), "25 primes below 100");
    let wrong = sprat.sprat(&["run", "--rm", "primes", "many"]);
    assert_eq!(wrong.status, 2, "{wrong:?}");
}

#[test]
fn matrix_in_cpp_transposes_its_input() {
    if !compilers() {
        return;
    }
    let sprat = Installation::start();
    let output = sprat.sprat_with(&["run", "--rm", "-i", &path("matrix")], b"1 2 3\n4 5 6\n");
    assert_eq!(output.ok(), "1 4\n2 5\n3 6");
}

#[test]
fn greet_is_a_core_module_in_the_text_format() {
    let sprat = Installation::start();
    assert_eq!(sprat.sprat(&["run", "--rm", &path("greet")]).ok(), "greetings from a core module");
    assert_eq!(
        sprat.sprat(&["run", "--rm", &format!("{}/greet.wat", path("greet"))]).ok(),
        "greetings from a core module"
    );
}
