//! `wasi:filesystem@0.3` on the file view.

use std::pin::Pin;
use std::task::{Context, Poll};

use wasmtime::StoreContextMut;
use wasmtime::component::{
    Access, Accessor, Destination, FutureReader, Resource, StreamProducer, StreamReader, StreamResult, VecBuffer,
};
use wasmtime_wasi::TrappableError;
use wasmtime_wasi::p3::bindings::clocks::system_clock::Instant;

use super::bindings::wasi::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, Filesize, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use super::bindings::wasi::filesystem::{preopens, types};
use super::streams::{End, FileConsumer, FileProducer};
use crate::component::{FilesHost, HasFiles, Node, Open};
use crate::conversions::conversions;
use crate::files::{Create, DirEntry, Errno, FileView, Follow, Kind, Listing, Stat, Times, now_ns};

/// The end of a stream.
type Ended = FutureReader<Result<(), ErrorCode>>;

type Timestamp = Instant;

const OTHER_TYPE: DescriptorType = DescriptorType::Other(None);

fn seconds(time: &Timestamp) -> Option<i64> {
    Some(time.seconds)
}

fn timestamp(ns: i64) -> Option<Timestamp> {
    let nanoseconds = u32::try_from(ns.rem_euclid(1_000_000_000)).ok()?;
    Some(Timestamp { seconds: ns.div_euclid(1_000_000_000), nanoseconds })
}

conversions!();

