//! `sprat:process`: components start programs, with pipes between them. See `wit/process`.

mod bindings;
mod child;

use std::sync::Arc;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::StdoutStream as _;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, subscribe};

use self::bindings::sprat::process::processes::{self, Command, ErrorCode, Signal, Sink, Source};
use self::child::Child;
use crate::component::Host;
use crate::control::Control;
use crate::files::{Access, Create, Errno, FileView, Follow};
use crate::handle::{APPEND, Handle, Node};
use crate::process::group::Unsignalled;
use crate::process::pipe::{Reader, Writer, pipe};
use crate::process::spawn::{self, NotStarted, Request};
use crate::standard::{Standard, StandardInput, StandardOutput};
use crate::start::Arguments;
use crate::{Stop, Stream};

/// What the interface works on.
pub(crate) struct ProcessesHost<'a> {
    pub(crate) control: &'a Arc<Control>,
    pub(crate) files: &'a Arc<FileView>,
    pub(crate) standard: &'a Arc<Standard>,
    /// Absolute path of the working folder.
    pub(crate) working: &'a str,
    pub(crate) table: &'a mut ResourceTable,
}

/// Gives the interface its [`ProcessesHost`].
struct HasProcesses;

impl HasData for HasProcesses {
    type Data<'a> = ProcessesHost<'a>;
}

pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    processes::add_to_linker::<Host, HasProcesses>(linker, Host::processes)
}

impl From<Errno> for ErrorCode {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::Access => Self::Access,
            Errno::BadDescriptor | Errno::IllegalByteSequence | Errno::Invalid => Self::Invalid,
            Errno::IsDirectory => Self::IsDirectory,
            Errno::Loop | Errno::TooManyLinks => Self::Loop,
            Errno::NameTooLong => Self::NameTooLong,
            Errno::NoEntry => Self::NoEntry,
            Errno::NoSpace | Errno::Quota | Errno::FileTooLarge => Self::NoSpace,
            Errno::NotDirectory => Self::NotDirectory,
            Errno::NotPermitted => Self::NotPermitted,
            Errno::ReadOnly => Self::ReadOnly,
            Errno::TooManyFiles => Self::TooManyFiles,
            Errno::Busy | Errno::CrossDevice | Errno::Exist | Errno::Io | Errno::NotEmpty | Errno::NotSupported => {
                Self::Io
            }
        }
    }
}

impl From<NotStarted> for ErrorCode {
    fn from(why: NotStarted) -> Self {
        match why {
            NotStarted::File(errno) => errno.into(),
            NotStarted::NotAProgram => Self::NotAProgram,
            NotStarted::Again => Self::Again,
            NotStarted::TooBig => Self::TooBig,
            NotStarted::NoMemory => Self::NoMemory,
        }
    }
}

impl From<Signal> for Stop {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Interrupt => Self::Interrupt,
            Signal::Kill => Self::Kill,
            Signal::Terminate => Self::Terminate,
        }
    }
}

/// An answer of the interface, or a trap.
type Answer<T> = wasmtime::Result<Result<T, ErrorCode>>;

async fn signal(from: &Control, pid: u32, signal: Option<Signal>) -> Result<(), ErrorCode> {
    let why = signal.map(Stop::from);
    from.group().signal(from, pid, why).map_err(|why| match why {
        Unsignalled::NoProcess => ErrorCode::NoProcess,
        Unsignalled::NotPermitted => ErrorCode::NotPermitted,
    })?;
    if why.is_some() && pid == from.pid() {
        // It does not come back from its own end.
        std::future::pending::<()>().await;
    }
    Ok(())
}

