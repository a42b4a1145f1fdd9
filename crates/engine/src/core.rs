//! [`Core`]: what all operations share. Tasks hold it; the engine's owner ends it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sprat_image::registry::Registry;
use sprat_program::Cache;
use tokio_util::sync::CancellationToken;

use crate::bus::Bus;
use crate::containers::Containers;
use crate::execs::Execs;
use crate::facts::FactsShelf;
use crate::networks::{Networks, Reach};
use crate::placement::Workers;
use crate::record::Record;
use crate::steps::Steps;
use crate::store::SharedStore;
use crate::tombstones::Tombstones;
use crate::volumes::Volumes;
use crate::within::Trees;
use crate::{ContainerId, EngineConfig, EngineError, EventKind};

/// What all operations share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: EngineConfig,
    pub(crate) installation: String,
    pub(crate) store: SharedStore,
    pub(crate) containers: Containers,
    /// Those that removed themselves just now.
    pub(crate) tombstones: Tombstones,
    pub(crate) volumes: Volumes,
    pub(crate) networks: Networks,
    /// What workers are told of each other's members.
    pub(crate) reach: Reach,
    pub(crate) shelf: FactsShelf,
    pub(crate) images: Arc<sprat_image::Store>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) workers: Arc<Workers>,
    pub(crate) bus: Bus,
    /// RUN steps of builds.
    pub(crate) steps: Arc<Steps>,
    /// Further programs of containers.
    pub(crate) execs: Execs,
    /// Files of the images that were looked at last.
    pub(crate) trees: Arc<Trees>,
    /// Held while a volume is being filled from an image.
    pub(crate) filling: tokio::sync::Mutex<()>,
    /// Ends all tasks.
    pub(crate) ending: CancellationToken,
    /// Exits from now on are the daemon's doing, not a reason to start again.
    pub(crate) stopping: AtomicBool,
    pub(crate) lock: Mutex<Option<RootLock>>,
}

impl Core {
    /// Folder of a container.
    pub(crate) fn folder(&self, id: ContainerId) -> PathBuf {
        self.config.root.join("containers").join(id.to_string())
    }

    /// What a container writes.
    pub(crate) fn upper(&self, id: ContainerId) -> PathBuf {
        self.folder(id).join("upper")
    }

    /// A container's log file.
    pub(crate) fn log_path(&self, id: ContainerId) -> PathBuf {
        self.folder(id).join(format!("{id}-json.log"))
    }

    /// Tells an event of a container, with docker's attributes.
    pub(crate) fn tell(&self, record: &Record, action: &str, more: &[(&str, String)]) {
        let mut attributes = self.event_attributes(record);
        attributes.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        self.bus.tell(EventKind::Container, action, record.id.to_string(), attributes);
    }

    /// The attributes that all events of a container have.
    pub(crate) fn event_attributes(&self, record: &Record) -> BTreeMap<String, String> {
        let mut attributes = self.labels(record);
        attributes.insert("image".to_owned(), record.spec.image.clone());
        attributes.insert("name".to_owned(), record.name().to_string());
        attributes
    }

    /// Labels in effect.
    pub(crate) fn labels(&self, record: &Record) -> BTreeMap<String, String> {
        let mut labels = record.facts.data.config.labels.clone();
        labels.extend(record.spec.labels.iter().map(|(key, value)| (key.clone(), value.clone())));
        labels
    }

    /// Stores what changed about a container. A failure is logged: the state in memory goes on, and is written with the
    /// next change.
    pub(crate) fn persist(&self, record: &Record) -> bool {
        // Written under the container's lock, so that rows are stored in the order of the changes.
        let life = record.life();
        match self.store.put_life(record.id, &life.row) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(container = %record.id, %error, "its state could not be stored");
                false
            }
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

/// Runs work to its end even if the caller goes away: a client that hangs up must not leave half of an operation.
///
/// # Errors
/// The work's, or that it panicked.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, EngineError>> + Send + 'static,
) -> Result<T, EngineError> {
    tokio::spawn(work).await.map_err(|error| EngineError::Worker(format!("an internal task failed: {error}")))?
}

/// Runs work that blocks on the file system.
///
/// # Errors
/// The work's, or that it panicked.
pub(crate) async fn blocking<T: Send + 'static, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, EngineError>
where
    E: Into<EngineError> + Send + 'static,
{
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| EngineError::Worker(format!("an internal task failed: {error}")))?
        .map_err(Into::into)
}

/// Time that a killed daemon's children have to close their copies of its claim.
const COPY_DEADLINE: Duration = Duration::from_secs(3);
/// How often it is looked for.
const COPY_LOOK: Duration = Duration::from_millis(5);

/// The claim of one daemon on the state folder. Dropping it, or the process's end, gives it up.
#[derive(Debug)]
pub(crate) struct RootLock(File);

impl RootLock {
    /// Claims the folder.
    ///
    /// # Errors
    /// Another daemon has it.
    pub(crate) fn take(root: &Path) -> Result<Self, EngineError> {
        use rustix::fs::FlockOperation;
        let path = root.join("lock");
        let failed = || EngineError::io(format!("lock {}", path.display()));
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(failed())?;
        let begin = Instant::now();
        while rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut pid = String::new();
            let _ = file.rewind().and_then(|()| file.read_to_string(&mut pid));
            // A daemon killed while it started a worker leaves a copy in the child until that runs another program.
            if !Path::new("/proc").join(pid.trim()).exists() && begin.elapsed() < COPY_DEADLINE {
                std::thread::sleep(COPY_LOOK);
                continue;
            }
            let reason = format!(
                "another daemon (pid {}) uses {}: stop it, or name another folder with --root",
                pid.trim(),
                root.display()
            );
            return Err(EngineError::Store { path: root.join("state.db"), reason });
        }
        file.set_len(0).map_err(failed())?;
        file.rewind().map_err(failed())?;
        write!(file, "{}", std::process::id()).map_err(failed())?;
        Ok(Self(file))
    }
}

impl Drop for RootLock {
    fn drop(&mut self) {
        // Children hold no copy (the descriptor is close-on-exec), so closing would do; this is for good measure.
        let _ = rustix::fs::flock(&self.0, rustix::fs::FlockOperation::Unlock);
    }
}
