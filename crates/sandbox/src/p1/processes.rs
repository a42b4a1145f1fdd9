//! The functions of `sprat_process`: programs start programs, with pipes between them. See `docs/process.md`.

use std::sync::Arc;

use sprat_program::PROCESS;
use wasmtime::{Caller, Linker};

use super::errno::Errno;
use super::memory::GuestMemory;
use super::{Process, with_memory};
use crate::Stop;
use crate::handle::{Handle, Streams};
use crate::process::group::Unsignalled;
use crate::process::pipe::pipe;
use crate::process::spawn::{self, MAX_STRING, MAX_STRINGS, NotStarted, Request, STRING_COST};
use crate::start::Arguments;

/// No descriptor, or any child.
const NONE: u32 = u32::MAX;

/// `wait` does not wait.
const NO_HANG: u32 = 1;

impl From<NotStarted> for Errno {
    fn from(why: NotStarted) -> Self {
        match why {
            NotStarted::File(errno) => errno.into(),
            NotStarted::NotAProgram => Self::NOT_A_PROGRAM,
            NotStarted::Again => Self::AGAIN,
            NotStarted::TooBig => Self::TOO_BIG,
            NotStarted::NoMemory => Self::NO_MEMORY,
        }
    }
}

/// A text in the guest's memory: address and length.
type Text = (u32, u32);

/// The arguments of `spawn`.
#[derive(Debug, Clone, Copy)]
struct Spawn {
    path: Text,
    args: Text,
    env: Text,
    cwd: Text,
    streams: [u32; 3],
    pid_at: u32,
}

type SpawnParameters = (u32, u32, u32, u32, u32, u32, u32, u32, u32, u32, u32, u32);

pub(super) fn define(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
    linker.func_wrap_async(PROCESS, "spawn", |caller: Caller<'_, Process>, parameters: SpawnParameters| {
        let (path, path_len, args, args_len, env, env_len, cwd, cwd_len, stdin, stdout, stderr, pid_at) = parameters;
        let (path, args, env, cwd) = ((path, path_len), (args, args_len), (env, env_len), (cwd, cwd_len));
        Box::new(start(caller, Spawn { path, args, env, cwd, streams: [stdin, stdout, stderr], pid_at }))
    })?;
    linker.func_wrap_async(
        PROCESS,
        "wait",
        |caller: Caller<'_, Process>, (pid, flags, status_at, pid_at): (u32, u32, u32, u32)| {
            Box::new(wait(caller, pid, flags, (status_at, pid_at)))
        },
    )?;
    linker.func_wrap_async(PROCESS, "kill", |caller: Caller<'_, Process>, (pid, signal): (u32, u32)| {
        Box::new(kill(caller, pid, signal))
    })?;
    linker.func_wrap(PROCESS, "pipe", |mut caller: Caller<'_, Process>, read_at: u32, write_at: u32| {
        with_memory(&mut caller, |memory, process| Errno::code(make_pipe(memory, process, read_at, write_at)))
    })?;
    linker.func_wrap(PROCESS, "dup", |mut caller: Caller<'_, Process>, fd: u32, fd_at: u32| {
        with_memory(&mut caller, |memory, process| Errno::code(duplicate(memory, process, fd, fd_at)))
    })?;
    linker.func_wrap(PROCESS, "dup2", |mut caller: Caller<'_, Process>, fd: u32, target: u32| {
        let descriptors = &mut caller.data_mut().descriptors;
        let handle = descriptors.get(fd).cloned();
        Errno::code(handle.and_then(|handle| if fd == target { Ok(()) } else { descriptors.put(target, handle) }))
    })?;
    linker.func_wrap(PROCESS, "getpid", |mut caller: Caller<'_, Process>, pid_at: u32, parent_at: u32| {
        with_memory(&mut caller, |memory, process| {
            let pid = process.control.pid();
            let parent = process.control.group().parent(pid);
            Errno::code(memory.store_u32(pid_at, pid).and_then(|()| memory.store_u32(parent_at, parent)))
        })
    })?;
    Ok(())
}

