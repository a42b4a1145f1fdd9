//! The `index` file of an unpacked layer.
//!
//! Little-endian: magic, version, number of records, length of the data file; the records; a SHA-256 of all before.
//! Record 0 is the root folder. A folder comes before what it holds, its whiteouts before its other entries, and
//! those in the order of their names, so that a reader can apply records as they come.

use super::name::is_name;
use super::{Attributes, MAX_ENTRIES, MAX_PATH_LEN};
use crate::Digest;

const MAGIC: &[u8; 8] = b"SPRATLYR";
/// Version of the format; another one is refused, and the layer is unpacked again.
const VERSION: u32 = 1;
const CHECKSUM_LEN: usize = 32;

/// What a layer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index<'a> {
    /// Its entries; the first is the root folder.
    pub records: Vec<Record<'a>>,
    /// Bytes of its data file.
    pub data_len: u64,
}

/// One entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Number of the folder's record; the root's is its own.
    pub parent: u32,
    /// Name within the folder; empty for the root.
    pub name: &'a [u8],
    /// Mode, owner and time; of no meaning for hard links and whiteouts.
    pub attributes: Attributes,
    /// What it is.
    pub body: Body<'a>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// A folder.
    Directory {
        /// Hides what lower layers have in it.
        opaque: bool,
        /// No entry of the tar described it: attributes of a lower layer's folder stay.
        implied: bool,
    },
    /// A regular file.
    File {
        /// Where its bytes start in the data file.
        offset: u64,
        /// How many they are.
        size: u64,
    },
    /// A symbolic link.
    Symlink {
        /// Where to.
        target: &'a [u8],
    },
    /// Another name of a file.
    HardLink {
        /// Number of the file's record, which comes before.
        record: u32,
    },
    /// Hides an entry of lower layers.
    Whiteout,
}

impl Index<'_> {
    /// The bytes of the index file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.records.len() * 64);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&(self.records.len() as u32).to_le_bytes());
        out.extend_from_slice(&self.data_len.to_le_bytes());
        for record in &self.records {
            encode_record(record, &mut out);
        }
        let checksum = Digest::of(&out);
        out.extend_from_slice(checksum.as_bytes());
        out
    }
}

fn encode_record(record: &Record<'_>, out: &mut Vec<u8>) {
    let (kind, first, second, target): (u8, u64, u64, &[u8]) = match record.body {
        Body::Directory { opaque, implied } => (0, u64::from(opaque), u64::from(implied), b""),
        Body::File { offset, size } => (1, offset, size, b""),
        Body::Symlink { target } => (2, 0, 0, target),
        Body::HardLink { record } => (3, u64::from(record), 0, b""),
        Body::Whiteout => (4, 0, 0, b""),
    };
    out.push(kind);
    out.extend_from_slice(&record.parent.to_le_bytes());
    out.extend_from_slice(&(record.name.len() as u16).to_le_bytes());
    out.extend_from_slice(&(target.len() as u16).to_le_bytes());
    out.extend_from_slice(&record.attributes.mode.to_le_bytes());
    out.extend_from_slice(&record.attributes.uid.to_le_bytes());
    out.extend_from_slice(&record.attributes.gid.to_le_bytes());
    out.extend_from_slice(&record.attributes.mtime_ns.to_le_bytes());
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&second.to_le_bytes());
    out.extend_from_slice(record.name);
    out.extend_from_slice(target);
}

impl<'a> Index<'a> {
    /// Reads an index file and checks all of it.
    ///
    /// # Errors
    /// It is damaged or of another version; the text says how.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, String> {
        let (body, checksum) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or("it is truncated")?;
        if !body.starts_with(MAGIC) {
            return Err("it is not a layer index".into());
        }
        if Digest::of(body).as_bytes() != checksum {
            return Err("its checksum does not match".into());
        }
        let mut cursor = Cursor(body.get(MAGIC.len()..).unwrap_or_default());
        let version = u32::from_le_bytes(cursor.take()?);
        if version != VERSION {
            return Err(format!("its format is version {version}, this Sprat reads {VERSION}"));
        }
        let count = u32::from_le_bytes(cursor.take()?) as usize;
        let data_len = u64::from_le_bytes(cursor.take()?);
        if count == 0 || count > 2 * MAX_ENTRIES {
            return Err(format!("it claims {count} entries"));
        }
        let mut index = Self { records: Vec::with_capacity(count.min(body.len() / 40 + 1)), data_len };
        for number in 0..count {
            let record = decode_record(&mut cursor)?;
            index.check(number, &record).map_err(|reason| format!("entry {number} {reason}"))?;
            index.records.push(record);
        }
        match cursor.0.is_empty() {
            true => Ok(index),
            false => Err("there are bytes behind its end".into()),
        }
    }

    fn check(&self, number: usize, record: &Record<'_>) -> Result<(), &'static str> {
        if number == 0 {
            let is_root = record.parent == 0 && record.name.is_empty();
            return match (&record.body, is_root) {
                (Body::Directory { .. }, true) => Ok(()),
                _ => Err("is not the root folder"),
            };
        }
        if !is_name(record.name) {
            return Err("has no proper name");
        }
        match self.records.get(record.parent as usize).map(|parent| &parent.body) {
            Some(Body::Directory { .. }) => {}
            _ => return Err("is in no folder"),
        }
        match record.body {
            Body::File { offset, size } if offset.checked_add(size).is_none_or(|end| end > self.data_len) => {
                Err("reaches beyond the data")
            }
            Body::Symlink { target } if target.is_empty() || target.len() > MAX_PATH_LEN => Err("has no proper target"),
            Body::HardLink { record } => match self.records.get(record as usize).map(|target| &target.body) {
                Some(Body::File { .. }) => Ok(()),
                _ => Err("links to no file"),
            },
            _ => Ok(()),
        }
    }
}

