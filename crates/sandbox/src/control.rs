//! [`Control`]: what a guest's task shares with its handles.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::Waker;
use std::time::Instant;

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use crate::files::now_ns;
use crate::process::group::Group;
use crate::process::table::FIRST;
use crate::{Exit, NetworkUsage, ProcessStatus, Stop, Usage};

/// What a guest's task shares with its handles: requests one way, figures and the end the other way.
#[derive(Debug)]
pub(crate) struct Control {
    pid: u32,
    uid: u32,
    terminal: bool,
    /// Arguments, the program's name first.
    args: Vec<String>,
    /// The zero of its monotonic clock.
    started: Instant,
    /// 0, or the exit status that a stop request asks for.
    stop: AtomicU8,
    /// A kill was asked for: who ends by and by ends at once.
    killed: AtomicBool,
    waker: AtomicWaker,
    memory: AtomicU64,
    peak_memory: AtomicU64,
    memory_denied: AtomicBool,
    cpu_ns: AtomicU64,
    /// Most CPU time that was told: what is told does not go back, though the present turn is only measured at its end.
    told_cpu_ns: AtomicU64,
    /// Nanoseconds on [`CLOCK`] since which it has been on a CPU; 0 when it is not.
    on_cpu_since: AtomicU64,
    exit: OnceLock<Exit>,
    ended: Notify,
    membership: Membership,
}

/// Whose container it is.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most containers have a first program and no other")]
enum Membership {
    /// Its own: it is the first program.
    First(Group),
    /// That of this first program.
    Further(Arc<Control>),
}

/// Who a guest is.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) terminal: bool,
    pub(crate) args: Vec<String>,
}

/// The zero of `on_cpu_since`.
static CLOCK: LazyLock<Instant> = LazyLock::new(Instant::now);

