//! [`CompilerCommand`]: starting the compiler's process, feeding it, and telling why it died.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::compile::{MAX_CODE, MAX_CPU_SECONDS, MAX_MEMORY};
use crate::wire::Wire;
use crate::{ProgramError, Variant};

/// After this long a compiler is killed, whatever it waits for.
const MAX_WALL_CLOCK: Duration = Duration::from_secs(600);
/// Bytes that are read of what it says.
const MAX_OUTPUT: u64 = 64 << 10;
/// Threads of one compiler; more of them only need more memory.
const MAX_THREADS: usize = 16;
/// Heaps of the C library: one a thread would use up the address space on machines with many cores.
const MALLOC_ARENAS: &str = "4";
/// How the Rust runtime says that memory ran out.
const OUT_OF_MEMORY: &str = "memory allocation of";

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;
const SIGXFSZ: i32 = 25;

/// How to start the child: the program `sprat` and its hidden verb. The child calls [`crate::compile_child`].
#[derive(Debug, Clone)]
pub struct CompilerCommand {
    /// The executable.
    pub program: PathBuf,
    /// Its arguments before those this room adds.
    pub args: Vec<String>,
}

impl CompilerCommand {
    /// Compiles `wasm` into the file `output`. Dropping the future kills the child.
    pub(crate) async fn compile(&self, variant: Variant, wasm: &[u8], output: &Path) -> Result<(), ProgramError> {
        let child = self
            .command(variant, output)
            .spawn()
            .map_err(|source| ProgramError::io(format!("start the compiler {}", self.program.display()), source))?;
        match tokio::time::timeout(MAX_WALL_CLOCK, converse(child, wasm)).await {
            Ok(Ok(ended)) => ended.judge(),
            Ok(Err(source)) => Err(ProgramError::io("talk to the compiler", source)),
            Err(_) => {
                let seconds = MAX_WALL_CLOCK.as_secs();
                Err(ProgramError::Compile(format!("the compiler took more than {seconds} s and was ended")))
            }
        }
    }

    fn command(&self, variant: Variant, output: &Path) -> Command {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .arg(variant.name())
            .arg(output)
            .env_clear()
            .env("MALLOC_ARENA_MAX", MALLOC_ARENAS)
            .env("RAYON_NUM_THREADS", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

/// How a compiler ended, and what it said.
struct Ended {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

async fn converse(mut child: Child, wasm: &[u8]) -> std::io::Result<Ended> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A compiler that ends early says why itself; that it did not read everything is no second error.
            let _ = stdin.write_all(wasm).await;
        }
    };
    let ((), stdout, stderr, status) = tokio::join!(feed, hear(stdout), hear(stderr), child.wait());
    Ok(Ended { status: status?, stdout: stdout?, stderr: stderr? })
}

async fn hear(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut said = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(MAX_OUTPUT).read_to_end(&mut said).await?;
    }
    Ok(said)
}

impl Ended {
    fn judge(&self) -> Result<(), ProgramError> {
        if self.status.success() {
            return Ok(());
        }
        match serde_json::from_slice::<Wire>(&self.stdout) {
            Ok(wire) => Err(wire.into()),
            Err(_) => Err(ProgramError::Compile(self.reason())),
        }
    }

    fn reason(&self) -> String {
        let said = String::from_utf8_lossy(&self.stderr);
        let last = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it said nothing");
        match self.status.signal() {
            _ if said.contains(OUT_OF_MEMORY) => format!("the compiler used more than {} GiB", MAX_MEMORY >> 30),
            Some(SIGXCPU) => format!("the compiler used more than {MAX_CPU_SECONDS} s of CPU time"),
            Some(SIGXFSZ) => format!("the compiled code has more than {} GiB", MAX_CODE >> 30),
            Some(SIGKILL) => "the compiler was killed; is the machine out of memory?".to_owned(),
            Some(SIGABRT) | None => format!("the compiler failed ({}): {last}", self.status),
            Some(signal) => format!("the compiler crashed (signal {signal}): {last}"),
        }
    }
}
