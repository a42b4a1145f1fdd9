//! Many programs in one container: started from outside and by guests.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sprat_program::Wasi;
use sprat_sandbox::{
    Exit, Guest, Input, Limits, Output, Outside, ProcessSpec, ProgramSpec, Resolver, Resolving, SandboxError, Spec,
    Stdio, Stop, Stream, Unresolved, User, Wanted,
};

use crate::rig::{BOTH, Collected, Fed, Ran, Rig, guest, process_guest, turns, until};

/// Knows programs by their paths.
#[derive(Debug, Default)]
struct Programs {
    by_path: Mutex<HashMap<String, Result<ProgramSpec, Unresolved>>>,
    asked: AtomicU32,
    stops: Mutex<Vec<Stop>>,
}

impl Resolver for Programs {
    fn resolve(&self, wanted: Wanted) -> Resolving<'_> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            // As from another process: later.
            tokio::task::yield_now().await;
            self.by_path.lock().get(&wanted.path).cloned().unwrap_or(Err(Unresolved::NotFound))
        })
    }

    fn stop_first(&self, why: Stop) {
        self.stops.lock().push(why);
    }
}

/// A container with the test's guest as `/bin/p1` and `/bin/p2`.
struct Container {
    rig: Rig,
    programs: Arc<Programs>,
}

impl Container {
    async fn new() -> Self {
        Self::with(true).await
    }

    async fn with(shared: bool) -> Self {
        let rig = Rig::with(20, shared);
        let programs = Arc::new(Programs::default());
        let bin = rig.folder.path().join("upper/bin");
        std::fs::create_dir_all(&bin).expect("made");
        for (name, wasi) in [("p1", Wasi::P1), ("p2", Wasi::P2)] {
            let program = rig.further("guest", guest(wasi), wasi).await;
            std::fs::write(bin.join(name), "").expect("written");
            programs.by_path.lock().insert(format!("/bin/{name}"), Ok(program));
        }
        std::fs::write(bin.join("text"), "").expect("written");
        let text = Err(Unresolved::NotAProgram("it is a text".into()));
        programs.by_path.lock().insert("/bin/text".into(), text);
        std::fs::write(bin.join("denied"), "").expect("written");
        programs.by_path.lock().insert("/bin/denied".into(), Err(Unresolved::Denied("the gate".into())));
        Self { rig, programs }
    }

    async fn spec(&self, steps: &str) -> Spec {
        self.rig.spec(Wasi::P1, &steps.split(' ').collect::<Vec<_>>()).await
    }

    async fn start(&self, spec: Spec, input: Option<Arc<dyn Input>>, output: &Arc<Collected>) -> Guest {
        let stdio = Stdio { input, output: Arc::clone(output) as Arc<dyn Output> };
        let resolver: Arc<dyn Resolver> = Arc::clone(&self.programs) as _;
        let outside = Outside { resolver: Some(resolver), ..Outside::default() };
        self.rig.sandbox.start_with(spec, stdio, outside).await.expect("starts")
    }

    async fn run_spec(&self, spec: Spec) -> Ran {
        let output = Arc::new(Collected::default());
        let guest = self.start(spec, None, &output).await;
        let exit = guest.wait().await;
        Ran { exit, out: output.text(Stream::Stdout), err: output.text(Stream::Stderr), guest }
    }

    async fn run(&self, steps: &str) -> Ran {
        let spec = self.spec(steps).await;
        tokio::time::timeout(Duration::from_secs(60), self.run_spec(spec)).await.expect("it ends")
    }

    /// A process from outside.
    async fn exec(&self, first: &Guest, process: ProcessSpec, output: &Arc<Collected>) -> Result<Guest, SandboxError> {
        let stdio = Stdio { input: None, output: Arc::clone(output) as Arc<dyn Output> };
        self.rig.sandbox.start_within(first, process, stdio).await
    }