async fn start(mut caller: Caller<'_, Process>, arguments: Spawn) -> wasmtime::Result<i32> {
    let request = match with_memory(&mut caller, |memory, process| request(memory, process, arguments))? {
        Ok(request) => request,
        Err(errno) => return Ok(Errno::code(Err(errno))),
    };
    let process = caller.data();
    let started = spawn::spawn(&process.control, &process.files, request).await.map_err(Errno::from);
    with_memory(&mut caller, |memory, _| Errno::code(started.and_then(|pid| memory.store_u32(arguments.pid_at, pid))))
}

fn request(memory: &mut GuestMemory<'_>, process: &Process, arguments: Spawn) -> Result<Request, Errno> {
    memory.store_u32(arguments.pid_at, 0)?;
    let path = memory.path(arguments.path.0, arguments.path.1)?;
    let cwd = memory.path(arguments.cwd.0, arguments.cwd.1)?;
    let cwd = if cwd.is_empty() { process.descriptors.working_folder() } else { cwd };
    if path.is_empty() {
        return Err(Errno::NO_ENTRY);
    }
    if !cwd.starts_with('/') {
        return Err(Errno::INVALID);
    }
    let path = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", cwd.trim_end_matches('/')) };
    let mut left = MAX_STRINGS;
    let args = strings(memory, arguments.args, &mut left)?;
    let variable = |text: String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(Errno::INVALID),
    };
    let env = strings(memory, arguments.env, &mut left)?.into_iter().map(variable).collect::<Result<_, _>>()?;
    if args.is_empty() {
        return Err(Errno::INVALID);
    }
    let streams = streams(process, arguments.streams)?;
    Ok(Request { path, arguments: Arguments { args, env, cwd: cwd.to_owned() }, streams })
}

/// Strings that each end with NUL. `left`: bytes that they may still have, with what each costs.
fn strings(memory: &GuestMemory<'_>, (address, len): Text, left: &mut usize) -> Result<Vec<String>, Errno> {
    if len as usize > MAX_STRINGS {
        return Err(Errno::TOO_BIG);
    }
    let mut bytes = memory.bytes(address, len)?;
    let mut strings = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|byte| *byte == 0).ok_or(Errno::INVALID)?;
        let (string, rest) = bytes.split_at_checked(end).ok_or(Errno::INVALID)?;
        *left = left.checked_sub(end + 1 + STRING_COST).ok_or(Errno::TOO_BIG)?;
        if end >= MAX_STRING {
            return Err(Errno::TOO_BIG);
        }
        strings.push(std::str::from_utf8(string).map_err(|_| Errno::ILLEGAL_BYTE_SEQUENCE)?.to_owned());
        bytes = rest.get(1..).unwrap_or_default();
    }
    Ok(strings)
}

fn streams(process: &Process, numbers: [u32; 3]) -> Result<Streams, Errno> {
    let [stdin, stdout, stderr] = numbers.map(|number| match number {
        NONE => Ok(None),
        number => process.descriptors.get(number).cloned().map(Some),
    });
    Ok([stdin?, stdout?, stderr?])
}

async fn wait(
    mut caller: Caller<'_, Process>,
    pid: u32,
    flags: u32,
    (status_at, pid_at): (u32, u32),
) -> wasmtime::Result<i32> {
    let cleared = with_memory(&mut caller, |memory, _| {
        memory.store_u32(status_at, 0).and_then(|()| memory.store_u32(pid_at, 0))
    })?;
    if cleared.is_err() || flags & !NO_HANG != 0 {
        return Ok(Errno::code(cleared.and(Err(Errno::INVALID))));
    }
    let control = Arc::clone(&caller.data().control);
    let which = (pid != NONE).then_some(pid);
    match control.group().wait(control.pid(), which, flags & NO_HANG == 0).await {
        Err(()) => Ok(Errno::code(Err(Errno::NO_CHILD))),
        Ok(None) => Ok(0),
        Ok(Some((pid, status))) => with_memory(&mut caller, |memory, _| {
            Errno::code(memory.store_u32(status_at, u32::from(status)).and_then(|()| memory.store_u32(pid_at, pid)))
        }),
    }
}

