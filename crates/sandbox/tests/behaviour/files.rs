//! Files as real programs see them.

use sprat_program::Wasi;
use sprat_sandbox::{Mount, MountSource, SandboxError, Stdio};

use crate::rig::{BOTH, Collected, Rig};

/// Splits a script into steps.
fn script(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[tokio::test]
async fn files_are_written_read_renamed_linked_and_removed() {
    let rig = Rig::new();
    for (wasi, folder) in [(Wasi::P1, "one"), (Wasi::P2, "two")] {
        let text = "mkdir F ; write F/a hello ; append F/a -more ; read F/a ; size F/a ; overwrite F/a 1 EL ; read F/a ; \
            truncate F/a 4 ; read F/a ; rename F/a F/b ; fails read F/a ; link F/b F/c ; list F ; read F/c ; rm F/b ; \
            sync F/c ; kind F/c ; kind F ; fails rmdir F ; fails mkdir F ; fails rm F ; rm F/c ; rmdir F ; fails list F ; \
            mkdir-all F/x/y ; list F/x ; fails read F";
        let text = text.replace('F', &format!("/{folder}"));
        let ran = rig.run(wasi, &script(&text)).await;
        let expected = "hello-more 10 hELlo-more hELl NotFound b|c hELl file folder DirectoryNotEmpty AlreadyExists \
            IsADirectory NotFound y IsADirectory";
        // Rust's WASI targets have no name for `ENOTEMPTY`.
        let printed = ran.printed().replace("Uncategorized", "DirectoryNotEmpty");
        assert_eq!(script(&printed), script(expected), "{wasi:?}");
    }
}

#[tokio::test]
async fn a_folder_with_many_entries_is_listed_whole() {
    let rig = Rig::new();
    for (wasi, text) in BOTH.into_iter().zip(["mkdir /a ; fill /a 500 ; count /a", "mkdir /b ; fill /b 500 ; count /b"])
    {
        assert_eq!(rig.run(wasi, &script(text)).await.printed(), "500");
    }
}

#[tokio::test]
async fn what_a_guest_wrote_is_there_for_the_next() {
    let rig = Rig::new();
    rig.run(Wasi::P1, &["write", "/kept", "by-one"]).await.printed();
    assert_eq!(rig.run(Wasi::P2, &["read", "/kept"]).await.printed(), "by-one");
}

#[tokio::test]
async fn the_working_folder_is_made_and_relative_paths_begin_there() {
    let rig = Rig::new();
    for (wasi, folder) in [(Wasi::P1, "/home/one"), (Wasi::P2, "/home/two")] {
        let text = format!(
            "write x here ; read {folder}/x ; write {folder}/y there ; read y ; mkdir sub ; write sub/z deep ; \
             read {folder}/sub/z ; list {folder} ; mkdir-all {folder}/p/q ; list p ; read ../../home{}/x",
            &folder[5..]
        );
        let mut spec = rig.spec(wasi, &script(&text)).await;
        spec.cwd = folder.into();
        let ran = rig.run_spec(spec).await;
        let printed: Vec<_> = ran.printed().split_whitespace().collect();
        assert_eq!(printed, ["here", "there", "deep", "sub|x|y", "q", "here"], "{wasi:?}");
        rig.run(wasi, &["rm", &format!("{folder}/x")]).await.printed();
    }
}

#[tokio::test]
async fn absolute_paths_lead_past_the_working_folder_to_what_is_there() {
    let rig = Rig::new();
    rig.run(Wasi::P1, &script("mkdir /data ; write /data/f root ; write /g root")).await.printed();
    rig.run(Wasi::P1, &script("mkdir-all /home/data ; write /home/data/f home ; write /home/g home")).await.printed();
    for (wasi, name) in [(Wasi::P1, "one"), (Wasi::P2, "two")] {
        let text = format!(
            "read /data/f ; read /g ; read /home/data/f ; read /home/g ; list / ; list /home ; list /data ; \
             write /data/{name} new ; rm /home/g ; read /g ; write /home/g home ; mkdir-all /data/{name}s/deep ; \
             rename /data/{name} /data/{name}s/moved ; read /data/{name}s/moved ; fails read /data/{name} ; \
             read /home/../g ; read /home/data/../../data/f"
        );
        let mut spec = rig.spec(wasi, &script(&text)).await;
        spec.cwd = "/home".into();
        let ran = rig.run_spec(spec).await;
        let printed: Vec<_> = ran.printed().split_whitespace().collect();
        let data = if wasi == Wasi::P1 { "f" } else { "f|ones" };
        let expected = ["root", "root", "home", "home", "data|dev|g|home", "data|g", data, "root", "new", "NotFound"];
        assert_eq!(printed, [&expected[..], &["root", "root"]].concat(), "{wasi:?}");
        rig.run(wasi, &script(&format!("list /data/{name}s ; rm /data/{name}s/moved"))).await.printed();
    }
}

/// wasi-libc believes that its programs begin in `/`, and hands `/x` and `x` to the host as the same.
#[tokio::test]
async fn what_rust_cannot_tell_the_host_is_taken_for_absolute_if_it_is_there_and_for_relative_if_it_is_new() {
    let rig = Rig::new();
    for (wasi, folder) in [(Wasi::P1, "/home/one"), (Wasi::P2, "/home/two")] {
        // Known wrong: `.` is the root, and a new name in the root is made in the working folder.
        let mut spec = rig.spec(wasi, &script("cwd ; list . ; write /new x")).await;
        spec.cwd = folder.into();
        let ran = rig.run_spec(spec.clone()).await;
        assert_eq!(ran.printed(), "/\ndev|home", "{wasi:?}");
        let read = ["read".to_owned(), format!("{folder}/new")];
        assert_eq!(rig.run(wasi, &read.each_ref().map(String::as_str)).await.printed(), "x");

        // A program that goes where `PWD` says has its working folder right.
        spec.args = ["guest", "go-to-pwd", ";", "cwd", ";", "list", "."].map(String::from).to_vec();
        assert_eq!(rig.run_spec(spec).await.printed(), format!("{folder}\nnew"), "{wasi:?}");
    }
}

#[tokio::test]
async fn a_working_folder_that_is_a_file_is_refused() {
    let rig = Rig::new();
    rig.run(Wasi::P1, &["write", "/file", "x"]).await.printed();
    for cwd in ["/file", "/file/sub"] {
        let mut spec = rig.spec(Wasi::P1, &[]).await;
        spec.cwd = cwd.into();
        let stdio = Stdio { input: None, output: std::sync::Arc::new(Collected::default()) };
        let error = rig.sandbox.start(spec, stdio).await.expect_err("refused");
        assert!(matches!(error, SandboxError::WorkingDir { .. }), "{error}");
    }
}

#[tokio::test]
async fn mounts_are_seen_and_read_only_ones_are_not_written() {
    let rig = Rig::new();
    let host = tempfile::TempDir::new().unwrap();
    std::fs::write(host.path().join("data"), "of the host").unwrap();
    for (wasi, name) in BOTH.into_iter().zip(["n1", "n2"]) {
        let mount = |target: &str, read_only| Mount {
            target: target.into(),
            source: MountSource::Host(host.path().to_owned()),
            read_only,
        };
        let text = format!("read /ro/data ; fails write /ro/new x ; write /rw/{name} new ; read /rw/{name}");
        let mut spec = rig.spec(wasi, &script(&text)).await;
        spec.files.mounts = vec![mount("/ro", true), mount("/rw", false)];
        let ran = rig.run_spec(spec).await;
        assert_eq!(ran.printed(), "of the host\nReadOnlyFilesystem\nnew");
        assert_eq!(std::fs::read_to_string(host.path().join(name)).unwrap(), "new");
    }
}

#[tokio::test]
async fn a_read_only_root_is_not_written() {
    let rig = Rig::new();
    for wasi in BOTH {
        let mut spec = rig.spec(wasi, &script("fails write /x y ; fails mkdir /z ; list /")).await;
        spec.files.read_only = true;
        assert_eq!(rig.run_spec(spec).await.printed(), "ReadOnlyFilesystem\nReadOnlyFilesystem\ndev");
    }
    assert!(!rig.folder.path().join("upper").exists());
}