    async fn process(&self, wasi: Wasi, steps: &str) -> ProcessSpec {
        ProcessSpec {
            program: self.rig.further("guest", guest(wasi), wasi).await,
            args: ["guest"].into_iter().chain(steps.split(' ')).map(String::from).collect(),
            env: vec![("NAME".into(), "other".into())],
            cwd: "/".into(),
            user: User::default(),
            tty: false,
        }
    }

    fn upper(&self, path: &str) -> String {
        std::fs::read_to_string(self.rig.folder.path().join("upper").join(path)).expect("written")
    }
}

/// The status of a program that ends with `status`: WASI 0.2 knows only success and failure.
fn status(wasi: Wasi, status: u8) -> u8 {
    if wasi == Wasi::P1 { status } else { 1 }
}

#[tokio::test]
async fn a_process_from_outside_shares_files_and_has_its_own_streams_and_status() {
    for shared in [true, false] {
        let container = Container::with(shared).await;
        let first = container.start(container.spec("sleep 1000000").await, None, &Arc::default()).await;
        assert_eq!(first.pid(), 1);
        for wasi in BOTH {
            let output = Arc::new(Collected::default());
            let process = container.process(wasi, "write /f text ; read /f ; env ; exit 7").await;
            let other = container.exec(&first, process, &output).await.expect("starts");
            assert!(other.pid() > 1);
            assert_eq!(other.wait().await, Exit::Code(status(wasi, 7)), "{}", output.text(Stream::Stderr));
            assert_eq!(output.text(Stream::Stdout), "text\nNAME=other\n");
        }
        assert_eq!(first.processes().len(), 1);
        first.stop(Stop::Kill);
        assert_eq!(first.wait().await, Exit::Signalled(137));
        let late = container.exec(&first, container.process(Wasi::P1, "pid").await, &Arc::default()).await;
        assert!(matches!(late, Err(SandboxError::Ended)));
    }
}

#[tokio::test]
async fn the_end_of_the_first_program_ends_all_others_before_it_is_told() {
    let container = Container::new().await;
    let output = Arc::new(Collected::default());
    let first =
        container.start(container.spec("start /bin/p1 loop ; echo").await, Some(Arc::new(Fed::default())), &output);
    let first = first.await;
    let mut others = Vec::new();
    for wasi in BOTH {
        for steps in ["loop", "sleep 1000000"] {
            let process = container.process(wasi, steps).await;
            others.push(container.exec(&first, process, &Arc::default()).await.expect("starts"));
        }
    }
    until(|| first.processes().len() == 6).await;
    let list = first.processes();
    assert_eq!(list[0].args[1], "start");
    assert!(list.iter().filter(|process| process.parent == 1).count() == 1, "{list:?}");
    assert!(list.windows(2).all(|pair| pair[0].pid < pair[1].pid) && list.iter().all(|it| it.memory_bytes > 0));
    first.stop(Stop::Terminate);
    assert_eq!(first.wait().await, Exit::Signalled(143));
    for other in others {
        assert_eq!(tokio::time::timeout(Duration::ZERO, other.wait()).await, Ok(Exit::Signalled(137)));
    }
    assert_eq!(first.usage().memory_bytes, 0);
    assert!(first.usage().cpu_us > 0 && first.processes().is_empty());
}

