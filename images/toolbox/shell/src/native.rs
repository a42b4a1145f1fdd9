//! [`System`] on a Unix that has processes: for the shell's own tests.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Signal};

use crate::system::{Launch, LaunchError, System};

/// Real processes.
#[derive(Debug, Default)]
pub struct Native {
    children: Mutex<HashMap<u32, Child>>,
}

fn status(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

impl System for Native {
    fn pipe(&self) -> io::Result<(File, File)> {
        let (read, write) = io::pipe()?;
        Ok((OwnedFd::from(read).into(), OwnedFd::from(write).into()))
    }

    fn standard_stream(&self, number: u32) -> Option<File> {
        let stream = match number {
            0 => io::stdin().as_fd().try_clone_to_owned(),
            1 => io::stdout().as_fd().try_clone_to_owned(),
            _ => io::stderr().as_fd().try_clone_to_owned(),
        };
        stream.ok().map(File::from)
    }

    fn spawn(&self, launch: &Launch<'_>) -> Result<u32, LaunchError> {
        let mut command = Command::new(launch.path);
        let mut args = launch.args.iter();
        command.arg0(OsStr::from_bytes(args.next().map_or(b"", Vec::as_slice)));
        command.args(args.map(|arg| OsStr::from_bytes(arg))).env_clear().current_dir(launch.folder);
        for entry in launch.env {
            let mut parts = entry.splitn(2, |byte| *byte == b'=');
            let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            command.env(OsStr::from_bytes(name), OsStr::from_bytes(value));
        }
        let stream = |file: Option<&File>| match file {
            Some(file) => file.try_clone().map(Stdio::from),
            None => Ok(Stdio::null()),
        };
        let [input, output, error] = launch.streams;
        command.stdin(stream(input).map_err(LaunchError::Other)?);
        command.stdout(stream(output).map_err(LaunchError::Other)?);
        command.stderr(stream(error).map_err(LaunchError::Other)?);
        let child = command.spawn().map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => LaunchError::Missing,
            io::ErrorKind::PermissionDenied => LaunchError::Denied,
            _ if e.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => LaunchError::NotAProgram,
            _ => LaunchError::Other(e),
        })?;
        let id = child.id();
        self.children.lock().unwrap_or_else(PoisonError::into_inner).insert(id, child);
        Ok(id)
    }

    fn wait(&self, child: Option<u32>, hang: bool) -> io::Result<Option<(u32, i32)>> {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        let id = child.or_else(|| children.keys().next().copied());
        let id = id.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let found = children.get_mut(&id).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let ended = if hang { Some(found.wait()?) } else { found.try_wait()? };
        if ended.is_some() {
            children.remove(&id);
        }
        Ok(ended.map(|ended| (id, status(ended))))
    }

    fn kill(&self, process: u32, signal: u32) -> io::Result<()> {
        let id = i32::try_from(process).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        match signal {
            0 => rustix::process::test_kill_process(id)?,
            2 => rustix::process::kill_process(id, Signal::INT)?,
            9 => rustix::process::kill_process(id, Signal::KILL)?,
            15 => rustix::process::kill_process(id, Signal::TERM)?,
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
        Ok(())
    }

    fn identity(&self) -> (u32, u32) {
        (std::process::id(), std::os::unix::process::parent_id())
    }

    fn shell(&self) -> PathBuf {
        std::env::current_exe().unwrap_or_else(|_| "/bin/sh".into())
    }

    fn is_executable(&self, path: &Path) -> bool {
        path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    }
}
