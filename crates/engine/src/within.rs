//! Finds programs in a container as it is now: what it wrote, its mounts, its image; and lends those of the image `toolbox`.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use sprat_image::{NodeId, NodeKind, Tree};
use sprat_program::Artifact;
use sprat_sandbox::ProgramSpec;

use crate::core::{Core, blocking};
use crate::facts::ImageFacts;
use crate::files::Found;
use crate::gate::Permit;
use crate::locate::{self, PROGRAM_LIMIT, candidates, check_kind};
use crate::record::{ProgramRef, Record};
use crate::user::{Accounts, Resolved};
use crate::{EngineError, create};

/// The image whose programs are lent to containers that do not have them.
const TOOLBOX: &str = "toolbox";
/// Images whose files are kept at hand between two looks.
const TREES: usize = 8;

/// What is looked for.
#[derive(Debug, Clone)]
pub(crate) struct Looked {
    /// The first argument.
    pub(crate) name: String,
    /// `PATH` in effect.
    pub(crate) path: String,
    /// Working folder in effect.
    pub(crate) cwd: String,
}

/// The files of the images that were looked at last: opening them anew for each look costs.
#[derive(Debug, Default)]
pub(crate) struct Trees(Mutex<VecDeque<Arc<Tree>>>);

impl Trees {
    /// An image's files, kept for the next look.
    pub(crate) fn of(&self, facts: &ImageFacts) -> Result<Arc<Tree>, EngineError> {
        let tree = facts.tree()?;
        let mut kept = self.0.lock();
        if !kept.iter().any(|other| Arc::ptr_eq(other, &tree)) {
            kept.push_back(Arc::clone(&tree));
            if kept.len() > TREES {
                kept.pop_front();
            }
        }
        Ok(tree)
    }
}

/// A program's bytes, or what is known of them.
enum Program {
    /// A file of an image, known from before.
    Known(ProgramRef),
    /// Bytes, and the image's node to remember them by.
    Bytes { path: String, bytes: Vec<u8>, node: Option<NodeId> },
}

impl Core {
    /// The program that a container starts with, as it is now: what it wrote counts before its image.
    pub(crate) async fn first_program(&self, record: &Arc<Record>) -> Result<(ProgramRef, Artifact), EngineError> {
        let wanted = create::wanted(&record.settled);
        if !self.upper(record.id).exists() {
            return locate::prepare(&record.facts, &self.cache, &wanted).await;
        }
        let looked = Looked { name: wanted.name.clone(), path: wanted.path.clone(), cwd: wanted.cwd.clone() };
        let found = self.look_within(record, looked).await?;
        let found = found.ok_or(EngineError::ProgramNotFound(wanted.name))?;
        let (path, artifact) = self.compiled(&record.facts, found, wanted.shared).await?;
        check_kind(&path, &artifact)?;
        let digest = format!("sha256:{}", artifact.description.sha256).parse();
        let digest = digest.map_err(|_| EngineError::Worker(format!("the cache gave an odd digest for {path}")))?;
        Ok((ProgramRef { path, digest }, artifact))
    }

    /// The program that a name means in a container, checked, compiled to be interruptible, and let through the gate.
    pub(crate) async fn program_within(
        &self,
        record: &Arc<Record>,
        looked: Looked,
    ) -> Result<(ProgramSpec, Permit), EngineError> {
        let found = self.look_within(record, looked.clone()).await?;
        let (facts, found) = match found {
            Some(found) => (Arc::clone(&record.facts), found),
            None => self.lend(looked).await?,
        };
        let (path, artifact) = self.compiled(&facts, found, true).await?;
        check_kind(&path, &artifact)?;
        let permit = self.admit(&artifact.description.sha256, &facts.data.id)?;
        Ok((spec_of(&artifact), permit))
    }

    /// The same for a program that a build's step wants.
    pub(crate) async fn program_of_step(
        &self,
        place: &crate::steps::StepPlace,
        looked: Looked,
    ) -> Result<(ProgramSpec, Permit), EngineError> {
        let (files, facts) = (place.files.clone(), Arc::clone(&place.facts));
        let tree = blocking({
            let facts = Arc::clone(&facts);
            move || facts.tree()
        })
        .await?;
        let name = looked.name.clone();
        let found =
            blocking(move || look(&Found::of_files(&files, Arc::clone(&tree))?, &facts_none(), &looked)).await?;
        let found = found.ok_or(EngineError::ProgramNotFound(name))?;
        let (path, artifact) = self.compiled(&facts, found, true).await?;
        check_kind(&path, &artifact)?;
        let permit = self.admit(&artifact.description.sha256, &facts.data.id)?;
        Ok((spec_of(&artifact), permit))
    }

    async fn look_within(&self, record: &Arc<Record>, looked: Looked) -> Result<Option<Program>, EngineError> {
        let files = self.files(record, self.provided(record));
        let (facts, trees) = (Arc::clone(&record.facts), Arc::clone(&self.trees));
        blocking(move || {
            let tree = trees.of(&facts)?;
            look(&Found::of_files(&files, tree)?, &|node| facts.node_program(node), &looked)
        })
        .await
    }