#[tokio::test]
async fn what_processes_use_counts_together() {
    let container = Container::new().await;
    let mut spec = container.spec("sleep 1000000").await;
    spec.limits = Limits { memory_bytes: 16 << 20, processes: 3, ..Limits::default() };
    let first = container.start(spec, None, &Arc::default()).await;
    until(|| first.usage().memory_bytes > 0).await;
    let alone = first.usage();
    let output = Arc::new(Collected::default());
    let greedy = container.process(Wasi::P1, "allocate-politely").await;
    let other = container.exec(&first, greedy, &output).await.expect("starts");
    assert_eq!(other.wait().await, Exit::Code(0));
    assert!(output.text(Stream::Stdout).starts_with("refused after 1"), "{}", output.text(Stream::Stdout));
    let after = first.usage();
    assert!(after.peak_memory_bytes > 15 << 20 && after.memory_bytes == alone.memory_bytes, "{after:?}");
    assert!(after.cpu_us > alone.cpu_us);
    let mut sleepers = Vec::new();
    for _ in 0..2 {
        let process = container.process(Wasi::P1, "sleep 1000000").await;
        sleepers.push(container.exec(&first, process, &output).await.expect("starts"));
    }
    let process = container.process(Wasi::P1, "pid").await;
    let refused = container.exec(&first, process, &output).await;
    assert!(matches!(refused, Err(SandboxError::TooManyProcesses(3))));
    sleepers[0].stop(Stop::Kill);
    assert_eq!(sleepers[0].wait().await.status(), 137);
    let process = container.process(Wasi::P1, "pid").await;
    assert_eq!(container.exec(&first, process, &output).await.expect("starts").wait().await, Exit::Code(0));
    first.stop(Stop::Kill);
    first.wait().await;
}

#[tokio::test]
async fn a_pause_holds_all_processes() {
    let container = Container::new().await;
    let first = container.start(container.spec("sleep 1000000").await, None, &Arc::default()).await;
    let busy = container.process(Wasi::P1, "loop").await;
    let other = container.exec(&first, busy, &Arc::default()).await.expect("starts");
    until(|| other.usage().cpu_us > 0).await;
    first.pause(true);
    let before = other.usage().cpu_us;
    turns().await;
    assert_eq!(other.usage().cpu_us, before);
    first.pause(false);
    until(|| other.usage().cpu_us > before).await;
    first.stop(Stop::Kill);
    first.wait().await;
}

#[tokio::test]
async fn a_missing_working_folder_is_not_made_for_a_further_process() {
    let container = Container::new().await;
    let first = container.start(container.spec("sleep 1000000").await, None, &Arc::default()).await;
    let process = ProcessSpec { cwd: "/missing".into(), ..container.process(Wasi::P1, "pid").await };
    let refused = container.exec(&first, process, &Arc::default()).await;
    assert!(matches!(refused, Err(SandboxError::WorkingDir { .. })), "{refused:?}");
    assert_eq!(first.processes().len(), 1);
    first.stop(Stop::Kill);
    first.wait().await;
}

#[tokio::test]
async fn a_guest_starts_a_child_and_gets_its_status() {
    for shared in [true, false] {
        let container = Container::with(shared).await;
        let ran = container.run("pid ; run /bin/p1 pid , exit 3 ; run /bin/p2 say hi , exit 4 ; run bin/p1 env").await;
        assert_eq!(ran.printed(), "1 of 0\n2 of 1\nstatus 3\nhi\nstatus 1\nFROM=parent\nstatus 0");
        let ran = container.run("run /bin/p1 abort").await;
        assert_eq!(ran.printed(), "status 134");
        assert!(ran.err.contains("wasm trap"), "{}", ran.err);
    }
}

#[tokio::test]
async fn a_child_gets_the_environment_and_the_folder_it_is_given() {
    let container = Container::new().await;
    let ran = container.run("mkdir /srv ; run-in A=1,B= /srv /bin/p1 env ; run-in A=1 /srv ../bin/p2 env").await;
    assert_eq!(ran.printed(), "A=1|B=|PWD=/srv\nstatus 0\nA=1|PWD=/srv\nstatus 0");
    assert_eq!(container.run("run-in =1 / /bin/p1 pid").await.err, "run-in =1 / /bin/p1 pid: errno 28\n");
    assert_eq!(container.run("run-in A=1 srv /bin/p1 pid").await.exit, Exit::Code(1));
}

#[tokio::test]
async fn why_nothing_was_started_is_told() {
    let container = Container::new().await;
    let steps = "errno /bin/none ; errno /bin/p1/x ; errno /bin ; errno /bin/text ; errno /bin/denied ; \
        run-in A=1 /none /bin/p1";
    let ran = container.run(steps).await;
    assert_eq!(ran.out, "errno 44\nerrno 54\nerrno 2\nerrno 45\nerrno 2\n");
    assert!(ran.err.contains("errno 44"), "{}", ran.err);
    // Nobody knows programs here.
    let spec = container.spec("errno /bin/p1").await;
    assert_eq!(container.rig.run_spec(spec).await.printed(), "errno 6");
}

