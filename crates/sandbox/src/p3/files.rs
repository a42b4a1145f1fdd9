//! `wasi:filesystem@0.3` on the file view.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use wasmtime::component::{Access, Accessor, FutureReader, Resource, StreamReader};
use wasmtime_wasi::TrappableError;
use wasmtime_wasi::p3::bindings::clocks::system_clock::Instant;

use super::bindings::wasi::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, Filesize, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use super::bindings::wasi::filesystem::{preopens, types};
use super::streams::{End, FileConsumer, FileProducer};
use crate::component::{FilesHost, HasFiles, Node, Open};
use crate::files::{Create, Descriptor, Errno, FileView, Follow, Kind, Stat, Times};

/// An error code, or a trap.
pub(super) type FsError = TrappableError<ErrorCode>;

type FsResult<T> = Result<T, FsError>;

/// The end of a stream.
type Ended = FutureReader<Result<(), ErrorCode>>;

impl From<Errno> for ErrorCode {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::Access => Self::Access,
            Errno::BadDescriptor => Self::BadDescriptor,
            Errno::Busy => Self::Busy,
            Errno::CrossDevice => Self::CrossDevice,
            Errno::Exist => Self::Exist,
            Errno::FileTooLarge => Self::FileTooLarge,
            Errno::IllegalByteSequence => Self::IllegalByteSequence,
            Errno::Invalid => Self::Invalid,
            Errno::Io => Self::Io,
            Errno::IsDirectory => Self::IsDirectory,
            Errno::Loop => Self::Loop,
            // WASI 0.3 has no code for it. The nearest says that a limit is reached: `EDQUOT`, "quota exceeded".
            Errno::TooManyFiles | Errno::Quota => Self::Quota,
            Errno::TooManyLinks => Self::TooManyLinks,
            Errno::NameTooLong => Self::NameTooLong,
            Errno::NoEntry => Self::NoEntry,
            Errno::NoSpace => Self::InsufficientSpace,
            Errno::NotDirectory => Self::NotDirectory,
            Errno::NotEmpty => Self::NotEmpty,
            Errno::NotSupported => Self::Unsupported,
            Errno::NotPermitted => Self::NotPermitted,
            Errno::ReadOnly => Self::ReadOnly,
        }
    }
}

impl From<Errno> for FsError {
    fn from(errno: Errno) -> Self {
        ErrorCode::from(errno).into()
    }
}

fn descriptor_type(kind: Kind) -> DescriptorType {
    match kind {
        Kind::Directory => DescriptorType::Directory,
        Kind::File => DescriptorType::RegularFile,
        Kind::Symlink => DescriptorType::SymbolicLink,
        Kind::CharacterDevice => DescriptorType::CharacterDevice,
        Kind::Other => DescriptorType::Other(None),
    }
}

fn instant(ns: i64) -> Option<Instant> {
    let nanoseconds = u32::try_from(ns.rem_euclid(1_000_000_000)).ok()?;
    Some(Instant { seconds: ns.div_euclid(1_000_000_000), nanoseconds })
}

fn descriptor_stat(stat: &Stat) -> DescriptorStat {
    DescriptorStat {
        type_: descriptor_type(stat.kind),
        link_count: stat.links,
        size: stat.size,
        data_access_timestamp: instant(stat.accessed_ns),
        data_modification_timestamp: instant(stat.modified_ns),
        status_change_timestamp: instant(stat.changed_ns),
    }
}

fn hash_value(stat: &Stat) -> MetadataHashValue {
    let (lower, upper) = FilesHost::hash(stat);
    MetadataHashValue { lower, upper }
}

fn nanoseconds(timestamp: NewTimestamp) -> Result<Option<i64>, ErrorCode> {
    match timestamp {
        NewTimestamp::NoChange => Ok(None),
        NewTimestamp::Now => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(now.as_nanos()).map(Some).map_err(|_| ErrorCode::Overflow)
        }
        NewTimestamp::Timestamp(time) => time
            .seconds
            .checked_mul(1_000_000_000)
            .and_then(|ns| ns.checked_add(i64::from(time.nanoseconds)))
            .map(Some)
            .ok_or(ErrorCode::Overflow),
    }
}