/// Runs `call` with what the file interfaces work on.
fn with<U, R>(store: &Accessor<U, HasFiles>, call: impl FnOnce(FilesHost<'_>) -> R) -> R {
    store.with(|mut store| call(store.get()))
}

/// Lets a stream of the guest flow into a file.
fn write_stream<U>(
    mut store: Access<'_, U, HasFiles>,
    fd: &Resource<Node>,
    mut data: StreamReader<u8>,
    offset: Option<u64>,
) -> wasmtime::Result<Ended> {
    let (view, file) = match store.get().stream(fd, true) {
        Ok(opened) => opened,
        Err(error) => {
            let code = FsError::downcast(error)?;
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
        let (view, file) = match store.get().stream(&fd, false) {
            Ok(opened) => opened,
            Err(error) => {
                let code = FsError::downcast(error)?;
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
        with(store, |host| host.with_node(&fd, |_, _| Ok(())))
    }

    async fn sync_data(store: &Accessor<U, Self>, fd: Resource<Node>) -> FsResult<()> {
        with(store, |host| host.with_node(&fd, |view, node| view.sync(node.descriptor(), true)))
    }

    async fn get_flags(store: &Accessor<U, Self>, fd: Resource<Node>) -> FsResult<DescriptorFlags> {
        with(store, |host| host.with_node(&fd, |_, node| Ok(descriptor_flags(node))))
    }

    async fn get_type(store: &Accessor<U, Self>, fd: Resource<Node>) -> FsResult<DescriptorType> {
        with(store, |host| host.with_node(&fd, |_, node| Ok(descriptor_type(node.descriptor().kind()))))
    }

    async fn set_size(store: &Accessor<U, Self>, fd: Resource<Node>, size: Filesize) -> FsResult<()> {
        with(store, |host| host.with_node(&fd, |view, node| view.set_size(node.descriptor(), size)))
    }

    async fn set_times(
        store: &Accessor<U, Self>,
        fd: Resource<Node>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let times = times(accessed, modified)?;
        with(store, |host| host.with_node(&fd, |view, node| view.set_times(node.descriptor(), times)))
    }

    fn read_directory(
        mut store: Access<'_, U, Self>,
        fd: Resource<Node>,
    ) -> wasmtime::Result<(StreamReader<DirectoryEntry>, Ended)> {
        let host = store.get();
        let listed = host.view.entries(host.table.get(&fd)?.descriptor());
        let end = listed.as_ref().map(drop).map_err(|errno| ErrorCode::from(*errno));
        let stream = StreamReader::new(&mut store, ListingProducer(listed.ok()))?;
        Ok((stream, FutureReader::new(&mut store, async { wasmtime::error::Ok(end) })?))
    }

    async fn sync(store: &Accessor<U, Self>, fd: Resource<Node>) -> FsResult<()> {
        with(store, |host| host.with_node(&fd, |view, node| view.sync(node.descriptor(), false)))
    }

    async fn create_directory_at(store: &Accessor<U, Self>, fd: Resource<Node>, path: String) -> FsResult<()> {
        with(store, |host| host.with_path(&fd, &path, FileView::make_directory))
    }

    async fn stat(store: &Accessor<U, Self>, fd: Resource<Node>) -> FsResult<DescriptorStat> {
        with(store, |host| host.with_node(&fd, |view, node| Ok(descriptor_stat(&view.stat(node.descriptor())?))))
    }

    async fn stat_at(
        store: &Accessor<U, Self>,
        fd: Resource<Node>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        let stat = with(store, |host| {
            host.with_path(&fd, &path, |view, folder, path| view.stat_at(folder, path, follow(flags)))
        })?;
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
        with(store, |host| {
            host.with_path(&fd, &path, |view, folder, path| view.set_times_at(folder, path, follow(flags), times))
        })
    }

    async fn link_at(
        store: &Accessor<U, Self>,
        fd: Resource<Node>,
        flags: PathFlags,
        path: String,
        new_fd: Resource<Node>,
        new_path: String,
    ) -> FsResult<()> {
        with(store, |host| {
            host.with_paths((&fd, &path), (&new_fd, &new_path), |view, (folder, path), (new_folder, new_path)| {
                view.link(folder, path, follow(flags), new_folder, new_path)
            })
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
        with(store, |mut host| host.open(&fd, &path, open(path_flags, open_flags, flags)))
    }

    async fn readlink_at(store: &Accessor<U, Self>, fd: Resource<Node>, path: String) -> FsResult<String> {
        with(store, |host| host.with_path(&fd, &path, FileView::read_link))
    }

    async fn remove_directory_at(store: &Accessor<U, Self>, fd: Resource<Node>, path: String) -> FsResult<()> {
        with(store, |host| host.with_path(&fd, &path, FileView::remove_directory))
    }

    async fn rename_at(
        store: &Accessor<U, Self>,
        fd: Resource<Node>,
        path: String,
        new_fd: Resource<Node>,
        new_path: String,
    ) -> FsResult<()> {
        with(store, |host| {
            host.with_paths((&fd, &path), (&new_fd, &new_path), |view, (folder, path), (new_folder, new_path)| {
                view.rename(folder, path, new_folder, new_path)
            })
        })
    }

    async fn symlink_at(store: &Accessor<U, Self>, fd: Resource<Node>, target: String, path: String) -> FsResult<()> {
        with(store, |host| host.with_path(&fd, &path, |view, folder, path| view.symlink(&target, folder, path)))
    }

    async fn unlink_file_at(store: &Accessor<U, Self>, fd: Resource<Node>, path: String) -> FsResult<()> {
        with(store, |host| host.with_path(&fd, &path, FileView::unlink))
    }

    async fn is_same_object(
        store: &Accessor<U, Self>,
        fd: Resource<Node>,
        other: Resource<Node>,
    ) -> wasmtime::Result<bool> {
        with(store, |host| Ok(host.table.get(&fd)?.descriptor().same_node(host.table.get(&other)?.descriptor())))
    }

    async fn metadata_hash(store: &Accessor<U, Self>, fd: Resource<Node>) -> FsResult<MetadataHashValue> {
        with(store, |host| host.with_node(&fd, |view, node| Ok(hash_value(&view.stat(node.descriptor())?))))
    }

    async fn metadata_hash_at(
        store: &Accessor<U, Self>,
        fd: Resource<Node>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let stat = with(store, |host| {
            host.with_path(&fd, &path, |view, folder, path| view.stat_at(folder, path, follow(flags)))
        })?;
        Ok(hash_value(&stat))
    }
}

/// Gives what a folder held, some entries at a time.
struct ListingProducer(Option<Listing>);

/// Entries that go into a stream at once.
const ENTRIES: usize = 256;

impl<D> StreamProducer<D> for ListingProducer {
    type Item = DirectoryEntry;
    type Buffer = VecBuffer<DirectoryEntry>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let some: Vec<_> = self.0.iter_mut().flatten().take(ENTRIES).map(directory_entry).collect();
        if some.is_empty() {
            return Poll::Ready(Ok(StreamResult::Dropped));
        }
        destination.set_buffer(some.into());
        Poll::Ready(Ok(StreamResult::Completed))
    }
}
