//! Docker's API: one file a resource. Handlers parse, call the engine, render.
//!
//! [`front`] takes the version off the path, [`error`] maps every engine error once. What Docker's API has and Sprat does
//! not is answered by [`unoffered`]; what the API doesn't have is `page not found`, as docker says.

mod body;
mod build;
mod containers;
mod disk_usage;
mod error;
mod events;
mod front;
mod images;
mod info;
mod lines;
mod networks;
mod params;
mod sprat;
mod system;
mod tars;
mod unoffered;
mod unread;
mod volumes;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use sprat_engine::Engine;
use tokio::sync::mpsc;

use crate::DaemonConfig;
use crate::connection::Handler;

pub(crate) use error::ApiError;

/// Why the daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Containers go on.
    LeaveContainers,
    /// Containers are stopped first.
    StopContainers,
}

/// What every handler works with.
#[derive(Debug)]
pub(crate) struct Door {
    engine: Arc<Engine>,
    /// Where uploads lie until the engine has read them.
    uploads: PathBuf,
    /// Memory limit of a container that names none, in bytes.
    default_memory: u64,
    /// Ends the daemon.
    end: mpsc::Sender<Ending>,
}

/// The door as served on each kind of address.
#[derive(Clone)]
pub(crate) struct Handlers {
    /// On Unix sockets, whose mode says who may use them.
    pub(crate) unix: Handler,
    /// On loopback TCP, where browsers must be kept out.
    pub(crate) tcp: Handler,
}

/// Builds the door.
pub(crate) fn handlers(engine: Arc<Engine>, config: &DaemonConfig, end: mpsc::Sender<Ending>) -> Handlers {
    let door =
        Arc::new(Door { engine, uploads: config.root.join("uploads"), default_memory: config.default_memory, end });
    body::sweep_uploads(&door.uploads);
    let router = router(door);
    Handlers { unix: front::handler(router.clone(), false), tcp: front::handler(router, true) }
}

fn router(door: Arc<Door>) -> Router {
    Router::new()
        .merge(system::routes())
        .merge(containers::routes())
        .merge(images::routes())
        .merge(build::routes())
        .merge(volumes::routes())
        .merge(networks::routes())
        .merge(sprat::routes())
        .merge(unoffered::routes())
        .fallback(async || ApiError::page_not_found())
        .method_not_allowed_fallback(async || ApiError::page_not_found())
        .with_state(door)
}
