//! The table of all functions of `wasi_snapshot_preview1`.

use rand::Rng as _;
use sprat_program::PREVIEW1;
use wasmtime::{Caller, Engine, Linker};

use super::errno::Errno;
use super::memory::GuestMemory;
use super::poll::{self, Arguments};
use super::streams::{self, Transfer};
use super::{ProcExit, Process, clocks, environment, fd, path, processes, with_memory};

/// Random bytes made between two yields.
const RANDOM_CHUNK: u32 = 64 << 10;

/// Defines functions that never wait. Each is written as its name, its parameters and its body; `memory` and `process`
/// are the guest's. Parameters of type `u32` and `u64` are wasm's `i32` and `i64`.
macro_rules! define {
    ($linker:ident, |$memory:ident, $process:ident| {
        $($name:ident($($parameter:ident: $type:ty),*) => $body:expr;)*
    }) => {$(
        $linker.func_wrap(
            PREVIEW1,
            stringify!($name),
            |mut caller: Caller<'_, Process>, $($parameter: $type),*| -> wasmtime::Result<i32> {
                with_memory(&mut caller, |$memory: &mut GuestMemory<'_>, $process: &mut Process| Errno::code($body))
            },
        )?;
    )*};
}

/// A linker with all of WASI 0.1, and what starts processes.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Process>> {
    let mut linker = Linker::new(engine);
    define_process(&mut linker)?;
    define_fd(&mut linker)?;
    define_path(&mut linker)?;
    define_waiting(&mut linker)?;
    define_sockets(&mut linker)?;
    processes::define(&mut linker)?;
    Ok(linker)
}

fn define_process(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
    define!(linker, |memory, process| {
        args_get(pointers: u32, strings: u32) => environment::args_get(memory, process, pointers, strings);
        args_sizes_get(count: u32, bytes: u32) => environment::args_sizes_get(memory, process, count, bytes);
        environ_get(pointers: u32, strings: u32) => environment::environ_get(memory, process, pointers, strings);
        environ_sizes_get(count: u32, bytes: u32) => environment::environ_sizes_get(memory, process, count, bytes);
        clock_res_get(clock: u32, at: u32) => { let _ = process; clocks::clock_res_get(memory, clock, at) };
        clock_time_get(clock: u32, _precision: u64, at: u32) => clocks::clock_time_get(memory, process, clock, at);
        proc_raise(_signal: u32) => { let _ = (memory, process); Err(Errno::NOT_SUPPORTED) };
    });
    linker.func_wrap(PREVIEW1, "proc_exit", |status: u32| -> wasmtime::Result<()> {
        Err(wasmtime::Error::new(ProcExit(status)))
    })?;
    Ok(())
}

fn define_fd(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
    define!(linker, |memory, process| {
        fd_advise(number: u32, _offset: u64, _len: u64, advice: u32) => {
            let _ = memory;
            fd::advise(process, number, advice)
        };
        fd_allocate(number: u32, offset: u64, len: u64) => {
            let _ = memory;
            fd::allocate(process, number, offset, len)
        };
        fd_close(number: u32) => { let _ = memory; process.descriptors.close(number) };
        fd_datasync(number: u32) => { let _ = memory; fd::sync(process, number, true) };
        fd_sync(number: u32) => { let _ = memory; fd::sync(process, number, false) };
        fd_fdstat_get(number: u32, at: u32) => fd::fdstat_get(memory, process, number, at);
        fd_fdstat_set_flags(number: u32, flags: u32) => {
            let _ = memory;
            fd::fdstat_set_flags(process, number, flags)
        };
        fd_fdstat_set_rights(number: u32, _base: u64, _inheriting: u64) => {
            let _ = memory;
            fd::fdstat_set_rights(process, number)
        };
        fd_filestat_get(number: u32, at: u32) => fd::filestat_get(memory, process, number, at);
        fd_filestat_set_size(number: u32, size: u64) => {
            let _ = memory;
            fd::filestat_set_size(process, number, size)
        };
        fd_filestat_set_times(number: u32, accessed: u64, modified: u64, flags: u32) => {
            let _ = memory;
            fd::filestat_set_times(process, number, accessed, modified, flags)
        };
        fd_pread(number: u32, iovecs: u32, count: u32, offset: u64, read_at: u32) => {
            fd::read(memory, process, number, (iovecs, count), Some(offset), read_at)
        };
        fd_prestat_get(number: u32, at: u32) => fd::prestat_get(memory, process, number, at);
        fd_prestat_dir_name(number: u32, at: u32, len: u32) => fd::prestat_dir_name(memory, process, number, at, len);
        fd_pwrite(number: u32, iovecs: u32, count: u32, offset: u64, written_at: u32) => {
            fd::write(memory, process, number, (iovecs, count), Some(offset), written_at)
        };
        fd_readdir(number: u32, buffer: u32, len: u32, cookie: u64, used_at: u32) => {
            fd::readdir(memory, process, number, (buffer, len), cookie, used_at)
        };
        fd_renumber(from: u32, to: u32) => { let _ = memory; process.descriptors.renumber(from, to) };
        fd_seek(number: u32, delta: i64, whence: u32, at: u32) => {
            fd::seek(memory, process, number, delta, whence, at)
        };
        fd_tell(number: u32, at: u32) => fd::tell(memory, process, number, at);
    });
    Ok(())
}

