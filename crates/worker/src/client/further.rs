//! The further processes of a guest's container.

use sprat_sandbox::{ProcessStatus, ProgramSpec, Unresolved};

use super::link::START;
use super::{Client, ClientError};
use crate::ExecRequest;
use crate::wire::{Executed, Named, Op, ProcessList, SupplyRequest};

impl Client {
    /// Starts a further process in a guest's container and tells its number there. An attachment made by
    /// [`Client::attach`] before sees all its output. Its end comes as [`super::Event::Exited`].
    ///
    /// # Errors
    /// See [`ClientError`]; nothing is left then. Codes of refusals beside those of [`Client::start`]: `no-such-guest` and
    /// `not-started` (of the guest in whose container it is to run), `too-many-processes`. A guest that ended is
    /// [`ClientError::Ended`].
    pub async fn exec(&self, request: &ExecRequest) -> Result<u32, ClientError> {
        self.link.will_exit_anew(&request.id);
        let executed: Executed = self.link.request_within(START, Op::Exec, request).await?;
        Ok(executed.pid)
    }

    /// The processes of a guest's container, in the order of their numbers. `id` names the guest, or one of those started
    /// by [`Client::exec`] in its container.
    ///
    /// # Errors
    /// No such guest, it ended, or the worker is gone or does not answer within 10 s.
    pub async fn processes(&self, id: &str) -> Result<Vec<ProcessStatus>, ClientError> {
        let list: ProcessList = self.link.request_soon(Op::Processes, Named { id: id.to_owned() }).await?;
        Ok(list.processes)
    }

    /// The files of a guest's container were changed from outside: it looks anew at what it has written.
    ///
    /// # Errors
    /// No such guest, it ended, or the worker is gone or does not answer within 10 s.
    pub async fn refresh(&self, id: &str) -> Result<(), ClientError> {
        self.link.request_soon(Op::Refresh, Named { id: id.to_owned() }).await
    }

    /// Answers [`super::Event::Wanted`]: the program, compiled to be interruptible whatever the worker, or why there is none.
    ///
    /// # Errors
    /// Nobody waits for this answer any more (code `no-such-ticket`), or the worker is gone or does not answer within 10 s.
    pub async fn supply(&self, ticket: u64, answer: Result<ProgramSpec, Unresolved>) -> Result<(), ClientError> {
        self.link.request_soon(Op::Supply, SupplyRequest { ticket, answer }).await
    }
}
