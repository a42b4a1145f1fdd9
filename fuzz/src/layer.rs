//! Layers from a registry, compressed or not.

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};

use sprat_image::layer::{self, Body, DATA_FILE, INDEX_FILE, Index, MAX_INDEX_LEN, MAX_NAME_LEN, Record};

/// Bytes of an unpacked tar that are looked at: enough for anything a small input can say, and soon read.
const MAX_TAR: u64 = 4 << 20;

/// Unpacks `bytes` into memory. What is accepted has an index in which no entry leaves its folder, and is the same layer
/// when it is exported and unpacked again.
///
/// # Panics
/// It has not, or is not.
pub fn check(bytes: &[u8]) {
    let mut tar = Vec::new();
    let Ok(from) = layer::decompress(bytes) else { return };
    if from.take(MAX_TAR).read_to_end(&mut tar).is_err() {
        return;
    }
    let mut data = Cursor::new(Vec::new());
    let Ok(encoded) = layer::unpack(&mut tar.as_slice(), &mut data) else { return };
    assert!(encoded.len() as u64 <= MAX_INDEX_LEN);
    // The index may hold the names of the tar in another order, never much more than them.
    assert!(encoded.len() <= 256 * 1024 + tar.len() * 16, "{} bytes became {}", tar.len(), encoded.len());
    let index = Index::decode(&encoded).unwrap_or_else(|reason| lost(&reason));
    assert_eq!(index.encode(), encoded);
    stays_inside(&index);
    survives_export(&index, &encoded, data.into_inner());
}

fn lost(reason: &str) -> ! {
    panic!("an accepted layer can't be read back: {reason}")
}

fn stays_inside(index: &Index<'_>) {
    let mut names = BTreeSet::new();
    for (number, record) in index.records.iter().enumerate().skip(1) {
        let parent = index.records.get(record.parent as usize).map(|parent| parent.body);
        assert!((record.parent as usize) < number && matches!(parent, Some(Body::Directory { .. })));
        assert!((1..=MAX_NAME_LEN).contains(&record.name.len()) && record.name != b"." && record.name != b"..");
        assert!(!record.name.contains(&b'/') && !record.name.contains(&0) && !record.name.starts_with(b".wh."));
        let is_whiteout = record.body == Body::Whiteout;
        assert!(names.insert((record.parent, is_whiteout, record.name)), "two entries of one name");
        match record.body {
            Body::File { offset, size } => assert!(offset.checked_add(size).is_some_and(|end| end <= index.data_len)),
            Body::HardLink { record } => assert!((record as usize) < number),
            _ => {}
        }
    }
}

fn survives_export(index: &Index<'_>, encoded: &[u8], mut data: Vec<u8>) {
    let Ok(folder) = tempfile::tempdir() else { return };
    data.resize(usize::try_from(index.data_len).unwrap_or(0), 0);
    let written = std::fs::write(folder.path().join(INDEX_FILE), encoded)
        .and_then(|()| std::fs::write(folder.path().join(DATA_FILE), &data));
    if written.is_err() {
        return;
    }
    let mut tar = Vec::new();
    layer::export(folder.path(), &mut tar).unwrap_or_else(|error| lost(&error.to_string()));
    let mut again = Cursor::new(Vec::new());
    let encoded = layer::unpack(&mut tar.as_slice(), &mut again).unwrap_or_else(|error| lost(&error.to_string()));
    let other = Index::decode(&encoded).unwrap_or_else(|reason| lost(&reason));
    assert_eq!(contents(index, &data), contents(&other, again.get_ref()));
}

/// The records, each file with its bytes instead of where they lie, and times as an export has them: in whole seconds
/// from 1970 on.
fn contents<'a>(index: &'a Index<'a>, data: &'a [u8]) -> Vec<(Record<'a>, &'a [u8])> {
    let content = |record: &Record<'a>| {
        let mut record = record.clone();
        record.attributes.mtime_ns = record.attributes.mtime_ns.max(0) / 1_000_000_000;
        match record.body {
            Body::File { offset, size } => {
                let (start, end) = (offset as usize, (offset + size) as usize);
                let bytes = data.get(start.min(data.len())..end.min(data.len())).unwrap_or_default();
                (Record { body: Body::File { offset: 0, size }, ..record }, bytes)
            }
            _ => (record, &[][..]),
        }
    };
    index.records.iter().map(content).collect()
}
