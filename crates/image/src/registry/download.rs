//! Fetching one blob: shared by all who want it, resumed where an earlier try broke off, verified at its end.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use futures_util::StreamExt as _;
use oci_client::client::{BlobResponse, SizedStream};
use parking_lot::Mutex;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

use super::client::Session;
use crate::manifest::Descriptor;
use crate::{Digest, Progress, ProgressSink, Store, StoreError};

/// Tries before a broken connection fails the pull. Each continues where the one before ended.
const MAX_TRIES: u32 = 3;
/// Bytes between two reports of progress.
const REPORT_BYTES: u64 = 512 << 10;

/// Downloads under way, by the file they write. Whoever holds a file's lock downloads; the others find the blob there
/// when they get the lock, or go on themselves if the first one gave up.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<PathBuf, Weak<tokio::sync::Mutex<()>>>>);

impl Flights {
    fn of(&self, file: &Path) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = self.0.lock();
        flights.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = flights.get(file).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        flights.insert(file.to_owned(), Arc::downgrade(&lock));
        lock
    }
}

/// The right to write a blob's partial file.
type Flight = Arc<tokio::sync::OwnedMutexGuard<()>>;

/// One blob to be fetched.
pub(super) struct Download<'a> {
    pub(super) session: &'a Session,
    pub(super) store: &'a Store,
    pub(super) content: &'a Descriptor,
    pub(super) progress: &'a ProgressSink,
}

impl Download<'_> {
    /// Fetches the blob if the store does not have it. The caller holds a lease on it.
    pub(super) async fn run(&self, flights: &Flights) -> Result<(), StoreError> {
        let digest = &self.content.digest;
        let partial = self.store.paths.partial(digest);
        let flight = flights.of(&partial);
        let guard = match Arc::clone(&flight).try_lock_owned() {
            Ok(guard) => guard,
            Err(_) => {
                self.report("Waiting", None);
                flight.lock_owned().await
            }
        };
        let guard = Arc::new(guard);
        if !self.store.paths.blob(digest).exists() {
            let resumed = partial.exists();
            match self.fetch_and_adopt(&partial, &guard).await {
                // What an earlier try left was wrong: the check threw it away.
                Err(StoreError::DigestMismatch { .. }) if resumed => self.fetch_and_adopt(&partial, &guard).await?,
                done => done?,
            }
        }
        self.report("Download complete", None);
        Ok(())
    }

    async fn fetch_and_adopt(&self, partial: &Path, guard: &Flight) -> Result<(), StoreError> {
        self.fetch(partial).await?;
        self.report("Verifying Checksum", None);
        self.adopt(partial.to_owned(), Arc::clone(guard)).await
    }

    async fn fetch(&self, partial: &Path) -> Result<(), StoreError> {
        let mut tries = 1;
        loop {
            match self.attempt(partial).await {
                Err(StoreError::Registry { .. }) if tries < MAX_TRIES => tries += 1,
                done => return done,
            }
        }
    }

    /// Fetches what is missing in the partial file.
    async fn attempt(&self, partial: &Path) -> Result<(), StoreError> {
        let failed = |error| StoreError::io("write", partial, error);
        let mut file = OpenOptions::new().create(true).append(true).open(partial).await.map_err(failed)?;
        let mut have = file.metadata().await.map_err(failed)?.len();
        if have > self.content.size {
            file.set_len(0).await.map_err(failed)?;
            have = 0;
        }
        if have == self.content.size {
            return Ok(());
        }
        let (stream, whole) = self.request(have).await?;
        if whole {
            file.set_len(0).await.map_err(failed)?;
            have = 0;
        }
        let received = self.receive(stream, &mut file, partial, have).await;
        // What came is kept for the next try, whatever happened.
        file.flush().await.map_err(failed)?;
        received
    }

    /// The blob from byte `have`, and whether it starts at its beginning all the same.
    async fn request(&self, have: u64) -> Result<(SizedStream, bool), StoreError> {
        let Session { client, image, .. } = self.session;
        let digest = self.content.digest.to_string();
        if have == 0 {
            let stream = client.pull_blob_stream(image, digest.as_str()).await;
            return Ok((stream.map_err(|error| self.session.failed(&error))?, true));
        }
        match client.pull_blob_stream_partial(image, digest.as_str(), have, None).await {
            Ok(BlobResponse::Full(stream)) => Ok((stream, true)),
            Ok(BlobResponse::Partial(stream)) => Ok((stream, false)),
            Err(error) => Err(self.session.failed(&error)),
        }
    }

    async fn receive(
        &self,
        mut stream: SizedStream,
        file: &mut File,
        partial: &Path,
        mut have: u64,
    ) -> Result<(), StoreError> {
        let size = self.content.size;
        let mut reported = have;
        while let Some(chunk) = stream.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                // A wrong digest is told by the check at the end, which has both digests.
                Err(_) if have == size => return Ok(()),
                Err(error) => return Err(self.broken(&error.to_string())),
            };
            have += chunk.len() as u64;
            if have > size {
                file.set_len(0).await.map_err(|error| StoreError::io("write", partial, error))?;
                let reason = format!("it is larger than the {size} bytes of its manifest");
                return Err(StoreError::invalid(format!("blob {}", self.content.digest), reason));
            }
            file.write_all(&chunk).await.map_err(|error| StoreError::io("write", partial, error))?;
            if have - reported >= REPORT_BYTES || have == size {
                reported = have;
                self.report("Downloading", Some(have));
            }
        }
        match have == size {
            true => Ok(()),
            false => Err(self.broken("the connection ended early")),
        }
    }

    /// Verifies the whole file and makes it a blob; a wrong one is thrown away.
    async fn adopt(&self, partial: PathBuf, guard: Flight) -> Result<(), StoreError> {
        let (store, digest) = (self.store.clone(), self.content.digest.clone());
        super::pull::blocking(move || {
            // Held to the end of this work even if the pull is given up meanwhile.
            let _guard = guard;
            let adopted = crate::store::adopt(&store.paths, &partial, &digest);
            if matches!(adopted, Err(StoreError::DigestMismatch { .. })) {
                // Best effort: the next try would find the file too long or wrong, and start again.
                let _ = std::fs::remove_file(&partial);
            }
            adopted
        })
        .await
    }

    fn broken(&self, reason: &str) -> StoreError {
        StoreError::Registry { registry: self.session.name.registry().to_owned(), reason: reason.to_owned() }
    }

    fn report(&self, status: &str, current: Option<u64>) {
        report(self.progress, &self.content.digest, status, current.map(|current| (current, self.content.size)));
    }
}

/// Tells the progress of one blob.
pub(super) fn report(progress: &ProgressSink, blob: &Digest, status: &str, bytes: Option<(u64, u64)>) {
    progress(Progress {
        id: blob.short(),
        status: status.to_owned(),
        current: bytes.map(|(current, _)| current),
        total: bytes.map(|(_, total)| total),
    });
}
