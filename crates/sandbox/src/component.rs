//! [`Host`]: the host's side of one component, for WASI 0.2 and 0.3 alike.

use std::sync::Arc;

use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::{TrappableError, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::context::Context;
use crate::files::{Access, Create, Descriptor, Errno, FileView, Follow, Kind, Stat};
use crate::limiter::Limiter;
use crate::network::{GuestNetwork, SocketError, SocketPlace};
use crate::outgoing::{Outgoing, Trace};
use crate::p2::ProcessesHost;
use crate::surroundings::Surroundings;
use crate::working::Folder;

/// Resources (handles on the host's side) that a guest may have at once beside open files.
const MAX_RESOURCES: usize = 1 << 16;

/// The host's side of one component.
pub(crate) struct Host {
    pub(crate) limiter: Limiter,
    pub(crate) around: Arc<Surroundings>,
    table: ResourceTable,
    wasi: Context,
    http: WasiHttpCtx,
    outgoing: Outgoing,
}

impl Host {
    /// The host of an instance with these surroundings.
    pub(crate) fn new(around: Arc<Surroundings>, limiter: Limiter) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let outgoing = Outgoing::new(Arc::clone(&around.network));
        Self { limiter, around, table, wasi: Context::default(), http: WasiHttpCtx::new(), outgoing }
    }

    /// A request begins, whose trace goes along with what its guest sends.
    pub(crate) fn begin(&mut self, trace: Option<Trace>) {
        self.outgoing.follow(trace);
    }

    /// What the file interfaces work on.
    pub(crate) fn files(&mut self) -> FilesHost<'_> {
        let around = &*self.around;
        FilesHost { view: &around.files, working: around.working.as_ref(), table: &mut self.table }
    }

    /// What `sprat:process` works on.
    pub(crate) fn processes(&mut self) -> ProcessesHost<'_> {
        let around = &*self.around;
        ProcessesHost {
            control: &around.control,
            files: &around.files,
            standard: &around.standard,
            working: around.cwd().unwrap_or("/"),
            table: &mut self.table,
        }
    }

    /// What the socket interfaces work on.
    pub(crate) fn sockets(&mut self) -> SocketsHost<'_> {
        SocketsHost { network: &self.around.network, files: &self.around.files, table: &mut self.table }
    }
}

/// What the socket interfaces work on.
pub(crate) struct SocketsHost<'a> {
    pub(crate) network: &'a GuestNetwork,
    files: &'a FileView,
    pub(crate) table: &'a mut ResourceTable,
}

impl SocketsHost<'_> {
    /// A place for a socket among the open files.
    pub(crate) fn place(&self) -> Result<SocketPlace, SocketError> {
        self.files.place().map_err(|_| SocketError::TooManySockets)
    }
}

/// Gives the socket interfaces their [`SocketsHost`].
pub(crate) struct HasSockets;

impl HasData for HasSockets {
    type Data<'a> = SocketsHost<'a>;
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.get(&self.around), table: &mut self.table }
    }
}

impl WasiHttpView for Host {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outgoing, table: &mut self.table, ctx: &mut self.http }
    }
}

/// An open file or folder as a component's resource.
#[derive(Debug, Clone)]
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct Node {
    pub(crate) folder: Folder,
    /// The guest asked to change the folder.
    pub(crate) mutate_directory: bool,
}

impl Node {
    pub(crate) fn descriptor(&self) -> &Descriptor {
        &self.folder.descriptor
    }
}

/// What the file interfaces work on.
pub(crate) struct FilesHost<'a> {
    pub(crate) view: &'a Arc<FileView>,
    working: Option<&'a (Descriptor, String)>,
    pub(crate) table: &'a mut ResourceTable,
}

/// Gives the file interfaces their [`FilesHost`].
pub(crate) struct HasFiles;

impl HasData for HasFiles {
    type Data<'a> = FilesHost<'a>;
}

/// How a component wants something opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    pub(crate) follow: Follow,
    pub(crate) create: Create,
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) mutate_directory: bool,
}

/// An error code of a version of `wasi:filesystem`.
pub(crate) trait Code: From<Errno> + std::error::Error + Send + Sync + 'static {}

impl<C: From<Errno> + std::error::Error + Send + Sync + 'static> Code for C {}

impl FilesHost<'_> {
    /// The folders that are open from the beginning.
    pub(crate) fn preopens(&mut self) -> wasmtime::Result<Vec<(Resource<Node>, String)>> {
        Folder::preopens(self.view.root(), self.working)
            .map(|(folder, name)| Ok((self.table.push(Node { folder, mutate_directory: true })?, name.into())))
            .collect()
    }

    /// Runs `call` with the view and an open node.
    pub(crate) fn with_node<R, C: Code>(
        &self,
        fd: &Resource<Node>,
        call: impl FnOnce(&FileView, &Node) -> Result<R, Errno>,
    ) -> Result<R, TrappableError<C>> {
        let node = self.table.get(fd).map_err(TrappableError::trap)?;
        call(self.view, node).map_err(|errno| C::from(errno).into())
    }

    /// Runs `call` with the view and the folder and path that a guest's path means.
    pub(crate) fn with_path<R, C: Code>(
        &self,
        fd: &Resource<Node>,
        path: &str,
        call: impl FnOnce(&FileView, &Descriptor, &str) -> Result<R, Errno>,
    ) -> Result<R, TrappableError<C>> {
        self.with_node(fd, |view, node| {
            let (folder, path) = node.folder.locate(view, path);
            call(view, folder, &path)
        })
    }

    /// Runs `call` with the view and what two paths of a guest mean.
    pub(crate) fn with_paths<C: Code>(
        &self,
        from: (&Resource<Node>, &str),
        (to, new): (&Resource<Node>, &str),
        call: impl FnOnce(&FileView, (&Descriptor, &str), (&Descriptor, &str)) -> Result<(), Errno>,
    ) -> Result<(), TrappableError<C>> {
        let to = self.table.get(to).map_err(TrappableError::trap)?;
        self.with_path(from.0, from.1, |view, folder, path| {
            let (new_folder, new) = to.folder.locate(view, new);
            call(view, (folder, path), (new_folder, &new))
        })
    }

    /// Opens a path.
    pub(crate) fn open<C: Code>(
        &mut self,
        fd: &Resource<Node>,
        path: &str,
        open: Open,
    ) -> Result<Resource<Node>, TrappableError<C>> {
        let write = (open.write || open.create.truncate) && !open.create.directory;
        let access = Access { read: open.read || !write, write };
        let descriptor =
            self.with_path(fd, path, |view, folder, path| view.open(folder, path, open.follow, open.create, access))?;
        let node = Node { folder: Folder::plain(descriptor), mutate_directory: open.mutate_directory };
        self.table.push(node).map_err(TrappableError::trap)
    }

    /// The view and an open file, for a stream.
    pub(crate) fn stream<C: Code>(
        &self,
        fd: &Resource<Node>,
        write: bool,
    ) -> Result<(Arc<FileView>, Descriptor), TrappableError<C>> {
        self.with_node(fd, |_, node| {
            let file = node.descriptor();
            let access = file.access();
            if file.kind() == Kind::Directory {
                Err(Errno::IsDirectory)
            } else if (write && !access.write) || (!write && !access.read) {
                Err(Errno::BadDescriptor)
            } else {
                Ok((Arc::clone(self.view), file.clone()))
            }
        })
    }

    /// A number for a node's identity, and one for its content.
    pub(crate) fn hash(stat: &Stat) -> (u64, u64) {
        (stat.device.rotate_left(32) ^ stat.inode, stat.changed_ns.cast_unsigned())
    }
}
