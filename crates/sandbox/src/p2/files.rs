//! `wasi:filesystem@0.2` on the file view.

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
use crate::conversions::conversions;
use crate::files::{self, Create, DirEntry, Errno, FileView, Follow, Kind, Stat, Times, now_ns};

/// Bytes that one read moves at most.
const MAX_READ: u64 = 1 << 20;

/// The entries of a folder that are still to be read.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct Listing(files::Listing);

type Timestamp = Datetime;

const OTHER_TYPE: DescriptorType = DescriptorType::Unknown;

fn seconds(time: &Timestamp) -> Option<i64> {
    time.seconds.try_into().ok()
}

/// `None` before 1970.
fn timestamp(ns: i64) -> Option<Timestamp> {
    let ns = u64::try_from(ns).ok()?;
    let nanoseconds = u32::try_from(ns % 1_000_000_000).ok()?;
    Some(Timestamp { seconds: ns / 1_000_000_000, nanoseconds })
}

conversions!();

impl FilesHost<'_> {
    fn output(&mut self, fd: &Resource<Node>, target: Target) -> FsResult<Resource<DynOutputStream>> {
        let (view, file) = self.stream(fd, true)?;
        // wasi-libc makes `EIO` of whatever a stream's write fails with, but hands on why there is no stream.
        let offset = if let Target::Offset(offset) = target { Some(offset) } else { None };
        view.check_room(&file, offset)?;
        let stream: DynOutputStream = Box::new(FileOutput { view, file, target });
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
        let (view, file) = self.stream(&fd, false)?;
        let stream: DynInputStream = Box::new(FileInput { view, file, offset });
        self.table.push(stream).map_err(FsError::trap)
    }

    fn write_via_stream(&mut self, fd: Resource<Node>, offset: Filesize) -> FsResult<Resource<DynOutputStream>> {
        self.output(&fd, Target::Offset(offset))
    }

    fn append_via_stream(&mut self, fd: Resource<Node>) -> FsResult<Resource<DynOutputStream>> {
        self.output(&fd, Target::End)
    }

    fn advise(&mut self, fd: Resource<Node>, _: Filesize, _: Filesize, _: Advice) -> FsResult<()> {
        self.with_node(&fd, |_, _| Ok(()))
    }

    fn sync_data(&mut self, fd: Resource<Node>) -> FsResult<()> {
        self.with_node(&fd, |view, node| view.sync(node.descriptor(), true))
    }

    fn get_flags(&mut self, fd: Resource<Node>) -> FsResult<DescriptorFlags> {
        self.with_node(&fd, |_, node| Ok(descriptor_flags(node)))
    }

    fn get_type(&mut self, fd: Resource<Node>) -> FsResult<DescriptorType> {
        self.with_node(&fd, |_, node| Ok(descriptor_type(node.descriptor().kind())))
    }

    fn set_size(&mut self, fd: Resource<Node>, size: Filesize) -> FsResult<()> {
        self.with_node(&fd, |view, node| view.set_size(node.descriptor(), size))
    }

    fn set_times(&mut self, fd: Resource<Node>, accessed: NewTimestamp, modified: NewTimestamp) -> FsResult<()> {
        let times = times(accessed, modified)?;
        self.with_node(&fd, |view, node| view.set_times(node.descriptor(), times))
    }

    fn read(&mut self, fd: Resource<Node>, length: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)> {
        let mut buffer = vec![0; usize::try_from(length.min(MAX_READ)).unwrap_or(0)];
        let read = self.with_node(&fd, |view, node| view.read(node.descriptor(), &mut buffer, offset))?;
        buffer.truncate(read);
        Ok((buffer, read == 0 && length > 0))
    }

    fn write(&mut self, fd: Resource<Node>, buffer: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        let written = self.with_node(&fd, |view, node| view.write(node.descriptor(), &buffer, offset))?;
        Ok(written as u64)
    }

    fn read_directory(&mut self, fd: Resource<Node>) -> FsResult<Resource<Listing>> {
        let entries = self.with_node(&fd, |view, node| view.entries(node.descriptor()))?;
        self.table.push(Listing(entries)).map_err(FsError::trap)
    }

    fn sync(&mut self, fd: Resource<Node>) -> FsResult<()> {
        self.with_node(&fd, |view, node| view.sync(node.descriptor(), false))
    }

    fn create_directory_at(&mut self, fd: Resource<Node>, path: String) -> FsResult<()> {
        self.with_path(&fd, &path, FileView::make_directory)
    }

    fn stat(&mut self, fd: Resource<Node>) -> FsResult<DescriptorStat> {
        self.with_node(&fd, |view, node| Ok(descriptor_stat(&view.stat(node.descriptor())?)))
    }

    fn stat_at(&mut self, fd: Resource<Node>, flags: PathFlags, path: String) -> FsResult<DescriptorStat> {
        let stat = self.with_path(&fd, &path, |view, folder, path| view.stat_at(folder, path, follow(flags)))?;
        Ok(descriptor_stat(&stat))
    }

    fn set_times_at(
        &mut self,
        fd: Resource<Node>,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let times = times(accessed, modified)?;
        self.with_path(&fd, &path, |view, folder, path| view.set_times_at(folder, path, follow(flags), times))
    }

    fn link_at(
        &mut self,
        fd: Resource<Node>,
        flags: PathFlags,
        path: String,
        new_fd: Resource<Node>,
        new_path: String,
    ) -> FsResult<()> {
        self.with_paths((&fd, &path), (&new_fd, &new_path), |view, (folder, path), (new_folder, new_path)| {
            view.link(folder, path, follow(flags), new_folder, new_path)
        })
    }

    fn open_at(
        &mut self,
        fd: Resource<Node>,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Node>> {
        FilesHost::open(self, &fd, &path, open(path_flags, open_flags, flags))
    }

    fn readlink_at(&mut self, fd: Resource<Node>, path: String) -> FsResult<String> {
        self.with_path(&fd, &path, FileView::read_link)
    }

    fn remove_directory_at(&mut self, fd: Resource<Node>, path: String) -> FsResult<()> {
        self.with_path(&fd, &path, FileView::remove_directory)
    }

    fn rename_at(
        &mut self,
        fd: Resource<Node>,
        path: String,
        new_fd: Resource<Node>,
        new_path: String,
    ) -> FsResult<()> {
        self.with_paths((&fd, &path), (&new_fd, &new_path), |view, (folder, path), (new_folder, new_path)| {
            view.rename(folder, path, new_folder, new_path)
        })
    }

    fn symlink_at(&mut self, fd: Resource<Node>, target: String, path: String) -> FsResult<()> {
        self.with_path(&fd, &path, |view, folder, path| view.symlink(&target, folder, path))
    }

    fn unlink_file_at(&mut self, fd: Resource<Node>, path: String) -> FsResult<()> {
        self.with_path(&fd, &path, FileView::unlink)
    }

    fn is_same_object(&mut self, fd: Resource<Node>, other: Resource<Node>) -> wasmtime::Result<bool> {
        Ok(self.table.get(&fd)?.descriptor().same_node(self.table.get(&other)?.descriptor()))
    }

    fn metadata_hash(&mut self, fd: Resource<Node>) -> FsResult<MetadataHashValue> {
        self.with_node(&fd, |view, node| Ok(hash_value(&view.stat(node.descriptor())?)))
    }

    fn metadata_hash_at(&mut self, fd: Resource<Node>, flags: PathFlags, path: String) -> FsResult<MetadataHashValue> {
        let stat = self.with_path(&fd, &path, |view, folder, path| view.stat_at(folder, path, follow(flags)))?;
        Ok(hash_value(&stat))
    }

    fn drop(&mut self, fd: Resource<Node>) -> wasmtime::Result<()> {
        self.table.delete(fd)?;
        Ok(())
    }
}

impl types::HostDirectoryEntryStream for FilesHost<'_> {
    fn read_directory_entry(&mut self, stream: Resource<Listing>) -> FsResult<Option<DirectoryEntry>> {
        Ok(self.table.get_mut(&stream).map_err(FsError::trap)?.0.next().map(directory_entry))
    }

    fn drop(&mut self, stream: Resource<Listing>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}
