//! Images: pull, push, build, load, save, import, commit, tag, remove, prune.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use sprat_image::build::{BuildSink, Builder};
use sprat_image::registry::Credentials;
use sprat_image::{
    Digest, HistoryEntry, Image, ImageUse, Progress, ProgressSink, PruneReport, Reference, RemoveReport, StoreError,
    archive,
};

use crate::core::{Core, blocking};
use crate::facts::ImageFacts;
use crate::locate::{self, Wanted, clean};
use crate::record::Record;
use crate::runner::WorkerRunner;
use crate::state::State;
use crate::{BuildRequest, CommitRequest, ContainerSpec, EngineError, EventKind, filter, reaper, settle};

impl Core {
    fn tell_image(&self, action: &str, actor: String, name: Option<String>) {
        let attributes = name.map(|name| ("name".to_owned(), name)).into_iter().collect();
        self.bus.tell(EventKind::Image, action, actor, attributes);
    }

    /// All images with the number of containers of each.
    pub(crate) fn list_images(&self) -> Result<Vec<(Arc<Image>, usize)>, EngineError> {
        let mut counts = std::collections::HashMap::new();
        for record in self.containers.all() {
            *counts.entry(record.facts.data.id.clone()).or_insert(0_usize) += 1;
        }
        let images = self.images.images()?;
        Ok(images.into_iter().map(|image| (Arc::clone(&image), counts.get(&image.id).copied().unwrap_or(0))).collect())
    }

    /// Whether an image is the built-in reaper, and it is used.
    pub(crate) fn is_reaper(&self, name: &str) -> bool {
        let is = |image: Arc<Image>| reaper::is_image(image.layers.iter().map(|layer| &layer.diff_id));
        self.config.reaper && self.images.resolve(name).is_ok_and(is)
    }

    /// What the program of an image is.
    pub(crate) async fn describe(&self, image: &str, path: Option<&str>) -> Result<crate::Description, EngineError> {
        let facts = self.facts(image)?;
        locate::survey(&facts, &entry_point(&facts, path)?).await
    }

