//! [`Stream`]: what the shell's own descriptors refer to. They are entries of a table here and not the process's, so that
//! redirections are undone by putting the old table back, and `$(…)` is captured without a second process.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::rc::Rc;

use crate::system::System;

/// Descriptors that a script can name: 0 to 9.
pub(crate) const DESCRIPTORS: usize = 10;

/// Bytes that a new pipe takes without a reader's help. Both Linux and Sprat usually have 64 KiB, and less once there are many.
pub(crate) const PIPE_HOLDS: usize = 4096;

/// An open file, or memory that a command substitution gathers.
#[derive(Debug, Clone)]
pub(crate) enum Stream {
    File(Rc<File>),
    Capture(Rc<Capture>),
}

/// The shell's descriptors.
pub(crate) type Table = [Option<Stream>; DESCRIPTORS];

/// The output of a command substitution. What programs write comes by pipes, which are read here, never written.
#[derive(Debug, Default)]
pub(crate) struct Capture {
    bytes: RefCell<Vec<u8>>,
    /// Of the pipeline that is being started: both ends, until it runs.
    open: RefCell<Option<(File, Rc<File>)>>,
    /// Of background commands: read at the end.
    pending: RefCell<Vec<File>>,
}

impl Capture {
    /// The end to write to for a program that is about to be started.
    fn writer(&self, system: &dyn System) -> io::Result<Rc<File>> {
        if let Some((_, writer)) = &*self.open.borrow() {
            return Ok(Rc::clone(writer));
        }
        let (reader, writer) = system.pipe()?;
        let writer = Rc::new(writer);
        *self.open.borrow_mut() = Some((reader, Rc::clone(&writer)));
        Ok(writer)
    }

    /// Reads what the programs of the pipeline write, until all of them closed it.
    pub(crate) fn drain(&self) -> io::Result<()> {
        if let Some((reader, writer)) = self.open.take() {
            drop(writer);
            (&reader).read_to_end(&mut self.bytes.borrow_mut())?;
        }
        Ok(())
    }

    /// Leaves what was started to the background.
    pub(crate) fn postpone(&self) {
        if let Some((reader, _)) = self.open.take() {
            self.pending.borrow_mut().push(reader);
        }
    }

    /// Reads all that background commands write.
    pub(crate) fn drain_pending(&self) -> io::Result<()> {
        self.drain()?;
        for reader in self.pending.take() {
            (&reader).read_to_end(&mut self.bytes.borrow_mut())?;
        }
        Ok(())
    }

    /// Takes what was gathered.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.bytes.take()
    }

    /// Whether a program that is being started writes to this.
    pub(crate) fn is_open(&self) -> bool {
        self.open.borrow().is_some()
    }
}

impl Stream {
    pub(crate) fn file(file: File) -> Self {
        Self::File(Rc::new(file))
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => (&**file).write_all(bytes),
            Self::Capture(capture) => {
                // What a program wrote before comes first.
                capture.bytes.borrow_mut().extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => loop {
                match (&**file).read(buffer) {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    result => return result,
                }
            },
            Self::Capture(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Self::File(file) => std::io::IsTerminal::is_terminal(&**file),
            Self::Capture(_) => false,
        }
    }

    /// As a file that a program can be given.
    pub(crate) fn for_program(&self, system: &dyn System) -> io::Result<Rc<File>> {
        match self {
            Self::File(file) => Ok(Rc::clone(file)),
            Self::Capture(capture) => capture.writer(system),
        }
    }

    pub(crate) fn capture(&self) -> Option<&Rc<Capture>> {
        match self {
            Self::Capture(capture) => Some(capture),
            Self::File(_) => None,
        }
    }
}

/// The captures that a table's first three descriptors lead to.
pub(crate) fn captures(table: &Table) -> Vec<Rc<Capture>> {
    table.iter().flatten().filter_map(Stream::capture).cloned().collect()
}
