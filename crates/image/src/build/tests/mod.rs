//! Builds against a real store; programs of RUN steps are a closure.

mod cache;
mod client;
mod copying;
mod failures;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tar::{EntryType, Header};

use super::*;
use crate::registry::RegistryOptions;
use crate::{Image, NodeKind, Tree};

type Program = dyn Fn(&RunStep) -> i32 + Send + Sync;

/// Runs a closure, and keeps the steps it was asked for.
struct FakeRunner {
    program: Box<Program>,
    steps: Mutex<Vec<RunStep>>,
}

impl Runner for FakeRunner {
    fn run<'a>(
        &'a self,
        step: RunStep,
        output: &'a (dyn Fn(&[u8]) + Send + Sync),
    ) -> BoxFuture<'a, Result<i32, String>> {
        output(b"output of the program\n");
        let code = (self.program)(&step);
        self.steps.lock().push(step);
        Box::pin(async move { if code < 0 { Err("it is no program".to_owned()) } else { Ok(code) } })
    }
}

/// A store and what builds need.
struct House {
    root: Arc<tempfile::TempDir>,
    store: Arc<Store>,
    runner: Arc<FakeRunner>,
}

/// What a build gave.
struct Outcome {
    result: Result<Digest, BuildError>,
    log: String,
    store: Arc<Store>,
    /// The store's folder lives as long as it may be looked into.
    _root: Arc<tempfile::TempDir>,
}

impl House {
    fn new() -> Self {
        Self::running(|_| 0)
    }

    fn running(program: impl Fn(&RunStep) -> i32 + Send + Sync + 'static) -> Self {
        let root = Arc::new(tempfile::tempdir().unwrap());
        let store = Arc::new(Store::open(root.path()).unwrap());
        let runner = Arc::new(FakeRunner { program: Box::new(program), steps: Mutex::default() });
        Self { root, store, runner }
    }

    /// Builds from files of the context, of which the first is the Dockerfile.
    fn build(&self, dockerfile: &str, files: &[(&str, &str)]) -> Outcome {
        self.build_with(dockerfile, files, BuildOptions::default())
    }

    fn build_with(&self, dockerfile: &str, files: &[(&str, &str)], options: BuildOptions) -> Outcome {
        let mut tar = TarFile::new();
        tar.file("Dockerfile", dockerfile.as_bytes());
        for (path, content) in files {
            tar.file(path, content.as_bytes());
        }
        self.build_tar(tar.bytes(), options)
    }

    fn build_tar(&self, context: Vec<u8>, options: BuildOptions) -> Outcome {
        let path = self.root.path().join("context.tar");
        std::fs::write(&path, context).unwrap();
        let builder = Builder {
            store: Arc::clone(&self.store),
            registry: Arc::new(Registry::new(RegistryOptions::default()).unwrap()),
            credentials: BTreeMap::new(),
            runner: Arc::clone(&self.runner) as Arc<dyn Runner>,
        };
        let log = Arc::new(Mutex::new(String::new()));
        let lines = Arc::clone(&log);
        let events: BuildSink = Arc::new(move |event| {
            if let BuildEvent::Stream(text) = event {
                lines.lock().push_str(&text);
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // Spawned, as the daemon does: a build can move between threads.
        let build = runtime.spawn(async move { builder.build(path, options, events, Arc::new(|_| {})).await });
        let result = runtime.block_on(build).unwrap();
        let log = log.lock().clone();
        Outcome { result, log, store: Arc::clone(&self.store), _root: Arc::clone(&self.root) }
    }
}

impl Outcome {
    fn id(&self) -> Digest {
        match &self.result {
            Ok(id) => id.clone(),
            Err(error) => panic!("{error}\n{}", self.log),
        }
    }

    fn image(&self) -> Arc<Image> {
        self.store.resolve(&self.id().to_string()).unwrap()
    }

    fn tree(&self) -> Tree {
        self.store.tree(&self.image()).unwrap()
    }

    fn read(&self, path: &str) -> String {
        let tree = self.tree();
        let node = tree.lookup(path).unwrap_or_else(|| panic!("no {path} among {:?}", self.files()));
        String::from_utf8(tree.read(node, 1 << 20).unwrap()).unwrap()
    }

    /// Paths of all files; folders end in a slash, links show their target.
    fn files(&self) -> Vec<String> {
        let tree = self.tree();
        let mut found = Vec::new();
        list(&tree, Tree::ROOT, "", &mut found);
        found
    }

    /// Mode, user and group.
    fn owner(&self, path: &str) -> (u32, u32, u32) {
        let tree = self.tree();
        let node = tree.node(tree.lookup(path).unwrap());
        (node.mode, node.uid, node.gid)
    }

    fn error(&self) -> String {
        match &self.result {
            Ok(_) => panic!("it was built:\n{}", self.log),
            Err(error) => error.to_string(),
        }
    }

    /// Number of steps that came from the cache.
    fn cached(&self) -> usize {
        self.log.matches(" ---> Using cache").count()
    }
}

fn list(tree: &Tree, folder: crate::NodeId, path: &str, found: &mut Vec<String>) {
    for (name, node) in tree.children(folder) {
        let path = format!("{path}{}", String::from_utf8_lossy(name));
        match tree.node(node).kind {
            NodeKind::Directory => {
                found.push(format!("{path}/"));
                list(tree, node, &format!("{path}/"), found);
            }
            NodeKind::File => found.push(path),
            NodeKind::Symlink => found.push(format!("{path} -> {}", String::from_utf8_lossy(tree.link_target(node)))),
        }
    }
}

/// A tar under construction, hostile ones too.
struct TarFile(tar::Builder<Vec<u8>>);

impl TarFile {
    fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    fn entry(&mut self, path: &str, kind: EntryType, mode: u32, link: &str, content: &[u8], mtime: u64) -> &mut Self {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(1000);
        header.set_gid(1000);
        header.set_mtime(mtime);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    fn file(&mut self, path: &str, content: &[u8]) -> &mut Self {
        self.entry(path, EntryType::Regular, 0o644, "", content, 1_700_000_000)
    }

    fn link(&mut self, path: &str, target: &str) -> &mut Self {
        self.entry(path, EntryType::Symlink, 0o777, target, b"", 1_700_000_000)
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

fn args(list: &[(&str, &str)]) -> BuildOptions {
    let build_args = list.iter().map(|(name, value)| (name.to_string(), Some(value.to_string()))).collect();
    BuildOptions { build_args, ..BuildOptions::default() }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}
