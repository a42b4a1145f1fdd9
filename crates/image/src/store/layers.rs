//! Unpacked layers: made from blobs, checked, and made again when damaged.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Store;
use super::blobs::{self, BlobWriter};
use super::durable;
use crate::layer::{
    self, Attributes, DATA_FILE, INDEX_FILE, Index, LayerError, LayerWriter, MAX_INDEX_LEN, MAX_TAR_BYTES,
};
use crate::{Digest, StoreError};

/// File beside an unpacked layer that says where it came from.
const ORIGIN_FILE: &str = "origin.json";
/// File beside an unpacked layer with the SHA-256 of its data.
const DATA_DIGEST_FILE: &str = "data.sha256";
/// Level of the layers Sprat compresses: wasm shrinks to about a third already, and higher levels cost seconds.
const GZIP_LEVEL: u32 = 4;

/// Where an unpacked layer came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The layer's tar, as the configuration names it.
    pub(crate) diff_id: Digest,
    /// The blob it was unpacked from.
    pub(crate) blob: Digest,
    /// If the blob is no tar but a wasm file: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wasm: Option<String>,
}

/// What to unpack.
pub(crate) enum LayerSource {
    /// A blob that is a tar, maybe compressed, with the diff id it must have.
    Tar { blob: Digest, diff_id: Option<Digest> },
    /// A blob that is a wasm file of this name.
    Wasm { blob: Digest, name: String },
}

impl Store {
    /// Unpacks a layer that is not there or is damaged.
    pub(crate) fn ensure_layer(&self, source: LayerSource) -> Result<Origin, StoreError> {
        match source {
            LayerSource::Tar { blob, diff_id } => {
                let there = diff_id.as_ref().filter(|diff_id| self.layer_is_verified(diff_id));
                if let Some(diff_id) = there
                    && self.origin(diff_id).is_ok_and(|origin| origin.blob == blob)
                {
                    return Ok(Origin { diff_id: diff_id.clone(), blob, wasm: None });
                }
                let file = blobs::open_verified(&self.paths, &blob)?;
                let mut tar =
                    layer::decompress(file).map_err(|error| StoreError::io("read", &self.paths.blob(&blob), error))?;
                if let Some(diff_id) = there {
                    // Another blob that claims to be this layer: what names it later, as a push does, must be able to.
                    let mut tee = Tee { inner: &mut tar, hash: Sha256::new(), gzip: None, left: MAX_TAR_BYTES };
                    io::copy(&mut tee, &mut io::sink())
                        .map_err(|error| StoreError::layer("layer", &self.paths.root, LayerError::Read(error)))?;
                    blobs::verify(Digest::from_bytes(tee.hash.finalize().into()), diff_id, "layer")?;
                    return Ok(Origin { diff_id: diff_id.clone(), blob, wasm: None });
                }
                self.unpack(&mut tar, diff_id.as_ref(), Keep::From { blob, wasm: None })
            }
            LayerSource::Wasm { blob, name } => {
                drop(blobs::open_verified(&self.paths, &blob)?);
                let refused = |error| StoreError::layer("wasm layer", &self.paths.root, error);
                let mut layer = LayerWriter::new();
                layer.host_file(name.as_bytes(), Attributes::PROGRAM, self.paths.blob(&blob)).map_err(refused)?;
                let mut tar = self.spool(|to| layer.write(to))?;
                self.unpack(&mut tar, None, Keep::From { blob, wasm: Some(name) })
            }
        }
    }

    /// Writes a layer's tar aside and gives it for reading.
    pub(super) fn spool(
        &self,
        write: impl FnOnce(&mut dyn Write) -> Result<(), LayerError>,
    ) -> Result<File, StoreError> {
        let failed = |error| StoreError::io("write a layer in", &self.paths.root, error);
        let mut file = tempfile::tempfile_in(&self.paths.aside).map_err(failed)?;
        let mut buffered = io::BufWriter::new(&mut file);
        write(&mut buffered).map_err(|error| StoreError::layer("layer", &self.paths.root, error))?;
        buffered.flush().map_err(failed)?;
        drop(buffered);
        io::Seek::rewind(&mut file).map_err(failed)?;
        Ok(file)
    }