impl ProcessesHost<'_> {
    fn open(&self, cwd: &str, path: &str, create: bool, append: bool) -> Result<Option<Handle>, ErrorCode> {
        let path =
            if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", cwd.trim_end_matches('/')) };
        let how = Create { create, truncate: create && !append, ..Create::default() };
        let access = Access { read: !create, write: create };
        let root = self.files.root();
        let file = self.files.open(&root, path.trim_start_matches('/'), Follow::Yes, how, access)?;
        Ok(Some(Handle::Node(Arc::new(Node::new(file, if append { APPEND } else { 0 })))))
    }

    fn source(&self, cwd: &str, source: Source) -> Answer<Option<Handle>> {
        Ok(match source {
            Source::Nothing => Ok(None),
            Source::Inherited => Ok(self.standard.input().cloned()),
            Source::Pipe(end) => Ok(Some(Handle::Reader(self.table.get(&end)?.clone()))),
            Source::File(path) => self.open(cwd, &path, false, false),
        })
    }

    fn sink(&self, cwd: &str, sink: Sink, stdout: Option<&Handle>) -> Answer<Option<Handle>> {
        Ok(match sink {
            Sink::Nothing => Ok(None),
            Sink::InheritedStdout => Ok(self.standard.output(Stream::Stdout).cloned()),
            Sink::InheritedStderr => Ok(self.standard.output(Stream::Stderr).cloned()),
            Sink::AsStdout => Ok(stdout.cloned()),
            Sink::Pipe(end) => Ok(Some(Handle::Writer(self.table.get(&end)?.clone()))),
            Sink::File(path) => self.open(cwd, &path, true, false),
            Sink::Append(path) => self.open(cwd, &path, true, true),
        })
    }

    fn request(&self, command: Command) -> Answer<Request> {
        let Command { path, args, env, cwd, stdin, stdout, stderr } = command;
        let cwd = cwd.unwrap_or_else(|| self.working.to_owned());
        let texts = [&path, &cwd].into_iter().chain(&args).chain(env.iter().flat_map(|(name, value)| [name, value]));
        let nul = texts.into_iter().any(|text| text.contains('\0'));
        let named = env.iter().all(|(name, _)| !name.is_empty() && !name.contains('='));
        if nul || !named || args.is_empty() || !cwd.starts_with('/') {
            return Ok(Err(ErrorCode::Invalid));
        }
        if path.is_empty() {
            return Ok(Err(ErrorCode::NoEntry));
        }
        let path = if path.starts_with('/') { path } else { format!("{}/{path}", cwd.trim_end_matches('/')) };
        let streams = match (self.source(&cwd, stdin)?, self.sink(&cwd, stdout, None)?) {
            (Ok(stdin), Ok(stdout)) => match self.sink(&cwd, stderr, stdout.as_ref())? {
                Ok(stderr) => [stdin, stdout, stderr],
                Err(error) => return Ok(Err(error)),
            },
            (Err(error), _) | (_, Err(error)) => return Ok(Err(error)),
        };
        Ok(Ok(Request { path, arguments: Arguments { args, env, cwd }, streams }))
    }

    fn pipe(&mut self) -> Answer<(Resource<Reader>, Resource<Writer>)> {
        let places = self.files.place().and_then(|one| Ok([one, self.files.place()?]));
        let places = match places {
            Ok(places) => places,
            Err(errno) => return Ok(Err(errno.into())),
        };
        let (reader, writer) = pipe(places, &self.control.group().pipes());
        Ok(Ok((self.table.push(reader)?, self.table.push(writer)?)))
    }
}

impl processes::Host for ProcessesHost<'_> {
    fn pipe(&mut self) -> Answer<(Resource<Reader>, Resource<Writer>)> {
        ProcessesHost::pipe(self)
    }

    async fn spawn(&mut self, command: Command) -> Answer<Resource<Child>> {
        let request = match self.request(command)? {
            Ok(request) => request,
            Err(error) => return Ok(Err(error)),
        };
        match spawn::spawn(self.control, self.files, request).await {
            Ok(pid) => {
                let child = Child { caller: Arc::clone(self.control), pid, status: None };
                Ok(Ok(self.table.push(child)?))
            }
            Err(why) => Ok(Err(why.into())),
        }
    }

    async fn kill(&mut self, id: u32, why: Option<Signal>) -> Answer<()> {
        Ok(signal(self.control, id, why).await)
    }

    fn id(&mut self) -> wasmtime::Result<u32> {
        Ok(self.control.pid())
    }

    fn parent(&mut self) -> wasmtime::Result<u32> {
        Ok(self.control.group().parent(self.control.pid()))
    }
}

impl processes::HostPipeReader for ProcessesHost<'_> {
    fn into_stream(&mut self, this: Resource<Reader>) -> wasmtime::Result<Resource<DynInputStream>> {
        let reader = self.table.delete(this)?;
        let streams = [Some(Handle::Reader(reader)), None, None];
        let stream: DynInputStream = Box::new(StandardInput(Standard::new(streams, Arc::clone(self.files))));
        Ok(self.table.push(stream)?)
    }

    fn drop(&mut self, this: Resource<Reader>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl processes::HostPipeWriter for ProcessesHost<'_> {
    fn into_stream(&mut self, this: Resource<Writer>) -> wasmtime::Result<Resource<DynOutputStream>> {
        let writer = self.table.delete(this)?;
        let streams = [None, Some(Handle::Writer(writer)), None];
        let standard = Standard::new(streams, Arc::clone(self.files));
        let stream: DynOutputStream = StandardOutput(standard, Stream::Stdout).p2_stream();
        Ok(self.table.push(stream)?)
    }

    fn drop(&mut self, this: Resource<Writer>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl processes::HostChild for ProcessesHost<'_> {
    fn id(&mut self, this: Resource<Child>) -> wasmtime::Result<u32> {
        Ok(self.table.get(&this)?.pid)
    }

    fn status(&mut self, this: Resource<Child>) -> wasmtime::Result<Option<u8>> {
        Ok(self.table.get_mut(&this)?.status())
    }

    fn subscribe(&mut self, this: Resource<Child>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, this)
    }

    async fn wait(&mut self, this: Resource<Child>) -> wasmtime::Result<u8> {
        Ok(self.table.get_mut(&this)?.ended().await)
    }

    async fn kill(&mut self, this: Resource<Child>, why: Signal) -> Answer<()> {
        let pid = self.table.get(&this)?.pid;
        Ok(signal(self.control, pid, Some(why)).await)
    }

    fn drop(&mut self, this: Resource<Child>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