#[tokio::test]
async fn output_is_captured_and_pipelines_of_any_kind_of_program_flow() {
    let container = Container::new().await;
    assert_eq!(container.run("capture /bin/p1 say hello").await.printed(), "captured \"hello\" status 0");
    assert_eq!(container.run("capture /bin/p2 say hello").await.printed(), "captured \"hello\" status 0");
    for [a, b, c] in [["p1", "p1", "p1"], ["p2", "p1", "p2"], ["p1", "p2", "p1"], ["p2", "p2", "p2"]] {
        let steps = format!("pipeline /bin/{a} say text + /bin/{b} echo + /bin/{c} echo , exit 5");
        let last = status(if c == "p1" { Wasi::P1 } else { Wasi::P2 }, 5);
        assert_eq!(container.run(&steps).await.printed(), format!("text\nstatuses [0, 0, {last}]"));
    }
    // Far more than pipes hold.
    let ran = container.run("pipeline /bin/p1 produce 1000000 + /bin/p2 echo + /bin/p1 length").await;
    assert_eq!(ran.printed(), "1000000\nstatuses [0, 0, 0]");
    // A reader that goes early ends who floods it.
    let ran = container.run("pipeline /bin/p1 flood + /bin/p1 pid").await;
    assert_eq!(ran.printed().lines().last(), Some("statuses [1, 0]"));
}

#[tokio::test]
async fn redirections_share_offsets_and_ends() {
    let container = Container::new().await;
    let ran = container.run("redirect /out run /bin/p1 say inner ; say outer ; from /out /bin/p2 echo").await;
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Code(1), "redirect /out run /bin/p1 say inner: errno 44\n"));
    let ran = container.run("redirect /out /bin/p1 say inner ; say outer ; from /out /bin/p2 echo").await;
    assert_eq!(ran.printed(), "status 0\nouter\ninner\nstatus 0");
    for how in ["write", "append"] {
        for program in ["p1", "p2"] {
            container.run(&format!("share /shared-{how}-{program} {how} /bin/{program} say child")).await.printed();
            assert_eq!(container.upper(&format!("shared-{how}-{program}")), "before child\nafter");
        }
    }
}

#[tokio::test]
async fn children_are_waited_for_signalled_and_reaped() {
    let container = Container::new().await;
    let ran =
        container.run("try-wait ; start /bin/p1 sleep 1000000 ; try-wait ; kill 2 0 ; kill 2 15 ; wait-any").await;
    assert_eq!(ran.printed(), "Err(12)\nOk((0, 0))\nstatus 143");
    let ran = container.run("start /bin/p2 loop ; kill 2 9 ; wait-for 2 ; wait-for 2 ; kill 2 0 ; kill 77 9").await;
    assert_eq!(ran.printed(), "Ok((2, 137))\nErr(12)\nerrno 71\nerrno 71");
    // A parent's end is not its child's.
    let ran =
        container.run("run /bin/p1 start /bin/p1 sleep 1000000 ; kill 3 0 ; wait-for 3 ; kill 3 2 ; kill 3 7").await;
    assert_eq!(ran.printed(), "status 0\nErr(12)\nerrno 28");
    assert_eq!(container.run("kill 1 2").await.exit, Exit::Signalled(130));
    assert_eq!(container.run("run /bin/p1 kill 1 9").await.exit, Exit::Signalled(137));
    assert_eq!(*container.programs.stops.lock(), [Stop::Interrupt, Stop::Kill]);
}