    /// Unpacks an uncompressed tar. `expected` is the diff id it must have.
    pub(super) fn unpack(
        &self,
        tar: &mut dyn Read,
        expected: Option<&Digest>,
        keep: Keep,
    ) -> Result<Origin, StoreError> {
        let root = &self.paths.root;
        let failed = |error| StoreError::io("write a layer in", root, error);
        let refused = |error| StoreError::layer("layer", root, error);
        let folder = tempfile::tempdir_in(&self.paths.aside).map_err(failed)?;
        let mut data = File::create(folder.path().join(DATA_FILE)).map_err(failed)?;
        let gzip = match &keep {
            Keep::From { .. } => None,
            Keep::Compressed => Some(gzip_writer(BlobWriter::new(&self.paths).map_err(failed)?)),
        };
        let mut tee = Tee { inner: tar, hash: Sha256::new(), gzip, left: MAX_TAR_BYTES };
        let mut buffered = io::BufReader::with_capacity(64 * 1024, &mut tee);
        let index = layer::unpack(&mut buffered, &mut data).map_err(refused)?;
        io::copy(&mut buffered, &mut io::sink()).map_err(|error| refused(LayerError::Read(error)))?;
        drop(buffered);
        let diff_id = Digest::from_bytes(tee.hash.finalize().into());
        if let Some(expected) = expected {
            blobs::verify(diff_id.clone(), expected, "layer")?;
        }
        let (blob, wasm) = match (keep, tee.gzip) {
            (Keep::From { blob, wasm }, _) => (blob, wasm),
            (Keep::Compressed, Some(gzip)) => {
                (gzip.finish().and_then(|blob| blob.finish(&self.paths)).map_err(failed)?.0, None)
            }
            (Keep::Compressed, None) => return Err(StoreError::invalid("layer", "it was not compressed")),
        };
        let origin = Origin { diff_id, blob, wasm };
        data.set_len(data_len(&index)).and_then(|()| data.sync_all()).map_err(failed)?;
        let digest = data_digest(folder.path()).map_err(failed)?;
        write_synced(&folder.path().join(DATA_DIGEST_FILE), digest.to_string().as_bytes()).map_err(failed)?;
        write_synced(&folder.path().join(INDEX_FILE), &index).map_err(failed)?;
        let encoded = serde_json::to_vec(&origin).map_err(|error| StoreError::invalid("layer origin", error))?;
        write_synced(&folder.path().join(ORIGIN_FILE), &encoded).map_err(failed)?;
        self.place(folder, &origin.diff_id)?;
        // Its digest was made of what was written just now.
        self.verified.lock().insert(origin.diff_id.clone());
        Ok(origin)
    }

    /// Puts an unpacked layer to its place. A sound one that is there stays: someone may be reading it.
    fn place(&self, folder: tempfile::TempDir, diff_id: &Digest) -> Result<(), StoreError> {
        let target = self.paths.layer(diff_id);
        let failed = |error| StoreError::io("write", &target, error);
        let _one_at_a_time = self.placing.lock();
        if self.layer_is_verified(diff_id) {
            return Ok(());
        }
        if target.exists() {
            std::fs::remove_dir_all(&target).map_err(failed)?;
        }
        File::open(folder.path()).and_then(|folder| folder.sync_all()).map_err(failed)?;
        std::fs::rename(folder.keep(), &target).and_then(|()| durable::sync_parent(&target)).map_err(failed)
    }

    /// True if the layer is there, its index has its checksum, and its data has the right length.
    pub(crate) fn layer_is_sound(&self, diff_id: &Digest) -> bool {
        is_sound(&self.paths.layer(diff_id)).unwrap_or(false)
    }

    /// True if the layer is sound and its data is what was unpacked. The data is read once while a store is open, before
    /// its first use.
    pub(crate) fn layer_is_verified(&self, diff_id: &Digest) -> bool {
        if !self.layer_is_sound(diff_id) {
            return false;
        }
        if self.verified.lock().contains(diff_id) {
            return true;
        }
        let folder = self.paths.layer(diff_id);
        let expected = std::fs::read_to_string(folder.join(DATA_DIGEST_FILE));
        let as_unpacked = match (expected, data_digest(&folder)) {
            (Ok(expected), Ok(digest)) => expected == digest.to_string(),
            _ => false,
        };
        if as_unpacked {
            self.verified.lock().insert(diff_id.clone());
        }
        as_unpacked
    }

