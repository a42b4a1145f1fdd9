//! Bodies of Docker's requests, as Docker Compose 2 sends them.

mod container;
mod host;
mod mounts;
mod resource;

use std::collections::BTreeMap;

pub use container::{container, depends_on};
pub use resource::{network, volume};

/// What a container's body needs beside the project.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The container's number within its service.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// The name of its image.
    pub image: String,
    /// The id of its image.
    pub image_id: String,
    /// Containers of other services, by service: who shares a network or volumes is given their ids.
    pub containers: BTreeMap<String, Vec<String>>,
    /// Volumes that the container before it had and that have no name in the project: target and name.
    pub inherited: Vec<(String, String)>,
    /// Where configs and secrets lie that are no files of their own: their source (`secrets/NAME`) and the file.
    pub files: BTreeMap<String, String>,
    /// The name of the container that it takes the place of.
    pub replaces: Option<String>,
    /// For `run`.
    pub one_off: Option<OneOff>,
}

/// What differs in a container of `run`.
#[derive(Debug, Clone, Default)]
pub struct OneOff {
    /// A name of its own.
    pub slug: String,
    /// Found under the service's name too.
    pub aliases: bool,
}
