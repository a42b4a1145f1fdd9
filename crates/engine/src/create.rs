//! Create: from a request to a container, or to nothing at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use sprat_image::Lease;
use sprat_program::ProgramError;

use crate::core::{Core, blocking};
use crate::facts::{ImageData, ImageFacts};
use crate::locate::{self, Wanted, clean};
use crate::networks::split_link;
use crate::record::{LifeRow, ProgramRef, Record, Settled};
use crate::store::NewContainer;
use crate::volumes::remove_tree;
use crate::{
    ContainerId, ContainerSpec, Created, EngineError, Isolation, MountKind, MountPoint, MountSpec, TmpfsOwner, Volume,
    copy_up, name, overrides, settle,
};

/// Tries to make up a free name.
const NAME_TRIES: u32 = 64;

impl Core {
    /// Makes a container.
    pub(crate) async fn create(self: Arc<Self>, mut spec: ContainerSpec) -> Result<Created, EngineError> {
        settle::check(&spec)?;
        self.check_links(&spec)?;
        self.inherit(&mut spec)?;
        let mut warnings = overrides::apply(&mut spec)?;
        warnings.extend(settle::warnings(&spec));
        self.egress(&spec)?;
        let id = ContainerId::random();
        let image = self.images.resolve(&spec.image)?.id.clone();
        // Noted before the image is leased: a removal of the image meanwhile is refused, or was first.
        let _making = self.containers.making(id, image.clone());
        let facts = self.facts(&image.to_string())?;
        let mut draft = Draft::new(Arc::clone(&self), id, spec.name.as_deref())?;
        let settled = draft.settle(&spec, &facts).await?;
        let record = draft.store(spec, facts, settled)?;
        self.containers.add(Arc::clone(&record));
        self.tell(&record, "create", &[]);
        Ok(Created { id, warnings })
    }

    /// Containers that are linked by the default network have to be there; other networks have names of their own.
    fn check_links(&self, spec: &ContainerSpec) -> Result<(), EngineError> {
        if !matches!(spec.network.as_str(), "" | "default" | "bridge") {
            return Ok(());
        }
        for (name, _) in spec.links.iter().filter_map(|link| split_link(link)) {
            let found = self.containers.find(name);
            found.map_err(|error| EngineError::Invalid(format!("could not get container for {name}: {error}")))?;
        }
        Ok(())
    }

    /// The facts of an image, by any of its names.
    pub(crate) fn facts(&self, image: &str) -> Result<Arc<ImageFacts>, EngineError> {
        let (image, lease) = self.images.lease(image)?;
        self.facts_of(ImageData::of(&image), Some(lease))
    }

    /// Facts shared with other containers of the image.
    pub(crate) fn facts_of(&self, data: ImageData, lease: Option<Lease>) -> Result<Arc<ImageFacts>, EngineError> {
        let id = data.id.clone();
        let (facts, new) = self.shelf.get(&id, || ImageFacts::new(data, lease));
        if new {
            self.store.put_image(&facts.data)?;
        }
        Ok(facts)
    }

    /// Whom a container runs as.
    async fn account(
        &self,
        user: &str,
        groups: &[String],
        facts: &Arc<ImageFacts>,
    ) -> Result<crate::user::Resolved, EngineError> {
        if let Some(accounts) = facts.known_accounts() {
            return accounts.resolve(user, groups);
        }
        let facts = Arc::clone(facts);
        let (user, groups) = (user.to_owned(), groups.to_vec());
        blocking(move || facts.accounts()?.resolve(&user, &groups)).await
    }
}

/// A container that is being made. Dropping it before it is stored removes what was made for it.
struct Draft {
    core: Arc<Core>,
    id: ContainerId,
    name: Arc<str>,
    volumes: Vec<String>,
    fresh: Vec<Volume>,
    stored: bool,
}

impl Draft {
    fn new(core: Arc<Core>, id: ContainerId, wanted: Option<&str>) -> Result<Self, EngineError> {
        let name = match wanted.filter(|name| !name.is_empty()) {
            Some(wanted) => {
                let name: Arc<str> = name::check(wanted)?.into();
                core.containers.take_name(&name, id)?;
                name
            }
            None => made_up(&core, id)?,
        };
        Ok(Self { core, id, name, volumes: Vec::new(), fresh: Vec::new(), stored: false })
    }