fn times(accessed: NewTimestamp, modified: NewTimestamp) -> Result<Times, ErrorCode> {
    Ok(Times { accessed_ns: nanoseconds(accessed)?, modified_ns: nanoseconds(modified)? })
}

fn follow(flags: PathFlags) -> Follow {
    if flags.contains(PathFlags::SYMLINK_FOLLOW) { Follow::Yes } else { Follow::No }
}

/// Runs `call` with the view and an open node.
fn with_node<U, R>(
    store: &Accessor<U, HasFiles>,
    fd: &Resource<Node>,
    call: impl FnOnce(&FileView, &Node) -> FsResult<R>,
) -> FsResult<R> {
    store.with(|mut store| {
        let host = store.get();
        call(host.view, host.table.get(fd).map_err(FsError::trap)?)
    })
}

/// Runs `call` with the view and the folder and path that a guest's path means.
fn with_path<U, R>(
    store: &Accessor<U, HasFiles>,
    fd: &Resource<Node>,
    path: &str,
    call: impl FnOnce(&FileView, &Descriptor, &str) -> Result<R, Errno>,
) -> FsResult<R> {
    with_node(store, fd, |view, node| {
        let (folder, path) = node.folder.locate(view, path);
        Ok(call(view, folder, &path)?)
    })
}

/// Runs `call` with the view and what two paths of a guest mean.
fn with_paths<U>(
    store: &Accessor<U, HasFiles>,
    (fd, path): (&Resource<Node>, &str),
    (new_fd, new_path): (&Resource<Node>, &str),
    call: impl FnOnce(&FileView, (&Descriptor, &str), (&Descriptor, &str)) -> Result<(), Errno>,
) -> FsResult<()> {
    store.with(|mut store| {
        let host = store.get();
        let node = host.table.get(fd).map_err(FsError::trap)?;
        let new_node = host.table.get(new_fd).map_err(FsError::trap)?;
        let (folder, path) = node.folder.locate(host.view, path);
        let (new_folder, new_path) = new_node.folder.locate(host.view, new_path);
        Ok(call(host.view, (folder, &path), (new_folder, &new_path))?)
    })
}

/// The view and an open file, for a stream; an error code if the file can't be used so.
fn stream_file<U>(
    store: &mut Access<'_, U, HasFiles>,
    fd: &Resource<Node>,
    write: bool,
) -> wasmtime::Result<Result<(Arc<FileView>, Descriptor), ErrorCode>> {
    let host = store.get();
    let file = host.table.get(fd)?.descriptor().clone();
    let access = file.access();
    Ok(if file.kind() == Kind::Directory {
        Err(ErrorCode::IsDirectory)
    } else if (write && !access.write) || (!write && !access.read) {
        Err(ErrorCode::BadDescriptor)
    } else {
        Ok((Arc::clone(host.view), file))
    })
}

/// Lets a stream of the guest flow into a file.
fn write_stream<U>(
    mut store: Access<'_, U, HasFiles>,
    fd: &Resource<Node>,
    mut data: StreamReader<u8>,
    offset: Option<u64>,
) -> wasmtime::Result<Ended> {
    let (view, file) = match stream_file(&mut store, fd, true)? {
        Ok(opened) => opened,
        Err(code) => {
            // A reader that is only dropped leaves the guest waiting for someone to take what it writes.
            data.close(&mut store)?;
            return FutureReader::new(&mut store, async { wasmtime::error::Ok(Err(code)) });
        }
    };
    let (end, ended) = End::new();
    data.pipe(&mut store, FileConsumer { view, file, offset, end })?;
    FutureReader::new(&mut store, ended)
}

impl preopens::Host for FilesHost<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Node>, String)>> {
        self.preopens()
    }
}

impl types::Host for FilesHost<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }
}

impl types::HostDescriptor for FilesHost<'_> {
    fn drop(&mut self, fd: Resource<Node>) -> wasmtime::Result<()> {
        self.table.delete(fd)?;
        Ok(())
    }
}

