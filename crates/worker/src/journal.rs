//! The journal: exits, appended as they happen, so that none is lost when daemon and worker both die.
//!
//! One JSON line an exit and one for each exit that the owner forgot, each appended with a single write and closed by a
//! checksum. What does not check is skipped: a torn last line is an exit that nobody was told of. It is not synced: it
//! outlives processes, not a power cut.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use fs_err::File;
use serde::{Deserialize, Serialize};
use sprat_sandbox::Exit;

use crate::GuestId;

/// Size in bytes past which a journal without a remembered exit is emptied.
const EMPTY_PAST: u64 = 64 << 10;

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
    size: u64,
    remembered: usize,
}

/// Exits found in a journal: how, and when in nanoseconds since 1970.
pub(crate) type Recorded = BTreeMap<GuestId, (Exit, i64)>;

impl Journal {
    /// Opens a journal, and gives the exits that an earlier worker left in it.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Recorded)> {
        let file = fs_err::OpenOptions::new().append(true).create(true).open(path)?;
        let exits = read(path);
        let mut journal = Self { size: file.metadata()?.len(), file, remembered: exits.len() };
        if journal.size > 0 {
            // Closes a torn line.
            journal.write(b"\n")?;
        }
        Ok((journal, exits))
    }

    /// Records an exit.
    pub(crate) fn exited(&mut self, id: &str, exit: &Exit, at_ns: i64) -> io::Result<()> {
        self.remembered += 1;
        self.append(&Record { id: id.to_owned(), exit: Some(exit.clone()), at_ns })
    }

    /// Records that an exit may be dropped.
    pub(crate) fn forgotten(&mut self, id: &str) -> io::Result<()> {
        self.remembered = self.remembered.saturating_sub(1);
        if self.remembered == 0 && self.size > EMPTY_PAST {
            self.file.file().set_len(0)?;
            self.size = 0;
            return Ok(());
        }
        self.append(&Record { id: id.to_owned(), exit: None, at_ns: 0 })
    }

    fn append(&mut self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_string(record)?;
        line.pop();
        let sum = crc32fast::hash(line.as_bytes());
        line.push_str(&format!("{SUM}{sum:08x}\"}}\n"));
        self.write(line.as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.size += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}

/// The exits in a journal that nobody forgot; none if it can't be read.
pub(crate) fn read(path: &Path) -> Recorded {
    let mut exits = BTreeMap::new();
    let Ok(bytes) = read_bounded(path) else { return exits };
    for record in bytes.split(|byte| *byte == b'\n').filter_map(parse) {
        match record.exit {
            Some(exit) => exits.insert(record.id, (exit, record.at_ns)),
            None => exits.remove(&record.id),
        };
    }
    exits
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    File::open(path)?.take(READ_BYTES).read_to_end(&mut bytes)?;
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
    fn it_is_emptied_when_all_are_forgotten() {
        let (_dir, path) = journal();
        let (mut journal, _) = Journal::open(&path).unwrap();
        for round in 0..2000_u32 {
            journal.exited(&format!("guest-{round}"), &Exit::Code(0), 1).unwrap();
            journal.forgotten(&format!("guest-{round}")).unwrap();
        }
        assert!(path.metadata().unwrap().len() < 2 * EMPTY_PAST);
        assert!(ids(&path).is_empty());
    }
}
