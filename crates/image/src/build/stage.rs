//! [`Stage`]: what a stage has become so far, and what one instruction does to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::cache::{self, Cache, Record};
use super::context::Context;
use super::copy;
use super::error::StepError;
use super::plan::Plan;
use super::scope::{Arguments, is_predefined};
use super::select::Files;
use super::{BuildEvent, BuildSink};
use crate::dockerfile::{ArgName, Copy, Environment, Growth, Instruction, apply, expand};
use crate::layer::{Attributes, LayerWriter};
use crate::{Digest, HistoryEntry, Image, ImageConfig, Lease, MAX_CONFIG_BYTES, Store, Tree};

/// What all steps of one build share.
pub(super) struct Session {
    pub(super) store: Arc<Store>,
    pub(super) context: Context,
    pub(super) cache: Cache,
    pub(super) arguments: Arguments,
    pub(super) plan: Plan,
    /// The time of every step, if it is given.
    pub(super) epoch: Option<Timestamp>,
    pub(super) events: BuildSink,
    /// New layers stay while the build runs.
    pub(super) _hold: Lease,
}

impl Session {
    pub(super) fn say(&self, text: String) {
        (self.events)(BuildEvent::Stream(text));
    }
}

/// A stage as it grows.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) config: ImageConfig,
    pub(super) layers: Vec<Digest>,
    pub(super) history: Vec<HistoryEntry>,
    /// Bytes of what this build added to the history.
    history_bytes: u64,
    author: String,
    /// What the cache knows of all that came before.
    pub(super) state: Digest,
    /// Whether CMD was set in this stage.
    cmd_set: bool,
    /// The values that ARG brought into scope.
    declared: BTreeMap<String, String>,
    /// The files of `layers`, once they were asked for.
    tree: Option<Arc<Tree>>,
    /// Keep base images.
    _leases: Vec<Lease>,
}

impl Stage {
    pub(super) fn scratch() -> Self {
        Self {
            config: ImageConfig::default(),
            layers: Vec::new(),
            history: Vec::new(),
            history_bytes: 0,
            author: String::new(),
            state: cache::key(&[b"scratch"]),
            cmd_set: false,
            declared: BTreeMap::new(),
            tree: None,
            _leases: Vec::new(),
        }
    }

    pub(super) fn of_image(image: &Image, lease: Lease) -> Self {
        Self {
            config: image.config.clone(),
            layers: image.layers.iter().map(|layer| layer.diff_id.clone()).collect(),
            history: image.history.clone(),
            history_bytes: 0,
            author: image.author.clone(),
            state: cache::key(&[b"image", image.id.as_bytes()]),
            _leases: vec![lease],
            ..Self::scratch()
        }
    }

    /// A stage on top of another one.
    pub(super) fn on(base: &Self) -> Self {
        Self { cmd_set: false, declared: BTreeMap::new(), ..base.clone() }
    }

    /// The value of a variable here: ENV, which is `environment`, then ARG, then what is known without either.
    fn variable(&self, environment: &Environment<'_>, session: &Session, name: &str) -> Option<String> {
        environment
            .value(name)
            .or_else(|| self.declared.get(name).cloned())
            .or_else(|| session.arguments.given(name).filter(|_| is_predefined(name)).map(str::to_owned))
    }

    /// Build arguments as `NAME=value`, those that the environment hides left out.
    pub(super) fn build_arguments(&self) -> Vec<String> {
        let environment = Environment::new(&self.config.env);
        let hidden = |name: &str| environment.value(name).is_some();
        let seen = self.declared.iter().filter(|(name, _)| !hidden(name) && !is_predefined(name));
        seen.map(|(name, value)| format!("{name}={value}")).collect()
    }

    /// The stage's files.
    pub(super) fn tree(&mut self, store: &Store) -> Result<Arc<Tree>, StepError> {
        if let Some(tree) = &self.tree {
            return Ok(Arc::clone(tree));
        }
        let paths: Vec<_> = self.layers.iter().map(|layer| store.layer_path(layer)).collect::<Result<_, _>>()?;
        let tree = Arc::new(Tree::open(&paths)?);
        self.tree = Some(Arc::clone(&tree));
        Ok(tree)
    }

    /// Carries out any instruction but RUN. `from` has the files of `--from`.
    pub(super) fn step(
        &mut self,
        session: &Session,
        instruction: &Instruction,
        from: Option<Files>,
    ) -> Result<(), StepError> {
        // History and configuration go into one file of that size, and hold all that instructions have grown to.
        if self.history_bytes > MAX_CONFIG_BYTES {
            return Err(StepError::Grown);
        }
        let escape = session.context.dockerfile.escape;
        let environment = Environment::new(&self.config.env);
        let instruction = instruction.expanded(escape, &|name| self.variable(&environment, session, name))?;
        match &instruction {
            Instruction::Arg(names) => self.declare(session, names, escape),
            Instruction::Copy(copy) => self.copy(session, &instruction, copy, from),
            Instruction::Workdir(_) => {
                apply(&mut self.config, &instruction, &mut self.cmd_set)?;
                self.make_working_dir(session, &instruction)
            }
            _ => {
                if let Instruction::Maintainer(author) = &instruction {
                    self.author.clone_from(author);
                }
                apply(&mut self.config, &instruction, &mut self.cmd_set)?;
                self.record(session, &instruction.to_string(), &[], |_| Ok(None))
            }
        }
    }

