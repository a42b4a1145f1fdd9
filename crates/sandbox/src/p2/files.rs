//! `wasi:filesystem@0.2` on the file view.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use wasmtime::component::Resource;
use wasmtime_wasi::TrappableError;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use super::bindings::wasi::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, Filesize, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use super::bindings::wasi::filesystem::{preopens, types};
use super::streams::{FileInput, FileOutput, Target};
use crate::component::{FilesHost, Node, Open};
use crate::files::{Create, Errno, Follow, Kind, Stat, Times};

/// An error code, or a trap.
pub(super) type FsError = TrappableError<ErrorCode>;

type FsResult<T> = Result<T, FsError>;

/// Bytes that one read moves at most.
const MAX_READ: u64 = 1 << 20;

/// The entries of a folder that are still to be read.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct Listing(VecDeque<DirectoryEntry>);

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
            // WASI 0.2 has no code for it. The nearest says that a limit is reached: `EDQUOT`, "quota exceeded".
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
        Kind::Other => DescriptorType::Unknown,
    }
}

fn datetime(ns: i64) -> Option<Datetime> {
    let ns = u64::try_from(ns).ok()?;
    let nanoseconds = u32::try_from(ns % 1_000_000_000).ok()?;
    Some(Datetime { seconds: ns / 1_000_000_000, nanoseconds })
}

fn descriptor_stat(stat: &Stat) -> DescriptorStat {
    DescriptorStat {
        type_: descriptor_type(stat.kind),
        link_count: stat.links,
        size: stat.size,
        data_access_timestamp: datetime(stat.accessed_ns),
        data_modification_timestamp: datetime(stat.modified_ns),
        status_change_timestamp: datetime(stat.changed_ns),
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
        NewTimestamp::Timestamp(time) => i64::try_from(time.seconds)
            .ok()
            .and_then(|seconds| seconds.checked_mul(1_000_000_000))
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

impl FilesHost<'_> {
    fn output(&mut self, fd: &Resource<Node>, target: Target) -> FsResult<Resource<DynOutputStream>> {
        let node = self.table.get(fd).map_err(FsError::trap)?;
        if !node.descriptor().access().write {
            return Err(ErrorCode::BadDescriptor.into());
        }
        let file = node.descriptor().clone();
        // wasi-libc makes `EIO` of whatever a stream's write fails with, but hands on why there is no stream.
        let offset = if let Target::Offset(offset) = target { Some(offset) } else { None };
        self.view.check_room(&file, offset)?;
        let stream: DynOutputStream = Box::new(FileOutput { view: Arc::clone(self.view), file, target });
        self.table.push(stream).map_err(FsError::trap)
    }
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

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(self.table.get(&error)?.downcast_ref::<Errno>().map(|errno| ErrorCode::from(*errno)))
    }
}