    async fn settle(&mut self, spec: &ContainerSpec, facts: &Arc<ImageFacts>) -> Result<Settled, EngineError> {
        let image = &facts.data.config;
        let user = spec.user.clone().filter(|user| !user.is_empty()).unwrap_or_else(|| image.user.clone());
        let account = self.core.account(&user, &spec.groups, facts).await?;
        let mut settled = Settled {
            argv: settle::argv(spec, image)?,
            env: settle::env(spec, image),
            working_dir: settle::working_dir(spec, image),
            user,
            ids: account.ids,
            home: account.home,
            stop_signal: settle::stop_signal(spec, image),
            mounts: Vec::new(),
            anonymous: Vec::new(),
            isolation: spec.isolation,
            limits: settle::limits(spec, self.core.config.default_memory),
            program: None,
        };
        crate::signal::Signal::parse(&settled.stop_signal)?;
        // The image's volumes appear as mounts only now, so a program in one of them is found in the image.
        settled.mounts = plain_mounts(spec, &self.core.config.root)?;
        settled.program = self.program(&settled, facts, &spec.image).await?;
        self.mount(spec, facts, &mut settled).await?;
        Ok(settled)
    }

    /// Finds and compiles the program. What only its start can refuse (as docker does) is left for the start.
    async fn program(
        &self,
        settled: &Settled,
        facts: &Arc<ImageFacts>,
        image: &str,
    ) -> Result<Option<ProgramRef>, EngineError> {
        match locate::prepare(facts, &self.core.cache, &wanted(settled)).await {
            Ok((program, _)) => Ok(Some(program)),
            Err(EngineError::Program { source: ProgramError::NotWasm { .. }, .. }) if !facts.is_for_wasm() => {
                let platform = format!("{}/{}", facts.data.os, facts.data.architecture);
                Err(EngineError::NotForWasm { image: image.to_owned(), platform })
            }
            Err(
                error @ (EngineError::ProgramNotFound(_) | EngineError::Program { .. } | EngineError::NotACommand(_)),
            ) => {
                tracing::debug!(container = %self.id, %error, "its start will tell");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn mount(
        &mut self,
        spec: &ContainerSpec,
        facts: &Arc<ImageFacts>,
        settled: &mut Settled,
    ) -> Result<(), EngineError> {
        let taken: BTreeSet<String> = spec.mounts.iter().map(|mount| clean(&mount.target)).collect();
        let of_image = facts.data.config.volumes.iter().map(|target| clean(target));
        let of_image = of_image.filter(|target| target != "/" && !taken.contains(target)).map(|target| MountSpec {
            target,
            kind: MountKind::Volume { name: String::new(), no_copy: false, labels: BTreeMap::new() },
            read_only: false,
            inherited: false,
        });
        for mount in spec.mounts.iter().cloned().chain(of_image) {
            let MountKind::Volume { name, no_copy, labels } = &mount.kind else { continue };
            let (volume, new) = self.core.volumes.acquire(name, labels, self.id)?;
            self.volumes.push(volume.name.clone());
            let target = clean(&mount.target);
            if new {
                self.core.tell_volume("create", &volume.name);
            }
            if new && volume.anonymous {
                self.fresh.push(volume.clone());
            }
            if volume.anonymous && (new || mount.inherited) {
                settled.anonymous.push(volume.name.clone());
            }
            if !no_copy {
                self.fill(facts, &target, &volume).await?;
            }
            settled.mounts.push(MountPoint {
                kind: "volume".to_owned(),
                name: volume.name,
                source: volume.mountpoint,
                target,
                writable: !mount.read_only,
                size: 0,
                owner: TmpfsOwner::default(),
            });
        }
        Ok(())
    }

    async fn fill(&self, facts: &Arc<ImageFacts>, target: &str, volume: &Volume) -> Result<(), EngineError> {
        let _turn = self.core.filling.lock().await;
        let facts = Arc::clone(facts);
        let (target, folder) = (target.to_owned(), volume.mountpoint.clone());
        blocking(move || {
            let tree = facts.tree()?;
            copy_up::fill(&tree, &target, &folder)
                .map_err(EngineError::io(format!("copy {target} of the image to its volume")))
        })
        .await
    }

    fn store(
        mut self,
        mut spec: ContainerSpec,
        facts: Arc<ImageFacts>,
        settled: Settled,
    ) -> Result<Arc<Record>, EngineError> {
        let folder = self.core.folder(self.id);
        fs_err::create_dir(&folder).map_err(EngineError::io("make the container's folder"))?;
        let created = Timestamp::now();
        let door = std::mem::take(&mut spec.door_data);
        let new = NewContainer {
            id: self.id,
            name: &self.name,
            created,
            image: &facts.data.id,
            spec: &spec,
            settled: &settled,
            door: &door,
        };
        self.core.store.add_container(&new, &self.fresh)?;
        self.stored = true;
        let name = Arc::clone(&self.name);
        Ok(Arc::new(Record::new(self.id, created, name, Arc::new(spec), facts, settled, LifeRow::default())))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.stored {
            return;
        }
        for name in &self.volumes {
            self.core.volumes.release(name, self.id);
        }
        for volume in &self.fresh {
            self.core.volumes.drop_anonymous(&volume.name);
        }
        self.core.containers.free_name(&self.name, self.id);
        remove_tree(&self.core.folder(self.id));
    }
}

fn made_up(core: &Core, id: ContainerId) -> Result<Arc<str>, EngineError> {
    let mut last = None;
    for tries in 0..NAME_TRIES {
        let name: Arc<str> = name::made_up(tries).into();
        match core.containers.take_name(&name, id) {
            Ok(()) => return Ok(name),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| EngineError::Invalid("no free name was found: name the container".to_owned())))
}

/// Bind mounts and tmpfs of a request; volumes are made later.
fn plain_mounts(spec: &ContainerSpec, root: &std::path::Path) -> Result<Vec<MountPoint>, EngineError> {
    let mut points = Vec::new();
    for mount in &spec.mounts {
        let point = |kind: &str, source, size, owner| MountPoint {
            kind: kind.to_owned(),
            name: String::new(),
            source,
            target: clean(&mount.target),
            writable: !mount.read_only,
            size,
            owner,
        };
        match &mount.kind {
            MountKind::Bind { source, create } => {
                check_source(source, *create)?;
                refuse_own_state(root, source)?;
                points.push(point("bind", source.clone(), 0, TmpfsOwner::default()));
            }
            MountKind::Tmpfs { size, owner } => {
                points.push(point("tmpfs", std::path::PathBuf::new(), *size, *owner));
            }
            MountKind::Volume { .. } => {}
        }
    }
    Ok(points)
}

/// Refuses what would hand Sprat's own state to a guest, for reading too: with the sealed cache's key it could plant
/// machine code, and other containers' files and logs are no business of it. And `/proc`, whose links mean the worker that
/// resolves them.
pub(crate) fn refuse_own_state(root: &std::path::Path, source: &std::path::Path) -> Result<(), EngineError> {
    let real = source.canonicalize().map_err(EngineError::io("resolve the source of a bind mount"))?;
    let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let at = root.display();
    let (why, instead) = if real.starts_with(&root) {
        (format!("is part of Sprat's own state ({at})"), "mount another folder, or a volume")
    } else if root.starts_with(&real) {
        let why = format!("contains Sprat's own state ({at}), with the key that seals compiled code");
        (why, "mount a folder within it that does not")
    } else if real.starts_with("/proc") {
        ("shows the processes of the host".to_owned(), "mount another folder, or a volume")
    } else {
        return Ok(());
    };
    let source = source.display();
    Err(EngineError::Invalid(format!("invalid mount config for type \"bind\": {source} {why}: {instead}")))
}

/// Makes a bind mount's source, or checks that it is there.
pub(crate) fn check_source(source: &std::path::Path, create: bool) -> Result<(), EngineError> {
    if source.exists() {
        return Ok(());
    }
    if create {
        return fs_err::create_dir_all(source).map_err(EngineError::io("make the source of a bind mount"));
    }
    Err(EngineError::Invalid(format!(
        "invalid mount config for type \"bind\": bind source path does not exist: {}",
        source.display()
    )))
}

/// What a container's program is looked for with.
pub(crate) fn wanted(settled: &Settled) -> Wanted {
    Wanted {
        name: settled.argv.first().cloned().unwrap_or_default(),
        path: settle::path(&settled.env).to_owned(),
        cwd: settled.working_dir.clone(),
        mounts: settled.mounts.clone(),
        shared: settled.isolation == Isolation::Default,
    }
}
