//! Further processes of a guest's container.

use std::sync::Arc;

use super::Server;
use super::guests::{Admission, Started, check_id, gone, input_mode};
use crate::ExecRequest;
use crate::entry::Ended;
use crate::host::{Host, Running};
use crate::outbox::Outbox;
use crate::wire::{Executed, ProcessList, Refusal, code};

impl<H: Host> Server<H> {
    /// Starts a further process for who is at `from`; the caller must watch it.
    pub(super) async fn exec(
        self: &Arc<Self>,
        request: ExecRequest,
        from: &Outbox,
    ) -> Result<(Started<H>, Executed), Refusal> {
        let ExecRequest { id, within, process, open_stdin, size } = request;
        check_id(&id)?;
        let (guest, container) = self.member(&within)?;
        let admission = Admission { id: &id, within: Some(container), terminal: process.tty.then_some(size), from };
        let (entry, live) = self.admit(admission)?;
        live.streams.configure(None, input_mode(open_stdin, true, process.tty));
        let stdio = self.connect(&entry, &live, open_stdin);
        let started = self.host.start_within(&guest, process, stdio).await;
        let pid = started.as_ref().map_or(0, Running::pid);
        let started = self.settle(entry, &live, started)?;
        Ok((started, Executed { pid }))
    }

    /// The processes of a guest's container.
    pub(super) fn processes(&self, id: &str) -> Result<ProcessList, Refusal> {
        Ok(ProcessList { processes: self.member(id)?.0.processes() })
    }

    /// A guest that runs, and the id of the one whose container it is in.
    fn member(&self, id: &str) -> Result<(H::Guest, String), Refusal> {
        let entry = self.table.get(id)?;
        entry.live().map_err(|Ended| gone(id))?;
        let not_started = || Refusal::new(code::NOT_STARTED, format!("guest {id} is being started; try again"));
        let guest = entry.guest().ok_or_else(not_started)?;
        Ok((guest, entry.within.clone().unwrap_or_else(|| entry.id.clone())))
    }
}