fn define_path(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
    define!(linker, |memory, process| {
        path_create_directory(number: u32, path: u32, len: u32) => {
            path::create_directory(memory, process, (number, path, len))
        };
        path_filestat_get(number: u32, flags: u32, path: u32, len: u32, at: u32) => {
            path::filestat_get(memory, process, (number, path, len), flags, at)
        };
        path_filestat_set_times(
            number: u32, flags: u32, path: u32, len: u32, accessed: u64, modified: u64, which: u32
        ) => {
            path::filestat_set_times(memory, process, (number, path, len), flags, (accessed, modified, which))
        };
        path_link(from: u32, flags: u32, path: u32, len: u32, to: u32, new: u32, new_len: u32) => {
            path::link(memory, process, (from, path, len), flags, (to, new, new_len))
        };
        path_open(
            number: u32, lookup: u32, path: u32, len: u32, oflags: u32, rights: u64, _inheriting: u64, fdflags: u32,
            opened_at: u32
        ) => {
            path::open(memory, process, (number, path, len), path::Open { lookup, oflags, rights, fdflags }, opened_at)
        };
        path_readlink(number: u32, path: u32, len: u32, buffer: u32, buffer_len: u32, used_at: u32) => {
            path::readlink(memory, process, (number, path, len), (buffer, buffer_len), used_at)
        };
        path_remove_directory(number: u32, path: u32, len: u32) => {
            path::remove_directory(memory, process, (number, path, len))
        };
        path_rename(from: u32, path: u32, len: u32, to: u32, new: u32, new_len: u32) => {
            path::rename(memory, process, (from, path, len), (to, new, new_len))
        };
        path_symlink(target: u32, target_len: u32, number: u32, path: u32, len: u32) => {
            path::symlink(memory, process, (target, target_len), (number, path, len))
        };
        path_unlink_file(number: u32, path: u32, len: u32) => {
            path::unlink_file(memory, process, (number, path, len))
        };
    });
    Ok(())
}

fn define_waiting(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        PREVIEW1,
        "fd_read",
        |caller: Caller<'_, Process>, (fd, iovecs, count, moved_at): (u32, u32, u32, u32)| {
            Box::new(streams::fd_read(caller, Transfer { fd, iovecs, count, moved_at }))
        },
    )?;
    linker.func_wrap_async(
        PREVIEW1,
        "fd_write",
        |caller: Caller<'_, Process>, (fd, iovecs, count, moved_at): (u32, u32, u32, u32)| {
            Box::new(streams::fd_write(caller, Transfer { fd, iovecs, count, moved_at }))
        },
    )?;
    linker.func_wrap_async(
        PREVIEW1,
        "poll_oneoff",
        |caller: Caller<'_, Process>, (subscriptions, events, count, stored_at): (u32, u32, u32, u32)| {
            Box::new(poll::poll_oneoff(caller, Arguments { subscriptions, events, count, stored_at }))
        },
    )?;
    linker.func_wrap_async(PREVIEW1, "random_get", |caller: Caller<'_, Process>, (buffer, len): (u32, u32)| {
        Box::new(random_get(caller, buffer, len))
    })?;
    linker.func_wrap_async(PREVIEW1, "sched_yield", |_: Caller<'_, Process>, (): ()| {
        Box::new(async {
            tokio::task::yield_now().await;
            0_i32
        })
    })?;
    Ok(())
}

async fn random_get(mut caller: Caller<'_, Process>, buffer: u32, len: u32) -> wasmtime::Result<i32> {
    if let Err(errno) = with_memory(&mut caller, |memory, _| memory.bytes(buffer, len).map(drop))? {
        return Ok(Errno::code(Err(errno)));
    }
    let mut done = 0;
    while done < len {
        let chunk = (len - done).min(RANDOM_CHUNK);
        let filled = with_memory(&mut caller, |memory, _| {
            memory.bytes_mut(buffer + done, chunk).map(|bytes| rand::rng().fill_bytes(bytes))
        })?;
        if filled.is_err() {
            return Ok(Errno::code(filled));
        }
        done += chunk;
        if done < len {
            tokio::task::yield_now().await;
        }
    }
    Ok(0)
}

fn define_sockets(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
    fn no_socket(process: &Process, number: u32) -> Result<(), Errno> {
        process.descriptors.get(number)?;
        Err(Errno::NOT_SOCKET)
    }
    define!(linker, |memory, process| {
        sock_accept(number: u32, _flags: u32, _at: u32) => { let _ = memory; no_socket(process, number) };
        sock_recv(number: u32, _iovecs: u32, _count: u32, _flags: u32, _len_at: u32, _flags_at: u32) => {
            let _ = memory;
            no_socket(process, number)
        };
        sock_send(number: u32, _iovecs: u32, _count: u32, _flags: u32, _len_at: u32) => {
            let _ = memory;
            no_socket(process, number)
        };
        sock_shutdown(number: u32, _how: u32) => { let _ = memory; no_socket(process, number) };
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use sprat_program::PREVIEW1_FUNCTIONS;
    use wasmtime::{Module, UnknownImportError};

    use super::*;

    #[test]
    fn what_programs_are_told_is_offered_is_linked() {
        let engine = Engine::default();
        let linker = linker(&engine).unwrap();
        let unknown = |name: &str| {
            let wat = format!(r#"(module (import "{PREVIEW1}" "{name}" (func)))"#);
            let module = Module::new(&engine, wat::parse_str(wat).unwrap()).unwrap();
            linker.instantiate_pre(&module).is_err_and(|error| error.is::<UnknownImportError>())
        };
        assert!(unknown("fd_magic"));
        let missing: Vec<_> = PREVIEW1_FUNCTIONS.iter().filter(|name| unknown(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