impl<U> types::HostDescriptorWithStore<U> for HasFiles {
    fn read_via_stream(
        mut store: Access<'_, U, Self>,
        fd: Resource<Node>,
        offset: Filesize,
    ) -> wasmtime::Result<(StreamReader<u8>, Ended)> {
        let (view, file) = match stream_file(&mut store, &fd, false)? {
            Ok(opened) => opened,
            Err(code) => {
                let stream = StreamReader::new(&mut store, std::iter::empty())?;
                return Ok((stream, FutureReader::new(&mut store, async { wasmtime::error::Ok(Err(code)) })?));
            }
        };
        let (end, ended) = End::new();
        let stream = StreamReader::new(&mut store, FileProducer { view, file, offset, end })?;
        Ok((stream, FutureReader::new(&mut store, ended)?))
    }

    fn write_via_stream(
        store: Access<'_, U, Self>,
        fd: Resource<Node>,
        data: StreamReader<u8>,
        offset: Filesize,
    ) -> wasmtime::Result<Ended> {
        write_stream(store, &fd, data, Some(offset))
    }

    fn append_via_stream(
        store: Access<'_, U, Self>,
        fd: Resource<Node>,
        data: StreamReader<u8>,
    ) -> wasmtime::Result<Ended> {
        write_stream(store, &fd, data, None)
    }

    async fn advise(
        store: &Accessor<U, Self>,
        fd: Resource<Node>,
        _: Filesize,
        _: Filesize,
        _: Advice,
    ) -> FsResult<()> {
        with_node(store, &fd, |_, _| Ok(()))
    }

    async fn sync_data(store: &Accessor<U, Self>, fd: Resource<Node>) -> FsResult<()> {
        with_node(store, &fd, |view, node| Ok(view.sync(node.descriptor(), true)?))
    }

    async fn get_flags(store: &Accessor<U, Self>, fd: Resource<Node>) -> FsResult<DescriptorFlags> {
        with_node(store, &fd, |_, node| {
            let access = node.descriptor().access();
            let directory = node.descriptor().kind() == Kind::Directory;
            let when = |holds, flag| if holds { flag } else { DescriptorFlags::empty() };
            Ok(when(access.read, DescriptorFlags::READ)
                | when(access.write && !directory, DescriptorFlags::WRITE)
                | when(node.mutate_directory && directory, DescriptorFlags::MUTATE_DIRECTORY))
        })
    }

    async fn get_type(store: &Accessor<U, Self>, fd: Resource<Node>) -> FsResult<DescriptorType> {
        with_node(store, &fd, |_, node| Ok(descriptor_type(node.descriptor().kind())))
    }

    async fn set_size(store: &Accessor<U, Self>, fd: Resource<Node>, size: Filesize) -> FsResult<()> {
        with_node(store, &fd, |view, node| Ok(view.set_size(node.descriptor(), size)?))
    }

    async fn set_times(
        store: &Accessor<U, Self>,
        fd: Resource<Node>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let times = times(accessed, modified)?;
        with_node(store, &fd, |view, node| Ok(view.set_times(node.descriptor(), times)?))
    }

    fn read_directory(
        mut store: Access<'_, U, Self>,
        fd: Resource<Node>,
    ) -> wasmtime::Result<(StreamReader<DirectoryEntry>, Ended)> {
        let host = store.get();
        let listed = host.view.entries(host.table.get(&fd)?.descriptor());
        let end = listed.as_ref().map(drop).map_err(|errno| ErrorCode::from(*errno));
        let entries: Vec<_> = listed
            .unwrap_or_default()
            .into_iter()
            .map(|entry| DirectoryEntry { type_: descriptor_type(entry.kind), name: entry.name })
            .collect();
        let stream = StreamReader::new(&mut store, entries)?;
        Ok((stream, FutureReader::new(&mut store, async { wasmtime::error::Ok(end) })?))
    }

    async fn sync(store: &Accessor<U, Self>, fd: Resource<Node>) -> FsResult<()> {
        with_node(store, &fd, |view, node| Ok(view.sync(node.descriptor(), false)?))
    }

    async fn create_directory_at(store: &Accessor<U, Self>, fd: Resource<Node>, path: String) -> FsResult<()> {
        with_path(store, &fd, &path, FileView::make_directory)
    }