    /// Compiles the program of an image ahead of its first start. That it has none is no failure of what brought it.
    async fn compile(self: &Arc<Self>, image: &Digest) {
        let facts = match self.facts(&image.to_string()) {
            Ok(facts) => facts,
            Err(error) => return tracing::debug!(%image, %error, "not compiled ahead"),
        };
        let ready = match entry_point(&facts, None) {
            Ok(wanted) => locate::prepare(&facts, &self.cache, &wanted).await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = ready {
            tracing::info!(%image, %error, "its program was not compiled ahead");
        }
    }

    pub(crate) async fn pull(
        self: &Arc<Self>,
        name: &Reference,
        platform: Option<&str>,
        credentials: &Credentials,
        progress: &ProgressSink,
    ) -> Result<Digest, EngineError> {
        let id = if self.config.reaper && reaper::is_meant(name) {
            progress(Progress {
                id: name.tag().unwrap_or("latest").to_owned(),
                status: "Sprat's own reaper stands for this image; nothing is downloaded".to_owned(),
                current: None,
                total: None,
            });
            let (core, name) = (Arc::clone(self), name.clone());
            blocking(move || reaper::make(&core.images, &name)).await?
        } else {
            self.registry.pull(&self.images, name, platform, credentials, progress).await?
        };
        self.tell_image("pull", name.familiar(), Some(name.familiar_name()));
        self.compile(&id).await;
        Ok(id)
    }

    pub(crate) async fn pull_all(
        self: &Arc<Self>,
        repository: &Reference,
        platform: Option<&str>,
        credentials: &Credentials,
        progress: &ProgressSink,
    ) -> Result<(), EngineError> {
        let names = self.registry.tags(repository, credentials).await?;
        if names.is_empty() {
            return Err(StoreError::NotInRegistry(repository.familiar_name()).into());
        }
        for name in names {
            self.pull(&name, platform, credentials, progress).await?;
        }
        Ok(())
    }

    pub(crate) async fn push(
        &self,
        name: &Reference,
        credentials: &Credentials,
        progress: &ProgressSink,
    ) -> Result<(Digest, u64), EngineError> {
        let pushed = self.registry.push(&self.images, name, credentials, progress).await?;
        self.tell_image("push", name.familiar(), Some(name.familiar_name()));
        Ok(pushed)
    }

    pub(crate) async fn build(
        self: &Arc<Self>,
        request: BuildRequest,
        events: BuildSink,
        progress: ProgressSink,
    ) -> Result<Digest, EngineError> {
        let _context = TemporaryFile(request.context.clone());
        let tags = request.options.tags.clone();
        let builder = Builder {
            store: Arc::clone(&self.images),
            registry: Arc::clone(&self.registry),
            credentials: request.credentials,
            runner: Arc::new(WorkerRunner::new(Arc::clone(self))),
        };
        let id = builder.build(request.context, request.options, events, progress).await?;
        self.tell_image("build", id.to_string(), None);
        for tag in tags {
            self.tell_image("tag", id.to_string(), Some(tag.familiar()));
        }
        self.compile(&id).await;
        Ok(id)
    }

    pub(crate) fn tag(&self, image: &str, name: &Reference) -> Result<(), EngineError> {
        let id = self.images.resolve(image)?.id.to_string();
        self.images.tag(image, name)?;
        self.tell_image("tag", id, Some(name.familiar()));
        Ok(())
    }

    pub(crate) async fn remove_image(self: Arc<Self>, name: String, force: bool) -> Result<RemoveReport, EngineError> {
        let id = self.images.resolve(&name)?.id.to_string();
        let core = Arc::clone(&self);
        let report = blocking(move || core.images.remove(&name, force, &|image| core.users(image))).await?;
        for untagged in &report.untagged {
            self.tell_image("untag", id.clone(), Some(untagged.clone()));
        }
        for deleted in report.deleted.iter().filter(|digest| digest.to_string() == id) {
            self.tell_image("delete", deleted.to_string(), None);
        }
        Ok(report)
    }

    /// Containers of an image, also those that are being made.
    fn users(&self, image: &Digest) -> Vec<ImageUse> {
        let running = |record: Arc<Record>| {
            let state = record.life().row.state;
            state.is_live() || state == State::Restarting
        };
        let users = self.containers.of_image(image).into_iter();
        users.map(|(id, record)| ImageUse { container: id.short(), running: record.is_some_and(running) }).collect()
    }

    pub(crate) async fn prune_images(
        self: Arc<Self>,
        all: bool,
        filters: BTreeMap<String, Vec<String>>,
    ) -> Result<PruneReport, EngineError> {
        let prune = filter::Prune::parse(&filters)?;
        let core = Arc::clone(&self);
        let report = blocking(move || {
            let wanted =
                |image: &Image| prune.matches(image.created.unwrap_or(Timestamp::UNIX_EPOCH), &image.config.labels);
            core.images.prune(all, &wanted, &|image| !core.users(image).is_empty())
        })
        .await?;
        for deleted in &report.removed.deleted {
            self.tell_image("delete", deleted.to_string(), None);
        }
        self.tell_prune(EventKind::Image, report.reclaimed);
        Ok(report)
    }

    pub(crate) async fn load(
        self: &Arc<Self>,
        path: PathBuf,
        progress: ProgressSink,
    ) -> Result<Vec<archive::Loaded>, EngineError> {
        let core = Arc::clone(self);
        let loaded = blocking(move || {
            let file = open(&path)?;
            Ok::<_, EngineError>(archive::load(&core.images, file, &progress)?)
        })
        .await?;
        for image in &loaded {
            self.tell_image("load", image.id.to_string(), image.tags.first().map(Reference::familiar));
            self.compile(&image.id).await;
        }
        Ok(loaded)
    }

    pub(crate) async fn save(self: Arc<Self>, names: Vec<String>, to: std::fs::File) -> Result<(), EngineError> {
        blocking(move || archive::save(&self.images, &names, to)).await
    }

    pub(crate) async fn import(
        self: &Arc<Self>,
        path: PathBuf,
        tag: Option<Reference>,
        message: String,
        changes: Vec<String>,
    ) -> Result<Digest, EngineError> {
        let core = Arc::clone(self);
        let name = tag.as_ref().map(Reference::familiar);
        let id = blocking(move || {
            let file = open(&path)?;
            Ok::<_, EngineError>(archive::import(&core.images, file, tag, &message, &changes)?)
        })
        .await?;
        self.tell_image("import", id.to_string(), name);
        self.compile(&id).await;
        Ok(id)
    }

    pub(crate) async fn commit(self: Arc<Self>, request: CommitRequest) -> Result<Digest, EngineError> {
        let record = self.containers.find(&request.container)?;
        // Nothing may remove the container meanwhile. What it still writes, if it is not held, may or may not be in the
        // image.
        let _op = record.op.lock().await;
        record.refuse_if_removed()?;
        let held = if request.pause { self.hold(&record).await } else { None };
        let committed = {
            let (core, record) = (Arc::clone(&self), Arc::clone(&record));
            blocking(move || core.commit_now(&record, &request)).await
        };
        if let Some((worker, guest)) = held
            && let Err(error) = worker.client.pause(&guest, false).await
        {
            tracing::debug!(container = %record.id, %error, "it ended while it was held");
        }
        let id = committed?;
        self.tell(&record, "commit", &[("imageID", id.to_string())]);
        self.compile(&id).await;
        Ok(id)
    }

    /// Holds a container that runs; it is still shown as running. `None`: there is nothing to let go on.
    async fn hold(&self, record: &Record) -> Option<(Arc<crate::placement::Worker>, String)> {
        if record.life().row.state != State::Running {
            return None;
        }
        let (worker, guest) = self.guest(record).ok()?;
        worker.client.pause(&guest, true).await.ok()?;
        Some((worker, guest))
    }

    fn commit_now(&self, record: &Record, request: &CommitRequest) -> Result<Digest, EngineError> {
        let image = self.images.resolve(&record.facts.data.id.to_string())?;
        let settled = &record.settled;
        let labels = self.labels(record);
        let mut config = crate::changes::of_container(&image.config, &record.spec, settled, labels);
        crate::changes::overlay(&mut config, &request.config);
        crate::changes::apply(&mut config, &request.changes)?;
        let mut layers = record.facts.data.diff_ids.clone();
        let _hold = self.images.hold_new_layers();
        let owner = sprat_image::layer::Owner { uid: settled.ids.uid, gid: settled.ids.gid };
        layers.push(self.images.add_upper(&self.upper(record.id), &*record.facts.tree()?, owner)?);
        let mut history = image.history.clone();
        history.push(HistoryEntry {
            created: Some(jiff::Timestamp::now()),
            created_by: settled.argv.join(" "),
            comment: request.message.clone(),
            author: request.author.clone(),
            empty_layer: false,
        });
        let tags: Vec<Reference> = request.tag.iter().cloned().collect();
        Ok(self.images.create(&config, &layers, &history, &tags)?.id.clone())
    }
}

fn open(path: &std::path::Path) -> Result<std::fs::File, EngineError> {
    std::fs::File::open(path).map_err(EngineError::io(format!("read {}", path.display())))
}

/// The program that an image would run, or the one at `path`.
fn entry_point(facts: &ImageFacts, path: Option<&str>) -> Result<Wanted, EngineError> {
    let (spec, config) = (ContainerSpec::default(), &facts.data.config);
    let name = match path {
        Some(path) => path.to_owned(),
        None => settle::argv(&spec, config)?.swap_remove(0),
    };
    Ok(Wanted {
        name,
        path: settle::path(&config.env).to_owned(),
        cwd: clean(&config.working_dir),
        mounts: Vec::new(),
        shared: true,
    })
}

/// Removes a file at its end.
struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if let Err(error) = fs_err::remove_file(&self.0) {
            tracing::debug!(%error, "a build's context stays");
        }
    }
}
