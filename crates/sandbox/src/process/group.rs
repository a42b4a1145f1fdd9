//! [`Group`]: what the processes of one container share: files, limits, and the table of them.
//!
//! It lies in the control of the first program, so that a container without further processes pays for nothing: the table is
//! made by the first one. It ends with the first program: then no process is started any more and all are killed.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};

use parking_lot::Mutex;
use sprat_image::NodeId;

use super::table::{FIRST, Found, Refused, Table, Waited};
use super::{ProcessStatus, Resolver};
use crate::control::Control;
use crate::core::Core;
use crate::files::FileView;
use crate::network::GuestNetwork;
use crate::turn::Share;
use crate::{Limits, NetworkUsage, ProgramSpec, Stop};

/// Programs of an image that a container remembers, so that starting them again asks nobody.
const PROGRAMS: usize = 256;

/// What the processes of one container share.
#[derive(Debug)]
pub(crate) struct Group {
    /// The first program's view; `None` when the container has ended.
    files: Mutex<Option<Arc<FileView>>>,
    /// Bytes in the upper folder when it ended.
    disk: AtomicU64,
    /// `None` when the container has ended.
    network: Mutex<Option<Arc<GuestNetwork>>>,
    /// What the network had moved when the container ended.
    moved: OnceLock<NetworkUsage>,
    memory: Budget,
    peak_memory: AtomicU64,
    tables: Budget,
    share: Option<Share>,
    paused: AtomicBool,
    max_processes: u32,
    /// CPU time of further processes that ended.
    gone_cpu_ns: AtomicU64,
    core: Option<Arc<Core>>,
    resolver: Option<Arc<dyn Resolver>>,
    stage: Mutex<Stage>,
}

/// A number with a limit.
#[derive(Debug)]
struct Budget {
    used: AtomicU64,
    limit: u64,
}

impl Budget {
    const fn new(limit: u64) -> Self {
        Self { used: AtomicU64::new(0), limit }
    }

    /// Takes all or nothing; what is taken then in all.
    fn take(&self, more: u64) -> Option<u64> {
        let take = |used: u64| used.checked_add(more).filter(|used| *used <= self.limit);
        let before = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        Some(before.saturating_add(more))
    }

    fn give(&self, less: u64) {
        let give = |used: u64| Some(used.saturating_sub(less));
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, give);
    }
}

/// Whether there are further processes.
#[derive(Debug)]
enum Stage {
    /// There never was one.
    Alone,
    /// There is, or was, one.
    Together(Box<Together>),
    /// The first program ended.
    Closed,
}

#[derive(Debug)]
struct Together {
    table: Table<Arc<Control>>,
    programs: HashMap<NodeId, ProgramSpec>,
    pipes: Arc<AtomicU32>,
}

/// Why a process is not signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsignalled {
    /// There is no such process.
    NoProcess,
    /// It belongs to another user.
    NotPermitted,
}

impl Group {
    pub(crate) fn new(
        files: Arc<FileView>,
        network: Option<Arc<GuestNetwork>>,
        limits: &Limits,
        max_memory: u64,
        core: Option<Arc<Core>>,
        resolver: Option<Arc<dyn Resolver>>,
    ) -> Self {
        Self {
            files: Mutex::new(Some(files)),
            disk: AtomicU64::new(0),
            network: Mutex::new(network),
            moved: OnceLock::new(),
            memory: Budget::new(limits.memory_bytes.min(max_memory)),
            peak_memory: AtomicU64::new(0),
            tables: Budget::new(limits.table_elements),
            share: Share::new(limits.cpu_millis),
            paused: AtomicBool::new(false),
            max_processes: limits.processes,
            gone_cpu_ns: AtomicU64::new(0),
            core,
            resolver,
            stage: Mutex::new(Stage::Alone),
        }
    }

    /// The first program's view, until the container ended.
    pub(crate) fn files(&self) -> Option<Arc<FileView>> {
        self.files.lock().clone()
    }

    /// The container's network, until it ended.
    pub(crate) fn network(&self) -> Option<Arc<GuestNetwork>> {
        self.network.lock().clone()
    }

    /// What its network moved and refused.
    pub(crate) fn network_usage(&self) -> NetworkUsage {
        match &*self.network.lock() {
            Some(network) => network.usage(),
            None => self.moved.get().copied().unwrap_or_default(),
        }
    }

    pub(crate) const fn core(&self) -> Option<&Arc<Core>> {
        self.core.as_ref()
    }

    pub(crate) const fn resolver(&self) -> Option<&Arc<dyn Resolver>> {
        self.resolver.as_ref()
    }

    /// The share of a CPU for all its processes together.
    pub(crate) const fn share(&self) -> Option<&Share> {
        self.share.as_ref()
    }

    pub(crate) const fn max_processes(&self) -> u32 {
        self.max_processes
    }