fn clock_ns() -> u64 {
    u64::try_from(CLOCK.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
}

impl Control {
    /// The control of the first program of a container.
    pub(crate) fn first_of(group: Group, identity: Identity) -> Self {
        Self::of(FIRST, identity, Membership::First(group))
    }

    /// The control of a further process of the container of which this is a process.
    pub(crate) fn within(member: &Arc<Self>, pid: u32, identity: Identity) -> Self {
        let first = match &member.membership {
            Membership::First(_) => Arc::clone(member),
            Membership::Further(first) => Arc::clone(first),
        };
        Self::of(pid, identity, Membership::Further(first))
    }

    fn of(pid: u32, identity: Identity, membership: Membership) -> Self {
        let Identity { uid, terminal, args } = identity;
        Self {
            pid,
            uid,
            terminal,
            args,
            started: Instant::now(),
            stop: AtomicU8::new(0),
            killed: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            memory: AtomicU64::new(0),
            peak_memory: AtomicU64::new(0),
            memory_denied: AtomicBool::new(false),
            cpu_ns: AtomicU64::new(0),
            told_cpu_ns: AtomicU64::new(0),
            on_cpu_since: AtomicU64::new(0),
            exit: OnceLock::new(),
            ended: Notify::new(),
            membership,
        }
    }

    /// The first program of its container.
    pub(crate) fn first(&self) -> &Self {
        let mut first = self;
        while let Membership::Further(up) = &first.membership {
            first = up;
        }
        first
    }

    /// What it shares with the other processes of its container.
    pub(crate) fn group(&self) -> &Group {
        let mut control = self;
        loop {
            match &control.membership {
                Membership::First(group) => return group,
                Membership::Further(first) => control = first,
            }
        }
    }

    pub(crate) const fn is_first(&self) -> bool {
        matches!(self.membership, Membership::First(_))
    }

    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) const fn uid(&self) -> u32 {
        self.uid
    }

    /// Arguments, the program's name first.
    pub(crate) fn args(&self) -> &[String] {
        &self.args
    }

    /// The zero of its monotonic clock.
    pub(crate) const fn started(&self) -> Instant {
        self.started
    }

    pub(crate) fn request_stop(&self, why: Stop) {
        let first = self.stop.compare_exchange(0, why.status(), Ordering::SeqCst, Ordering::SeqCst).is_ok();
        let at_once = why == Stop::Kill && !self.killed.swap(true, Ordering::SeqCst);
        if first || at_once {
            self.waker.wake();
        }
    }

    /// It is to end at once, whatever was asked before.
    pub(crate) fn kill_requested(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    /// The status that a stop request asked for.
    pub(crate) fn stop_requested(&self) -> Option<u8> {
        match self.stop.load(Ordering::SeqCst) {
            0 => None,
            status => Some(status),
        }
    }

    /// Holds all processes of its container, or lets them go on.
    pub(crate) fn pause(&self, paused: bool) {
        let further = self.group().set_paused(paused);
        self.first().waker.wake();
        for control in further {
            control.waker.wake();
        }
    }

    /// It is to be held.
    pub(crate) fn paused(&self) -> bool {
        self.group().paused()
    }

    /// Wakes `waker` at the next request.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Notes that the guest got on a CPU.
    pub(crate) fn enter_cpu(&self) {
        self.on_cpu_since.store(clock_ns(), Ordering::Relaxed);
    }

    /// Notes that it left the CPU, having used `cpu_ns`.
    pub(crate) fn leave_cpu(&self, cpu_ns: u64) {
        self.on_cpu_since.store(0, Ordering::Relaxed);
        self.cpu_ns.fetch_add(cpu_ns, Ordering::Relaxed);
    }

    /// CPU time so far, the present turn included. Never less than it was before.
    pub(crate) fn cpu_ns(&self) -> u64 {
        let turn = match self.on_cpu_since.load(Ordering::Relaxed) {
            0 => 0,
            since => clock_ns().saturating_sub(since),
        };
        let now = self.cpu_ns.load(Ordering::Relaxed).saturating_add(turn);
        now.max(self.told_cpu_ns.fetch_max(now, Ordering::Relaxed))
    }

    /// Notes the size of its linear memories.
    pub(crate) fn set_memory(&self, bytes: u64) {
        self.memory.store(bytes, Ordering::Relaxed);
        // Only the guest's own task sets it.
        if bytes > self.peak_memory.load(Ordering::Relaxed) {
            self.peak_memory.store(bytes, Ordering::Relaxed);
        }
    }

    /// Notes that it was refused memory.
    pub(crate) fn deny_memory(&self) {
        self.memory_denied.store(true, Ordering::Relaxed);
    }

    /// It was refused memory.
    pub(crate) fn memory_denied(&self) -> bool {
        self.memory_denied.load(Ordering::Relaxed)
    }

    /// What it uses now; after its end what it had used.
    pub(crate) fn usage(&self) -> Usage {
        let (open_files, disk_bytes) = self.group().open_and_disk();
        let (memory_bytes, peak_memory_bytes, cpu_ns) = match &self.membership {
            Membership::First(group) => {
                (group.memory(), group.peak_memory(), self.cpu_ns().saturating_add(group.further_cpu_ns()))
            }
            Membership::Further(_) => {
                (self.memory.load(Ordering::Relaxed), self.peak_memory.load(Ordering::Relaxed), self.cpu_ns())
            }
        };
        let network = match &self.membership {
            Membership::First(group) => group.network_usage(),
            Membership::Further(_) => NetworkUsage::default(),
        };
        Usage { memory_bytes, peak_memory_bytes, cpu_us: cpu_ns / 1000, open_files, disk_bytes, network, service: None }
    }

    /// It as one of its container's processes.
    pub(crate) fn status(&self, parent: u32) -> ProcessStatus {
        let age = i64::try_from(self.started.elapsed().as_nanos()).unwrap_or(i64::MAX);
        ProcessStatus {
            pid: self.pid,
            parent,
            uid: self.uid,
            tty: self.terminal,
            args: self.args.clone(),
            started_ns: now_ns().saturating_sub(age),
            cpu_us: self.cpu_ns() / 1000,
            memory_bytes: self.memory.load(Ordering::Relaxed),
        }
    }

    /// Publishes how it ended; only the first call counts. The end of the first program is the end of the group.
    pub(crate) fn end(&self, exit: Exit) {
        let status = exit.status();
        if self.is_first() {
            self.group().end();
        }
        if self.exit.set(exit).is_ok() {
            self.ended.notify_waiters();
            if !self.is_first() {
                self.group().ended(self, status);
            }
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.exit.get().is_some()
    }

    /// Waits for its end.
    pub(crate) async fn ended(&self) -> Exit {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            if let Some(exit) = self.exit.get() {
                return exit.clone();
            }
            ended.await;
        }
    }
}

#[cfg(test)]
pub(crate) mod alone {
    use super::*;
    use crate::files::FileView;
    use crate::{FilesSpec, Limits, User};

    /// The control of a guest that has no task.
    pub(crate) fn control(limits: &Limits) -> Arc<Control> {
        let tree = Arc::new(sprat_image::Tree::open(&[]).expect("an empty tree"));
        let files = FileView::new(&FilesSpec::default(), tree, &User::default(), limits).expect("nothing to mount");
        let group = Group::new(Arc::new(files), None, limits, u64::MAX, None, None);
        Arc::new(Control::first_of(group, Identity { uid: 0, terminal: false, args: Vec::new() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    #[test]
    fn the_first_stop_request_decides_the_status() {
        let control = alone::control(&Limits::default());
        assert_eq!(control.stop_requested(), None);
        control.request_stop(Stop::Terminate);
        control.request_stop(Stop::Kill);
        assert_eq!(control.stop_requested(), Some(143));
    }

    #[test]
    fn cpu_time_does_not_go_back_at_the_end_of_a_turn() {
        let control = alone::control(&Limits::default());
        control.enter_cpu();
        while control.cpu_ns() < 1_000_000 {}
        // It was off the CPU for most of its turn.
        control.leave_cpu(1);
        assert!(control.cpu_ns() >= 1_000_000);
        control.leave_cpu(2_000_000_000);
        assert_eq!(control.cpu_ns(), 2_000_000_001);
    }
}