#[tokio::test]
async fn what_belongs_to_another_user_is_not_signalled() {
    let container = Container::new().await;
    let first = container.start(container.spec("sleep 1000000").await, None, &Arc::default()).await;
    let output = Arc::new(Collected::default());
    let user = User { uid: 1000, gid: 1000, groups: Vec::new() };
    let process = ProcessSpec { user, ..container.process(Wasi::P1, "kill 1 15 ; kill 1 0").await };
    assert_eq!(container.exec(&first, process, &output).await.expect("starts").wait().await, Exit::Code(0));
    assert_eq!(output.text(Stream::Stdout), "errno 63\nerrno 63\n");
    first.stop(Stop::Kill);
    first.wait().await;
}

#[tokio::test]
async fn a_terminals_interrupt_ends_what_a_shell_started_and_not_the_shell() {
    let container = Container::new().await;
    let output = Arc::new(Collected::default());
    let steps = "run /bin/p1 run /bin/p1 say begun , sleep 1000000 ; say prompt";
    let shell = container.start(container.spec(steps).await, None, &output).await;
    assert!(!shell.interrupt_children() || output.len() > 0);
    until(|| output.len() > 0).await;
    assert!(shell.interrupt_children());
    assert_eq!(shell.wait().await, Exit::Code(0));
    assert!(output.text(Stream::Stdout).ends_with("status 130\nprompt\n"), "{}", output.text(Stream::Stdout));
}

#[tokio::test]
async fn a_fork_bomb_is_held_and_ends_with_its_container() {
    let container = Container::new().await;
    let mut spec = container.spec("bomb /bin/p1 sleep 1000000").await;
    spec.limits = Limits { processes: 9, ..Limits::default() };
    assert_eq!(container.run_spec(spec).await.printed(), "errno 6 after 8");
    // What ended and was not waited for counts.
    let mut spec = container.spec("bomb /bin/p1 pid ; wait-any ; run /bin/p1 pid").await;
    spec.limits = Limits { processes: 5, ..Limits::default() };
    let ran = container.run_spec(spec).await;
    assert_eq!(ran.printed(), "errno 6 after 4\nstatus 0\n6 of 1\nstatus 0");
    // Of 32 places four are kept for processes from outside.
    assert_eq!(container.run("bomb /bin/p1 sleep 1000000").await.printed(), "errno 6 after 28");

    let first = container.start(container.spec("fork-bomb").await, None, &Arc::default()).await;
    until(|| first.processes().len() > 20).await;
    let output = Arc::new(Collected::default());
    let process = container.process(Wasi::P1, "say inside").await;
    assert_eq!(container.exec(&first, process, &output).await.expect("a place").wait().await, Exit::Code(0));
    first.stop(Stop::Kill);
    assert_eq!(first.wait().await, Exit::Signalled(137));
    assert_eq!(container.run("run /bin/p1 pid").await.printed(), "2 of 1\nstatus 0");
}

#[tokio::test]
async fn pipes_and_descriptors_are_bounded() {
    let container = Container::new().await;
    let with = async |steps: &str| {
        let mut spec = container.spec(steps).await;
        spec.limits = Limits { open_files: 50, ..Limits::default() };
        container.run_spec(spec).await.printed().to_owned()
    };
    assert_eq!(with("pipes").await, "errno 33 after 25");
    // Three streams and the root are there.
    assert_eq!(with("dups").await, "errno 33 after 54");
    assert_eq!(with("dup2-far").await, "[Err(8), Err(8), Ok(())]");
    assert_eq!(with("broken-pipe").await, "BrokenPipe");
    let first = container.start(container.spec("fill-pipe").await, None, &Arc::default()).await;
    until(|| first.usage().open_files == 2).await;
    first.stop(Stop::Kill);
    assert_eq!(first.wait().await, Exit::Signalled(137));
    assert_eq!(first.usage().open_files, 0);
}

#[tokio::test]
async fn arguments_past_their_limits_are_refused() {
    let container = Container::new().await;
    // 128 KiB with the NUL, as on Linux.
    assert_eq!(container.run("big arg 131071").await.printed(), "status 0");
    assert_eq!(container.run("big arg 131072").await.printed(), "errno 1");
    assert_eq!(container.run("big env 131069").await.printed(), "status 0");
    assert_eq!(container.run("big env 131070").await.printed(), "errno 1");
}

