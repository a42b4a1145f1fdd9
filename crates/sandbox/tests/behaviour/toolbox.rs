//! The toolbox's shell with real processes. It is a program of its own, built beforehand: `TOOLBOX_WASM` names it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sprat_program::Wasi;
use sprat_sandbox::{
    Exit, Output, Outside, ProgramSpec, Resolver, Resolving, Spec, Stdio, Stop, Stream, Unresolved, Wanted,
};

use crate::rig::{Collected, Rig};

/// Every file in `/bin` is the toolbox, and no other one is a program.
#[derive(Debug)]
struct Links(ProgramSpec, PathBuf);

impl Resolver for Links {
    fn resolve(&self, wanted: Wanted) -> Resolving<'_> {
        let answer = match wanted.path.starts_with("/bin/") {
            true => Ok(self.0.clone()),
            false if self.1.join(wanted.path.trim_start_matches('/')).is_file() => {
                Err(Unresolved::NotAProgram("a text".into()))
            }
            false => Err(Unresolved::NotFound),
        };
        Box::pin(async move { answer })
    }

    fn stop_first(&self, _: Stop) {}
}

/// Scripts and what they write.
const SCRIPTS: [(&str, &str); 14] = [
    ("echo hello | tr a-z A-Z", "HELLO"),
    ("seq 1 20000 | sort -rn | head -n 1", "20000"),
    ("x=$(seq 1 20000 | wc -l); echo $((x + 1))", "20001"),
    ("x=$(seq 1 20000); echo ${#x}; echo \"$x\" | tail -n 1", "108893\n20000"),
    ("cd /tmp && echo a > f && echo b >> f && cat f | wc -l && pwd", "2\n/tmp"),
    ("f() { cat; }; echo piped | f | f; { echo x; echo y; } | tail -n 1", "piped\ny"),
    ("for i in 1 2 3; do echo $i; done | while read n; do echo \"<$n>\"; done | tr -d '\\n'", "<1><2><3>"),
    ("sleep 0.01 & wait $!; echo $?; (exit 3) & wait $!; echo $?", "0\n3"),
    ("nosuch 2>&1; echo $?", "sh: 1: nosuch: not found\n127"),
    ("A=1 env | grep ^A=; env -i B=2 env", "A=1\nB=2"),
    ("trap 'echo bye' EXIT; false || echo caught", "caught\nbye"),
    (
        "mkdir -p /tmp/d && cd /tmp/d && touch a b && ls && find . -name a && echo x y | xargs -n 1 echo",
        "a\nb\n./a\nx\ny",
    ),
    ("printf 'one\\ntwo\\n' > /tmp/s; sed s/o/0/ /tmp/s; grep -c o /tmp/s", "0ne\ntw0\n2"),
    ("yes | head -n 2; sleep 9 & kill $!; wait $!; echo $?; timeout 0.05 sleep 9; echo $?", "y\ny\n143\n124"),
];

#[tokio::test]
async fn the_toolbox_runs_scripts() {
    let Some(path) = std::env::var_os("TOOLBOX_WASM") else {
        eprintln!("skipped: TOOLBOX_WASM names no toolbox.wasm");
        return;
    };
    let rig = Rig::new();
    let wasm = std::fs::read(path).expect("it is there");
    let upper = rig.folder.path().join("upper");
    std::fs::create_dir_all(upper.join("bin")).expect("made");
    std::fs::create_dir_all(upper.join("tmp")).expect("made");
    for name in [
        "sh", "tr", "seq", "sort", "head", "tail", "wc", "cat", "env", "grep", "mkdir", "touch", "ls", "find", "xargs",
        "sed", "echo", "yes", "sleep", "timeout",
    ] {
        std::fs::write(upper.join("bin").join(name), "").expect("written");
    }
    let program = rig.further("toolbox", &wasm, Wasi::P1).await;
    for (script, expected) in SCRIPTS {
        let spec = Spec {
            args: ["sh", "-c", script].map(String::from).to_vec(),
            env: vec![("PATH".into(), "/bin".into())],
            ..rig.spec_of(program.clone(), &[])
        };
        let output = Arc::new(Collected::default());
        let stdio = Stdio { input: None, output: Arc::clone(&output) as Arc<dyn Output> };
        let links: Arc<dyn Resolver> = Arc::new(Links(program.clone(), upper.clone()));
        let begin = std::time::Instant::now();
        let outside = Outside { resolver: Some(links), ..Outside::default() };
        let guest = rig.sandbox.start_with(spec, stdio, outside).await.expect("starts");
        let exit = tokio::time::timeout(Duration::from_secs(60), guest.wait()).await.expect("it ends");
        eprintln!("{:?} {script}", begin.elapsed());
        let (out, err) = (output.text(Stream::Stdout), output.text(Stream::Stderr));
        assert_eq!((exit, out.trim_end()), (Exit::Code(0), expected), "{script}\n{err}");
    }
}