fn decode_record<'a>(cursor: &mut Cursor<'a>) -> Result<Record<'a>, String> {
    let [kind] = cursor.take()?;
    let parent = u32::from_le_bytes(cursor.take()?);
    let name_len = u16::from_le_bytes(cursor.take()?);
    let target_len = u16::from_le_bytes(cursor.take()?);
    let attributes = Attributes {
        mode: u32::from_le_bytes(cursor.take()?),
        uid: u32::from_le_bytes(cursor.take()?),
        gid: u32::from_le_bytes(cursor.take()?),
        mtime_ns: i64::from_le_bytes(cursor.take()?),
    };
    let first = u64::from_le_bytes(cursor.take()?);
    let second = u64::from_le_bytes(cursor.take()?);
    let name = cursor.bytes(name_len.into())?;
    let target = cursor.bytes(target_len.into())?;
    let body = match kind {
        0 => Body::Directory { opaque: first != 0, implied: second != 0 },
        1 => Body::File { offset: first, size: second },
        2 => Body::Symlink { target },
        3 => Body::HardLink { record: u32::try_from(first).map_err(|_| "a link's number is too large")? },
        4 => Body::Whiteout,
        other => return Err(format!("kind {other} is unknown")),
    };
    Ok(Record { parent, name, attributes, body })
}

/// What is still to be read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or("it is truncated")?;
        self.0 = tail;
        Ok(*head)
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let (head, tail) = self.0.split_at_checked(len).ok_or("it is truncated")?;
        self.0 = tail;
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Index<'static> {
        let record = |parent, name, body| Record { parent, name, attributes: Attributes::FILE, body };
        Index {
            records: vec![
                record(0, b"", Body::Directory { opaque: false, implied: true }),
                record(0, b"gone", Body::Whiteout),
                record(0, b"a", Body::File { offset: 0, size: 3 }),
                record(0, b"b", Body::HardLink { record: 2 }),
                record(0, b"d", Body::Directory { opaque: true, implied: false }),
                record(4, b"l", Body::Symlink { target: b"/a" }),
            ],
            data_len: 3,
        }
    }

    #[test]
    fn an_index_reads_back_as_written() {
        let bytes = sample().encode();
        assert_eq!(Index::decode(&bytes), Ok(sample()));
    }

    #[test]
    fn any_changed_or_missing_byte_is_noticed() {
        let bytes = sample().encode();
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 1;
            assert!(Index::decode(&damaged).is_err(), "byte {position}");
            assert!(Index::decode(&bytes[..position]).is_err(), "cut at {position}");
        }
    }

    #[test]
    fn a_well_sealed_lie_is_refused() {
        let lies = [
            (2, Body::File { offset: 1, size: 3 }),
            (2, Body::File { offset: u64::MAX, size: 2 }),
            (3, Body::HardLink { record: 3 }),
            (3, Body::HardLink { record: 4 }),
            (0, Body::Whiteout),
        ];
        for (number, body) in lies {
            let mut index = sample();
            index.records[number].body = body;
            assert!(Index::decode(&index.encode()).is_err(), "{number} {body:?}");
        }
        let mut index = sample();
        index.records[5].parent = 5;
        assert!(Index::decode(&index.encode()).is_err());
        index.records[5].parent = 4;
        index.records[5].name = b"..";
        assert!(Index::decode(&index.encode()).is_err());
    }

    proptest! {
        #[test]
        fn sealed_noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = MAGIC.to_vec();
            bytes.extend_from_slice(&VERSION.to_le_bytes());
            bytes.extend_from_slice(&noise);
            let checksum = Digest::of(&bytes);
            bytes.extend_from_slice(checksum.as_bytes());
            let _ = Index::decode(&bytes);
        }
    }
}
