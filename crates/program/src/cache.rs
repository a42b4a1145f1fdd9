//! The sealed cache of compiled code: one entry per (wasm digest, variant, engine settings, CPU).
//!
//! `<root>/code` holds `key`, and for each entry `<sha256>-<variant>-<settings>.cwasm` with its `.seal`. An entry is used
//! only after its seal was checked; one that does not fit is compiled again and replaced. The cache compiles nothing in
//! this process, and loads no code: see [`crate::load`].

use std::collections::HashMap;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::engine::EngineOptions;
use crate::entries::Entries;
use crate::jobs::{Jobs, Worker};
use crate::seal::{Claims, Seal, seal, seal_path};
use crate::settings::Settings;
use crate::store;
use crate::{
    CompilerCommand, Description, Encoding, Key, ProgramError, Variant, describe, engine, is_text, load, to_binary,
};

/// The folder below the root.
const FOLDER: &str = "code";
const KEY: &str = "key";
/// For its owner alone.
const FOLDER_MODE: u32 = 0o700;
pub(crate) const CODE_SUFFIX: &str = "cwasm";
/// Characters of the settings' fingerprint in a file name; the seal has all of it.
const SETTINGS_SHOWN: usize = 16;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The cache of one installation. The daemon compiles and seals through it. Share it in an `Arc`.
#[derive(Debug)]
pub struct Cache {
    inner: Arc<Inner>,
}

/// A compiled program in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The code file; its seal lies beside it.
    pub path: PathBuf,
    /// The variant it was compiled for.
    pub variant: Variant,
    /// What the program is.
    pub description: Arc<Description>,
}

/// A compilation under way, for progress displays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileProgress {
    /// SHA-256 of the binary, hexadecimal.
    pub sha256: String,
    /// Bytes of the binary.
    pub size: u64,
    /// Milliseconds since it began.
    pub elapsed_ms: u64,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) folder: PathBuf,
    key: Key,
    compiler: CompilerCommand,
    settings: Mutex<HashMap<Variant, Arc<Settings>>>,
    pub(crate) entries: Entries,
    jobs: Jobs,
    /// One compiler a CPU at once.
    compilers: Semaphore,
}

