//! The toolbox image: built from its source, and its shell with real processes.

use sprat_tests::{Installation, example};

/// Scripts and what they write.
const SCRIPTS: [(&str, &str); 12] = [
    ("echo hello | tr a-z A-Z", "HELLO"),
    ("seq 1 20000 | sort -rn | head -n 1", "20000"),
    ("x=$(seq 1 20000 | wc -l); echo $((x + 1))", "20001"),
    ("cd /tmp && echo a > f && echo b >> f && cat f | wc -l && pwd", "2\n/tmp"),
    ("f() { cat; }; echo piped | f | f; { echo x; echo y; } | tail -n 1", "piped\ny"),
    ("for i in 1 2 3; do echo $i; done | while read n; do echo \"<$n>\"; done | tr -d '\\n'", "<1><2><3>"),
    ("sleep 0.01 & wait $!; echo $?; (exit 3) & wait $!; echo $?", "0\n3"),
    ("nosuch 2>&1; echo $?", "sh: 1: nosuch: not found\n127"),
    ("A=1 env | grep ^A=; env -i B=2 env", "A=1\nB=2"),
    ("trap 'echo bye' EXIT; false || echo caught", "caught\nbye"),
    ("mkdir -p /tmp/d && cd /tmp/d && touch a b && ls && find . -name a && echo x y | xargs -n 1 echo", "a\nb\n./a\nx\ny"),
    ("printf 'one\\ntwo\\n' > /tmp/s; sed s/o/0/ /tmp/s; grep -c o /tmp/s", "0ne\ntw0\n2"),
];

#[test]
fn the_toolbox_has_a_shell_that_starts_programs() {
    let sprat = Installation::start();
    let folder = example("../images/toolbox");
    sprat.sprat(&["build", "-q", "-t", "toolbox", folder.to_str().expect("UTF-8")]).ok();
    for (script, expected) in SCRIPTS {
        let output = sprat.sprat(&["run", "--rm", "toolbox", "sh", "-c", script]);
        assert_eq!(output.ok(), expected, "{script}");
    }
    let failed = sprat.sprat(&["run", "--rm", "toolbox", "sh", "-c", "exit 9"]);
    assert_eq!(failed.status, 9, "{failed:?}");
}
