//! [`System`] on `sprat_process`, the imports by which a WASI 0.1 program starts others (see `docs/process.md`).

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd as _, FromRawFd as _, RawFd};
use std::path::{Path, PathBuf};

use toolbox_shell::{Launch, LaunchError, System};

/// Errors of WASI 0.1 (`errno` in its witx).
const ACCES: i32 = 2;
const NOENT: i32 = 44;
const NOEXEC: i32 = 45;

/// No descriptor, and any child.
const NONE: u32 = u32::MAX;

mod imports {
    #[link(wasm_import_module = "sprat_process")]
    unsafe extern "C" {
        pub(super) fn spawn(
            path: *const u8,
            path_length: usize,
            args: *const u8,
            args_length: usize,
            env: *const u8,
            env_length: usize,
            folder: *const u8,
            folder_length: usize,
            input: u32,
            output: u32,
            error: u32,
            process: *mut u32,
        ) -> i32;
        pub(super) fn wait(process: u32, flags: u32, status: *mut u32, ended: *mut u32) -> i32;
        pub(super) fn kill(process: u32, signal: u32) -> i32;
        pub(super) fn pipe(read: *mut u32, write: *mut u32) -> i32;
        pub(super) fn getpid(process: *mut u32, parent: *mut u32) -> i32;
    }
}

/// The host's processes.
#[derive(Debug)]
pub(crate) struct Wasi {
    program: PathBuf,
}

impl Wasi {
    pub(crate) fn new() -> Self {
        Self { program: own_program() }
    }
}

/// Where this program is: by its own name if that is a path, else by PATH.
fn own_program() -> PathBuf {
    let name = std::env::args_os().next().unwrap_or_else(|| "sh".into());
    let name = PathBuf::from(name);
    let named = name.is_absolute() || name.components().count() > 1;
    if named && name.is_file() {
        return std::env::current_dir().unwrap_or_else(|_| "/".into()).join(name);
    }
    let folders = std::env::var("PATH").unwrap_or_else(|_| toolbox_shell::DEFAULT_PATH.to_owned());
    let candidates = ["sh", "toolbox"].iter().flat_map(|name| folders.split(':').map(move |f| Path::new(f).join(name)));
    candidates.into_iter().find(|path| path.is_file()).unwrap_or_else(|| "/bin/sh".into())
}

fn check(errno: i32) -> io::Result<()> {
    if errno == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(errno)) }
}

/// Texts one after another, each with a NUL behind it.
fn joined(texts: &[Vec<u8>]) -> Vec<u8> {
    texts.iter().flat_map(|text| text.iter().copied().filter(|byte| *byte != 0).chain([0])).collect()
}

fn number(file: Option<&File>) -> u32 {
    file.and_then(|file| u32::try_from(file.as_raw_fd()).ok()).unwrap_or(NONE)
}

fn file(descriptor: u32) -> io::Result<File> {
    let descriptor = RawFd::try_from(descriptor).map_err(io::Error::other)?;
    // SAFETY: the host has just made this descriptor, for us alone.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

impl System for Wasi {
    fn pipe(&self) -> io::Result<(File, File)> {
        let (mut read, mut write) = (0, 0);
        // SAFETY: both point to numbers of ours.
        check(unsafe { imports::pipe(&raw mut read, &raw mut write) })?;
        Ok((file(read)?, file(write)?))
    }

    fn standard_stream(&self, number: u32) -> Option<File> {
        let descriptor = RawFd::try_from(number).ok()?;
        // SAFETY: the standard streams are open as long as the process runs: whoever drops this one leaks it (see below).
        let stream = ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) });
        // A closed one has no metadata. A second owner keeps the first from ever closing it.
        stream.metadata().ok()?;
        let kept = std::rc::Rc::new(ManuallyDrop::into_inner(stream));
        std::mem::forget(std::rc::Rc::clone(&kept));
        drop(kept);
        // SAFETY: as above; the shell holds its streams to its end.
        Some(unsafe { File::from_raw_fd(descriptor) })
    }

    fn spawn(&self, launch: &Launch<'_>) -> Result<u32, LaunchError> {
        let path = launch.path.as_os_str().as_encoded_bytes();
        let folder = launch.folder.as_os_str().as_encoded_bytes();
        let (args, env) = (joined(launch.args), joined(launch.env));
        let [input, output, error] = launch.streams.map(number);
        let mut process = 0;
        // SAFETY: each pointer goes with the length of what it points to.
        let errno = unsafe {
            imports::spawn(
                path.as_ptr(),
                path.len(),
                args.as_ptr(),
                args.len(),
                env.as_ptr(),
                env.len(),
                folder.as_ptr(),
                folder.len(),
                input,
                output,
                error,
                &raw mut process,
            )
        };
        match errno {
            0 => Ok(process),
            NOENT => Err(LaunchError::Missing),
            ACCES => Err(LaunchError::Denied),
            NOEXEC => Err(LaunchError::NotAProgram),
            other => Err(LaunchError::Other(io::Error::from_raw_os_error(other))),
        }
    }

    fn wait(&self, child: Option<u32>, hang: bool) -> io::Result<Option<(u32, i32)>> {
        let (mut status, mut ended) = (0, 0);
        let flags = u32::from(!hang);
        // SAFETY: both point to numbers of ours.
        check(unsafe { imports::wait(child.unwrap_or(NONE), flags, &raw mut status, &raw mut ended) })?;
        Ok((ended != 0).then(|| (ended, i32::try_from(status).unwrap_or(255))))
    }

    fn kill(&self, process: u32, signal: u32) -> io::Result<()> {
        // SAFETY: no pointers.
        check(unsafe { imports::kill(process, signal) })
    }

    fn identity(&self) -> (u32, u32) {
        let (mut process, mut parent) = (1, 0);
        // SAFETY: both point to numbers of ours. The call can't fail; if it did, the first process is a fair guess.
        let _ = unsafe { imports::getpid(&raw mut process, &raw mut parent) };
        (process, parent)
    }

    fn shell(&self) -> PathBuf {
        self.program.clone()
    }

    /// WASI has no modes: the host tells at the start.
    fn is_executable(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn builtin_program(&self, name: &str) -> Option<PathBuf> {
        crate::commands::is_known(name).then(|| self.program.clone())
    }
}

/// Goes to the folder that the host calls the working folder. wasi-libc starts at `/` whatever it is; among the folders that
/// are given to us, it is the one with an absolute name that is not the root.
pub(crate) fn enter_working_folder() {
    const FIRST: wasip1::Fd = 3;
    const MOST: wasip1::Fd = 32;
    for descriptor in FIRST..FIRST + MOST {
        // SAFETY: asks about a descriptor; a wrong one is an error.
        let Ok(found) = (unsafe { wasip1::fd_prestat_get(descriptor) }) else { return };
        // SAFETY: a folder is the only kind there is, and it has been answered.
        let length = unsafe { found.u.dir.pr_name_len };
        let mut name = vec![0; length];
        // SAFETY: the buffer has that length.
        if unsafe { wasip1::fd_prestat_dir_name(descriptor, name.as_mut_ptr(), length) }.is_err() {
            return;
        }
        let name = String::from_utf8_lossy(&name).into_owned();
        if name.starts_with('/') && name != "/" {
            // Where that fails, one is at the root, as without us.
            let _ = std::env::set_current_dir(&name);
            return;
        }
    }
}