async fn kill(caller: Caller<'_, Process>, pid: u32, signal: u32) -> wasmtime::Result<i32> {
    let why = match signal {
        0 => None,
        2 => Some(Stop::Interrupt),
        9 => Some(Stop::Kill),
        15 => Some(Stop::Terminate),
        _ => return Ok(Errno::code(Err(Errno::INVALID))),
    };
    let control = &caller.data().control;
    let signalled = control.group().signal(control, pid, why).map_err(|why| match why {
        Unsignalled::NoProcess => Errno::NO_PROCESS,
        Unsignalled::NotPermitted => Errno::NOT_PERMITTED,
    });
    if signalled.is_ok() && why.is_some() && pid == control.pid() {
        // It does not come back from its own end.
        std::future::pending::<()>().await;
    }
    Ok(Errno::code(signalled))
}

fn make_pipe(memory: &mut GuestMemory<'_>, process: &mut Process, read_at: u32, write_at: u32) -> Result<(), Errno> {
    memory.store_u32(read_at, 0)?;
    memory.store_u32(write_at, 0)?;
    let places = [process.files.place()?, process.files.place()?];
    let (reader, writer) = pipe(places, &process.control.group().pipes());
    let read = process.descriptors.insert(Handle::Reader(reader))?;
    let write = match process.descriptors.insert(Handle::Writer(writer)) {
        Ok(write) => write,
        Err(errno) => {
            process.descriptors.close(read)?;
            return Err(errno);
        }
    };
    memory.store_u32(read_at, read)?;
    memory.store_u32(write_at, write)
}

fn duplicate(memory: &mut GuestMemory<'_>, process: &mut Process, fd: u32, fd_at: u32) -> Result<(), Errno> {
    memory.store_u32(fd_at, 0)?;
    let handle = process.descriptors.get(fd)?.clone();
    let number = process.descriptors.insert(handle)?;
    memory.store_u32(fd_at, number)
}

#[cfg(test)]
mod tests {
    use sprat_program::PROCESS_FUNCTIONS;
    use wasmtime::{Engine, Module, UnknownImportError};

    use super::*;

    #[test]
    fn what_programs_are_told_is_offered_is_linked() {
        let engine = Engine::default();
        let linker = crate::p1::linker(&engine).unwrap();
        let unknown = |name: &str| {
            let wat = format!(r#"(module (import "{PROCESS}" "{name}" (func)))"#);
            let module = Module::new(&engine, wat::parse_str(wat).unwrap()).unwrap();
            linker.instantiate_pre(&module).is_err_and(|error| error.is::<UnknownImportError>())
        };
        assert!(unknown("fork"));
        let missing: Vec<_> = PROCESS_FUNCTIONS.iter().filter(|name| unknown(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn strings_are_bounded_one_by_one_and_together() {
        let of = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let len = u32::try_from(bytes.len()).unwrap();
            strings(&GuestMemory::new(&mut bytes), (0, len), &mut MAX_STRINGS.clone())
        };
        assert_eq!(of(b"a\0\0b c\0"), Ok(vec!["a".into(), String::new(), "b c".into()]));
        assert_eq!(of(b""), Ok(Vec::new()));
        assert_eq!(of(b"a\0b"), Err(Errno::INVALID));
        assert_eq!(of(b"\xff\0"), Err(Errno::ILLEGAL_BYTE_SEQUENCE));
        let mut long = vec![b'x'; MAX_STRING];
        long.push(0);
        assert_eq!(of(&long), Err(Errno::TOO_BIG));
        assert!(of(&long[1..]).is_ok());
        assert_eq!(of(&vec![0; MAX_STRINGS / (STRING_COST + 1) + 1]), Err(Errno::TOO_BIG));
        assert!(of(&vec![0; MAX_STRINGS / (STRING_COST + 1)]).is_ok());
    }
}
