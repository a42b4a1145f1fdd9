//! [`Instance`]: a component's instance that answers requests, one after the other.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{WasiBody, WasiHttpView, p2, p3};

use super::request::Incoming;
use super::shared::Parts;
use crate::component::Host;
use crate::limiter::Limiter;
use crate::place::Place;
use crate::prepared::host_store;

/// A service's component, linked.
pub(crate) enum ProxyPre {
    /// It exports `incoming-handler` of WASI 0.2.
    P2(p2::bindings::ProxyPre<Host>),
    /// It exports `handler` of WASI 0.3.
    P3(p3::bindings::ServicePre<Host>),
}

/// The same, instantiated.
enum Proxy {
    P2(p2::bindings::Proxy),
    P3(p3::bindings::Service),
}

/// A component's instance that answers requests, one after the other.
pub(crate) struct Instance {
    store: Store<Host>,
    proxy: Proxy,
    /// Requests that it answered.
    pub(super) answered: u32,
    /// Its place in the pool.
    _place: Place,
}

/// What a guest answered: a head with a body that may still be written, or an error of its own in words.
pub(super) type Answer = Result<http::Response<WasiBody>, String>;

/// Where a guest puts its answer. Whoever looks polls the guest too, so nobody needs to be woken.
#[derive(Default)]
pub(super) struct Slot(Mutex<Option<Answer>>);

impl Slot {
    fn set(&self, answer: Answer) {
        *self.0.lock() = Some(answer);
    }

    pub(super) fn take(&self) -> Option<Answer> {
        self.0.lock().take()
    }
}

/// How a call into an instance ended.
pub(super) struct Finished {
    /// The instance, if it can be called again.
    pub(super) instance: Option<Instance>,
    pub(super) result: wasmtime::Result<()>,
    /// It was refused memory.
    pub(super) out_of_memory: bool,
}

impl Instance {
    /// Makes one.
    pub(super) async fn new(pre: &ProxyPre, parts: &Parts, place: Place) -> wasmtime::Result<Self> {
        let store = |engine| {
            let limiter = Limiter::new(Arc::clone(&parts.around.control));
            host_store(engine, Host::new(Arc::clone(&parts.around), limiter), parts.interruptible)
        };
        let (store, proxy) = match pre {
            ProxyPre::P2(pre) => {
                let mut store = store(pre.engine());
                let proxy = pre.instantiate_async(&mut store).await?;
                (store, Proxy::P2(proxy))
            }
            ProxyPre::P3(pre) => {
                let mut store = store(pre.engine());
                let proxy = pre.instantiate_async(&mut store).await?;
                (store, Proxy::P3(proxy))
            }
        };
        Ok(Self { store, proxy, answered: 0, _place: place })
    }

    /// Has a request answered, and drives what the guest does after its answer.
    pub(super) async fn answer(mut self, request: Incoming, slot: Arc<Slot>) -> Finished {
        self.store.data_mut().begin(request.trace);
        let result = match &self.proxy {
            Proxy::P2(proxy) => answer_p2(&mut self.store, proxy, (request.scheme, request.request), slot).await,
            Proxy::P3(proxy) => answer_p3(&mut self.store, proxy, request.request, slot).await,
        };
        self.answered += 1;
        let out_of_memory = self.store.data().limiter.denied();
        let instance = result.is_ok().then_some(self);
        Finished { instance, result, out_of_memory }
    }
}

async fn answer_p2(
    store: &mut Store<Host>,
    proxy: &p2::bindings::Proxy,
    (scheme, request): (Scheme, http::Request<WasiBody>),
    slot: Arc<Slot>,
) -> wasmtime::Result<()> {
    let mut view = store.data_mut().http();
    let request = view.new_incoming_request(scheme, request)?;
    let out = view.new_response_outparam_from_callback(move |answer| {
        slot.set(answer.map_err(|code| format!("{code:?}")));
    })?;
    proxy.wasi_http_incoming_handler().call_handle(store, request, out).await
}

/// Ends when a request's body is taken.
type Sent = Pin<Box<dyn Future<Output = Result<(), wasmtime_wasi_http::Error>> + Send>>;

async fn answer_p3(
    store: &mut Store<Host>,
    proxy: &p3::bindings::Service,
    request: http::Request<WasiBody>,
    slot: Arc<Slot>,
) -> wasmtime::Result<()> {
    let answered = store.run_concurrent(async |accessor| -> wasmtime::Result<()> {
        let (request, sent) = accessor.with(|mut store| {
            let view = store.get().http();
            let (request, sent) = p3::Request::from_http(view.hooks, request);
            let sent: Sent = Box::pin(sent);
            view.table.push(request).map(|request| (request, sent))
        })?;
        match proxy.wasi_http_handler().call_handle(accessor, request).await? {
            Ok(response) => {
                let response = accessor.with(|mut store| -> wasmtime::Result<_> {
                    let response = store.get().http().table.delete(response)?;
                    response.into_http_with_getter(&mut store, sent, Host::http)
                })?;
                slot.set(Ok(response));
            }
            Err(code) => slot.set(Err(format!("{code:?}"))),
        }
        poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
        Ok(())
    });
    answered.await.flatten()
}