    pub(crate) fn paused(&self) -> bool {
        self.paused.load(Ordering::SeqCst)
    }

    /// Holds all processes, or lets them go on. Their tasks are to be woken.
    pub(crate) fn set_paused(&self, paused: bool) -> Vec<Arc<Control>> {
        self.paused.store(paused, Ordering::SeqCst);
        match &*self.stage.lock() {
            Stage::Together(together) => together.table.running().map(|(_, control)| Arc::clone(control)).collect(),
            Stage::Alone | Stage::Closed => Vec::new(),
        }
    }

    /// Takes memory. False: the limit does not allow it.
    pub(crate) fn take_memory(&self, bytes: u64) -> bool {
        let Some(total) = self.memory.take(bytes) else { return false };
        if total > self.peak_memory.load(Ordering::Relaxed) {
            self.peak_memory.fetch_max(total, Ordering::Relaxed);
        }
        true
    }

    pub(crate) fn give_memory(&self, bytes: u64) {
        self.memory.give(bytes);
    }

    /// Takes table elements. False: the limit does not allow it.
    pub(crate) fn take_table(&self, elements: u64) -> bool {
        self.tables.take(elements).is_some()
    }

    pub(crate) fn give_table(&self, elements: u64) {
        self.tables.give(elements);
    }

    pub(crate) fn memory(&self) -> u64 {
        self.memory.used.load(Ordering::Relaxed)
    }

    pub(crate) fn peak_memory(&self) -> u64 {
        self.peak_memory.load(Ordering::Relaxed)
    }

    /// CPU time of all processes but the first.
    pub(crate) fn further_cpu_ns(&self) -> u64 {
        let stage = self.stage.lock();
        let gone = self.gone_cpu_ns.load(Ordering::Relaxed);
        let Stage::Together(together) = &*stage else { return gone };
        let running = together.table.running().map(|(_, control)| control.cpu_ns());
        running.fold(gone, u64::saturating_add)
    }

    /// Open files and bytes in the upper folder.
    pub(crate) fn open_and_disk(&self) -> (u32, u64) {
        match &*self.files.lock() {
            Some(files) => (files.open_files(), files.disk_bytes()),
            None => (0, self.disk.load(Ordering::Relaxed)),
        }
    }

    fn with<R>(&self, call: impl FnOnce(&mut Together) -> R) -> Option<R> {
        let mut stage = self.stage.lock();
        if matches!(*stage, Stage::Alone) {
            let table = Table::new(self.max_processes);
            *stage = Stage::Together(Box::new(Together { table, programs: HashMap::new(), pipes: Arc::default() }));
        }
        if let Stage::Together(together) = &mut *stage { Some(call(together)) } else { None }
    }

    /// As [`Self::with`], but makes no table where none is.
    fn with_some<R>(&self, call: impl FnOnce(&mut Together) -> R) -> Option<R> {
        if let Stage::Together(together) = &mut *self.stage.lock() { Some(call(together)) } else { None }
    }

    /// A number for a process that is about to be started.
    pub(crate) fn claim(&self, parent: u32, detached: bool) -> Result<u32, Refused> {
        self.with(|together| together.table.claim(parent, detached)).unwrap_or(Err(Refused::Closed))
    }

    /// A process could not be started.
    pub(crate) fn release(&self, pid: u32) {
        wake(self.with_some(|together| together.table.release(pid)));
    }

    /// A process was started.
    pub(crate) fn started(&self, control: &Arc<Control>) {
        let stop = self.with_some(|together| together.table.started(control.pid(), Arc::clone(control)));
        // The container may be gone already.
        if let Some(why) = stop.unwrap_or(Some(Stop::Kill)) {
            control.request_stop(why);
        }
    }

    /// A further process ended.
    pub(crate) fn ended(&self, control: &Control, status: u8) {
        let wakers = self.with_some(|together| {
            self.gone_cpu_ns.fetch_add(control.cpu_ns(), Ordering::Relaxed);
            together.table.ended(control.pid(), status)
        });
        wake(wakers);
    }

