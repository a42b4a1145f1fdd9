//! [`ImageFacts`]: what containers of one image share in memory.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sprat_image::{Digest, Image, ImageConfig, Lease, NodeId, Tree};

use crate::EngineError;
use crate::record::ProgramRef;
use crate::user::Accounts;

/// Programs remembered per image; more are found anew each time.
const PROGRAMS: usize = 256;

/// What containers of one image share. It outlives a daemon in the store, so that a container can be shown even when its
/// image is gone.
#[derive(Debug)]
pub(crate) struct ImageFacts {
    pub(crate) data: ImageData,
    /// Keeps the image's content; `None` when the image is gone.
    _lease: Option<Lease>,
    tree: Mutex<Weak<Tree>>,
    programs: Mutex<HashMap<ProgramKey, ProgramRef>>,
    nodes: Mutex<HashMap<NodeId, ProgramRef>>,
    accounts: std::sync::OnceLock<Arc<Accounts>>,
}

/// How a program was asked for: the first argument, `PATH`, the working folder.
pub(crate) type ProgramKey = (String, String, String);

/// The part of [`ImageFacts`] that is kept in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageData {
    pub(crate) id: Digest,
    pub(crate) architecture: String,
    pub(crate) os: String,
    pub(crate) config: ImageConfig,
    pub(crate) layers: Vec<PathBuf>,
    pub(crate) diff_ids: Vec<Digest>,
}

impl ImageData {
    pub(crate) fn of(image: &Image) -> Self {
        Self {
            id: image.id.clone(),
            architecture: image.architecture.clone(),
            os: image.os.clone(),
            config: image.config.clone(),
            layers: image.layers.iter().map(|layer| layer.path.clone()).collect(),
            diff_ids: image.layers.iter().map(|layer| layer.diff_id.clone()).collect(),
        }
    }
}

impl ImageFacts {
    pub(crate) fn new(data: ImageData, lease: Option<Lease>) -> Self {
        Self {
            data,
            _lease: lease,
            tree: Mutex::default(),
            programs: Mutex::default(),
            nodes: Mutex::default(),
            accounts: std::sync::OnceLock::new(),
        }
    }

    /// The image's files. Shared while anybody looks at them.
    ///
    /// # Errors
    /// A layer is missing or damaged.
    pub(crate) fn tree(&self) -> Result<Arc<Tree>, EngineError> {
        let mut known = self.tree.lock();
        if let Some(tree) = known.upgrade() {
            return Ok(tree);
        }
        let tree = Arc::new(Tree::open(&self.data.layers).map_err(|error| {
            let reason = match &error {
                sprat_image::TreeError::Io { source, .. } => format!("{error}: {source}"),
                sprat_image::TreeError::Corrupt { .. } => error.to_string(),
            };
            sprat_image::StoreError::Invalid { what: format!("image {}", self.data.id.short()), reason }
        })?);
        *known = Arc::downgrade(&tree);
        Ok(tree)
    }

    /// The image's users and groups, if they were read before.
    pub(crate) fn known_accounts(&self) -> Option<Arc<Accounts>> {
        self.accounts.get().cloned()
    }

    /// The image's users and groups.
    ///
    /// # Errors
    /// A layer is missing or damaged.
    pub(crate) fn accounts(&self) -> Result<Arc<Accounts>, EngineError> {
        if let Some(accounts) = self.accounts.get() {
            return Ok(Arc::clone(accounts));
        }
        let accounts = Arc::new(Accounts::read(&*self.tree()?));
        Ok(Arc::clone(self.accounts.get_or_init(|| accounts)))
    }

    /// The image says that it is for wasm.
    pub(crate) fn is_for_wasm(&self) -> bool {
        self.data.architecture.starts_with("wasm")
            || self.data.os.starts_with("wasi")
            || self.data.os.starts_with("wasm")
    }

    /// The program found before for this request.
    pub(crate) fn program(&self, key: &ProgramKey) -> Option<ProgramRef> {
        self.programs.lock().get(key).cloned()
    }

    /// The program found before at a node.
    pub(crate) fn node_program(&self, node: NodeId) -> Option<ProgramRef> {
        self.nodes.lock().get(&node).cloned()
    }

    /// Remembers the program at a node.
    pub(crate) fn remember_node(&self, node: NodeId, program: ProgramRef) {
        let mut nodes = self.nodes.lock();
        if nodes.len() < PROGRAMS {
            nodes.insert(node, program);
        }
    }

    /// Remembers a program.
    pub(crate) fn remember(&self, key: ProgramKey, program: ProgramRef) {
        let mut programs = self.programs.lock();
        if programs.len() < PROGRAMS {
            programs.insert(key, program);
        }
    }
}

/// Facts by image id, while a container or a request uses them.
#[derive(Debug, Default)]
pub(crate) struct FactsShelf(Mutex<HashMap<Digest, Weak<ImageFacts>>>);

impl FactsShelf {
    /// The facts of this image; `make` gives them when nobody uses them yet. True: they are new.
    pub(crate) fn get(&self, id: &Digest, make: impl FnOnce() -> ImageFacts) -> (Arc<ImageFacts>, bool) {
        let mut shelf = self.0.lock();
        if let Some(facts) = shelf.get(id).and_then(Weak::upgrade) {
            return (facts, false);
        }
        shelf.retain(|_, facts| facts.strong_count() > 0);
        let facts = Arc::new(make());
        shelf.insert(id.clone(), Arc::downgrade(&facts));
        (facts, true)
    }
}

impl ImageData {
    /// A stage of a build as it stands, which is no image yet.
    pub(crate) fn of_step(step: &sprat_image::build::RunStep) -> Self {
        Self {
            id: Digest::of(b""),
            architecture: String::new(),
            os: String::new(),
            config: step.config.clone(),
            layers: step.layers.clone(),
            diff_ids: Vec::new(),
        }
    }
}