impl Cache {
    /// Opens or makes the cache below `root`, with the installation's key (made at the first opening, mode 0600).
    ///
    /// # Errors
    /// The folder or the key can't be made or read, or the key can't be trusted.
    pub fn open(root: &Path, compiler: CompilerCommand) -> Result<Self, ProgramError> {
        let folder = root.join(FOLDER);
        make_folder(&folder)
            .map_err(|source| ProgramError::io(format!("make the cache {}", folder.display()), source))?;
        let key = Key::read_or_make(&folder.join(KEY))?;
        let compilers = std::thread::available_parallelism().map_or(1, usize::from);
        let inner = Inner {
            folder,
            key,
            compiler,
            settings: Mutex::default(),
            entries: Entries::default(),
            jobs: Jobs::default(),
            compilers: Semaphore::new(compilers),
        };
        inner.remove_abandoned(SystemTime::now())?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The key file, for the workers that load what this cache seals.
    #[must_use]
    pub fn key_path(&self) -> PathBuf {
        self.inner.folder.join(KEY)
    }

    /// What the binary with this SHA-256 is, if it was seen before.
    #[must_use]
    pub fn described(&self, sha256: &str) -> Option<Arc<Description>> {
        self.inner.described(sha256)
    }

    /// Describes `wasm` (binary or text), compiles it unless it is cached, and gives the artifact. Concurrent calls for
    /// one program share the work, which goes on when the callers are gone. Must be called in a tokio runtime.
    ///
    /// Cached code is checked to its last byte: after [`ProgramError::Seal`] from [`load`] this repairs the entry.
    ///
    /// # Errors
    /// The binary can't be used, or the host fails.
    pub async fn prepare(&self, wasm: Vec<u8>, shared: bool) -> Result<Artifact, ProgramError> {
        let inner = Arc::clone(&self.inner);
        let (wasm, description) = off_the_reactor(move || inner.identify(wasm)).await?;
        let variant = Variant::new(description.wasi, shared);
        let (waiter, worker) = self.inner.jobs.join(&description.sha256, variant, description.size);
        if let Some(worker) = worker {
            let inner = Arc::clone(&self.inner);
            tokio::spawn(async move {
                let result = inner.obtain(wasm, description, variant, &worker).await;
                worker.finish(result);
            });
        }
        waiter.wait().await
    }

    /// The artifact of a program seen before, without its bytes; `None` when it has to be compiled. Cheap: no file is
    /// read when it was found once in this process. [`load`] checks the code itself.
    #[must_use]
    pub fn lookup(&self, sha256: &str, shared: bool) -> Option<Artifact> {
        let description = self.inner.described(sha256)?;
        let variant = Variant::new(description.wasi, shared);
        let now = SystemTime::now();
        let entries = &self.inner.entries;
        let found = entries.find(&description.sha256, variant, now).or_else(|| {
            self.inner.discover(&description.sha256)?;
            entries.find(&description.sha256, variant, now)
        })?;
        if found.renew {
            renew_use(&found.path, now);
        }
        Some(Artifact { path: found.path, variant, description })
    }

    /// Compilations under way, the longest first.
    #[must_use]
    pub fn compilations(&self) -> Vec<CompileProgress> {
        self.inner.jobs.progress()
    }

    /// Removes entries that were not used for `days` days; returns the bytes freed.
    ///
    /// # Errors
    /// The host's file system fails.
    pub fn prune(&self, days: u32) -> Result<u64, ProgramError> {
        let now = SystemTime::now();
        let before = now.checked_sub(DAY.saturating_mul(days)).unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(self.inner.remove_unused(before)? + self.inner.remove_abandoned(now)?)
    }
}

impl Inner {
    /// The binary, and what it is.
    fn identify(&self, wasm: Vec<u8>) -> Result<(Vec<u8>, Arc<Description>), ProgramError> {
        let wasm = if is_text(&wasm) {
            let binary = to_binary(&wasm)?;
            self.entries.note_text(crate::describe::sha256(&wasm), crate::describe::sha256(&binary));
            binary
        } else {
            wasm
        };
        crate::describe::check_size(&wasm)?;
        let known = self.described(&crate::describe::sha256(&wasm));
        let description = known.map_or_else(|| describe(&wasm).map(Arc::new), Ok)?;
        Ok((wasm, description))
    }

    /// The artifact: as it is when its seal fits, else compiled.
    async fn obtain(
        self: &Arc<Self>,
        wasm: Vec<u8>,
        description: Arc<Description>,
        variant: Variant,
        worker: &Worker,
    ) -> Result<Artifact, ProgramError> {
        let path = self.path(&description.sha256, variant)?;
        let inner = Arc::clone(self);
        let checked = path.clone();
        match off_the_reactor(move || inner.check(&checked, variant)).await {
            Ok(description) => {
                let now = SystemTime::now();
                renew_use(&path, now);
                self.entries.insert(&description, variant, path.clone(), now);
                return Ok(Artifact { path, variant, description });
            }
            Err(ProgramError::Seal { reason, .. }) => tracing::debug!(path = %path.display(), reason, "compiling"),
            Err(error) => return Err(error),
        }
        worker.begin();
        // The semaphore is never closed; if it were, more compilers at once would be the least of worries.
        let _turn = self.compilers.acquire().await;
        let code =
            store::temporary(&self.folder).map_err(|source| ProgramError::io("make a temporary file", source))?;
        self.compiler.compile(variant, &wasm, code.path()).await?;
        drop(wasm);
        let inner = Arc::clone(self);
        off_the_reactor(move || inner.seal_and_publish(code, description, variant, path)).await
    }

    /// Checks an entry whole.
    fn check(&self, path: &Path, variant: Variant) -> Result<Arc<Description>, ProgramError> {
        let file = load::open(path)?;
        let seal = Seal::read(path, &self.key, variant, &*self.settings(variant)?)?;
        seal.check_code(path, &self.key, file)?;
        Ok(Arc::new(seal.claims.description))
    }