    fn declare(&mut self, session: &Session, names: &[ArgName], escape: char) -> Result<(), StepError> {
        let mut shown = Vec::new();
        let growth = Growth::default();
        let lines = self.config.env.clone();
        let environment = Environment::new(&lines);
        for arg in names {
            let lookup = |name: &str| self.variable(&environment, session, name);
            let grown = |text: &String| growth.count(expand(text, escape, &lookup)?);
            let default = arg.default.as_ref().map(grown).transpose()?;
            let value = session.arguments.declared(&arg.name, default);
            // A proxy may have a password in it, and where one builds from is no part of the image.
            let default = value.clone().filter(|_| !is_predefined(&arg.name));
            shown.push(ArgName { name: arg.name.clone(), default });
            self.declared.extend(value.map(|value| (arg.name.clone(), value)));
        }
        self.record(session, &Instruction::Arg(shown).to_string(), &[], |_| Ok(None))
    }

    fn copy(
        &mut self,
        session: &Session,
        instruction: &Instruction,
        copy: &Copy,
        from: Option<Files>,
    ) -> Result<(), StepError> {
        let context = || Files {
            tree: Arc::clone(&session.context.files.tree),
            ignore: Some(Arc::clone(&session.context.ignore)),
            working_dir: String::new(),
        };
        let files = from.unwrap_or_else(context);
        let stage = self.tree(&session.store)?;
        let planned = copy::plan(copy, &files, &stage, &self.config.working_dir, &session.store.paths.aside)?;
        let digest = planned.digest()?;
        self.record(session, &instruction.to_string(), &[digest.as_bytes()], |session| {
            let (items, _archives) = planned.into_parts();
            let layer = items.layer()?;
            if layer.is_empty() { Ok(None) } else { Ok(Some(session.store.write_layer(&layer)?)) }
        })
    }

    fn make_working_dir(&mut self, session: &Session, instruction: &Instruction) -> Result<(), StepError> {
        let path = self.config.working_dir.clone();
        let tree = self.tree(&session.store)?;
        self.record(session, &instruction.to_string(), &[], |session| {
            let cannot = |reason| StepError::Target { word: "WORKDIR", path: path.clone(), reason };
            let place = super::target::follow(&tree, path.as_bytes()).map_err(|error| cannot(error.reason()))?;
            match place.node.map(|node| tree.node(node).kind) {
                Some(crate::NodeKind::Directory) => Ok(None),
                Some(_) => Err(cannot("a file is in its way")),
                None => {
                    let mut layer = LayerWriter::new();
                    layer.folder(&place.path.join(&b'/'), Attributes::FOLDER)?;
                    Ok(Some(session.store.write_layer(&layer)?))
                }
            }
        })
    }

    /// Looks a step up in the cache, or carries it out with `make`, which gives its layer.
    fn record(
        &mut self,
        session: &Session,
        text: &str,
        content: &[&[u8]],
        make: impl FnOnce(&Session) -> Result<Option<Digest>, StepError>,
    ) -> Result<(), StepError> {
        let key = self.key(text, content);
        let record = match self.cached(session, &key) {
            Some(record) => record,
            None => self.made(session, &key, make(session)?)?,
        };
        self.finish(session, &key, text, record);
        Ok(())
    }

    /// What the cache knows a step by.
    pub(super) fn key(&self, text: &str, content: &[&[u8]]) -> Digest {
        let parts: Vec<&[u8]> =
            [self.state.as_bytes().as_slice(), text.as_bytes()].into_iter().chain(content.iter().copied()).collect();
        cache::key(&parts)
    }

    pub(super) fn cached(&self, session: &Session, key: &Digest) -> Option<Record> {
        let record = session.cache.find(&session.store, key)?;
        session.say(" ---> Using cache\n".to_owned());
        Some(record)
    }

    /// Notes what a step made.
    pub(super) fn made(&self, session: &Session, key: &Digest, layer: Option<Digest>) -> Result<Record, StepError> {
        let record = Record { layer, created: Timestamp::now() };
        session.cache.put(key, &record)?;
        Ok(record)
    }

    /// Adds a step's layer and its line of history.
    pub(super) fn finish(&mut self, session: &Session, key: &Digest, text: &str, record: Record) {
        let layer_id = record.layer.as_ref().map_or(&[][..], |layer| layer.as_bytes());
        self.state = cache::key(&[key.as_bytes(), layer_id]);
        self.history_bytes += text.len() as u64;
        self.history.push(HistoryEntry {
            created: Some(session.epoch.unwrap_or(record.created)),
            created_by: text.to_owned(),
            comment: String::new(),
            author: self.author.clone(),
            empty_layer: record.layer.is_none(),
        });
        if let Some(layer) = record.layer {
            self.layers.push(layer);
            self.tree = None;
        }
        session.say(format!(" ---> {}\n", self.state.short()));
    }
}
