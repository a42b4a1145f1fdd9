//! The journal: exits, appended as they happen, so that none is lost when daemon and worker both die.
//!
//! One JSON line an exit and one for each exit that the owner forgot, each added with a single write and closed by a
//! checksum. What does not check is skipped: a torn last line is an exit that nobody was told of; the next line takes its
//! place. When most of the journal is forgotten, what is remembered is moved to its front: its size follows what is
//! remembered, not what ever happened. It is not synced: it outlives processes, not a power cut.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use fs_err::File;
use serde::{Deserialize, Serialize};
use sprat_sandbox::Exit;

use crate::GuestId;

/// Size in bytes up to which a journal is left as it is.
const COMPACT_PAST: u64 = 64 << 10;

/// Largest journal that is read, in bytes.
const READ_BYTES: u64 = 256 << 20;

/// What stands before a line's checksum.
const SUM: &str = ",\"sum\":\"";

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    id: GuestId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit: Option<Exit>,
    #[serde(default, skip_serializing_if = "is_zero")]
    at_ns: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// A journal being written.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    /// Bytes of whole lines; the next one begins here.
    size: u64,
    /// Size in bytes past which what is remembered is moved to the front.
    compact_past: u64,
}

/// Exits found in a journal: how, and when in nanoseconds since 1970.
pub(crate) type Recorded = BTreeMap<GuestId, (Exit, i64)>;

impl Journal {
    /// Opens a journal, and gives the exits that an earlier worker left in it.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Recorded)> {
        let file = fs_err::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let exits = recorded(&read_bounded(&file)?);
        let mut journal = Self { size: file.metadata()?.len(), file, compact_past: COMPACT_PAST };
        if journal.size > 0 {
            // Closes a torn line.
            journal.write(b"\n")?;
        }
        Ok((journal, exits))
    }

    /// Records an exit.
    pub(crate) fn exited(&mut self, id: &str, exit: &Exit, at_ns: i64) -> io::Result<()> {
        self.write(&line(&Record { id: id.to_owned(), exit: Some(exit.clone()), at_ns })?)
    }

    /// Records that an exit may be dropped.
    pub(crate) fn forgotten(&mut self, id: &str) -> io::Result<()> {
        self.write(&line(&Record { id: id.to_owned(), exit: None, at_ns: 0 })?)?;
        if self.size > self.compact_past { self.compact() } else { Ok(()) }
    }

    /// Moves what is remembered to the front. Killed at any moment, the journal still has all of it: what is moved is
    /// added to the end before the front is written over.
    fn compact(&mut self) -> io::Result<()> {
        let mut kept = Vec::new();
        for (id, (exit, at_ns)) in recorded(&read_bounded(&self.file)?) {
            kept.extend(line(&Record { id, exit: Some(exit), at_ns })?);
        }
        let bytes = length(&kept);
        // The same work is not done again before as much has come again.
        self.compact_past = bytes.saturating_mul(2).max(COMPACT_PAST);
        if bytes > self.size / 2 {
            return Ok(());
        }
        self.write(&kept)?;
        self.file.file().write_all_at(&kept, 0)?;
        self.file.file().set_len(bytes)?;
        self.size = bytes;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.file().write_all_at(bytes, self.size)?;
        self.size += length(bytes);
        Ok(())
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn line(record: &Record) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_string(record)?;
    line.pop();
    let sum = crc32fast::hash(line.as_bytes());
    line.push_str(&format!("{SUM}{sum:08x}\"}}\n"));
    Ok(line.into_bytes())
}

/// The exits in a journal that nobody forgot; none if it can't be read.
pub(crate) fn read(path: &Path) -> Recorded {
    File::open(path).and_then(|file| read_bounded(&file)).map(|bytes| recorded(&bytes)).unwrap_or_default()
}

fn recorded(bytes: &[u8]) -> Recorded {
    let mut exits = BTreeMap::new();
    for record in bytes.split(|byte| *byte == b'\n').filter_map(parse) {
        match record.exit {
            Some(exit) => exits.insert(record.id, (exit, record.at_ns)),
            None => exits.remove(&record.id),
        };
    }
    exits
}