    /// Ends all processes but the first, and waits until they have.
    pub(crate) async fn close(&self) {
        self.kill_all();
        poll_fn(|cx| {
            let alone = self.with_some(|together| together.table.is_alone(cx.waker()));
            if alone.unwrap_or(true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Starts no more processes and ends all but the first.
    fn kill_all(&self) {
        let running = {
            let mut stage = self.stage.lock();
            match &mut *stage {
                Stage::Together(together) => together.table.close(),
                Stage::Alone | Stage::Closed => {
                    *stage = Stage::Closed;
                    return;
                }
            }
        };
        for control in running {
            control.request_stop(Stop::Kill);
        }
    }

    /// The container ended: lets everything go.
    pub(crate) fn end(&self) {
        self.kill_all();
        let stage = std::mem::replace(&mut *self.stage.lock(), Stage::Closed);
        drop(stage);
        if let Some(files) = self.files.lock().take() {
            self.disk.store(files.disk_bytes(), Ordering::Relaxed);
        }
        if let Some(network) = self.network.lock().take() {
            // Set once: the network is there but once.
            let _ = self.moved.set(network.usage());
        }
    }

    /// Takes the status of a child that ended; waits for one if `hang`. `Ok(None)`: none has ended. `Err`: there is none.
    pub(crate) async fn wait(&self, parent: u32, which: Option<u32>, hang: bool) -> Result<Option<(u32, u8)>, ()> {
        poll_fn(|cx| {
            let waker = hang.then(|| cx.waker());
            let waited = self.with_some(|together| together.table.wait(parent, which, waker));
            Poll::Ready(match waited.unwrap_or(Waited::NoChild) {
                Waited::NoChild => Err(()),
                Waited::Ended(pid, status) => Ok(Some((pid, status))),
                Waited::Running if hang => return Poll::Pending,
                Waited::Running => Ok(None),
            })
        })
        .await
    }

    /// The status of a child, if it ended. `waker` is woken when another look is worth while.
    pub(crate) fn peek(&self, pid: u32, waker: Option<&Waker>) -> Option<u8> {
        self.with_some(|together| together.table.peek(pid, waker)).flatten()
    }

    /// Nobody will ask for the status of this child.
    pub(crate) fn give_up(&self, pid: u32) {
        let _ = self.with_some(|together| together.table.give_up(pid));
    }

    /// The number of a process's parent.
    pub(crate) fn parent(&self, pid: u32) -> u32 {
        match pid {
            FIRST => 0,
            _ => self.with_some(|together| together.table.parent(pid)).unwrap_or(FIRST),
        }
    }

    /// Asks a process to end, or only whether it is there, in the name of `from`.
    pub(crate) fn signal(&self, from: &Control, pid: u32, why: Option<Stop>) -> Result<(), Unsignalled> {
        let first = from.first();
        if pid == FIRST {
            may_signal(from, first)?;
            if let Some(why) = why {
                first.request_stop(why);
                if let Some(resolver) = &self.resolver {
                    resolver.stop_first(why);
                }
            }
            return Ok(());
        }
        // Whose a process is that has not started yet is not known here.
        let noted = why.filter(|_| from.uid() == 0 || self.parent(pid) == from.pid());
        let found = self.with_some(|together| together.table.find(pid, noted)).flatten();
        match found.ok_or(Unsignalled::NoProcess)? {
            Found::Running(control) => {
                may_signal(from, &control)?;
                if let Some(why) = why {
                    control.request_stop(why);
                }
                Ok(())
            }
            // One that ended is there until its status was asked for.
            Found::First | Found::Starting | Found::Ended => Ok(()),
        }
    }

    /// Asks all descendants of a process to end with status 130. False: it never started anything.
    pub(crate) fn interrupt_children(&self, pid: u32) -> bool {
        let found = self.with_some(|together| (together.table.is_parent(pid), together.table.descendants(pid)));
        let (parent, descendants) = found.unwrap_or_default();
        for control in descendants {
            control.request_stop(Stop::Interrupt);
        }
        parent
    }

    /// All processes in the order of their numbers; `first` is the first program's.
    pub(crate) fn list(&self, first: &Control) -> Vec<ProcessStatus> {
        let further = self.with_some(|together| {
            let status = |(parent, control): (u32, &Arc<Control>)| control.status(parent);
            together.table.running().map(status).collect()
        });
        let mut all: Vec<_> = further.unwrap_or_default();
        all.insert(0, first.status(0));
        all
    }

    /// The program that a file of the image was answered with before.
    pub(crate) fn remembered(&self, node: NodeId) -> Option<ProgramSpec> {
        self.with_some(|together| together.programs.get(&node).cloned()).flatten()
    }

    /// Remembers what a file of the image was answered with; `None`: it is to be asked for anew.
    pub(crate) fn remember(&self, node: NodeId, program: Option<&ProgramSpec>) {
        let _ = self.with_some(|together| {
            let programs = &mut together.programs;
            match program {
                Some(program) if programs.len() < PROGRAMS => drop(programs.insert(node, program.clone())),
                Some(_) => {}
                None => drop(programs.remove(&node)),
            }
        });
    }

    /// Pipes that there are.
    pub(crate) fn pipes(&self) -> Arc<AtomicU32> {
        self.with(|together| Arc::clone(&together.pipes)).unwrap_or_default()
    }
}

/// Refuses to signal what belongs to somebody else.
fn may_signal(from: &Control, to: &Control) -> Result<(), Unsignalled> {
    if from.uid() == 0 || from.uid() == to.uid() { Ok(()) } else { Err(Unsignalled::NotPermitted) }
}

fn wake(wakers: Option<Vec<Waker>>) {
    wakers.into_iter().flatten().for_each(Waker::wake);
}