impl types::HostDescriptor for FilesHost<'_> {
    fn read_via_stream(&mut self, fd: Resource<Node>, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        if node.descriptor().kind() == Kind::Directory {
            return Err(ErrorCode::IsDirectory.into());
        }
        if !node.descriptor().access().read {
            return Err(ErrorCode::BadDescriptor.into());
        }
        let file = node.descriptor().clone();
        let stream: DynInputStream = Box::new(FileInput { view: Arc::clone(self.view), file, offset });
        self.table.push(stream).map_err(FsError::trap)
    }

    fn write_via_stream(&mut self, fd: Resource<Node>, offset: Filesize) -> FsResult<Resource<DynOutputStream>> {
        self.output(&fd, Target::Offset(offset))
    }

    fn append_via_stream(&mut self, fd: Resource<Node>) -> FsResult<Resource<DynOutputStream>> {
        self.output(&fd, Target::End)
    }

    fn advise(&mut self, fd: Resource<Node>, _: Filesize, _: Filesize, _: Advice) -> FsResult<()> {
        self.table.get(&fd).map_err(FsError::trap)?;
        Ok(())
    }

    fn sync_data(&mut self, fd: Resource<Node>) -> FsResult<()> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        Ok(self.view.sync(node.descriptor(), true)?)
    }

    fn get_flags(&mut self, fd: Resource<Node>) -> FsResult<DescriptorFlags> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        let access = node.descriptor().access();
        let directory = node.descriptor().kind() == Kind::Directory;
        let when = |holds, flag| if holds { flag } else { DescriptorFlags::empty() };
        Ok(when(access.read, DescriptorFlags::READ)
            | when(access.write && !directory, DescriptorFlags::WRITE)
            | when(node.mutate_directory && directory, DescriptorFlags::MUTATE_DIRECTORY))
    }

    fn get_type(&mut self, fd: Resource<Node>) -> FsResult<DescriptorType> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        Ok(descriptor_type(node.descriptor().kind()))
    }

    fn set_size(&mut self, fd: Resource<Node>, size: Filesize) -> FsResult<()> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        Ok(self.view.set_size(node.descriptor(), size)?)
    }

    fn set_times(&mut self, fd: Resource<Node>, accessed: NewTimestamp, modified: NewTimestamp) -> FsResult<()> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        Ok(self.view.set_times(node.descriptor(), times(accessed, modified)?)?)
    }

    fn read(&mut self, fd: Resource<Node>, length: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        let mut buffer = vec![0; usize::try_from(length.min(MAX_READ)).unwrap_or(0)];
        let read = self.view.read(node.descriptor(), &mut buffer, offset)?;
        buffer.truncate(read);
        Ok((buffer, read == 0 && length > 0))
    }

    fn write(&mut self, fd: Resource<Node>, buffer: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        Ok(self.view.write(node.descriptor(), &buffer, offset)? as u64)
    }

    fn read_directory(&mut self, fd: Resource<Node>) -> FsResult<Resource<Listing>> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        let entries = self.view.entries(node.descriptor())?;
        let entries =
            entries.into_iter().map(|entry| DirectoryEntry { type_: descriptor_type(entry.kind), name: entry.name });
        let listing = Listing(entries.collect());
        self.table.push(listing).map_err(FsError::trap)
    }

    fn sync(&mut self, fd: Resource<Node>) -> FsResult<()> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        Ok(self.view.sync(node.descriptor(), false)?)
    }

    fn create_directory_at(&mut self, fd: Resource<Node>, path: String) -> FsResult<()> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        let (folder, path) = node.folder.locate(self.view, &path);
        Ok(self.view.make_directory(folder, &path)?)
    }

    fn stat(&mut self, fd: Resource<Node>) -> FsResult<DescriptorStat> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        Ok(descriptor_stat(&self.view.stat(node.descriptor())?))
    }

    fn stat_at(&mut self, fd: Resource<Node>, flags: PathFlags, path: String) -> FsResult<DescriptorStat> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        let (folder, path) = node.folder.locate(self.view, &path);
        Ok(descriptor_stat(&self.view.stat_at(folder, &path, follow(flags))?))
    }

    fn set_times_at(
        &mut self,
        fd: Resource<Node>,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        let (folder, path) = node.folder.locate(self.view, &path);
        Ok(self.view.set_times_at(folder, &path, follow(flags), times(accessed, modified)?)?)
    }

    fn link_at(
        &mut self,
        fd: Resource<Node>,
        flags: PathFlags,
        path: String,
        new_fd: Resource<Node>,
        new_path: String,
    ) -> FsResult<()> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        let new_node = self.table.get(&new_fd).map_err(FsError::trap)?;
        let (folder, path) = node.folder.locate(self.view, &path);
        let (new_folder, new_path) = new_node.folder.locate(self.view, &new_path);
        Ok(self.view.link(folder, &path, follow(flags), new_folder, &new_path)?)
    }

    fn open_at(
        &mut self,
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
        let opened = self.open(self.table.get(&fd).map_err(FsError::trap)?, &path, open)?;
        self.table.push(opened).map_err(FsError::trap)
    }

    fn readlink_at(&mut self, fd: Resource<Node>, path: String) -> FsResult<String> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        let (folder, path) = node.folder.locate(self.view, &path);
        Ok(self.view.read_link(folder, &path)?)
    }

    fn remove_directory_at(&mut self, fd: Resource<Node>, path: String) -> FsResult<()> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        let (folder, path) = node.folder.locate(self.view, &path);
        Ok(self.view.remove_directory(folder, &path)?)
    }

    fn rename_at(
        &mut self,
        fd: Resource<Node>,
        path: String,
        new_fd: Resource<Node>,
        new_path: String,
    ) -> FsResult<()> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        let new_node = self.table.get(&new_fd).map_err(FsError::trap)?;
        let (folder, path) = node.folder.locate(self.view, &path);
        let (new_folder, new_path) = new_node.folder.locate(self.view, &new_path);
        Ok(self.view.rename(folder, &path, new_folder, &new_path)?)
    }

    fn symlink_at(&mut self, fd: Resource<Node>, target: String, path: String) -> FsResult<()> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        let (folder, path) = node.folder.locate(self.view, &path);
        Ok(self.view.symlink(&target, folder, &path)?)
    }

    fn unlink_file_at(&mut self, fd: Resource<Node>, path: String) -> FsResult<()> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        let (folder, path) = node.folder.locate(self.view, &path);
        Ok(self.view.unlink(folder, &path)?)
    }

    fn is_same_object(&mut self, fd: Resource<Node>, other: Resource<Node>) -> wasmtime::Result<bool> {
        Ok(self.table.get(&fd)?.descriptor().same_node(self.table.get(&other)?.descriptor()))
    }

    fn metadata_hash(&mut self, fd: Resource<Node>) -> FsResult<MetadataHashValue> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        Ok(hash_value(&self.view.stat(node.descriptor())?))
    }

    fn metadata_hash_at(&mut self, fd: Resource<Node>, flags: PathFlags, path: String) -> FsResult<MetadataHashValue> {
        let node = self.table.get(&fd).map_err(FsError::trap)?;
        let (folder, path) = node.folder.locate(self.view, &path);
        Ok(hash_value(&self.view.stat_at(folder, &path, follow(flags))?))
    }

    fn drop(&mut self, fd: Resource<Node>) -> wasmtime::Result<()> {
        self.table.delete(fd)?;
        Ok(())
    }
}

impl types::HostDirectoryEntryStream for FilesHost<'_> {
    fn read_directory_entry(&mut self, stream: Resource<Listing>) -> FsResult<Option<DirectoryEntry>> {
        Ok(self.table.get_mut(&stream).map_err(FsError::trap)?.0.pop_front())
    }

    fn drop(&mut self, stream: Resource<Listing>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}
