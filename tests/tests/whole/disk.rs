//! A disk that is full or can't be written: a clear error, nothing lost, what runs goes on.

use sprat_tests::Installation;

use crate::{OK, WAIT, image, text_file};

#[test]
fn a_full_state_folder_refuses_what_is_new_and_harms_nothing_that_is() {
    let mut sprat = Installation::without_daemon(&[]);
    if !sprat.on_tmpfs("size=64m") {
        return;
    }
    sprat.start_daemon();
    image(&sprat, "wait", WAIT);
    image(&sprat, "ok", OK);
    sprat.sprat(&["run", "-d", "-i", "--name", "calm", "wait"]).ok();

    let filler = sprat.state("filler");
    let mut file = std::fs::File::create(&filler).expect("the folder is ours");
    let full = std::io::copy(&mut std::io::repeat(0), &mut file).expect_err("it has an end");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    drop(file);

    let folder = sprat.path("more");
    std::fs::create_dir(&folder).expect("ours");
    std::fs::write(folder.join("data"), vec![7; 1 << 20]).expect("ours");
    std::fs::write(folder.join("Dockerfile"), "FROM scratch\nCOPY data /data\n").expect("ours");
    let built = sprat.sprat(&["build", "-t", "more", folder.to_str().expect("UTF-8")]);
    assert!(built.status != 0 && built.stderr.contains("No space left on device"), "{built:?}");
    let path = text_file(&sprat, "seven", &sprat_tests::wat("(call $exit (i32.const 7))"));
    let run = sprat.sprat(&["run", "--rm", path.to_str().expect("UTF-8")]);
    assert!(run.status == 125 || run.status == 1, "{run:?}");

    assert_eq!(sprat.sprat(&["inspect", "-f", "{{.State.Running}}", "calm"]).ok(), "true");
    std::fs::remove_file(filler).expect("ours");
    assert_eq!(sprat.sprat(&["images", "--format", "{{.Repository}}", "more"]).ok(), "");
    assert_eq!(sprat.sprat(&["run", "--rm", path.to_str().expect("UTF-8")]).status, 7);
    assert_eq!(sprat.sprat(&["run", "--rm", "ok"]).ok(), "ok");
    sprat.sprat(&["build", "-q", "-t", "more", folder.to_str().expect("UTF-8")]).ok();
}

#[test]
fn a_state_folder_that_cannot_be_written_is_refused_by_its_name() {
    let mut sprat = Installation::without_daemon(&[]);
    if !sprat.on_tmpfs("ro") {
        return;
    }
    let refused = sprat.refused_daemon();
    assert_eq!(refused.status, 125, "{refused:?}");
    assert!(refused.stderr.contains("Read-only file system"), "{refused:?}");
    assert!(refused.stderr.contains(sprat.root().to_str().expect("UTF-8")), "{refused:?}");
}