    /// Where an unpacked layer came from.
    pub(crate) fn origin(&self, diff_id: &Digest) -> Result<Origin, StoreError> {
        let path = self.paths.layer(diff_id).join(ORIGIN_FILE);
        let bytes = std::fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::invalid(format!("layer {diff_id}"), "the store does not have it"),
            _ => StoreError::io("read", &path, error),
        })?;
        serde_json::from_slice(&bytes).map_err(|error| StoreError::invalid(format!("layer {diff_id}"), error))
    }

    /// Makes a damaged or missing layer again from its blob.
    pub(crate) fn rebuild_layer(&self, diff_id: &Digest) -> Result<(), StoreError> {
        let known = self.state.read().origin(diff_id);
        let origin = match known {
            Some(origin) => origin,
            None => self.origin(diff_id)?,
        };
        if !self.paths.blob(&origin.blob).exists() {
            let reason = "it is damaged and its blob is gone: pull or build the image again";
            return Err(StoreError::invalid(format!("layer {diff_id}"), reason));
        }
        let rebuilt = self.ensure_layer(match origin.wasm {
            None => LayerSource::Tar { blob: origin.blob, diff_id: Some(diff_id.clone()) },
            Some(name) => LayerSource::Wasm { blob: origin.blob, name },
        })?;
        blobs::verify(rebuilt.diff_id, diff_id, "rebuilt layer")
    }

    /// A layer's blob that an image of Sprat's own can name: a compressed tar. One that came as a wasm file is packed.
    pub(crate) fn packed(&self, diff_id: &Digest) -> Result<(Digest, u64), StoreError> {
        let known = self.state.read().origin(diff_id).filter(|origin| origin.wasm.is_none());
        let origin = match known {
            Some(origin) => origin,
            None => self.origin(diff_id)?,
        };
        let root = &self.paths.root;
        let failed = |error| StoreError::io("write a blob in", root, error);
        if origin.wasm.is_none()
            && let Ok(metadata) = std::fs::metadata(self.paths.blob(&origin.blob))
        {
            return Ok((origin.blob, metadata.len()));
        }
        let mut gzip = gzip_writer(BlobWriter::new(&self.paths).map_err(failed)?);
        let mut tee = HashWriter { inner: &mut gzip, hash: Sha256::new() };
        layer::export(&self.paths.layer(diff_id), &mut tee).map_err(|error| StoreError::layer("layer", root, error))?;
        blobs::verify(Digest::from_bytes(tee.hash.finalize().into()), diff_id, "packed layer")?;
        gzip.finish().and_then(|blob| blob.finish(&self.paths)).map_err(failed)
    }
}

/// What blob a layer is kept by.
pub(super) enum Keep {
    /// The one it comes from.
    From { blob: Digest, wasm: Option<String> },
    /// A new one, compressed while it is unpacked.
    Compressed,
}

fn gzip_writer<W: Write>(to: W) -> flate2::write::GzEncoder<W> {
    // No name and no time, so that the same layer is the same blob.
    flate2::GzBuilder::new().mtime(0).operating_system(255).write(to, flate2::Compression::new(GZIP_LEVEL))
}

fn data_len(index: &[u8]) -> u64 {
    Index::decode(index).map_or(0, |index| index.data_len)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn is_sound(folder: &Path) -> io::Result<bool> {
    let file = File::open(folder.join(INDEX_FILE))?;
    let mut index = Vec::new();
    file.take(MAX_INDEX_LEN).read_to_end(&mut index)?;
    let data = std::fs::metadata(folder.join(DATA_FILE))?.len();
    Ok(Index::decode(&index).is_ok_and(|index| index.data_len == data))
}

fn data_digest(folder: &Path) -> io::Result<Digest> {
    let mut data = HashWriter { inner: io::sink(), hash: Sha256::new() };
    io::copy(&mut File::open(folder.join(DATA_FILE))?, &mut data)?;
    Ok(Digest::from_bytes(data.hash.finalize().into()))
}

/// Hashes a tar, and maybe compresses it, as it is read.
struct Tee<'a> {
    inner: &'a mut dyn Read,
    hash: Sha256,
    gzip: Option<flate2::write::GzEncoder<BlobWriter>>,
    left: u64,
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        self.hash.update(bytes);
        if let Some(gzip) = &mut self.gzip {
            gzip.write_all(bytes)?;
        }
        Ok(read)
    }
}

struct HashWriter<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Write for HashWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