    /// Looks for a program in the image `toolbox`: at the same path, or by its last name.
    async fn lend(&self, looked: Looked) -> Result<(Arc<ImageFacts>, Program), EngineError> {
        let name = looked.name.clone();
        let Ok(facts) = self.facts(TOOLBOX) else { return Err(EngineError::ProgramNotFound(name)) };
        let (trees, path) = (Arc::clone(&self.trees), crate::settle::path(&facts.data.config.env).to_owned());
        let found = {
            let facts = Arc::clone(&facts);
            blocking(move || {
                let tree = trees.of(&facts)?;
                let known = |node| facts.node_program(node);
                let found = Found::of_image(tree)?;
                let last = looked.name.rsplit('/').next().unwrap_or_default().to_owned();
                let by_last = Looked { name: last, path, cwd: "/".to_owned() };
                match look(&found, &known, &looked)? {
                    Some(program) => Ok::<_, EngineError>(Some(program)),
                    None => look(&found, &known, &by_last),
                }
            })
        };
        let program = found.await?.ok_or(EngineError::ProgramNotFound(name))?;
        Ok((facts, program))
    }

    /// A program of the image `toolbox`, checked and compiled to be interruptible.
    pub(crate) async fn lent(&self, looked: Looked) -> Result<Artifact, EngineError> {
        let (facts, found) = self.lend(looked).await?;
        let (path, artifact) = self.compiled(&facts, found, true).await?;
        check_kind(&path, &artifact)?;
        Ok(artifact)
    }

    async fn compiled(
        &self,
        facts: &Arc<ImageFacts>,
        found: Program,
        interruptible: bool,
    ) -> Result<(String, Artifact), EngineError> {
        let (path, bytes, node) = match found {
            Program::Known(program) => {
                if let Some(artifact) = self.cache.lookup(&program.digest.hex(), interruptible) {
                    return Ok((program.path, artifact));
                }
                let tree = self.trees.of(facts)?;
                let node = tree.lookup(&program.path).ok_or(EngineError::ProgramNotFound(program.path.clone()))?;
                let bytes =
                    tree.read(node, PROGRAM_LIMIT).map_err(EngineError::io(format!("read {}", program.path)))?;
                (program.path, bytes, None)
            }
            Program::Bytes { path, bytes, node } => (path, bytes, node),
        };
        let artifact = self
            .cache
            .prepare(bytes, interruptible)
            .await
            .map_err(|source| EngineError::Program { path: path.clone(), source })?;
        if let (Some(node), Ok(digest)) = (node, format!("sha256:{}", artifact.description.sha256).parse()) {
            facts.remember_node(node, ProgramRef { path: path.clone(), digest });
        }
        Ok((path, artifact))
    }

    /// Whom a user of a container is, by its own `/etc/passwd` and `/etc/group` as they are now.
    pub(crate) async fn account_within(&self, record: &Arc<Record>, user: &str) -> Result<Resolved, EngineError> {
        let files = self.files(record, self.provided(record));
        let (facts, trees, user) = (Arc::clone(&record.facts), Arc::clone(&self.trees), user.to_owned());
        let groups = record.spec.groups.clone();
        blocking(move || {
            let found = Found::of_files(&files, trees.of(&facts)?)?;
            let text = |path: &str| found.small(path, crate::user::FILE_LIMIT);
            Accounts::of(text("/etc/passwd"), text("/etc/group")).resolve(&user, &groups)
        })
        .await
    }
}

/// A build's step has no memory of programs: its files change from step to step.
fn facts_none() -> impl Fn(NodeId) -> Option<ProgramRef> {
    |_| None
}

/// Looks at the places where a name may be; one that can't be run hides no later one.
fn look(
    found: &Found,
    known: &dyn Fn(NodeId) -> Option<ProgramRef>,
    looked: &Looked,
) -> Result<Option<Program>, EngineError> {
    let mut refused = None;
    for path in candidates(&looked.name, &looked.path, &looked.cwd) {
        let node = found.image_node(&path);
        if let Some(node) = node {
            if let Some(program) = known(node) {
                return Ok(Some(Program::Known(ProgramRef { path, ..program })));
            }
            if found.tree().node(node).kind != NodeKind::File {
                continue;
            }
        }
        match found.program(&path) {
            Ok(Some(bytes)) => return Ok(Some(Program::Bytes { path, bytes, node })),
            Ok(None) => {}
            Err(source) => refused = refused.or(Some(EngineError::Program { path, source })),
        }
    }
    refused.map_or(Ok(None), Err)
}

fn spec_of(artifact: &Artifact) -> ProgramSpec {
    let description = &artifact.description;
    ProgramSpec {
        code: artifact.path.clone(),
        variant: artifact.variant,
        encoding: description.encoding,
        kind: description.kind,
        wasi: description.wasi,
    }
}
