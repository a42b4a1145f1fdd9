//! [`Child`]: a process that a component started.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::Pollable;

use crate::control::Control;

/// A process that a component started. Dropping it gives its status up.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct Child {
    /// Who started it.
    pub(super) caller: Arc<Control>,
    pub(super) pid: u32,
    pub(super) status: Option<u8>,
}

impl Child {
    /// Its status, if it has ended.
    pub(super) fn status(&mut self) -> Option<u8> {
        self.status = self.status.or_else(|| self.caller.group().peek(self.pid, None));
        self.status
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> u8 {
        poll_fn(|cx| {
            self.status = self.status.or_else(|| self.caller.group().peek(self.pid, Some(cx.waker())));
            self.status.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.caller.group().give_up(self.pid);
    }
}

#[async_trait]
impl Pollable for Child {
    async fn ready(&mut self) {
        self.ended().await;
    }
}
