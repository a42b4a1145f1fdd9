//! Files of containers, with an unmodified docker CLI and with ours.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use sprat_tests::Installation;

use crate::{OK, WAIT, image};

#[test]
fn docker_cp_goes_both_ways_in_running_and_stopped_containers() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    image(&sprat, "wait", WAIT);
    let folder = sprat.path("pages");
    fs::create_dir_all(folder.join("sub")).expect("ours");
    fs::write(folder.join("index"), "welcome").expect("ours");
    fs::write(folder.join("sub/tool"), "#!").expect("ours");
    fs::set_permissions(folder.join("sub/tool"), fs::Permissions::from_mode(0o755)).expect("ours");
    let path = folder.to_str().expect("UTF-8").to_owned();
    docker!(sprat, "create", "--name", "stopped", "ok").ok();
    docker!(sprat, "run", "-d", "-i", "--name", "running", "wait").ok();
    let back = sprat.path("back");
    for name in ["stopped", "running"] {
        docker!(sprat, "cp", &path, &format!("{name}:/srv")).ok();
        docker!(sprat, "cp", &format!("{path}/."), &format!("{name}:/srv/sub")).ok();
        let to = back.join(name);
        fs::create_dir_all(&to).expect("ours");
        docker!(sprat, "cp", &format!("{name}:/srv"), to.to_str().expect("UTF-8")).ok();
        assert_eq!(fs::read_to_string(to.join("srv/index")).expect("there"), "welcome");
        assert_eq!(fs::read_to_string(to.join("srv/sub/index")).expect("there"), "welcome");
        let mode = fs::metadata(to.join("srv/sub/tool")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        let one = to.join("renamed");
        docker!(sprat, "cp", &format!("{name}:/srv/index"), one.to_str().expect("UTF-8")).ok();
        assert_eq!(fs::read_to_string(one).expect("there"), "welcome");
        let diff = docker!(sprat, "diff", name);
        assert!(diff.ok().lines().any(|line| line == "A /srv/sub/sub/tool"), "{diff:?}");
        let missing = docker!(sprat, "cp", &format!("{name}:/nowhere"), "-");
        assert!(missing.status == 1 && missing.stderr.contains("Could not find the file /nowhere"), "{missing:?}");
    }
    let tar = sprat.path("all.tar");
    docker!(sprat, "export", "-o", tar.to_str().expect("UTF-8"), "running").ok();
    docker!(sprat, "import", tar.to_str().expect("UTF-8"), "again:1").ok();
    docker!(sprat, "update", "--restart", "always", "running").ok();
    let policy = docker!(sprat, "inspect", "-f", "{{.HostConfig.RestartPolicy.Name}}", "running");
    assert_eq!(policy.ok(), "always");
    docker!(sprat, "rm", "-f", "running", "stopped").ok();
}

#[test]
fn our_cp_follows_the_same_rules() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    sprat.sprat(&["create", "--name", "box", "ok"]).ok();
    let folder = sprat.path("pages");
    fs::create_dir_all(&folder).expect("ours");
    fs::write(folder.join("index"), "welcome").expect("ours");
    std::os::unix::fs::symlink("index", folder.join("link")).expect("ours");
    let path = folder.to_str().expect("UTF-8").to_owned();
    sprat.sprat(&["cp", &path, "box:/srv"]).ok();
    sprat.sprat(&["cp", &format!("{path}/index"), "box:/srv/other"]).ok();
    let back = sprat.path("back");
    sprat.sprat(&["cp", "box:/srv/.", back.to_str().expect("UTF-8")]).ok();
    assert_eq!(fs::read_link(back.join("link")).expect("a link").to_str(), Some("index"));
    assert_eq!(fs::read_to_string(back.join("other")).expect("there"), "welcome");
    let shown = sprat.sprat(&["diff", "box"]);
    assert_eq!(shown.ok(), "A /srv\nA /srv/index\nA /srv/link\nA /srv/other");
    let refused = sprat.sprat(&["cp", &path, "box:/srv/other"]);
    assert!(refused.status == 1 && refused.stderr.contains("cannot copy a directory to a file"), "{refused:?}");
    let refused = sprat.sprat(&["cp", "box:/nowhere", "-"]);
    assert!(refused.stderr.contains("Could not find the file /nowhere"), "{refused:?}");
}
