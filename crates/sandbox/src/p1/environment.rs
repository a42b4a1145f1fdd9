//! `args_*` and `environ_*`.

use super::Process;
use super::errno::Errno;
use super::memory::GuestMemory;

/// Arguments or variables, each without its final NUL.
fn sizes(strings: impl Iterator<Item = impl AsRef<str>>) -> Result<(u32, u32), Errno> {
    let (count, bytes) = strings.fold((0_usize, 0_usize), |(count, bytes), string| {
        (count + 1, bytes.saturating_add(string.as_ref().len() + 1))
    });
    Ok((u32::try_from(count).map_err(|_| Errno::OVERFLOW)?, u32::try_from(bytes).map_err(|_| Errno::OVERFLOW)?))
}

fn store_sizes(
    memory: &mut GuestMemory<'_>,
    strings: impl Iterator<Item = impl AsRef<str>>,
    count_at: u32,
    bytes_at: u32,
) -> Result<(), Errno> {
    let (count, bytes) = sizes(strings)?;
    memory.store_u32(count_at, count)?;
    memory.store_u32(bytes_at, bytes)
}

fn store_all(
    memory: &mut GuestMemory<'_>,
    strings: impl Iterator<Item = impl AsRef<str>>,
    mut pointer_at: u32,
    mut string_at: u32,
) -> Result<(), Errno> {
    for string in strings {
        let string = string.as_ref().as_bytes();
        memory.store_u32(pointer_at, string_at)?;
        memory.store(string_at, string)?;
        let end = u32::try_from(string.len()).ok().and_then(|len| string_at.checked_add(len)).ok_or(Errno::FAULT)?;
        memory.store(end, &[0])?;
        pointer_at = pointer_at.checked_add(4).ok_or(Errno::FAULT)?;
        string_at = end.checked_add(1).ok_or(Errno::FAULT)?;
    }
    Ok(())
}

fn environ(process: &Process) -> impl Iterator<Item = String> {
    process.env.iter().map(|(name, value)| format!("{name}={value}"))
}

pub(super) fn args_sizes_get(
    memory: &mut GuestMemory<'_>,
    process: &Process,
    count: u32,
    bytes: u32,
) -> Result<(), Errno> {
    store_sizes(memory, process.control.args().iter(), count, bytes)
}

pub(super) fn args_get(
    memory: &mut GuestMemory<'_>,
    process: &Process,
    pointers: u32,
    strings: u32,
) -> Result<(), Errno> {
    store_all(memory, process.control.args().iter(), pointers, strings)
}

pub(super) fn environ_sizes_get(
    memory: &mut GuestMemory<'_>,
    process: &Process,
    count: u32,
    bytes: u32,
) -> Result<(), Errno> {
    store_sizes(memory, environ(process), count, bytes)
}

pub(super) fn environ_get(
    memory: &mut GuestMemory<'_>,
    process: &Process,
    pointers: u32,
    strings: u32,
) -> Result<(), Errno> {
    store_all(memory, environ(process), pointers, strings)
}