fn read_bounded(file: &File) -> io::Result<Vec<u8>> {
    use std::io::{Read, Seek};
    let mut bytes = Vec::new();
    let mut file = file.file();
    file.rewind()?;
    file.take(READ_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(line: &[u8]) -> Option<Record> {
    let line = std::str::from_utf8(line).ok()?;
    let at = line.rfind(SUM)?;
    let (body, tail) = line.split_at_checked(at)?;
    let sum = tail.strip_prefix(SUM)?.strip_suffix("\"}")?;
    if u32::from_str_radix(sum, 16).ok()? != crc32fast::hash(body.as_bytes()) {
        return None;
    }
    serde_json::from_str(&format!("{body}}}")).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn journal() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        (dir, path)
    }

    fn ids(path: &Path) -> Vec<GuestId> {
        read(path).into_keys().collect()
    }

    #[test]
    fn exits_come_back_until_they_are_forgotten() {
        let (_dir, path) = journal();
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal.exited("a", &Exit::Trap("quote \" and ,\"sum\":\"".into()), 5).unwrap();
        journal.exited("b", &Exit::Code(3), 6).unwrap();
        assert_eq!(read(&path)["a"], (Exit::Trap("quote \" and ,\"sum\":\"".into()), 5));
        journal.forgotten("a").unwrap();
        assert_eq!(ids(&path), ["b"]);
    }

    #[test]
    fn a_journal_torn_anywhere_gives_all_whole_lines_and_can_be_continued() {
        let (_dir, path) = journal();
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal.exited("a", &Exit::Code(1), 1).unwrap();
        let first = journal.size;
        journal.exited("b", &Exit::Code(2), 2).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in usize::try_from(first).unwrap()..whole.len() - 1 {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(ids(&path), ["a"], "cut at {cut}");
            let (mut journal, left) = Journal::open(&path).unwrap();
            assert_eq!(left.len(), 1);
            journal.exited("c", &Exit::Code(3), 3).unwrap();
            assert_eq!(ids(&path), ["a", "c"], "continued after a cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_loses_one_line_only() {
        let (_dir, path) = journal();
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal.exited("a", &Exit::Code(1), 1).unwrap();
        journal.exited("b", &Exit::Code(2), 2).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[8] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(ids(&path), ["b"]);
    }

    #[test]
    fn a_missing_or_garbage_journal_is_empty() {
        let (_dir, path) = journal();
        assert!(ids(&path).is_empty());
        std::fs::write(&path, b"\xff\x00{}\n[]\n,\"sum\":\"\"}\n").unwrap();
        assert!(ids(&path).is_empty());
    }

    #[test]
    fn its_size_follows_what_is_remembered() {
        let (_dir, path) = journal();
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal.exited("kept", &Exit::Code(7), 1).unwrap();
        // There is always one that is not forgotten yet.
        for round in 0..5000_u32 {
            journal.exited(&format!("guest-{round}"), &Exit::Code(0), 1).unwrap();
            if round > 0 {
                journal.forgotten(&format!("guest-{}", round - 1)).unwrap();
            }
            assert!(path.metadata().unwrap().len() < 2 * COMPACT_PAST);
        }
        assert_eq!(ids(&path), ["guest-4999", "kept"]);
    }

    #[test]
    fn a_journal_of_much_that_is_remembered_is_not_compacted_at_each_turn() {
        let (_dir, path) = journal();
        let (mut journal, _) = Journal::open(&path).unwrap();
        for round in 0..2000_u32 {
            journal.exited(&format!("guest-{round}"), &Exit::Code(0), 1).unwrap();
        }
        let before = journal.compact_past;
        journal.forgotten("guest-0").unwrap();
        assert!(journal.compact_past > before && journal.compact_past > journal.size);
        assert_eq!(ids(&path).len(), 1999);
    }

    #[test]
    fn a_line_that_was_written_in_part_does_not_spoil_the_next_one() {
        let (_dir, path) = journal();
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal.exited("a", &Exit::Code(1), 1).unwrap();
        // As a full disk leaves it.
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"id\":\"torn").unwrap();
        journal.exited("b", &Exit::Code(2), 2).unwrap();
        assert_eq!(ids(&path), ["a", "b"]);
    }
}