    fn seal_and_publish(
        &self,
        code: tempfile::NamedTempFile,
        description: Arc<Description>,
        variant: Variant,
        path: PathBuf,
    ) -> Result<Artifact, ProgramError> {
        use wasmtime::Precompiled::{Component, Module};
        let made = wasmtime::Engine::detect_precompiled_file(code.path()).ok().flatten();
        if !matches!(
            (made, description.encoding),
            (Some(Module), Encoding::Core) | (Some(Component), Encoding::Component)
        ) {
            return Err(ProgramError::Compile("the compiler ended without having written code".to_owned()));
        }
        let failed = |source| ProgramError::io("write compiled code to the cache", source);
        let file = std::fs::File::open(code.path()).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let claims = Claims::new((*description).clone(), variant, &*self.settings(variant)?, length);
        let seal = seal(&self.key, &claims, file).map_err(failed)?;
        store::publish(code, &seal, &path, &seal_path(&path)).map_err(failed)?;
        self.entries.insert(&description, variant, path.clone(), SystemTime::now());
        Ok(Artifact { path, variant, description })
    }

    fn described(&self, sha256: &str) -> Option<Arc<Description>> {
        if let Some(description) = self.entries.description(sha256) {
            return Some(description);
        }
        if let Some(binary) = self.entries.binary_of(sha256) {
            return self.entries.description(&binary);
        }
        self.discover(sha256)
    }

    /// Looks for entries on disk, and remembers them.
    fn discover(&self, sha256: &str) -> Option<Arc<Description>> {
        let is_digest = sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_digest {
            return None;
        }
        for variant in Variant::ALL {
            let Ok(path) = self.path(sha256, variant) else { continue };
            let Ok(modified) = std::fs::metadata(seal_path(&path)).and_then(|it| it.modified()) else { continue };
            let Ok(settings) = self.settings(variant) else { continue };
            match Seal::read(&path, &self.key, variant, &settings) {
                Ok(seal) if seal.fits_length_of(&path) => {
                    self.entries.insert(&Arc::new(seal.claims.description), variant, path, modified);
                }
                Ok(_) => tracing::warn!(path = %path.display(), "compiled code is missing or cut"),
                Err(error) => tracing::warn!(%error, "compiled code is not used"),
            }
        }
        self.entries.description(sha256)
    }

    fn settings(&self, variant: Variant) -> Result<Arc<Settings>, ProgramError> {
        if let Some(settings) = self.settings.lock().get(&variant) {
            return Ok(Arc::clone(settings));
        }
        let settings = Arc::new(Settings::of(&engine(variant, EngineOptions::COMPILER)?));
        self.settings.lock().insert(variant, Arc::clone(&settings));
        Ok(settings)
    }

    fn path(&self, sha256: &str, variant: Variant) -> Result<PathBuf, ProgramError> {
        let settings = &self.settings(variant)?.engine;
        let settings = settings.get(..SETTINGS_SHOWN).unwrap_or(settings);
        Ok(self.folder.join(format!("{sha256}-{}-{settings}.{CODE_SUFFIX}", variant.name())))
    }
}

/// Runs what takes long on a thread where it blocks nobody.
async fn off_the_reactor<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProgramError> + Send + 'static,
) -> Result<T, ProgramError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(ProgramError::io("look at the program", std::io::Error::other(error))))
}

/// Makes the folder, and closes one that others may enter.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    if std::fs::metadata(folder)?.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(FOLDER_MODE))?;
    }
    Ok(())
}

/// Notes the use of an entry for pruning by later processes. A failure only makes it look older.
fn renew_use(code: &Path, now: SystemTime) {
    if let Err(error) = std::fs::File::open(seal_path(code)).and_then(|file| file.set_modified(now)) {
        tracing::debug!(%error, path = %code.display(), "cannot note the use of compiled code");
    }
}
