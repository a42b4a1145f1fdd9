//! Starts a worker process and waits until it can be connected to.

use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{ClientError, SpawnCommand};
use crate::WorkerOptions;
use crate::server::READY;

/// How long a worker may take to come up.
const SPAWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Variables that a worker keeps of its owner's.
const KEPT_VARIABLES: [&str; 5] = ["LD_LIBRARY_PATH", "RUST_BACKTRACE", "RUST_LOG", "TMPDIR", "LLVM_PROFILE_FILE"];

/// Bytes of its stderr that a failure to start shows.
const SHOWN_BYTES: u64 = 2000;

/// Starts a worker process; it answers on its socket when this returns. It is reaped when it ends, whenever that is.
pub(super) async fn spawn(command: &SpawnCommand, options: &WorkerOptions) -> Result<(), ClientError> {
    let failed = |reason: String| ClientError::Spawn { name: options.name.clone(), reason };
    let (stderr, from) = open_stderr(&command.stderr)
        .map_err(|error| failed(format!("cannot write {}: {error}", command.stderr.display())))?;
    make_socket_folder(&options.socket).map_err(|error| failed(error.to_string()))?;
    close_inherited();
    let json = serde_json::to_string(options).map_err(|error| failed(error.to_string()))?;
    let mut child = Command::new(&command.program)
        .args(&command.args)
        .arg(json)
        .env_clear()
        .envs(KEPT_VARIABLES.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .map_err(|error| failed(format!("cannot run {}: {error}", command.program.display())))?;
    let came_up = tokio::time::timeout(SPAWN_TIMEOUT, ready(&mut child)).await;
    if matches!(came_up, Ok(true)) {
        tokio::spawn(async move { child.wait().await });
        return Ok(());
    }
    let reason = match came_up {
        Ok(_) => "it ended at once",
        Err(_) => "it did not answer in time",
    };
    // It may have ended already.
    let _ = child.start_kill();
    let status = child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
    let said = read_from(&command.stderr, from).unwrap_or_default();
    Err(failed(format!("{reason} ({status}) {}", said.trim()).trim_end().to_owned()))
}

/// Waits for the line that says a worker is ready; false if it never comes.
async fn ready(child: &mut Child) -> bool {
    let Some(stdout) = child.stdout.take() else { return false };
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        // A test's harness may have begun the line.
        if line.ends_with(READY) {
            return true;
        }
    }
    false
}

fn open_stderr(path: &Path) -> std::io::Result<(std::fs::File, u64)> {
    let file = fs_err::OpenOptions::new().append(true).create(true).open(path)?;
    let size = file.metadata()?.len();
    Ok((file.into_parts().0, size))
}

fn read_from(path: &Path, from: u64) -> std::io::Result<String> {
    let mut file = fs_err::File::open(path)?;
    let end = file.metadata()?.len();
    file.seek(SeekFrom::Start(from.max(end.saturating_sub(SHOWN_BYTES))))?;
    let mut said = Vec::new();
    file.take(SHOWN_BYTES).read_to_end(&mut said)?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// Only the same user may look into the folder of a worker's socket.
fn make_socket_folder(socket: &Path) -> std::io::Result<()> {
    match socket.parent() {
        Some(folder) if !folder.exists() => std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder),
        _ => Ok(()),
    }
}

/// Marks what this process inherited by accident, so that the worker does not hold it for ever.
fn close_inherited() {
    const FIRST: libc::c_uint = 3;
    #[expect(unsafe_code, reason = "there is no safe call for close_range")]
    // SAFETY: with CLOSE_RANGE_CLOEXEC nothing is closed here; descriptors are only marked to be closed in a child.
    // A kernel without the call changes nothing.
    let _ = unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
}