    async fn stat(store: &Accessor<U, Self>, fd: Resource<Node>) -> FsResult<DescriptorStat> {
        with_node(store, &fd, |view, node| Ok(descriptor_stat(&view.stat(node.descriptor())?)))
    }

    async fn stat_at(
        store: &Accessor<U, Self>,
        fd: Resource<Node>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        let stat = with_path(store, &fd, &path, |view, folder, path| view.stat_at(folder, path, follow(flags)))?;
        Ok(descriptor_stat(&stat))
    }

    async fn set_times_at(
        store: &Accessor<U, Self>,
        fd: Resource<Node>,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let times = times(accessed, modified)?;
        with_path(store, &fd, &path, |view, folder, path| view.set_times_at(folder, path, follow(flags), times))
    }

    async fn link_at(
        store: &Accessor<U, Self>,
        fd: Resource<Node>,
        flags: PathFlags,
        path: String,
        new_fd: Resource<Node>,
        new_path: String,
    ) -> FsResult<()> {
        with_paths(store, (&fd, &path), (&new_fd, &new_path), |view, (folder, path), (new_folder, new_path)| {
            view.link(folder, path, follow(flags), new_folder, new_path)
        })
    }

    async fn open_at(
        store: &Accessor<U, Self>,
        fd: Resource<Node>,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Node>> {
        let open = Open {
            follow: follow(path_flags),
            create: Create {
                create: open_flags.contains(OpenFlags::CREATE),
                exclusive: open_flags.contains(OpenFlags::EXCLUSIVE),
                truncate: open_flags.contains(OpenFlags::TRUNCATE),
                directory: open_flags.contains(OpenFlags::DIRECTORY),
            },
            read: flags.contains(DescriptorFlags::READ),
            write: flags.contains(DescriptorFlags::WRITE),
            mutate_directory: flags.contains(DescriptorFlags::MUTATE_DIRECTORY),
        };
        store.with(|mut store| {
            let host = store.get();
            let opened = host.open(host.table.get(&fd).map_err(FsError::trap)?, &path, open)?;
            host.table.push(opened).map_err(FsError::trap)
        })
    }

    async fn readlink_at(store: &Accessor<U, Self>, fd: Resource<Node>, path: String) -> FsResult<String> {
        with_path(store, &fd, &path, FileView::read_link)
    }

    async fn remove_directory_at(store: &Accessor<U, Self>, fd: Resource<Node>, path: String) -> FsResult<()> {
        with_path(store, &fd, &path, FileView::remove_directory)
    }

    async fn rename_at(
        store: &Accessor<U, Self>,
        fd: Resource<Node>,
        path: String,
        new_fd: Resource<Node>,
        new_path: String,
    ) -> FsResult<()> {
        with_paths(store, (&fd, &path), (&new_fd, &new_path), |view, (folder, path), (new_folder, new_path)| {
            view.rename(folder, path, new_folder, new_path)
        })
    }

    async fn symlink_at(store: &Accessor<U, Self>, fd: Resource<Node>, target: String, path: String) -> FsResult<()> {
        with_path(store, &fd, &path, |view, folder, path| view.symlink(&target, folder, path))
    }

    async fn unlink_file_at(store: &Accessor<U, Self>, fd: Resource<Node>, path: String) -> FsResult<()> {
        with_path(store, &fd, &path, FileView::unlink)
    }

    async fn is_same_object(
        store: &Accessor<U, Self>,
        fd: Resource<Node>,
        other: Resource<Node>,
    ) -> wasmtime::Result<bool> {
        store.with(|mut store| {
            let table = store.get().table;
            Ok(table.get(&fd)?.descriptor().same_node(table.get(&other)?.descriptor()))
        })
    }

    async fn metadata_hash(store: &Accessor<U, Self>, fd: Resource<Node>) -> FsResult<MetadataHashValue> {
        with_node(store, &fd, |view, node| Ok(hash_value(&view.stat(node.descriptor())?)))
    }

    async fn metadata_hash_at(
        store: &Accessor<U, Self>,
        fd: Resource<Node>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let stat = with_path(store, &fd, &path, |view, folder, path| view.stat_at(folder, path, follow(flags)))?;
        Ok(hash_value(&stat))
    }
}