#[tokio::test]
async fn a_file_of_the_image_is_asked_for_once() {
    use sprat_image::layer::{Attributes, DATA_FILE, INDEX_FILE, Index, LayerWriter, unpack};
    let container = Container::new().await;
    let mut writer = LayerWriter::new();
    writer.bytes(b"app/tool", Attributes::FILE, Vec::new()).expect("written");
    writer.symlink(b"app/link", Attributes::FILE, b"tool").expect("written");
    let mut tar = Vec::new();
    writer.write(&mut tar).expect("written");
    let layer = container.rig.folder.path().join("layer");
    std::fs::create_dir(&layer).expect("made");
    let mut data = fs_err::File::create(layer.join(DATA_FILE)).expect("made");
    let index = unpack(&mut tar.as_slice(), &mut data).expect("unpacked");
    data.set_len(Index::decode(&index).expect("an index").data_len).expect("set");
    std::fs::write(layer.join(INDEX_FILE), index).expect("written");
    let program = container.programs.by_path.lock()["/bin/p1"].clone();
    container.programs.by_path.lock().insert("/app/tool".into(), program);
    let mut spec =
        container.spec("many 20 /app/tool ; run /app/link pid ; write /app/tool x ; run /app/tool pid").await;
    spec.files.layers = vec![layer];
    assert_eq!(container.run_spec(spec).await.printed(), "22 of 1\nstatus 0\n23 of 1\nstatus 0");
    // Once for the image's file, once for what the container made of it.
    assert_eq!(container.programs.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
#[ignore = "a measurement: run it alone, with --nocapture"]
async fn spawning_is_fast() {
    let container = Container::new().await;
    let begin = std::time::Instant::now();
    container.run("many 1 /bin/p1").await.printed();
    let one = begin.elapsed();
    let begin = std::time::Instant::now();
    container.run("many 1001 /bin/p1").await.printed();
    println!("{:?} a spawn and wait", (begin.elapsed() - one) / 1000);
}

/// The component, on the engine of 0.2 or that of 0.3.
async fn run_component(container: &Container, wasi: Wasi, steps: &str) -> Ran {
    let program = container.rig.program("processes", process_guest(), wasi).await.expect("links");
    container.run_spec(container.rig.spec_of(program, &steps.split(' ').collect::<Vec<_>>())).await
}

#[tokio::test]
async fn components_start_processes_by_their_interface() {
    let container = Container::new().await;
    for wasi in [Wasi::P2, Wasi::P3] {
        let run = async |steps: &str| run_component(&container, wasi, steps).await.printed().to_owned();
        assert_eq!(
            run("pid ; run /bin/p1 pid , exit 3 ; run /bin/p2 env").await,
            "1 of 0\n2 of 1\nstatus 3\nFROM=component\nstatus 0"
        );
        assert_eq!(run("poll /bin/p1 sleep 5 ; kill /bin/p2 loop").await, "None Some(0) 0\nstatus 143");
        let errors = "run /bin/none ; run /bin ; run /bin/text ; run /bin/denied ; signal 77";
        let codes = ["no-entry", "access", "not-a-program", "access", "no-process"];
        assert_eq!(run(errors).await, codes.join("\n"));
        assert_eq!(run("leave /bin/p1 pid").await.lines().last(), Some("gone"));
        assert_eq!(
            run("file /listing /bin/p2 say line ; from /listing /bin/p1 echo").await,
            "statuses 0 0 0\nline\nline\nline\nstatus 0"
        );
        assert_eq!(run("feed abc /bin/p1 echo , say end").await, "abcabcabcend\nstatus 0");
        let pipeline = "pipeline /bin/p1 produce 300000 + /bin/p2 echo + /bin/p1 echo";
        assert_eq!(run(pipeline).await, "300000 bytes [0, 0, 0]");
    }
    let ran = run_component(&container, Wasi::P2, "signal 1").await;
    assert_eq!(ran.exit, Exit::Signalled(137));
}
