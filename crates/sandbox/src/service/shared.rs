//! [`Service`]: one container that is an HTTP service.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use parking_lot::Mutex;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::admission::{Admission, Refused};
use super::answer::Refusal;
use super::body::AnswerBody;
use super::call::{By, Call, Ended};
use super::figures::Figures;
use super::hold::{Hold, Stage};
use super::instance::{Finished, Instance};
use super::request::{Incoming, Progress};
use super::{ServiceSpec, ServiceUsage};
use crate::control::Control;
use crate::core::Core;
use crate::place::Place;
use crate::prepared::Prepared;
use crate::surroundings::Surroundings;
use crate::{ProgramSpec, Stream, ending, run};

/// What an instance of a service is made of, beside its program.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) around: Arc<Surroundings>,
    pub(crate) interruptible: bool,
}

/// One container that is an HTTP service.
pub(crate) struct Service {
    pub(super) core: Arc<Core>,
    pub(super) parts: Arc<Parts>,
    pub(super) spec: ServiceSpec,
    pub(super) hold: Hold,
    pub(super) figures: Figures,
    program: ProgramSpec,
    /// The cache of programs keeps it: a service that was idle for long gives its code back, and loads it when it is
    /// called.
    loaded: Mutex<Weak<Prepared>>,
    admission: Admission,
    /// Instances that wait for a request: used ones that may be used again, and ones made ahead.
    waiting: Mutex<Vec<Instance>>,
    /// Some are being made ahead.
    making: AtomicBool,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Service {
    pub(crate) fn new(
        core: Arc<Core>,
        program: (ProgramSpec, &Arc<Prepared>),
        parts: Parts,
        spec: ServiceSpec,
    ) -> Self {
        Self {
            admission: Admission::new(&spec),
            core,
            parts: Arc::new(parts),
            spec,
            hold: Hold::new(),
            figures: Figures::default(),
            loaded: Mutex::new(Arc::downgrade(program.1)),
            program: program.0,
            waiting: Mutex::default(),
            making: AtomicBool::new(false),
        }
    }

    /// Has a request answered: by the program, or with the reason why not.
    pub(crate) async fn handle<B>(self: &Arc<Self>, request: Request<B>, scheme: Scheme) -> Response<AnswerBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Error>,
    {
        self.figures.came();
        match self.try_handle(request, scheme).await {
            Ok(response) => response,
            Err(refusal) => {
                match refusal {
                    Refusal::QueueFull | Refusal::TooBusy => self.figures.refuse(),
                    Refusal::NotLoaded | Refusal::Failed | Refusal::NoAnswer | Refusal::TooSlow => self.figures.fail(),
                    Refusal::Host | Refusal::Length | Refusal::TooLarge(_) | Refusal::Tunnel | Refusal::Ending => {}
                }
                refusal.answer()
            }
        }
    }

    async fn try_handle<B>(
        self: &Arc<Self>,
        request: Request<B>,
        scheme: Scheme,
    ) -> Result<Response<AnswerBody>, Refusal>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Error>,
    {
        let progress = Progress::new();
        let request = Incoming::new(request, scheme, self.spec.body_bytes, &progress)?;
        let permit = self.admission.enter(&self.figures.queued).await.map_err(|refused| match refused {
            Refused::QueueFull => Refusal::QueueFull,
            Refused::TooLong => Refusal::TooBusy,
            Refused::Closed => Refusal::Ending,
        })?;
        let by = match self.take_waiting() {
            Some(instance) => By::Ready(instance),
            None => {
                let place = self.core.request_places.take(0).ok_or(Refusal::QueueFull)?;
                By::Fresh(self.program().await?, place)
            }
        };
        Call::new(Arc::clone(self), by, (request, progress), permit).answer().await
    }

    async fn program(&self) -> Result<Arc<Prepared>, Refusal> {
        let loaded = self.loaded.lock().upgrade();
        if let Some(program) = loaded {
            return Ok(program);
        }
        match self.core.program(&self.program, false).await {
            Ok(program) => {
                *self.loaded.lock() = Arc::downgrade(&program);
                Ok(program)
            }
            Err(error) => {
                self.failed(format!("the program cannot be loaded: {error}"));
                Err(Refusal::NotLoaded)
            }
        }
    }

    fn take_waiting(self: &Arc<Self>) -> Option<Instance> {
        if self.spec.reuse <= 1 && self.spec.ready == 0 {
            return None;
        }
        let instance = self.waiting.lock().pop();
        if self.spec.ready > 0 {
            self.make_ready();
        }
        instance
    }

    /// Makes instances ahead, as many as are missing, in a task of its own.
    pub(super) fn make_ready(self: &Arc<Self>) {
        let missing = |service: &Self| service.waiting.lock().len() < service.spec.ready as usize;
        if !missing(self) || self.making.swap(true, Ordering::SeqCst) {
            return;
        }
        let service = Arc::clone(self);
        tokio::spawn(async move {
            while missing(&service) && service.hold.stage() == Stage::Open {
                let Some(place) = service.core.request_places.take(0) else { break };
                let Ok(program) = service.program().await else { break };
                match Self::instantiate(&program, &service.parts, place).await {
                    Ok(instance) => service.waiting.lock().push(instance),
                    // The next request is told why.
                    Err(_) => break,
                }
            }
            service.making.store(false, Ordering::SeqCst);
        });
    }

    /// Makes an instance.
    pub(super) async fn instantiate(program: &Prepared, parts: &Parts, place: Place) -> wasmtime::Result<Instance> {
        match program {
            Prepared::Service(pre) => Instance::new(pre, parts, place).await,
            Prepared::Core { .. } | Prepared::Component(_) | Prepared::Concurrent(_) => {
                Err(wasmtime::Error::msg("the program is no HTTP service"))
            }
        }
    }

    /// An instance that answers nothing.
    pub(crate) async fn fresh(&self) -> wasmtime::Result<Instance> {
        let place = self.core.request_places.take(0).ok_or_else(|| wasmtime::Error::msg("no place is free"))?;
        let program = self.program().await.map_err(|refusal| wasmtime::Error::msg(refusal.to_string()))?;
        Self::instantiate(&program, &self.parts, place).await
    }

    /// What a call of its own ended with: keeps its instance if it may answer again, tells what went wrong.
    pub(super) fn finished(self: &Arc<Self>, finished: Finished) -> Result<(), Ended> {
        let Finished { instance, result, out_of_memory } = finished;
        if let Err(error) = result {
            let text = ending::text(&error);
            self.failed(if out_of_memory { format!("out of memory: {text}") } else { text });
            return Err(Ended::Failed);
        }
        if let Some(instance) = instance.filter(|instance| instance.answered < self.spec.reuse && !out_of_memory) {
            self.waiting.lock().push(instance);
        }
        Ok(())
    }

    /// Tells the container's owner what went wrong, on its standard error.
    pub(super) fn failed(&self, text: String) {
        let around = Arc::clone(&self.parts.around);
        let Some(errors) = around.standard.output(Stream::Stderr).cloned() else { return };
        tokio::spawn(async move { run::report(&errors, &around.files, &around.control, &text).await });
    }

    /// Lets nobody in any more, and lets go of what waits for requests.
    pub(super) fn close(&self) {
        self.admission.close();
        self.waiting.lock().clear();
    }

    pub(crate) fn control(&self) -> &Arc<Control> {
        &self.parts.around.control
    }

    pub(crate) fn usage(&self) -> ServiceUsage {
        self.figures.usage()
    }
}
