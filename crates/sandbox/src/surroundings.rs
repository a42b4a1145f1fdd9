//! [`Surroundings`]: what all instances of a component have in common while its container runs.

use std::sync::Arc;

use crate::control::Control;
use crate::files::{Descriptor, FileView};
use crate::limiter::Limiter;
use crate::network::GuestNetwork;
use crate::standard::Standard;
use crate::start::Given;

/// What all instances of a component have in common while its container runs. A command has one instance, a service one a
/// request.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) control: Arc<Control>,
    pub(crate) standard: Arc<Standard>,
    pub(crate) files: Arc<FileView>,
    pub(crate) network: Arc<GuestNetwork>,
    pub(crate) env: Vec<(String, String)>,
    /// The working folder and its absolute path, unless it is the root.
    pub(crate) working: Option<(Descriptor, String)>,
}

impl Surroundings {
    /// Those of what a guest is given, and the limiter of its first instance.
    pub(crate) fn new(given: Given) -> (Arc<Self>, Limiter) {
        let Given { control, limiter, files, network, streams, env, working } = given;
        let standard = Standard::new(streams, Arc::clone(&files));
        (Arc::new(Self { control, standard, files, network, env, working }), limiter)
    }

    /// Absolute path of the working folder, unless it is the root.
    pub(crate) fn cwd(&self) -> Option<&str> {
        self.working.as_ref().map(|(_, path)| path.as_str())
    }
}
