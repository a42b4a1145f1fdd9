//! [`Guest`]: a program being run.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use crate::control::Control;
use crate::service::Service;
use crate::{EndpointSpec, Exit, NetworkError, NetworkUsage, ProcessStatus, ServiceUsage};

/// Why a guest is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// End at once, status 137.
    Kill,
    /// End at once, status 143 (commands; WASI has no signals).
    Terminate,
    /// End at once, status 130.
    Interrupt,
}

impl Stop {
    /// The exit status of a guest ended by this request.
    pub(crate) const fn status(self) -> u8 {
        match self {
            Self::Kill => 137,
            Self::Terminate => 143,
            Self::Interrupt => 130,
        }
    }
}

/// What a guest uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Linear memory in bytes.
    pub memory_bytes: u64,
    /// Most linear memory it had, in bytes.
    pub peak_memory_bytes: u64,
    /// Time on a CPU in microseconds, to the epoch's precision.
    pub cpu_us: u64,
    /// Open files and folders.
    pub open_files: u32,
    /// Bytes it wrote to its upper folder.
    pub disk_bytes: u64,
    /// What its network moved and refused.
    #[serde(default)]
    pub network: NetworkUsage,
    /// What it did as an HTTP service, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceUsage>,
}

/// A program being run. Dropping it does not end it.
#[derive(Debug, Clone)]
pub struct Guest {
    control: Arc<Control>,
    service: Option<Arc<Service>>,
}

impl Guest {
    pub(crate) fn new(control: Arc<Control>) -> Self {
        Self { control, service: None }
    }

    /// A guest that is an HTTP service.
    pub(crate) fn service(control: Arc<Control>, service: Arc<Service>) -> Self {
        Self { control, service: Some(service) }
    }

    pub(crate) fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// Asks it to end; the first request decides the status. Takes effect at the next epoch (1 ms) or await. The end of the
    /// first program is the end of its container's further processes.
    pub fn stop(&self, why: Stop) {
        self.control.request_stop(why);
    }

    /// Waits for its end.
    pub async fn wait(&self) -> Exit {
        self.control.ended().await
    }

    /// What it uses now. For the first program of a container: what all its processes use together.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage { service: self.service.as_ref().map(|service| service.usage()), ..self.control.usage() }
    }

    /// Hands a request to it, if it is an HTTP service.
    pub async fn request<B>(&self, request: http::Request<B>) -> Option<http::Response<WasiBody>>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<wasmtime_wasi_http::Error>,
    {
        let answer = self.service.as_ref()?.handle(request, Scheme::Http).await;
        Some(answer.map(BodyExt::boxed_unsync))
    }

    /// An instance of an HTTP service that answers nothing, for benchmarks.
    ///
    /// # Errors
    /// It can't be made, or this is no service.
    #[doc(hidden)]
    pub async fn instance(&self) -> wasmtime::Result<impl Sized> {
        match &self.service {
            Some(service) => service.fresh().await,
            None => Err(wasmtime::Error::msg("it is no HTTP service")),
        }
    }

    /// Gives its container a place on a network.
    ///
    /// # Errors
    /// See [`NetworkError`].
    pub fn connect(&self, endpoint: EndpointSpec) -> Result<(), NetworkError> {
        self.control.group().network().ok_or(NetworkError::Ended)?.enter(endpoint)
    }

    /// Takes its container's place on a network from it, and cuts its connections there.
    ///
    /// # Errors
    /// It is not on that network.
    pub fn disconnect(&self, network: &str) -> Result<(), NetworkError> {
        self.control.group().network().ok_or(NetworkError::Ended)?.leave(network)
    }

    /// Its files were changed from outside: it looks anew at what it has written. What it has open goes on.
    pub fn refresh(&self) {
        if let Some(files) = self.control.group().files() {
            files.refresh();
        }
    }

    /// Holds all processes of its container at the next epoch, or lets them go on.
    pub fn pause(&self, paused: bool) {
        self.control.pause(paused);
    }

    /// Its number in its container; that of the first program is 1.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.control.pid()
    }

    /// Asks all that it started, and all that those started, to end with status 130, as a terminal's ^C does. False: it
    /// never started anything.
    #[must_use]
    pub fn interrupt_children(&self) -> bool {
        self.control.group().interrupt_children(self.control.pid())
    }

    /// All processes of its container, in the order of their numbers; none when the container has ended.
    #[must_use]
    pub fn processes(&self) -> Vec<ProcessStatus> {
        let first = self.control.first();
        if first.has_ended() { Vec::new() } else { first.group().list(first) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::control::alone;

    #[tokio::test]
    async fn many_wait_for_one_end_and_later_waiters_have_it_at_once() {
        let guest = Guest::new(alone::control(&Limits::default()));
        let waiters: Vec<_> = (0..10)
            .map(|_| {
                let guest = guest.clone();
                tokio::spawn(async move { guest.wait().await })
            })
            .collect();
        tokio::task::yield_now().await;
        guest.control.end(Exit::Code(3));
        guest.control.end(Exit::Code(4));
        for waiter in waiters {
            assert_eq!(waiter.await.expect("no panic"), Exit::Code(3));
        }
        assert_eq!(guest.wait().await, Exit::Code(3));
    }
}
