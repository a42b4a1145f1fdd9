//! [`export`]: an unpacked layer → tar.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use tar::EntryType;

use super::writer::RawEntry;
use super::{Attributes, Body, DATA_FILE, INDEX_FILE, Index, LayerError, MAX_INDEX_LEN, OPAQUE_MARK, WHITEOUT_PREFIX};

/// Writes the layer in the folder `layer` as a deterministic tar. It holds the same files as the tar that the layer was
/// made from, but rarely the same bytes.
///
/// # Errors
/// The layer is missing or damaged, or `to` can't be written.
pub fn export(layer: &Path, to: &mut dyn Write) -> Result<(), LayerError> {
    let mut bytes = Vec::new();
    let index = File::open(layer.join(INDEX_FILE)).map_err(LayerError::Read)?;
    index.take(MAX_INDEX_LEN).read_to_end(&mut bytes).map_err(LayerError::Read)?;
    let index = Index::decode(&bytes).map_err(|reason| LayerError::Malformed { offset: 0, reason })?;
    let data = File::open(layer.join(DATA_FILE)).map_err(LayerError::Read)?;
    let mut tar = tar::Builder::new(to);
    let mut paths: Vec<Vec<u8>> = Vec::with_capacity(index.records.len());
    for record in &index.records {
        let parent = paths.get(record.parent as usize).map_or(&b""[..], Vec::as_slice);
        let path = join(parent, record.name);
        write_record(&mut tar, &data, &paths, (parent, &path), record)?;
        paths.push(path);
    }
    tar.into_inner().and_then(|to| to.flush()).map_err(LayerError::Write)
}

fn write_record(
    tar: &mut tar::Builder<&mut dyn Write>,
    data: &File,
    paths: &[Vec<u8>],
    (parent, path): (&[u8], &[u8]),
    record: &super::Record<'_>,
) -> Result<(), LayerError> {
    let mut nothing = io::empty();
    let attributes = record.attributes;
    let entry = RawEntry { path, link: b"", kind: EntryType::Regular, size: 0, attributes };
    match record.body {
        Body::Directory { opaque, implied } => {
            if !implied {
                RawEntry { kind: EntryType::Directory, ..entry }.write(tar, &mut nothing)?;
            }
            if opaque {
                let path = join(path, OPAQUE_MARK);
                RawEntry { path: &path, attributes: Attributes::FILE, ..entry }.write(tar, &mut nothing)?;
            }
            Ok(())
        }
        Body::Whiteout => {
            let path = join(parent, &[WHITEOUT_PREFIX, record.name].concat());
            RawEntry { path: &path, attributes: Attributes::FILE, ..entry }.write(tar, &mut nothing)
        }
        Body::Symlink { target } => {
            RawEntry { link: target, kind: EntryType::Symlink, ..entry }.write(tar, &mut nothing)
        }
        Body::HardLink { record } => {
            let link = paths.get(record as usize).map_or(&b""[..], Vec::as_slice);
            RawEntry { link, kind: EntryType::Link, ..entry }.write(tar, &mut nothing)
        }
        Body::File { offset, size } => RawEntry { size, ..entry }.write(tar, &mut FileRange { data, offset }),
    }
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match folder.is_empty() || name.is_empty() {
        true => [folder, name].concat(),
        false => [folder, b"/", name].concat(),
    }
}

struct FileRange<'a> {
    data: &'a File,
    offset: u64,
}

impl Read for FileRange<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.data.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
